//! A header name that an author wrote, checked when the file is read.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::AuthError;
use crate::http::Outgoing;

/// The name of an HTTP header, such as `X-API-Key`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HeaderName(http::HeaderName);

impl HeaderName {
    /// The name as the HTTP library wants it.
    pub fn name(&self) -> &http::HeaderName {
        &self.0
    }
}

impl TryFrom<String> for HeaderName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        http::HeaderName::from_bytes(text.as_bytes())
            .map(Self)
            .map_err(|_| format!("`{text}` cannot be the name of a header; write for example `X-API-Key`"))
    }
}

impl JsonSchema for HeaderName {
    fn schema_name() -> Cow<'static, str> {
        "HeaderName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "The name of an HTTP header, such as `X-API-Key`.",
            "pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        })
    }
}

/// Puts the credential called `name` into a header of `request`, marked so that HTTP/2 does not index it.
///
/// # Errors
/// When the credential holds what no header can carry.
pub(super) fn insert(
    request: &mut Outgoing,
    header: &http::HeaderName,
    name: &str,
    value: &str,
) -> Result<(), AuthError> {
    let mut value = http::HeaderValue::from_str(value.trim()).map_err(|_| {
        AuthError::Refused(format!(
            "The credential `{name}` holds characters that the header `{header}` cannot carry; set it again."
        ))
    })?;
    value.set_sensitive(true);
    request.headers.insert(header.clone(), value);
    Ok(())
}

/// Whether `request` carries this value in `header`.
pub(super) fn carries(request: &Outgoing, header: &http::HeaderName, value: &str) -> bool {
    request.headers.get(header).is_some_and(|carried| carried.as_bytes() == value.trim().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_can_be_sent_are_read() {
        let read = |text: &str| serde_json::from_value::<HeaderName>(text.into());
        assert_eq!(read("X-API-Key").unwrap().name().as_str(), "x-api-key");
        for text in ["", "X Key", "X-Key:", "X-Key\r\nHost", "Schlüssel"] {
            assert!(read(text).unwrap_err().to_string().contains("cannot be the name of a header"), "{text}");
        }
    }
}
