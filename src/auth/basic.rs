//! A user name and a password in the header `Authorization` of every request (RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use schemars::JsonSchema;
use serde::Deserialize;

use super::keys::{Key, Keys};
use super::{AuthContext, AuthError, Authenticator, Boxed};
use crate::base::Secret;
use crate::expression::{BlockChecker, Values};
use crate::http::Outgoing;

/// A user name and a password in the header `Authorization` of every request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Basic")]
pub struct Block {
    /// The credential that is the user name, or a key where the other side uses keys as such.
    pub username: String,
    /// The credential that is the password, or the secret that belongs to the key.
    pub password: String,
    /// How both are written, where the other side does not take them as they are.
    #[serde(default)]
    pub case: Option<Case>,
}

/// How a user name and a password are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "BasicCase")]
pub enum Case {
    /// In upper case, as Sage 300 wants both.
    Upper,
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    username: String,
    password: String,
    case: Option<Case>,
}

impl Block {
    /// Checks what is written.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        let username = checker.credential("/username", &self.username);
        let password = checker.credential("/password", &self.password);
        Some(Config { username: username?, password: password?, case: self.case })
    }
}

impl Config {
    /// The names of the credentials it needs.
    pub fn credentials(&self) -> Vec<&str> {
        vec![&self.username, &self.password]
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
    pub fn build(&self, context: AuthContext) -> Result<Basic, AuthError> {
        let keys = Keys::new([self.username.as_str(), self.password.as_str()]);
        Ok(Basic { config: self.clone(), keys, context })
    }
}

/// A user name and a password at work for one connection.
pub struct Basic {
    config: Config,
    keys: Keys,
    context: AuthContext,
}

impl Basic {
    /// What the header holds.
    fn written(&self, key: &Key) -> Result<Secret, AuthError> {
        let [username, password] = [0, 1].map(|index| self.cased(&key.values[index]));
        if username.expose().contains(':') {
            return Err(AuthError::Refused(format!(
                "The credential `{}` holds a colon, which no user name can here; set it again.",
                self.config.username
            )));
        }
        let pair = format!("{}:{}", username.expose(), password.expose());
        let encoded = Secret::new(STANDARD.encode(pair));
        for secret in [&username, &password, &encoded] {
            self.context.redactor.add(secret.clone());
        }
        Ok(Secret::new(format!("Basic {}", encoded.expose())))
    }

    fn cased(&self, secret: &Secret) -> Secret {
        match self.config.case {
            Some(Case::Upper) => Secret::new(secret.expose().to_uppercase()),
            None => secret.clone(),
        }
    }
}

impl std::fmt::Debug for Basic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Basic").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Authenticator for Basic {
    fn prepare<'a>(&'a self, request: &'a mut Outgoing) -> Boxed<'a, Result<(), AuthError>> {
        Box::pin(async move {
            let written = self.written(&self.keys.current(&self.context)?)?;
            super::header::insert(request, &AUTHORIZATION, &self.config.username, written.expose())
        })
    }

    fn rejected<'a>(&'a self, request: &'a Outgoing) -> Boxed<'a, ()> {
        Box::pin(async move {
            let carried = |key: &Key| {
                self.written(key)
                    .is_ok_and(|written| super::header::carries(request, &AUTHORIZATION, written.expose()))
            };
            self.keys.refuse_carried(&self.context, carried);
        })
    }
}
