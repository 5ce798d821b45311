//! The filters and pages of V2's lists.

use std::ops::Range;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::Fault;

/// The page size of callers that ask for none.
const PAGE: usize = 25;

/// Whether an instant lies between `<name>_start` and `<name>_end`; what is no instant was refused by the contract.
pub fn between(call: &Call, name: &str, instant: Option<Timestamp>) -> bool {
    let read =
        |end: &str| call.parameter(&format!("{name}_{end}")).and_then(|text| text.parse::<Timestamp>().ok());
    let (start, end) = (read("start"), read("end"));
    match instant {
        Some(instant) => start.is_none_or(|start| instant >= start) && end.is_none_or(|end| instant <= end),
        None => start.is_none() && end.is_none(),
    }
}

/// Whether a parameter says exactly what a row says.
pub fn same(call: &Call, name: &str, value: &str) -> bool {
    call.parameter(name).is_none_or(|wanted| wanted == value)
}

/// Whether the list runs backwards; lists differ in what they do unasked.
pub fn backwards(call: &Call, unasked: bool) -> bool {
    call.parameter("sort_dir").map_or(unasked, |direction| direction == "desc")
}

fn numbers(call: &Call) -> (usize, usize) {
    let number = |name: &str, otherwise: usize| {
        call.parameter(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    (number("page", 1).max(1), number("page_size", number("limit", PAGE)).max(1))
}

/// Which rows the page holds; beyond the last page there are none.
pub fn page(call: &Call, total: usize) -> Range<usize> {
    let (page, size) = numbers(call);
    let start = ((page - 1) * size).min(total);
    start..(start + size).min(total)
}

/// The envelope with its links: absolute addresses, and `{}` where there is no page to go to.
pub fn envelope(call: &Call, name: &str, total: usize, mut rows: Vec<Value>, fault: Option<Fault>) -> Answer {
    let (page, size) = numbers(call);
    let last = total.div_ceil(size).max(1);
    if fault == Some(Fault::DuplicatePage) {
        // Rows that moved while pages were read come twice.
        rows.extend(rows.first().cloned());
    }
    let link = |to: usize| match (1..=last).contains(&to) {
        true => json!({ "href": address(call, to) }),
        false => json!({}),
    };
    let links = json!({ "first": link(1), "last": link(last), "prev": link(page.wrapping_sub(1)), "next": link(page + 1) });
    let mut body = Map::new();
    body.insert(name.to_owned(), Value::Array(rows));
    body.extend([
        ("total".to_owned(), json!(total)),
        ("page".to_owned(), json!(page)),
        ("pages".to_owned(), json!(last)),
        ("links".to_owned(), links),
    ]);
    Answer::json(200, &Value::Object(body))
}

fn address(call: &Call, page: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(call.query.iter().filter(|(name, _)| name != "page"));
    query.append_pair("page", &page.to_string());
    let host = call.header("host").unwrap_or("api.shipstation.com");
    let scheme = if call.header("host").is_some() { "http" } else { "https" };
    format!("{scheme}://{host}{}?{}", call.path, query.finish())
}
