//! Keeps a token ready: fetched once for all who wait, replaced before it ends, and never asked for in a storm.
//!
//! What must hold:
//! - one fetch at a time, and whoever waited for one that failed shares the failure instead of asking again;
//! - a token that still works is used while its replacement is fetched, and when that fails;
//! - after wrong credentials the endpoint is left alone for a while, because accounts are locked for less;
//! - tokens that are rejected as fast as they come are not replaced for ever;
//! - a refresh token that came with an access token is kept durably before the access token is used, since the one
//!   before it is used up. Only the moment between its coming and its keeping cannot be covered: who is stopped there
//!   has the one before, which some accept once more, and is told to pair anew by those that do not.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::header::AUTHORIZATION;
use jiff::Timestamp;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::endpoint::{self, Endpoint, Issued, Pair};
use crate::auth::pause::{Pause, Rejections};
use crate::auth::{AuthContext, AuthError, Authenticator, Boxed, Refresh, StoredToken};
use crate::base::clock::{add, between};
use crate::base::{Secret, crash};
use crate::http::{Kind, Outgoing};

/// How long a token request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The pause when the day's tokens are used up; they come back one by one. No pause is longer.
const BUDGET_PAUSE: Duration = Duration::from_secs(3600);

/// What an OAuth kind asks for.
#[derive(Debug, Clone)]
pub(in crate::auth) struct Options {
    /// The name under which its token is kept: the kind's.
    pub(in crate::auth) name: &'static str,
    /// The credential that is the client id.
    pub(in crate::auth) client_id: String,
    /// The credential that is the client secret.
    pub(in crate::auth) client_secret: String,
    /// The credential that is the first refresh token, where tokens are given for one.
    pub(in crate::auth) refresh_token: Option<String>,
    /// How long before its end a token is replaced, but never before half of its life has passed.
    pub(in crate::auth) refresh_early: Duration,
    /// The most tokens in 24 hours, where the other side counts them.
    pub(in crate::auth) daily_budget: Option<u32>,
}

/// An OAuth kind at work for one connection.
pub struct Oauth2(Arc<Tokens>);

struct Tokens {
    options: Options,
    endpoint: Endpoint,
    context: AuthContext,
    held: RwLock<Held>,
    // Whoever fetches takes it along into a task of its own.
    desk: Arc<Mutex<Desk>>,
}

/// What every caller looks at.
#[derive(Default)]
struct Held {
    token: Option<Arc<StoredToken>>,
    /// Whether it was not accepted. It is held all the same: the next one may be given for its refresh token.
    spent: bool,
    rejections: Rejections,
}

/// What only the one who fetches looks at.
#[derive(Default)]
struct Desk {
    loaded: bool,
    pause: Pause,
    /// Came with a new refresh token and could not be kept yet: nothing else may be asked for before it is.
    unkept: Option<StoredToken>,
}

/// The credentials as they are now, and their digests.
struct Wanted {
    pair: Pair,
    digest: String,
    first: Option<First>,
}

/// What a chain of refresh tokens begins with.
struct First {
    token: Secret,
    chain: String,
}

/// How the token that we hold stands.
enum Stock {
    Fresh(Arc<StoredToken>),
    /// It works, and it is time to replace it.
    Due(Arc<StoredToken>),
    Out,
}

impl Oauth2 {
    pub(in crate::auth) fn new(options: Options, endpoint: Endpoint, context: AuthContext) -> Self {
        let (held, desk) = (RwLock::default(), Arc::default());
        Self(Arc::new(Tokens { options, endpoint, context, held, desk }))
    }

    async fn token(&self) -> Result<Arc<StoredToken>, AuthError> {
        let wanted = self.0.wanted()?;
        let desk = match self.0.stock(&wanted) {
            Stock::Fresh(token) => return Ok(token),
            Stock::Due(token) => match Arc::clone(&self.0.desk).try_lock_owned() {
                Ok(desk) => desk,
                // Somebody is replacing it; meanwhile it still works.
                Err(_) => return Ok(token),
            },
            Stock::Out => Arc::clone(&self.0.desk).lock_owned().await,
        };
        // In a task of its own: a caller who gives up must not lose a token that is on its way.
        let tokens = Arc::clone(&self.0);
        let replacing = tokio::spawn(async move { tokens.replace(desk, &wanted).await });
        replacing.await.unwrap_or_else(|_| {
            Err(AuthError::Later { reason: "Fetching a token was broken off.".to_owned(), until: None })
        })
    }
}

impl Tokens {
    async fn replace(
        &self,
        mut desk: OwnedMutexGuard<Desk>,
        wanted: &Wanted,
    ) -> Result<Arc<StoredToken>, AuthError> {
        self.load(&mut desk).await?;
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
    async fn load(&self, desk: &mut Desk) -> Result<(), AuthError> {
        if std::mem::replace(&mut desk.loaded, true) {
            return Ok(());
        }
        match self.context.tokens.load(self.options.name).await {
            Ok(Some(token)) => {
                self.hide(&token);
                self.held(|held| held.token = Some(Arc::new(token)));
            }
            Ok(None) => {}
            Err(problem) if self.options.refresh_token.is_some() => {
                // Beginning the chain anew would end it: its first token is used up.
                desk.loaded = false;
                let reason = format!("The kept refresh token cannot be read: {problem}");
                return Err(AuthError::Later { reason, until: None });
            }
            Err(problem) => {
                tracing::warn!(%problem, "the kept token could not be read; a new one is fetched");
            }
        }
        Ok(())
    }

    async fn fetch(&self, desk: &mut Desk, wanted: &Wanted) -> Result<Arc<StoredToken>, AuthError> {
        let asked = self.context.clock.now();
        desk.pause.check(asked, &wanted.digest)?;
        self.held(|held| held.rejections.check(asked, self.endpoint.name()))?;
        match self.next(desk, wanted, asked).await {
            Ok(token) => {
                desk.pause = Pause::default();
                Ok(token)
            }
            Err(error) => {
                tracing::warn!(%error, "no token came");
                Err(desk.pause.begin(error, self.context.clock.now(), &wanted.digest))
            }
        }
    }

    async fn next(
        &self,
        desk: &mut Desk,
        wanted: &Wanted,
        asked: Timestamp,
    ) -> Result<Arc<StoredToken>, AuthError> {
        if let Some(unkept) = desk.unkept.take() {
            let kept = self.keep(desk, unkept).await?;
            if kept.credentials == wanted.digest && kept.expires > asked {
                return Ok(kept);
            }
        }
        let token = self.ask(asked, wanted).await?;
        self.keep(desk, token).await
    }

    async fn keep(&self, desk: &mut Desk, token: StoredToken) -> Result<Arc<StoredToken>, AuthError> {
        crash::point("token.after_fetch");
        if let Err(problem) = self.context.tokens.save(self.options.name, &token).await {
            tracing::warn!(%problem, "the token could not be kept");
            if token.refresh.is_some() {
                desk.unkept = Some(token);
                let reason = format!("The new refresh token cannot be kept: {problem}");
                return Err(AuthError::Later { reason, until: None });
            }
        }
        let token = Arc::new(token);
        self.held(|held| {
            held.token = Some(Arc::clone(&token));
            held.spent = false;
        });
        Ok(token)
    }

    async fn ask(&self, now: Timestamp, wanted: &Wanted) -> Result<StoredToken, AuthError> {
        let AuthContext { client, clock, redactor, .. } = &self.context;
        let refresh = wanted.first.as_ref().map(|first| self.latest(first));
        let request = self.endpoint.request(&wanted.pair, refresh.as_ref(), redactor)?;
        self.count(now).await?;
        let answer = client.send(request, Kind::Once, TIMEOUT).await;
        let Issued { token, life, refresh: next } =
            self.endpoint.understand(answer, clock.now(), redactor)?;
        let refresh = wanted.first.as_ref().zip(next.or(refresh));
        let token = StoredToken {
            token,
            issued: now,
            expires: add(now, life),
            credentials: wanted.digest.clone(),
            refresh: refresh.map(|(first, token)| Refresh { token, chain: first.chain.clone() }),
        };
        self.hide(&token);
        Ok(token)
    }

    /// The refresh token that counts now: a changed credential begins a new chain.
    fn latest(&self, first: &First) -> Secret {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let kept = held.token.as_ref().and_then(|token| token.refresh.as_ref());
        kept.filter(|kept| kept.chain == first.chain).map_or(&first.token, |kept| &kept.token).clone()
    }

    fn hide(&self, token: &StoredToken) {
        self.context.redactor.add(token.token.clone());
        if let Some(refresh) = &token.refresh {
            self.context.redactor.add(refresh.token.clone());
        }
    }

    /// Counts a fetch against the day's budget before it is made, so that no crash can hide one.
    async fn count(&self, now: Timestamp) -> Result<(), AuthError> {
        let Some(budget) = self.options.daily_budget else { return Ok(()) };
        let fetched = self.context.tokens.count_fetch(self.options.name, now).await.map_err(|problem| {
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

    fn wanted(&self) -> Result<Wanted, AuthError> {
        let pair = Pair {
            id: self.context.credential(&self.options.client_id)?,
            secret: self.context.credential(&self.options.client_secret)?,
        };
        let first =
            self.options.refresh_token.as_ref().map(|name| self.context.credential(name)).transpose()?;
        let digest = self.endpoint.digest(&pair, first.as_ref());
        let first = first.map(|token| First { chain: self.endpoint.chain(&pair.id, &token), token });
        Ok(Wanted { pair, digest, first })
    }

    fn stock(&self, wanted: &Wanted) -> Stock {
        let now = self.context.clock.now();
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let ours = |token: &&Arc<StoredToken>| !held.spent && token.credentials == wanted.digest;
        let Some(token) = held.token.as_ref().filter(ours) else { return Stock::Out };
        let early = self.options.refresh_early.min(between(token.issued, token.expires) / 2);
        match between(now, token.expires) {
            left if left.is_zero() => Stock::Out,
            left if left <= early => Stock::Due(Arc::clone(token)),
            _ => Stock::Fresh(Arc::clone(token)),
        }
    }

    fn reject(&self, request: &Outgoing) {
        let now = self.context.clock.now();
        let carried = request.headers.get(AUTHORIZATION);
        self.held(|held| {
            // Only the token that was carried is bad: another caller may have brought a new one since.
            let ours = held.token.as_ref().and_then(|token| endpoint::bearer(&token.token).ok());
            if !held.spent && ours.is_some() && ours.as_ref() == carried {
                held.spent = true;
                held.rejections.note(now);
            }
        });
    }

    fn held<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.held.write().unwrap_or_else(PoisonError::into_inner))
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
        Box::pin(async move { self.0.reject(request) })
    }
}

impl fmt::Debug for Oauth2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oauth2").field("host", &self.0.endpoint.name()).finish_non_exhaustive()
    }
}
