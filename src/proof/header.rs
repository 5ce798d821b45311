//! A shared secret in a header.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Boxed, Claim, Judgement, ProofContext, ProofError, Verifier, judged, same};
use crate::expression::BlockChecker;
use crate::http::HeaderName;

/// A shared secret in a header.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HeaderProof")]
pub struct Block {
    /// The header that carries the secret.
    pub header: HeaderName,
    /// The credential that is the secret.
    pub credential: String,
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    header: HeaderName,
    credential: String,
}

impl Block {
    /// Checks what is written.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        Some(Config {
            header: self.header.clone(),
            credential: checker.credential("/credential", &self.credential)?,
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
        Ok(Arc::new(SharedSecret { config: self.clone(), context }))
    }
}

/// A shared secret in a header, at work.
#[derive(Debug)]
struct SharedSecret {
    config: Config,
    context: ProofContext,
}

impl SharedSecret {
    fn check(&self, claim: Claim<'_>) -> Result<(), Judgement> {
        let given = claim.header(self.config.header.name())?;
        judged(same::is_one_of(&self.context.all(&self.config.credential)?, given))
    }
}

impl Verifier for SharedSecret {
    fn judge<'a>(&'a self, claim: Claim<'a>) -> Boxed<'a, Judgement> {
        Box::pin(async move { Judgement::of(self.check(claim)) })
    }
}
