//! Keeps a token ready: fetched once for all who wait, replaced before it ends, and never asked for in a storm.
//!
//! What must hold:
//! - one fetch at a time, and whoever waited for one that failed shares the failure instead of asking again;
//! - a token that still works is used while its replacement is fetched, and when that fails;
//! - after wrong credentials the endpoint is left alone for a while, because accounts are locked for less;
//! - tokens that are rejected as fast as they come are not replaced for ever.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::header::AUTHORIZATION;
use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard};

use super::Config;
use super::endpoint::{self, Endpoint, Issued, Pair};
use crate::auth::{AuthContext, AuthError, Authenticator, Boxed, StoredToken};
use crate::base::clock::{add, between};
use crate::base::crash;
use crate::http::{Kind, Outgoing, backoff};

/// The name under which the token is kept.
const NAME: &str = "oauth2_client_credentials";

/// How long a token request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long the endpoint is left alone after it said that our credentials are wrong.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);

/// The first and the longest pause after failures that may pass.
const LATER_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// The pause when the day's tokens are used up; they come back one by one. No pause is longer.
const BUDGET_PAUSE: Duration = Duration::from_secs(3600);

/// When so many tokens were rejected within this time, no more are fetched until it is over.
const REJECTIONS: (usize, Duration) = (3, Duration::from_secs(60));

/// OAuth 2 client credentials at work for one connection.
pub struct Oauth2 {
    config: Config,
    endpoint: Endpoint,
    context: AuthContext,
    held: RwLock<Held>,
    desk: Mutex<Desk>,
}

/// What every caller looks at.
#[derive(Default)]
struct Held {
    token: Option<Arc<StoredToken>>,
    rejected: VecDeque<Timestamp>,
}

/// What only the one who fetches looks at.
#[derive(Default)]
struct Desk {
    loaded: bool,
    failures: u32,
    closed: Option<Closed>,
}

/// Why and until when no token is fetched with these credentials.
struct Closed {
    until: Timestamp,
    error: AuthError,
    credentials: String,
}

/// The credentials as they are now, and their digest.
struct Wanted {
    pair: Pair,
    digest: String,
}

/// How the token that we hold stands.
enum Stock {
    Fresh(Arc<StoredToken>),
    /// It works, and it is time to replace it.
    Due(Arc<StoredToken>),
    Out,
}

impl Oauth2 {
    pub(super) fn new(config: Config, endpoint: Endpoint, context: AuthContext) -> Self {
        Self { config, endpoint, context, held: RwLock::default(), desk: Mutex::default() }
    }

    async fn token(&self) -> Result<Arc<StoredToken>, AuthError> {
        let wanted = self.wanted()?;
        let desk = match self.stock(&wanted) {
            Stock::Fresh(token) => return Ok(token),
            Stock::Due(token) => match self.desk.try_lock() {
                Ok(desk) => desk,
                // Somebody is replacing it; meanwhile it still works.
                Err(_) => return Ok(token),
            },
            Stock::Out => self.desk.lock().await,
        };
        self.replace(desk, &wanted).await
    }

    async fn replace(
        &self,
        mut desk: MutexGuard<'_, Desk>,
        wanted: &Wanted,
    ) -> Result<Arc<StoredToken>, AuthError> {
        self.load(&mut desk).await;
        // Who had the desk before us may have fetched one.
        let old = match self.stock(wanted) {
            Stock::Fresh(token) => return Ok(token),
            Stock::Due(token) => Some(token),
            Stock::Out => None,
        };
        // A failure is nobody's business while the old one works.
        self.fetch(&mut desk, wanted).await.or_else(|error| old.ok_or(error))
    }

    /// Takes up the token of the time before a restart, once.
    async fn load(&self, desk: &mut Desk) {
        if std::mem::replace(&mut desk.loaded, true) {
            return;
        }
        match self.context.tokens.load(NAME).await {
            Ok(Some(token)) => {
                self.context.redactor.add(token.token.clone());
                self.held(|held| held.token = Some(Arc::new(token)));
            }
            Ok(None) => {}
            Err(problem) => {
                tracing::warn!(%problem, "the kept token could not be read; a new one is fetched")
            }
        }
    }

    async fn fetch(&self, desk: &mut Desk, wanted: &Wanted) -> Result<Arc<StoredToken>, AuthError> {
        let asked = self.context.clock.now();
        desk.check(asked, &wanted.digest)?;
        self.check_rejections(asked)?;
        match self.ask(asked, &wanted.pair).await {
            Ok(issued) => {
                *desk = Desk { loaded: true, ..Desk::default() };
                Ok(self.keep(issued, asked, &wanted.digest).await)
            }
            Err(error) => {
                tracing::warn!(%error, "no token came");
                Err(desk.close(error, self.context.clock.now(), &wanted.digest))
            }
        }
    }

    async fn ask(&self, now: Timestamp, pair: &Pair) -> Result<Issued, AuthError> {
        let AuthContext { client, clock, redactor, .. } = &self.context;
        let request = self.endpoint.request(pair, redactor)?;
        self.count(now).await?;
        let answer = client.send(request, Kind::Once, TIMEOUT).await;
        self.endpoint.understand(answer, clock.now(), redactor)
    }

    /// Counts a fetch against the day's budget before it is made, so that no crash can hide one.
    async fn count(&self, now: Timestamp) -> Result<(), AuthError> {
        let Some(budget) = self.config.daily_budget else { return Ok(()) };
        let fetched = self.context.tokens.count_fetch(NAME, now).await.map_err(|problem| {
            AuthError::Later { reason: format!("The day's tokens cannot be counted: {problem}"), until: None }
        })?;
        if fetched <= budget {
            return Ok(());
        }
        Err(AuthError::Later {
            reason: format!(
                "{budget} tokens were fetched from {} within 24 hours, which is all that `daily_budget` allows.",
                self.endpoint.name()
            ),
            until: Some(add(now, BUDGET_PAUSE)),
        })
    }

    async fn keep(&self, issued: Issued, asked: Timestamp, digest: &str) -> Arc<StoredToken> {
        self.context.redactor.add(issued.token.clone());
        let token = Arc::new(StoredToken {
            token: issued.token,
            issued: asked,
            expires: add(asked, issued.life),
            credentials: digest.to_owned(),
        });
        self.held(|held| held.token = Some(Arc::clone(&token)));
        crash::point("token.after_fetch");
        if let Err(problem) = self.context.tokens.save(NAME, &token).await {
            tracing::warn!(%problem, "the token could not be kept and will be fetched again after a restart");
        }
        token
    }

    fn wanted(&self) -> Result<Wanted, AuthError> {
        let pair = Pair {
            id: self.context.credential(&self.config.client_id)?,
            secret: self.context.credential(&self.config.client_secret)?,
        };
        let digest = self.endpoint.digest(&pair);
        Ok(Wanted { pair, digest })
    }

    fn stock(&self, wanted: &Wanted) -> Stock {
        let now = self.context.clock.now();
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let Some(token) = held.token.as_ref().filter(|token| token.credentials == wanted.digest) else {
            return Stock::Out;
        };
        let early = self.config.refresh_early.min(between(token.issued, token.expires) / 2);
        match between(now, token.expires) {
            left if left.is_zero() => Stock::Out,
            left if left <= early => Stock::Due(Arc::clone(token)),
            _ => Stock::Fresh(Arc::clone(token)),
        }
    }

    fn check_rejections(&self, now: Timestamp) -> Result<(), AuthError> {
        let (most, window) = REJECTIONS;
        let first = self.held(|held| {
            held.rejected.retain(|at| *at <= now && between(*at, now) < window);
            held.rejected.front().copied().filter(|_| held.rejected.len() >= most)
        });
        let Some(first) = first else { return Ok(()) };
        Err(AuthError::Later {
            reason: format!(
                "{} gave {most} tokens within a minute that were then not accepted. Check that the account may use \
                 this API.",
                self.endpoint.name()
            ),
            until: Some(add(first, window)),
        })
    }

    fn reject(&self, request: &Outgoing) {
        let now = self.context.clock.now();
        let carried = request.headers.get(AUTHORIZATION);
        self.held(|held| {
            // Only the token that was carried is bad: another caller may have brought a new one since.
            let ours = held.token.as_ref().and_then(|token| endpoint::bearer(&token.token).ok());
            if ours.is_some() && ours.as_ref() == carried {
                held.token = None;
                held.rejected.push_back(now);
            }
        });
    }

    fn held<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.held.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Desk {
    fn check(&self, now: Timestamp, credentials: &str) -> Result<(), AuthError> {
        match &self.closed {
            // Further away than the longest pause: the clock was set back.
            Some(closed) if between(now, closed.until) > BUDGET_PAUSE => Ok(()),
            Some(closed) if now < closed.until && closed.credentials == credentials => {
                Err(closed.error.clone())
            }
            _ => Ok(()),
        }
    }

    /// Remembers a failure, so that nobody asks again before it makes sense.
    fn close(&mut self, error: AuthError, now: Timestamp, credentials: &str) -> AuthError {
        self.failures = self.failures.saturating_add(1);
        let (until, error) = match error {
            AuthError::Refused(reason) => (add(now, REFUSED_PAUSE), AuthError::Refused(reason)),
            AuthError::Later { reason, until } => {
                let (first, max) = LATER_PAUSES;
                let until = until.unwrap_or_else(|| add(now, backoff::delay(self.failures, first, max, 1.0)));
                (until, AuthError::Later { reason, until: Some(until) })
            }
        };
        self.closed = Some(Closed { until, error: error.clone(), credentials: credentials.to_owned() });
        error
    }
}

impl Authenticator for Oauth2 {
    fn prepare<'a>(&'a self, request: &'a mut Outgoing) -> Boxed<'a, Result<(), AuthError>> {
        Box::pin(async move {
            let token = self.token().await?;
            request.headers.insert(AUTHORIZATION, endpoint::bearer(&token.token)?);
            Ok(())
        })
    }

    fn rejected<'a>(&'a self, request: &'a Outgoing) -> Boxed<'a, ()> {
        Box::pin(async move { self.reject(request) })
    }
}

impl fmt::Debug for Oauth2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oauth2").field("host", &self.endpoint.name()).finish_non_exhaustive()
    }
}
