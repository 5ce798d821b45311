//! Tokens by client credentials (UPS OpenAPI OAuthClientCredentials.yaml).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::vendor::Interface;
use super::{Ups, answer};
use crate::base::clock;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::lock;

impl Ups {
    pub(super) fn token(&self, call: &Call) -> Answer {
        let form: Map<String, Value> = url::form_urlencoded::parse(&call.body)
            .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
            .collect();
        let violations = Interface::OAuth.check(call, Some(&Value::Object(form.clone())));
        let now = self.desk.clock.now();
        let day = now.to_string().chars().take(10).collect::<String>();
        let mut book = lock(&self.book);
        book.record(&violations);
        if !self.is_client(call) {
            return answer::refusal(call, 401, "10401", "ClientId is Invalid");
        }
        if form.get("grant_type").and_then(Value::as_str) != Some("client_credentials") {
            return answer::refusal(call, 400, "10400", "Invalid/Missing grant_type");
        }
        let today = book.state.tokens_by_day.get(&day).copied().unwrap_or_default();
        if self.options.tokens_a_day.is_some_and(|most| today >= most) {
            return answer::refusal(call, 429, "10429", "Quota Limit Exceeded");
        }
        book.state.merchants.extend(call.header("x-merchant-id").map(str::to_owned));
        let token = book.issue_token(day, clock::add(now, self.options.token_life));
        // Every value is text, the life in seconds too; the time of issue is in milliseconds (recorded).
        answer::good(
            call,
            &json!({
                "token_type": "Bearer",
                "issued_at": now.as_millisecond().to_string(),
                "client_id": self.options.client_id,
                "access_token": token,
                "expires_in": self.options.token_life.as_secs().to_string(),
                "status": "approved",
            }),
        )
    }

    fn is_client(&self, call: &Call) -> bool {
        let expected = format!("{}:{}", self.options.client_id, self.options.client_secret);
        call.header("authorization")
            .and_then(|header| header.strip_prefix("Basic "))
            .and_then(|encoded| STANDARD.decode(encoded.trim()).ok())
            .is_some_and(|given| given == expected.as_bytes())
    }

    pub(super) fn knows_bearer(&self, call: &Call) -> bool {
        let now = self.desk.clock.now();
        call.header("authorization")
            .and_then(|header| header.strip_prefix("Bearer "))
            .is_some_and(|token| lock(&self.book).knows_token(token.trim(), now))
    }
}
