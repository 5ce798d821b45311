//! ShipStation's own control endpoints, below `/_sim/`: what its people would do.

use serde::Deserialize;
use serde_json::{Value, json};

use super::ShipStation;
use crate::simulator::exchange::{Answer, Call};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    order_key: String,
    #[serde(default = "one")]
    parcels: usize,
    tracking_number: Option<String>,
}

fn one() -> usize {
    1
}

/// `GET state`, `summary`, `orders`, `inventory`; `POST ship`, `mark_as_shipped`, `void`, `cancel`, `poison`, `cure`, each with
/// `{"order_key": …}` and like the method of [`ShipStation`] with the same name.
pub fn answer(shipstation: &ShipStation, call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match (call.method.as_str(), path) {
        ("GET", ["state"]) => Answer::of(200, &shipstation.state()),
        ("GET", ["summary"]) => {
            let mut body = shipstation.desk.summary();
            body["summary"] = json!(shipstation.summary());
            Answer::json(200, &body)
        }
        ("GET", ["orders"]) => Answer::of(200, &shipstation.orders()),
        ("GET", ["inventory"]) => {
            let rows = shipstation.inventory().into_iter();
            Answer::json(200, &rows.map(|((sku, warehouse), quantity)| json!({ "sku": sku, "warehouse": warehouse, "quantity": quantity })).collect())
        }
        ("POST", [name @ ("ship" | "mark_as_shipped" | "void" | "cancel" | "poison" | "cure")]) => {
            match serde_json::from_slice(&call.body) {
                Ok(about) => done(act(shipstation, name, &about)),
                Err(error) => Answer::refused(error.to_string()),
            }
        }
        _ => return None,
    })
}

fn act(shipstation: &ShipStation, name: &str, about: &About) -> Result<Value, String> {
    let (key, number) = (about.order_key.as_str(), about.tracking_number.as_deref());
    match name {
        "ship" => shipstation.ship(key, about.parcels).map(|numbers| json!({ "tracking_numbers": numbers })),
        "mark_as_shipped" => shipstation.mark_as_shipped(key, number.unwrap_or_default()).map(|()| json!({})),
        "void" => shipstation.void(key, number).map(|count| json!({ "voided": count })),
        "cancel" => shipstation.cancel(key).map(|()| json!({})),
        "poison" => {
            shipstation.poison(key);
            Ok(json!({}))
        }
        _ => {
            shipstation.cure(key);
            Ok(json!({}))
        }
    }
}

fn done(result: Result<Value, String>) -> Answer {
    match result {
        Ok(body) => Answer::json(200, &body),
        Err(error) => Answer::refused(error),
    }
}
