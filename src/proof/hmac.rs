//! A keyed digest of the body in a header.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ProofContext, ProofError, Verifier};
use crate::expression::BlockChecker;
use crate::http::HeaderName;

/// A keyed digest of the body in a header.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HmacProof")]
pub struct Block {
    /// The credential that is the key.
    pub credential: String,
    /// The header that carries the digest.
    pub header: HeaderName,
    /// How the digest is made.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// How it is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// What is written before it, such as `sha256=`.
    #[serde(default)]
    pub prefix: String,
}

/// How the digest is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "HmacAlgorithm")]
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[default]
    Sha256,
}

/// How the digest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "HmacEncoding")]
pub enum Encoding {
    /// Hexadecimal digits.
    #[default]
    Hex,
    /// Base64.
    Base64,
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    credential: String,
    header: HeaderName,
    algorithm: Algorithm,
    encoding: Encoding,
    prefix: String,
}

impl Block {
    /// Checks what is written.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        Some(Config {
            credential: checker.credential("/credential", &self.credential)?,
            header: self.header.clone(),
            algorithm: self.algorithm,
            encoding: self.encoding,
            prefix: self.prefix.clone(),
        })
    }
}

impl Config {
    /// The names of the credentials it needs.
    pub fn credentials(&self) -> Vec<&str> {
        vec![&self.credential]
    }

    /// Puts it to work for one webhook of one connection.
    ///
    /// # Errors
    /// When it cannot be put to work.
    pub fn build(&self, context: ProofContext) -> Result<Arc<dyn Verifier>, ProofError> {
        // Its verifier is not written yet.
        Err(ProofError(format!("connection {}: `hmac` cannot be verified yet", context.connection)))
    }
}
