//! SYSPRO's own control endpoints, below `/_sim/`: what people at the real one would do.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Syspro;
use crate::simulator::exchange::{Answer, Call};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    set: Map<String, Value>,
}

/// The endpoints, each like the method of [`Syspro`] with the same name.
pub fn answer(syspro: &Syspro, call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match (call.method.as_str(), path) {
        ("GET", ["state"]) => Answer::of(200, &syspro.state()),
        ("GET", ["orders"]) => Answer::of(200, &syspro.orders()),
        ("GET", ["summary"]) => {
            let mut body = syspro.desk.summary();
            body["summary"] = json!(syspro.summary());
            Answer::json(200, &body)
        }
        ("POST", ["orders"]) => {
            let count = call.json().and_then(|body| body["count"].as_u64()).unwrap_or(1);
            let orders = syspro.add_orders(usize::try_from(count).unwrap_or(1));
            Answer::json(201, &json!({ "orders": orders }))
        }
        ("POST", ["orders", number]) => match serde_json::from_slice::<Edit>(&call.body) {
            Ok(edit) => done(syspro.edit_order(number, &edit.set)),
            Err(error) => Answer::refused(error.to_string()),
        },
        ("POST", ["delivery-notes", number]) => done(syspro.print_delivery_note(number)),
        ("POST", ["logon"]) => {
            syspro.human_logon();
            Answer::empty(204)
        }
        ("POST", ["licence"]) => {
            syspro.licence_free(call.json().and_then(|body| body["free"].as_bool()).unwrap_or(false));
            Answer::empty(204)
        }
        _ => return None,
    })
}

fn done(result: Result<(), String>) -> Answer {
    match result {
        Ok(()) => Answer::json(200, &json!({ "changed": 1 })),
        Err(error) => Answer::refused(error),
    }
}
