//! OData: JSON over HTTP with the habits of services made with Microsoft's libraries.
//!
//! Some of them (Sage 300) answer 500 to a request without a content type, also when it has no body. Blanks in queries
//! are `%20`, since `+` is a plus sign to them, and the `$` of their parameters stays readable.

use http::header::{ACCEPT, CONTENT_TYPE};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::headers::Headers;
use super::url::append_query;
use super::{Parts, Transport, TransportError, json};
use crate::expression::{BlockChecker, ValueTemplate};
use crate::http::{Incoming, Outgoing};

/// The bodies that requests may have.
pub const BODIES: &[&str] = &["json"];

/// OData over HTTP: JSON, with a content type on every request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Odata")]
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
    pub fn build(&self, settings: &Value) -> Odata {
        Odata { headers: Headers::new(&self.headers, settings) }
    }
}

/// OData at work for one connection.
#[derive(Debug)]
pub struct Odata {
    headers: Headers,
}

impl Transport for Odata {
    fn write(&self, parts: Parts) -> Result<Outgoing, TransportError> {
        let body = json::write("odata", parts.body.as_ref())?;
        let kind = [(ACCEPT, "application/json"), (CONTENT_TYPE, "application/json")];
        let headers = self.headers.write(&kind, &parts)?;
        let mut url = parts.url;
        append_query(&mut url, &parts.query);
        Ok(Outgoing { method: parts.method, url, headers, body })
    }

    fn read(&self, answer: &Incoming) -> Result<Value, TransportError> {
        json::read(answer)
    }
}
