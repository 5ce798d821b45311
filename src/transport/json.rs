//! JSON as the kinds that speak it write and read it.

use bytes::Bytes;
use serde_json::Value;

use super::headers::media_type;
use super::unreadable::unreadable;
use super::{Body, TransportError, charset};
use crate::http::Incoming;

/// Writes a body that may be absent.
pub(super) fn write(kind: &str, body: Option<&Body>) -> Result<Option<Bytes>, TransportError> {
    match body {
        None => Ok(None),
        Some(Body::Json(json)) => Ok(Some(Bytes::from(json.to_string()))),
        Some(other) => Err(TransportError::cannot_send(kind, other, "json")),
    }
}

/// Reads an answer; an empty one is null.
pub(super) fn read(answer: &Incoming) -> Result<Value, TransportError> {
    let media_type = media_type(answer);
    let text = charset::decode(&answer.body, media_type).map_err(TransportError::Unreadable)?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text.trim()).map_err(|error| {
        let is_markup = text.trim_start().starts_with('<');
        let what = if is_markup { "a page of HTML or XML".to_owned() } else { format!("no JSON ({error})") };
        unreadable(&text, media_type, &what)
    })
}
