//! An RSA signature, whose key the sender publishes.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ProofContext, ProofError, Verifier};
use crate::expression::{BlockChecker, Template};
use crate::http::HeaderName;

/// An RSA signature, whose key the sender publishes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RsaSignature")]
pub struct Block {
    /// Where the keys are published, as a JSON Web Key Set (RFC 7517); a template over `settings`.
    #[schemars(example = &"https://api.example.com/jwks")]
    pub jwks: String,
    /// The header that names the key.
    pub key_id_header: HeaderName,
    /// The header that carries the signature: RSA PKCS #1 v1.5 with SHA-256 of `timestamp.body`, in base64.
    pub signature_header: HeaderName,
    /// The header that carries the time of the signature.
    pub timestamp_header: HeaderName,
    /// How far that time may be from ours, either way.
    #[serde(default = "five_minutes")]
    pub window: String,
}

fn five_minutes() -> String {
    "5m".to_owned()
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    jwks: Template,
    key_id_header: HeaderName,
    signature_header: HeaderName,
    timestamp_header: HeaderName,
    window: Duration,
}

impl Block {
    /// Checks what is written.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        // All of it is checked before any `?`, so that one mistake does not hide the next.
        let jwks = checker.template("/jwks", &self.jwks);
        let window = checker.some_time("/window", &self.window);
        Some(Config {
            jwks: jwks?,
            key_id_header: self.key_id_header.clone(),
            signature_header: self.signature_header.clone(),
            timestamp_header: self.timestamp_header.clone(),
            window: window?,
        })
    }
}

impl Config {
    /// The names of the credentials it needs.
    pub fn credentials(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Puts it to work for one webhook of one connection.
    ///
    /// # Errors
    /// When it cannot be put to work.
    pub fn build(&self, context: ProofContext) -> Result<Arc<dyn Verifier>, ProofError> {
        // Its verifier is not written yet.
        Err(ProofError(format!("connection {}: `rsa_signature` cannot be verified yet", context.connection)))
    }
}
