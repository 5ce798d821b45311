//! What an event holds: its records, or where they are.

use serde_json::Value;

use super::{Holds, Taker};
use crate::engine::connection::Connection;
use crate::expression::{EvaluationError, normalise};
use crate::spec::model::{Content, Webhook};
use crate::store::Event;

/// What an event holds.
#[derive(Debug, PartialEq)]
pub(super) enum Held {
    /// Records.
    Records(Vec<Value>),
    /// The URL at which they are.
    Pointer(String),
}

impl Taker {
    /// Reads an event's body.
    ///
    /// # Errors
    /// Why nobody can.
    pub(super) fn read(&self, event: &Event) -> Result<Held, String> {
        let body = serde_json::from_slice(&event.body).map_err(|error| format!("it is not JSON: {error}"))?;
        match &self.holds {
            Holds::Told => Ok(Held::Records(vec![body])),
            Holds::Pushed(connection, webhook) => pushed(connection, webhook, body),
        }
    }
}

fn pushed(connection: &Connection, webhook: &Webhook, body: Value) -> Result<Held, String> {
    let body = normalise(body, &webhook.body).map_err(|mismatches| {
        let places: Vec<String> = mismatches.iter().take(5).map(ToString::to_string).collect();
        format!("it does not have the shape that {} declares: {}", webhook.place, places.join("; "))
    })?;
    let mut values = connection.values.clone();
    values.set("body", &body);
    let say = |error: EvaluationError| format!("webhook {} ({}): {error}", webhook.name, webhook.place);
    Ok(match &webhook.content {
        Content::Inline { give: None, .. } => Held::Records(records(body)),
        Content::Inline { give: Some(give), .. } => {
            Held::Records(records(give.evaluate(&values).map_err(say)?))
        }
        Content::Pointer { url, .. } => Held::Pointer(url.text(&values).map_err(say)?),
    })
}

/// Nothing is no record, and a single one is one.
fn records(value: Value) -> Vec<Value> {
    match value {
        Value::Array(records) => records,
        Value::Null => Vec::new(),
        single => vec![single],
    }
}
