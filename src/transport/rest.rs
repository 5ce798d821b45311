//! JSON over HTTP.

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
        Rest { headers: Headers::new(&self.headers, settings) }
    }
}

/// JSON over HTTP at work for one connection.
#[derive(Debug)]
pub struct Rest {
    headers: Headers,
}

impl Transport for Rest {
    fn write(&self, parts: Parts) -> Result<Outgoing, TransportError> {
        let body = json::write("rest", parts.body.as_ref())?;
        let mut kind = vec![(ACCEPT, "application/json")];
        if body.is_some() {
            kind.push((CONTENT_TYPE, "application/json"));
        }
        let headers = self.headers.write(&kind, &parts)?;
        let mut url = parts.url;
        append_query(&mut url, &parts.query);
        Ok(Outgoing { method: parts.method, url, headers, body })
    }

    fn read(&self, answer: &Incoming) -> Result<Value, TransportError> {
        json::read(answer)
    }
}
