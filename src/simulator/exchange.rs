//! A call that came in and the answer to it, free of any server.

use axum::http::HeaderMap;
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

/// One request, read to its end.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The path as sent, without the query.
    pub path: String,
    /// The query's pairs, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The headers as sent.
    pub headers: HeaderMap,
    /// The body as sent.
    pub body: Bytes,
}

impl Call {
    /// A call with an optional JSON body, for tests and in-process use.
    pub fn new(method: &str, target: &str, body: Option<&Value>) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: HeaderMap::new(),
            body: body.map(|body| Bytes::from(body.to_string())).unwrap_or_default(),
        }
    }

    /// The same call with one more header; a header that HTTP does not allow is left out.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.insert(name, value);
        }
        self
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The first query parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The path's parts, percent-decoded.
    pub fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|part| !part.is_empty()).map(decode).collect()
    }

    /// The body as JSON; `None` when it is empty or something else.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

fn decode(part: &str) -> String {
    // A form decoder reads percent signs and plus signs; a plus in a path means itself.
    let pairs = url::form_urlencoded::parse(part.replace('+', "%2B").replace('&', "%26").as_bytes())
        .into_owned()
        .collect::<Vec<_>>();
    match pairs.as_slice() {
        [(name, value)] if value.is_empty() && !part.contains('=') => name.clone(),
        _ => part.to_owned(),
    }
}

/// One answer, complete.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// An answer with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::from(body.to_string()) }
            .with("content-type", "application/json;charset=UTF-8")
    }

    /// An answer with whatever serialises; what does not, answers `null`.
    pub fn of(status: u16, body: &impl Serialize) -> Self {
        Self::json(status, &serde_json::to_value(body).unwrap_or(Value::Null))
    }

    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// The page that a proxy in front of the real system shows when it is unwell.
    pub fn html(status: u16) -> Self {
        let page =
            "<html><head><title>Service unavailable</title></head><body><h1>Bad gateway</h1></body></html>";
        Self { status, headers: Vec::new(), body: Bytes::from_static(page.as_bytes()) }
            .with("content-type", "text/html")
    }

    /// An answer of the control endpoints that refuses, with the reason.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::json(400, &json!({ "error": message.into() }))
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// A header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `Null` when there is none.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_part_by_part() {
        let call = Call::new("GET", "/v1/ABC/tables/CI_Item/A%2FB%20+1?x=1%202", None);
        assert_eq!(call.segments(), ["v1", "ABC", "tables", "CI_Item", "A/B +1"]);
        assert_eq!(call.parameter("x"), Some("1 2"));
    }
}
