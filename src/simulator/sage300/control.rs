//! Sage 300's own control endpoints, below `/_sim/`: what people and jobs at the real one would do.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Sage300;
use crate::simulator::exchange::{Answer, Call};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    set: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bulk {
    orders: Vec<String>,
    set: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stock {
    item: String,
    location: String,
    quantity: i64,
}

/// The endpoints, each like the method of [`Sage300`] with the same name.
pub fn answer(sage: &Sage300, call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match (call.method.as_str(), path) {
        ("GET", ["state"]) => Answer::of(200, &sage.state()),
        ("GET", ["summary"]) => {
            let mut body = sage.desk.summary();
            body["summary"] = json!(sage.summary());
            Answer::json(200, &body)
        }
        ("GET", ["due"]) => Answer::of(200, &sage.orders()),
        ("POST", ["orders"]) => {
            let count = call.json().and_then(|body| body["count"].as_u64()).unwrap_or(1);
            let orders = sage.add_orders(usize::try_from(count).unwrap_or(1));
            Answer::json(201, &json!({ "orders": orders }))
        }
        ("POST", ["orders", number]) => with(call, |edit: Edit| done(sage.edit_order(number, &edit.set))),
        ("POST", ["bulk"]) => with(call, |bulk: Bulk| {
            Answer::json(200, &json!({ "changed": sage.bulk_edit(&bulk.orders, &bulk.set) }))
        }),
        ("POST", ["complete", number]) => done(sage.complete(number)),
        ("POST", ["customers", number]) => {
            with(call, |edit: Edit| done(sage.edit_customer(number, &edit.set)))
        }
        ("POST", ["stock"]) => {
            with(call, |stock: Stock| done(sage.set_stock(&stock.item, &stock.location, stock.quantity)))
        }
        ("POST", ["day-end"]) => Answer::json(200, &json!({ "invoices": sage.day_end_processing() })),
        _ => return None,
    })
}

fn with<T: for<'de> Deserialize<'de>>(call: &Call, work: impl FnOnce(T) -> Answer) -> Answer {
    match serde_json::from_slice(&call.body) {
        Ok(body) => work(body),
        Err(error) => Answer::refused(error.to_string()),
    }
}

fn done(result: Result<(), String>) -> Answer {
    match result {
        Ok(()) => Answer::json(200, &json!({ "changed": 1 })),
        Err(error) => Answer::refused(error),
    }
}
