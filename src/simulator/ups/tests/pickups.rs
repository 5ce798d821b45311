//! Pickups.

use super::*;

fn pickup(reference: &str, date: &str, street: &str) -> Value {
    json!({ "PickupCreationRequest": {
        "Request": { "TransactionReference": { "CustomerContext": reference } },
        "RatePickupIndicator": "Y",
        "Shipper": { "Account": { "AccountNumber": "A1B2C3", "AccountCountryCode": "US" } },
        "PickupDateInfo": { "CloseTime": "1700", "ReadyTime": "0900", "PickupDate": date },
        "PickupAddress": {
            "CompanyName": "Company", "ContactName": "John", "AddressLine": [street], "City": "Raleigh", "StateProvince": "NC",
            "PostalCode": "27615", "CountryCode": "US", "ResidentialIndicator": "N", "Phone": { "Number": "5555550100" },
        },
        "AlternateAddressIndicator": "N",
        "PickupPiece": [{ "ServiceCode": "003", "Quantity": "2", "DestinationCountryCode": "US", "ContainerCode": "01" }],
        "TotalWeight": { "Weight": "16.5", "UnitOfMeasurement": "LBS" },
        "PaymentMethod": "01",
        "ReferenceNumber": reference,
    }})
}

impl Desk {
    fn pickup(&self, body: &Value) -> Answer {
        self.send("POST", "/api/pickupcreation/v2409/pickup", Some(body))
    }

    fn pickups(&self, method: &str, by: &str, header: (&'static str, &str)) -> Answer {
        let token = self.token().value()["access_token"].as_str().unwrap().to_owned();
        let call = Call::new(method, &format!("/api/shipments/v2409/pickup/{by}"), None)
            .with("authorization", &format!("Bearer {token}"))
            .with(header.0, header.1);
        self.ups.act(&call, None)
    }

    fn pending(&self) -> Vec<Value> {
        let answer = self.pickups("GET", "oncall", ("accountnumber", "A1B2C3")).value();
        answer["PickupPendingStatusResponse"]["PendingStatus"].as_array().unwrap().clone()
    }
}

#[test]
fn a_pickup_is_booked_shown_and_cancelled() {
    let desk = ups(|_| {});
    let booked =
        desk.pickup(&pickup("R-1", "20261120", "10 Lovely Street")).value()["PickupCreationResponse"].clone();
    let prn = booked["PRN"].as_str().unwrap().to_owned();
    assert_eq!((prn.len(), booked["RateStatus"]["Code"].as_str()), (11, Some("01")));
    assert!(desk.pending().is_empty(), "not shown at once");
    desk.clock.advance(Duration::from_secs(1));
    assert_eq!(desk.pending()[0]["ReferenceNumber"], "R-1");
    assert_eq!(desk.pending()[0]["OnCallStatusCode"], "012");
    // Asked for again while it is pending it is the same; at another address it is another.
    assert_eq!(
        desk.pickup(&pickup("R-1", "20261120", "10 Lovely Street")).value()["PickupCreationResponse"]["PRN"],
        prn.as_str()
    );
    desk.pickup(&pickup("R-2", "20261120", "12 Lovely Street"));
    assert_eq!((desk.ups.state().pickups.len(), desk.ups.state().pickups[0].asked), (2, 2));
    assert_eq!(desk.pickups("DELETE", "02", ("prn", &prn)).status, 200);
    assert_eq!(code(&desk.pickups("DELETE", "02", ("prn", &prn))), "9510106");
    assert_eq!(desk.pickups("DELETE", "02", ("prn", "29999999999")).status, 400);
    assert_eq!((desk.ups.summary().pickups, desk.pending().len()), (1, 0));
    assert_eq!(desk.ups.summary().contract_violations, 0, "{:?}", desk.ups.state().contract_violations);
}

#[test]
fn a_pickup_that_is_not_shown_may_exist() {
    let desk = ups(|_| {});
    desk.pickup(&pickup("R-1", "20261120", "10 Lovely Street"));
    // The day after tomorrow is a Sunday; Monday is too far off to be shown.
    assert_eq!(code(&desk.pickup(&pickup("R-2", "20261122", "10 Lovely Street"))), "9510113");
    assert_eq!(desk.pickup(&pickup("R-3", "20261123", "10 Lovely Street")).status, 200);
    desk.clock.advance(Duration::from_secs(3600));
    assert_eq!(desk.pending().len(), 1);
    assert_eq!(desk.pending()[0]["OnCallStatusCode"], "002");
    assert_eq!(desk.ups.drivers_come("2026-11-20".parse().unwrap()), 1);
    assert!(desk.pending().is_empty(), "what is complete vanishes");
    // And then the same request is a second pickup.
    desk.pickup(&pickup("R-1", "20261120", "10 Lovely Street"));
    assert_eq!(desk.ups.summary().duplicate_pickups, ["R-1"]);
}

#[test]
fn pickups_are_refused() {
    let desk = ups(|_| {});
    let at = |path: &str, value: Value| {
        let body = pickup("R", "20261120", "10 Lovely Street");
        code(&desk.pickup(&changed(body, &format!("/PickupCreationRequest/{path}"), value)))
    };
    assert_eq!(at("Shipper/Account/AccountNumber", json!("ZZZZZZ")), "9510101");
    assert_eq!(at("PickupDateInfo/PickupDate", json!("20261119")), "9510112");
    assert_eq!(at("PickupDateInfo/CloseTime", json!("0930")), "9510114");
    assert_eq!(at("PickupPiece/0/ServiceCode", json!("518")), "9510119");
    assert_eq!(at("PickupAddress/PostalCode", json!("10017")), "9510116");
    assert_eq!(at("TrackingData", json!([{ "TrackingNumber": "1Z12345E0205271688" }])), "9510120");
    assert_eq!(at("PickupAddress/CompanyName", json!("x".repeat(28))), "10002");
    assert!(desk.ups.state().pickups.is_empty());
    assert_eq!(desk.pickups("GET", "oncall", ("x-other", "y")).status, 400, "the account is required");
}

/// A pickup's day and times are those of a clock at its address.
#[test]
fn a_pickups_day_is_local() {
    let desk = ups(|_| {});
    let ask = |date: &str, close: &str| {
        let body = changed(
            pickup("R", date, "10 Lovely Street"),
            "/PickupCreationRequest/PickupDateInfo/CloseTime",
            json!(close),
        );
        desk.pickup(&body)
    };
    // 23:40 on Thursday in Raleigh, and Friday in UTC.
    let desk_at = |desk: &Desk, at: &str| desk.clock.set(at.parse().unwrap());
    desk_at(&desk, "2026-11-20T04:40:00Z");
    assert_eq!(code(&ask("20261118", "1700")), "9510112");
    assert_eq!(code(&ask("20261119", "1700")), "9510114", "nobody is there any more");
    // Ready at nine, but that was long ago: at 16:01 less than an hour is left.
    desk_at(&desk, "2026-11-20T21:01:00Z");
    assert_eq!(code(&ask("20261120", "1700")), "9510114");
    assert_eq!(ask("20261120", "1730").status, 200);
    assert_eq!(ask("20261123", "1700").status, 200);
}

#[test]
fn an_address_of_two_lines_is_no_pickups() {
    let desk = ups(|_| {});
    let mut body = pickup("R-1", "20261120", "10 Lovely Street");
    body["PickupCreationRequest"]["PickupAddress"]["AddressLine"] = json!(["10 Lovely Street", "Dock 4"]);
    assert_eq!(code(&desk.pickup(&body)), "10002");
}
