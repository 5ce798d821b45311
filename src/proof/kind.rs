//! The kinds there are: one line each in `kinds!`, from which block, schema and dispatch follow.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ProofContext, ProofError, Verifier};
use super::{header, hmac, issued_token, rsa_signature, secret_url, standard_webhooks};
use crate::expression::BlockChecker;

/// Declares the kinds. A kind's module has a `Block` (what authors write), a `Config` (the same, checked) and its
/// [`Verifier`].
macro_rules! kinds {
    ($( $(#[doc = $doc:literal])* $variant:ident in $module:ident; )+) => {
        /// How the sender proves that it is genuine: one key, which is the kind, with its fields below.
        #[derive(Debug, Clone, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        #[schemars(rename = "Proof")]
        #[non_exhaustive]
        pub enum ProofBlock {
            $( $(#[doc = $doc])* $variant($module::Block), )+
        }

        /// A checked [`ProofBlock`].
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub enum ProofConfig {
            $( $(#[doc = $doc])* $variant($module::Config), )+
        }

        /// The names of all kinds.
        pub const KINDS: &[&str] = &[$( stringify!($module) ),+];

        impl ProofBlock {
            /// The kind's name.
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$variant(_) => stringify!($module), )+ }
            }

            /// Compiles what is written; `None` when a finding was made. Pointers are relative to the kind's fields.
            pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<ProofConfig> {
                match self { $( Self::$variant(block) => block.check(checker).map(ProofConfig::$variant), )+ }
            }
        }

        impl ProofConfig {
            /// The kind's name.
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$variant(_) => stringify!($module), )+ }
            }

            /// The names of the credentials it needs.
            pub fn credentials(&self) -> Vec<&str> {
                match self { $( Self::$variant(config) => config.credentials(), )+ }
            }

            /// Puts it to work for one webhook of one connection.
            ///
            /// # Errors
            /// When a template cannot be evaluated. Credentials are read at each use, so a missing one is no error yet.
            pub fn build(&self, context: ProofContext) -> Result<Arc<dyn Verifier>, ProofError> {
                match self { $( Self::$variant(config) => config.build(context), )+ }
            }
        }
    };
}

kinds! {
    /// A shared secret in a header.
    Header in header;
    /// A token that we issued to the sender for a client id and its secret.
    IssuedToken in issued_token;
    /// A secret at the end of the webhook's address.
    SecretUrl in secret_url;
    /// An RSA signature, whose key the sender publishes.
    RsaSignature in rsa_signature;
    /// A keyed digest of the body in a header.
    Hmac in hmac;
    /// Signatures as the specification Standard Webhooks has them.
    StandardWebhooks in standard_webhooks;
}
