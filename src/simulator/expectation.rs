//! What should become of a sales order, judged from the order alone, without asking whoever ships it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::places::{self, Address, Judgement};
use super::ups::services;

/// The ship-via codes that are UPS's, with the service each stands for.
pub const SHIP_VIA: &[(&str, &str)] = &[
    ("UPS GROUND", "03"),
    ("UPS 2DAY", "02"),
    ("UPS BLUE", "02"),
    ("UPS RED", "01"),
    ("UPS 3DAY", "12"),
    ("UPS STANDARD", "11"),
];

/// What should become of a sales order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// It ships, once, and its tracking numbers come back.
    Ships,
    /// It is set aside for a person, for this reason, and does not ship.
    Parked(Reason),
    /// It is not for UPS, or not ready.
    NotSelected,
}

/// Why an order is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing like the address exists.
    UnknownAddress,
    /// The address could be several.
    AmbiguousAddress,
    /// The service does not go there.
    ServiceRefused,
    /// No item has a weight.
    NoWeight,
}

/// Judges an order as Sage holds it, shipped from `origin` (ISO country code).
pub fn of(order: &Map<String, Value>, lines: &[Value], origin: &str) -> Expectation {
    let text = |name: &str| order.get(name).and_then(Value::as_str).unwrap_or_default();
    let ready = ["S", "B"].contains(&text("OrderType")) && ["N", "O"].contains(&text("OrderStatus"));
    let service = SHIP_VIA.iter().find(|(code, _)| *code == text("ShipVia"));
    let Some((_, service)) = service.filter(|_| ready) else { return Expectation::NotSelected };
    if weight(lines) <= 0.0 {
        return Expectation::Parked(Reason::NoWeight);
    }
    let to = ship_to(order);
    if to.country == "US" || to.country == "PR" {
        match places::judge(&to) {
            Judgement::Valid(_) => {}
            Judgement::Ambiguous(_) => return Expectation::Parked(Reason::AmbiguousAddress),
            Judgement::Unknown => return Expectation::Parked(Reason::UnknownAddress),
        }
    }
    if services::offered(origin, &to).contains(service) {
        Expectation::Ships
    } else {
        Expectation::Parked(Reason::ServiceRefused)
    }
}

/// The weight of an order's lines in pounds.
pub fn weight(lines: &[Value]) -> f64 {
    let number = |line: &Value, name: &str| line[name].as_f64().unwrap_or_default();
    lines.iter().map(|line| number(line, "QuantityOrdered") * number(line, "UnitWeight")).sum()
}

fn ship_to(order: &Map<String, Value>) -> Address {
    let text = |name: &str| order.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let country = match text("ShipToCountryCode").as_str() {
        "" | "USA" | "US" => "US".to_owned(),
        "CAN" => "CA".to_owned(),
        "PRI" => "PR".to_owned(),
        "MEX" => "MX".to_owned(),
        other => other.to_owned(),
    };
    Address {
        lines: ["ShipToAddress1", "ShipToAddress2", "ShipToAddress3"]
            .map(text)
            .into_iter()
            .filter(|line| !line.is_empty())
            .collect(),
        city: text("ShipToCity"),
        state: text("ShipToState"),
        postal_code: text("ShipToZipCode").replace(['-', ' '], ""),
        country,
    }
}
