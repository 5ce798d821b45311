//! Ways to speak to an API, one file a kind: how a request is written and an answer is read.
//!
//! # The contract of a kind
//! - [`Transport::write`] turns evaluated parts into a request; what it writes is a function of the parts alone.
//! - [`Transport::read`] turns an answer's body into a JSON value tree; an empty body is null. It never judges:
//!   whether the answer is good is for the answer rules.
//!
//! - `BODIES` are the forms of body that it can write; a request with another is a finding.
//!
//! A new kind is one file and one line in [`kind`]. [`url`] puts addresses together so that no value can lead elsewhere.
//! What kinds share: `headers`, `json`, [`xml`], `charset` for the text of answers, `unreadable` for what is said of them,
//! `readable` for how requests are shown.

use serde_json::Value;

use crate::http::{Incoming, Outgoing};

mod charset;
pub mod enet;
pub mod graphql;
mod headers;
mod json;
pub mod kind;
pub mod odata;
mod readable;
pub mod rest;
pub mod soap;
#[cfg(test)]
mod tests;
mod unreadable;
pub mod url;
pub mod xml;

pub use kind::{KINDS, TransportBlock, TransportConfig};
pub use readable::readable;

/// The parts of a request, evaluated.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The method.
    pub method: http::Method,
    /// Base URL and path joined, percent-encoded.
    pub url: ::url::Url,
    /// Query parameters in order.
    pub query: Vec<(String, String)>,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// The body, as far as there is one.
    pub body: Option<Body>,
    /// Names this one call, for transports whose headers carry it (`request_id`).
    pub request_id: String,
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A value tree, to be written as JSON.
    Json(Value),
    /// A value tree, to be written as XML.
    Xml(Value),
    /// A GraphQL document with its variables.
    Graphql {
        /// The document.
        query: String,
        /// An object.
        variables: Value,
        /// Which of the document's operations is meant.
        operation_name: Option<String>,
    },
}

impl Body {
    /// The name of the form, as requests in system files have it.
    pub fn form(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::Xml(_) => "xml",
            Self::Graphql { .. } => "graphql",
        }
    }
}

/// Why a request cannot be written or an answer not be read.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// A part cannot be put on the wire, such as a line break in a header. Nothing was sent.
    #[error("{0}")]
    Unwritable(String),
    /// The body is not what this transport speaks.
    #[error("{0}")]
    Unreadable(String),
}

impl TransportError {
    /// What is said of a request with a body of another form than the kind can write.
    fn cannot_send(kind: &str, body: &Body, sends: &str) -> Self {
        Self::Unwritable(format!("The transport `{kind}` cannot send `{}`; it sends `{sends}`.", body.form()))
    }
}

/// A way to speak to an API.
pub trait Transport: Send + Sync + std::fmt::Debug {
    /// Writes a request.
    ///
    /// # Errors
    /// When a part cannot be put on the wire.
    fn write(&self, parts: Parts) -> Result<Outgoing, TransportError>;

    /// Reads an answer's body.
    ///
    /// # Errors
    /// When the body is not what this transport speaks.
    fn read(&self, answer: &Incoming) -> Result<Value, TransportError>;
}
