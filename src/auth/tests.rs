//! What every kind must do, over all of them.

pub(super) mod harness;

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{AuthBlock, AuthBlocks, AuthError, Authenticator, KINDS};
use crate::expression::Values;
use crate::http::loopback::answer;
use harness::{Bench, Checking, SECRETS, checked, unproven};

/// One block of each kind, with all its fields.
fn example(kind: &str) -> Value {
    let fields = match kind {
        "api_key" => json!({ "header": "X-API-Key", "key": "key" }),
        "basic" => json!({ "username": "username", "password": "password", "case": "upper" }),
        "body_credentials" => json!({
            "credentials": { "username": "username", "password": "password", "extra": "extra" },
        }),
        "mutual_tls" => json!({
            "certificate": "certificate", "key": "certificate_key", "header": "X-API-Key", "api_key": "key",
        }),
        "oauth2_client_credentials" => json!({
            "token_url": "{{ settings.base_url }}/token", "client_id": "id", "client_secret": "secret",
            "scope": "all", "headers": { "x-account?": "{{ settings.account }}" }, "refresh_early": "5m",
            "daily_budget": 10,
        }),
        "oauth2_refresh_token" => json!({
            "token_url": "{{ settings.base_url }}/token", "client_id": "id", "client_secret": "secret",
            "refresh_token": "refresh", "request": "json", "headers": { "x-account?": "{{ settings.account }}" },
            "refresh_early": "5m", "daily_budget": 10,
        }),
        "session" => json!({
            "logon": {
                "method": "POST", "path": "/Logon/{{ settings.account }}", "query": { "Operator": "{{ secret.user }}" },
                "headers": { "x-account?": "{{ settings.account }}" }, "json": { "password": "{{ secret.password }}" },
            },
            "credentials": { "user": "username", "password": "password", "company?": "none" },
            "refused": "{{ answer | starts_with('ERROR') }}", "token": "{{ answer }}", "carry": { "query": "UserId" },
            "logoff": { "method": "GET", "path": "/Logoff" }, "idle": "2m",
        }),
        "signed_jwt" => json!({
            "algorithm": "HS256", "secret": "secret", "credentials": { "client": "id" },
            "claims": { "iss": "{{ secret.client }}", "aud": "{{ settings.account }}" }, "header": { "kid": "1" },
            "lifetime": "5m",
        }),
        other => panic!("{other} has no example here"),
    };
    json!({ kind: fields })
}

async fn bench() -> Bench {
    Bench::new(|request, before| {
        let body = if request.contains("/Logon/") {
            format!(r#""session-hunter2-{before}""#)
        } else {
            format!(r#"{{"access_token":"token-hunter2-{before}","expires_in":"3600","refresh_token":"next-hunter2-{before}"}}"#)
        };
        answer("200 OK", "", &body)
    })
    .await
}

/// What proves us: headers, query and body of a prepared request, and the identity.
async fn proof(kind: &str, authenticator: &Arc<dyn Authenticator>) -> Result<String, AuthError> {
    let mut request = unproven(kind);
    let before = request.clone();
    authenticator.prepare(&mut request).await?;
    let added = request.headers.iter().filter(|(name, _)| !before.headers.contains_key(*name));
    let mut proof: Vec<String> = added
        .map(|(name, value)| {
            assert!(value.is_sensitive(), "{name}");
            format!("{name}={}", value.to_str().unwrap())
        })
        .collect();
    proof.sort_unstable();
    proof.extend(request.url.query().map(str::to_owned));
    proof.extend(request.body.map(|body| String::from_utf8(body.to_vec()).unwrap()));
    proof.extend(authenticator.identity()?.map(|identity| identity.expose().to_owned()));
    Ok(proof.join(" "))
}

/// `text` with what is base64 in it.
fn decoded(text: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=-_".contains(c)));
    let plain = words.filter_map(|word| STANDARD.decode(word).or_else(|_| URL_SAFE_NO_PAD.decode(word)).ok());
    plain.fold(text.to_owned(), |text, plain| text + " " + &String::from_utf8_lossy(&plain))
}

#[test]
fn names_and_blocks_agree() {
    for kind in KINDS {
        let block: AuthBlock = serde_json::from_value(example(kind)).unwrap();
        assert_eq!(block.kind(), *kind);
        let config = checked(&example(kind));
        assert_eq!(config.kind(), *kind);
        for name in config.credentials() {
            assert!(SECRETS.iter().any(|(known, _)| *known == name), "{kind}: {name}");
        }
    }
}

#[test]
fn fields_that_do_not_exist_are_refused() {
    for kind in KINDS {
        let mut block = example(kind);
        block[kind]["kye"] = json!("x");
        let error = serde_json::from_value::<AuthBlock>(block).unwrap_err().to_string();
        assert!(error.contains("unknown field `kye`"), "{kind}: {error}");
    }
    let error = serde_json::from_value::<AuthBlock>(json!({ "ouath": {} })).unwrap_err().to_string();
    assert!(error.contains("api_key") && error.contains("oauth2_client_credentials"), "{error}");
}

#[test]
fn credentials_that_are_not_declared_are_found_all_at_once() {
    for kind in KINDS {
        let mut block = example(kind);
        let names = checked(&block).credentials().len();
        let single =
            ["key", "api_key", "certificate", "client_id", "client_secret", "refresh_token", "secret"];
        for field in single.into_iter().chain(["username", "password"]) {
            if let Some(name) = block[kind].get_mut(field) {
                *name = json!("missing");
            }
        }
        for (_, name) in
            block[kind].get_mut("credentials").and_then(Value::as_object_mut).into_iter().flatten()
        {
            *name = json!("missing");
        }
        let block: AuthBlock = serde_json::from_value(block).unwrap();
        let mut checking = Checking::new();
        assert!(block.check(&mut checking).is_none());
        let optional = usize::from(kind == &"session");
        assert_eq!(checking.findings.len(), names + optional, "{kind}: {:?}", checking.findings);
        assert!(checking.findings.iter().all(|finding| finding.starts_with('/')), "{:?}", checking.findings);
    }
}

#[tokio::test]
async fn a_prepared_request_carries_a_proof() {
    for kind in KINDS {
        let bench = bench().await;
        let proof = proof(kind, &bench.start(&example(kind))).await.unwrap();
        assert_ne!(decoded(&proof), "", "{kind}");
        assert!(decoded(&proof).to_lowercase().contains("hunter2"), "{kind}: {proof}");
    }
}

#[tokio::test]
async fn a_missing_credential_is_refused_with_its_cure() {
    for kind in KINDS {
        for name in checked(&example(kind)).credentials() {
            let bench = bench().await;
            bench.vault.remove(name);
            match proof(kind, &bench.start(&example(kind))).await {
                Err(AuthError::Refused(reason)) => assert!(reason.contains(&format!("`{name}`")), "{reason}"),
                other => panic!("{kind}: {other:?}"),
            }
            assert_eq!(bench.server.count(), 0);
        }
    }
}

#[tokio::test]
async fn a_rotated_credential_is_used_at_once() {
    for kind in KINDS {
        for name in checked(&example(kind)).credentials() {
            let bench = bench().await;
            let authenticator = bench.start(&example(kind));
            let before = proof(kind, &authenticator).await.unwrap();
            bench.vault.set(name, "rotated");
            assert_ne!(proof(kind, &authenticator).await.unwrap(), before, "{kind}: {name}");
        }
    }
}

#[tokio::test]
async fn the_value_before_is_tried_where_the_newest_is_not_accepted() {
    for kind in ["api_key", "basic", "body_credentials", "mutual_tls", "signed_jwt"] {
        let bench = bench().await;
        let authenticator = bench.start(&example(kind));
        let old = proof(kind, &authenticator).await.unwrap();
        let name = if kind == "basic" || kind == "body_credentials" {
            "password"
        } else if kind == "signed_jwt" {
            "secret"
        } else {
            "key"
        };
        bench.vault.rotate(name, "rotated");
        let new = proof(kind, &authenticator).await.unwrap();
        assert_ne!(new, old, "{kind}: the newest comes first");
        let mut request = unproven(kind);
        authenticator.prepare(&mut request).await.unwrap();
        // However many are told.
        for _ in 0..3 {
            authenticator.rejected(&request).await;
        }
        assert_eq!(proof(kind, &authenticator).await.unwrap(), old, "{kind}");
        // The other side has changed over: the one before is not accepted either.
        let mut request = unproven(kind);
        authenticator.prepare(&mut request).await.unwrap();
        authenticator.rejected(&request).await;
        assert_eq!(proof(kind, &authenticator).await.unwrap(), new, "{kind}");
        // Another chance for the newest after a while.
        let mut request = unproven(kind);
        authenticator.prepare(&mut request).await.unwrap();
        authenticator.rejected(&request).await;
        assert_eq!(proof(kind, &authenticator).await.unwrap(), old, "{kind}");
        if kind != "signed_jwt" {
            bench.clock.advance(std::time::Duration::from_secs(15 * 60));
            assert_eq!(proof(kind, &authenticator).await.unwrap(), new, "{kind}");
        }
        bench.vault.retire(name);
        let mut request = unproven(kind);
        authenticator.prepare(&mut request).await.unwrap();
        authenticator.rejected(&request).await;
        assert_ne!(proof(kind, &authenticator).await.unwrap(), old, "{kind}: it is forgotten");
    }
}

#[test]
fn only_credentials_in_bodies_are_seen_by_templates() {
    for kind in KINDS {
        let config = checked(&example(kind));
        let expected: &[&str] = match *kind {
            "body_credentials" => &["extra", "password", "username"],
            _ => &[],
        };
        assert_eq!(config.placeholders(), expected, "{kind}");
    }
}

#[tokio::test]
async fn many_at_once_cause_one_fetch_and_so_do_many_rejections() {
    for kind in KINDS {
        let bench = bench().await;
        let authenticator = bench.start(&example(kind));
        let proofs = join_all((0..100).map(|_| proof(kind, &authenticator))).await;
        let first = proofs[0].clone().unwrap();
        assert!(proofs.into_iter().all(|proof| proof.unwrap() == first), "{kind}");
        assert!(bench.server.count() <= 1, "{kind}");
        let mut request = unproven(kind);
        authenticator.prepare(&mut request).await.unwrap();
        join_all((0..100).map(|_| async {
            authenticator.rejected(&request).await;
            proof(kind, &authenticator).await.unwrap()
        }))
        .await;
        assert!(bench.server.count() <= 2, "{kind}");
    }
}

#[tokio::test]
async fn no_credential_is_printed_and_all_are_redacted() {
    for kind in KINDS {
        let bench = bench().await;
        let authenticator = bench.start(&example(kind));
        let proof = proof(kind, &authenticator).await.unwrap();
        let printed = format!("{authenticator:?} {:?}", checked(&example(kind)));
        assert!(!printed.contains("hunter2"), "{printed}");
        let redacted = bench.redactor.text(&proof);
        assert!(redacted.contains("***"), "{kind}: {redacted}");
        assert!(!decoded(&redacted).to_lowercase().contains("hunter2"), "{kind}: {redacted}");
        for name in checked(&example(kind)).credentials() {
            let (_, secret) = SECRETS.iter().find(|(known, _)| *known == name).unwrap();
            assert_eq!(bench.redactor.text(secret), "***", "{kind}: {name}");
        }
    }
}

#[tokio::test]
async fn hosts_are_those_of_what_is_fetched() {
    let bench = bench().await;
    let mut values = Values::default();
    values.set("settings", &bench.settings());
    for kind in KINDS {
        let hosts = checked(&example(kind)).hosts(&values).unwrap();
        let authenticator = bench.start(&example(kind));
        let before = bench.server.count();
        proof(kind, &authenticator).await.unwrap();
        // A session is opened at the base URL, which every connection may reach.
        let reached = bench.server.count() > before && *kind != "session";
        assert_eq!(hosts.contains(&bench.server.address.to_string()), reached, "{kind}");
    }
}

#[test]
fn a_key_belongs_to_its_header() {
    let written = json!({ "certificate": "c", "key": "k", "header": "X-API-Key" });
    let error =
        serde_json::from_value::<AuthBlock>(json!({ "mutual_tls": written })).unwrap_err().to_string();
    assert!(error.contains("belong together"), "{error}");
}

#[test]
fn the_schema_names_every_kind_and_closes_its_fields() {
    let schema = schemars::schema_for!(AuthBlocks).to_value();
    let kinds: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(kinds, KINDS);
    assert_eq!(schema["additionalProperties"], false);
    let blocks =
        ["ApiKey", "Basic", "BodyCredentials", "MutualTls", "Oauth2ClientCredentials", "Oauth2RefreshToken"];
    for definition in blocks.into_iter().chain(["Session", "SignedJwt", "AuthRequest"]) {
        let definition = &schema["$defs"][definition];
        assert_eq!(definition["additionalProperties"], false, "{schema:#}");
        for field in definition["properties"].as_object().unwrap().values() {
            assert!(field.to_string().contains("description") || field.get("$ref").is_some(), "{field}");
        }
    }
}
