//! A key in a header of every request.

use schemars::JsonSchema;
use serde::Deserialize;

use super::header::HeaderName;
use super::keys::{Key, Keys};
use super::{AuthContext, AuthError, Authenticator, Boxed};
use crate::expression::{BlockChecker, Values};
use crate::http::Outgoing;

/// A key in a header of every request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ApiKey")]
pub struct Block {
    /// The header that carries the key.
    pub header: HeaderName,
    /// The credential that is the key.
    pub key: String,
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    header: HeaderName,
    key: String,
}

impl Block {
    /// Checks what is written.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        Some(Config { header: self.header.clone(), key: checker.credential("/key", &self.key)? })
    }
}

impl Config {
    /// The names of the credentials it needs.
    pub fn credentials(&self) -> Vec<&str> {
        vec![&self.key]
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
    /// Never: the key is read at each use.
    pub fn build(&self, context: AuthContext) -> Result<ApiKey, AuthError> {
        context.redactor.add_header(self.header.name());
        let keys = Keys::new([self.key.as_str()]);
        Ok(ApiKey { header: self.header.clone(), key: self.key.clone(), keys, context })
    }
}

/// An API key at work for one connection.
pub struct ApiKey {
    header: HeaderName,
    key: String,
    keys: Keys,
    context: AuthContext,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey").field("header", &self.header).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Authenticator for ApiKey {
    fn prepare<'a>(&'a self, request: &'a mut Outgoing) -> Boxed<'a, Result<(), AuthError>> {
        Box::pin(async move {
            let key = self.keys.current(&self.context)?;
            super::header::insert(request, self.header.name(), &self.key, key.values[0].expose())
        })
    }

    fn rejected<'a>(&'a self, request: &'a Outgoing) -> Boxed<'a, ()> {
        Box::pin(async move {
            let carried =
                |key: &Key| super::header::carries(request, self.header.name(), key.values[0].expose());
            self.keys.refuse_carried(&self.context, carried);
        })
    }
}
