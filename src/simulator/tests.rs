//! Both systems together: a careful client's run over generated orders ends as the generator expects.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::exchange::{Answer, Call};
use super::expectation::{self, SHIP_VIA};
use super::sage100::{self, Orders, Sage100};
use super::system::System;
use super::ups::{self, Ups};
use super::verdict::verdict;
use crate::base::ManualClock;

struct Client {
    sage: Sage100,
    ups: Ups,
    bearer: String,
}

impl Client {
    fn new(orders: Orders) -> Self {
        let clock = Arc::new(ManualClock::at("2026-11-20T18:15:30Z".parse().unwrap()));
        let sage = sage100::Options { clock: clock.clone(), orders, ..sage100::Options::default() };
        let ups = Ups::new(ups::Options { clock, ..ups::Options::default() }).unwrap();
        let mut call = Call::new("POST", "/security/v1/oauth/token", None)
            .with("authorization", &format!("Basic {}", STANDARD.encode("sim-client:sim-secret")));
        call.body = "grant_type=client_credentials".into();
        let token = ups.act(&call, None).value()["access_token"].as_str().unwrap().to_owned();
        Self { sage: Sage100::new(sage).unwrap(), ups, bearer: format!("Bearer {token}") }
    }

    fn ask_ups(&self, target: &str, body: &Value) -> Answer {
        self.ups.act(&Call::new("POST", target, Some(body)).with("authorization", &self.bearer), None)
    }

    fn ask_sage(&self, method: &str, target: &str, body: Option<&Value>) -> Value {
        let answer = self.sage.act(&Call::new(method, target, body).with("x-api-key", "sim-key"), None);
        assert_eq!(answer.status, 200, "{}", answer.value());
        answer.value()
    }

    /// Validates, rates, books and writes back; stops where UPS says no.
    fn run(&self, order: &Value) {
        let text = |name: &str| order[name].as_str().unwrap_or_default();
        let service = SHIP_VIA.iter().find(|(code, _)| *code == text("ShipVia")).map(|(_, service)| *service);
        let ready = ["S", "B"].contains(&text("OrderType")) && ["N", "O"].contains(&text("OrderStatus"));
        let weight = expectation::weight(order["Lines"].as_array().unwrap());
        let Some(service) = service.filter(|_| ready && weight > 0.0) else { return };
        let country = if text("ShipToCountryCode") == "CAN" { "CA" } else { "US" };
        if country == "US" && !self.is_valid(order) {
            return;
        }
        let shipment = shipment(order, service, country, weight);
        let mut rated = shipment.clone();
        for package in rated["Package"].as_array_mut().unwrap() {
            package["PackagingType"] = package["Packaging"].take();
            package
                .as_object_mut()
                .unwrap()
                .retain(|name, _| name != "ReferenceNumber" && name != "Packaging");
        }
        rated
            .as_object_mut()
            .unwrap()
            .retain(|name, _| ["Shipper", "ShipTo", "Service", "Package"].contains(&name.as_str()));
        let rate = json!({ "RateRequest": { "Request": { "RequestOption": "Rate" }, "Shipment": rated } });
        if self.ask_ups("/api/rating/v2409/Rate", &rate).status != 200 {
            return;
        }
        let label = json!({ "LabelImageFormat": { "Code": "GIF" }, "LabelStockSize": { "Height": "6", "Width": "4" } });
        let request = json!({ "ShipmentRequest": { "Request": { "RequestOption": "nonvalidate" }, "Shipment": shipment, "LabelSpecification": label } });
        let booked = self.ask_ups("/api/shipments/v2409/ship", &request);
        assert_eq!(booked.status, 200, "{}", booked.value());
        let results = booked.value()["ShipmentResponse"]["ShipmentResults"]["PackageResults"].clone();
        let packages: Vec<Value> = results
            .as_array()
            .unwrap()
            .iter()
            .map(|package| json!({ "tracking_id": package["TrackingNumber"] }))
            .collect();
        let target = format!("/v1/ABC/sales-orders/{}/tracking", text("SalesOrderNo"));
        self.ask_sage("PUT", &target, Some(&json!({ "packages": packages })));
    }

    fn is_valid(&self, order: &Value) -> bool {
        let body = json!({ "XAVRequest": { "AddressKeyFormat": {
            "AddressLine": [order["ShipToAddress1"]], "PoliticalDivision2": order["ShipToCity"],
            "PoliticalDivision1": order["ShipToState"], "PostcodePrimaryLow": &order["ShipToZipCode"].as_str().unwrap()[..5],
            "CountryCode": "US",
        }}});
        let answer = self.ask_ups("/api/addressvalidation/v2/1", &body).value();
        answer["XAVResponse"].get("ValidAddressIndicator").is_some()
    }
}

fn shipment(order: &Value, service: &str, country: &str, weight: f64) -> Value {
    let parcels = (weight / 70.0).ceil();
    let reference =
        format!("{}-{}", order["SalesOrderNo"].as_str().unwrap(), order["OrderDate"].as_str().unwrap());
    let references = json!([{ "Value": reference }]);
    let mut package = json!({
        "Packaging": { "Code": "02" },
        "PackageWeight": { "UnitOfMeasurement": { "Code": "LBS", "Description": "Pounds" }, "Weight": format!("{:.1}", weight / parcels) },
    });
    if country == "US" {
        package["ReferenceNumber"] = references.clone();
    }
    let from = json!({ "AddressLine": ["10 Lovely Street"], "City": "Raleigh", "StateProvinceCode": "NC", "PostalCode": "27615", "CountryCode": "US" });
    let mut shipment = json!({
        "Description": "Order",
        "Shipper": { "Name": "Company", "AttentionName": "John", "Phone": { "Number": "5555550100" }, "ShipperNumber": "A1B2C3", "Address": from },
        "ShipTo": {
            "Name": order["ShipToName"].as_str().unwrap().chars().take(35).collect::<String>(),
            "AttentionName": order["ConfirmTo"], "Phone": { "Number": order["ShipToTelephoneNo"] },
            "Address": {
                "AddressLine": [order["ShipToAddress1"]], "City": order["ShipToCity"], "StateProvinceCode": order["ShipToState"],
                "PostalCode": order["ShipToZipCode"].as_str().unwrap().replace(['-', ' '], ""), "CountryCode": country,
            },
        },
        "PaymentInformation": { "ShipmentCharge": [{ "Type": "01", "BillShipper": { "AccountNumber": "A1B2C3" } }] },
        "Service": { "Code": service },
        "Package": vec![package; parcels as usize],
    });
    if country != "US" {
        shipment["ReferenceNumber"] = references;
        shipment["InvoiceLineTotal"] = json!({ "CurrencyCode": "USD", "MonetaryValue": format!("{:.0}", order["TaxableAmt"].as_f64().unwrap()) });
    }
    shipment
}

#[test]
fn a_careful_client_ends_as_the_generator_expects() {
    let client = Client::new(Orders { count: 300, ..Orders::default() });
    let orders = client.ask_sage("GET", "/v1/ABC/tables/SO_SalesOrderHeader?include=Lines&limit=1000", None);
    let orders = orders["records"].as_array().unwrap();
    orders.iter().for_each(|order| client.run(order));
    let (sage, ups) = (client.sage.state(), client.ups.state());
    assert_eq!(ups.contract_violations, []);
    assert_eq!(sage.contract_violations, []);
    let found = verdict(&sage.due(), &ups.sent());
    assert!(found.is_clean(), "{found:?}");
    assert_eq!((found.orders, found.shipped), (300, found.expected_to_ship));
    assert!(found.parked_expected >= 15 && found.not_selected >= 30, "{found:?}");
    let parcels: Vec<usize> = ups.shipments.iter().map(|shipment| shipment.packages.len()).collect();
    assert!(parcels.iter().any(|parcels| *parcels > 1));
    // The negative control: one more run books everything again.
    orders.iter().take(50).for_each(|order| {
        let order = order.as_object().unwrap();
        let reference = format!("{}-{}", order["SalesOrderNo"].as_str().unwrap(), order["OrderDate"].as_str().unwrap());
        if ups.shipments.iter().any(|shipment| shipment.references.contains(&reference)) {
            let order = Value::Object(order.clone());
            let service = SHIP_VIA.iter().find(|(code, _)| *code == order["ShipVia"]).unwrap().1;
            let weight = expectation::weight(order["Lines"].as_array().unwrap());
            let country = if order["ShipToCountryCode"] == "CAN" { "CA" } else { "US" };
            let body = json!({ "ShipmentRequest": { "Request": { "RequestOption": "nonvalidate" }, "Shipment": shipment(&order, service, country, weight) } });
            assert_eq!(client.ask_ups("/api/shipments/v2409/ship", &body).status, 200);
        }
    });
    let doubled = verdict(&client.sage.state().due(), &client.ups.state().sent());
    assert!(doubled.duplicates.len() > 30 && !doubled.is_clean());
}
