//! What a source gives becomes records: what the flow's expressions make of each, and one commit for all with the cursor.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::OwnedMutexGuard;

use super::finish;
use super::flow::FlowRuntime;
use super::ingest::{self, Arrival, Decision};
use super::run::Stop;
use super::shared::Shared;
use super::transition;
use crate::base::{RecordId, crash, json as canonical};
use crate::expression::{Mismatch, Type, Values, normalise};
use crate::spec::model::{Flow, Place, Source};
use crate::store::{AuditDraft, Batch, Cursor, Reason, Record, RecordState, Write};

/// What records of a source are like.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    record: Type,
    /// The field that names a record which is not as declared.
    key: String,
    pub(super) volatile: Vec<String>,
    place: Place,
}

impl Shape {
    pub(super) fn of(flow: &Flow) -> Self {
        match flow.sources.first() {
            Some(Source::Poll { stream, .. }) => Self {
                record: flow.record_type.clone(),
                key: stream.key.clone(),
                volatile: stream.volatile.clone(),
                place: stream.place.clone(),
            },
            _ => Self {
                record: flow.record_type.clone(),
                key: "at".to_owned(),
                volatile: Vec::new(),
                place: flow.place.clone(),
            },
        }
    }
}

/// What became of a record that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    /// Nothing was known of it.
    New,
    /// It has another content, or another state, now.
    Changed,
    /// It is as it was.
    Unchanged,
}

/// A record that arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) id: RecordId,
    pub(super) became: Became,
}

/// What is committed together with records that arrive.
pub(super) struct Arriving<W> {
    /// The crash points before and after the commit.
    pub(super) points: (&'static str, &'static str),
    /// What is written beside the records, now that it is known what becomes of each.
    pub(super) writes: W,
}

/// A page, or a firing, that was read: its place in the audit trail, and the cursor behind it.
pub(super) fn read_on(
    flow: &str,
    at: Timestamp,
    (event, facts): (&'static str, Value),
    cursor: Cursor,
) -> Arriving<impl FnOnce(&[Arrived]) -> Vec<Write> + Send> {
    let flow = flow.to_owned();
    let audit = Write::Audit(AuditDraft {
        at,
        actor: "engine".to_owned(),
        record: None,
        event: event.to_owned(),
        facts,
        body: None,
    });
    Arriving {
        points: ("poll.before_ingest_commit", "poll.after_ingest_commit"),
        writes: |_: &[Arrived]| vec![audit, Write::Cursor { flow, cursor }],
    }
}

impl FlowRuntime {
    /// Commits records that arrived with what belongs to them, all or nothing. Says what became of each, in their order.
    pub(super) async fn ingest<W>(
        &self,
        shared: &Shared,
        records: Vec<Value>,
        arriving: Arriving<W>,
    ) -> Result<Vec<Arrived>, Stop>
    where
        W: FnOnce(&[Arrived]) -> Vec<Write> + Send,
    {
        // A flow may have several sources at work. Two of them that made the same record at once would be in conflict, and
        // two that lock records in the order of their pages would wait for each other.
        let _one_at_a_time = self.arrivals.lock().await;
        let now = shared.clock.now();
        let mut arrived = Vec::with_capacity(records.len());
        let mut stored: HashMap<RecordId, Record> = HashMap::new();
        let mut first: HashMap<RecordId, u64> = HashMap::new();
        let mut events = Vec::new();
        let mut locks: HashMap<RecordId, OwnedMutexGuard<()>> = HashMap::new();
        for raw in records {
            let (arrival, unfit) = self.arrival(raw, now);
            let id = arrival.id.clone();
            let known = match stored.remove(&id) {
                Some(known) => Some(known),
                None => shared.store.record(&id)?,
            };
            // Most of what a poll with overlap brings is known and unchanged: no lock, no write.
            let mut decision = self.decide(shared, known.clone(), &arrival)?;
            if let (Decision::Store { .. }, Some(_), false) = (&decision, &known, locks.contains_key(&id)) {
                locks.insert(id.clone(), shared.lock(&id).await);
                decision = self.decide(shared, shared.store.record(&id)?, &arrival)?;
            }
            let became = match (&decision, &known) {
                (Decision::Unchanged, _) => Became::Unchanged,
                (Decision::Store { .. }, None) => Became::New,
                (Decision::Store { .. }, Some(_)) => Became::Changed,
            };
            arrived.push(Arrived { id: id.clone(), became });
            match decision {
                Decision::Unchanged => {
                    if let Some(known) = known.filter(|_| first.contains_key(&id)) {
                        stored.insert(id, known);
                    }
                }
                Decision::Store { mut record, expected, event } => {
                    first.entry(id.clone()).or_insert(expected);
                    let event = match unfit {
                        Some(reason) if record.state == RecordState::Received => {
                            transition::record(&mut record, RecordState::Running, None, now)?;
                            transition::record(&mut record, RecordState::Parked, Some(reason), now)?;
                            "record.parked"
                        }
                        _ => event,
                    };
                    events.push(self.told(&record, event, now));
                    stored.insert(id, *record);
                }
            }
        }
        let states: Vec<RecordState> = stored.values().map(|record| record.state).collect();
        let mut writes: Vec<Write> = stored
            .into_iter()
            .map(|(id, record)| Write::Record { expected: first[&id], record: Box::new(record) })
            .collect();
        writes.extend(events);
        writes.extend((arriving.writes)(&arrived));
        crash::point(arriving.points.0);
        shared.store.commit(Batch { writes }).await?;
        crash::point(arriving.points.1);
        states.into_iter().for_each(|state| shared.count(state));
        Ok(arrived)
    }

    fn decide(&self, shared: &Shared, known: Option<Record>, arrival: &Arrival) -> Result<Decision, Stop> {
        let made = match &known {
            Some(record) if record.fingerprint != arrival.fingerprint || !arrival.selected => {
                finish::made(shared, record)?
            }
            _ => false,
        };
        Ok(ingest::decide(known, made, arrival.clone(), self.flow.on_change.after_done)?)
    }

    /// What the flow's expressions make of a source record, and why it cannot be worked on, where it cannot.
    pub(super) fn arrival(&self, raw: Value, at: Timestamp) -> (Arrival, Option<Reason>) {
        match normalise(raw.clone(), &self.shape.record) {
            Ok(source) => match self.evaluated(&source, at) {
                Ok(arrival) => (arrival, None),
                Err(message) => self.unfit(raw, at, message),
            },
            Err(mismatches) => {
                let message = format!("the record does not have the declared shape: {}", list(&mismatches));
                self.unfit(raw, at, message)
            }
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
    fn unfit(&self, raw: Value, at: Timestamp, message: String) -> (Arrival, Option<Reason>) {
        let fingerprint = canonical::fingerprint(&raw);
        let key = match raw.get(&self.shape.key) {
            Some(Value::String(text)) if !text.trim().is_empty() => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            _ => format!("unreadable-{}", &fingerprint[..12]),
        };
        let reason = Reason {
            message,
            code: None,
            step: None,
            place: Some(self.shape.place.to_string()),
            detail: Some(raw.clone()),
        };
        (self.named(&key, raw, fingerprint, key.clone(), true, at), Some(reason))
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
        }
    }

    fn told(&self, record: &Record, event: &str, at: Timestamp) -> Write {
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
