//! Keys that a sender publishes: fetched when they are needed, kept, and fetched anew for a key that is not among them.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::header::{ACCEPT, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use tokio::sync::Mutex;
use url::Url;

use super::ProofContext;
use super::key_set::{Key, KeySet};
use crate::base::Clock;
use crate::base::clock::between;
use crate::http::{Client, Kind, Outgoing, authority};

/// How long keys are believed without asking again, so that one that was withdrawn goes.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// How long they are believed while they cannot be fetched.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How often keys are fetched at most: anybody can make up a name of a key.
const SELDOM: Duration = Duration::from_secs(60);
/// How soon they are fetched again after that failed.
const SOON: Duration = Duration::from_secs(5);
/// How long fetching may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keys published at a URL.
pub(super) struct PublishedKeys {
    url: Url,
    client: Client,
    clock: Arc<dyn Clock>,
    held: RwLock<Option<Arc<Held>>>,
    /// Whoever holds it fetches; all others that need it wait for that one.
    attempt: Mutex<Option<Attempt>>,
}

struct Held {
    keys: KeySet,
    fetched: Timestamp,
}

/// The last time that keys were fetched, and why that failed.
struct Attempt {
    at: Timestamp,
    failed: Option<String>,
}

impl PublishedKeys {
    /// Those at `url`; nothing is fetched yet.
    ///
    /// # Errors
    /// When it is no URL, or TLS cannot be set up.
    pub(super) fn at(url: &str, context: &ProofContext) -> Result<Self, String> {
        let url = Url::parse(url).ok().filter(Url::has_host);
        let url = url.ok_or("`jwks` yields what is no URL".to_owned())?;
        let client = (context.clients)(vec![authority(&url)])?;
        let clock = Arc::clone(&context.clock);
        Ok(Self { url, client, clock, held: RwLock::default(), attempt: Mutex::default() })
    }

    /// The key of this name; none if the sender has none of it.
    ///
    /// # Errors
    /// Why that cannot be said now.
    pub(super) async fn key(&self, id: &str) -> Result<Option<Key>, String> {
        if let Some(key) = self.held(FRESH).and_then(|held| held.keys.key(id).cloned()) {
            return Ok(Some(key));
        }
        let mut attempt = self.attempt.lock().await;
        // Somebody else may have fetched it meanwhile.
        if let Some(key) = self.held(FRESH).and_then(|held| held.keys.key(id).cloned()) {
            return Ok(Some(key));
        }
        if attempt.as_ref().is_none_or(|last| last.is_over(self.clock.now())) {
            // Noted before, so that one who goes away while it is under way leaves no gap.
            let at = self.clock.now();
            *attempt = Some(Attempt { at, failed: Some("fetching the keys was broken off".to_owned()) });
            let failed = self.fetch().await.err();
            *attempt = Some(Attempt { at, failed });
        }
        let failed = attempt.as_ref().and_then(|last| last.failed.clone());
        match (self.held(KEPT).and_then(|held| held.keys.key(id).cloned()), failed) {
            (Some(key), _) => Ok(Some(key)),
            (None, Some(reason)) => Err(reason),
            (None, None) => Ok(None),
        }
    }

    /// The keys, if they are not older than `age`.
    fn held(&self, age: Duration) -> Option<Arc<Held>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let now = self.clock.now();
        (between(held.fetched, now) < age).then_some(held)
    }

    async fn fetch(&self) -> Result<(), String> {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let request = Outgoing { method: Method::GET, url: self.url.clone(), headers, body: None };
        let told = |what: &str| format!("the keys at {} cannot be read: {what}", self.url);
        let answer = self.client.send(request, Kind::Repeatable, PATIENCE).await;
        let answer = answer.map_err(|error| format!("the keys cannot be fetched: {error}"))?;
        if answer.status != StatusCode::OK {
            return Err(told(&format!("the answer is {}", answer.status.as_u16())));
        }
        let keys = KeySet::read(&answer.body).map_err(told)?;
        let held = Held { keys, fetched: self.clock.now() };
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(held));
        Ok(())
    }
}

impl Attempt {
    /// Whether it is long enough ago. A clock that was set back does not make it later.
    fn is_over(&self, now: Timestamp) -> bool {
        let pause = if self.failed.is_some() { SOON } else { SELDOM };
        now < self.at || between(self.at, now) >= pause
    }
}

impl fmt::Debug for PublishedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishedKeys").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}
