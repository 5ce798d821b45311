//! OAuth 2 refresh tokens: a person pairs us once, and each token that is fetched brings the means to fetch the next.

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
use crate::expression::{BlockChecker, Template, ValueTemplate, Values};
use crate::http;

/// OAuth 2 refresh tokens: a person pairs us once, and each token that is fetched brings the means to fetch the next.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Oauth2RefreshToken")]
pub struct Block {
    /// Where tokens are fetched; a template over `settings`.
    pub token_url: String,
    /// The credential that is the client id.
    pub client_id: String,
    /// The credential that is the client secret.
    pub client_secret: String,
    /// The credential that is the refresh token which pairing gave. Those that follow are kept with the records; setting
    /// this one anew begins anew.
    pub refresh_token: String,
    /// How a token request is written.
    #[serde(default)]
    pub request: Style,
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
    refresh_token: String,
    request: Style,
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
        let refresh_token = checker.credential("/refresh_token", &self.refresh_token);
        let headers = checker.values("/headers", &Value::Object(self.headers.clone()));
        let refresh_early = checker.duration("/refresh_early", &self.refresh_early);
        Some(Config {
            token_url: token_url?,
            client_id: client_id?,
            client_secret: client_secret?,
            refresh_token: refresh_token?,
            request: self.request,
            headers: headers?,
            refresh_early: refresh_early?,
            daily_budget: self.daily_budget,
        })
    }
}

impl Config {
    /// The names of the credentials it needs.
    pub fn credentials(&self) -> Vec<&str> {
        vec![&self.client_id, &self.client_secret, &self.refresh_token]
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
        let headers = self.headers.evaluate(&values).map_err(|error| AuthError::Refused(error.message))?;
        let credential = format!("{}.{}", context.connection, self.refresh_token);
        let endpoint = Endpoint {
            url: endpoint::url(&self.token_url, &values)?,
            headers: endpoint::headers(&headers)?,
            style: self.request,
            grant: Grant::RefreshToken { credential },
        };
        let options = Options {
            name: "oauth2_refresh_token",
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            refresh_token: Some(self.refresh_token.clone()),
            refresh_early: self.refresh_early,
            daily_budget: self.daily_budget,
        };
        Ok(Oauth2::new(options, endpoint, context))
    }
}
