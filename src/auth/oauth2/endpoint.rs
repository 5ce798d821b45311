//! The token endpoint: what is asked there, and what its answers mean.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::auth::AuthError;
use crate::base::clock::add;
use crate::base::{Secret, json};
use crate::expression::{Template, Values};
use crate::http::{Incoming, Outgoing, Redactor, SendError, retry_after};

/// The life of a token whose answer does not say how long it lives.
const UNSAID_LIFE: Duration = Duration::from_secs(10 * 60);

/// Where tokens are fetched and what is said there besides the credentials.
pub(in crate::auth) struct Endpoint {
    pub(in crate::auth) url: Url,
    pub(in crate::auth) headers: HeaderMap,
    pub(in crate::auth) style: Style,
    pub(in crate::auth) grant: Grant,
}

/// What a token is given for.
pub(in crate::auth) enum Grant {
    /// A client id and its secret, for this scope.
    ClientCredentials { scope: Option<String> },
    /// A refresh token, of which this credential was the first.
    RefreshToken { credential: String },
}

/// How a token request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TokenRequest")]
pub enum Style {
    /// A form, with client id and secret in the header `Authorization`, as RFC 6749 recommends.
    #[default]
    Basic,
    /// A form that holds client id and secret, too.
    Form,
    /// A JSON object that holds client id and secret, too, as Sage X3's gateway has it.
    Json,
}

/// A client id and its secret, as they are now.
pub(in crate::auth) struct Pair {
    pub(in crate::auth) id: Secret,
    pub(in crate::auth) secret: Secret,
}

/// A token as it came.
pub(in crate::auth) struct Issued {
    pub(in crate::auth) token: Secret,
    pub(in crate::auth) life: Duration,
    /// What the next one is given for, where the other side gives a new one each time.
    pub(in crate::auth) refresh: Option<Secret>,
}

/// The URL that `token_url` yields.
pub(in crate::auth) fn url(template: &Template, values: &Values) -> Result<Url, AuthError> {
    let text = template.text(values).map_err(|error| AuthError::Refused(error.message))?;
    Url::parse(&text)
        .ok()
        .filter(Url::has_host)
        .ok_or_else(|| AuthError::Refused(format!("`token_url` yields `{text}`, which is no URL.")))
}

/// The headers that `evaluated`, an object, names.
pub(in crate::auth) fn headers(evaluated: &Value) -> Result<HeaderMap, AuthError> {
    let refused =
        |name: &str| AuthError::Refused(format!("The token request's header `{name}` cannot be sent."));
    let mut headers = HeaderMap::new();
    for (name, value) in evaluated.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(refused(name)),
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused(name))?;
        headers.insert(header, HeaderValue::from_str(&text).map_err(|_| refused(name))?);
    }
    Ok(headers)
}

impl Endpoint {
    /// What to call it in sentences.
    pub(super) fn name(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Tells tokens of other credentials, accounts or scopes apart without giving any of them away.
    pub(super) fn digest(&self, pair: &Pair, refresh: Option<&Secret>) -> String {
        let mut headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        headers.sort_unstable();
        let scope = match &self.grant {
            Grant::ClientCredentials { scope } => scope.as_deref(),
            Grant::RefreshToken { .. } => None,
        };
        let mut parts =
            serde_json::json!([self.url.as_str(), scope, headers, pair.id.expose(), pair.secret.expose(),]);
        if let (Some(parts), Some(refresh)) = (parts.as_array_mut(), refresh) {
            parts.push(refresh.expose().into());
        }
        json::fingerprint(&parts)
    }

    /// Tells chains of refresh tokens apart: what they began with, and for whom. A new client secret is no new chain.
    pub(super) fn chain(&self, id: &Secret, first: &Secret) -> String {
        json::fingerprint(&serde_json::json!([self.url.as_str(), id.expose(), first.expose()]))
    }

    /// The request for a token.
    pub(super) fn request(
        &self,
        pair: &Pair,
        refresh: Option<&Secret>,
        redactor: &Redactor,
    ) -> Result<Outgoing, AuthError> {
        let mut headers = self.headers.clone();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut fields = match &self.grant {
            Grant::ClientCredentials { scope } => {
                let scope = scope.as_deref().map(|scope| ("scope", scope));
                [("grant_type", "client_credentials")].into_iter().chain(scope).collect::<Vec<_>>()
            }
            Grant::RefreshToken { .. } => vec![("grant_type", "refresh_token")],
        };
        fields.extend(refresh.map(|refresh| ("refresh_token", refresh.expose())));
        if self.style == Style::Basic {
            let basic =
                Secret::new(STANDARD.encode(format!("{}:{}", pair.id.expose(), pair.secret.expose())));
            redactor.add(basic.clone());
            headers.insert(AUTHORIZATION, sensitive(&format!("Basic {}", basic.expose()))?);
        } else {
            fields.extend([("client_id", pair.id.expose()), ("client_secret", pair.secret.expose())]);
        }
        let (media_type, body) = match self.style {
            Style::Json => {
                let fields = fields.into_iter().map(|(name, value)| (name, Value::from(value)));
                ("application/json", Value::from_iter(fields).to_string())
            }
            Style::Basic | Style::Form => {
                let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                ("application/x-www-form-urlencoded", form)
            }
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        Ok(Outgoing { method: Method::POST, url: self.url.clone(), headers, body: Some(Bytes::from(body)) })
    }

    /// What came of asking.
    pub(super) fn understand(
        &self,
        answer: Result<Incoming, SendError>,
        now: Timestamp,
        redactor: &Redactor,
    ) -> Result<Issued, AuthError> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(SendError::NotSent { reason, permanent: true }) => return Err(AuthError::Refused(reason)),
            Err(SendError::NotSent { reason, .. } | SendError::Unknown { reason }) => {
                return Err(AuthError::Later { reason, until: None });
            }
        };
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status.is_success() {
            return issued(&body).ok_or_else(|| AuthError::Later {
                reason: format!("{} answered a token request without a token that can be used.", self.name()),
                until: None,
            });
        }
        Err(self.failure(&answer, &redactor.text(&said(&body)), now))
    }

    fn failure(&self, answer: &Incoming, said: &str, now: Timestamp) -> AuthError {
        let (name, number) = (self.name(), answer.status.as_u16());
        if let Some(error) = self.dead_chain(answer.status, said) {
            return error;
        }
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        match answer.status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {}
            status if status.is_server_error() => {}
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return AuthError::Refused(format!(
                    "{name} did not accept this connection's client id and secret{said} (status {number}). Check \
                     them, and that their account is not blocked; then set them again."
                ));
            }
            _ => {
                return AuthError::Refused(format!(
                    "{name} gives no tokens at {}{said} (status {number}). Check the connection's address.",
                    self.url.path()
                ));
            }
        }
        AuthError::Later {
            reason: format!("{name} gives no token at the moment{said} (status {number})."),
            until: retry_after(&answer.headers, now).map(|pause| add(now, pause)),
        }
    }

    /// What to do when nothing follows from the refresh token any more.
    fn dead_chain(&self, status: StatusCode, said: &str) -> Option<AuthError> {
        let Grant::RefreshToken { credential } = &self.grant else { return None };
        let client = said.starts_with("invalid_client") || said.starts_with("unauthorized_client");
        let dead = match status {
            StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN => !client,
            StatusCode::UNAUTHORIZED => said.starts_with("invalid_grant"),
            _ => false,
        };
        let (name, number) = (self.name(), status.as_u16());
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        dead.then(|| {
            AuthError::Refused(format!(
                "{name} does not accept the refresh token any more{said} (status {number}): it is too old, was used \
                 already or was revoked. Pair this connection with {name} anew, then store the refresh token that \
                 this gives: `ml-connector secret set {credential}`."
            ))
        })
    }
}

/// The header that carries `token`.
pub(in crate::auth) fn bearer(token: &Secret) -> Result<HeaderValue, AuthError> {
    sensitive(&format!("Bearer {}", token.expose()))
}

fn sensitive(text: &str) -> Result<HeaderValue, AuthError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        AuthError::Refused(
            "The client id, secret or token holds characters that no header can carry.".to_owned(),
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn issued(body: &Value) -> Option<Issued> {
    let token = body["access_token"].as_str().map(str::trim).filter(|token| !token.is_empty())?;
    HeaderValue::from_str(token).ok()?;
    let refresh = body["refresh_token"].as_str().map(str::trim).filter(|token| !token.is_empty());
    let (token, refresh) = (Secret::new(token), refresh.map(Secret::new));
    Some(Issued { token, life: life(&body["expires_in"]), refresh })
}

/// Seconds, as a number or, as UPS writes them, as text.
fn life(expires_in: &Value) -> Duration {
    let seconds = expires_in.as_f64().or_else(|| expires_in.as_str()?.trim().parse().ok());
    seconds
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(UNSAID_LIFE)
}

/// What the other side says is wrong: UPS's list of errors, OAuth's two fields, or nothing.
fn said(body: &Value) -> String {
    let first = &body["response"]["errors"][0];
    let parts = [&first["code"], &first["message"], &body["error"], &body["error_description"]];
    let said: Vec<&str> = parts.into_iter().filter_map(Value::as_str).collect();
    said.join(" ").chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_life_is_read_however_it_is_written() {
        for (written, seconds) in [
            (json!(3600), 3600),
            (json!("14399"), 14_399),
            (json!(" 60 "), 60),
            (json!(59.9), 59),
            (json!(0), 600),
            (json!(-1), 600),
            (json!("soon"), 600),
            (json!(null), 600),
            (json!(1e300), 600),
            (json!("NaN"), 600),
        ] {
            assert_eq!(life(&written).as_secs(), seconds, "{written}");
        }
    }

    #[test]
    fn only_a_token_that_can_be_sent_is_one() {
        assert!(issued(&json!({ "access_token": "abc" })).is_some());
        for token in [json!(null), json!(""), json!("  "), json!(7), json!("a\r\nHost: b")] {
            assert!(issued(&json!({ "access_token": token })).is_none(), "{token}");
        }
    }

    #[test]
    fn what_the_other_side_says_is_found() {
        let ups =
            json!({ "response": { "errors": [{ "code": "10401", "message": "ClientId is\nInvalid" }] } });
        assert_eq!(said(&ups), "10401 ClientId isInvalid");
        assert_eq!(
            said(&json!({ "error": "invalid_client", "error_description": "no" })),
            "invalid_client no"
        );
        assert_eq!(said(&json!("<html>")), "");
    }
}
