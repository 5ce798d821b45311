//! The simulated UPS, quirk by quirk.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

mod access;
mod alerts;
mod exchanges;
mod lives;
mod pickups;
mod quantum;
mod rates;
mod shipments;

use super::{Lists, Options, Ups, number};
use crate::base::{Clock, ManualClock};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::System;

struct Desk {
    ups: Ups,
    clock: ManualClock,
}

fn ups(change: impl FnOnce(&mut Options)) -> Desk {
    let clock = ManualClock::at("2026-11-20T15:00:00Z".parse().unwrap());
    let mut options = Options { clock: Arc::new(clock.clone()), ..Options::default() };
    change(&mut options);
    Desk { ups: Ups::new(options).unwrap(), clock }
}

impl Desk {
    fn token(&self) -> Answer {
        token(&self.ups)
    }

    fn send(&self, method: &str, target: &str, body: Option<&Value>) -> Answer {
        let token = self.token().value()["access_token"].as_str().unwrap().to_owned();
        let call = Call::new(method, target, body)
            .with("authorization", &format!("Bearer {token}"))
            .with("transid", "0123456789abcdef0123456789abcdef")
            .with("transactionsrc", "test");
        self.ups.act(&call, None)
    }

    fn ship(&self, body: &Value) -> Answer {
        self.send("POST", "/api/shipments/v2409/ship", Some(body))
    }

    fn recover(&self, reference: &str) -> Answer {
        let body = json!({ "LabelRecoveryRequest": {
            "Request": { "RequestOption": "1" },
            "LabelSpecification": { "LabelImageFormat": { "Code": "GIF" } },
            "ReferenceValues": { "ReferenceNumber": { "Value": reference }, "ShipperNumber": "A1B2C3" },
        }});
        self.send("POST", "/api/labels/v1/recovery", Some(&body))
    }
}

fn token(ups: &Ups) -> Answer {
    let basic = STANDARD.encode("sim-client:sim-secret");
    let mut call = Call::new("POST", "/security/v1/oauth/token", None)
        .with("authorization", &format!("Basic {basic}"))
        .with("content-type", "application/x-www-form-urlencoded");
    call.body = "grant_type=client_credentials".into();
    ups.act(&call, None)
}

fn address(line: &str, city: &str, state: &str, postal_code: &str, country: &str) -> Value {
    json!({ "AddressLine": [line], "City": city, "StateProvinceCode": state, "PostalCode": postal_code, "CountryCode": country })
}

fn shipment(reference: &str) -> Value {
    json!({ "ShipmentRequest": {
        "Request": { "RequestOption": "nonvalidate" },
        "Shipment": {
            "Description": "Order",
            "Shipper": { "Name": "Company", "ShipperNumber": "A1B2C3", "Address": address("10 Lovely Street", "Raleigh", "NC", "27615", "US") },
            "ShipTo": { "Name": "Jane Doe", "Address": address("7007 Sea World Dr", "Orlando", "FL", "32821", "US") },
            "PaymentInformation": { "ShipmentCharge": [{ "Type": "01", "BillShipper": { "AccountNumber": "A1B2C3" } }] },
            "ShipmentRatingOptions": { "NegotiatedRatesIndicator": "X" },
            "Service": { "Code": "03" },
            "Package": [package(reference)],
        },
        "LabelSpecification": { "LabelImageFormat": { "Code": "GIF" }, "LabelStockSize": { "Height": "6", "Width": "4" } },
    }})
}

fn package(reference: &str) -> Value {
    json!({
        "Packaging": { "Code": "02" },
        "PackageWeight": { "UnitOfMeasurement": { "Code": "LBS", "Description": "Pounds" }, "Weight": "8.0" },
        "ReferenceNumber": [{ "Value": reference }],
    })
}

fn changed(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        parent => parent[key] = value,
    }
    body
}

fn code(answer: &Answer) -> String {
    answer.value()["response"]["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
}
