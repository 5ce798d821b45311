//! The token endpoint: what is asked there, and what its answers mean.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::auth::AuthError;
use crate::base::clock::add;
use crate::base::{Secret, json};
use crate::http::{Incoming, Outgoing, Redactor, SendError, retry_after};

/// The life of a token whose answer does not say how long it lives.
const UNSAID_LIFE: Duration = Duration::from_secs(10 * 60);

/// Where tokens are fetched and what is said there besides the credentials.
pub(super) struct Endpoint {
    pub(super) url: Url,
    pub(super) scope: Option<String>,
    pub(super) headers: HeaderMap,
}

/// A client id and its secret, as they are now.
pub(super) struct Pair {
    pub(super) id: Secret,
    pub(super) secret: Secret,
}

/// A token as it came.
pub(super) struct Issued {
    pub(super) token: Secret,
    pub(super) life: Duration,
}

/// The headers that `evaluated`, an object, names.
pub(super) fn headers(evaluated: &Value) -> Result<HeaderMap, AuthError> {
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
    pub(super) fn digest(&self, pair: &Pair) -> String {
        let mut headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        headers.sort_unstable();
        json::fingerprint(&serde_json::json!([
            self.url.as_str(),
            self.scope,
            headers,
            pair.id.expose(),
            pair.secret.expose(),
        ]))
    }

    /// The request for a token.
    pub(super) fn request(&self, pair: &Pair, redactor: &Redactor) -> Result<Outgoing, AuthError> {
        let basic = Secret::new(STANDARD.encode(format!("{}:{}", pair.id.expose(), pair.secret.expose())));
        redactor.add(basic.clone());
        let mut headers = self.headers.clone();
        headers.insert(AUTHORIZATION, sensitive(&format!("Basic {}", basic.expose()))?);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        let body = Some(Bytes::from(form.finish()));
        Ok(Outgoing { method: Method::POST, url: self.url.clone(), headers, body })
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
}

/// The header that carries `token`.
pub(super) fn bearer(token: &Secret) -> Result<HeaderValue, AuthError> {
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
    Some(Issued { token: Secret::new(token), life: life(&body["expires_in"]) })
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
