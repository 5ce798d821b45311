//! Events become records: all of those at hand in as few commits as there are flows, and each is taken with the last.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::read::Held;
use super::{Holds, Taker};
use crate::base::{RecordId, clock};
use crate::engine::arrive::{Arrived, Arriving, Became};
use crate::engine::connection::Connection;
use crate::engine::follow::{Following, Found, Missed};
use crate::engine::run::Stop;
use crate::engine::shared::Shared;
use crate::engine::turns;
use crate::http::backoff;
use crate::spec::model::{Content, Webhook};
use crate::store::{AuditDraft, Batch, Event, EventState, StoreError, Write};

/// An event that cannot be taken is tried again after so long, then after twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// An event that could not be taken for so long is parked.
const LONGEST: Duration = Duration::from_secs(3 * 86_400);

/// An event with records that it holds.
type Opened = (Event, Vec<Value>);

impl Taker {
    /// Takes events that are due, in their order.
    pub(super) async fn take(&self, shared: &Shared, events: Vec<Event>) -> Result<(), Stop> {
        let mut opened: Vec<Opened> = Vec::with_capacity(events.len());
        for event in events {
            match self.read(&event) {
                Ok(Held::Records(records)) => opened.push((event, records)),
                Ok(Held::Pointer(url)) => self.follow(shared, event, &url).await?,
                Err(reason) => self.park(shared, event, reason).await?,
            }
        }
        if opened.is_empty() { Ok(()) } else { self.hand_over(shared, &opened, true).await.map(drop) }
    }

    async fn follow(&self, shared: &Shared, event: Event, url: &str) -> Result<(), Stop> {
        let Holds::Pushed(connection, webhook) = &self.holds else { return Ok(()) };
        if shared.stop.is_cancelled() {
            return Ok(());
        }
        let _turn = tokio::select! {
            held = turns::take([connection]) => held,
            () = shared.stop.cancelled() => return Ok(()),
        };
        connection.come();
        let followed = self.follow_pages(shared, (connection, webhook), event, url).await;
        connection.leave().await;
        followed
    }

    /// Hands over page by page, so that no more than one is held; the event is taken with the last.
    async fn follow_pages(
        &self,
        shared: &Shared,
        (connection, webhook): (&Connection, &Webhook),
        event: Event,
        url: &str,
    ) -> Result<(), Stop> {
        let Content::Pointer { hosts, stream, .. } = &webhook.content else { return Ok(()) };
        let begun = Following::begin((connection, &self.inbox), (stream, hosts), url);
        let mut following = match begun {
            Ok(following) => following,
            Err(missed) => return self.postpone(shared, event, missed).await,
        };
        loop {
            match following.page().await {
                Ok(Found { records, last }) => {
                    let opened = [(event.clone(), records)];
                    if !self.hand_over(shared, &opened, last).await? || last {
                        return Ok(());
                    }
                }
                Err(missed) => return self.postpone(shared, event, missed).await,
            }
        }
    }

    /// Hands records to each flow, and takes their events with the last of them if these are `all` of their records.
    /// `false` when somebody sent one of the events again meanwhile: then all of them are still there, and what was made of
    /// them is recognised the next time.
    async fn hand_over(&self, shared: &Shared, opened: &[Opened], all: bool) -> Result<bool, Stop> {
        for (index, flow) in self.flows.iter().enumerate() {
            let taken = all && index + 1 == self.flows.len();
            let records = opened.iter().flat_map(|(_, records)| records.iter().cloned()).collect();
            let now = shared.clock.now();
            let arriving = Arriving {
                points: ("inbox.before_take_commit", "inbox.after_take_commit"),
                cursor: None,
                then: Some(Box::new(move |arrived| writes(&flow.name, (opened, arrived), taken, now))),
                read: None,
            };
            match flow.ingest(shared, records, arriving).await {
                Ok(_) => {}
                Err(Stop::Store(StoreError::Conflict { .. })) if sent_again(shared, opened)? => {
                    return Ok(false);
                }
                Err(stop) => return Err(stop),
            }
        }
        *self.trouble() = None;
        Ok(true)
    }

    /// Tries an event again later, or parks it when that makes no sense.
    async fn postpone(&self, shared: &Shared, event: Event, missed: Missed) -> Result<(), Stop> {
        let now = shared.clock.now();
        if missed.never || clock::between(event.received, now) >= LONGEST {
            return self.park(shared, event, missed.reason).await;
        }
        tracing::warn!(
            inbox = self.inbox,
            event = event.name,
            reason = missed.reason,
            "an event has to wait"
        );
        *self.trouble() = Some(missed.reason.clone());
        let attempts = event.attempts + 1;
        let due = clock::add(now, backoff::delay(attempts, FIRST_WAIT, LONGEST_WAIT, 1.0));
        let due = missed.until.map_or(due, |until| until.max(due));
        let expected = event.version;
        let event = Event { attempts, due, reason: Some(missed.reason), ..event };
        commit(shared, vec![Write::Event { event: Box::new(event), expected }]).await
    }

    /// Leaves an event to a person.
    async fn park(&self, shared: &Shared, event: Event, reason: String) -> Result<(), Stop> {
        tracing::warn!(inbox = self.inbox, event = event.name, reason, "an event is parked");
        let now = shared.clock.now();
        let facts = json!({ "inbox": event.inbox, "name": event.name, "reason": reason });
        let told = audit(now, None, "event.parked", facts);
        let (expected, attempts) = (event.version, event.attempts + 1);
        let event = Event { attempts, due: now, state: EventState::Parked, reason: Some(reason), ..event };
        commit(shared, vec![told, Write::Event { event: Box::new(event), expected }]).await
    }
}

/// Commits what became of one event, unless somebody sent it again meanwhile: then it is taken anew.
async fn commit(shared: &Shared, writes: Vec<Write>) -> Result<(), Stop> {
    match shared.store.commit(Batch { writes }).await {
        Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether one of the events is not what it was when it was read.
fn sent_again(shared: &Shared, opened: &[Opened]) -> Result<bool, StoreError> {
    for (event, _) in opened {
        let now = shared.store.event(&event.inbox, &event.name)?;
        if now.is_none_or(|now| now.version != event.version) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is written with the records of events for one flow: what became of each, and that they are taken, if they are.
fn writes(flow: &str, (opened, arrived): (&[Opened], &[Arrived]), taken: bool, now: Timestamp) -> Vec<Write> {
    let mut rest = arrived;
    let mut writes = Vec::with_capacity(opened.len() * 2);
    for (event, records) in opened {
        let (mine, others) = rest.split_at(records.len().min(rest.len()));
        rest = others;
        writes.push(told(event, flow, mine, now));
        if taken {
            let event =
                Event { due: now, state: EventState::Taken, reason: None, body: Vec::new(), ..event.clone() };
            writes.push(Write::Event { expected: event.version, event: Box::new(event) });
        }
    }
    writes
}

/// The trail of an event; of one that is about a single record, it is part of that record's.
fn told(event: &Event, flow: &str, arrived: &[Arrived], now: Timestamp) -> Write {
    let count = |became| arrived.iter().filter(|arrived| arrived.became == became).count();
    let mut facts = json!({ "inbox": event.inbox, "name": event.name, "flow": flow });
    let became = match arrived {
        [one] => json!({ "became": word(one.became) }),
        _ => json!({
            "new": count(Became::New),
            "changed": count(Became::Changed),
            "unchanged": count(Became::Unchanged),
            "parked": count(Became::Parked),
        }),
    };
    if let (Some(facts), Value::Object(became)) = (facts.as_object_mut(), became) {
        facts.extend(became);
    }
    let record = match arrived {
        [one] => Some(one.id.clone()),
        _ => None,
    };
    audit(now, record, "event.taken", facts)
}

fn word(became: Became) -> &'static str {
    match became {
        Became::New => "new",
        Became::Changed => "changed",
        Became::Unchanged => "unchanged",
        Became::Parked => "parked",
    }
}

fn audit(at: Timestamp, record: Option<RecordId>, event: &str, facts: Value) -> Write {
    let actor = "engine".to_owned();
    Write::Audit(AuditDraft { at, actor, record, event: event.to_owned(), facts, body: None })
}
