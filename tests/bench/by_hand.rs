//! What one would write by hand: the calls that the mapping `sage100-ups` makes for an order, and nothing else. It keeps
//! no state beyond its memory, so an answer that is lost, a crash or a second start would cost money.

use std::collections::HashSet;
use std::process::Command;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use super::stage::Stage;

/// The hidden argument that makes this binary the hand-written client.
pub const BY_HAND: &str = "--as-hand-written-client";

/// As `limits` of the systems has it, and as many orders at once as the engine has.
const SAGE_AT_ONCE: usize = 4;
const UPS_AT_ONCE: usize = 8;
const ORDERS_AT_ONCE: usize = 2 * (SAGE_AT_ONCE + UPS_AT_ONCE);

/// The client as a process of its own.
pub fn command(stage: &Stage) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([BY_HAND, &stage.sage, &stage.ups]);
    command
}

struct Api {
    client: Client,
    base: String,
    /// A header that proves who we are.
    proof: (&'static str, String),
    own_id: &'static str,
    at_once: Semaphore,
}

impl Api {
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let _turn = self.at_once.acquire().await.unwrap();
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .header(self.proof.0, &self.proof.1)
            .header(self.own_id, uuid::Uuid::now_v7().simple().to_string());
        if self.own_id == "transId" {
            request = request.header("transactionSrc", "by-hand");
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let (status, body) = (answer.status(), answer.bytes().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }
}

/// Ships all orders.
#[tokio::main]
pub async fn run(mut arguments: impl Iterator<Item = String>) {
    let (sage_url, ups_url) = (arguments.next().unwrap(), arguments.next().unwrap());
    let client = Client::builder().no_proxy().gzip(true).build().unwrap();
    let sage = Arc::new(Api {
        client: client.clone(),
        base: sage_url,
        proof: ("X-API-Key", "sim-key".to_owned()),
        own_id: "X-Request-Id",
        at_once: Semaphore::new(SAGE_AT_ONCE),
    });
    let token = token(&client, &ups_url).await;
    let ups = Api {
        client,
        base: ups_url,
        proof: ("authorization", format!("Bearer {token}")),
        own_id: "transId",
        at_once: Semaphore::new(UPS_AT_ONCE),
    };
    let (found, orders) = mpsc::unbounded_channel();
    let polled = tokio::spawn(poll(Arc::clone(&sage), found));
    let orders = stream::unfold(orders, |mut orders| async { Some((orders.recv().await?, orders)) });
    orders.for_each_concurrent(ORDERS_AT_ONCE, |order| ship(&sage, &ups, order)).await;
    polled.await.unwrap();
}

async fn token(client: &Client, ups: &str) -> String {
    let answer = client
        .post(format!("{ups}/security/v1/oauth/token"))
        .basic_auth("sim-client", Some("sim-secret"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials")
        .send()
        .await
        .unwrap();
    let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

async fn poll(sage: Arc<Api>, found: mpsc::UnboundedSender<Value>) {
    let first = "/v1/ABC/tables/SO_SalesOrderHeader?include=Lines&limit=100";
    let mut after = String::new();
    // An order that was written to while pages are read comes again at their end.
    let mut seen = HashSet::new();
    loop {
        let mut page = sage.call(Method::GET, &format!("{first}{after}"), None).await;
        for order in page["records"].as_array_mut().unwrap().drain(..) {
            if seen.insert(text(&order, "SalesOrderNo").to_owned()) {
                found.send(order).unwrap();
            }
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return,
        }
    }
}

async fn ship(sage: &Api, ups: &Api, order: Value) {
    let number = text(&order, "SalesOrderNo");
    let lines: Vec<&str> = ["ShipToAddress1", "ShipToAddress2", "ShipToAddress3"]
        .map(|line| clipped(&order, line, 35))
        .into_iter()
        .filter(|line| !line.is_empty())
        .collect();
    let (name, city) = (clipped(&order, "ShipToName", 35), clipped(&order, "ShipToCity", 30));
    let state = text(&order, "ShipToState");
    let postal_code = text(&order, "ShipToZipCode").replace(['-', ' '], "");
    let phone: String = text(&order, "ShipToTelephoneNo").chars().filter(char::is_ascii_digit).collect();
    let service = match text(&order, "ShipVia") {
        "UPS RED" => "01",
        "UPS BLUE" | "UPS 2DAY" => "02",
        "UPS 3DAY" => "12",
        _ => "03",
    };
    let country = if text(&order, "ShipToCountryCode") == "PRI" { "PR" } else { "US" };
    let weights = parcels(&order);

    let checked = json!({ "XAVRequest": { "AddressKeyFormat": {
        "ConsigneeName": name, "AddressLine": lines, "PoliticalDivision2": city, "PoliticalDivision1": state,
        "PostcodePrimaryLow": postal_code.get(..5), "CountryCode": country,
    } } });
    let checked = ups.call(Method::POST, "/api/addressvalidation/v2/1", Some(&checked)).await;
    assert!(checked["XAVResponse"].get("ValidAddressIndicator").is_some(), "{checked}");

    let shipper_address = json!({
        "AddressLine": ["1 Warehouse Way"], "City": "Louisville", "StateProvinceCode": "KY", "PostalCode": "40213",
        "CountryCode": "US",
    });
    let address = json!({
        "AddressLine": lines, "City": city, "StateProvinceCode": state, "PostalCode": postal_code, "CountryCode": country,
    });
    let weight = |pounds: &f64| json!({ "UnitOfMeasurement": { "Code": "LBS", "Description": "Pounds" }, "Weight": format!("{pounds:.1}") });
    let packages: Vec<Value> = weights
        .iter()
        .map(|pounds| json!({ "PackagingType": { "Code": "02" }, "PackageWeight": weight(pounds) }))
        .collect();
    let rated = json!({ "RateRequest": { "Request": { "RequestOption": "Rate" }, "Shipment": {
        "Shipper": { "Name": "Demo Shipper", "ShipperNumber": "A1B2C3", "Address": shipper_address },
        "ShipTo": { "Name": name, "Address": address },
        "Service": { "Code": service },
        "ShipmentRatingOptions": { "NegotiatedRatesIndicator": "X" },
        "Package": packages,
    } } });
    let rated = ups.call(Method::POST, "/api/rating/v2409/Rate", Some(&rated)).await;
    assert!(rated["RateResponse"]["RatedShipment"].is_array(), "{rated}");

    let reference = format!("{number}-{}", text(&order, "OrderDate"));
    let packages: Vec<Value> = weights
        .iter()
        .map(|pounds| {
            json!({
                "Packaging": { "Code": "02" }, "PackageWeight": weight(pounds), "ReferenceNumber": [{ "Value": reference }],
            })
        })
        .collect();
    let booked = json!({ "ShipmentRequest": {
        "Request": { "RequestOption": "nonvalidate" },
        "Shipment": {
            "Description": format!("Order {number}"),
            "Shipper": {
                "Name": "Demo Shipper", "AttentionName": "Demo Shipper", "Phone": { "Number": "5025550100" },
                "ShipperNumber": "A1B2C3", "Address": shipper_address,
            },
            "ShipTo": { "Name": name, "AttentionName": clipped(&order, "ConfirmTo", 35), "Phone": { "Number": phone }, "Address": address },
            "PaymentInformation": { "ShipmentCharge": [
                { "Type": "01", "BillShipper": { "AccountNumber": "A1B2C3" } },
            ] },
            "ShipmentRatingOptions": { "NegotiatedRatesIndicator": "X" },
            "Service": { "Code": service },
            "Package": packages,
        },
        "LabelSpecification": {
            "LabelImageFormat": { "Code": "GIF" }, "LabelStockSize": { "Height": "6", "Width": "4" },
        },
    } });
    let booked = ups.call(Method::POST, "/api/shipments/v2409/ship", Some(&booked)).await;
    let booked = &booked["ShipmentResponse"]["ShipmentResults"];

    let cost = booked["NegotiatedRateCharges"]["TotalCharge"]["MonetaryValue"].as_str().unwrap();
    let tracked: Vec<Value> = booked["PackageResults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parcel| json!({ "tracking_id": parcel["TrackingNumber"] }))
        .collect();
    let written = json!({ "packages": tracked, "ship_via": order["ShipVia"], "freight_amount": cost.parse::<f64>().unwrap() });
    sage.call(Method::PUT, &format!("/v1/ABC/sales-orders/{number}/tracking"), Some(&written)).await;
}

/// The weights of as few parcels of at most 70 pounds as the order needs.
fn parcels(order: &Value) -> Vec<f64> {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default();
    let lines = order["Lines"].as_array().unwrap().iter();
    let total: f64 = lines.map(|line| number(&line["QuantityOrdered"]) * number(&line["UnitWeight"])).sum();
    let parts = (total / 70.0).ceil().max(1.0);
    vec![(total / parts).max(0.1); parts as usize]
}

fn text<'a>(order: &'a Value, field: &str) -> &'a str {
    order[field].as_str().unwrap_or_default()
}

fn clipped<'a>(order: &'a Value, field: &str, length: usize) -> &'a str {
    let text = text(order, field);
    text.char_indices().nth(length).map_or(text, |(end, _)| text[..end].trim_end())
}
