//! What every kind must do, over all of them, and what a published key set is for.

mod keys;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Claim, Credentials, Judgement, KINDS, ProofBlock, ProofConfig, ProofContext, Verifier};
use crate::base::{ManualClock, Secret, json};
use crate::expression::{BlockChecker, Scope, Template, Type, ValueTemplate};
use crate::http::loopback::{Loopback, answer};
use crate::http::{Client, ClientOptions, Redactor};

const BODY: &[u8] = br#"{"trackingNumber":"1Z"}"#;

/// Stands for no answer at all.
const SILENCE: u16 = 0;

/// One block of each kind, with all its fields.
fn example(kind: &str) -> Value {
    let fields = match kind {
        "header" => json!({ "header": "credential", "credential": "secret" }),
        "issued_token" => json!({
            "client_id": "id", "client_secret": "secret", "api_key_header": "x-api-key", "life": "10m",
        }),
        "secret_url" => json!({ "credential": "secret" }),
        "rsa_signature" => json!({
            "jwks": "{{ settings.base_url }}/jwks", "key_id_header": "x-key-id", "signature_header": "x-signature",
            "timestamp_header": "x-timestamp", "window": "5m",
        }),
        "hmac" => json!({
            "credential": "secret", "header": "x-hub-signature-256", "algorithm": "sha256", "encoding": "hex",
            "prefix": "sha256=",
        }),
        "standard_webhooks" => json!({ "credential": "secret", "window": "5m" }),
        other => panic!("{other} has no example here"),
    };
    json!({ kind: fields })
}

struct Checking;

impl BlockChecker for Checking {
    fn template(&mut self, _pointer: &str, source: &str) -> Option<Template> {
        Template::compile(source, &Scope::from([("settings".to_owned(), Type::Any)])).ok()
    }

    fn values(&mut self, _pointer: &str, _tree: &Value) -> Option<ValueTemplate> {
        None
    }

    fn duration(&mut self, _pointer: &str, text: &str) -> Option<Duration> {
        crate::base::duration::parse(text).ok()
    }

    fn credential(&mut self, _pointer: &str, name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    fn seeing(&mut self, _more: Scope, check: &mut dyn FnMut(&mut dyn BlockChecker)) {
        check(self);
    }
}

fn config(block: &Value) -> ProofConfig {
    serde_json::from_value::<ProofBlock>(block.clone()).unwrap().check(&mut Checking).unwrap()
}

/// A vault in memory.
#[derive(Default)]
struct Vault(Mutex<BTreeMap<String, Vec<String>>>);

impl Vault {
    fn set(&self, name: &str, values: &[&str]) {
        self.0.lock().unwrap().insert(name.to_owned(), values.iter().map(ToString::to_string).collect());
    }
}

impl Credentials for Vault {
    fn get_all(&self, name: &str) -> Result<Vec<Secret>, String> {
        let held = self.0.lock().unwrap();
        let values = held.get(name).ok_or_else(|| format!("the credential {name} is not set"))?;
        Ok(values.iter().map(Secret::new).collect())
    }
}

/// A receiver with a vault, a clock, and a sender that publishes keys.
struct Bench {
    server: Loopback,
    published: Arc<Mutex<(u16, String)>>,
    vault: Arc<Vault>,
    clock: ManualClock,
    key: Arc<KeyPair>,
}

impl Bench {
    async fn new() -> Self {
        let key = Arc::new(KeyPair::generate(KeySize::Rsa2048).unwrap());
        let published = Arc::new(Mutex::new((200, set(&[("one", &key)]))));
        let given = Arc::clone(&published);
        let server = Loopback::answering(move |_, _| match given.lock().unwrap().clone() {
            (SILENCE, _) => Vec::new(),
            (status, body) => answer(&format!("{status} X"), "", &body),
        })
        .await;
        let vault = Arc::new(Vault::default());
        vault.set("id", &["id-hunter2"]);
        vault.set("secret", &["c2VjcmV0LWh1bnRlcjI="]);
        let clock = ManualClock::at("2026-11-20T12:00:00Z".parse().unwrap());
        Self { server, published, vault, clock, key }
    }

    fn publish(&self, status: u16, body: String) {
        *self.published.lock().unwrap() = (status, body);
    }

    fn now(&self) -> Timestamp {
        crate::base::Clock::now(&self.clock)
    }

    fn build(&self, kind: &str) -> Arc<dyn Verifier> {
        self.build_block(&example(kind))
    }

    fn build_block(&self, block: &Value) -> Arc<dyn Verifier> {
        let clients = |hosts| {
            Client::new(ClientOptions { hosts, ..ClientOptions::default() })
                .map_err(|error| error.to_string())
        };
        let context = ProofContext {
            connection: "ups".to_owned(),
            credentials: Arc::clone(&self.vault) as _,
            settings: Arc::new(json!({ "base_url": self.server.url("").as_str().trim_end_matches('/') })),
            clients: Arc::new(clients),
            clock: Arc::new(self.clock.clone()),
            redactor: Redactor::default(),
        };
        config(block).build(context).unwrap()
    }

    /// What a genuine sender sends that knows `secret`, at `sent`.
    fn genuine(&self, kind: &str, verifier: &dyn Verifier, secret: &str, sent: Timestamp) -> Push {
        let mut push = Push::default();
        let sent_text = sent.as_second().to_string();
        match kind {
            "header" => push.put("credential", secret),
            "issued_token" => {
                // A token lives ten minutes; one that is five minutes too old was issued fifteen minutes before.
                let issued = verifier.issue("id-hunter2", secret, sent).ok().flatten();
                let token = issued.map_or("unissued".to_owned(), |issued| issued.token.expose().to_owned());
                push.put("authorization", &format!("Bearer {token}"));
                push.put("x-api-key", "id-hunter2");
            }
            "secret_url" => push.secret = Some(secret.to_owned()),
            "rsa_signature" => {
                push.put("x-key-id", "one");
                push.put("x-timestamp", &sent.to_string());
                push.put(
                    "x-signature",
                    &signature(&self.key, &[sent.to_string().as_bytes(), b".", BODY].concat()),
                );
            }
            "hmac" => push
                .put("x-hub-signature-256", &format!("sha256={}", json::hex(&mac(secret.as_bytes(), BODY)))),
            "standard_webhooks" => {
                let message = [b"msg_1.", sent_text.as_bytes(), b".", BODY].concat();
                let tag = STANDARD.encode(mac(&STANDARD.decode(secret).unwrap(), &message));
                push.put("webhook-id", "msg_1");
                push.put("webhook-timestamp", &sent_text);
                push.put("webhook-signature", &format!("v1a,AAAA v1,AAAA v1,{tag}"));
            }
            other => panic!("{other}"),
        }
        push
    }
}

/// The set that publishes these keys, and an EC key beside them.
fn set(keys: &[(&str, &KeyPair)]) -> String {
    let ec = json!({ "kty": "EC", "kid": "ec", "crv": "P-256", "x": "AA", "y": "AA" });
    let rsa = keys.iter().map(|(id, pair)| {
        let modulus = &pair.public_key().as_ref()[9..][..256];
        json!({ "kty": "RSA", "kid": id, "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB" })
    });
    let keys: Vec<Value> = [ec].into_iter().chain(rsa).collect();
    json!({ "keys": keys }).to_string()
}

fn signature(pair: &KeyPair, message: &[u8]) -> String {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
    STANDARD.encode(signature)
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(HMAC_SHA256, key), message).as_ref().to_vec()
}

/// A request as it comes.
#[derive(Clone, Default)]
struct Push {
    headers: HeaderMap,
    secret: Option<String>,
}

impl Push {
    fn put(&mut self, name: &str, value: &str) {
        self.headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }

    async fn judge(&self, verifier: &dyn Verifier, body: &[u8], now: Timestamp) -> Judgement {
        let claim = Claim { headers: &self.headers, secret: self.secret.as_deref(), body, now };
        verifier.judge(claim).await
    }
}

const SECRET: &str = "c2VjcmV0LWh1bnRlcjI=";
const NEXT: &str = "bmV4dC1odW50ZXIy";

#[tokio::test]
async fn only_what_is_genuine_is_believed() {
    let bench = Bench::new().await;
    for kind in KINDS {
        let verifier = bench.build(kind);
        let genuine = bench.genuine(kind, &*verifier, SECRET, bench.now());
        assert_eq!(genuine.judge(&*verifier, BODY, bench.now()).await, Judgement::Genuine, "{kind}");
        let nothing = Push::default().judge(&*verifier, BODY, bench.now()).await;
        assert_eq!(nothing, Judgement::Missing, "{kind}");
        if kind != &"rsa_signature" {
            let other = bench.genuine(kind, &*verifier, NEXT, bench.now());
            assert_eq!(other.judge(&*verifier, BODY, bench.now()).await, Judgement::Wrong, "{kind}");
        }
    }
}

#[tokio::test]
async fn no_header_of_a_proof_can_be_changed_or_doubled_or_left_out() {
    let bench = Bench::new().await;
    for kind in KINDS {
        let verifier = bench.build(kind);
        let genuine = bench.genuine(kind, &*verifier, SECRET, bench.now());
        for name in genuine.headers.keys() {
            let value = genuine.headers[name].to_str().unwrap();
            for wrong in
                [String::new(), format!("{value}x"), value[..value.len() - 2].to_owned(), "ä".to_owned()]
            {
                let mut push = genuine.clone();
                push.headers.insert(name, http::HeaderValue::from_bytes(wrong.as_bytes()).unwrap());
                let judgement = push.judge(&*verifier, BODY, bench.now()).await;
                let refused = matches!(judgement, Judgement::Wrong | Judgement::Stale);
                assert!(refused, "{kind}, {name}: {wrong}: {judgement:?}");
            }
            let mut doubled = genuine.clone();
            doubled.headers.append(name, genuine.headers[name].clone());
            assert_eq!(
                doubled.judge(&*verifier, BODY, bench.now()).await,
                Judgement::Wrong,
                "{kind}, {name}"
            );
            let mut without = genuine.clone();
            without.headers.remove(name);
            let judgement = without.judge(&*verifier, BODY, bench.now()).await;
            assert_eq!(judgement, Judgement::Missing, "{kind}, {name}");
        }
    }
}

#[tokio::test]
async fn who_signs_the_body_signs_only_that_one() {
    let bench = Bench::new().await;
    for kind in ["rsa_signature", "hmac", "standard_webhooks"] {
        let verifier = bench.build(kind);
        let genuine = bench.genuine(kind, &*verifier, SECRET, bench.now());
        for body in [&b""[..], br#"{"trackingNumber":"1Y"}"#, br#"{"trackingNumber":"1Z"} "#] {
            assert_eq!(genuine.judge(&*verifier, body, bench.now()).await, Judgement::Wrong, "{kind}");
        }
    }
}

#[tokio::test]
async fn what_says_when_it_was_sent_is_good_for_five_minutes_either_way() {
    let bench = Bench::new().await;
    for kind in ["rsa_signature", "standard_webhooks"] {
        let verifier = bench.build(kind);
        for (seconds, judgement) in [
            (-301, Judgement::Stale),
            (-300, Judgement::Genuine),
            (300, Judgement::Genuine),
            (301, Judgement::Stale),
        ] {
            let sent = bench.now() + jiff::SignedDuration::from_secs(seconds);
            let push = bench.genuine(kind, &*verifier, SECRET, sent);
            assert_eq!(push.judge(&*verifier, BODY, bench.now()).await, judgement, "{kind}, {seconds}");
        }
    }
}

#[tokio::test]
async fn each_value_of_a_rotated_credential_is_good_until_it_is_retired() {
    let bench = Bench::new().await;
    for kind in KINDS.iter().filter(|kind| **kind != "rsa_signature") {
        bench.vault.set("secret", &[SECRET]);
        let verifier = bench.build(kind);
        let old = bench.genuine(kind, &*verifier, SECRET, bench.now());
        bench.vault.set("secret", &[NEXT, SECRET]);
        let new = bench.genuine(kind, &*verifier, NEXT, bench.now());
        for push in [&old, &new] {
            assert_eq!(push.judge(&*verifier, BODY, bench.now()).await, Judgement::Genuine, "{kind}");
        }
        bench.vault.set("secret", &[NEXT]);
        assert_eq!(old.judge(&*verifier, BODY, bench.now()).await, Judgement::Wrong, "{kind}");
        assert_eq!(new.judge(&*verifier, BODY, bench.now()).await, Judgement::Genuine, "{kind}");
    }
}

#[tokio::test]
async fn a_credential_that_is_missing_is_no_answer_and_gives_nothing_away() {
    let bench = Bench::new().await;
    for kind in KINDS.iter().filter(|kind| **kind != "rsa_signature") {
        bench.vault.set("secret", &[SECRET]);
        let verifier = bench.build(kind);
        let genuine = bench.genuine(kind, &*verifier, SECRET, bench.now());
        bench.vault.0.lock().unwrap().remove("secret");
        match genuine.judge(&*verifier, BODY, bench.now()).await {
            Judgement::Unable(reason) => assert!(reason.contains("secret is not set"), "{kind}: {reason}"),
            other => panic!("{kind}: {other:?}"),
        }
        assert!(!format!("{verifier:?}").contains("hunter2"), "{kind}");
    }
}

/// What is signed with nothing can be signed by anybody.
#[tokio::test]
async fn a_credential_that_is_blank_lets_nobody_in() {
    let bench = Bench::new().await;
    for kind in KINDS.iter().filter(|kind| **kind != "rsa_signature") {
        for blank in ["", " ", "\n", " \r\n"] {
            bench.vault.set("secret", &[blank]);
            let verifier = bench.build(kind);
            let mut forged = bench.genuine(kind, &*verifier, "", bench.now());
            if *kind == "issued_token" {
                let (id, secret) = (Secret::new("id-hunter2"), Secret::new(""));
                let client = super::token::Client { connection: "ups", id: &id, secret: &secret };
                let token = client.token(bench.now(), Duration::from_secs(600));
                forged.put("authorization", &format!("Bearer {token}"));
            }
            match forged.judge(&*verifier, BODY, bench.now()).await {
                Judgement::Unable(reason) => {
                    assert!(reason.contains("ml-connector secret set ups.secret"), "{kind}: {reason}");
                }
                other => panic!("{kind}, {blank:?}: {other:?}"),
            }
            // Beside one that is not, it is as if it were not there.
            bench.vault.set("secret", &[SECRET, blank]);
            assert_eq!(forged.judge(&*verifier, BODY, bench.now()).await, Judgement::Wrong, "{kind}");
            let genuine = bench.genuine(kind, &*verifier, SECRET, bench.now());
            assert_eq!(genuine.judge(&*verifier, BODY, bench.now()).await, Judgement::Genuine, "{kind}");
        }
    }
}

#[tokio::test]
async fn a_key_of_standard_webhooks_that_is_none_is_told() {
    let bench = Bench::new().await;
    let verifier = bench.build("standard_webhooks");
    let genuine = bench.genuine("standard_webhooks", &*verifier, SECRET, bench.now());
    bench.vault.set("secret", &[&format!("whsec_{SECRET}")]);
    assert_eq!(genuine.judge(&*verifier, BODY, bench.now()).await, Judgement::Genuine);
    for secret in ["hunter2!", "whsec_"] {
        bench.vault.set("secret", &[secret]);
        let judgement = genuine.judge(&*verifier, BODY, bench.now()).await;
        let told =
            matches!(&judgement, Judgement::Unable(reason) if reason.contains("ups.secret is not a key"));
        assert!(told && !format!("{judgement:?}").contains("hunter2"), "{judgement:?}");
    }
}

#[tokio::test]
async fn a_token_is_given_only_for_the_right_id_and_secret_and_ends() {
    let bench = Bench::new().await;
    let verifier = bench.build("issued_token");
    for (id, secret) in [("", ""), ("id-hunter2", ""), ("", SECRET), ("id-hunter2", NEXT), ("other", SECRET)]
    {
        assert!(verifier.issue(id, secret, bench.now()).unwrap().is_none(), "{id} {secret}");
    }
    let issued = verifier.issue("id-hunter2", SECRET, bench.now()).unwrap().unwrap();
    assert_eq!(issued.life, Duration::from_secs(600));
    let push = bench.genuine("issued_token", &*verifier, SECRET, bench.now());
    for (seconds, judgement) in [(599, Judgement::Genuine), (600, Judgement::Stale)] {
        let now = bench.now() + jiff::SignedDuration::from_secs(seconds);
        assert_eq!(push.judge(&*verifier, BODY, now).await, judgement, "{seconds}");
    }
    let mut other = push.clone();
    other.put("x-api-key", "id-hunter3");
    assert_eq!(other.judge(&*verifier, BODY, bench.now()).await, Judgement::Wrong);
    let mut basic = push;
    basic.put("authorization", "Basic aWQ6c2VjcmV0");
    assert_eq!(basic.judge(&*verifier, BODY, bench.now()).await, Judgement::Wrong);
}

#[tokio::test]
async fn digests_are_read_in_each_encoding() {
    let bench = Bench::new().await;
    let digest = mac(SECRET.as_bytes(), BODY);
    for (encoding, prefix, written) in [
        ("hex", "", json::hex(&digest)),
        ("hex", "", json::hex(&digest).to_uppercase()),
        ("base64", "", STANDARD.encode(&digest)),
        ("base64", "v0=", format!("v0={}", STANDARD.encode(&digest))),
    ] {
        let block = json!({ "hmac": {
            "credential": "secret", "header": "x-signature", "encoding": encoding, "prefix": prefix,
        } });
        let verifier = bench.build_block(&block);
        let mut push = Push::default();
        push.put("x-signature", &written);
        assert_eq!(push.judge(&*verifier, BODY, bench.now()).await, Judgement::Genuine, "{written}");
        push.put("x-signature", &format!("x{written}"));
        assert_eq!(push.judge(&*verifier, BODY, bench.now()).await, Judgement::Wrong, "{written}");
    }
}
