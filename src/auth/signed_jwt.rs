//! Tokens that we sign ourselves: JSON Web Tokens (RFC 7519) with a secret that both sides know.

#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::keys::{Key, Keys};
use super::request::refused;
use super::secrets::{self, Named, SecretNames};
use super::{AuthContext, AuthError, Authenticator, Boxed, header};
use crate::base::Secret;
use crate::base::clock::{add, between};
use crate::expression::{BlockChecker, ValueTemplate, Values};
use crate::http::Outgoing;

/// A token is replaced when so much of its life is left, but never before half of it has passed.
const EARLY: Duration = Duration::from_secs(60);

/// Tokens that we sign ourselves: JSON Web Tokens with a secret that both sides know.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignedJwt")]
pub struct Block {
    /// How tokens are signed.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// The credential that is the secret they are signed with.
    pub secret: String,
    /// What templates of the claims see below `secret`: names, and the credentials behind them.
    #[serde(default)]
    pub credentials: SecretNames,
    /// What a token says, such as `iss`, `sub` and `aud`; templates over `settings` and `secret`. `iat` and `exp` are
    /// added. A name written `name?` is left out when empty.
    pub claims: Map<String, Value>,
    /// More of a token's header beside `alg` and `typ`, such as `kid`; templates as in the claims.
    #[serde(default)]
    pub header: Map<String, Value>,
    /// How long a token works.
    #[serde(default = "five_minutes")]
    pub lifetime: String,
}

/// How tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[schemars(rename = "JwtAlgorithm")]
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[default]
    HS256,
}

fn five_minutes() -> String {
    "5m".to_owned()
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    secret: String,
    names: Vec<Named>,
    claims: ValueTemplate,
    header: ValueTemplate,
    lifetime: Duration,
}

impl Block {
    /// Compiles what is written.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        // All of it is checked before any `?`, so that one mistake does not hide the next.
        let secret = checker.credential("/secret", &self.secret);
        let names = self.credentials.check(checker, "/credentials");
        let (mut claims, mut header) = (None, None);
        checker.seeing(self.credentials.scope(), &mut |checker| {
            claims = checker.values("/claims", &Value::Object(self.claims.clone()));
            header = checker.values("/header", &Value::Object(self.header.clone()));
        });
        let lifetime = checker.duration("/lifetime", &self.lifetime);
        Some(Config { secret: secret?, names: names?, claims: claims?, header: header?, lifetime: lifetime? })
    }
}

impl Config {
    /// The names of the credentials it needs.
    pub fn credentials(&self) -> Vec<&str> {
        [self.secret.as_str()].into_iter().chain(secrets::needed(&self.names)).collect()
    }

    /// None beside the base URL's.
    ///
    /// # Errors
    /// Never.
    pub fn hosts(&self, _values: &Values) -> Result<Vec<String>, AuthError> {
        Ok(Vec::new())
    }

    /// Puts it to work for one connection.
    ///
    /// # Errors
    /// When a template cannot be evaluated.
    pub fn build(&self, context: AuthContext) -> Result<SignedJwt, AuthError> {
        let mut values = Values::default();
        values.set("settings", &context.settings);
        values.set("secret", &secrets::value(&self.names));
        let mut header = json!({ "alg": "HS256", "typ": "JWT" });
        let claims = self.claims.evaluate(&values).map_err(refused)?;
        let more = self.header.evaluate(&values).map_err(refused)?;
        for (name, value) in more.as_object().into_iter().flatten() {
            header[name] = value.clone();
        }
        // What says how it is signed is not for the file to say otherwise.
        header["alg"] = "HS256".into();
        let signing = Named { name: SIGNING.to_owned(), credential: self.secret.clone(), optional: false };
        let names: Vec<Named> = [signing].into_iter().chain(self.names.iter().cloned()).collect();
        let keys = Keys::named(&names);
        let lifetime = self.lifetime;
        Ok(SignedJwt { header, claims, names, keys, lifetime, held: Mutex::default(), context })
    }
}

/// The name of the secret that signs, which no template can write.
const SIGNING: &str = "the signing secret";

/// Tokens that we sign, at work for one connection.
pub struct SignedJwt {
    header: Value,
    claims: Value,
    names: Vec<Named>,
    keys: Keys,
    lifetime: Duration,
    held: Mutex<Option<Held>>,
    context: AuthContext,
}

/// The token that is in use.
struct Held {
    bearer: Secret,
    key: String,
    issued: Timestamp,
}

impl SignedJwt {
    fn bearer(&self) -> Result<Secret, AuthError> {
        let key = self.keys.current(&self.context)?;
        let now = self.context.clock.now();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let early = EARLY.min(self.lifetime / 2);
        let fresh = |held: &&Held| {
            held.key == key.id && held.issued <= now && between(held.issued, now) < self.lifetime - early
        };
        if let Some(held) = held.as_ref().filter(fresh) {
            return Ok(held.bearer.clone());
        }
        let token = self.sign(&key, now)?;
        self.context.redactor.add(token.clone());
        let bearer = Secret::new(format!("Bearer {}", token.expose()));
        *held = Some(Held { bearer: bearer.clone(), key: key.id, issued: now });
        Ok(bearer)
    }

    fn sign(&self, key: &Key, now: Timestamp) -> Result<Secret, AuthError> {
        let mut claims = self.claims.clone();
        claims["iat"] = now.as_second().into();
        claims["exp"] = add(now, self.lifetime).as_second().into();
        let body = [self.part(&self.header, key)?, self.part(&claims, key)?].join(".");
        let signature = signature(key.values[0].expose().as_bytes(), &body);
        Ok(Secret::new(format!("{body}.{signature}")))
    }

    fn part(&self, tree: &Value, key: &Key) -> Result<String, AuthError> {
        let secret = |name: &str| secrets::of(&self.names, key, name);
        super::placeholder::fill_json(&tree.to_string(), &secret).map(|json| URL_SAFE_NO_PAD.encode(json))
    }

    fn reject(&self, request: &Outgoing) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Only the token that was carried is bad: another caller may have signed a new one since.
        let ours = |held: &mut Held| header::carries(request, &AUTHORIZATION, held.bearer.expose());
        if let Some(held) = held.take_if(ours) {
            self.keys.refuse_carried(&self.context, |key| key.id == held.key);
        }
    }
}

fn signature(secret: &[u8], body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, body.as_bytes()))
}

impl std::fmt::Debug for SignedJwt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedJwt").field("connection", &self.context.connection).finish_non_exhaustive()
    }
}

impl Authenticator for SignedJwt {
    fn prepare<'a>(&'a self, request: &'a mut Outgoing) -> Boxed<'a, Result<(), AuthError>> {
        Box::pin(async move { header::insert(request, &AUTHORIZATION, "token", self.bearer()?.expose()) })
    }

    fn rejected<'a>(&'a self, request: &'a Outgoing) -> Boxed<'a, ()> {
        Box::pin(async move { self.reject(request) })
    }
}
