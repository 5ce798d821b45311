//! The inbox: what was pushed or told is taken, made into records and handed to the flows that name it.
//!
//! An event is taken in the commit that makes it records, so it is taken once, whatever the moment of a crash. What cannot
//! be taken now waits, longer each time, and after some days a person decides; what nobody can read is parked at once.

mod order;
mod read;
mod take;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

pub(super) use self::order::{statuses, troubles};
use super::connection::Connection;
use super::flow::FlowRuntime;
use super::run::Stop;
use super::shared::Shared;
use crate::base::clock;
use crate::spec::model::{Config, Source, Webhook};
use crate::store::{Batch, EventQuery, EventState, StoreError, Write};

/// So many events are taken in one commit.
const MOST_AT_ONCE: usize = 256;

/// How long an event that was taken is known, so that a repetition is recognised.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

/// How often old events are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// How long a stop waits for what is being taken.
const GRACE: Duration = Duration::from_secs(30);

/// An engine that runs until idle does not wait for an event that could not be taken so often.
const PATIENCE: u32 = 6;

/// The inbox of what a connection is told through one of its system's webhooks.
pub(super) fn webhook(connection: &str, webhook: &str) -> String {
    format!("webhook/{connection}/{webhook}")
}

/// What the names of inboxes begin with in which flows lay what they tell others.
pub(super) const TOLD: &str = "told/";

/// The inbox of what other flows tell a flow, which is `mapping/flow`.
pub(super) fn told(flow: &str) -> String {
    format!("{TOLD}{flow}")
}

/// Wakes those who take what comes.
#[derive(Default)]
pub(super) struct Inboxes(Mutex<HashMap<String, Arc<Notify>>>);

impl Inboxes {
    /// What wakes whoever takes from `inbox`.
    pub(super) fn of(&self, inbox: &str) -> Arc<Notify> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(inbox.to_owned()).or_default())
    }

    /// Says that something lies in `inbox`.
    pub(super) fn wake(&self, inbox: &str) {
        self.of(inbox).notify_one();
    }
}

/// Takes what comes to one inbox.
pub(super) struct Taker {
    pub(super) inbox: String,
    holds: Holds,
    /// The flows that name it; an event is taken with the last of them.
    flows: Vec<Arc<FlowRuntime>>,
    trouble: Mutex<Option<String>>,
}

/// What an inbox holds.
enum Holds {
    /// Records that other flows told.
    Told,
    /// Bodies that a connection's system pushed.
    Pushed(Arc<Connection>, Arc<Webhook>),
}

/// Whoever takes for these flows: one for each webhook of a connection that a source names, one for each flow that is told.
pub(super) fn takers(
    config: &Config,
    connections: &BTreeMap<String, Arc<Connection>>,
    flows: &[Arc<FlowRuntime>],
) -> Vec<Arc<Taker>> {
    let mut takers: BTreeMap<String, Taker> = BTreeMap::new();
    for flow in flows {
        let Some(used) = config.mappings.get(&flow.used) else { continue };
        let Some(chosen) = used.flows.get(&flow.flow.name) else { continue };
        for (source, choice) in flow.flow.sources.iter().zip(&chosen.sources) {
            let (inbox, holds) = match source {
                Source::Told if choice.enabled => (told(&flow.name), Holds::Told),
                Source::Webhook { role, webhook: pushed } if choice.enabled => {
                    let connection = used.connections.get(role).and_then(|name| connections.get(name));
                    let Some(connection) = connection else { continue };
                    let inbox = webhook(&connection.name, &pushed.name);
                    (inbox, Holds::Pushed(Arc::clone(connection), Arc::clone(pushed)))
                }
                _ => continue,
            };
            let taker = takers.entry(inbox.clone()).or_insert_with(|| Taker::new(inbox, holds));
            if !taker.flows.iter().any(|known| known.name == flow.name) {
                taker.flows.push(Arc::clone(flow));
            }
        }
    }
    takers.into_values().map(Arc::new).collect()
}

impl Taker {
    fn new(inbox: String, holds: Holds) -> Self {
        Self { inbox, holds, flows: Vec::new(), trouble: Mutex::default() }
    }

    /// Why the last event that was tried could not be taken.
    pub(super) fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that it may have something to do, before anybody starts.
    pub(super) fn register(&self, shared: &Shared) {
        shared.busy.register(&self.inbox);
    }

    /// Takes what comes until stopped.
    pub(super) async fn drive(self: Arc<Self>, shared: Arc<Shared>) -> Result<(), Stop> {
        let woken = shared.inboxes.of(&self.inbox);
        let mut forget_at = Timestamp::MIN;
        while !shared.stop.is_cancelled() {
            let now = shared.clock.now();
            if forget_at <= now {
                self.forget(&shared, now).await?;
                forget_at = clock::add(now, FORGET_EVERY);
            }
            let events = shared.store.events_due(&self.inbox, now, MOST_AT_ONCE)?;
            if !events.is_empty() {
                shared.busy.add(&self.inbox);
                tokio::select! {
                    taken = self.take(&shared, events) => taken?,
                    () = stopped(&shared) => return Ok(()),
                }
                continue;
            }
            shared.busy.rest(&self.inbox, || self.waits_for_nothing(&shared))?;
            let due = shared.store.next_event_due(&self.inbox, Some(now))?;
            let wake = due.map_or(forget_at, |due| due.min(forget_at));
            tokio::select! {
                () = woken.notified() => {}
                () = shared.clock.sleep_until(wake) => {}
                () = shared.stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Whether no event waits, but those that it makes no sense to wait for.
    fn waits_for_nothing(&self, shared: &Shared) -> Result<bool, StoreError> {
        let states = vec![EventState::Waiting];
        let waiting = shared.store.events(&EventQuery { inbox: self.inbox.clone(), states, limit: 0 })?;
        Ok(!waiting.iter().any(|event| event.inbox == self.inbox && event.attempts < PATIENCE))
    }

    async fn forget(&self, shared: &Shared, now: Timestamp) -> Result<(), StoreError> {
        let before = clock::before(now, REMEMBERED);
        let writes = vec![Write::ForgetEvents { inbox: self.inbox.clone(), before }];
        shared.store.commit(Batch { writes }).await
    }
}

/// Completes when what is at work has had its time after a stop. What is dropped then is as after a crash.
pub(super) async fn stopped(shared: &Shared) {
    shared.stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}
