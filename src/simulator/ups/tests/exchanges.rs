//! What breaks the contract, and what was recorded.

use super::*;

#[test]
fn breaking_the_contract_is_recorded_and_refused() {
    let desk = ups(|_| {});
    let long = changed(shipment("R"), "/ShipmentRequest/Shipment/ShipTo/Name", json!("x".repeat(36)));
    let answer = desk.ship(&long);
    assert_eq!((answer.status, code(&answer).as_str()), (400, "10002"));
    let line = changed(
        shipment("R"),
        "/ShipmentRequest/Shipment/ShipTo/Address/AddressLine/0",
        json!("x".repeat(36)),
    );
    assert_eq!(desk.ship(&line).status, 400);
    let number = changed(shipment("R"), "/ShipmentRequest/Shipment/Package/0/PackageWeight/Weight", json!(8));
    assert_eq!(desk.ship(&number).status, 400);
    assert_eq!(desk.ship(&json!({})).status, 400);
    let paths: Vec<String> =
        desk.ups.state().contract_violations.into_iter().map(|violation| violation.path).collect();
    assert!(paths.contains(&"body/ShipmentRequest/Shipment/ShipTo/Name".to_owned()), "{paths:?}");
    assert!(
        paths.contains(&"body/ShipmentRequest/Shipment/ShipTo/Address/AddressLine/0".to_owned()),
        "{paths:?}"
    );
    assert!(
        paths.contains(&"body/ShipmentRequest/Shipment/Package/0/PackageWeight/Weight".to_owned()),
        "{paths:?}"
    );
    assert!(desk.ups.state().shipments.is_empty());
    let headerless = Call::new("GET", "/api/track/v1/details/1Z12345E0205271688", None)
        .with("authorization", &format!("Bearer {}", desk.token().value()["access_token"].as_str().unwrap()));
    assert_eq!(desk.ups.act(&headerless, None).status, 400);
}

/// The requests of recorded exchanges, against our versions of the paths, end as UPS let them end.
#[test]
fn recorded_requests_end_as_recorded() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/ups");
    // Two of the recordings send what the contract forbids and UPS took, so contracts are only recorded here.
    let desk = ups(|options| (options.account, options.strict) = ("Y9319W".into(), false));
    let mut seen = 0;
    for name in [
        "labels-success",
        "labels-city_name",
        "labels-failure",
        "address_classification-commercial_address",
        "city_state_lookup-unknown_zip",
        "timings-success",
        "timings-city_zip_mismatch",
    ] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let text = text.replace("%UPS_SHIPPER_NUMBER%", "Y9319W");
        let recorded: Value = serde_json::from_str(&text).unwrap();
        let request = &recorded[0]["request"];
        let target = request["uri"].as_str().unwrap().trim_start_matches("https://wwwcie.ups.com");
        // Times are asked for days near today.
        let mut sent = request["body"].clone();
        if sent.get("shipDate").is_some() {
            sent["shipDate"] = json!("2026-11-20");
        }
        let target = target.replace("v2205", "v2409").replace("validation/v1", "validation/v2");
        let answer = desk.send(&request["method"].as_str().unwrap().to_uppercase(), &target, Some(&sent));
        let expected = &recorded[0]["response"];
        assert_eq!(json!(answer.status), expected["status"]["code"], "{name}: {:?}", answer.value());
        let body = answer.value();
        let root = expected["body"].as_object().unwrap().keys().next().unwrap();
        assert!(body.get(root).is_some(), "{name}: {body}");
        assert_eq!(
            body.pointer("/response/errors/0"),
            expected["body"].pointer("/response/errors/0"),
            "{name}"
        );
        seen += 1;
    }
    assert_eq!(seen, 7);
    assert!(desk.ups.summary().contract_violations > 0);
}
