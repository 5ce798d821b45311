//! A keyed digest of the body in a header.

use std::sync::Arc;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Boxed, Claim, Judgement, ProofContext, ProofError, Verifier, judged, same};
use crate::base::{Secret, json};
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
    /// Never.
    pub fn build(&self, context: ProofContext) -> Result<Arc<dyn Verifier>, ProofError> {
        Ok(Arc::new(KeyedDigest { config: self.clone(), context }))
    }
}

/// A keyed digest of the body, at work.
#[derive(Debug)]
struct KeyedDigest {
    config: Config,
    context: ProofContext,
}

impl KeyedDigest {
    fn check(&self, claim: Claim<'_>) -> Result<(), Judgement> {
        let given = claim.header_text(self.config.header.name())?;
        let keys = self.context.all(&self.config.credential)?;
        let given = given.strip_prefix(&self.config.prefix).ok_or(Judgement::Wrong)?;
        let given = match self.config.encoding {
            Encoding::Hex => given.to_ascii_lowercase(),
            Encoding::Base64 => given.to_owned(),
        };
        let is_of = |key: &Secret| same::same(self.digest(key, claim.body).as_bytes(), given.as_bytes());
        judged(keys.iter().fold(false, |found, key| found | is_of(key)))
    }

    /// The digest as the sender writes it.
    fn digest(&self, key: &Secret, body: &[u8]) -> String {
        let algorithm = match self.config.algorithm {
            Algorithm::Sha256 => HMAC_SHA256,
        };
        let digest = hmac::sign(&hmac::Key::new(algorithm, same::bytes(key)), body);
        match self.config.encoding {
            Encoding::Hex => json::hex(digest.as_ref()),
            Encoding::Base64 => STANDARD.encode(digest),
        }
    }
}

impl Verifier for KeyedDigest {
    fn judge<'a>(&'a self, claim: Claim<'a>) -> Boxed<'a, Judgement> {
        Box::pin(async move { Judgement::of(self.check(claim)) })
    }
}
