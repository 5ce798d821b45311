//! SOAP: XML in an envelope.

use bytes::Bytes;
use http::HeaderName;
use http::header::{ACCEPT, CONTENT_TYPE};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::charset::{Charset, decode_xml};
use super::headers::{Headers, evaluate, media_type};
use super::unreadable::unreadable;
use super::url::append_query;
use super::{Body, Parts, Transport, TransportError, xml};
use crate::expression::{BlockChecker, ValueTemplate, Values};
use crate::http::{Incoming, Outgoing};

/// The bodies that requests may have.
pub const BODIES: &[&str] = &["xml"];

/// The envelope's own prefix.
const PREFIX: &str = "soapenv";

/// SOAP over HTTP: `xml:` is the envelope's body, and of an answer its body's content is read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Soap")]
pub struct Block {
    /// The version; it decides on the envelope's namespace and the content type.
    #[serde(default)]
    pub version: Version,
    /// Namespaces by prefix, declared on the envelope; templates over `settings`. The prefix `soapenv` is the envelope's.
    #[serde(default)]
    pub namespaces: Map<String, Value>,
    /// HTTP headers of every request; templates over `settings` and `request_id`. A name written `name?` is left out when
    /// empty. `SOAPAction` belongs into the headers of an operation.
    #[serde(default)]
    pub headers: Map<String, Value>,
    /// The envelope's header, a tree as in `xml:`; templates over `settings` and `request_id`.
    #[serde(default)]
    pub header: Map<String, Value>,
}

/// A version of SOAP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "SoapVersion")]
pub enum Version {
    /// SOAP 1.1: `text/xml`, with a `SOAPAction` header.
    #[default]
    #[serde(rename = "1.1")]
    V1_1,
    /// SOAP 1.2: `application/soap+xml`; an operation's `SOAPAction` becomes the content type's `action`.
    #[serde(rename = "1.2")]
    V1_2,
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    version: Version,
    namespaces: ValueTemplate,
    headers: ValueTemplate,
    header: ValueTemplate,
}

impl Block {
    /// Compiles what is written. The checker's scope must hold `settings` and `request_id`.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        let namespaces = checker.values("/namespaces", &Value::Object(self.namespaces.clone()));
        let headers = checker.values("/headers", &Value::Object(self.headers.clone()));
        let header = checker.values("/header", &Value::Object(self.header.clone()));
        Some(Config { version: self.version, namespaces: namespaces?, headers: headers?, header: header? })
    }
}

impl Config {
    /// Puts it to work for one connection with these settings, an object.
    pub fn build(&self, settings: &Value) -> Soap {
        let mut values = Values::default();
        values.set("settings", settings);
        Soap { config: self.clone(), headers: Headers::new(&self.headers, settings), values }
    }
}

/// SOAP at work for one connection.
pub struct Soap {
    config: Config,
    headers: Headers,
    values: Values,
}

impl std::fmt::Debug for Soap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Soap").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Transport for Soap {
    fn write(&self, mut parts: Parts) -> Result<Outgoing, TransportError> {
        let body = match &parts.body {
            None => None,
            Some(Body::Xml(tree)) => Some(Bytes::from(self.envelope(tree, &parts.request_id)?)),
            Some(other) => return Err(TransportError::cannot_send("soap", other, "xml")),
        };
        let action = take_action(&mut parts.headers);
        let (accept, content_type) = self.content_type(&action);
        let mut kind = vec![(ACCEPT, accept)];
        if body.is_some() {
            kind.push((CONTENT_TYPE, content_type.as_str()));
        }
        let quoted = format!("\"{action}\"");
        if body.is_some() && self.config.version == Version::V1_1 {
            kind.push((HeaderName::from_static("soapaction"), &quoted));
        }
        let headers = self.headers.write(&kind, &parts)?;
        let mut url = parts.url;
        append_query(&mut url, &parts.query);
        Ok(Outgoing { method: parts.method, url, headers, body })
    }

    fn read(&self, answer: &Incoming) -> Result<Value, TransportError> {
        let media_type = media_type(answer);
        let text = decode_xml(&answer.body, media_type, Charset::Utf8).map_err(TransportError::Unreadable)?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        let mut tree = xml::read(text.trim_start())
            .map_err(|error| unreadable(&text, media_type, &format!("no XML: {error}")))?;
        let mut envelope = tree.get_mut("Envelope").map(Value::take);
        match envelope.as_mut().and_then(|envelope| envelope.get_mut("Body")).map(Value::take) {
            Some(Value::Object(mut fields)) => {
                fields.retain(|name, _| !name.starts_with(['@', '#']));
                Ok(Value::Object(fields))
            }
            // An empty body is how an operation without a result answers.
            Some(Value::String(_)) => Ok(Value::Object(Map::new())),
            _ => Err(unreadable(&text, media_type, "no SOAP envelope with a body")),
        }
    }
}

impl Soap {
    fn envelope(&self, tree: &Value, request_id: &str) -> Result<String, TransportError> {
        let mut declarations = format!("xmlns:{PREFIX}=\"{}\"", self.config.version.namespace());
        let mut prefixes = vec![PREFIX.to_owned()];
        if let Value::Object(namespaces) = evaluate(&self.config.namespaces, &self.values, request_id)? {
            for (prefix, uri) in namespaces {
                let uri = uri.as_str().unwrap_or_default();
                declarations.push(' ');
                declarations.push_str(&declaration(&prefix, uri)?);
                prefixes.push(prefix);
            }
        }
        let writer = xml::Writer { prefixes: &prefixes, has: None };
        let elements = |tree: &Value| writer.elements(tree).map_err(TransportError::Unwritable);
        let header = elements(&evaluate(&self.config.header, &self.values, request_id)?)?;
        let header =
            if header.is_empty() { header } else { format!("<{PREFIX}:Header>{header}</{PREFIX}:Header>") };
        let body = elements(tree)?;
        Ok(format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><{PREFIX}:Envelope {declarations}>{header}<{PREFIX}:Body>{body}</{PREFIX}:Body></{PREFIX}:Envelope>"
        ))
    }

    /// What is accepted, and what is sent.
    fn content_type(&self, action: &str) -> (&'static str, String) {
        match self.config.version {
            Version::V1_1 => ("text/xml", "text/xml; charset=utf-8".to_owned()),
            Version::V1_2 if action.is_empty() => {
                ("application/soap+xml", "application/soap+xml; charset=utf-8".to_owned())
            }
            Version::V1_2 => {
                let sent = format!("application/soap+xml; charset=utf-8; action=\"{action}\"");
                ("application/soap+xml", sent)
            }
        }
    }
}

impl Version {
    fn namespace(self) -> &'static str {
        match self {
            Self::V1_1 => "http://schemas.xmlsoap.org/soap/envelope/",
            Self::V1_2 => "http://www.w3.org/2003/05/soap-envelope",
        }
    }
}

/// Takes `SOAPAction` out of an operation's headers, without the quotes that it is sent with.
fn take_action(headers: &mut Vec<(String, String)>) -> String {
    let at = headers.iter().position(|(name, _)| name.eq_ignore_ascii_case("soapaction"));
    at.map(|at| headers.remove(at).1.trim_matches('"').to_owned()).unwrap_or_default()
}

fn declaration(prefix: &str, uri: &str) -> Result<String, TransportError> {
    let reserved = prefix == PREFIX || prefix.to_ascii_lowercase().starts_with("xml");
    if reserved || uri.is_empty() {
        return Err(TransportError::Unwritable(format!(
            "The namespace `{}` cannot be declared: its prefix is reserved or it has no address.",
            prefix.escape_debug()
        )));
    }
    // The writer knows what a name is and how an attribute is escaped.
    let tree = Value::from_iter([("x", Value::from_iter([(format!("@xmlns:{prefix}"), Value::from(uri))]))]);
    let written = xml::write(&tree).map_err(TransportError::Unwritable)?;
    Ok(written.trim_start_matches("<x ").trim_end_matches("/>").to_owned())
}
