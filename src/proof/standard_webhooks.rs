//! Signatures as the specification Standard Webhooks has them.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Boxed, Claim, Judgement, ProofContext, ProofError, Verifier, judged, stamp};
use crate::base::Secret;
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
    /// Never.
    pub fn build(&self, context: ProofContext) -> Result<Arc<dyn Verifier>, ProofError> {
        Ok(Arc::new(Signed { config: self.clone(), context }))
    }
}

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What is written before a symmetric signature; others (`v1a` with Ed25519) are left out.
const SYMMETRIC: &str = "v1,";

/// How many signatures are looked at: one for each key that the sender is rotating.
const MOST: usize = 8;

/// Signatures as Standard Webhooks has them, at work.
#[derive(Debug)]
struct Signed {
    config: Config,
    context: ProofContext,
}

impl Signed {
    fn check(&self, claim: Claim<'_>) -> Result<(), Judgement> {
        let (id, sent) = (claim.header(&ID)?, claim.header_text(&TIMESTAMP)?);
        let signatures = claim.header_text(&SIGNATURE)?;
        let at = stamp::read(sent).ok_or(Judgement::Wrong)?;
        if stamp::is_stale(at, claim.now, self.config.window) {
            return Err(Judgement::Stale);
        }
        let keys = self.keys()?;
        let message = [id, b".", sent.as_bytes(), b".", claim.body].concat();
        let given = signatures.split_ascii_whitespace().filter_map(|one| one.strip_prefix(SYMMETRIC));
        let given = given.take(MOST).filter_map(|one| STANDARD.decode(one).ok());
        let is_of_one = |tag: &[u8]| {
            keys.iter().fold(false, |found, key| found | hmac::verify(key, &message, tag).is_ok())
        };
        judged(given.fold(false, |found, tag| found | is_of_one(&tag)))
    }

    fn keys(&self) -> Result<Vec<hmac::Key>, Judgement> {
        self.context.all(&self.config.credential)?.iter().map(|secret| self.key(secret)).collect()
    }

    fn key(&self, secret: &Secret) -> Result<hmac::Key, Judgement> {
        let text = secret.expose().trim();
        match STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)) {
            Ok(bytes) if !bytes.is_empty() => Ok(hmac::Key::new(HMAC_SHA256, &bytes)),
            _ => Err(Judgement::Unable(format!(
                "the credential {}.{} is not a key of Standard Webhooks, which is base64, mostly with `whsec_` before \
                 it; set it as the sender shows it",
                self.context.connection, self.config.credential
            ))),
        }
    }
}

impl Verifier for Signed {
    fn judge<'a>(&'a self, claim: Claim<'a>) -> Boxed<'a, Judgement> {
        Box::pin(async move { Judgement::of(self.check(claim)) })
    }

    /// The id of the message, which is signed with it.
    fn event_id(&self, claim: Claim<'_>) -> Option<String> {
        claim.header_text(&ID).ok().map(ToOwned::to_owned)
    }
}
