//! The life of a session: one at a time, lost, refused, left unused, given back.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::auth::tests::harness::{Bench, blank};
use crate::auth::{AuthError, Authenticator};
use crate::http::Outgoing;
use crate::http::loopback::answer;

const SECOND: Duration = Duration::from_secs(1);

/// As SYSPRO's e.net has it: everything is GET, and the token is a query parameter.
fn block(more: Value) -> Value {
    let mut fields = json!({
        "logon": { "method": "GET", "path": "/Logon", "query": {
            "Operator": "{{ secret.operator }}", "OperatorPassword": "{{ secret.password }}",
            "CompanyId": "{{ settings.account }}", "CompanyPassword": "{{ secret.company_password }}",
        } },
        "credentials": { "operator": "username", "password": "password", "company_password?": "none" },
        "refused": "{{ answer | starts_with('ERROR') }}", "token": "{{ answer }}",
        "carry": { "query": "UserId" },
        "logoff": { "method": "GET", "path": "/Logoff" },
    });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "session": fields })
}

/// Gives out `guid-0`, `guid-1` …, counted over all requests.
fn guids(_: &str, before: usize) -> Vec<u8> {
    answer("200 OK", "", &format!("\"guid-{before}\""))
}

async fn request(authenticator: &Arc<dyn Authenticator>) -> Result<Outgoing, AuthError> {
    let mut request = blank();
    authenticator.prepare(&mut request).await.map(|()| request)
}

/// The token that a request gets.
async fn token(authenticator: &Arc<dyn Authenticator>) -> Result<String, AuthError> {
    let request = request(authenticator).await?;
    Ok(request.url.query().unwrap().strip_prefix("UserId=").unwrap().to_owned())
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

/// The request lines that came.
fn asked(bench: &Bench) -> Vec<String> {
    let requests = bench.server.requests.lock().unwrap();
    requests.iter().map(|request| request.lines().next().unwrap().replace(" HTTP/1.1", "")).collect()
}

#[tokio::test]
async fn it_logs_on_once_and_every_request_carries_the_token() {
    let bench = Bench::new(guids).await;
    let authenticator = bench.start(&block(json!({})));
    let tokens = join_all((0..100).map(|_| token(&authenticator))).await;
    assert!(tokens.into_iter().all(|token| token.unwrap() == "guid-0"));
    assert_eq!(
        asked(&bench),
        ["GET /api/Logon?Operator=username-hunter2&OperatorPassword=password-%26-hunter2&CompanyId=A1B2C3\
          &CompanyPassword="]
    );
    let mut request = blank();
    request.url.set_query(Some("BusinessObject=SORQRY"));
    authenticator.prepare(&mut request).await.unwrap();
    assert_eq!(request.url.query(), Some("UserId=guid-0&BusinessObject=SORQRY"));
    assert_eq!(bench.redactor.text("guid-0"), "***");
}

#[tokio::test]
async fn a_session_can_be_a_header_and_a_logon_a_json_body() {
    let bench = Bench::new(|_, before| answer("200 OK", "", &format!(r#"{{"id":"guid-{before}"}}"#))).await;
    let authenticator = bench.start(&block(json!({
        "logon": { "method": "POST", "path": "/sessions/{{ settings.account }}", "headers": { "x-a": "b" },
            "json": { "user": "{{ secret.operator }}", "password": "{{ secret.password }}" } },
        "token": "{{ (answer) }}", "carry": { "header": "X-Session" },
    })));
    let mut prepared = blank();
    // The whole object is the token here, which a header can carry.
    authenticator.prepare(&mut prepared).await.unwrap();
    assert_eq!(prepared.headers["x-session"], r#"{"id":"guid-0"}"#);
    assert!(prepared.headers["x-session"].is_sensitive());
    let sent = bench.server.requests.lock().unwrap()[0].clone();
    assert!(sent.starts_with("POST /api/sessions/A1B2C3 HTTP/1.1"), "{sent}");
    assert!(sent.contains("x-a: b") && sent.contains("content-type: application/json"), "{sent}");
    assert!(sent.ends_with(r#"{"user":"username-hunter2","password":"password-&-hunter2"}"#), "{sent}");
    authenticator.rejected(&prepared).await;
    authenticator.prepare(&mut prepared).await.unwrap();
    assert_eq!(prepared.headers["x-session"], r#"{"id":"guid-1"}"#);
}

#[tokio::test]
async fn a_session_that_somebody_ended_is_replaced_once_for_all() {
    let bench = Bench::new(guids).await;
    let authenticator = bench.start(&block(json!({})));
    let requests = join_all((0..100).map(|_| request(&authenticator))).await;
    let retried = join_all(requests.into_iter().map(|request| async {
        authenticator.rejected(&request.unwrap()).await;
        token(&authenticator).await.unwrap()
    }))
    .await;
    assert!(retried.iter().all(|token| token == "guid-1"));
    // A late word of the first session's end does not cost the second.
    let mut late = blank();
    late.url.set_query(Some("UserId=guid-0"));
    authenticator.rejected(&late).await;
    assert_eq!(token(&authenticator).await.unwrap(), "guid-1");
    // What is over needs no logoff.
    assert_eq!(bench.server.count(), 2);
}

#[tokio::test]
async fn two_who_end_each_others_session_do_not_do_so_for_ever() {
    let bench = Bench::new(guids).await;
    let authenticator = bench.start(&block(json!({})));
    for _ in 0..3 {
        let request = request(&authenticator).await.unwrap();
        authenticator.rejected(&request).await;
    }
    let (reason, until) = later(token(&authenticator).await);
    assert!(reason.contains("nobody else works with it"), "{reason}");
    assert_eq!(until, Some("2026-11-03T10:01:00Z".parse().unwrap()));
    bench.clock.advance(60 * SECOND);
    assert_eq!(token(&authenticator).await.unwrap(), "guid-3");
}

#[tokio::test]
async fn a_refused_logon_may_pass_once_and_then_needs_a_person() {
    for refusal in [
        answer("200 OK", "", r#""ERROR: Invalid operator password-&-hunter2""#),
        answer("200 OK", "", "ERROR: Invalid operator password-&-hunter2"),
        answer("401 Unauthorized", "", "ERROR: Invalid operator password-&-hunter2"),
    ] {
        let bench = Bench::new(move |_, _| refusal.clone()).await;
        let authenticator = bench.start(&block(json!({})));
        for _ in 0..10 {
            let (reason, until) = later(token(&authenticator).await);
            assert!(reason.contains("127.0.0.1 refused the logon"), "{reason}");
            assert!(
                reason.contains("ERROR: Invalid operator ***") && !reason.contains("hunter2"),
                "{reason}"
            );
            assert_eq!(until, Some("2026-11-03T10:00:30Z".parse().unwrap()));
        }
        assert_eq!(bench.server.count(), 1);
        bench.clock.advance(30 * SECOND);
        for _ in 0..10 {
            let reason = refused(token(&authenticator).await);
            assert!(reason.contains("licence has room"), "{reason}");
        }
        assert_eq!(bench.server.count(), 2);
        // Other credentials are worth a try at once.
        bench.vault.set("password", "another");
        refused(token(&authenticator).await);
        assert_eq!(bench.server.count(), 3);
    }
}

#[tokio::test]
async fn the_password_before_is_tried_where_the_newest_is_refused() {
    let bench = Bench::new(|request, before| {
        if request.contains("OperatorPassword=early&") {
            return answer("200 OK", "", "ERROR: Invalid password");
        }
        guids(request, before)
    })
    .await;
    bench.vault.rotate("password", "early");
    let authenticator = bench.start(&block(json!({})));
    assert_eq!(token(&authenticator).await.unwrap(), "guid-1");
    assert_eq!(token(&authenticator).await.unwrap(), "guid-1");
    assert_eq!(bench.server.count(), 2);
    bench.vault.rotate("password", "late");
    assert_eq!(token(&authenticator).await.unwrap(), "guid-3", "after a logoff");
}

#[tokio::test]
async fn it_logs_off_when_there_is_nothing_to_do() {
    let bench = Bench::new(guids).await;
    let authenticator = bench.start(&block(json!({})));
    authenticator.release().await;
    assert_eq!(bench.server.count(), 0, "nothing to give back");
    token(&authenticator).await.unwrap();
    join_all((0..5).map(|_| authenticator.release())).await;
    assert_eq!(asked(&bench)[1..], ["GET /api/Logoff?UserId=guid-0"]);
    assert_eq!(token(&authenticator).await.unwrap(), "guid-2");
}

#[tokio::test]
async fn a_logoff_may_name_the_token_itself() {
    let bench = Bench::new(guids).await;
    let logoff = json!({ "method": "POST", "path": "/out", "json": {
        "session": "{{ token }}", "user": "{{ secret.operator }}" } });
    let authenticator = bench.start(&block(json!({ "logoff": logoff, "carry": { "header": "X-Session" } })));
    request(&authenticator).await.unwrap();
    authenticator.release().await;
    let sent = bench.server.requests.lock().unwrap()[1].clone();
    assert!(sent.contains("x-session: guid-0"), "{sent}");
    assert!(sent.ends_with(r#"{"session":"guid-0","user":"username-hunter2"}"#), "{sent}");
}

#[tokio::test]
async fn a_logoff_that_fails_or_does_not_exist_stops_nothing() {
    let bench = Bench::new(|request, before| {
        if request.contains("/Logoff") { answer("500 No", "", "") } else { guids(request, before) }
    })
    .await;
    let authenticator = bench.start(&block(json!({})));
    token(&authenticator).await.unwrap();
    authenticator.release().await;
    assert_eq!(token(&authenticator).await.unwrap(), "guid-2");
    let without = bench.start(&block(json!({ "logoff": null })));
    token(&without).await.unwrap();
    without.release().await;
    assert_eq!(bench.server.count(), 4);
    assert_eq!(token(&without).await.unwrap(), "guid-4");
}

#[tokio::test]
async fn a_session_that_lay_unused_is_not_relied_on() {
    let bench = Bench::new(guids).await;
    let authenticator = bench.start(&block(json!({ "idle": "90s" })));
    for _ in 0..5 {
        assert_eq!(token(&authenticator).await.unwrap(), "guid-0");
        bench.clock.advance(89 * SECOND);
    }
    bench.clock.advance(SECOND);
    // It may still be open, so it is ended first: the licence may allow one only.
    assert_eq!(token(&authenticator).await.unwrap(), "guid-2");
    assert_eq!(asked(&bench)[1], "GET /api/Logoff?UserId=guid-0");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_ever_more_rarely() {
    let bench = Bench::new(|_, before| match before {
        0 => answer("503 Busy", "", "<html>"),
        1 => answer("429 Busy", "retry-after: 120\r\n", ""),
        2 => answer("200 OK", "", r#""""#),
        _ => guids("", before),
    })
    .await;
    let authenticator = bench.start(&block(json!({})));
    for (pause, said) in [(1, "status 503"), (120, "status 429"), (4, "without a token")] {
        for _ in 0..3 {
            let (reason, until) = later(token(&authenticator).await);
            assert!(reason.contains(said), "{reason}");
            assert_eq!(
                until,
                Some(crate::base::clock::add(crate::base::Clock::now(&bench.clock), pause * SECOND))
            );
        }
        bench.clock.advance(pause * SECOND);
    }
    assert_eq!(token(&authenticator).await.unwrap(), "guid-3");
}

#[tokio::test]
async fn a_logon_that_is_not_there_is_refused() {
    let bench = Bench::new(|_, _| answer("404 Not Found", "", "")).await;
    assert!(refused(token(&bench.start(&block(json!({})))).await).contains("no logon at this address"));
}
