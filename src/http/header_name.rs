//! A header name that an author wrote, checked when the file is read.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

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
