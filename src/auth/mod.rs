//! Ways to prove who we are, one file a kind.
//!
//! # The contract of a kind
//! - Its configuration block is plain data, deserialised from YAML; text in it may be a template over `settings`.
//! - [`Authenticator::prepare`] adds to a request what proves us; it may have to fetch something first, and many
//!   callers at once cause one fetch. It is given the request as it was rendered, each time anew.
//! - [`Authenticator::rejected`] is told when the other side did not accept what `prepare` added; the next
//!   `prepare` must bring something new, and however many callers are told, one fetch follows.
//! - Credentials come from [`Credentials`] at each use, so that a rotated one works without a restart. While one is
//!   being rotated it has two values; what proves us by the credential itself tries the one before where the newest
//!   is not accepted (`keys`).
//! - Templates never see a credential: where a request carries one, it is rendered with a [`placeholder()`] that is
//!   replaced just before sending.
//! - [`Authenticator::release`] gives back what others may wait for.
//! - No credential is in any error, log or `Debug`.
//!
//! A new kind is one file and one line in [`kind`]; the tests then ask for its example.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::base::{Clock, Secret};
use crate::http::{Client, Outgoing, Redactor};

pub mod api_key;
pub mod basic;
pub mod body_credentials;
pub mod header;
mod keys;
pub mod kind;
pub mod mutual_tls;
mod oauth2;
pub mod oauth2_client_credentials;
pub mod oauth2_refresh_token;
mod pause;
pub mod placeholder;
mod request;
mod secrets;
pub mod session;
pub mod signed_jwt;
#[cfg(test)]
mod tests;

pub use kind::{AuthBlock, AuthBlocks, AuthConfig, KINDS};
pub use placeholder::placeholder;

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

/// Keeps tokens over restarts, encrypted, and counts how many were fetched.
pub trait TokenStore: Send + Sync {
    /// The token kept under `name` for this connection.
    fn load<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<StoredToken>, String>>;
    /// Keeps a token; durable when it returns.
    fn save<'a>(&'a self, name: &'a str, token: &'a StoredToken) -> Boxed<'a, Result<(), String>>;
    /// Counts one fetch in the 24 hours before `now` and says how many there were, this one included; durable.
    fn count_fetch<'a>(&'a self, name: &'a str, now: Timestamp) -> Boxed<'a, Result<u32, String>>;
}

/// A token as it is kept.
#[derive(Debug, Clone)]
pub struct StoredToken {
    /// The token itself.
    pub token: Secret,
    /// When it was issued, by our clock.
    pub issued: Timestamp,
    /// When it stops working, by our clock.
    pub expires: Timestamp,
    /// A digest of the credentials it was fetched with, so that rotated credentials fetch a new one.
    pub credentials: String,
    /// What the next one is given for, for kinds that have such a thing.
    pub refresh: Option<Refresh>,
}

/// A refresh token as it is kept.
#[derive(Debug, Clone)]
pub struct Refresh {
    /// The token itself.
    pub token: Secret,
    /// A digest of the credential that its chain began with, so that a new credential begins a new chain.
    pub chain: String,
}

/// What a kind is given to work with.
#[derive(Clone)]
pub struct AuthContext {
    /// The connection's name, for sentences that say how to set its credentials.
    pub connection: String,
    /// The connection's base URL, for kinds that log on where they work.
    pub base_url: String,
    /// The connection's credentials.
    pub credentials: Arc<dyn Credentials>,
    /// The connection's tokens.
    pub tokens: Arc<dyn TokenStore>,
    /// The connection's settings, an object.
    pub settings: Arc<Value>,
    /// For fetching tokens.
    pub client: Client,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Learns every secret that a kind reads or fetches, so that none is written down.
    pub redactor: Redactor,
}

impl AuthContext {
    /// Reads a credential and makes it known to the redactor.
    ///
    /// # Errors
    /// When it is missing; the sentence says how to set it.
    pub fn credential(&self, name: &str) -> Result<Secret, AuthError> {
        Ok(self.all(name)?.swap_remove(0))
    }

    /// Reads all values of a credential, the newest first and at least one, and makes them known to the redactor.
    ///
    /// # Errors
    /// When it is missing; the sentence says how to set it.
    pub fn all(&self, name: &str) -> Result<Vec<Secret>, AuthError> {
        let secrets = self.credentials.get_all(name).map_err(AuthError::Refused)?;
        secrets.iter().for_each(|secret| self.redactor.add(secret.clone()));
        if secrets.is_empty() {
            return Err(AuthError::Refused(format!("the credential {}.{name} is not set", self.connection)));
        }
        Ok(secrets)
    }
}

/// Why we cannot prove who we are.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuthError {
    /// A credential is missing, or the other side says that ours are wrong. A person must act.
    #[error("{0}")]
    Refused(String),
    /// It may work later.
    #[error("{reason}")]
    Later {
        /// What stands in the way.
        reason: String,
        /// When to try again, where that is known.
        until: Option<Timestamp>,
    },
}

/// A way to prove who we are, at work for one connection.
pub trait Authenticator: Send + Sync + fmt::Debug {
    /// Adds the proof to `request`.
    fn prepare<'a>(&'a self, request: &'a mut Outgoing) -> Boxed<'a, Result<(), AuthError>>;

    /// Says that the proof which `request` carried was not accepted.
    fn rejected<'a>(&'a self, request: &'a Outgoing) -> Boxed<'a, ()>;

    /// A client certificate and its key (PEM), for kinds that prove us by TLS.
    ///
    /// # Errors
    /// When the credential is missing.
    fn identity(&self) -> Result<Option<Secret>, AuthError> {
        Ok(None)
    }

    /// Gives back what others may be waiting for, such as the one session that a licence allows. The engine calls it
    /// when nothing is under way on the connection; a call that begins all the same just proves us anew.
    fn release(&self) -> Boxed<'_, ()> {
        Box::pin(async {})
    }
}
