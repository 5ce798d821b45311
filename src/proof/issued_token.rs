//! A token that we issued to the sender for a client id and its secret.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ProofContext, ProofError, Verifier};
use crate::expression::BlockChecker;
use crate::http::HeaderName;

/// A token that we issued to the sender for a client id and its secret.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "IssuedToken")]
pub struct Block {
    /// The credential that is the client id.
    pub client_id: String,
    /// The credential that is the client secret.
    pub client_secret: String,
    /// A header in which the sender repeats the client id; where it is sent, it must be that.
    pub api_key_header: Option<HeaderName>,
    /// How long a token is good.
    #[serde(default = "one_hour")]
    pub life: String,
}

fn one_hour() -> String {
    "1h".to_owned()
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    client_id: String,
    client_secret: String,
    api_key_header: Option<HeaderName>,
    life: Duration,
}

impl Block {
    /// Checks what is written.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        // All of it is checked before any `?`, so that one mistake does not hide the next.
        let client_id = checker.credential("/client_id", &self.client_id);
        let client_secret = checker.credential("/client_secret", &self.client_secret);
        let life = checker.some_time("/life", &self.life);
        Some(Config {
            client_id: client_id?,
            client_secret: client_secret?,
            api_key_header: self.api_key_header.clone(),
            life: life?,
        })
    }
}

impl Config {
    /// The names of the credentials it needs.
    pub fn credentials(&self) -> Vec<&str> {
        vec![&self.client_id, &self.client_secret]
    }

    /// Puts it to work for one webhook of one connection.
    ///
    /// # Errors
    /// When it cannot be put to work.
    pub fn build(&self, context: ProofContext) -> Result<Arc<dyn Verifier>, ProofError> {
        // Its verifier is not written yet.
        Err(ProofError(format!("connection {}: `issued_token` cannot be verified yet", context.connection)))
    }
}
