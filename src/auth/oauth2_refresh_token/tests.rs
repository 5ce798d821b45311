//! The chain of refresh tokens: each is used once, kept before its access token is used, and begun anew by pairing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::auth::tests::harness::{Bench, blank};
use crate::auth::{AuthError, Authenticator};
use crate::http::Outgoing;
use crate::http::loopback::answer;

const SECOND: Duration = Duration::from_secs(1);

fn block(more: Value) -> Value {
    let mut fields = json!({
        "token_url": "{{ settings.base_url }}/v1/token", "client_id": "id", "client_secret": "secret",
        "refresh_token": "refresh", "request": "json",
    });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "oauth2_refresh_token": fields })
}

/// Gives out access tokens of five minutes, and a new refresh token each time; only the newest is accepted, as Sage
/// X3's gateway has it.
async fn gateway() -> Bench {
    let valid = std::sync::Mutex::new(vec!["refresh-hunter2".to_owned()]);
    Bench::new(move |request, before| {
        let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        let mut valid = valid.lock().unwrap();
        let asked = body["refresh_token"].as_str().unwrap().to_owned();
        if asked.starts_with("paired") {
            valid.push(asked.clone());
        }
        if valid.last() != Some(&asked) {
            return answer("403 Forbidden", "", &json!({ "error": "refresh token not found" }).to_string());
        }
        valid.push(format!("next-{before}"));
        let pair = json!({
            "access_token": format!("token-{before}"), "expires_in": 300, "refresh_token": format!("next-{before}"),
        });
        answer("200 OK", "", &pair.to_string())
    })
    .await
}

async fn request(authenticator: &Arc<dyn Authenticator>) -> Result<Outgoing, AuthError> {
    let mut request = blank();
    authenticator.prepare(&mut request).await.map(|()| request)
}

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

fn body(bench: &Bench, index: usize) -> Value {
    let requests = bench.server.requests.lock().unwrap();
    serde_json::from_str(requests[index].split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn each_way_to_ask_is_what_the_other_side_wants() {
    let bench = gateway().await;
    token(&bench.start(&block(json!({})))).await.unwrap();
    let expected = json!({
        "grant_type": "refresh_token", "refresh_token": "refresh-hunter2", "client_id": "id-hunter2",
        "client_secret": "secret-hunter2",
    });
    assert_eq!(body(&bench, 0), expected);
    let plain = |_: &str, _: usize| answer("200 OK", "", r#"{"access_token":"token-x"}"#);
    for (style, basic, expected) in [
        ("basic", true, "grant_type=refresh_token&refresh_token=refresh-hunter2"),
        (
            "form",
            false,
            "grant_type=refresh_token&refresh_token=refresh-hunter2&client_id=id-hunter2&client_secret=secret-hunter2",
        ),
    ] {
        let bench = Bench::new(plain).await;
        token(&bench.start(&block(json!({ "request": style })))).await.unwrap();
        let sent = bench.server.requests.lock().unwrap()[0].clone();
        assert!(sent.ends_with(expected), "{sent}");
        assert_eq!(sent.contains("authorization: Basic "), basic, "{sent}");
        assert!(sent.contains("content-type: application/x-www-form-urlencoded"), "{sent}");
    }
}

#[tokio::test]
async fn each_token_is_fetched_with_what_came_with_the_one_before() {
    let bench = gateway().await;
    let authenticator = bench.start(&block(json!({})));
    for n in 0..4 {
        assert_eq!(token(&authenticator).await.unwrap(), format!("token-{n}"));
        bench.clock.advance(149 * SECOND);
        assert_eq!(token(&authenticator).await.unwrap(), format!("token-{n}"));
        // Half of its five minutes has passed.
        bench.clock.advance(SECOND);
    }
    assert_eq!(body(&bench, 3)["refresh_token"], "next-2");
    assert_eq!(bench.redactor.text("token-3 next-3"), "*** ***");
}

#[tokio::test]
async fn a_hundred_tasks_cause_one_fetch_each_time() {
    let bench = gateway().await;
    let authenticator = bench.start(&block(json!({})));
    for round in 0..3 {
        let tasks = (0..100).map(|_| {
            let authenticator = Arc::clone(&authenticator);
            tokio::spawn(async move { token(&authenticator).await.unwrap() })
        });
        assert!(join_all(tasks).await.into_iter().all(|token| token.unwrap() == format!("token-{round}")));
        assert_eq!(bench.server.count(), round + 1);
        bench.clock.advance(300 * SECOND);
    }
}

#[tokio::test]
async fn a_token_that_is_not_accepted_costs_no_chain() {
    let bench = gateway().await;
    let authenticator = bench.start(&block(json!({})));
    let requests = join_all((0..50).map(|_| request(&authenticator))).await;
    join_all(requests.iter().map(|request| async {
        authenticator.rejected(request.as_ref().unwrap()).await;
        assert_eq!(token(&authenticator).await.unwrap(), "token-1");
    }))
    .await;
    assert_eq!(body(&bench, 1)["refresh_token"], "next-0");
}

#[tokio::test]
async fn the_chain_goes_on_after_a_restart() {
    let bench = gateway().await;
    token(&bench.start(&block(json!({})))).await.unwrap();
    let again = bench.start(&block(json!({})));
    assert_eq!(token(&again).await.unwrap(), "token-0");
    bench.clock.advance(24 * 3600 * SECOND);
    assert_eq!(token(&again).await.unwrap(), "token-1");
    assert_eq!(token(&bench.start(&block(json!({})))).await.unwrap(), "token-1");
    assert_eq!(bench.server.count(), 2);
}

#[tokio::test]
async fn a_refresh_token_is_kept_before_its_access_token_is_used() {
    let bench = gateway().await;
    let authenticator = bench.start(&block(json!({})));
    *bench.tokens.broken.lock().unwrap() = true;
    // What is kept cannot be read: beginning with the first one would end the chain.
    assert!(matches!(token(&authenticator).await, Err(AuthError::Later { .. })));
    assert_eq!(bench.server.count(), 0);
    *bench.tokens.broken.lock().unwrap() = false;
    bench.clock.advance(SECOND);
    token(&authenticator).await.unwrap();
    *bench.tokens.broken.lock().unwrap() = true;
    bench.clock.advance(300 * SECOND);
    for _ in 0..5 {
        match token(&authenticator).await {
            Err(AuthError::Later { reason, .. }) => assert!(reason.contains("cannot be kept"), "{reason}"),
            other => panic!("{other:?}"),
        }
        bench.clock.advance(16 * SECOND);
    }
    // Fetched once, and kept as soon as that works.
    assert_eq!(bench.server.count(), 2);
    *bench.tokens.broken.lock().unwrap() = false;
    bench.clock.advance(SECOND);
    assert_eq!(token(&authenticator).await.unwrap(), "token-1");
    let kept = bench.tokens.kept.lock().unwrap().clone().unwrap();
    assert_eq!(kept.refresh.unwrap().token.expose(), "next-1");
}

#[tokio::test]
async fn a_caller_who_gives_up_does_not_break_the_chain() {
    let bench = gateway().await;
    let authenticator = bench.start(&block(json!({})));
    for _ in 0..3 {
        // Polled once, which sends it on its way, and dropped.
        let mut prepared = blank();
        let mut impatient = authenticator.prepare(&mut prepared);
        let _ = futures_util::poll!(&mut impatient);
        drop(impatient);
    }
    assert_eq!(token(&authenticator).await.unwrap(), "token-0");
    assert_eq!(bench.server.count(), 1);
}

#[tokio::test]
async fn a_dead_chain_says_how_to_pair_anew_and_a_new_pairing_begins_one() {
    let bench = gateway().await;
    let authenticator = bench.start(&block(json!({})));
    token(&authenticator).await.unwrap();
    // Somebody else used the refresh token: the kept one is of no use any more.
    bench.tokens.kept.lock().unwrap().take();
    let restored = bench.start(&block(json!({})));
    for _ in 0..5 {
        let reason = refused(token(&restored).await);
        assert!(
            reason.contains("refresh token not found") && reason.contains("Pair this connection"),
            "{reason}"
        );
        assert!(reason.contains("`ml-connector secret set bench.refresh`"), "{reason}");
        assert!(!reason.contains("hunter2"), "{reason}");
    }
    assert_eq!(bench.server.count(), 2);
    bench.vault.set("refresh", "paired-anew");
    assert_eq!(token(&restored).await.unwrap(), "token-2");
    // It wins over a chain that still works, too.
    bench.vault.set("refresh", "paired-again");
    assert_eq!(token(&restored).await.unwrap(), "token-3");
    assert_eq!(body(&bench, 3)["refresh_token"], "paired-again");
}

#[tokio::test]
async fn a_new_client_secret_goes_on_with_the_chain() {
    let bench = gateway().await;
    let authenticator = bench.start(&block(json!({})));
    token(&authenticator).await.unwrap();
    bench.vault.set("secret", "another");
    assert_eq!(token(&authenticator).await.unwrap(), "token-1");
    assert_eq!(
        (&body(&bench, 1)["refresh_token"], &body(&bench, 1)["client_secret"]),
        (&json!("next-0"), &json!("another"))
    );
}

#[tokio::test]
async fn a_wrong_client_is_no_dead_chain() {
    for answered in
        [answer("401 Unauthorized", "", ""), answer("400 Bad Request", "", r#"{"error":"invalid_client"}"#)]
    {
        let bench = Bench::new(move |_, _| answered.clone()).await;
        let reason = refused(token(&bench.start(&block(json!({})))).await);
        assert!(reason.contains("client id and secret"), "{reason}");
    }
    for answered in [
        answer("400 Bad Request", "", r#"{"error":"invalid_grant"}"#),
        answer("401 Unauthorized", "", r#"{"error":"invalid_grant"}"#),
    ] {
        let bench = Bench::new(move |_, _| answered.clone()).await;
        assert!(refused(token(&bench.start(&block(json!({})))).await).contains("secret set"));
    }
}

#[tokio::test]
async fn some_give_no_new_refresh_token_and_the_one_before_stays() {
    let bench = Bench::new(|_, before| {
        answer("200 OK", "", &format!(r#"{{"access_token":"token-{before}","expires_in":300}}"#))
    })
    .await;
    let authenticator = bench.start(&block(json!({})));
    token(&authenticator).await.unwrap();
    bench.clock.advance(300 * SECOND);
    assert_eq!(token(&authenticator).await.unwrap(), "token-1");
    assert_eq!(body(&bench, 1)["refresh_token"], "refresh-hunter2");
}

#[tokio::test]
async fn the_budget_of_a_day_holds() {
    let bench = gateway().await;
    let authenticator = bench.start(&block(json!({ "daily_budget": 2 })));
    for _ in 0..2 {
        token(&authenticator).await.unwrap();
        bench.clock.advance(300 * SECOND);
    }
    match token(&authenticator).await {
        Err(AuthError::Later { reason, .. }) => {
            assert!(reason.starts_with("2 tokens were fetched"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.server.count(), 2);
}
