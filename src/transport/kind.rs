//! The kinds there are: one line each in `kinds!`, from which blocks, schema and dispatch follow.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Transport, enet, graphql, odata, rest, soap};
use crate::expression::BlockChecker;

/// Declares the kinds. A kind's module has a `Block` (what authors write), a `Config` (the same, checked) and its
/// [`Transport`].
macro_rules! kinds {
    ($( $(#[doc = $doc:literal])* $variant:ident in $module:ident; )+) => {
        /// How requests are written and answers read: one key, which is the kind, with its fields below.
        #[derive(Debug, Clone, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        #[schemars(rename = "Transport")]
        #[non_exhaustive]
        pub enum TransportBlock {
            $( $(#[doc = $doc])* $variant($module::Block), )+
        }

        /// A checked [`TransportBlock`].
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub enum TransportConfig {
            $( $(#[doc = $doc])* $variant($module::Config), )+
        }

        /// The names of all kinds.
        pub const KINDS: &[&str] = &[$( stringify!($module) ),+];

        impl TransportBlock {
            /// The kind's name.
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$variant(_) => stringify!($module), )+ }
            }

            /// Compiles what is written; `None` when a finding was made. Pointers are relative to the kind's fields.
            pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<TransportConfig> {
                match self { $( Self::$variant(block) => block.check(checker).map(TransportConfig::$variant), )+ }
            }
        }

        impl TransportConfig {
            /// The kind's name.
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$variant(_) => stringify!($module), )+ }
            }

            /// The forms of body that its requests may have: `json`, `xml` or `graphql`.
            pub fn bodies(&self) -> &'static [&'static str] {
                match self { $( Self::$variant(_) => $module::BODIES, )+ }
            }

            /// Puts it to work for one connection with these settings, an object.
            pub fn build(&self, settings: &Value) -> Arc<dyn Transport> {
                match self { $( Self::$variant(config) => Arc::new(config.build(settings)), )+ }
            }
        }
    };
}

kinds! {
    /// JSON over HTTP.
    Rest in rest;
    /// OData over HTTP: JSON, with a content type on every request.
    Odata in odata;
    /// GraphQL over HTTP.
    Graphql in graphql;
    /// SOAP over HTTP.
    Soap in soap;
    /// SYSPRO's e.net: XML documents in query parameters.
    Enet in enet;
}
