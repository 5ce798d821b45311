//! A secret at the end of the webhook's address.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Boxed, Claim, Judgement, ProofContext, ProofError, Statuses, Verifier, judged, same};
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
    /// Never.
    pub fn build(&self, context: ProofContext) -> Result<Arc<dyn Verifier>, ProofError> {
        Ok(Arc::new(AddressSecret { config: self.clone(), context }))
    }
}

/// A secret at the end of the address, at work.
#[derive(Debug)]
struct AddressSecret {
    config: Config,
    context: ProofContext,
}

impl AddressSecret {
    fn check(&self, claim: Claim<'_>) -> Result<(), Judgement> {
        let given = claim.secret.ok_or(Judgement::Missing)?;
        judged(same::is_one_of(&self.context.all(&self.config.credential)?, given.as_bytes()))
    }
}

impl Verifier for AddressSecret {
    fn judge<'a>(&'a self, claim: Claim<'a>) -> Boxed<'a, Judgement> {
        Box::pin(async move { Judgement::of(self.check(claim)) })
    }

    /// An address with another secret is an address that there is not.
    fn statuses(&self) -> Statuses {
        Statuses { missing: 404, wrong: 404, stale: 404 }
    }
}
