//! Signatures as the specification Standard Webhooks has them.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ProofContext, ProofError, Verifier};
use crate::expression::BlockChecker;

/// Signatures as the specification Standard Webhooks has them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StandardWebhooks")]
pub struct Block {
    /// The credential that is the key: base64, mostly with `whsec_` before it.
    pub credential: String,
    /// How far the time of the signature may be from ours, either way.
    #[serde(default = "five_minutes")]
    pub window: String,
}

fn five_minutes() -> String {
    "5m".to_owned()
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    credential: String,
    window: Duration,
}

impl Block {
    /// Checks what is written.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        // All of it is checked before any `?`, so that one mistake does not hide the next.
        let credential = checker.credential("/credential", &self.credential);
        let window = checker.some_time("/window", &self.window);
        Some(Config { credential: credential?, window: window? })
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
        Err(ProofError(format!(
            "connection {}: `standard_webhooks` cannot be verified yet",
            context.connection
        )))
    }
}
