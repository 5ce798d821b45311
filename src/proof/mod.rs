//! Ways in which who tells us something proves that it is genuine, one file a kind.
//!
//! # The contract of a kind
//! - Its configuration block is plain data, deserialised from YAML; text in it may be a template over `settings`.
//! - [`Verifier::judge`] is given what came as it came: the headers, the body's very bytes and the last segment of the
//!   path where the webhook's address ends in a secret. It reads nothing into the body.
//! - Credentials come from [`Credentials`] at each use, so that a rotated one works without a restart. While one is
//!   being rotated it has several values, and each of them is good.
//! - Secrets are compared in constant time.
//! - What stops being good after a while is [`Judgement::Stale`], so that a sender with a slow clock is told apart from
//!   one that guesses.
//! - No credential is in any judgement, log or `Debug`.
//!
//! A new kind is one file and one line in [`kind`]; the tests then ask for its example.
//!
//! Behind the kinds: `same` compares, `stamp` judges times, `token` is what we issue, `published` fetches keys, `key_set`
//! reads them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::base::{Clock, Secret};
use crate::http::{Client, Redactor};

pub mod header;
pub mod hmac;
pub mod issued_token;
mod key_set;
pub mod kind;
mod published;
pub mod rsa_signature;
mod same;
pub mod secret_url;
mod stamp;
pub mod standard_webhooks;
#[cfg(test)]
mod tests;
mod token;

pub use kind::{KINDS, ProofBlock, ProofConfig};

/// A boxed future, as the traits of pluggable parts return it.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where credentials come from.
pub trait Credentials: Send + Sync {
    /// The values of this connection's credential called `name`, the newest first: at least one, and more while it
    /// is being rotated.
    ///
    /// # Errors
    /// A sentence that says how to set it.
    fn get_all(&self, name: &str) -> Result<Vec<Secret>, String>;
}

/// Makes a client that reaches these hosts only, as [`crate::http::authority`] writes them.
pub type Clients = Arc<dyn Fn(Vec<String>) -> Result<Client, String> + Send + Sync>;

/// What a kind is given to work with.
#[derive(Clone)]
pub struct ProofContext {
    /// The connection's name, for sentences that say how to set its credentials.
    pub connection: String,
    /// The connection's credentials.
    pub credentials: Arc<dyn Credentials>,
    /// The connection's settings, an object.
    pub settings: Arc<Value>,
    /// For fetching keys.
    pub clients: Clients,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Learns every secret that a kind reads, so that none is written down.
    pub redactor: Redactor,
}

impl ProofContext {
    /// Reads all values of a credential and makes them known to the redactor. A blank one proves nothing: what is signed
    /// with it can be signed by anybody.
    fn all(&self, name: &str) -> Result<Vec<Secret>, Judgement> {
        let mut values = self.credentials.get_all(name).map_err(Judgement::Unable)?;
        values.retain(|value| !value.expose().trim().is_empty());
        if values.is_empty() {
            let full = format!("{}.{name}", self.connection);
            let reason =
                format!("the credential {full} is blank; set it with `ml-connector secret set {full}`");
            return Err(Judgement::Unable(reason));
        }
        values.iter().for_each(|value| self.redactor.add(value.clone()));
        Ok(values)
    }
}

impl fmt::Debug for ProofContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofContext").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// What somebody sent who wants to be believed.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    /// The headers.
    pub headers: &'a http::HeaderMap,
    /// The last segment of the path, where the webhook's address ends in a secret.
    pub secret: Option<&'a str>,
    /// The body's bytes.
    pub body: &'a [u8],
    /// When it came.
    pub now: Timestamp,
}

impl<'a> Claim<'a> {
    /// The value of a header that a proof needs. One that comes twice proves nothing: who reads the first and who reads
    /// the last would not agree.
    fn header(&self, name: &http::HeaderName) -> Result<&'a [u8], Judgement> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Err(Judgement::Missing),
            (Some(value), None) => Ok(value.as_bytes().trim_ascii()),
            (Some(_), Some(_)) => Err(Judgement::Wrong),
        }
    }

    /// The same as text.
    fn header_text(&self, name: &http::HeaderName) -> Result<&'a str, Judgement> {
        std::str::from_utf8(self.header(name)?).map_err(|_| Judgement::Wrong)
    }
}

/// Whether it is genuine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is.
    Genuine,
    /// There is no proof at all.
    Missing,
    /// The proof is wrong.
    Wrong,
    /// The proof may have been right, but is too old, or from the future.
    Stale,
    /// It cannot be found out now; says why. The sender is to come again.
    Unable(String),
}

impl Judgement {
    /// What kinds find, step by step.
    fn of(found: Result<(), Self>) -> Self {
        found.err().unwrap_or(Self::Genuine)
    }
}

/// What is right, or wrong as a proof.
fn judged(is_right: bool) -> Result<(), Judgement> {
    if is_right { Ok(()) } else { Err(Judgement::Wrong) }
}

/// The statuses with which what is not genuine is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statuses {
    /// For [`Judgement::Missing`].
    pub missing: u16,
    /// For [`Judgement::Wrong`].
    pub wrong: u16,
    /// For [`Judgement::Stale`].
    pub stale: u16,
}

impl Default for Statuses {
    fn default() -> Self {
        Self { missing: 401, wrong: 401, stale: 401 }
    }
}

/// A token that we gave to a sender.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The token.
    pub token: Secret,
    /// How long it is good.
    pub life: Duration,
}

/// Why a kind cannot be put to work: a template cannot be evaluated, or yields what it must not.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct ProofError(pub String);

/// A way to prove oneself, at work for one webhook of one connection.
pub trait Verifier: Send + Sync + fmt::Debug {
    /// Whether what came is genuine.
    fn judge<'a>(&'a self, claim: Claim<'a>) -> Boxed<'a, Judgement>;

    /// A token for who proves to be our client, for kinds whose senders fetch one from us first; none for others.
    ///
    /// # Errors
    /// Why that cannot be found out now.
    fn issue(&self, client_id: &str, client_secret: &str, now: Timestamp) -> Result<Option<Issued>, String> {
        let _ = (client_id, client_secret, now);
        Ok(None)
    }

    /// What the sender itself says is the same in a repetition of what is genuine, for kinds that have such a thing.
    fn event_id(&self, claim: Claim<'_>) -> Option<String> {
        let _ = claim;
        None
    }

    /// The statuses with which what is not genuine is refused.
    fn statuses(&self) -> Statuses {
        Statuses::default()
    }
}
