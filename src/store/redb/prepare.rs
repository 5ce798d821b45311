//! Turns a batch into bytes before it reaches the writer, so that many threads share this work.

use jiff::Timestamp;
use serde_json::Value;

use super::codec;
use super::tables::{EffectHead, EventHead, RecordHead};
use crate::store::audit::Unchained;
use crate::store::{Batch, Document, EffectEntry, Event, EventState, Record, Row, StoreError, Write};

/// A batch that has only to be written.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) operations: Vec<Operation>,
    /// About how many bytes it writes.
    pub(super) size: usize,
}

/// One write as bytes.
#[derive(Debug)]
pub(super) enum Operation {
    Record {
        id: String,
        key: String,
        expected: u64,
        head: RecordHead,
        bytes: Vec<u8>,
    },
    Effect {
        id: String,
        record: String,
        expected: u64,
        head: EffectHead,
        bytes: Vec<u8>,
    },
    Event {
        inbox: String,
        name: String,
        expected: u64,
        head: EventHead,
        about: Vec<u8>,
        body: Option<Vec<u8>>,
    },
    ForgetEvents {
        inbox: String,
        before: i128,
    },
    Cursor {
        flow: String,
        bytes: Vec<u8>,
    },
    Audit {
        record: Option<String>,
        entry: Unchained,
    },
    Link {
        kind: String,
        value: String,
        record: String,
    },
    Document {
        record: String,
        name: String,
        about: Vec<u8>,
        bytes: Vec<u8>,
    },
    Blob {
        name: String,
        bytes: Option<Vec<u8>>,
    },
    Row {
        table: String,
        key: String,
        at: i128,
        bytes: Option<Vec<u8>>,
    },
    Prune {
        table: String,
        before: i128,
    },
}

impl Prepared {
    /// Writes everything that does not depend on what else is written.
    pub(super) fn new(batch: Batch) -> Result<Self, StoreError> {
        let operations = batch.writes.into_iter().map(operation).collect::<Result<Vec<_>, _>>()?;
        let size = operations.iter().map(Operation::size).sum();
        Ok(Self { operations, size })
    }
}

impl Operation {
    fn size(&self) -> usize {
        match self {
            Self::Record { bytes, .. } | Self::Effect { bytes, .. } | Self::Cursor { bytes, .. } => {
                bytes.len()
            }
            Self::Event { about, body, .. } => about.len() + body.as_ref().map_or(0, Vec::len),
            Self::ForgetEvents { inbox, .. } => inbox.len(),
            Self::Audit { entry, .. } => 512 + entry.body.as_ref().map_or(0, Vec::len),
            Self::Link { kind, value, record } => kind.len() + value.len() + record.len(),
            Self::Document { about, bytes, .. } => about.len() + bytes.len(),
            Self::Blob { bytes, .. } | Self::Row { bytes, .. } => bytes.as_ref().map_or(0, Vec::len),
            Self::Prune { table, .. } => table.len(),
        }
    }
}

fn operation(write: Write) -> Result<Operation, StoreError> {
    Ok(match write {
        Write::Record { record, expected } => record_operation(*record, expected)?,
        Write::Effect { effect, expected } => effect_operation(*effect, expected)?,
        Write::Event { event, expected } => event_operation(*event, expected)?,
        Write::ForgetEvents { inbox, before } => {
            Operation::ForgetEvents { inbox, before: before.as_nanosecond() }
        }
        Write::Cursor { flow, cursor } => {
            Operation::Cursor { bytes: codec::encode("cursors", &flow, &cursor)?, flow }
        }
        Write::Audit(mut draft) => {
            let entry = Unchained::new(&draft);
            Operation::Audit { record: draft.record.take().map(|id| id.as_str().to_owned()), entry }
        }
        Write::Link { kind, value, record } => {
            Operation::Link { kind, value, record: record.as_str().to_owned() }
        }
        Write::Document { record, document } => document_operation(record.as_str(), document)?,
        Write::Blob { name, bytes } => {
            let bytes = bytes.map(|bytes| codec::encode_bytes("blobs", &name, &bytes));
            Operation::Blob { name, bytes }
        }
        Write::Row { table, key, value, at } => row_operation(table, key, value, at)?,
        Write::Prune { table, before } => Operation::Prune { table, before: before.as_nanosecond() },
    })
}

fn record_operation(mut record: Record, expected: u64) -> Result<Operation, StoreError> {
    record.version = expected + 1;
    let head = RecordHead {
        version: record.version,
        state: record.state,
        changed: record.changed.as_nanosecond(),
        due: record.due.as_nanosecond(),
        again: record.again.map(Timestamp::as_nanosecond),
        noticed: record.notices.iter().any(|notice| notice.acknowledged.is_none()),
    };
    let bytes = codec::encode("records", record.id.as_str(), &record)?;
    Ok(Operation::Record {
        id: record.id.as_str().to_owned(),
        key: record.id.key().to_owned(),
        expected,
        head,
        bytes,
    })
}

fn effect_operation(mut effect: EffectEntry, expected: u64) -> Result<Operation, StoreError> {
    effect.version = expected + 1;
    let bytes = codec::encode("effects", effect.id.as_str(), &effect)?;
    Ok(Operation::Effect {
        id: effect.id.as_str().to_owned(),
        record: effect.record.as_str().to_owned(),
        expected,
        head: EffectHead { version: effect.version, state: effect.state },
        bytes,
    })
}

/// The body lies by itself, so that listing events does not read it, and goes when the event is taken.
fn event_operation(mut event: Event, expected: u64) -> Result<Operation, StoreError> {
    event.version = expected + 1;
    let place = event_place(&event.inbox, &event.name);
    let kept = event.state != EventState::Taken;
    Ok(Operation::Event {
        expected,
        head: EventHead { version: event.version, state: event.state, due: event.due },
        about: codec::encode("events", &place, &event)?,
        body: kept.then(|| codec::encode_bytes("event_bodies", &place, &event.body)),
        inbox: event.inbox,
        name: event.name,
    })
}

fn row_operation(
    table: String,
    key: String,
    value: Option<Value>,
    at: Timestamp,
) -> Result<Operation, StoreError> {
    let bytes = value
        .map(|value| codec::encode("rows", &row_place(&table, &key), &Row { key: key.clone(), value, at }))
        .transpose()?;
    Ok(Operation::Row { table, key, at: at.as_nanosecond(), bytes })
}

/// The bytes lie by themselves, so that listing documents does not read them.
fn document_operation(record: &str, mut document: Document) -> Result<Operation, StoreError> {
    let content = std::mem::take(&mut document.bytes);
    document.size = content.len() as u64;
    let key = document_key(record, &document.name);
    Ok(Operation::Document {
        record: record.to_owned(),
        about: codec::encode("documents", &key, &document)?,
        bytes: codec::encode_bytes("document_bytes", &key, &content),
        name: document.name,
    })
}

/// A row's place as one text.
pub(super) fn row_place(table: &str, key: &str) -> String {
    format!("{table}/{key}")
}

/// An event's place as one text.
pub(super) fn event_place(inbox: &str, name: &str) -> String {
    format!("{inbox}/{name}")
}

/// A document's place as one text.
pub(super) fn document_key(record: &str, name: &str) -> String {
    format!("{record}/{name}")
}
