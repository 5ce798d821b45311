//! OAuth 2 client credentials: a token fetched with a client id and secret, and kept until it expires.

#[cfg(test)]
mod tests;

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::oauth2::Oauth2;
use super::oauth2::endpoint::{self, Endpoint, Grant, Style};
use super::oauth2::tokens::Options;
use super::secrets::{Named, SecretNames};
use super::{AuthContext, AuthError, Authenticator, Boxed};
use crate::base::Secret;
use crate::expression::{BlockChecker, EvaluationError, Template, ValueTemplate, Values};
use crate::http::{self, Outgoing};

/// OAuth 2 client credentials: a token fetched with a client id and secret, and kept until it expires.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Oauth2ClientCredentials")]
pub struct Block {
    /// Where tokens are fetched; a template over `settings`.
    pub token_url: String,
    /// The credential that is the client id.
    pub client_id: String,
    /// The credential that is the client secret.
    pub client_secret: String,
    /// How a token request is written.
    #[serde(default)]
    pub request: Style,
    /// The scope to ask for, where the other side wants one; a template over `settings`.
    #[serde(default)]
    pub scope: Option<String>,
    /// More headers for token requests; templates over `settings`. A name written `name?` is left out when empty.
    #[serde(default)]
    pub headers: Map<String, Value>,
    /// How long before its end a token is replaced, but never before half of its life has passed.
    #[serde(default = "five_minutes")]
    pub refresh_early: String,
    /// The most tokens to fetch in 24 hours, where the other side counts them.
    #[serde(default)]
    pub daily_budget: Option<u32>,
    /// What requests carry beside the token: templates of requests see them as `secret.NAME`, in the body (which writes
    /// them as its type does) and in the query.
    #[serde(default)]
    pub credentials: SecretNames,
}

fn five_minutes() -> String {
    "5m".to_owned()
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    token_url: Template,
    client_id: String,
    client_secret: String,
    request: Style,
    scope: Option<Template>,
    headers: ValueTemplate,
    refresh_early: Duration,
    daily_budget: Option<u32>,
    carried: Vec<Named>,
}

impl Block {
    /// Compiles what is written.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        // All of it is checked before any `?`, so that one mistake does not hide the next.
        let token_url = checker.template("/token_url", &self.token_url);
        let client_id = checker.credential("/client_id", &self.client_id);
        let client_secret = checker.credential("/client_secret", &self.client_secret);
        let scope = match &self.scope {
            Some(scope) => checker.template("/scope", scope).map(Some),
            None => Some(None),
        };
        let headers = checker.values("/headers", &Value::Object(self.headers.clone()));
        let refresh_early = checker.duration("/refresh_early", &self.refresh_early);
        let carried = self.credentials.check(checker, "/credentials");
        Some(Config {
            token_url: token_url?,
            client_id: client_id?,
            client_secret: client_secret?,
            request: self.request,
            scope: scope?,
            headers: headers?,
            refresh_early: refresh_early?,
            daily_budget: self.daily_budget,
            carried: carried?,
        })
    }
}

impl Config {
    /// The names of the credentials it needs.
    pub fn credentials(&self) -> Vec<&str> {
        let mut needed = super::secrets::needed(&self.carried);
        needed.extend([self.client_id.as_str(), self.client_secret.as_str()]);
        needed
    }

    /// The names that templates see below `secret`.
    pub fn placeholders(&self) -> Vec<&str> {
        self.carried.iter().map(|named| named.name.as_str()).collect()
    }

    /// The token URL's.
    ///
    /// # Errors
    /// When the template cannot be evaluated or yields no URL.
    pub fn hosts(&self, values: &Values) -> Result<Vec<String>, AuthError> {
        Ok(vec![http::authority(&endpoint::url(&self.token_url, values)?)])
    }

    /// Puts it to work for one connection.
    ///
    /// # Errors
    /// When a template cannot be evaluated.
    pub fn build(&self, context: AuthContext) -> Result<ClientCredentials, AuthError> {
        let mut values = Values::default();
        values.set("settings", &context.settings);
        let scope = self.scope.as_ref().map(|scope| scope.evaluate(&values)).transpose().map_err(refused)?;
        // A scope that a setting leaves empty is none.
        let scope =
            scope.and_then(|scope| scope.as_str().map(str::to_owned)).filter(|scope| !scope.is_empty());
        let endpoint = Endpoint {
            url: endpoint::url(&self.token_url, &values)?,
            headers: endpoint::headers(&self.headers.evaluate(&values).map_err(refused)?)?,
            style: self.request,
            grant: Grant::ClientCredentials { scope },
        };
        let options = Options {
            name: "oauth2_client_credentials",
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            refresh_token: None,
            refresh_early: self.refresh_early,
            daily_budget: self.daily_budget,
        };
        let oauth = Oauth2::new(options, endpoint, context.clone());
        Ok(ClientCredentials { oauth, carried: self.carried.clone(), context })
    }
}

/// Tokens at work for one connection, with what requests carry beside them.
pub struct ClientCredentials {
    oauth: Oauth2,
    carried: Vec<Named>,
    context: AuthContext,
}

impl ClientCredentials {
    /// The newest value of a credential: nothing that is carried so is refused, so that older ones need no chance.
    fn value(&self, name: &str) -> Result<Secret, AuthError> {
        let named = self.carried.iter().find(|named| named.name == name);
        let named = named.ok_or_else(|| AuthError::Refused(format!("there is no `secret.{name}`")))?;
        match self.context.credential(&named.credential) {
            Err(_) if named.optional => Ok(Secret::new("")),
            read => read,
        }
    }
}

impl std::fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCredentials").field("oauth", &self.oauth).finish_non_exhaustive()
    }
}

impl Authenticator for ClientCredentials {
    fn prepare<'a>(&'a self, request: &'a mut Outgoing) -> Boxed<'a, Result<(), AuthError>> {
        Box::pin(async move {
            if !self.carried.is_empty() {
                super::placeholder::fill(request, &|name| self.value(name))?;
            }
            self.oauth.prepare(request).await
        })
    }

    fn rejected<'a>(&'a self, request: &'a Outgoing) -> Boxed<'a, ()> {
        self.oauth.rejected(request)
    }

    fn release(&self) -> Boxed<'_, ()> {
        self.oauth.release()
    }
}

fn refused(error: EvaluationError) -> AuthError {
    AuthError::Refused(error.message)
}
