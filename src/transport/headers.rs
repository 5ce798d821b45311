//! The headers of a request: those of the kind, of the system file and of the operation, in this order.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::{Parts, TransportError};
use crate::expression::{ValueTemplate, Values};
use crate::http::Incoming;

/// Headers that the client alone may write.
const FRAMING: &[&str] =
    &["host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "trailer"];

/// The headers of every request that a system file names, at work for one connection.
#[derive(Clone)]
pub(super) struct Headers {
    tree: ValueTemplate,
    values: Values,
}

impl Headers {
    /// Headers for one connection with these settings, an object.
    pub(super) fn new(tree: &ValueTemplate, settings: &Value) -> Self {
        let mut values = Values::default();
        values.set("settings", settings);
        Self { tree: tree.clone(), values }
    }

    /// All headers of a request. The operation's come last: they know better than what is the same for all.
    pub(super) fn write(
        &self,
        kind: &[(HeaderName, &str)],
        parts: &Parts,
    ) -> Result<HeaderMap, TransportError> {
        let mut headers = HeaderMap::new();
        for (name, value) in kind {
            set(&mut headers, name.as_str(), value)?;
        }
        if let Value::Object(own) = evaluate(&self.tree, &self.values, &parts.request_id)? {
            for (name, value) in own {
                set(&mut headers, &name, &text(&name, value)?)?;
            }
        }
        for (name, value) in &parts.headers {
            set(&mut headers, name, value)?;
        }
        Ok(headers)
    }
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Headers").field("tree", &self.tree).finish_non_exhaustive()
    }
}

/// A tree over `settings` and `request_id`.
pub(super) fn evaluate(
    tree: &ValueTemplate,
    settings: &Values,
    request_id: &str,
) -> Result<Value, TransportError> {
    let mut values = settings.clone();
    values.set("request_id", &Value::from(request_id));
    tree.evaluate(&values).map_err(|error| TransportError::Unwritable(error.to_string()))
}

/// The content type of an answer, or nothing.
pub(super) fn media_type(answer: &Incoming) -> &str {
    answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn text(name: &str, value: Value) -> Result<String, TransportError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(TransportError::Unwritable(format!(
            "The header `{name}` has no text; write `{name}?` if it is to be left out then."
        ))),
    }
}

fn set(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), TransportError> {
    let unwritable =
        |what: &str| Err(TransportError::Unwritable(format!("The header `{}` {what}.", name.escape_debug())));
    let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
        return unwritable("has a name that cannot be sent");
    };
    if FRAMING.contains(&header.as_str()) {
        return unwritable("says how the request is framed, which is not for a file to say");
    }
    // Bytes beyond ASCII mean different things to different servers.
    if !value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        return unwritable("has a value with line breaks or other characters that a header cannot carry");
    }
    let Ok(value) = HeaderValue::from_str(value) else {
        return unwritable("has a value that cannot be sent");
    };
    headers.insert(header, value);
    Ok(())
}
