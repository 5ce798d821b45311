//! Reads a stream page by page and commits each page's records together with the cursor.

use std::collections::{HashMap, HashSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio::sync::OwnedMutexGuard;

use super::connection::{Call, Connection, Outcome};
use super::cursor::{self, CursorSettings};
use super::flow::FlowRuntime;
use super::ingest::{self, Arrival, Decision};
use super::run::{self, Stop};
use super::shared::Shared;
use super::transition;
use crate::base::{RecordId, crash, duration, json as canonical};
use crate::expression::{Mismatch, ValueTemplate, Values, normalise};
use crate::spec::model::{CursorKind, Paging, Source, Stream};
use crate::store::{AuditDraft, Batch, Cursor, Reason, Record, RecordState, Write};

/// A poll reads at most so many pages: a paging that never ends is a fault of the other side.
const MOST_PAGES: u32 = 100_000;

/// Why a poll could not be finished; what it committed stays.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) reason: String,
    pub(super) until: Option<Timestamp>,
}

impl Trouble {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), until: None }
    }
}

/// Where the pages of one poll stand.
struct Pages {
    number: u32,
    offset: u64,
    token: Value,
    seen: HashSet<String>,
}

impl FlowRuntime {
    /// Reads the flow's source whole, from its cursor on.
    pub(super) async fn poll(&self, shared: &Shared) -> Result<Result<(), Trouble>, Stop> {
        let Source::Poll { role, stream, .. } = &self.flow.source else {
            return Ok(Err(Trouble::new("a schedule cannot be run yet")));
        };
        let connection = self.connection(role);
        let settings = match cursor_settings(&stream.cursor, connection) {
            Ok(settings) => settings,
            Err(reason) => return Ok(Err(Trouble::new(reason))),
        };
        let anchor = shared.clock.now();
        let kept = shared.store.cursor(&self.name)?;
        let start = kept.as_ref().map_or(Value::Null, |cursor| cursor.position.clone());
        let polled = kept.and_then(|cursor| cursor.polled);
        let from = cursor::from(&stream.cursor, &start, &settings);
        let mut position = start.clone();
        let mut pages = Pages::new(&stream.paging);
        loop {
            let page = match self.page(stream, connection, &from, &pages).await {
                Ok(page) => page,
                Err(trouble) => return Ok(Err(trouble)),
            };
            crash::point("poll.page_received");
            let records = match stream.records.select(&page) {
                Ok(Value::Array(records)) => records,
                Ok(Value::Null) => Vec::new(),
                Ok(single) => vec![single],
                Err(error) => return Ok(Err(Trouble::new(error.to_string()))),
            };
            let count = records.len();
            let next = match pages.next(&stream.paging, connection, &page, count) {
                Ok(next) => next,
                Err(reason) => return Ok(Err(Trouble::new(reason))),
            };
            for record in &records {
                position = cursor::advance(&stream.cursor, &position, record, anchor, &settings);
            }
            // Until the last page is in, the position stays where the poll began: pages need not come in order.
            let cursor = if next {
                Cursor {
                    position: start.clone(),
                    polled,
                    page: json!({ "number": pages.number, "began": anchor }),
                    full: None,
                    skipped: Vec::new(),
                }
            } else {
                Cursor {
                    position: position.clone(),
                    polled: Some(anchor),
                    page: Value::Null,
                    full: None,
                    skipped: Vec::new(),
                }
            };
            let read = json!({ "flow": self.name, "page": pages.number - 1, "records": count, "from": from, "last": !next });
            self.ingest(shared, stream, records, cursor, read).await?;
            self.work.notify_one();
            if !next || shared.stop.is_cancelled() {
                return Ok(Ok(()));
            }
        }
    }

    async fn page(
        &self,
        stream: &Stream,
        connection: &Connection,
        from: &Value,
        pages: &Pages,
    ) -> Result<Value, Trouble> {
        let mut values = connection.values.clone();
        values.set("cursor", from);
        values.set("page", &pages.value());
        connection.page(&stream.request, values, &stream.answer).await.map_err(|call: Call| {
            let until = match &call.outcome {
                Outcome::Later(refusal) => refusal.until,
                _ => None,
            };
            Trouble { reason: format!("{}: {}", connection.name, call.outcome.cause()), until }
        })
    }

    /// Commits a page's records with the cursor, all or nothing.
    async fn ingest(
        &self,
        shared: &Shared,
        stream: &Stream,
        records: Vec<Value>,
        cursor: Cursor,
        read: Value,
    ) -> Result<(), Stop> {
        let now = shared.clock.now();
        let mut stored: HashMap<RecordId, Record> = HashMap::new();
        let mut first: HashMap<RecordId, u64> = HashMap::new();
        let mut events = Vec::new();
        let mut locks: HashMap<RecordId, OwnedMutexGuard<()>> = HashMap::new();
        for raw in records {
            let (arrival, unfit) = self.arrival(stream, raw, now);
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
        writes.push(Write::Audit(AuditDraft {
            at: now,
            actor: "engine".to_owned(),
            record: None,
            event: "poll.page".to_owned(),
            facts: read,
            body: None,
        }));
        writes.push(Write::Cursor { flow: self.name.clone(), cursor });
        crash::point("poll.before_ingest_commit");
        shared.store.commit(Batch { writes }).await?;
        crash::point("poll.after_ingest_commit");
        states.into_iter().for_each(|state| shared.count(state));
        Ok(())
    }

    fn decide(&self, shared: &Shared, known: Option<Record>, arrival: &Arrival) -> Result<Decision, Stop> {
        let made = match &known {
            Some(record) if record.fingerprint != arrival.fingerprint || !arrival.selected => {
                run::made(shared, record)?
            }
            _ => false,
        };
        Ok(ingest::decide(known, made, arrival.clone(), self.flow.on_change.after_done)?)
    }

    /// What the flow's expressions make of a source record, and why it cannot be worked on, where it cannot.
    fn arrival(&self, stream: &Stream, raw: Value, at: Timestamp) -> (Arrival, Option<Reason>) {
        match normalise(raw.clone(), &stream.record) {
            Ok(source) => match self.evaluated(stream, &source, at) {
                Ok(arrival) => (arrival, None),
                Err(message) => self.unfit(stream, raw, at, message),
            },
            Err(mismatches) => {
                let message = format!("the record does not have the declared shape: {}", list(&mismatches));
                self.unfit(stream, raw, at, message)
            }
        }
    }

    fn evaluated(&self, stream: &Stream, source: &Value, at: Timestamp) -> Result<Arrival, String> {
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
            None => without(source, &stream.volatile),
        };
        let idempotency_key = self.flow.idempotency_key.text(&values).map_err(say)?;
        Ok(self.named(&key, source.clone(), canonical::fingerprint(&watched), idempotency_key, selected, at))
    }

    /// A record that does not fit is kept and parked; one bad record stops only itself.
    fn unfit(
        &self,
        stream: &Stream,
        raw: Value,
        at: Timestamp,
        message: String,
    ) -> (Arrival, Option<Reason>) {
        let fingerprint = canonical::fingerprint(&raw);
        let key = match raw.get(&stream.key) {
            Some(Value::String(text)) if !text.trim().is_empty() => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            _ => format!("unreadable-{}", &fingerprint[..12]),
        };
        let reason = Reason {
            message,
            code: None,
            step: None,
            place: Some(stream.place.to_string()),
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
        let volatile = match &self.flow.source {
            Source::Poll { stream, .. } => stream.volatile.clone(),
            Source::Schedule { .. } => Vec::new(),
        };
        Arrival {
            id: RecordId::new(&self.mapping.name, &self.flow.name, key),
            source,
            fingerprint,
            idempotency_key,
            selected,
            at,
            mapping_revision: self.mapping.revision.clone(),
            volatile,
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

impl Pages {
    fn new(paging: &Paging) -> Self {
        let number = match paging {
            Paging::Number { first, .. } => *first,
            _ => 1,
        };
        Self { number, offset: 0, token: Value::Null, seen: HashSet::new() }
    }

    fn value(&self) -> Value {
        json!({ "number": self.number, "offset": self.offset, "token": self.token })
    }

    /// Goes on to the next page, if there is one.
    fn next(
        &mut self,
        paging: &Paging,
        connection: &Connection,
        page: &Value,
        count: usize,
    ) -> Result<bool, String> {
        self.number += 1;
        self.offset += count as u64;
        if self.number > MOST_PAGES {
            return Err(format!("the paging does not end: {MOST_PAGES} pages were read"));
        }
        let full = |size: &ValueTemplate| -> Result<bool, String> {
            let size = size.evaluate(&connection.values).map_err(|error| error.to_string())?;
            Ok(count as u64 >= size.as_u64().unwrap_or(1).max(1))
        };
        match paging {
            Paging::Single => Ok(false),
            Paging::Number { size, .. } | Paging::Offset { size, .. } => full(size),
            Paging::Link { .. } => Err("paging by `link` cannot be run yet".to_owned()),
            Paging::Token { next } => {
                let mut values = connection.values.clone();
                values.set("answer", page);
                self.token = next.evaluate(&values).map_err(|error| error.to_string())?;
                let text = self.token.as_str().map_or_else(|| self.token.to_string(), str::to_owned);
                if self.token.is_null() || text.is_empty() {
                    return Ok(false);
                }
                if self.seen.insert(text) {
                    Ok(true)
                } else {
                    Err("the paging goes in circles: the same next page was named twice".to_owned())
                }
            }
        }
    }
}

fn cursor_settings(kind: &CursorKind, connection: &Connection) -> Result<CursorSettings, String> {
    let text = |tree: &ValueTemplate| -> Result<String, String> {
        let value = tree.evaluate(&connection.values).map_err(|error| error.to_string())?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    };
    match kind {
        CursorKind::None | CursorKind::Day { .. } | CursorKind::Keyset { .. } | CursorKind::Token { .. } => {
            Ok(CursorSettings { zone: TimeZone::UTC, overlap: SignedDuration::ZERO })
        }
        CursorKind::Timestamp { zone, overlap, .. }
        | CursorKind::DateAndDecimalHours { zone, overlap, .. } => {
            let zone = text(zone)?;
            let zone = TimeZone::get(&zone).map_err(|_| format!("`{zone}` is not a time zone"))?;
            let overlap = duration::parse(&text(overlap)?)?;
            Ok(CursorSettings { zone, overlap: SignedDuration::try_from(overlap).unwrap_or_default() })
        }
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
