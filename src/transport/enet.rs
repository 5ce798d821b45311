//! SYSPRO's e.net over HTTP: XML documents in query parameters.
//!
//! Every call is a GET. An answer is XML, XML as a JSON string, or a text such as `ERROR: …`, all with the status 200,
//! so whether it is good is for the answer rules (`body.text`).

use http::Method;
use http::header::ACCEPT;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::charset::{Charset, decode_xml, windows_1252_has};
use super::headers::{Headers, media_type};
use super::unreadable::unreadable;
use super::url::append_query;
use super::{Body, Parts, Transport, TransportError, xml};
use crate::expression::{BlockChecker, ValueTemplate};
use crate::http::{Incoming, Outgoing};

/// The bodies that requests may have.
pub const BODIES: &[&str] = &["xml"];

/// SYSPRO's e.net: each field of `xml:` is a query parameter that holds an XML document; every call is a GET.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Enet")]
pub struct Block {
    /// What documents are declared to be encoded in, and what answers are that do not say.
    #[serde(default)]
    pub encoding: Encoding,
    /// Headers of every request; templates over `settings` and `request_id`. A name written `name?` is left out when
    /// empty.
    #[serde(default)]
    pub headers: Map<String, Value>,
}

/// An encoding that e.net knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "EnetEncoding")]
pub enum Encoding {
    /// What SYSPRO declares.
    #[default]
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// What some newer services declare.
    #[serde(rename = "utf-8")]
    Utf8,
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    encoding: Encoding,
    headers: ValueTemplate,
}

impl Block {
    /// Compiles what is written. The checker's scope must hold `settings` and `request_id`.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        let headers = checker.values("/headers", &Value::Object(self.headers.clone()))?;
        Some(Config { encoding: self.encoding, headers })
    }
}

impl Config {
    /// Puts it to work for one connection with these settings, an object.
    pub fn build(&self, settings: &Value) -> Enet {
        Enet { encoding: self.encoding, headers: Headers::new(&self.headers, settings) }
    }
}

/// e.net at work for one connection.
#[derive(Debug)]
pub struct Enet {
    encoding: Encoding,
    headers: Headers,
}

impl Transport for Enet {
    fn write(&self, parts: Parts) -> Result<Outgoing, TransportError> {
        if parts.method != Method::GET {
            let message = format!("e.net is asked with GET for everything, not {}.", parts.method);
            return Err(TransportError::Unwritable(message));
        }
        let headers = self.headers.write(&[(ACCEPT, "application/json, text/xml, */*")], &parts)?;
        let mut url = parts.url;
        append_query(&mut url, &parts.query);
        append_query(&mut url, &self.documents(parts.body.as_ref())?);
        Ok(Outgoing { method: parts.method, url, headers, body: None })
    }

    fn read(&self, answer: &Incoming) -> Result<Value, TransportError> {
        let media_type = media_type(answer);
        let otherwise = match self.encoding {
            Encoding::Windows1252 => Charset::Windows1252,
            Encoding::Utf8 => Charset::Utf8,
        };
        let text = decode_xml(&answer.body, media_type, otherwise).map_err(TransportError::Unreadable)?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        // Some versions wrap what they answer in a JSON string.
        let unwrapped = serde_json::from_str::<String>(text.trim());
        let text = unwrapped.as_deref().unwrap_or(&text).trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
        if text.starts_with('<') {
            return xml::read(text)
                .map_err(|error| unreadable(text, media_type, &format!("no XML: {error}")));
        }
        Ok(Value::from_iter([("text", Value::from(text))]))
    }
}

impl Enet {
    /// One parameter for each document.
    fn documents(&self, body: Option<&Body>) -> Result<Vec<(String, String)>, TransportError> {
        let fields = match body {
            None => return Ok(Vec::new()),
            Some(Body::Xml(Value::Object(fields))) => fields,
            Some(Body::Xml(_)) => {
                let message = "`xml` must hold query parameters by name, each a document.".to_owned();
                return Err(TransportError::Unwritable(message));
            }
            Some(other) => return Err(TransportError::cannot_send("enet", other, "xml")),
        };
        let (name, has): (_, fn(char) -> bool) = match self.encoding {
            Encoding::Windows1252 => ("Windows-1252", windows_1252_has),
            Encoding::Utf8 => ("utf-8", |_| true),
        };
        let writer = xml::Writer { prefixes: &[], has: Some(has) };
        let written = |(parameter, tree): (&String, &Value)| {
            let document = writer.document(tree).map_err(|error| {
                TransportError::Unwritable(format!("The parameter `{parameter}`: {error}"))
            })?;
            let document = format!("<?xml version=\"1.0\" encoding=\"{name}\"?>{document}");
            Ok((parameter.clone(), document))
        };
        fields.iter().filter(|(_, tree)| !tree.is_null()).map(written).collect()
    }
}
