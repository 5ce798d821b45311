//! The intake: what other systems push is believed, read, and committed before it is acknowledged.
//!
//! Nothing is done with it here but what is needed to answer: the event lies in its inbox, raw, until it is taken.

pub(super) mod address;
mod counts;
mod route;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

pub use self::counts::WebhookStatus;
use self::route::Route;
use super::connection::Connection;
use super::shared::Shared;
use super::{Engine, Parts, StartError};
use crate::base::crash;
pub use crate::proof::Issued;
use crate::store::{Batch, Event, EventState, StoreError, Write};

/// How long a sender waits for the commit. The fastest sender gives up after five seconds; one that repeats itself is then
/// told that it was known.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many commits may be under way, those included that nobody waits for any more: each holds a body.
const MOST_COMMITS: usize = 512;

/// What somebody sent to a webhook.
pub struct Delivery {
    /// The connection that the address names.
    pub connection: String,
    /// The webhook that the address names.
    pub webhook: String,
    /// What the address has after that.
    pub secret: Option<String>,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body's bytes.
    pub body: Bytes,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// It is committed.
    Accepted,
    /// It was committed before.
    Duplicate,
    /// There is no such webhook.
    Unknown,
    /// It is not genuine, or cannot be used.
    Refused {
        /// The status to answer with.
        status: u16,
        /// Why, for people; nothing of what came.
        why: &'static str,
    },
    /// It cannot be judged or kept now; the sender is to come again.
    Busy,
}

/// The webhooks that are open.
pub(super) struct Intake {
    /// By connection and webhook.
    routes: BTreeMap<(String, String), Route>,
    commits: Arc<Semaphore>,
}

impl Intake {
    /// Opens each webhook that is to be open.
    pub(super) fn open(
        parts: &Parts,
        connections: &BTreeMap<String, Arc<Connection>>,
    ) -> Result<Self, StartError> {
        let mut routes = BTreeMap::new();
        for connected in connections.values() {
            for webhook in connected.system.webhooks.values() {
                let route = Route::open(parts, connected, webhook).map_err(|reason| {
                    let (connection, name, place) = (&connected.name, &webhook.name, &webhook.place);
                    StartError(format!("connection {connection}, webhook {name} ({place}): {reason}"))
                })?;
                let key = (connected.name.clone(), webhook.name.clone());
                routes.extend(route.map(|route| (key, route)));
            }
        }
        Ok(Self { routes, commits: Arc::new(Semaphore::new(MOST_COMMITS)) })
    }

    fn route(&self, connection: &str, webhook: &str) -> Option<&Route> {
        self.routes.get(&(connection.to_owned(), webhook.to_owned()))
    }

    pub(super) fn statuses(&self) -> Vec<WebhookStatus> {
        self.routes.values().map(Route::status).collect()
    }
}

impl Engine {
    /// Whether any webhook is open.
    pub fn has_webhooks(&self) -> bool {
        !self.intake.routes.is_empty()
    }

    /// Whether this webhook of this connection is open.
    pub fn has_webhook(&self, connection: &str, webhook: &str) -> bool {
        self.intake.route(connection, webhook).is_some()
    }

    /// Whether senders of this connection fetch tokens from us.
    pub fn gives_tokens(&self, connection: &str) -> bool {
        self.token_routes(connection).next().is_some()
    }

    fn token_routes(&self, connection: &str) -> impl Iterator<Item = &Route> {
        let routes = self.intake.routes.iter().filter(move |((known, _), _)| known == connection);
        routes.map(|(_, route)| route).filter(|route| route.gives_tokens())
    }

    /// Judges what was sent and commits it. What is accepted is durable.
    pub async fn deliver(&self, delivery: Delivery) -> Delivered {
        let Some(route) = self.intake.route(&delivery.connection, &delivery.webhook) else {
            return Delivered::Unknown;
        };
        let delivered = match route.judge(&delivery, self.shared.clock.now()).await {
            Ok(name) => self.keep(route, name, delivery.body).await,
            Err(delivered) => delivered,
        };
        route.counts.note(delivered);
        delivered
    }

    /// Counts what was refused before it could be judged: too large, too slow, too many.
    pub fn note_refusal(&self, connection: &str, webhook: &str, why: &'static str) {
        if let Some(route) = self.intake.route(connection, webhook) {
            route.counts.refuse(why);
        }
    }

    /// Counts a request for a token that was refused, with the pushes that it would have been for.
    pub fn note_token_refusal(&self, connection: &str, why: &'static str) {
        self.token_routes(connection).for_each(|route| route.counts.refuse(why));
    }

    /// A token for a sender of this connection that proves to be our client; none for any other.
    ///
    /// # Errors
    /// [`Delivered::Busy`] when that cannot be found out now; people are told why.
    pub fn issue_token(
        &self,
        connection: &str,
        client_id: &str,
        client_secret: &str,
    ) -> Result<Option<Issued>, Delivered> {
        let now = self.shared.clock.now();
        for route in self.token_routes(connection) {
            match route.verifier.issue(client_id, client_secret, now) {
                Ok(None) => {}
                Ok(issued) => return Ok(issued),
                Err(reason) => {
                    route.tell(&reason, now);
                    return Err(Delivered::Busy);
                }
            }
        }
        Ok(None)
    }

    async fn keep(&self, route: &Route, name: String, body: Bytes) -> Delivered {
        // Once more for each who writes the same pointer meanwhile; none is so often.
        for _ in 0..4 {
            let known = match self.shared.store.event(&route.inbox, &name) {
                Ok(known) => known,
                Err(error) => return busy(&error),
            };
            // What is behind a pointer now is something else than what was there then.
            if known.is_some() && !route.is_pointer() {
                return Delivered::Duplicate;
            }
            let waits = known.as_ref().is_some_and(|known| known.state == EventState::Waiting);
            let expected = known.map_or(0, |known| known.version);
            let event = route.event(&name, &body, self.shared.clock.now());
            match self.commit(event, expected).await {
                Kept::Committed if waits => return Delivered::Duplicate,
                Kept::Committed => return Delivered::Accepted,
                Kept::Meanwhile if route.is_pointer() => {}
                Kept::Meanwhile => return Delivered::Duplicate,
                Kept::NotYet => return Delivered::Busy,
            }
        }
        Delivered::Busy
    }

    /// Commits an event in a task of its own: if it takes too long for the sender it is kept all the same, and whoever
    /// takes it is woken.
    async fn commit(&self, event: Event, expected: u64) -> Kept {
        let Ok(place) = Arc::clone(&self.intake.commits).try_acquire_owned() else { return Kept::NotYet };
        let shared = Arc::clone(&self.shared);
        let committing = tokio::spawn(async move {
            let committed = commit(&shared, event, expected).await;
            drop(place);
            committed
        });
        match tokio::time::timeout(PATIENCE, committing).await {
            Ok(Ok(Ok(()))) => Kept::Committed,
            Ok(Ok(Err(StoreError::Conflict { .. }))) => Kept::Meanwhile,
            Ok(Ok(Err(error))) => {
                busy(&error);
                Kept::NotYet
            }
            Ok(Err(_)) | Err(_) => Kept::NotYet,
        }
    }
}

/// What a commit came to.
enum Kept {
    Committed,
    /// Another one of the name was committed meanwhile.
    Meanwhile,
    /// It is not known to be committed.
    NotYet,
}

async fn commit(shared: &Shared, event: Event, expected: u64) -> Result<(), StoreError> {
    let inbox = event.inbox.clone();
    let writes = vec![Write::Event { event: Box::new(event), expected }];
    crash::point("hook.before_inbox_commit");
    shared.store.commit(Batch { writes }).await?;
    crash::point("hook.after_inbox_commit");
    shared.wake_inbox(&inbox);
    Ok(())
}

fn busy(error: &StoreError) -> Delivered {
    tracing::error!(%error, "a push could not be kept");
    Delivered::Busy
}
