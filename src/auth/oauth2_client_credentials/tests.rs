//! The life of a token: fetched once, kept, replaced early, rejected, refused, over budget.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::auth::tests::harness::{Bench, blank};
use crate::auth::{AuthError, Authenticator};
use crate::base::clock::add;
use crate::http::Outgoing;
use crate::http::loopback::answer;

const MINUTE: Duration = Duration::from_secs(60);

fn block(more: Value) -> Value {
    let mut fields = json!({
        "token_url": "{{ settings.base_url }}/security/v1/oauth/token", "client_id": "id", "client_secret": "secret",
        "headers": { "x-merchant-id?": "{{ settings.merchant_id }}", "x-account": "{{ settings.account }}" },
    });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "oauth2_client_credentials": fields })
}

/// Gives out `token-0`, `token-1` … that live an hour.
fn tokens(_: &str, before: usize) -> Vec<u8> {
    let body = json!({
        "token_type": "Bearer", "issued_at": "1712244289410", "client_id": "id", "expires_in": "3600",
        "access_token": format!("token-{before}"), "status": "approved",
    });
    answer("200 OK", "", &body.to_string())
}

async fn request(authenticator: &Arc<dyn Authenticator>) -> Result<Outgoing, AuthError> {
    let mut request = blank();
    authenticator.prepare(&mut request).await.map(|()| request)
}

/// The token that a request gets.
async fn token(authenticator: &Arc<dyn Authenticator>) -> Result<String, AuthError> {
    let request = request(authenticator).await?;
    Ok(request.headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned())
}

fn refused(result: Result<String, AuthError>) -> String {
    match result {
        Err(AuthError::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

fn later(result: Result<String, AuthError>) -> (String, Option<jiff::Timestamp>) {
    match result {
        Err(AuthError::Later { reason, until }) => (reason, until),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_token_request_is_what_the_specification_asks_for() {
    let bench = Bench::new(tokens).await;
    token(&bench.start(&block(json!({ "scope": "a b" })))).await.unwrap();
    let requests = bench.server.requests.lock().unwrap();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /security/v1/oauth/token HTTP/1.1\r\n"), "{head}");
    // base64 of id-hunter2:secret-hunter2
    assert!(head.contains("authorization: Basic aWQtaHVudGVyMjpzZWNyZXQtaHVudGVyMg=="), "{head}");
    assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
    assert!(head.contains("x-account: A1B2C3") && !head.contains("x-merchant-id"), "{head}");
    assert_eq!(body, "grant_type=client_credentials&scope=a+b");
}

#[tokio::test]
async fn a_token_is_replaced_before_it_ends() {
    let bench = Bench::new(tokens).await;
    let authenticator = bench.start(&block(json!({})));
    assert_eq!(token(&authenticator).await.unwrap(), "token-0");
    bench.clock.advance(54 * MINUTE);
    assert_eq!(token(&authenticator).await.unwrap(), "token-0");
    bench.clock.advance(MINUTE);
    assert_eq!(token(&authenticator).await.unwrap(), "token-1");
    bench.clock.advance(2 * 60 * MINUTE);
    assert_eq!(token(&authenticator).await.unwrap(), "token-2");
    assert_eq!(bench.server.count(), 3);
}

#[tokio::test]
async fn half_of_a_short_life_is_used_whatever_is_written() {
    let bench = Bench::new(tokens).await;
    let authenticator = bench.start(&block(json!({ "refresh_early": "3h" })));
    token(&authenticator).await.unwrap();
    bench.clock.advance(29 * MINUTE);
    assert_eq!(token(&authenticator).await.unwrap(), "token-0");
    bench.clock.advance(MINUTE);
    assert_eq!(token(&authenticator).await.unwrap(), "token-1");
}

#[tokio::test]
async fn a_token_that_still_works_outlives_a_failing_endpoint() {
    let bench = Bench::new(|request, before| match before {
        0 => tokens(request, before),
        _ => answer("503 Down", "", "{}"),
    })
    .await;
    let authenticator = bench.start(&block(json!({})));
    token(&authenticator).await.unwrap();
    bench.clock.advance(56 * MINUTE);
    for _ in 0..10 {
        assert_eq!(token(&authenticator).await.unwrap(), "token-0");
    }
    assert_eq!(bench.server.count(), 2);
    bench.clock.advance(4 * MINUTE);
    later(token(&authenticator).await);
}

#[tokio::test]
async fn a_hundred_tasks_cause_one_fetch() {
    let bench = Bench::new(tokens).await;
    let authenticator = bench.start(&block(json!({})));
    let tasks = (0..100).map(|_| {
        let authenticator = Arc::clone(&authenticator);
        tokio::spawn(async move { token(&authenticator).await.unwrap() })
    });
    assert!(join_all(tasks).await.into_iter().all(|token| token.unwrap() == "token-0"));
    assert_eq!(bench.server.count(), 1);
}

#[tokio::test]
async fn a_hundred_tasks_share_one_failure() {
    for status in ["503 Down", "401 Unauthorized"] {
        let bench = Bench::new(move |_, _| answer(status, "", "{}")).await;
        let authenticator = bench.start(&block(json!({})));
        let results = join_all((0..100).map(|_| token(&authenticator))).await;
        assert!(results.iter().all(Result::is_err));
        assert_eq!(bench.server.count(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_rejected_token_is_replaced_once_for_all() {
    let bench = Bench::new(tokens).await;
    let authenticator = bench.start(&block(json!({})));
    let requests = join_all((0..100).map(|_| request(&authenticator))).await;
    let retried = join_all(requests.into_iter().map(|request| async {
        authenticator.rejected(&request.unwrap()).await;
        token(&authenticator).await.unwrap()
    }))
    .await;
    assert!(retried.iter().all(|token| token == "token-1"));
    // A late rejection of the first token does not cost the second.
    let mut late = blank();
    late.headers.insert("authorization", "Bearer token-0".parse().unwrap());
    authenticator.rejected(&late).await;
    assert_eq!(token(&authenticator).await.unwrap(), "token-1");
    assert_eq!(bench.server.count(), 2);
}

#[tokio::test]
async fn tokens_that_are_always_rejected_cause_no_storm() {
    let bench = Bench::new(tokens).await;
    let authenticator = bench.start(&block(json!({})));
    for _ in 0..3 {
        let request = request(&authenticator).await.unwrap();
        authenticator.rejected(&request).await;
    }
    for _ in 0..10 {
        let (reason, until) = later(token(&authenticator).await);
        assert!(reason.contains("may use this API"), "{reason}");
        assert_eq!(until, Some(add("2026-11-03T10:00:00Z".parse().unwrap(), MINUTE)));
    }
    assert_eq!(bench.server.count(), 3);
    bench.clock.advance(MINUTE);
    assert_eq!(token(&authenticator).await.unwrap(), "token-3");
}

#[tokio::test]
async fn a_restart_uses_the_token_that_was_kept() {
    let bench = Bench::new(tokens).await;
    token(&bench.start(&block(json!({})))).await.unwrap();
    assert_eq!(token(&bench.start(&block(json!({})))).await.unwrap(), "token-0");
    assert_eq!(bench.redactor.text("token-0"), "***");
    // Not with other credentials, though, another scope, or after its end.
    assert_eq!(token(&bench.start(&block(json!({ "scope": "x" })))).await.unwrap(), "token-1");
    bench.vault.set("secret", "another");
    assert_eq!(token(&bench.start(&block(json!({ "scope": "x" })))).await.unwrap(), "token-2");
    bench.clock.advance(60 * MINUTE);
    assert_eq!(token(&bench.start(&block(json!({ "scope": "x" })))).await.unwrap(), "token-3");
}

#[tokio::test]
async fn a_store_that_fails_does_not_stop_tokens_without_a_budget() {
    let bench = Bench::new(tokens).await;
    *bench.tokens.broken.lock().unwrap() = true;
    let authenticator = bench.start(&block(json!({})));
    assert_eq!(token(&authenticator).await.unwrap(), "token-0");
    assert_eq!(token(&authenticator).await.unwrap(), "token-0");
    let budgeted = bench.start(&block(json!({ "daily_budget": 5 })));
    let (reason, _) = later(token(&budgeted).await);
    assert!(reason.contains("the store is broken"), "{reason}");
    assert_eq!(bench.server.count(), 1);
}

#[tokio::test]
async fn the_budget_of_a_day_holds_over_restarts() {
    let bench = Bench::new(tokens).await;
    let block = block(json!({ "daily_budget": 3 }));
    for _ in 0..3 {
        bench.tokens.kept.lock().unwrap().take();
        token(&bench.start(&block)).await.unwrap();
    }
    bench.tokens.kept.lock().unwrap().take();
    let authenticator = bench.start(&block);
    for _ in 0..10 {
        let (reason, until) = later(token(&authenticator).await);
        assert!(reason.starts_with("3 tokens were fetched from 127.0.0.1 within 24 hours"), "{reason}");
        assert_eq!(until, Some("2026-11-03T11:00:00Z".parse().unwrap()));
    }
    assert_eq!((bench.server.count(), bench.tokens.fetches.lock().unwrap().len()), (3, 4));
    bench.clock.advance(24 * 60 * MINUTE);
    assert_eq!(token(&authenticator).await.unwrap(), "token-3");
}

#[tokio::test]
async fn wrong_credentials_are_said_and_not_tried_again_until_they_change() {
    for status in ["400 Bad Request", "401 Unauthorized", "403 Forbidden"] {
        let body =
            r#"{"response":{"errors":[{"code":"10401","message":"ClientId is Invalid: id-hunter2"}]}}"#;
        let bench = Bench::new(move |_, _| answer(status, "", body)).await;
        let authenticator = bench.start(&block(json!({})));
        for _ in 0..10 {
            let reason = refused(token(&authenticator).await);
            assert!(
                reason.contains("10401 ClientId is Invalid: ***") && reason.contains("set them again"),
                "{reason}"
            );
            assert!(!reason.contains("hunter2"), "{reason}");
        }
        assert_eq!(bench.server.count(), 1, "{status}");
        bench.vault.set("secret", "another");
        refused(token(&authenticator).await);
        assert_eq!(bench.server.count(), 2, "{status}");
        bench.clock.advance(Duration::from_secs(29));
        refused(token(&authenticator).await);
        assert_eq!(bench.server.count(), 2, "{status}");
        bench.clock.advance(Duration::from_secs(1));
        refused(token(&authenticator).await);
        assert_eq!(bench.server.count(), 3, "{status}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_refused() {
    for status in ["404 Not Found", "301 Moved"] {
        let bench = Bench::new(move |_, _| answer(status, "", "")).await;
        let reason = refused(token(&bench.start(&block(json!({})))).await);
        assert!(reason.contains("gives no tokens at /security/v1/oauth/token"), "{reason}");
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_ever_more_rarely() {
    let bench = Bench::new(|_, _| answer("503 Down", "", "<html>")).await;
    let authenticator = bench.start(&block(json!({})));
    for (number, pause) in [1, 2, 4, 8].into_iter().enumerate() {
        for _ in 0..3 {
            let (_, until) = later(token(&authenticator).await);
            assert_eq!(until, Some(add(crate::base::Clock::now(&bench.clock), Duration::from_secs(pause))));
        }
        assert_eq!(bench.server.count(), number + 1);
        bench.clock.advance(Duration::from_secs(pause));
    }
}

#[tokio::test]
async fn a_pause_that_the_endpoint_asks_for_is_made() {
    let bench = Bench::new(|request, before| match before {
        0 => answer("429 Quota", "retry-after: 120\r\n", r#"{"error":"Quota Limit Exceeded"}"#),
        _ => tokens(request, before),
    })
    .await;
    let authenticator = bench.start(&block(json!({})));
    let (reason, until) = later(token(&authenticator).await);
    assert!(reason.contains("Quota Limit Exceeded (status 429)"), "{reason}");
    assert_eq!(until, Some("2026-11-03T10:02:00Z".parse().unwrap()));
    bench.clock.advance(2 * MINUTE);
    assert_eq!(token(&authenticator).await.unwrap(), "token-1");
}

#[tokio::test]
async fn an_answer_without_a_token_may_pass() {
    for body in ["", "<html>", "{}", r#"{"access_token":""}"#, r#"{"access_token":7}"#] {
        let bench = Bench::new(move |_, _| answer("200 OK", "", body)).await;
        later(token(&bench.start(&block(json!({})))).await);
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_close_the_endpoint_for_good() {
    let bench = Bench::new(|request, before| match before {
        0 => answer("401 Unauthorized", "", ""),
        _ => tokens(request, before),
    })
    .await;
    let authenticator = bench.start(&block(json!({})));
    refused(token(&authenticator).await);
    bench.clock.set("2026-11-01T00:00:00Z".parse().unwrap());
    assert_eq!(token(&authenticator).await.unwrap(), "token-1");
}

#[tokio::test]
async fn requests_carry_what_they_are_to_beside_the_token() {
    let bench = Bench::new(tokens).await;
    let block = block(json!({ "credentials": { "push": "extra", "other?": "none" } }));
    let config = crate::auth::tests::harness::checked(&block);
    assert_eq!(config.placeholders(), ["other", "push"]);
    assert_eq!(config.credentials(), ["extra", "id", "secret"]);
    let authenticator = bench.start(&block);
    let mut request = blank();
    let (push, other) = (crate::auth::placeholder("push"), crate::auth::placeholder("other"));
    request.headers.insert("content-type", "application/json".parse().unwrap());
    request.body = Some(json!({ "credential": push, "other": other }).to_string().into());
    authenticator.prepare(&mut request).await.unwrap();
    assert_eq!(request.body.as_deref(), Some(br#"{"credential":"extra-hunter2","other":""}"#.as_slice()));
    assert_eq!(request.headers["authorization"], "Bearer token-0");
}
