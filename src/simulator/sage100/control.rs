//! Sage's own control endpoints, below `/_sim/`: what people and jobs at the real one would do.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Sage100;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::expectation::Expectation;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    set: Map<String, Value>,
    expect: Option<Expectation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bulk {
    orders: Vec<String>,
    set: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    order: String,
    #[serde(default = "somebody")]
    user: String,
    attempts: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stock {
    item: String,
    warehouse: String,
    on_hand: i64,
    #[serde(default = "yes")]
    stamped: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemEdit {
    set: Map<String, Value>,
    #[serde(default = "yes")]
    stamped: bool,
}

fn yes() -> bool {
    true
}

fn somebody() -> String {
    "mwilson".into()
}

/// The endpoints, each like the method of [`Sage100`] with the same name.
pub fn answer(sage: &Sage100, call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match (call.method.as_str(), path) {
        ("GET", ["state"]) => Answer::of(200, &sage.state()),
        ("GET", ["summary"]) => {
            let mut body = sage.desk.summary();
            body["summary"] = json!(sage.summary());
            Answer::json(200, &body)
        }
        ("POST", ["orders"]) => {
            let count = call.json().and_then(|body| body["count"].as_u64()).unwrap_or(1);
            let orders = sage.add_orders(usize::try_from(count).unwrap_or(1));
            Answer::json(201, &json!({ "orders": orders }))
        }
        ("POST", ["orders", number]) => with(call, |edit: Edit| {
            done(sage.edit_order(number, &edit.set, edit.expect).map(|()| json!({ "changed": 1 })))
        }),
        ("POST", ["bulk"]) => with(call, |bulk: Bulk| {
            Answer::json(200, &json!({ "changed": sage.bulk_edit(&bulk.orders, &bulk.set) }))
        }),
        ("GET", ["orders"]) => Answer::of(200, &sage.orders()),
        ("GET", ["inventory"]) => {
            let shelves = sage.inventory().into_iter();
            let shelf = |((item, warehouse), on_hand)| json!({ "item": item, "warehouse": warehouse, "on_hand": on_hand });
            Answer::of(200, &shelves.map(shelf).collect::<Vec<_>>())
        }
        ("POST", ["stock"]) => with(call, |stock: Stock| {
            let moved = sage.move_stock(&stock.item, &stock.warehouse, stock.on_hand, stock.stamped);
            done(moved.map(|()| json!({ "changed": 1 })))
        }),
        ("POST", ["items", item]) => with(call, |edit: ItemEdit| {
            done(sage.edit_item(item, &edit.set, edit.stamped).map(|()| json!({ "changed": 1 })))
        }),
        ("POST", ["invoice", number]) => {
            let post = call.json().and_then(|body| body["post"].as_bool()).unwrap_or(true);
            done(sage.invoice(number, post).map(|invoice| json!({ "invoice": invoice })))
        }
        ("POST", ["locks"]) => with(call, |open: Open| {
            sage.lock_order(&open.order, &open.user, open.attempts);
            Answer::empty(204)
        }),
        ("DELETE", ["locks", number]) => {
            sage.unlock_order(number);
            Answer::empty(204)
        }
        ("POST", ["licence"]) => {
            sage.licence_free(call.json().and_then(|body| body["free"].as_bool()).unwrap_or(false));
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

fn done(result: Result<Value, String>) -> Answer {
    match result {
        Ok(body) => Answer::json(200, &body),
        Err(error) => Answer::refused(error),
    }
}
