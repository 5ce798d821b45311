//! What every kind must do, over all of them.

pub(super) mod harness;

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{AuthBlock, AuthBlocks, AuthError, Authenticator, KINDS};
use crate::expression::Values;
use crate::http::loopback::answer;
use harness::{Bench, Checking, SECRETS, blank, checked};

/// One block of each kind, with all its fields.
fn example(kind: &str) -> Value {
    let fields = match kind {
        "api_key" => json!({ "header": "X-API-Key", "key": "key" }),
        "mutual_tls" => json!({
            "certificate": "certificate", "key": "certificate_key", "header": "X-API-Key", "api_key": "key",
        }),
        "oauth2_client_credentials" => json!({
            "token_url": "{{ settings.base_url }}/token", "client_id": "id", "client_secret": "secret",
            "scope": "all", "headers": { "x-account?": "{{ settings.account }}" }, "refresh_early": "5m",
            "daily_budget": 10,
        }),
        other => panic!("{other} has no example here"),
    };
    json!({ kind: fields })
}

async fn bench() -> Bench {
    Bench::new(|_, before| {
        answer("200 OK", "", &format!(r#"{{"access_token":"token-hunter2-{before}","expires_in":"3600"}}"#))
    })
    .await
}

/// What proves us: headers of a prepared request, and the identity.
async fn proof(authenticator: &Arc<dyn Authenticator>) -> Result<String, AuthError> {
    let mut request = blank();
    authenticator.prepare(&mut request).await?;
    let mut proof: Vec<String> = request
        .headers
        .iter()
        .map(|(name, value)| {
            assert!(value.is_sensitive(), "{name}");
            format!("{name}={}", value.to_str().unwrap())
        })
        .collect();
    proof.sort_unstable();
    proof.extend(authenticator.identity()?.map(|identity| identity.expose().to_owned()));
    Ok(proof.join(" "))
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
        for field in ["key", "api_key", "certificate", "client_id", "client_secret"] {
            if let Some(name) = block[kind].get_mut(field) {
                *name = json!("missing");
            }
        }
        let block: AuthBlock = serde_json::from_value(block).unwrap();
        let mut checking = Checking::new();
        assert!(block.check(&mut checking).is_none());
        assert_eq!(checking.findings.len(), names, "{kind}: {:?}", checking.findings);
        assert!(checking.findings.iter().all(|finding| finding.starts_with('/')), "{:?}", checking.findings);
    }
}

#[tokio::test]
async fn a_prepared_request_carries_a_proof() {
    for kind in KINDS {
        let bench = bench().await;
        let proof = proof(&bench.start(&example(kind))).await.unwrap();
        assert!(proof.contains("hunter2"), "{kind}: {proof}");
    }
}

#[tokio::test]
async fn a_missing_credential_is_refused_with_its_cure() {
    for kind in KINDS {
        for name in checked(&example(kind)).credentials() {
            let bench = bench().await;
            bench.vault.remove(name);
            match proof(&bench.start(&example(kind))).await {
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
            let before = proof(&authenticator).await.unwrap();
            bench.vault.set(name, "rotated");
            assert_ne!(proof(&authenticator).await.unwrap(), before, "{kind}: {name}");
        }
    }
}

#[tokio::test]
async fn many_at_once_cause_one_fetch_and_so_do_many_rejections() {
    for kind in KINDS {
        let bench = bench().await;
        let authenticator = bench.start(&example(kind));
        let proofs = join_all((0..100).map(|_| proof(&authenticator))).await;
        let first = proofs[0].clone().unwrap();
        assert!(proofs.into_iter().all(|proof| proof.unwrap() == first), "{kind}");
        assert!(bench.server.count() <= 1, "{kind}");
        let mut request = blank();
        authenticator.prepare(&mut request).await.unwrap();
        join_all((0..100).map(|_| async {
            authenticator.rejected(&request).await;
            proof(&authenticator).await.unwrap()
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
        let proof = proof(&authenticator).await.unwrap();
        let printed = format!("{authenticator:?} {:?}", checked(&example(kind)));
        assert!(!printed.contains("hunter2"), "{printed}");
        let redacted = bench.redactor.text(&proof);
        assert!(!redacted.contains("hunter2"), "{kind}: {redacted}");
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
        proof(&authenticator).await.unwrap();
        let reached = bench.server.count() > before;
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
    for definition in ["ApiKey", "MutualTls", "Oauth2ClientCredentials"] {
        let definition = &schema["$defs"][definition];
        assert_eq!(definition["additionalProperties"], false, "{schema:#}");
        for field in definition["properties"].as_object().unwrap().values() {
            assert!(field.to_string().contains("description") || field.get("$ref").is_some(), "{field}");
        }
    }
}
