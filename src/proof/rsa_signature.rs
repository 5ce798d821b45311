//! An RSA signature, whose key the sender publishes.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;

use super::published::PublishedKeys;
use super::{Boxed, Claim, Judgement, ProofContext, ProofError, Statuses, Verifier, judged, stamp};
use crate::expression::{BlockChecker, Template, Values};
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
    /// When `jwks` yields no URL, or none that may be reached.
    pub fn build(&self, context: ProofContext) -> Result<Arc<dyn Verifier>, ProofError> {
        let mut values = Values::default();
        values.set("settings", &context.settings);
        let url = self.jwks.text(&values).map_err(|error| ProofError(error.message))?;
        let keys = PublishedKeys::at(&url, &context).map_err(ProofError)?;
        Ok(Arc::new(Signed { config: self.clone(), keys }))
    }
}

/// RSA signatures, at work.
#[derive(Debug)]
struct Signed {
    config: Config,
    keys: PublishedKeys,
}

impl Signed {
    async fn check(&self, claim: Claim<'_>) -> Result<(), Judgement> {
        let id = claim.header_text(self.config.key_id_header.name())?;
        let signature = claim.header(self.config.signature_header.name())?;
        let sent = claim.header_text(self.config.timestamp_header.name())?;
        let at = stamp::read(sent).ok_or(Judgement::Wrong)?;
        if stamp::is_stale(at, claim.now, self.config.window) {
            return Err(Judgement::Stale);
        }
        let signature = STANDARD.decode(signature).map_err(|_| Judgement::Wrong)?;
        let key = self.keys.key(id).await.map_err(Judgement::Unable)?.ok_or(Judgement::Wrong)?;
        let message = [sent.as_bytes(), b".", claim.body].concat();
        judged(key.verifies(&message, &signature))
    }
}

impl Verifier for Signed {
    fn judge<'a>(&'a self, claim: Claim<'a>) -> Boxed<'a, Judgement> {
        Box::pin(async move { Judgement::of(self.check(claim).await) })
    }

    /// As ShipStation's guide to validating its webhooks wants them.
    fn statuses(&self) -> Statuses {
        Statuses { missing: 404, wrong: 401, stale: 400 }
    }
}
