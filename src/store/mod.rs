//! What must not be forgotten: records, events, cursors, effects, links, tables, tokens, documents and the audit chain.
//!
//! Everything goes through one trait, [`Store`]. Writes are [`Batch`]es: all of a batch happens or none of it, and
//! it is durable when [`Store::commit`] returns. Batches of many callers share one transaction on disk.
//!
//! Stored types live here, know nothing of YAML or of the engine, carry a version, and have a golden file each.

pub mod audit;
pub mod directory;
pub mod files;
pub mod redb;
pub mod types;

use std::future::Future;
use std::pin::Pin;

use jiff::Timestamp;
use serde_json::Value;

use crate::base::{EffectId, RecordId};
pub use types::*;

/// A change that belongs together.
#[derive(Debug, Default)]
pub struct Batch {
    /// What is written, in order.
    pub writes: Vec<Write>,
}

/// One write of a batch.
#[derive(Debug)]
pub enum Write {
    /// Stores a record. `expected` is the version it was read with (0: it must not exist yet); the stored record's
    /// version becomes `expected + 1` whatever `record.version` says.
    Record {
        /// The record as it shall be.
        record: Box<Record>,
        /// The version it must have now.
        expected: u64,
    },
    /// Stores an effect. `expected` is the version it was read with (0: it must not exist yet).
    Effect {
        /// The effect as it shall be.
        effect: Box<EffectEntry>,
        /// The version it must have now.
        expected: u64,
    },
    /// Stores an event. `expected` is the version it was read with (0: no event of its name may be in its inbox yet,
    /// otherwise this is a repetition and conflicts).
    Event {
        /// The event as it shall be.
        event: Box<Event>,
        /// The version it must have now.
        expected: u64,
    },
    /// Forgets events that were taken; those that wait or are parked stay.
    ForgetEvents {
        /// Of which inbox.
        inbox: String,
        /// Events that were taken earlier go.
        before: Timestamp,
    },
    /// Stores the cursor of a flow's stream.
    Cursor {
        /// `mapping/flow`.
        flow: String,
        /// The cursor as it shall be.
        cursor: Cursor,
    },
    /// Appends to the audit chain; sequence number and hashes are given by the store.
    Audit(AuditDraft),
    /// Makes a record findable as (kind, value); the same link of the same record may be made again.
    Link {
        /// Such as `tracking_number`.
        kind: String,
        /// Such as `1Z…`.
        value: String,
        /// The record.
        record: RecordId,
    },
    /// Keeps a document of a record; one of the same name replaces it.
    Document {
        /// The record.
        record: RecordId,
        /// The document.
        document: Document,
    },
    /// Keeps opaque bytes (encrypted tokens, counters) under a name; `None` removes.
    Blob {
        /// The name, such as `token/ups/access`.
        name: String,
        /// The bytes.
        bytes: Option<Vec<u8>>,
    },
    /// Puts a row into a named table, in the place of one with the same key; `None` takes it away.
    Row {
        /// `mapping/table`.
        table: String,
        /// What the row is found by.
        key: String,
        /// The row.
        value: Option<Value>,
        /// When it was put, for [`Write::Prune`].
        at: Timestamp,
    },
    /// Takes away the rows of a table that were put before an instant.
    Prune {
        /// `mapping/table`.
        table: String,
        /// Rows that were put earlier go.
        before: Timestamp,
    },
}

/// Why the store cannot do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A record, effect or event is not at the version the batch expected: somebody else changed it. Nothing was
    /// written.
    #[error("{what} is at version {found}, not {expected}: it was changed meanwhile")]
    Conflict {
        /// Which one.
        what: String,
        /// The version the batch expected.
        expected: u64,
        /// The version it has.
        found: u64,
    },
    /// Another process has the directory open.
    #[error("{0}")]
    InUse(String),
    /// The directory does not belong to us, lost its state file, or was restored from an older copy.
    #[error("{0}")]
    Identity(String),
    /// What is stored fails its checksum or cannot be read.
    #[error("{0}")]
    Corrupt(String),
    /// The disk is full or failing; no further effect may be started.
    #[error("{0}")]
    Disk(String),
}

/// A boxed future.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What must not be forgotten.
pub trait Store: Send + Sync {
    /// Writes a batch; durable when it returns. A [`StoreError::Conflict`] writes nothing of this batch and leaves
    /// the batches of others alone.
    fn commit(&self, batch: Batch) -> Boxed<'_, Result<(), StoreError>>;

    /// The record of this id.
    fn record(&self, id: &RecordId) -> Result<Option<Record>, StoreError>;
    /// Records that match, in the order of their last change, newest first.
    fn records(&self, query: &RecordQuery) -> Result<Vec<Record>, StoreError>;
    /// How many records of each state each flow (`mapping/flow`) has; kept up to date by the store, not counted.
    fn counts(&self) -> Result<Vec<FlowCount>, StoreError>;
    /// Ids of records of `flow` (`mapping/flow`) that have something to do: `received`, `running`, `waiting` with
    /// `due <= until`, and `done` with `again <= until`; earliest first, at most `limit`. Cost grows with what is
    /// returned, not with what is stored.
    fn due(&self, flow: &str, until: Timestamp, limit: usize) -> Result<Vec<RecordId>, StoreError>;
    /// The earliest `due` of a record of `flow` that waits or runs, or the earliest after an instant. Records that
    /// are done and come again do not count: a flow that has only those is idle.
    fn next_due(&self, flow: &str, after: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError>;
    /// The earliest `again` of a record of `flow` that is done, or the earliest after an instant.
    fn next_again(&self, flow: &str, after: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError>;

    /// The event of this name in an inbox.
    fn event(&self, inbox: &str, name: &str) -> Result<Option<Event>, StoreError>;
    /// Events of an inbox that wait with `due <= until`, with their bodies: earliest due first, of those the one that
    /// came first, at most `limit`. Cost grows with what is returned, not with what is stored.
    fn events_due(&self, inbox: &str, until: Timestamp, limit: usize) -> Result<Vec<Event>, StoreError>;
    /// The earliest `due` of an event of `inbox` that waits, or the earliest after an instant.
    fn next_event_due(&self, inbox: &str, after: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError>;
    /// Events that match, without their bodies, in the order of `due`, latest first.
    fn events(&self, query: &EventQuery) -> Result<Vec<Event>, StoreError>;
    /// How many events of each state each inbox has; kept up to date by the store, not counted.
    fn event_counts(&self) -> Result<Vec<EventCount>, StoreError>;

    /// The effect of this id.
    fn effect(&self, id: &EffectId) -> Result<Option<EffectEntry>, StoreError>;
    /// All effects of a record, in the order they were planned.
    fn effects_of(&self, record: &RecordId) -> Result<Vec<EffectEntry>, StoreError>;
    /// Effects that are `sending`, `unknown` or `in_doubt`.
    fn open_effects(&self) -> Result<Vec<EffectEntry>, StoreError>;

    /// The cursor of `mapping/flow`.
    fn cursor(&self, flow: &str) -> Result<Option<Cursor>, StoreError>;
    /// The records that are linked as `value`, of any kind of link or of one.
    fn linked(&self, kind: Option<&str>, value: &str) -> Result<Vec<RecordId>, StoreError>;
    /// The links of a record: (kind, value).
    fn links_of(&self, record: &RecordId) -> Result<Vec<(String, String)>, StoreError>;
    /// The documents of a record, without their bytes unless `with_bytes`.
    fn documents(&self, record: &RecordId, with_bytes: bool) -> Result<Vec<Document>, StoreError>;
    /// Opaque bytes kept under `name`.
    fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// One row of a table.
    fn row(&self, table: &str, key: &str) -> Result<Option<Row>, StoreError>;
    /// The rows of a table, by key.
    fn rows(&self, table: &str) -> Result<Vec<Row>, StoreError>;
    /// Counts the changes of a table, so that whoever keeps its rows knows when to read them again. Read it before the
    /// rows: then a change in between is noticed the next time.
    fn table_version(&self, table: &str) -> Result<u64, StoreError>;

    /// Audit entries, oldest first.
    fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError>;
    /// Checks the whole audit chain.
    fn verify_audit(&self) -> Result<AuditReport, StoreError>;
}
