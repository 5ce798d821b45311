//! GraphQL over HTTP.
//!
//! What is read is the whole `{ data, errors, extensions }`: a service may give data and errors together, so whether the
//! answer is good is for the answer rules (`body.errors`).

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::headers::Headers;
use super::url::append_query;
use super::{Body, Parts, Transport, TransportError, json};
use crate::expression::{BlockChecker, ValueTemplate};
use crate::http::{Incoming, Outgoing};

/// The bodies that requests may have.
pub const BODIES: &[&str] = &["graphql"];

/// GraphQL over HTTP: every request is a POST of a document with its variables.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Graphql")]
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
    pub fn build(&self, settings: &Value) -> Graphql {
        Graphql { headers: Headers::new(&self.headers, settings) }
    }
}

/// GraphQL at work for one connection.
#[derive(Debug)]
pub struct Graphql {
    headers: Headers,
}

impl Transport for Graphql {
    fn write(&self, parts: Parts) -> Result<Outgoing, TransportError> {
        let body = parts.body.as_ref().map(document).transpose()?;
        if body.is_some() && parts.method != Method::POST {
            let message = format!("GraphQL is sent with POST, not {}.", parts.method);
            return Err(TransportError::Unwritable(message));
        }
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

/// What is posted, as the GraphQL-over-HTTP specification has it.
fn document(body: &Body) -> Result<Bytes, TransportError> {
    let Body::Graphql { query, variables, operation_name } = body else {
        return Err(TransportError::cannot_send("graphql", body, "graphql"));
    };
    let mut fields = Map::new();
    fields.insert("query".to_owned(), Value::from(query.as_str()));
    if variables.as_object().is_some_and(|variables| !variables.is_empty()) {
        fields.insert("variables".to_owned(), variables.clone());
    }
    if let Some(name) = operation_name {
        fields.insert("operationName".to_owned(), Value::from(name.as_str()));
    }
    Ok(Bytes::from(Value::Object(fields).to_string()))
}
