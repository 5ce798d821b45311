//! Bookings, look-ups, voids, the ledger.

use super::*;

#[test]
fn two_creates_are_two_shipments() {
    let desk = ups(|_| {});
    let body = changed(
        shipment("R-1"),
        "/ShipmentRequest/Shipment/Package",
        json!([package("R-1"), package("R-1")]),
    );
    let results = desk.ship(&body).value()["ShipmentResponse"]["ShipmentResults"].clone();
    let packages = results["PackageResults"].as_array().unwrap();
    assert_eq!(packages.len(), 2);
    assert_eq!(results["ShipmentIdentificationNumber"], packages[0]["TrackingNumber"]);
    assert!(
        packages
            .iter()
            .all(|package| number::is_tracking_number(package["TrackingNumber"].as_str().unwrap()))
    );
    assert_eq!(desk.ups.state().shipments[0].references, ["R-1"]);
    assert_eq!(desk.ship(&body).status, 200);
    assert_eq!(desk.ups.summary().duplicate_references, ["R-1"]);
    assert_eq!(desk.ups.summary().contract_violations, 0, "{:?}", desk.ups.state().contract_violations);
}

#[test]
fn bookings_are_refused_as_ups_does() {
    let desk = ups(|_| {});
    let at = |path: &str, value: Value| {
        code(&desk.ship(&changed(shipment("R"), &format!("/ShipmentRequest/{path}"), value)))
    };
    assert_eq!(at("Shipment/Service", json!({ "Code": "11" })), "121100");
    assert_eq!(at("Shipment/ShipTo/Address/StateProvinceCode", json!("VA")), "120802");
    assert_eq!(at("Shipment/ReferenceNumber", json!([{ "Value": "R" }])), "120541");
    assert_eq!(at("Shipment/Shipper/ShipperNumber", json!("ZZZZZZ")), "120100");
    assert_eq!(at("Shipment/Package/0/PackageWeight/Weight", json!("150.1")), "120111");
    assert_eq!(at("Shipment/ShipTo/Address/City", json!("Orlanod")), "");
    let misspelt = changed(shipment("R"), "/ShipmentRequest/Shipment/ShipTo/Address/City", json!("Orlanod"));
    let checked = changed(misspelt, "/ShipmentRequest/Request/RequestOption", json!("validate"));
    assert_eq!(code(&desk.ship(&checked)), "120802");
}

#[test]
fn abroad_asks_for_more() {
    let desk = ups(|_| {});
    let mut body = changed(
        shipment("R"),
        "/ShipmentRequest/Shipment/ShipTo/Address",
        address("1 King St", "Toronto", "ON", "M5H2N2", "CA"),
    );
    body["ShipmentRequest"]["Shipment"]["Service"]["Code"] = json!("11");
    assert_eq!(code(&desk.ship(&body)), "120542");
    body["ShipmentRequest"]["Shipment"]["Package"][0].as_object_mut().unwrap().remove("ReferenceNumber");
    body["ShipmentRequest"]["Shipment"]["ReferenceNumber"] = json!([{ "Value": "R" }]);
    body["ShipmentRequest"]["Shipment"]["Shipper"]["AttentionName"] = json!("John");
    body["ShipmentRequest"]["Shipment"]["Shipper"]["Phone"] = json!({ "Number": "5555550100" });
    assert_eq!(code(&desk.ship(&body)), "120217");
    body["ShipmentRequest"]["Shipment"]["ShipTo"]["AttentionName"] = json!("Jane");
    assert_eq!(code(&desk.ship(&body)), "120213");
    body["ShipmentRequest"]["Shipment"]["ShipTo"]["Phone"] = json!({ "Number": "5555550199" });
    assert_eq!(code(&desk.ship(&body)), "120518");
    body["ShipmentRequest"]["Shipment"]["InvoiceLineTotal"] =
        json!({ "CurrencyCode": "USD", "MonetaryValue": "100" });
    assert_eq!(desk.ship(&body).status, 200);
    body["ShipmentRequest"]["Shipment"]["ShipTo"]["Address"]["PostalCode"] = json!("M5H 2N2");
    assert_eq!(code(&desk.ship(&body)), "120208");
}

#[test]
fn a_control_character_gives_an_empty_200() {
    let desk = ups(|_| {});
    let body = changed(
        shipment("R"),
        "/ShipmentRequest/Shipment/ShipTo/Address/AddressLine/0",
        json!("7007\u{8} Sea World Dr"),
    );
    let answer = desk.ship(&body);
    assert_eq!((answer.status, answer.body.len(), answer.header("errorcode")), (200, 0, Some("1")));
    assert!(answer.header("errordescription").is_some());
    assert!(desk.ups.state().shipments.is_empty());
}

#[test]
fn a_new_shipment_is_found_after_the_lag() {
    let desk = ups(|_| {});
    desk.ship(&shipment("R-1"));
    assert_eq!(code(&desk.recover("R-1")), "300007");
    desk.clock.advance(Duration::from_millis(300));
    let found = desk.recover("R-1").value()["LabelRecoveryResponse"].clone();
    assert_eq!(found["ShipmentIdentificationNumber"], desk.ups.state().shipments[0].id);
    assert_eq!(found["LabelResults"][0]["Receipt"], "");
    let tracked = desk.send("GET", "/api/track/v1/reference/details/R-1?shipperNum=A1B2C3", None).value();
    assert_eq!(
        tracked["trackResponse"]["shipment"][0]["package"][0]["trackingNumber"],
        found["ShipmentIdentificationNumber"]
    );
    let unknown = desk.send("GET", "/api/track/v1/reference/details/R-2", None);
    assert_eq!(
        (unknown.status, &unknown.value()["trackResponse"]["shipment"][0]["warnings"][0]["code"]),
        (200, &json!("TW0001"))
    );
    desk.ship(&shipment("R-1"));
    desk.clock.advance(Duration::from_secs(1));
    let several = desk.recover("R-1").value()["LabelRecoveryResponse"].clone();
    assert_eq!(several["TrackingCandidate"].as_array().unwrap().len(), 2);
    assert!(several.get("LabelResults").is_none());
    desk.clock.advance(Duration::from_secs(31 * 86_400));
    assert_eq!(code(&desk.recover("R-1")), "300006");
}

#[test]
fn voiding_works_once() {
    let desk = ups(|_| {});
    desk.ship(&shipment("R-1"));
    desk.clock.advance(Duration::from_secs(1));
    let id = desk.ups.state().shipments[0].id.clone();
    let void = || desk.send("DELETE", &format!("/api/shipments/v2409/void/cancel/{id}"), None);
    assert_eq!(void().value()["VoidShipmentResponse"]["SummaryResult"]["Status"]["Description"], "Voided");
    assert_eq!(code(&void()), "190117");
    assert_eq!(code(&desk.recover("R-1")), "300033");
    assert_eq!(
        code(&desk.send("DELETE", "/api/shipments/v2409/void/cancel/1Z12345E0205271688", None)),
        "190102"
    );
    assert_eq!((desk.ups.summary().live, desk.ups.summary().voided), (0, 1));
}

#[test]
fn a_ledger_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ups.jsonl");
    let desk = ups(|options| options.ledger = Some(path.clone()));
    desk.ship(&shipment("R-1"));
    desk.ship(&shipment("R-2"));
    let id = desk.ups.state().shipments[0].id.clone();
    desk.send("DELETE", &format!("/api/shipments/v2409/void/cancel/{id}"), None);
    let again = ups(|options| options.ledger = Some(path.clone()));
    assert_eq!(again.ups.state().shipments, desk.ups.state().shipments);
    again.ship(&shipment("R-3"));
    let numbers: std::collections::BTreeSet<String> =
        again.ups.state().shipments.into_iter().map(|shipment| shipment.id).collect();
    assert_eq!(numbers.len(), 3);
}
