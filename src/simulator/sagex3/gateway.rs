//! The two ways to prove who one is to GraphQL: a token signed by the caller, or one of the cloud gateway's.
//!
//! Sources: Sage's connected applications (on premises the client signs HS256 itself) and its token-api (an access
//! token lives five minutes, a refresh token thirty days, a refresh gives a new pair). That a refresh token which
//! was used before ends the pairing is how rotation is commonly done; Sage says only that a new pair is given.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::SageX3;
use crate::base::clock;
use crate::base::json::sha256_hex;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::lock;

/// The tokens of one pairing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// The refresh token that is good.
    pub current: String,
    /// When it was given out.
    pub since: Timestamp,
    /// Refresh tokens that were used.
    pub spent: BTreeSet<String>,
    /// Whether a used refresh token came again, which ended the pairing.
    pub ended: bool,
    /// How many pairs were given out.
    pub pairs: u64,
    /// How often a used refresh token came.
    pub reuses: u64,
    /// Access tokens and when they end.
    access: BTreeMap<String, Timestamp>,
}

impl Chain {
    /// A pairing that begins with this refresh token.
    pub fn new(refresh_token: &str, now: Timestamp) -> Self {
        Self { current: refresh_token.to_owned(), since: now, ..Self::default() }
    }

    /// Makes every access token invalid.
    pub fn forget(&mut self) {
        self.access.clear();
    }
}

impl SageX3 {
    /// `POST /v1/token`.
    pub(super) fn token(&self, call: &Call) -> Answer {
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(&call.body).into_owned().collect();
        let basic = basic(call);
        let given = |name: &str| form.get(name).cloned().filter(|value| !value.is_empty());
        let client = given("client_id").or_else(|| basic.as_ref().map(|(id, _)| id.clone()));
        let secret = given("client_secret").or_else(|| basic.as_ref().map(|(_, secret)| secret.clone()));
        let (Some(grant), Some(client), Some(secret)) = (given("grant_type"), client, secret) else {
            return self.mistaken(told(400, "Missing required request parameters"));
        };
        if client != self.options.client_id {
            return self.turned_away(told(404, "Application not found"));
        }
        if secret != self.options.client_secret {
            return self.turned_away(told(403, "Application not authorised"));
        }
        match (grant.as_str(), given("refresh_token")) {
            ("refresh_token", Some(refresh)) => self.refresh(&refresh),
            ("refresh_token", None) => self.mistaken(told(400, "Missing required request parameters")),
            ("authorization_code", _) => told(403, "Pairing not found"),
            _ => self.mistaken(told(400, "Invalid grant type")),
        }
    }

    fn refresh(&self, refresh: &str) -> Answer {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let chain = &mut books.chain;
        if chain.spent.contains(refresh) {
            chain.reuses += 1;
            chain.ended = true;
            chain.forget();
            return told(403, "Refresh token expired");
        }
        let expired = clock::between(chain.since, now) > self.options.refresh_life;
        if chain.ended || expired || refresh != chain.current {
            return told(403, if expired { "Refresh token expired" } else { "Refresh token not found" });
        }
        chain.pairs += 1;
        let name = |kind: &str| {
            sha256_hex(format!("{kind} {} {}", chain.pairs, self.options.orders.seed).as_bytes())
        };
        let (access, next) = (name("access"), name("refresh"));
        let spent = std::mem::replace(&mut chain.current, next.clone());
        chain.spent.insert(spent);
        chain.since = now;
        chain.access.insert(access.clone(), clock::add(now, self.options.token_life));
        Answer::json(
            200,
            &json!({
                "access_token": access, "token_type": "Bearer", "expires_in": self.options.token_life.as_secs(),
                "refresh_token": next, "refresh_token_expires_in": self.options.refresh_life.as_secs(),
            }),
        )
    }

    /// Begins a new pairing, as a person who accepts the application again would; gives its refresh token.
    pub fn pair(&self) -> String {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let token = sha256_hex(format!("pairing {} {now}", books.chain.pairs).as_bytes());
        books.chain = Chain { pairs: books.chain.pairs, ..Chain::new(&token, now) };
        token
    }

    /// Whether a call to GraphQL is signed in; otherwise how it is turned away.
    pub(super) fn bearer(&self, call: &Call) -> Result<(), Answer> {
        let token = call.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
        let unauthorised = || Answer::json(401, &json!({ "message": "Unauthorised" }));
        let Some(token) = token.map(str::trim) else { return Err(self.turned_away(unauthorised())) };
        let now = self.desk.clock.now();
        if lock(&self.books).chain.access.get(token).is_some_and(|ends| *ends > now) {
            return Ok(());
        }
        if token.split('.').count() != 3 {
            return Err(self.turned_away(unauthorised()));
        }
        self.signed(token, now).map_err(|code| {
            let text = format!("Error {code}: Invalid token");
            let answer = Answer { status: 401, headers: Vec::new(), body: text.into_bytes().into() };
            self.turned_away(answer.with("content-type", "text/plain"))
        })
    }

    /// 41 issuer, 42 subject, 45 audience, 50 signature or time. The issuer says whose secret it is, so it comes first.
    fn signed(&self, token: &str, now: Timestamp) -> Result<(), u16> {
        let (signed, signature) = token.rsplit_once('.').ok_or(50u16)?;
        let (header, claims) = signed.split_once('.').ok_or(50u16)?;
        let read = |part: &str| -> Option<Value> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let (header, claims) = (read(header).ok_or(50u16)?, read(claims).ok_or(50u16)?);
        if claims["iss"] != json!(self.options.client_id) {
            return Err(41);
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.options.client_secret.as_bytes());
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| 50u16)?;
        let true_one = header["alg"] == "HS256" && hmac::verify(&key, signed.as_bytes(), &signature).is_ok();
        let now = now.as_second();
        let in_time = claims["exp"].as_i64().is_some_and(|ends| ends > now)
            && claims["iat"].as_i64().is_some_and(|began| began <= now + 60);
        if !true_one || !in_time {
            return Err(50);
        }
        if claims["sub"] != json!(self.options.subject) {
            return Err(42);
        }
        if claims["aud"] != json!(self.options.audience) {
            return Err(45);
        }
        Ok(())
    }

    /// Whether REST or SOAP know the caller.
    pub(super) fn knows(&self, call: &Call) -> bool {
        basic(call)
            .is_some_and(|(user, password)| user == self.options.user && password == self.options.password)
    }

    pub(super) fn turned_away(&self, answer: Answer) -> Answer {
        lock(&self.books).counts.unauthorized += 1;
        answer
    }
}

fn told(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "message": message }))
}

fn basic(call: &Call) -> Option<(String, String)> {
    let encoded = call.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    text.split_once(':').map(|(name, secret)| (name.to_owned(), secret.to_owned()))
}
