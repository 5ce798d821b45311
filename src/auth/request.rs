//! A request that a kind makes for itself, such as logging on: written like an operation's, but small.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::AuthError;
use crate::expression::{BlockChecker, EvaluationError, Template, ValueTemplate, Values};
use crate::http::{Outgoing, authority, percent_encoded};

/// A request that an auth kind makes for itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AuthRequest")]
pub struct Block {
    /// The method.
    pub method: Method,
    /// The path below the base URL; a template over `settings`.
    pub path: String,
    /// Query parameters; templates over `settings` and `secret`. A name written `name?` is left out when empty.
    #[serde(default)]
    pub query: Map<String, Value>,
    /// Headers; templates over `settings`. A name written `name?` is left out when empty.
    #[serde(default)]
    pub headers: Map<String, Value>,
    /// A JSON body; templates over `settings` and `secret`.
    #[serde(default)]
    pub json: Option<Value>,
}

/// The method of a request that an auth kind makes for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "AuthMethod")]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub(super) struct Request {
    method: Method,
    path: Template,
    query: ValueTemplate,
    headers: ValueTemplate,
    json: Option<ValueTemplate>,
}

impl Block {
    /// Compiles what is written at `pointer`.
    pub(super) fn check(&self, checker: &mut dyn BlockChecker, pointer: &str) -> Option<Request> {
        let at = |field: &str| format!("{pointer}/{field}");
        // All of it is checked before any `?`, so that one mistake does not hide the next.
        let path = checker.template(&at("path"), &self.path);
        let query = checker.values(&at("query"), &Value::Object(self.query.clone()));
        let headers = checker.values(&at("headers"), &Value::Object(self.headers.clone()));
        let json = match &self.json {
            Some(json) => checker.values(&at("json"), json).map(Some),
            None => Some(None),
        };
        Some(Request { method: self.method, path: path?, query: query?, headers: headers?, json: json? })
    }
}

impl Request {
    /// Writes the request over `values`; placeholders are still in it.
    pub(super) fn render(&self, base_url: &str, values: &Values) -> Result<Outgoing, AuthError> {
        let path = self.path.encoded(values, &percent_encoded).map_err(refused)?;
        let mut url = below(base_url, &path)?;
        let query: Vec<String> = texts(&self.query.evaluate(values).map_err(refused)?)?
            .iter()
            .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)))
            .collect();
        url.set_query((!query.is_empty()).then(|| query.join("&")).as_deref());
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let json = self.json.as_ref().map(|json| json.evaluate(values).map_err(refused)).transpose()?;
        if json.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in texts(&self.headers.evaluate(values).map_err(refused)?)? {
            let unsent = |_| AuthError::Refused(format!("The header `{name}` cannot be sent."));
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsent(()))?;
            headers.insert(header, HeaderValue::from_str(&value).map_err(|_| unsent(()))?);
        }
        let method = match self.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
        };
        Ok(Outgoing { method, url, headers, body: json.map(|json| Bytes::from(json.to_string())) })
    }
}

/// `path` below `base_url`, on the same host whatever the path says.
fn below(base_url: &str, path: &str) -> Result<Url, AuthError> {
    let no_path =
        || AuthError::Refused(format!("`{path}` is no path below the base URL; write for example `/Logon`."));
    let base = Url::parse(base_url.trim()).map_err(|_| {
        AuthError::Refused(
            "The connection's base URL is no address such as `https://erp.example.com`.".to_owned(),
        )
    })?;
    let odd =
        |letter: char| matches!(letter, '?' | '#' | '\\') || letter.is_whitespace() || letter.is_control();
    let dots = path.to_ascii_lowercase().replace("%2e", ".");
    if !path.starts_with('/') || path.contains(odd) || dots.split('/').any(|part| matches!(part, "." | ".."))
    {
        return Err(no_path());
    }
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url.set_query(None);
    url.set_fragment(None);
    if authority(&url) == authority(&base) { Ok(url) } else { Err(no_path()) }
}

/// Names with text; null leaves one out.
fn texts(evaluated: &Value) -> Result<Vec<(String, String)>, AuthError> {
    let text = |(name, value): (&String, &Value)| match value {
        Value::Null => None,
        Value::String(text) => Some(Ok((name.clone(), text.clone()))),
        Value::Number(_) | Value::Bool(_) => Some(Ok((name.clone(), value.to_string()))),
        Value::Array(_) | Value::Object(_) => {
            Some(Err(AuthError::Refused(format!("`{name}` is not text, so it cannot be sent."))))
        }
    };
    evaluated.as_object().into_iter().flatten().filter_map(text).collect()
}

pub(super) fn refused(error: EvaluationError) -> AuthError {
    AuthError::Refused(error.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_base() {
        let url = |path: &str| below("http://app01:31002/Service/Rest/", path).map(|url| url.to_string());
        assert_eq!(url("/Logon").unwrap(), "http://app01:31002/Service/Rest/Logon");
        for path in ["Logon", "/../x", "/a/%2E./b", "/a?b", "/a#b", "/a b", "/a\\b", "@evil.example/", ""] {
            assert!(url(path).unwrap_err().to_string().contains("is no path"), "{path}");
        }
        assert!(below("app01", "/x").unwrap_err().to_string().contains("base URL"));
    }
}
