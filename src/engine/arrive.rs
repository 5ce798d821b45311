//! What a source gives becomes records: what the flow's expressions make of each, and one commit for all with the cursor.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::OwnedMutexGuard;

use super::finish;
use super::flow::FlowRuntime;
use super::ingest::{self, Arrival, Decision};
use super::merge::{self, Telling};
use super::run::Stop;
use super::shared::Shared;
use super::transition;
use crate::base::{RecordId, crash, json as canonical};
use crate::expression::{Mismatch, Type, Values, normalise};
use crate::spec::model::{Content, Flow, Merge, Place, Source, Stream};
use crate::store::{AuditDraft, Batch, Cursor, Merged, Reason, Record, RecordState, Write};

/// What records of a flow are like.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    record: Type,
    /// The field that names a record which is not as declared.
    key: Option<String>,
    pub(super) volatile: Vec<String>,
    place: Place,
}

impl Shape {
    pub(super) fn of(flow: &Flow) -> Self {
        let streams = || flow.sources.iter().filter_map(stream);
        let volatile: BTreeSet<String> = streams().flat_map(|stream| stream.volatile.clone()).collect();
        let place = flow.sources.iter().find_map(|source| match source {
            Source::Poll { stream, .. } => Some(stream.place.clone()),
            Source::Webhook { webhook, .. } => Some(webhook.place.clone()),
            Source::Schedule { .. } | Source::Told => None,
        });
        Self {
            record: flow.record_type.clone(),
            key: streams().next().map(|stream| stream.key.clone()),
            volatile: volatile.into_iter().collect(),
            place: place.unwrap_or_else(|| flow.place.clone()),
        }
    }
}

/// The stream that a source's records are of.
fn stream(source: &Source) -> Option<&Arc<Stream>> {
    match source {
        Source::Poll { stream, .. } => Some(stream),
        Source::Webhook { webhook, .. } => match &webhook.content {
            Content::Pointer { stream, .. } => Some(stream),
            Content::Inline { .. } => None,
        },
        Source::Schedule { .. } | Source::Told => None,
    }
}

/// A record that arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) id: RecordId,
    pub(super) became: Became,
}

/// Makes writes that depend on what became of the records.
pub(super) type Then<'a> = Box<dyn FnOnce(&[Arrived]) -> Vec<Write> + Send + 'a>;

/// What is committed with records that arrive.
pub(super) struct Arriving<'a> {
    /// The crash points before and after the commit.
    pub(super) points: (&'static str, &'static str),
    /// How far their source has been read then, and what that is kept under.
    pub(super) cursor: Option<(String, Cursor)>,
    /// Makes what is written that depends on what became of each.
    pub(super) then: Option<Then<'a>>,
    /// What the audit says of them all: what it calls it, such as `poll.page`, and facts.
    pub(super) read: Option<(&'static str, Value)>,
}

impl Arriving<'_> {
    /// What a source gave that was read by the clock, and how far it has been read with it.
    pub(super) fn read(event: &'static str, facts: Value, cursor: Option<(String, Cursor)>) -> Self {
        let points = ("poll.before_ingest_commit", "poll.after_ingest_commit");
        Self { points, cursor, then: None, read: Some((event, facts)) }
    }
}

/// What became of a record that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    /// It was not known.
    New,
    /// Its content is another one now, or will be.
    Changed,
    /// Nothing that counts is different.
    Unchanged,
    /// It is not as declared, so a person must look at it.
    Parked,
}

/// A record as a source gave it.
struct Come {
    arrival: Arrival,
    /// Why it cannot be worked on, where it cannot.
    unfit: Option<Reason>,
    /// How late it is, where the flow merges tellings.
    by: Option<Value>,
}

/// Records on their way into the store.
struct Page<'a> {
    flow: &'a FlowRuntime,
    shared: &'a Shared,
    now: Timestamp,
    stored: HashMap<RecordId, Record>,
    /// The version that each was read with.
    first: HashMap<RecordId, u64>,
    events: Vec<Write>,
    /// Those of them that came to a state.
    moved: HashSet<RecordId>,
    locks: HashMap<RecordId, OwnedMutexGuard<()>>,
}

impl FlowRuntime {
    /// Commits records with what belongs to them, all or nothing; and says what became of each.
    ///
    /// # Errors
    /// When the store fails, or one of the writes that belong to them was overtaken.
    pub(super) async fn ingest(
        &self,
        shared: &Shared,
        records: Vec<Value>,
        arriving: Arriving<'_>,
    ) -> Result<Vec<Arrived>, Stop> {
        // One source after the other: two that bring the same record would both find it new, and each could hold records
        // that the other waits for.
        let _turn = self.arriving.lock().await;
        let mut page = Page {
            flow: self,
            shared,
            now: shared.clock.now(),
            stored: HashMap::new(),
            first: HashMap::new(),
            events: Vec::new(),
            moved: HashSet::new(),
            locks: HashMap::new(),
        };
        let mut arrived = Vec::with_capacity(records.len());
        for raw in records {
            arrived.push(page.take(raw).await?);
        }
        page.commit(arriving, &arrived).await?;
        Ok(arrived)
    }

    fn decide(&self, shared: &Shared, known: Option<Record>, arrival: &Arrival) -> Result<Decision, Stop> {
        let differs = |record: &Record| {
            record.fingerprint != arrival.fingerprint || arrival.merges && record.source != arrival.source
        };
        let made = match &known {
            Some(record) if differs(record) || !arrival.selected => finish::made(shared, record)?,
            _ => false,
        };
        Ok(ingest::decide(known, made, arrival.clone(), self.flow.on_change.after_done)?)
    }

    /// What the flow's expressions make of a source record, and why it cannot be worked on, where it cannot.
    pub(super) fn arrival(&self, raw: Value, at: Timestamp) -> (Arrival, Option<Reason>) {
        let come = self.come(raw, at);
        (come.arrival, come.unfit)
    }

    fn come(&self, raw: Value, at: Timestamp) -> Come {
        let source = match normalise(raw.clone(), &self.shape.record) {
            Ok(source) => source,
            Err(mismatches) => {
                let message = format!("the record does not have the declared shape: {}", list(&mismatches));
                return self.unfit(raw, at, message);
            }
        };
        let by = self.flow.merge.as_ref().map(|merge| self.lateness(merge, &source)).transpose();
        match by.and_then(|by| Ok((self.evaluated(&source, at)?, by))) {
            Ok((arrival, by)) => Come { arrival, unfit: None, by },
            Err(message) => self.unfit(raw, at, message),
        }
    }

    fn lateness(&self, merge: &Merge, source: &Value) -> Result<Value, String> {
        let mut values = self.values.clone();
        values.set(&self.flow.record, source);
        merge.by.evaluate(&values).map_err(|error| format!("the flow's `merge` does not fit it: {error}"))
    }

    /// The arrival with what is known of its record already, where the flow merges the two.
    fn merged(&self, known: Option<&Record>, come: &Come, at: Timestamp) -> Arrival {
        let alone = || come.arrival.clone();
        let (Some(merge), Some(by), Some(known)) = (&self.flow.merge, &come.by, known) else {
            return alone();
        };
        let (content, merged) = match &known.pending {
            Some(pending) => (&pending.source, &pending.merged),
            None => (&known.source, &known.merged),
        };
        // What an earlier mapping kept, or what does not fit, says nothing.
        let Ok(content) = normalise(content.clone(), &self.shape.record) else { return alone() };
        let told = match merged {
            Some(Merged { by, kept }) => Telling { content, by: by.clone(), kept: kept.clone() },
            None => match self.lateness(merge, &content) {
                Ok(by) => Telling::new(content, by),
                Err(_) => return alone(),
            },
        };
        let both = merge::merge(told, Telling::new(come.arrival.source.clone(), by.clone()), &merge.keep);
        match self.evaluated(&both.content, at) {
            Ok(arrival) => Arrival { id: come.arrival.id.clone(), merged: both.origin(), ..arrival },
            Err(_) => alone(),
        }
    }

    fn evaluated(&self, source: &Value, at: Timestamp) -> Result<Arrival, String> {
        let mut values: Values = self.values.clone();
        values.set(&self.flow.record, source);
        let say = |error: crate::expression::EvaluationError| error.to_string();
        let key = self.flow.key.text(&values).map_err(say)?;
        if key.is_empty() {
            return Err("the flow's `key` yields nothing for it".to_owned());
        }
        let selected = match &self.flow.select {
            Some(select) => select.truth(&values).map_err(say)?,
            None => true,
        };
        let watched = match &self.flow.on_change.watch {
            Some(watch) => watch.evaluate(&values).map_err(say)?,
            None => without(source, &self.shape.volatile),
        };
        let idempotency_key = self.flow.idempotency_key.text(&values).map_err(say)?;
        Ok(self.named(&key, source.clone(), canonical::fingerprint(&watched), idempotency_key, selected, at))
    }

    /// A record that does not fit is kept and parked; one bad record stops only itself.
    fn unfit(&self, raw: Value, at: Timestamp, message: String) -> Come {
        let fingerprint = canonical::fingerprint(&raw);
        // Where tellings are merged, one that cannot be read must not take the place of what is known.
        let named = self.shape.key.as_ref().filter(|_| self.flow.merge.is_none());
        let key = match named.and_then(|key| raw.get(key)) {
            Some(Value::String(text)) if !text.trim().is_empty() => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            _ => format!("unreadable-{}", &fingerprint[..12]),
        };
        let reason = Reason {
            place: Some(self.shape.place.to_string()),
            detail: Some(raw.clone()),
            ..Reason::new(message)
        };
        let arrival = self.named(&key, raw, fingerprint, key.clone(), true, at);
        Come { arrival, unfit: Some(reason), by: None }
    }

    fn named(
        &self,
        key: &str,
        source: Value,
        fingerprint: String,
        idempotency_key: String,
        selected: bool,
        at: Timestamp,
    ) -> Arrival {
        Arrival {
            id: RecordId::new(&self.used, &self.flow.name, key),
            source,
            fingerprint,
            idempotency_key,
            selected,
            at,
            mapping_revision: self.mapping.revision.clone(),
            volatile: self.shape.volatile.clone(),
            merged: None,
            merges: self.flow.merge.is_some(),
        }
    }
}

impl Page<'_> {
    async fn take(&mut self, raw: Value) -> Result<Arrived, Stop> {
        let (flow, shared) = (self.flow, self.shared);
        let come = flow.come(raw, self.now);
        let id = come.arrival.id.clone();
        let known = match self.stored.remove(&id) {
            Some(known) => Some(known),
            None => shared.store.record(&id)?,
        };
        // Most of what a poll with overlap brings is known and unchanged: no lock, no write.
        let mut decision =
            flow.decide(shared, known.clone(), &flow.merged(known.as_ref(), &come, self.now))?;
        let begun = self.first.contains_key(&id);
        // One that was locked for an earlier row of the page was read under its lock already.
        let safe = begun || self.locks.contains_key(&id);
        if let (Decision::Store { .. }, Some(_), false) = (&decision, &known, safe) {
            self.locks.insert(id.clone(), shared.lock(&id).await);
            let known = shared.store.record(&id)?;
            let arrival = flow.merged(known.as_ref(), &come, self.now);
            decision = flow.decide(shared, known, &arrival)?;
        }
        let Decision::Store { record, expected, event } = decision else {
            if let Some(known) = known.filter(|_| begun) {
                self.stored.insert(id.clone(), known);
            }
            return Ok(Arrived { id, became: Became::Unchanged });
        };
        self.put(record, expected, event, come.unfit)
    }

    fn put(
        &mut self,
        mut record: Box<Record>,
        expected: u64,
        mut event: &'static str,
        unfit: Option<Reason>,
    ) -> Result<Arrived, Stop> {
        let id = record.id.clone();
        let new = expected == 0 && !self.first.contains_key(&id);
        let mut became = match event {
            ingest::MERGED => Became::Unchanged,
            _ if new => Became::New,
            _ => Became::Changed,
        };
        self.first.entry(id.clone()).or_insert(expected);
        if let Some(reason) = unfit.filter(|_| record.state == RecordState::Received) {
            transition::record(&mut record, RecordState::Running, None, self.now)?;
            transition::record(&mut record, RecordState::Parked, Some(reason), self.now)?;
            (event, became) = ("record.parked", Became::Parked);
        }
        if event != ingest::MERGED {
            self.moved.insert(id.clone());
        }
        self.events.push(told(&record, event, self.now));
        self.stored.insert(id.clone(), *record);
        Ok(Arrived { id, became })
    }

    async fn commit(self, arriving: Arriving<'_>, arrived: &[Arrived]) -> Result<(), Stop> {
        let (flow, shared) = (self.flow, self.shared);
        let moved = self.moved;
        let came = self.stored.values().filter(|record| moved.contains(&record.id));
        let states: Vec<RecordState> = came.map(|record| record.state).collect();
        let first = self.first;
        let mut writes: Vec<Write> = self
            .stored
            .into_iter()
            .map(|(id, record)| Write::Record { expected: first[&id], record: Box::new(record) })
            .collect();
        writes.extend(self.events);
        let at = self.now;
        writes.extend(arriving.read.map(|(event, facts)| {
            Write::Audit(AuditDraft {
                at,
                actor: "engine".to_owned(),
                record: None,
                event: event.to_owned(),
                facts,
                body: None,
            })
        }));
        writes.extend(arriving.cursor.map(|(flow, cursor)| Write::Cursor { flow, cursor }));
        writes.extend(arriving.then.map(|then| then(arrived)).unwrap_or_default());
        crash::point(arriving.points.0);
        shared.store.commit(Batch { writes }).await?;
        crash::point(arriving.points.1);
        if !first.is_empty() {
            shared.behind(&flow.name);
            shared.busy.add(&flow.name);
            flow.work.notify_one();
        }
        states.into_iter().for_each(|state| shared.count(state));
        Ok(())
    }
}

fn told(record: &Record, event: &str, at: Timestamp) -> Write {
    let facts = json!({
        "revision": record.revision,
        "fingerprint": record.fingerprint,
        "mapping_revision": record.mapping_revision,
        "reason": record.reason.as_ref().map(|reason| &reason.message),
    });
    let body = match &record.pending {
        Some(pending) => &pending.source,
        None => &record.source,
    };
    Write::Audit(AuditDraft {
        at,
        actor: "engine".to_owned(),
        record: Some(record.id.clone()),
        event: event.to_owned(),
        facts,
        body: Some(json!({ "source": body })),
    })
}

fn without(source: &Value, fields: &[String]) -> Value {
    let Value::Object(object) = source else { return source.clone() };
    let kept: Map<String, Value> = object
        .iter()
        .filter(|(name, _)| !fields.contains(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(kept)
}

fn list(mismatches: &[Mismatch]) -> String {
    mismatches.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
