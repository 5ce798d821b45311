//! A connection for tests: a vault, a token store, a clock and a token endpoint.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Method};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::auth::{
    AuthBlock, AuthConfig, AuthContext, Authenticator, Boxed, Credentials, StoredToken, TokenStore,
    placeholder,
};
use crate::base::{ManualClock, Secret};
use crate::expression::{BlockChecker, Scope, Template, Type, ValueTemplate};
use crate::http::loopback::Loopback;
use crate::http::{Outgoing, Redactor};

/// The credentials that the vault holds at first. All of them look like nothing else.
pub(in crate::auth) const SECRETS: [(&str, &str); 9] = [
    ("key", "key-hunter2"),
    ("id", "id-hunter2"),
    ("secret", "secret-hunter2"),
    ("certificate", "certificate-hunter2"),
    ("certificate_key", "certificate-key-hunter2"),
    ("username", "username-hunter2"),
    ("password", "password-&-hunter2"),
    ("refresh", "refresh-hunter2"),
    ("extra", "extra-hunter2"),
];

/// Compiles blocks, and remembers what it found.
pub(in crate::auth) struct Checking {
    scope: Scope,
    pub(in crate::auth) findings: Vec<String>,
}

impl Checking {
    pub(in crate::auth) fn new() -> Self {
        Self { scope: Scope::from([("settings".to_owned(), Type::Any)]), findings: Vec::new() }
    }

    fn found<T, E: std::fmt::Debug>(&mut self, pointer: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.findings.push(format!("{pointer}: {error:?}"))).ok()
    }
}

impl BlockChecker for Checking {
    fn template(&mut self, pointer: &str, source: &str) -> Option<Template> {
        let compiled = Template::compile(source, &self.scope);
        self.found(pointer, compiled)
    }

    fn values(&mut self, pointer: &str, tree: &Value) -> Option<ValueTemplate> {
        let compiled = ValueTemplate::compile(tree, &self.scope, None);
        self.found(pointer, compiled)
    }

    fn duration(&mut self, pointer: &str, text: &str) -> Option<Duration> {
        self.found(pointer, crate::base::duration::parse(text))
    }

    fn credential(&mut self, pointer: &str, name: &str) -> Option<String> {
        let known = name == "none" || SECRETS.iter().any(|(known, _)| *known == name);
        self.found(pointer, if known { Ok(name.to_owned()) } else { Err("no such credential") })
    }

    fn seeing(&mut self, more: Scope, check: &mut dyn FnMut(&mut dyn BlockChecker)) {
        let before = self.scope.clone();
        self.scope.extend(more);
        check(self);
        self.scope = before;
    }
}

/// A vault in memory.
#[derive(Default)]
pub(in crate::auth) struct Vault(Mutex<BTreeMap<String, Vec<String>>>);

impl Vault {
    pub(in crate::auth) fn set(&self, name: &str, secret: &str) {
        self.0.lock().unwrap().insert(name.to_owned(), vec![secret.to_owned()]);
    }

    /// Keeps the value before.
    pub(in crate::auth) fn rotate(&self, name: &str, secret: &str) {
        let mut held = self.0.lock().unwrap();
        let values = held.get_mut(name).unwrap();
        values.truncate(1);
        values.insert(0, secret.to_owned());
    }

    /// Forgets the value before.
    pub(in crate::auth) fn retire(&self, name: &str) {
        self.0.lock().unwrap().get_mut(name).unwrap().truncate(1);
    }

    pub(in crate::auth) fn remove(&self, name: &str) {
        self.0.lock().unwrap().remove(name);
    }
}

impl Credentials for Vault {
    fn get_all(&self, name: &str) -> Result<Vec<Secret>, String> {
        let held = self.0.lock().unwrap();
        let values = held.get(name).ok_or_else(|| format!("The credential `{name}` is missing; set it."))?;
        Ok(values.iter().map(Secret::new).collect())
    }
}

/// A token store in memory that can be made to fail.
#[derive(Default)]
pub(in crate::auth) struct Tokens {
    pub(in crate::auth) kept: Mutex<Option<StoredToken>>,
    pub(in crate::auth) fetches: Mutex<Vec<Timestamp>>,
    pub(in crate::auth) broken: Mutex<bool>,
}

impl Tokens {
    fn check(&self) -> Result<(), String> {
        if *self.broken.lock().unwrap() { Err("the store is broken".to_owned()) } else { Ok(()) }
    }
}

impl TokenStore for Tokens {
    fn load<'a>(&'a self, _name: &'a str) -> Boxed<'a, Result<Option<StoredToken>, String>> {
        Box::pin(async { self.check().map(|()| self.kept.lock().unwrap().clone()) })
    }

    fn save<'a>(&'a self, _name: &'a str, token: &'a StoredToken) -> Boxed<'a, Result<(), String>> {
        Box::pin(async {
            self.check()?;
            *self.kept.lock().unwrap() = Some(token.clone());
            Ok(())
        })
    }

    fn count_fetch<'a>(&'a self, _name: &'a str, now: Timestamp) -> Boxed<'a, Result<u32, String>> {
        Box::pin(async move {
            self.check()?;
            let mut fetches = self.fetches.lock().unwrap();
            fetches.push(now);
            let day = Duration::from_secs(86_400);
            fetches.retain(|at| crate::base::clock::between(*at, now) < day);
            Ok(u32::try_from(fetches.len()).unwrap())
        })
    }
}

/// A connection and what stands around it.
pub(in crate::auth) struct Bench {
    pub(in crate::auth) server: Loopback,
    pub(in crate::auth) vault: Arc<Vault>,
    pub(in crate::auth) tokens: Arc<Tokens>,
    pub(in crate::auth) clock: ManualClock,
    pub(in crate::auth) redactor: Redactor,
}

impl Bench {
    /// With a token endpoint that answers with what `answer` makes of a request and how many came before.
    pub(in crate::auth) async fn new(
        answer: impl Fn(&str, usize) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let vault = Vault::default();
        SECRETS.iter().for_each(|(name, secret)| vault.set(name, secret));
        Self {
            server: Loopback::answering(answer).await,
            vault: Arc::new(vault),
            tokens: Arc::default(),
            clock: ManualClock::at("2026-11-03T10:00:00Z".parse().unwrap()),
            redactor: Redactor::default(),
        }
    }

    pub(in crate::auth) fn settings(&self) -> Value {
        json!({ "base_url": format!("http://{}", self.server.address), "merchant_id": null, "account": "A1B2C3" })
    }

    /// What is built from `block`, as after a start of the process.
    pub(in crate::auth) fn start(&self, block: &Value) -> Arc<dyn Authenticator> {
        let context = AuthContext {
            connection: "bench".to_owned(),
            base_url: format!("http://{}/api", self.server.address),
            credentials: Arc::clone(&self.vault) as _,
            tokens: Arc::clone(&self.tokens) as _,
            settings: Arc::new(self.settings()),
            client: self.server.client(),
            clock: Arc::new(self.clock.clone()),
            redactor: self.redactor.clone(),
        };
        checked(block).build(context).unwrap()
    }
}

pub(in crate::auth) fn checked(block: &Value) -> AuthConfig {
    let block: AuthBlock = serde_json::from_value(block.clone()).unwrap();
    let mut checking = Checking::new();
    let config = block.check(&mut checking);
    assert_eq!(checking.findings, [""; 0]);
    config.unwrap()
}

/// A request without any proof, as operations of this kind's systems write them.
pub(in crate::auth) fn unproven(kind: &str) -> Outgoing {
    let mut request = blank();
    if kind == "body_credentials" {
        let body = json!({ "user": placeholder("username"), "password": placeholder("password") });
        request.body = Some(body.to_string().into());
        request.url.set_query(Some(&format!("key={}", crate::http::percent_encoded(&placeholder("extra")))));
        request.headers.insert("content-type", http::HeaderValue::from_static("application/json"));
    }
    request
}

/// A request without any proof.
pub(in crate::auth) fn blank() -> Outgoing {
    let url = "https://api.example.com/x".parse().unwrap();
    Outgoing { method: Method::GET, url, headers: HeaderMap::new(), body: None }
}
