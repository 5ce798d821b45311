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
use super::{AuthContext, AuthError};
use crate::expression::{BlockChecker, EvaluationError, Template, ValueTemplate, Values};
use crate::http;

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
        Some(Config {
            token_url: token_url?,
            client_id: client_id?,
            client_secret: client_secret?,
            request: self.request,
            scope: scope?,
            headers: headers?,
            refresh_early: refresh_early?,
            daily_budget: self.daily_budget,
        })
    }
}

impl Config {
    /// The names of the credentials it needs.
    pub fn credentials(&self) -> Vec<&str> {
        vec![&self.client_id, &self.client_secret]
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
    pub fn build(&self, context: AuthContext) -> Result<Oauth2, AuthError> {
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
        Ok(Oauth2::new(options, endpoint, context))
    }
}

fn refused(error: EvaluationError) -> AuthError {
    AuthError::Refused(error.message)
}
