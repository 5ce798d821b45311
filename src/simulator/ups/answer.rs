//! How UPS words its answers: headers, errors, and the things it writes as empty text.

use serde_json::{Value, json};

use super::{Lists, Ups};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::lock;

/// A good answer, with the headers of the recorded exchanges.
pub fn good(call: &Call, body: &Value) -> Answer {
    stamped(call, Answer::json(200, body))
}

/// A refusal: the code and text stand in the body and again in the headers, as recorded.
pub fn refusal(call: &Call, status: u16, code: &str, message: &str) -> Answer {
    let body = json!({ "response": { "errors": [{ "code": code, "message": message }] } });
    failed(call, status, &body, code, message)
}

/// An answer that has a body of its own and an error at once: the error stands in the headers (recorded for Time in Transit,
/// where it stands nowhere else).
pub fn failed(call: &Call, status: u16, body: &Value, code: &str, message: &str) -> Answer {
    stamped(call, Answer::json(status, body))
        .with("apierrorcode", code)
        .with("apierrormsg", message)
        .with("errorcode", code)
        .with("errordescription", message)
}

/// The failure that looks like success: 200, no body, and the reason in headers only (recorded for a request
/// with a backspace in an address line).
pub fn empty(call: &Call) -> Answer {
    stamped(call, Answer::empty(200))
        .with("errorcode", "1")
        .with("errordescription", "The request is not valid. Review for errors before re-submitting.")
}

fn stamped(call: &Call, answer: Answer) -> Answer {
    let answer = answer.with("x-request-id", crate::base::random::id());
    match call.header("transid") {
        Some(transaction) => answer.with("bkndtransid", transaction),
        None => answer.with("bkndtransid", crate::base::random::id()),
    }
}

/// `Response` of an answer: `TransactionReference` is `""` unless the caller sent a context.
pub fn response(context: Option<&str>, alerts: Option<Value>) -> Value {
    let mut response = json!({ "ResponseStatus": { "Code": "1", "Description": "Success" } });
    if let Some(alerts) = alerts {
        response["Alert"] = alerts;
    }
    response["TransactionReference"] = match context {
        Some(context) if !context.is_empty() => json!({ "CustomerContext": context }),
        _ => json!(""),
    };
    response
}

impl Ups {
    /// Writes a list the way the options say.
    pub(super) fn list(&self, mut items: Vec<Value>) -> Value {
        let collapse = match self.options.lists {
            Lists::Kept => false,
            Lists::Collapsed => true,
            Lists::Mixed => lock(&self.book).dice.chance(0.5),
        };
        if collapse && items.len() == 1 { items.remove(0) } else { Value::Array(items) }
    }
}

/// The text at a JSON pointer; empty when there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// What UPS accepts as a list: the list itself, one element alone, or nothing.
pub fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}
