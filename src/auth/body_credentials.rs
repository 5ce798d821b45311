//! Credentials where the operations put them: in the body or the query of every request.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Deserialize;

use super::keys::{Key, Keys};
use super::secrets::{Named, SecretNames};
use super::{AuthContext, AuthError, Authenticator, Boxed};
use crate::base::json;
use crate::expression::{BlockChecker, Values};
use crate::http::Outgoing;

/// Requests that are remembered while there is more than one key: more than are ever under way at once.
const REMEMBERED: usize = 256;

/// Credentials where the operations put them: templates of requests see them as `secret.NAME`, in the body (which
/// writes them as its type does) and in the query.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BodyCredentials")]
pub struct Block {
    /// What templates see below `secret`: names, and the credentials behind them.
    pub credentials: SecretNames,
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    names: Vec<Named>,
}

impl Block {
    /// Checks what is written.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        Some(Config { names: self.credentials.check(checker, "/credentials")? })
    }
}

impl Config {
    /// The names of the credentials it needs.
    pub fn credentials(&self) -> Vec<&str> {
        super::secrets::needed(&self.names)
    }

    /// The names that templates see below `secret`.
    pub fn placeholders(&self) -> Vec<&str> {
        self.names.iter().map(|named| named.name.as_str()).collect()
    }

    /// None beside the base URL's.
    ///
    /// # Errors
    /// Never.
    pub fn hosts(&self, _values: &Values) -> Result<Vec<String>, AuthError> {
        Ok(Vec::new())
    }

    /// Puts it to work for one connection.
    ///
    /// # Errors
    /// Never: credentials are read at each use.
    pub fn build(&self, context: AuthContext) -> Result<BodyCredentials, AuthError> {
        let keys = Keys::named(&self.names);
        Ok(BodyCredentials { config: self.clone(), keys, sent: Mutex::default(), context })
    }
}

/// Credentials in bodies at work for one connection.
pub struct BodyCredentials {
    config: Config,
    keys: Keys,
    /// Which key went into which request, as long as there is more than one.
    sent: Mutex<VecDeque<(String, String)>>,
    context: AuthContext,
}

impl BodyCredentials {
    fn fill(&self, request: &mut Outgoing) -> Result<(), AuthError> {
        let key = self.keys.current(&self.context)?;
        super::secrets::fill(request, &self.config.names, &key)?;
        if self.keys.all(&self.context)?.len() > 1 {
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.truncate(REMEMBERED - 1);
            sent.push_front((digest(request), key.id));
        }
        Ok(())
    }

    fn carried(&self, request: &Outgoing) -> Option<String> {
        let digest = digest(request);
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().find(|(known, _)| *known == digest).map(|(_, id)| id.clone())
    }
}

fn digest(request: &Outgoing) -> String {
    let body = request.body.as_deref().unwrap_or_default();
    json::sha256_hex(&[request.url.as_str().as_bytes(), &[0], body].concat())
}

impl std::fmt::Debug for BodyCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyCredentials").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Authenticator for BodyCredentials {
    fn prepare<'a>(&'a self, request: &'a mut Outgoing) -> Boxed<'a, Result<(), AuthError>> {
        Box::pin(async move { self.fill(request) })
    }

    fn rejected<'a>(&'a self, request: &'a Outgoing) -> Boxed<'a, ()> {
        Box::pin(async move {
            if let Some(id) = self.carried(request) {
                self.keys.refuse_carried(&self.context, |key: &Key| key.id == id);
            }
        })
    }
}
