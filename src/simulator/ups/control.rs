//! UPS's own control endpoints, below `/_sim/`.

use serde_json::json;

use super::Ups;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::{System, lock};

/// `GET state`, `GET summary`, `POST tokens/expire`, `POST shipments/{id}/hide`, `POST drivers/{date}`.
pub fn answer(ups: &Ups, call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match (call.method.as_str(), path) {
        ("GET", ["state"]) => Answer::of(200, &ups.state()),
        ("GET", ["summary"]) => {
            let mut body = ups.desk.summary();
            body["summary"] = json!(ups.summary());
            Answer::json(200, &body)
        }
        ("POST", ["tokens", "expire"]) => {
            ups.forget_tokens();
            Answer::empty(204)
        }
        ("POST", ["shipments", id, "hide"]) => match lock(&ups.book).by_number(id) {
            // Look-ups never see it again: the worst case of a look-up that lies.
            Some(shipment) => {
                shipment.visible_at = jiff::Timestamp::MAX;
                Answer::empty(204)
            }
            None => Answer::refused(format!("there is no shipment {id}")),
        },
        ("POST", ["drivers", day]) => match day.parse() {
            Ok(day) => Answer::json(200, &json!({ "completed": ups.drivers_come(day) })),
            Err(_) => Answer::refused(format!("{day} is not a date")),
        },
        _ => return None,
    })
}
