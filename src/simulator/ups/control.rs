//! UPS's own control endpoints, below `/_sim/`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::{Happening, Ups, Webhook};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::{System, lock};

/// `GET state`, `GET summary`, `POST tokens/expire`, `POST shipments/{id}/hide`, `POST drivers/{date}`; of parcels' lives
/// `GET parcels/{number}`, `POST parcels/{number}` (such as `{"scan": "delivered"}`), `POST parcels/{number}/deliver`,
/// `POST advance` (every parcel comes one scan further), `POST webhook` (where Track Alert v2 pushes), `POST spread` (such as
/// `{"seconds": 30}`), `POST quantumview` (such as `{"fail": 2, "retry_seconds": 60}`), and those of
/// [`Outbox::control`](crate::simulator::push::Outbox::control).
pub fn answer(ups: &Ups, call: &Call, path: &[&str]) -> Option<Answer> {
    books(ups, call, path).or_else(|| lives(ups, call, path)).or_else(|| ups.outbox.control(call, path))
}

fn books(ups: &Ups, call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match (call.method.as_str(), path) {
        ("GET", ["state"]) => Answer::of(200, &ups.state()),
        ("GET", ["summary"]) => {
            let mut body = ups.desk.summary();
            body["summary"] = json!(ups.summary());
            body["push"] = json!(ups.outbox.counts());
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spread {
    seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tired {
    fail: u32,
    retry_seconds: u32,
}

fn lives(ups: &Ups, call: &Call, path: &[&str]) -> Option<Answer> {
    let done = || Answer::empty(204);
    Some(match (call.method.as_str(), path) {
        ("GET", ["parcels", number]) => match ups.state().parcel(number) {
            Some(parcel) => Answer::json(200, &json!({ "status": parcel.scan(), "parcel": parcel })),
            None => Answer::refused(format!("there is no parcel {number}")),
        },
        ("POST", ["parcels", number]) => read(call, |happening: Happening| {
            ups.advance(number, happening).map_or_else(Answer::refused, |event| Answer::of(200, &event))
        }),
        ("POST", ["parcels", number, "deliver"]) => {
            ups.deliver(number).map_or_else(Answer::refused, |events| Answer::of(200, &events))
        }
        ("POST", ["advance"]) => Answer::json(200, &json!({ "advanced": ups.advance_all() })),
        ("POST", ["webhook"]) => read(call, |webhook: Option<Webhook>| {
            ups.set_webhook(webhook);
            done()
        }),
        ("POST", ["spread"]) => read(call, |spread: Spread| {
            ups.set_spread(Duration::from_secs(spread.seconds));
            done()
        }),
        ("POST", ["quantumview"]) => read(call, |tired: Tired| {
            ups.tire_quantum_view(tired.fail, tired.retry_seconds);
            done()
        }),
        _ => return None,
    })
}

fn read<T: for<'de> Deserialize<'de>>(call: &Call, then: impl FnOnce(T) -> Answer) -> Answer {
    serde_json::from_slice(&call.body).map_or_else(|error| Answer::refused(error.to_string()), then)
}
