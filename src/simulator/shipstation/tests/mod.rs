//! The simulated ShipStation, quirk by quirk.

mod inventory;
mod limits;
mod lists;
mod orders;
mod pushes;
mod shipments;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::state::Api;
use super::{Options, Product, ShipStation, vendor};
use crate::base::ManualClock;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::system::System;

struct Site {
    station: ShipStation,
    clock: ManualClock,
}

fn site(change: impl FnOnce(&mut Options)) -> Site {
    let clock = ManualClock::at("2026-11-20T18:15:30.627Z".parse().unwrap());
    let mut options = Options {
        clock: Arc::new(clock.clone()),
        visibility_lag: std::time::Duration::ZERO,
        v1_calls: 1000,
        products: vec![Product { sku: "ABC-1".into(), name: "Widget".into(), cents: 999, ounces: 12.5 }],
        ..Options::default()
    };
    change(&mut options);
    Site { station: ShipStation::new(options), clock }
}

impl Site {
    fn send(&self, method: &str, target: &str, body: Option<&Value>) -> Answer {
        self.struck(method, target, body, None)
    }

    /// Every good answer is held against the contract.
    fn struck(&self, method: &str, target: &str, body: Option<&Value>, fault: Option<Fault>) -> Answer {
        let strike = fault.map(|fault| Strike { fault, delay: None, retry_after: None, attempts: 1 });
        let basic = format!("Basic {}", STANDARD.encode("sim-key:sim-secret"));
        let api = if target.starts_with("/v2/") { Api::V2 } else { Api::V1 };
        let call = Call::new(method, target, body).with("content-type", "application/json");
        let call = match api {
            Api::V1 => call.with("authorization", &basic),
            Api::V2 => call.with("api-key", "sim-v2-key"),
        };
        let answer = self.station.act(&call, strike.as_ref());
        if answer.status == 200 || (api == Api::V2 && answer.status != 401 && answer.status != 429) {
            let contract = vendor::contract(api).as_ref().unwrap();
            let wrong = contract.check_answer(method, &call.path, answer.status, &answer.value());
            // Not every refusal is in the vendor's file.
            let wrong: Vec<_> = wrong
                .into_iter()
                .filter(|wrong| answer.status == 200 || wrong.path.starts_with("answer"))
                .collect();
            assert!(wrong.is_empty(), "{method} {target}: {wrong:#?}\n{}", answer.value());
        }
        answer
    }

    fn get(&self, target: &str) -> Value {
        let answer = self.send("GET", target, None);
        assert_eq!(answer.status, 200, "{target}: {}", answer.value());
        answer.value()
    }

    fn create(&self, order: &Value) -> Value {
        let answer = self.send("POST", "/orders/createorder", Some(order));
        assert_eq!(answer.status, 200, "{}", answer.value());
        answer.value()
    }

    /// No contract violation went unseen.
    fn is_clean(&self) {
        assert_eq!(
            self.station.summary().contract_violations,
            0,
            "{:#?}",
            self.station.state().contract_violations
        );
    }
}

/// The vendor's minimal order.
fn order(number: &str) -> Value {
    json!({
        "orderNumber": number,
        "orderKey": format!("erp:{number}"),
        "orderDate": "2026-01-15T08:46:27.0000000",
        "orderStatus": "awaiting_shipment",
        "billTo": { "name": "Jane Doe" },
        "shipTo": {
            "name": "Jane Doe", "street1": "4009 Marathon Blvd", "city": "Austin", "state": "TX", "postalCode": "78756",
            "country": "US",
        },
        "items": [{ "lineItemKey": "10", "sku": "ABC-1", "name": "Widget", "quantity": 2, "unitPrice": 9.99, "warehouseLocation": "W1" }],
        "advancedOptions": { "storeId": 123_456 },
    })
}

/// The vendor's minimal shipment.
fn shipment(id: &str) -> Value {
    let address = |name: &str, street: &str, city: &str, state: &str, postal_code: &str| {
        json!({
            "name": name, "phone": "512-555-0100", "address_line1": street, "city_locality": city, "state_province": state,
            "postal_code": postal_code, "country_code": "US", "address_residential_indicator": "unknown",
        })
    };
    json!({
        "validate_address": "no_validation",
        "external_shipment_id": id,
        "create_sales_order": true,
        "store_id": "123456",
        "shipment_status": "pending",
        "ship_to": address("Jane Doe", "4009 Marathon Blvd", "Austin", "TX", "78756"),
        "ship_from": address("Main Warehouse", "525 S Winchester Blvd", "San Jose", "CA", "95128"),
        "items": [{ "sku": "ABC-1", "name": "Widget", "quantity": 2, "unit_price": 9.99, "external_order_item_id": "10" }],
        "packages": [{ "weight": { "value": 16, "unit": "ounce" } }],
    })
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

fn without(mut body: Value, field: &str) -> Value {
    body.as_object_mut().unwrap().remove(field);
    body
}

fn code(answer: &Answer) -> String {
    answer.value()["errors"][0]["error_code"].as_str().unwrap_or_default().to_owned()
}
