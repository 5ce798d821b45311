//! JSON over HTTP.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::url::append_query;
use super::{Body, Parts, Transport, TransportError, charset};
use crate::expression::{BlockChecker, ValueTemplate, Values};
use crate::http::{Incoming, Outgoing};

/// Headers that the client alone may write.
const FRAMING: &[&str] =
    &["host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "trailer"];

/// JSON over HTTP.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rest")]
pub struct Block {
    /// Headers of every request; templates over `settings` and `request_id`. A name written `name?` is left out when
    /// empty.
    #[serde(default)]
    pub headers: Map<String, Value>,
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    headers: ValueTemplate,
}

impl Block {
    /// Compiles what is written. The checker's scope must hold `settings` and `request_id`.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        Some(Config { headers: checker.values("/headers", &Value::Object(self.headers.clone()))? })
    }
}

impl Config {
    /// Puts it to work for one connection with these settings, an object.
    pub fn build(&self, settings: &Value) -> Rest {
        let mut values = Values::default();
        values.set("settings", settings);
        Rest { headers: self.headers.clone(), values }
    }
}

/// JSON over HTTP at work for one connection.
pub struct Rest {
    headers: ValueTemplate,
    values: Values,
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rest").field("headers", &self.headers).finish_non_exhaustive()
    }
}

impl Transport for Rest {
    fn write(&self, parts: Parts) -> Result<Outgoing, TransportError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let body = match parts.body {
            None => None,
            Some(Body::Json(json)) => Some(Bytes::from(json.to_string())),
            Some(other) => {
                let message =
                    format!("The transport `rest` cannot send `{}`; it sends `json`.", other.form());
                return Err(TransportError::Unwritable(message));
            }
        };
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in self.own_headers(&parts.request_id)? {
            set_header(&mut headers, &name, &value)?;
        }
        // The operation's come last: they know better than what is the same for all.
        for (name, value) in &parts.headers {
            set_header(&mut headers, name, value)?;
        }
        let mut url = parts.url;
        append_query(&mut url, &parts.query);
        Ok(Outgoing { method: parts.method, url, headers, body })
    }

    fn read(&self, answer: &Incoming) -> Result<Value, TransportError> {
        let media_type =
            answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let text = charset::decode(&answer.body, media_type).map_err(TransportError::Unreadable)?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(text.trim()).map_err(|error| unreadable(&text, media_type, &error))
    }
}

impl Rest {
    fn own_headers(&self, request_id: &str) -> Result<Vec<(String, String)>, TransportError> {
        let mut values = self.values.clone();
        values.set("request_id", &Value::from(request_id));
        let headers =
            self.headers.evaluate(&values).map_err(|error| TransportError::Unwritable(error.to_string()))?;
        let Value::Object(headers) = headers else { return Ok(Vec::new()) };
        headers.into_iter().map(|(name, value)| text(&name, value).map(|value| (name, value))).collect()
    }
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

fn set_header(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), TransportError> {
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

fn unreadable(text: &str, media_type: &str, error: &serde_json::Error) -> TransportError {
    let start = text.trim_start();
    let what = if start.starts_with('<') {
        "a page of HTML or XML".to_owned()
    } else {
        format!("no JSON ({error})")
    };
    let beginning: String = start.chars().take(200).collect();
    let media_type = if media_type.is_empty() { "no content type" } else { media_type };
    TransportError::Unreadable(format!(
        "The answer is {what}, with {media_type}; it begins: {}",
        beginning.escape_debug()
    ))
}
