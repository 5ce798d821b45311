//! What carriers tell of an order goes to the order and to its invoice, once.

use super::*;

impl Site {
    fn status(&self, number: &str, status: &str, parcels: &Value, strike: Option<&Strike>) -> Answer {
        let body = json!({
            "fields": [
                { "name": "UDF_SHIP_STATUS", "value": status },
                { "name": "UDF_EXCEPTION", "value": if status == "EXCEPTION" { "Y" } else { "N" } },
            ],
            "packages": parcels,
        });
        self.struck("PUT", &format!("/v1/ABC/sales-orders/{number}/status"), Some(&body), strike)
    }

    fn shown(&self, number: &str) -> Value {
        self.send("GET", &format!("/v1/ABC/sales-orders/{number}/status"), None).value()
    }
}

#[test]
fn a_status_goes_to_the_order_and_to_its_invoice() {
    let site = site(|_| {});
    let number = site.open_order();
    site.write(&number, &["1Z1", "1Z2"]);
    let parcels = json!([{ "tracking_id": "1Z1", "status": "IN TRANSIT" }]);
    assert_eq!(site.status(&number, "IN TRANSIT", &parcels, None).value()["written"], 3);
    // Invoiced only now: the invoice has what the order has.
    let invoice = site.sage.invoice(&number, false).unwrap();
    assert_eq!(site.record("SO_InvoiceHeader", &invoice)["UDF_SHIP_STATUS"], "IN TRANSIT");
    let row = format!("{invoice}~0001");
    assert_eq!(site.record("SO_InvoiceTracking", &row)["UDF_PACKAGE_STATUS"], "IN TRANSIT");
    let parcels = json!([{ "tracking_id": "1Z1", "status": "DELIVERED" }, { "tracking_id": "1Z2", "status": "EXCEPTION" }]);
    let told = site.status(&number, "EXCEPTION", &parcels, None).value();
    assert_eq!(
        (&told["written"], &told["invoice"], &told["posted"]),
        (&json!(4), &json!(invoice), &json!(false))
    );
    // Posted: order and invoice are in their histories, and are written there.
    site.sage.invoice(&number, true).unwrap();
    let parcels = json!([{ "tracking_id": "1Z2", "status": "DELIVERED" }]);
    assert_eq!(site.status(&number, "DELIVERED", &parcels, None).value()["posted"], true);
    let header = site.record("AR_InvoiceHistoryHeader", &format!("{invoice}~000000"));
    assert_eq!((&header["UDF_SHIP_STATUS"], &header["UDF_EXCEPTION"]), (&json!("DELIVERED"), &json!("N")));
    let row = site.record("AR_InvoiceHistoryTracking", &format!("{invoice}~000000~0002"));
    assert_eq!((&row["TrackingID"], &row["UDF_PACKAGE_STATUS"]), (&json!("1Z2"), &json!("DELIVERED")));
    assert_eq!(site.record(HISTORY, &number)["UDF_SHIP_STATUS"], "DELIVERED");
    assert_eq!(site.shown(&number)["packages"].as_array().unwrap().len(), 2);
    let state = site.sage.state();
    let order = state.orders.iter().find(|order| order.number == number).unwrap();
    assert_eq!((order.status.as_str(), order.delivered, order.status_writes), ("DELIVERED", true, 3));
    assert_eq!((state.summary().delivered, state.write_backs_doubled), (1, 0));
    let due = site.sage.orders().into_iter().find(|due| due.number == number).unwrap();
    assert!(due.delivered && due.status == "DELIVERED");
}

#[test]
fn the_same_status_again_is_counted_unless_its_answer_was_lost() {
    let site = site(|_| {});
    let number = site.open_order();
    let none = json!([]);
    site.status(&number, "IN TRANSIT", &none, Some(&strike(Fault::ActThenDrop)));
    let stamped = site.record(OPEN, &number)["TimeUpdated"].clone();
    site.clock.advance(Duration::from_secs(3600));
    assert_eq!(site.status(&number, "IN TRANSIT", &none, None).value()["unchanged"], true);
    assert_eq!(site.record(OPEN, &number)["TimeUpdated"], stamped, "nothing was written");
    assert_eq!(site.sage.state().write_backs_doubled, 0);
    site.status(&number, "IN TRANSIT", &none, None);
    assert_eq!(site.sage.summary().write_backs_doubled, 1);
    // A parcel that is written twice counts too; taking one away that is not there does not.
    site.package("PUT", &number, "1Z1", "2026-11-24");
    site.package("PUT", &number, "1Z1", "2026-11-24");
    site.package("DELETE", &number, "1Z9", "");
    assert_eq!(site.sage.state().write_backs_doubled, 2);
}

#[test]
fn a_status_needs_order_lock_and_licence() {
    let site = site(|_| {});
    let number = site.open_order();
    let none = json!([]);
    assert_eq!(site.status("9999999", "DELIVERED", &none, None).status, 404);
    assert_eq!(site.send("GET", "/v1/ABC/sales-orders/9999999/status", None).status, 404);
    site.sage.lock_order(&number, "jgarcia", Some(1));
    assert_eq!(site.shown(&number)["fields"], json!([]), "reading needs no lock");
    let statuses: Vec<u16> = (0..2).map(|_| site.status(&number, "IN TRANSIT", &none, None).status).collect();
    assert_eq!(statuses, [423, 200]);
    assert_eq!(site.status(&number, "HELD", &none, Some(&strike(Fault::NoLicence))).status, 503);
    assert_eq!(site.status(&number, "HELD", &none, Some(&strike(Fault::RecordLock))).status, 423);
    let body = json!({ "fields": [{ "name": "SHIPSTATUS", "value": "x" }] });
    let target = format!("/v1/ABC/sales-orders/{number}/status");
    assert_eq!(site.send("PUT", &target, Some(&body)).status, 400);
}
