//! X3's own control endpoints, below `/_sim/`: what people at the real one would do.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::SageX3;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::expectation::Expectation;
use crate::simulator::system::{System, lock};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    set: Map<String, Value>,
    expect: Option<Expectation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    order: String,
    #[serde(default = "somebody")]
    user: String,
    attempts: Option<u32>,
}

fn somebody() -> String {
    "MJONE".into()
}

/// The endpoints, each like the method of [`SageX3`] with the same name.
pub fn answer(x3: &SageX3, call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match (call.method.as_str(), path) {
        ("GET", ["state"]) => Answer::of(200, &x3.state()),
        ("GET", ["summary"]) => {
            let mut body = x3.desk.summary();
            body["summary"] = json!(x3.summary());
            Answer::json(200, &body)
        }
        ("GET", ["orders"]) => Answer::of(200, &x3.orders()),
        ("GET", ["purchase-orders"]) => Answer::of(200, &x3.purchase_orders()),
        ("POST", ["orders"]) => {
            let count = call.json().and_then(|body| body["count"].as_u64()).unwrap_or(1);
            let orders = x3.add_orders(usize::try_from(count).unwrap_or(1));
            Answer::json(201, &json!({ "orders": orders }))
        }
        ("POST", ["orders" | "purchase-orders", number]) => {
            with(call, |edit: Edit| match x3.edit_order(number, &edit.set, edit.expect) {
                Ok(()) => Answer::json(200, &json!({ "changed": 1 })),
                Err(error) => Answer::refused(error),
            })
        }
        ("POST", ["locks"]) => with(call, |open: Open| {
            x3.lock_order(&open.order, &open.user, open.attempts);
            Answer::empty(204)
        }),
        ("DELETE", ["locks", number]) => {
            x3.unlock_order(number);
            Answer::empty(204)
        }
        ("POST", ["web-services"]) => {
            let accepted = call.json().and_then(|body| body["accepted"].as_bool()).unwrap_or(false);
            lock(&x3.books).web_services = accepted;
            Answer::empty(204)
        }
        ("POST", ["pairing"]) => Answer::json(201, &json!({ "refresh_token": x3.pair() })),
        ("POST", ["tokens", "expire"]) => {
            x3.forget_tokens();
            Answer::empty(204)
        }
        _ => return None,
    })
}

fn with<T: for<'de> Deserialize<'de>>(call: &Call, work: impl FnOnce(T) -> Answer) -> Answer {
    match serde_json::from_slice(&call.body) {
        Ok(body) => work(body),
        Err(error) => Answer::refused(error.to_string()),
    }
}
