//! ShipStation's own control endpoints, below `/_sim/`: what its people would do.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ShipStation, Stage};
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    tracking_number: String,
    stage: Option<Stage>,
    day: Option<jiff::civil::Date>,
}

/// `GET state`, `summary`, `orders`, `inventory`; `POST ship`, `split`, `mark_as_shipped`, `fulfil`, `void`, `cancel`,
/// `return_label`, `poison`, `cure`, each with `{"order_key": …}` and like the method of [`ShipStation`] with the same name; `POST scan` with
/// `{"tracking_number": …}` and a `stage` or another `day` of delivery, `POST deliver` (everything), `POST rotate_key`,
/// `DELETE webhooks/<id>` (switched off). What is pushed how: see [`Outbox::control`](crate::simulator::push::Outbox::control).
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
        (
            "POST",
            [
                name @ ("ship" | "split" | "mark_as_shipped" | "void" | "cancel" | "fulfil" | "return_label"
                | "poison" | "cure"),
            ],
        ) => match serde_json::from_slice(&call.body) {
            Ok(about) => done(act(shipstation, name, &about)),
            Err(error) => Answer::refused(error.to_string()),
        },
        ("POST", ["scan"]) => match serde_json::from_slice(&call.body) {
            Ok(seen) => done(scan(shipstation, &seen).map(|()| json!({}))),
            Err(error) => Answer::refused(error.to_string()),
        },
        ("POST", ["deliver"]) => Answer::json(200, &json!({ "delivered": shipstation.deliver_all() })),
        ("POST", ["rotate_key"]) => done(shipstation.keys.rotate().map(|()| json!({}))),
        ("DELETE", ["webhooks", id]) => match id.parse().is_ok_and(|id| shipstation.deactivate(id)) {
            true => Answer::empty(204),
            false => Answer::refused(format!("there is no webhook {id} that is on")),
        },
        _ => return None,
    })
}

fn scan(shipstation: &ShipStation, seen: &Seen) -> Result<(), String> {
    match (seen.stage, seen.day) {
        (Some(stage), None) => shipstation.scan(&seen.tracking_number, stage),
        (None, Some(day)) => shipstation.promise(&seen.tracking_number, day),
        _ => Err("name either a stage or a day".to_owned()),
    }
}

fn act(shipstation: &ShipStation, name: &str, about: &About) -> Result<Value, String> {
    let (key, number) = (about.order_key.as_str(), about.tracking_number.as_deref());
    match name {
        "ship" => shipstation.ship(key, about.parcels).map(|numbers| json!({ "tracking_numbers": numbers })),
        "split" => shipstation.split(key).map(|key| json!({ "order_key": key })),
        "mark_as_shipped" => shipstation.mark_as_shipped(key, number.unwrap_or_default()).map(|()| json!({})),
        "fulfil" => shipstation.fulfil(key, number.unwrap_or_default()).map(|()| json!({})),
        "return_label" => shipstation.return_label(key).map(|number| json!({ "tracking_number": number })),
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
