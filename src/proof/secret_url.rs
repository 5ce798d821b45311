//! A secret at the end of the webhook's address.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ProofContext, ProofError, Verifier};
use crate::expression::BlockChecker;

/// A secret at the end of the webhook's address.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SecretUrl")]
pub struct Block {
    /// The credential that is the secret.
    pub credential: String,
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    credential: String,
}

impl Block {
    /// Checks what is written.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        Some(Config { credential: checker.credential("/credential", &self.credential)? })
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
        Err(ProofError(format!("connection {}: `secret_url` cannot be verified yet", context.connection)))
    }
}
