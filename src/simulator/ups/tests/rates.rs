//! Prices, sizes and times.

use super::*;

fn rating(service: &str, state: &str, postal_code: &str) -> Value {
    json!({ "RateRequest": { "Request": { "RequestOption": "Rate" }, "Shipment": {
        "Shipper": { "Name": "C", "ShipperNumber": "A1B2C3", "Address": address("10 Lovely Street", "Raleigh", "NC", "27615", "US") },
        "ShipTo": { "Name": "J", "Address": address("7007 Sea World Dr", "Orlando", state, postal_code, "US") },
        "Service": { "Code": service },
        "ShipmentRatingOptions": { "NegotiatedRatesIndicator": "X" },
        "Package": [{ "PackagingType": { "Code": "02" }, "PackageWeight": { "UnitOfMeasurement": { "Code": "LBS", "Description": "Pounds" }, "Weight": "8.0" } }],
    }}})
}

#[test]
fn rates_are_text_and_refusals_have_their_codes() {
    let desk = ups(|_| {});
    let ask = |body: &Value| desk.send("POST", "/api/rating/v2409/Rate", Some(body));
    let rated = ask(&rating("03", "FL", "32821")).value();
    let first = &rated["RateResponse"]["RatedShipment"][0];
    assert!(first["TotalCharges"]["MonetaryValue"].is_string());
    let price = |pointer: &str| first.pointer(pointer).unwrap().as_str().unwrap().parse::<f64>().unwrap();
    assert!(price("/NegotiatedRateCharges/TotalCharge/MonetaryValue") < price("/TotalCharges/MonetaryValue"));
    assert_eq!(rated["RateResponse"]["Response"]["TransactionReference"], "");
    assert_eq!(code(&ask(&rating("03", "VA", "78756"))), "111285");
    assert_eq!(code(&ask(&rating("01", "AK", "99723"))), "111210");
    let stranger =
        changed(rating("03", "FL", "32821"), "/RateRequest/Shipment/Shipper/ShipperNumber", json!("ZZZZZZ"));
    assert_eq!(code(&ask(&stranger)), "112111");
    let shop = desk.send("POST", "/api/rating/v2409/Shop", Some(&rating("03", "FL", "32821"))).value();
    assert!(shop["RateResponse"]["RatedShipment"].as_array().unwrap().len() > 3);
}

#[test]
fn a_single_rate_collapses_when_told() {
    let desk = ups(|options| (options.lists, options.negotiated) = (Lists::Collapsed, false));
    let rated = desk.send("POST", "/api/rating/v2409/Rate", Some(&rating("03", "FL", "32821"))).value();
    assert!(rated["RateResponse"]["RatedShipment"].is_object());
    assert!(rated["RateResponse"]["RatedShipment"].get("NegotiatedRateCharges").is_none());
}

fn sized(mut body: Value, pointer: &str, sides: [&str; 3]) -> Value {
    let [length, width, height] = sides;
    body.pointer_mut(pointer).unwrap()["Dimensions"] = json!({
        "UnitOfMeasurement": { "Code": "IN", "Description": "Inches" }, "Length": length, "Width": width, "Height": height,
    });
    body
}

#[test]
fn a_large_light_parcel_is_billed_for_its_size() {
    let desk = ups(|_| {});
    let ask = |body: &Value| desk.send("POST", "/api/rating/v2409/Rate", Some(body));
    let price = |answer: &Answer| -> f64 {
        let rated = &answer.value()["RateResponse"]["RatedShipment"][0];
        rated["TotalCharges"]["MonetaryValue"].as_str().unwrap().parse().unwrap()
    };
    let package = "/RateRequest/Shipment/Package/0";
    let (small, large) = (
        ask(&sized(rating("03", "FL", "32821"), package, ["10", "8", "6"])),
        ask(&sized(rating("03", "FL", "32821"), package, ["24", "18", "12"])),
    );
    assert_eq!(small.value()["RateResponse"]["RatedShipment"][0]["BillingWeight"]["Weight"], "8.0");
    assert_eq!(large.value()["RateResponse"]["RatedShipment"][0]["BillingWeight"]["Weight"], "38.0");
    assert!((price(&small) - price(&ask(&rating("03", "FL", "32821")))).abs() < 0.001);
    assert!(price(&large) > price(&small));
    assert_eq!(code(&ask(&sized(rating("03", "FL", "32821"), package, ["120", "18", "12"]))), "111036");

    let body = sized(shipment("R"), "/ShipmentRequest/Shipment/Package/0", ["24", "18", "12"]);
    let booked = desk.ship(&body).value()["ShipmentResponse"]["ShipmentResults"].clone();
    assert_eq!(booked["BillingWeight"]["Weight"], "38.0");
    assert_eq!(desk.ups.state().shipments[0].packages[0].dimensions, ["24", "18", "12"]);
    let huge = sized(shipment("R"), "/ShipmentRequest/Shipment/Package/0", ["100", "40", "40"]);
    assert_eq!(code(&desk.ship(&huge)), "120126");
    // Shipping takes three characters a side, Rating nine.
    let fine = sized(shipment("R"), "/ShipmentRequest/Shipment/Package/0", ["24.55", "18", "12"]);
    assert_eq!(code(&desk.ship(&fine)), "10002");
}

#[test]
fn shops_with_and_without_times() {
    let desk = ups(|_| {});
    let mut body = rating("03", "CA", "90012");
    body["RateRequest"]["Shipment"].as_object_mut().unwrap().remove("Service");
    let shop =
        |option: &str, body: &Value| desk.send("POST", &format!("/api/rating/v2409/{option}"), Some(body));
    let plain = shop("Shop", &body).value();
    assert!(plain["RateResponse"]["RatedShipment"][0].get("TimeInTransit").is_none());
    body["RateRequest"]["Shipment"]["DeliveryTimeInformation"] =
        json!({ "PackageBillType": "03", "Pickup": { "Date": "20261120" } });
    for option in ["Shoptimeintransit", "Shop?additionalinfo=timeintransit"] {
        let timed = shop(option, &body).value();
        let rated = timed["RateResponse"]["RatedShipment"].as_array().unwrap().clone();
        let arrival = |service: &str| {
            let rated = rated.iter().find(|rated| rated["Service"]["Code"] == service).unwrap();
            rated["TimeInTransit"]["ServiceSummary"]["EstimatedArrival"]["Arrival"]["Date"].clone()
        };
        // A Friday: the next business day is Monday; Ground to the other coast takes five.
        assert_eq!((arrival("01"), arrival("03")), (json!("20261123"), json!("20261127")), "{option}");
    }
    let abroad = changed(
        body,
        "/RateRequest/Shipment/ShipTo/Address",
        address("1 King St", "Toronto", "ON", "M5H2N2", "CA"),
    );
    assert_eq!(code(&shop("Shoptimeintransit", &abroad)), "111549");
    assert_eq!(desk.ups.summary().contract_violations, 0, "{:?}", desk.ups.state().contract_violations);
}

#[test]
fn a_third_partys_origin_decides_price_lane_and_references() {
    let desk = ups(|_| {});
    let ask = |body: &Value| {
        let answer = desk.send("POST", "/api/rating/v2409/Rate", Some(body)).value();
        answer["RateResponse"]["RatedShipment"][0]["TotalCharges"]["MonetaryValue"]
            .as_str()
            .map(str::to_owned)
    };
    let mut near = rating("03", "FL", "32821");
    near["RateRequest"]["Shipment"]["ShipFrom"] =
        json!({ "Name": "Vendor", "Address": address("1 Palm Way", "Miami", "FL", "33131", "US") });
    assert!(ask(&near) < ask(&rating("03", "FL", "32821")));
    let mut body = shipment("R-1");
    body["ShipmentRequest"]["Shipment"]["ShipFrom"] =
        json!({ "Name": "Vendor", "Address": address("1 King St", "Toronto", "ON", "M5H2N2", "CA") });
    assert_eq!(code(&desk.ship(&body)), "120542", "from Canada references belong to the shipment");
    body["ShipmentRequest"]["Shipment"]["ShipFrom"]["Address"] =
        address("1 Palm Way", "Miami", "FL", "10017", "US");
    assert_eq!(code(&desk.ship(&body)), "120308");
    body["ShipmentRequest"]["Shipment"]["ShipFrom"]["Address"] =
        address("1 Palm Way", "Miami", "FL", "33131", "US");
    assert_eq!(desk.ship(&body).status, 200);
    assert_eq!(desk.ups.state().shipments[0].ship_from.city, "Miami");
}

fn transit(city: &str, state: &str, postal_code: &str) -> Value {
    json!({
        "originCountryCode": "US", "originStateProvince": "NC", "originCityName": "Raleigh", "originPostalCode": "27615",
        "destinationCountryCode": "US", "destinationStateProvince": state, "destinationCityName": city,
        "destinationPostalCode": postal_code, "residentialIndicator": "01", "shipDate": "2026-11-20", "weight": 0.6,
        "weightUnitOfMeasure": "LBS", "billType": "02", "numberOfPackages": 2,
    })
}

#[test]
fn transit_times_are_json_and_a_wrong_city_is_partial() {
    let desk = ups(|_| {});
    let ask = |body: &Value| desk.send("POST", "/api/shipments/v1/transittimes", Some(body));
    let answer = ask(&transit("Orlando", "FL", "32821")).value()["emsResponse"].clone();
    assert_eq!((&answer["numberOfServices"], &answer["weight"]), (&json!(7), &json!("0.6")));
    let ground = answer["services"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["serviceLevel"] == "GND")
        .unwrap()
        .clone();
    assert_eq!((&ground["businessTransitDays"], &ground["deliveryDate"]), (&json!(1), &json!("2026-11-23")));
    let partial = ask(&transit("Los Angeles", "CA", "90210"));
    assert_eq!((partial.status, partial.header("errorcode")), (206, Some("1070")));
    assert_eq!(partial.value()["validationList"]["destinationAmbiguous"], true);
    assert!(!partial.value()["destinationPickList"].as_array().unwrap().is_empty());
    assert!(partial.value().get("emsResponse").is_none());
    assert_eq!(
        ask(&changed(transit("Orlando", "FL", "32821"), "/shipDate", json!("2027-02-20"))).status,
        400
    );
    let mut abroad = transit("Toronto", "ON", "M5H2N2");
    abroad["destinationCountryCode"] = json!("CA");
    abroad["billType"] = json!("03");
    assert_eq!(ask(&abroad).status, 400, "goods across a border have a value");
    (abroad["shipmentContentsValue"], abroad["shipmentContentsCurrencyCode"]) = (json!(10), json!("USD"));
    assert_eq!(ask(&abroad).value()["emsResponse"]["services"][0]["serviceLevel"], "01");
    assert_eq!(desk.ups.summary().contract_violations, 0, "{:?}", desk.ups.state().contract_violations);
}
