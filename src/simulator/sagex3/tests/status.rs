//! A shipment's status, in the deployment's own class or in fields of its own, and who writes it twice.

use super::*;

#[test]
fn the_deployments_own_class_takes_a_status() {
    let site = site(|_| {});
    let edit = "YSOT('SONNA0110001')?representation=YSOT.$edit";
    site.rest(
        "POST",
        "YSOT?representation=YSOT.$create",
        Some(&json!({ "SOHNUM": "SONNA0110001", "TRACKNO": "1Z1" })),
    );
    let body =
        json!({ "SHPSTA": "EXCEPTION", "EXCFLG": 2, "EXCTXT": "Address wrong", "ESTDAT": "2026-11-24" });
    assert_eq!(site.rest("PUT", edit, Some(&body)).status, 200);
    let read = site.rest("GET", "YSOT('SONNA0110001')?representation=YSOT.$details", None).value();
    assert_eq!(
        (&read["SHPSTA"], &read["EXCFLG"], &read["TRACKNO"]),
        (&json!("EXCEPTION"), &json!(2), &json!("1Z1"))
    );
    site.rest("PUT", edit, Some(&body));
    assert_eq!(site.x3.state().write_backs_doubled, 1);
    site.rest("PUT", edit, Some(&json!({ "SHPSTA": "DELIVERED", "EXCFLG": 1, "DLVDAT": "2026-11-25" })));
    let order = &site.x3.state().orders[0];
    assert_eq!((order.status.as_str(), order.delivered, order.status_writes), ("DELIVERED", true, 2));
    assert_eq!(order.shipment["DLVDAT"], "2026-11-25");
    assert_eq!((site.x3.summary().delivered, site.x3.orders()[0].delivered), (1, true));
    assert_eq!(site.rest("PUT", edit, Some(&json!({ "EXCFLG": "Y" }))).status, 400);
}

#[test]
fn fields_of_the_order_take_a_status_too() {
    let site = site(|_| {});
    let field = |name: &str, value: &str| format!("<FLD NAME=\"{name}\" TYPE=\"Char\">{value}</FLD>");
    let write = |number: &str, class: &str, group: &str, fields: &str| {
        let object = format!("<PARAM><GRP ID=\"{group}\">{fields}</GRP></PARAM>");
        said(&site.soap("modify", "WSPOOL", class, number, &object))
    };
    let delivered = field("YSHPSTA", "DELIVERED") + &field("YDLVDAT", "20261125") + &field("YEXCFLG", "1");
    for _ in 0..2 {
        assert!(write("SONNA0110001", "WSSOH", "SOH0_1", &delivered).contains(">1</status>"));
    }
    let state = site.x3.state();
    assert!(state.orders[0].delivered && state.orders[0].status_writes == 1);
    assert_eq!(state.write_backs_doubled, 1);
    let long = field("YDLVDAT", "2026-11-25");
    assert!(write("SONNA0110001", "WSSOH", "SOH0_1", &long).contains("Value too long"));
}
