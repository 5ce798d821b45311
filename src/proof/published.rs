//! Keys that a sender publishes: fetched when they are needed, kept, and fetched anew for a key that is not among them.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::header::{ACCEPT, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;
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
/// How long a sender waits for it: less than the five seconds after which the fastest sender gives up.
const WAIT: Duration = Duration::from_secs(3);

/// Keys published at a URL.
pub(super) struct PublishedKeys {
    source: Arc<KeySource>,
    /// Whoever holds it fetches; all others that need it wait for that one.
    attempt: Arc<Mutex<Option<Attempt>>>,
}

/// Where keys come from, and what came from there.
struct KeySource {
    url: Url,
    client: Client,
    clock: Arc<dyn Clock>,
    held: RwLock<Option<Arc<Held>>>,
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
        let source = KeySource { url, client, clock, held: RwLock::default() };
        Ok(Self { source: Arc::new(source), attempt: Arc::default() })
    }

    /// The key of this name; none if the sender has none of it. Who asks waits for a moment at most while keys are fetched,
    /// and not at all if the key is known.
    ///
    /// # Errors
    /// Why that cannot be said now.
    pub(super) async fn key(&self, id: &str) -> Result<Option<Key>, String> {
        if let Some(key) = self.source.key(id, FRESH) {
            return Ok(Some(key));
        }
        let failed = match Arc::clone(&self.attempt).try_lock_owned() {
            Ok(attempt) => timeout(WAIT, self.refresh(id, attempt)).await,
            // Somebody else is at it already.
            Err(_) if self.source.key(id, KEPT).is_some() => Ok(None),
            Err(_) => {
                let waiting = async { self.refresh(id, Arc::clone(&self.attempt).lock_owned().await).await };
                timeout(WAIT, waiting).await
            }
        };
        match (self.source.key(id, KEPT), failed) {
            (Some(key), _) => Ok(Some(key)),
            (None, Ok(None)) => Ok(None),
            (None, Ok(Some(reason))) => Err(reason),
            (None, Err(_)) => Err(format!("the keys at {} are slow to come", self.source.url)),
        }
    }

    /// Fetches the keys, unless there is a fresh one of this name or they were fetched just now; why that failed, if it did.
    async fn refresh(&self, id: &str, mut attempt: OwnedMutexGuard<Option<Attempt>>) -> Option<String> {
        if self.source.key(id, FRESH).is_some() {
            return None;
        }
        if !attempt.as_ref().is_none_or(|last| last.is_over(self.source.clock.now())) {
            return attempt.as_ref().and_then(|last| last.failed.clone());
        }
        let source = Arc::clone(&self.source);
        // In a task of its own: it goes on when the sender that caused it goes away.
        let fetching = tokio::spawn(async move {
            let failed = source.fetch().await.err();
            *attempt = Some(Attempt { at: source.clock.now(), failed: failed.clone() });
            failed
        });
        fetching.await.unwrap_or_else(|_| Some("fetching the keys was broken off".to_owned()))
    }
}

impl KeySource {
    /// The key of this name, if the keys are not older than `age`.
    fn key(&self, id: &str, age: Duration) -> Option<Key> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let is_young = between(held.fetched, self.clock.now()) < age;
        held.keys.key(id).filter(|_| is_young).cloned()
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
        f.debug_struct("PublishedKeys").field("url", &self.source.url.as_str()).finish_non_exhaustive()
    }
}
