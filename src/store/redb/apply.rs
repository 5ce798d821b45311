//! Writes a batch into an open transaction: first it is checked as a whole, then all of it is written.

use std::collections::HashMap;

use ::redb::ReadableTable as _;

use super::codec;
use super::error::Failure;
use super::events;
use super::prepare::{Operation, Prepared, event_place, row_place};
use super::tables::{
    EffectHead, EventHead, RecordHead, RowHead, Tables, flow_of, is_due, is_open, state_number,
};
use crate::store::StoreError;
use crate::store::audit::{ChainHead, Unchained};

/// What a transaction adds up over its batches.
#[derive(Debug)]
pub(super) struct Group {
    /// The end of the audit chain.
    pub(super) head: ChainHead,
    /// By how much the number of records of each flow and state has changed.
    counts: HashMap<(String, u8), i64>,
    /// By how much the number of events of each inbox and state has changed.
    pub(super) events: HashMap<(String, u8), i64>,
}

/// What stood in the place of each write of a batch.
enum Before {
    Record(Option<RecordHead>),
    Effect(Option<EffectHead>),
    Other,
}

impl Group {
    pub(super) fn new(head: ChainHead) -> Self {
        Self { head, counts: HashMap::new(), events: HashMap::new() }
    }

    /// Writes all of a batch, or nothing and says why.
    pub(super) fn apply(&mut self, tables: &mut Tables<'_>, batch: &Prepared) -> Result<(), Failure> {
        let before = check(tables, batch)?;
        for (operation, before) in batch.operations.iter().zip(before) {
            self.write(tables, operation, &before)?;
        }
        Ok(())
    }

    /// Writes what was added up.
    pub(super) fn finish(&self, tables: &mut Tables<'_>) -> Result<(), Failure> {
        add_up(&mut tables.counts, &self.counts)?;
        add_up(&mut tables.event_counts, &self.events)
    }

    fn write(
        &mut self,
        tables: &mut Tables<'_>,
        operation: &Operation,
        before: &Before,
    ) -> Result<(), Failure> {
        match operation {
            Operation::Record { id, key, head, bytes, .. } => {
                let Before::Record(before) = before else { return Ok(()) };
                self.record(tables, (id, key), (before.as_ref(), head), bytes)
            }
            Operation::Effect { id, record, head, bytes, .. } => {
                let Before::Effect(before) = before else { return Ok(()) };
                effect(tables, (id, record), (before.as_ref(), head), bytes)
            }
            Operation::Event { inbox, name, head, about, body, .. } => {
                events::put(self, tables, (inbox, name), head, (about, body.as_deref()))
            }
            Operation::ForgetEvents { inbox, before } => events::forget(self, tables, inbox, *before),
            Operation::Audit { record, entry } => self.audit(tables, record.as_deref(), entry),
            other => write_plain(tables, other),
        }
    }

    fn record(
        &mut self,
        tables: &mut Tables<'_>,
        (id, key): (&str, &str),
        (before, now): (Option<&RecordHead>, &RecordHead),
        bytes: &[u8],
    ) -> Result<(), Failure> {
        let flow = flow_of(id);
        tables.records.insert(id, bytes)?;
        match before {
            None => {
                tables.by_key.insert((key, id), ())?;
            }
            Some(before) => {
                tables.changed.remove((flow, state_number(before.state), before.changed, id))?;
                if is_due(before.state) {
                    tables.due.remove((flow, before.due, id))?;
                }
                if let Some(again) = before.comes_again() {
                    tables.again.remove((flow, again, id))?;
                }
                if before.noticed && !now.noticed {
                    tables.noticed.remove(id)?;
                }
                self.count(flow, before, -1);
            }
        }
        tables.changed.insert((flow, state_number(now.state), now.changed, id), ())?;
        if is_due(now.state) {
            tables.due.insert((flow, now.due, id), ())?;
        }
        if let Some(again) = now.comes_again() {
            tables.again.insert((flow, again, id), ())?;
        }
        if now.noticed {
            tables.noticed.insert(id, ())?;
        }
        self.count(flow, now, 1);
        Ok(())
    }

    fn count(&mut self, flow: &str, head: &RecordHead, change: i64) {
        *self.counts.entry((flow.to_owned(), state_number(head.state))).or_default() += change;
    }

    fn audit(
        &mut self,
        tables: &mut Tables<'_>,
        record: Option<&str>,
        entry: &Unchained,
    ) -> Result<(), Failure> {
        let text = self.head.append(entry);
        let seq = self.head.seq;
        let stored = codec::encode_bytes("audit", &seq.to_string(), text.as_bytes());
        tables.audit.insert(seq, stored.as_slice())?;
        if let Some(record) = record {
            tables.audit_by_record.insert((record, seq), ())?;
        }
        if let Some(body) = &entry.body {
            // The chain holds a hash of it, which is its checksum.
            tables.audit_bodies.insert(seq, body.as_slice())?;
        }
        Ok(())
    }
}

fn add_up(
    table: &mut ::redb::Table<'_, (&'static str, u8), u64>,
    changes: &HashMap<(String, u8), i64>,
) -> Result<(), Failure> {
    for ((name, state), change) in changes.iter().filter(|(_, change)| **change != 0) {
        let key = (name.as_str(), *state);
        let now = table.get(key)?.map_or(0, |count| count.value());
        table.insert(key, now.saturating_add_signed(*change))?;
    }
    Ok(())
}

fn effect(
    tables: &mut Tables<'_>,
    (id, record): (&str, &str),
    (before, now): (Option<&EffectHead>, &EffectHead),
    bytes: &[u8],
) -> Result<(), Failure> {
    tables.effects.insert(id, bytes)?;
    if before.is_none() {
        let last = tables.effects_by_record.range((record, 0)..=(record, u64::MAX))?.next_back();
        let place = last.transpose()?.map_or(0, |(key, _)| key.value().1 + 1);
        tables.effects_by_record.insert((record, place), id)?;
    }
    match (before.is_some_and(|before| is_open(before.state)), is_open(now.state)) {
        (false, true) => drop(tables.effects_open.insert(id, ())?),
        (true, false) => drop(tables.effects_open.remove(id)?),
        _ => {}
    }
    Ok(())
}

fn write_plain(tables: &mut Tables<'_>, operation: &Operation) -> Result<(), Failure> {
    match operation {
        Operation::Cursor { flow, bytes } => {
            tables.cursors.insert(flow.as_str(), bytes.as_slice())?;
        }
        Operation::Link { kind, value, record } => {
            tables.links.insert((value.as_str(), kind.as_str(), record.as_str()), ())?;
            tables.links_by_record.insert((record.as_str(), kind.as_str(), value.as_str()), ())?;
        }
        Operation::Document { record, name, about, bytes } => {
            tables.documents.insert((record.as_str(), name.as_str()), about.as_slice())?;
            tables.document_bytes.insert((record.as_str(), name.as_str()), bytes.as_slice())?;
        }
        Operation::Blob { name, bytes } => put(&mut tables.blobs, name, bytes.as_deref())?,
        Operation::Row { table, key, at, bytes } => put_row(tables, table, key, (*at, bytes.as_deref()))?,
        Operation::Prune { table, before } => prune(tables, table, *before)?,
        Operation::Record { .. }
        | Operation::Effect { .. }
        | Operation::Event { .. }
        | Operation::ForgetEvents { .. }
        | Operation::Audit { .. } => {}
    }
    Ok(())
}

fn put(
    table: &mut ::redb::Table<'_, &'static str, &'static [u8]>,
    name: &str,
    bytes: Option<&[u8]>,
) -> Result<(), Failure> {
    match bytes {
        Some(bytes) => drop(table.insert(name, bytes)?),
        None => drop(table.remove(name)?),
    }
    Ok(())
}

fn put_row(
    tables: &mut Tables<'_>,
    table: &str,
    key: &str,
    (at, bytes): (i128, Option<&[u8]>),
) -> Result<(), Failure> {
    let before: Option<RowHead> = match tables.rows.get((table, key))? {
        Some(stored) => {
            let head = codec::decode("rows", &row_place(table, key), stored.value());
            Some(head.map_err(Failure::Batch)?)
        }
        None => None,
    };
    if let Some(before) = &before {
        tables.rows_by_time.remove((table, before.at.as_nanosecond(), key))?;
    }
    match bytes {
        Some(bytes) => {
            tables.rows.insert((table, key), bytes)?;
            tables.rows_by_time.insert((table, at, key), ())?;
        }
        None if before.is_none() => return Ok(()),
        None => drop(tables.rows.remove((table, key))?),
    }
    changed(tables, table)
}

fn prune(tables: &mut Tables<'_>, table: &str, before: i128) -> Result<(), Failure> {
    let mut old = Vec::new();
    for entry in tables.rows_by_time.range((table, i128::MIN, "")..(table, before, ""))? {
        let key = entry?.0;
        let (_, at, key) = key.value();
        old.push((at, key.to_owned()));
    }
    for (at, key) in &old {
        tables.rows_by_time.remove((table, *at, key.as_str()))?;
        tables.rows.remove((table, key.as_str()))?;
    }
    if old.is_empty() { Ok(()) } else { changed(tables, table) }
}

fn changed(tables: &mut Tables<'_>, table: &str) -> Result<(), Failure> {
    let version = tables.row_tables.get(table)?.map_or(0, |version| version.value());
    tables.row_tables.insert(table, version + 1)?;
    Ok(())
}

/// Compares every expected version with what is stored, or with what an earlier write of the same batch stores.
fn check(tables: &Tables<'_>, batch: &Prepared) -> Result<Vec<Before>, Failure> {
    let mut records: HashMap<&str, RecordHead> = HashMap::new();
    let mut effects: HashMap<&str, EffectHead> = HashMap::new();
    let mut events: HashMap<(&str, &str), EventHead> = HashMap::new();
    let mut all = Vec::with_capacity(batch.operations.len());
    for operation in &batch.operations {
        all.push(match operation {
            Operation::Record { id, expected, head, .. } => {
                let before = match records.insert(id, *head) {
                    Some(earlier) => Some(earlier),
                    None => stored(&tables.records, "records", id)?,
                };
                compare(|| format!("record {id}"), *expected, before.map(|head: RecordHead| head.version))?;
                Before::Record(before)
            }
            Operation::Effect { id, expected, head, .. } => {
                let before = match effects.insert(id, *head) {
                    Some(earlier) => Some(earlier),
                    None => stored(&tables.effects, "effects", id)?,
                };
                compare(|| format!("effect {id}"), *expected, before.map(|head: EffectHead| head.version))?;
                Before::Effect(before)
            }
            Operation::Event { inbox, name, expected, head, .. } => {
                let before = match events.insert((inbox, name), *head) {
                    Some(earlier) => Some(earlier),
                    None => events::stored(tables, inbox, name)?,
                };
                let what = || format!("event {}", event_place(inbox, name));
                compare(what, *expected, before.map(|head| head.version))?;
                Before::Other
            }
            _ => Before::Other,
        });
    }
    Ok(all)
}

fn stored<T: serde::de::DeserializeOwned>(
    table: &::redb::Table<'_, &'static str, &'static [u8]>,
    name: &str,
    id: &str,
) -> Result<Option<T>, Failure> {
    let found = table.get(id)?;
    found.map(|found| codec::decode(name, id, found.value()).map_err(Failure::Batch)).transpose()
}

fn compare(what: impl Fn() -> String, expected: u64, found: Option<u64>) -> Result<(), Failure> {
    let found = found.unwrap_or_default();
    if found == expected {
        return Ok(());
    }
    Err(Failure::Batch(StoreError::Conflict { what: what(), expected, found }))
}
