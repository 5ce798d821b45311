//! What is signed, for how long it is used, and that the other side would accept it.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::auth::Authenticator;
use crate::auth::tests::harness::{Bench, blank};
use crate::http::Outgoing;
use crate::http::loopback::answer;

const SECOND: Duration = Duration::from_secs(1);

fn block(more: Value) -> Value {
    let mut fields = json!({
        "secret": "secret", "credentials": { "client_id": "id" },
        "claims": {
            "iss": "{{ secret.client_id }}", "sub": "{{ settings.account }}", "aud": "", "tenant?": "{{ settings.merchant_id }}",
        },
    });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "signed_jwt": fields })
}

async fn bench() -> Bench {
    Bench::new(|_, _| answer("500 Nobody asks", "", "")).await
}

async fn request(authenticator: &Arc<dyn Authenticator>) -> Outgoing {
    let mut request = blank();
    authenticator.prepare(&mut request).await.unwrap();
    request
}

fn token(request: &Outgoing) -> String {
    request.headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned()
}

/// What the other side does: checks the signature, then reads header and claims.
fn verified(token: &str, secret: &str) -> (Value, Value) {
    let (body, signature) = token.rsplit_once('.').unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, body.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let part = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    let (header, claims) = body.split_once('.').unwrap();
    (part(header), part(claims))
}

#[tokio::test]
async fn a_token_says_what_the_file_says_and_is_signed() {
    let bench = bench().await;
    let authenticator = bench.start(&block(json!({ "header": { "kid": "7", "alg": "none" } })));
    let token = token(&request(&authenticator).await);
    let (header, claims) = verified(&token, "secret-hunter2");
    assert_eq!(header, json!({ "alg": "HS256", "typ": "JWT", "kid": "7" }));
    // 2026-11-03T10:00:00Z
    let expected = json!({ "iss": "id-hunter2", "sub": "A1B2C3", "aud": "", "iat": 1_793_700_000, "exp": 1_793_700_300 });
    assert_eq!(claims, expected);
    assert_eq!(bench.redactor.text(&format!("see {token}")), "see ***");
}

#[tokio::test]
async fn the_example_of_the_standard_is_signed_as_the_standard_says() {
    // RFC 7515, A.1, but for the blanks that its JSON has: header and claims as we write them.
    let key = URL_SAFE_NO_PAD
        .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
        .unwrap();
    let body = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    assert_eq!(super::signature(&key, body), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

#[tokio::test]
async fn a_token_is_used_until_it_is_nearly_over() {
    let bench = bench().await;
    let authenticator = bench.start(&block(json!({})));
    let first = token(&request(&authenticator).await);
    bench.clock.advance(239 * SECOND);
    assert_eq!(token(&request(&authenticator).await), first);
    bench.clock.advance(SECOND);
    let second = token(&request(&authenticator).await);
    assert_ne!(second, first);
    // A clock that is set back would make it one of the future.
    bench.clock.set("2026-11-03T09:00:00Z".parse().unwrap());
    assert_ne!(token(&request(&authenticator).await), second);
    let brief = bench.start(&block(json!({ "lifetime": "60s" })));
    let first = token(&request(&brief).await);
    bench.clock.advance(29 * SECOND);
    assert_eq!(token(&request(&brief).await), first);
    bench.clock.advance(SECOND);
    assert_ne!(token(&request(&brief).await), first);
}

#[tokio::test]
async fn a_token_that_is_not_accepted_is_signed_anew() {
    let bench = bench().await;
    let authenticator = bench.start(&block(json!({})));
    let first = request(&authenticator).await;
    bench.clock.advance(SECOND);
    authenticator.rejected(&first).await;
    let second = request(&authenticator).await;
    assert_ne!(token(&second), token(&first));
    bench.clock.advance(SECOND);
    authenticator.rejected(&first).await;
    assert_eq!(token(&request(&authenticator).await), token(&second), "late word of the first");
}

#[tokio::test]
async fn a_template_that_changes_a_credential_signs_nothing() {
    let bench = bench().await;
    let authenticator = bench.start(&block(json!({ "claims": { "iss": "{{ secret.client_id | upper }}" } })));
    let error = authenticator.prepare(&mut blank()).await.unwrap_err().to_string();
    assert!(error.contains("write it as it is") && !error.contains("hunter2"), "{error}");
}
