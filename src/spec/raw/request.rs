//! What is sent, as authors write it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::written::{AnyTree, Table, Written};

/// What is sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Request")]
pub struct RawRequest {
    /// The method.
    #[schemars(required)]
    pub method: Option<RawMethod>,
    /// Appended to the base URL; each expression becomes one path segment.
    #[schemars(required, example = &"/v1/orders/{{ input.number }}")]
    pub path: Option<Written<String>>,
    /// Query parameters; one whose name ends in `?` is left out when it is empty.
    #[schemars(with = "Option<Table<AnyTree>>")]
    pub query: Option<AnyTree>,
    /// Headers; one whose name ends in `?` is left out when it is empty.
    #[schemars(with = "Option<Table<AnyTree>>")]
    pub headers: Option<AnyTree>,
    /// A body of JSON; a field whose name ends in `?` is left out when it is empty.
    pub json: Option<AnyTree>,
    /// A body of XML: elements by name, `@name` for attributes, `#text` for text beside them.
    pub xml: Option<AnyTree>,
    /// A body of GraphQL.
    pub graphql: Option<RawGraphql>,
}

/// A GraphQL document with its variables.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GraphqlBody")]
pub struct RawGraphql {
    /// The document, as it is: what varies goes into `variables`.
    #[schemars(required, example = &"query ($number: String!) { order(number: $number) { status } }")]
    pub query: Option<Written<String>>,
    /// The variables; one whose name ends in `?` is left out when it is empty.
    #[schemars(with = "Option<Table<AnyTree>>")]
    pub variables: Option<AnyTree>,
    /// Which of the document's operations is meant, where it has several.
    pub operation_name: Option<Written<String>>,
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "Method")]
#[allow(missing_docs, reason = "they say it all")]
pub enum RawMethod {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}
