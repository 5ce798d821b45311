//! A client certificate, with an API key beside it where the other side wants both.

use schemars::JsonSchema;
use serde::Deserialize;

use super::header::HeaderName;
use super::keys::{Key, Keys};
use super::{AuthContext, AuthError, Authenticator, Boxed};
use crate::base::Secret;
use crate::expression::{BlockChecker, Values};
use crate::http::Outgoing;

/// A client certificate, with an API key beside it where the other side wants both.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(rename = "MutualTls")]
pub struct Block {
    certificate: String,
    key: String,
    api_key: Option<(HeaderName, String)>,
}

/// A client certificate, with an API key beside it where the other side wants both.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MutualTls")]
struct Written {
    /// The credential that is the certificate, with its chain, in PEM form.
    certificate: String,
    /// The credential that is the certificate's private key in PEM form, without a passphrase.
    key: String,
    /// The header that carries the API key, where one is wanted too.
    #[serde(default)]
    header: Option<HeaderName>,
    /// The credential that is the API key, where one is wanted too.
    #[serde(default)]
    api_key: Option<String>,
}

impl TryFrom<Written> for Block {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let api_key = match (written.header, written.api_key) {
            (Some(header), Some(key)) => Some((header, key)),
            (None, None) => None,
            _ => return Err("`header` and `api_key` belong together: write both or neither"),
        };
        Ok(Self { certificate: written.certificate, key: written.key, api_key })
    }
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    certificate: String,
    key: String,
    api_key: Option<(HeaderName, String)>,
}

impl Block {
    /// Checks what is written.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        let certificate = checker.credential("/certificate", &self.certificate);
        let key = checker.credential("/key", &self.key);
        let api_key = match &self.api_key {
            Some((header, name)) => Some((header.clone(), checker.credential("/api_key", name)?)),
            None => None,
        };
        Some(Config { certificate: certificate?, key: key?, api_key })
    }
}

impl Config {
    /// The names of the credentials it needs.
    pub fn credentials(&self) -> Vec<&str> {
        let api_key = self.api_key.iter().map(|(_, name)| name.as_str());
        [self.certificate.as_str(), self.key.as_str()].into_iter().chain(api_key).collect()
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
    pub fn build(&self, context: AuthContext) -> Result<MutualTls, AuthError> {
        if let Some((header, _)) = &self.api_key {
            context.redactor.add_header(header.name());
        }
        let keys = Keys::new(self.api_key.iter().map(|(_, name)| name.as_str()));
        Ok(MutualTls { config: self.clone(), keys, context })
    }
}

/// A client certificate at work for one connection.
pub struct MutualTls {
    config: Config,
    keys: Keys,
    context: AuthContext,
}

impl std::fmt::Debug for MutualTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MutualTls").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Authenticator for MutualTls {
    fn prepare<'a>(&'a self, request: &'a mut Outgoing) -> Boxed<'a, Result<(), AuthError>> {
        Box::pin(async move {
            let Some((header, name)) = &self.config.api_key else { return Ok(()) };
            let key = self.keys.current(&self.context)?;
            super::header::insert(request, header.name(), name, key.values[0].expose())
        })
    }

    fn rejected<'a>(&'a self, request: &'a Outgoing) -> Boxed<'a, ()> {
        Box::pin(async move {
            // The certificate is read anew at each use: there is nothing to throw away.
            let Some((header, _)) = &self.config.api_key else { return };
            let carried = |key: &Key| super::header::carries(request, header.name(), key.values[0].expose());
            self.keys.refuse_carried(&self.context, carried);
        })
    }

    fn identity(&self) -> Result<Option<Secret>, AuthError> {
        let certificate = self.context.credential(&self.config.certificate)?;
        let key = self.context.credential(&self.config.key)?;
        Ok(Some(Secret::new(format!("{}\n{}\n", certificate.expose().trim(), key.expose().trim()))))
    }
}
