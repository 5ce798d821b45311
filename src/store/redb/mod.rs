//! The store on disk: one redb file in a state directory.
//!
//! Writes go through one thread, which puts all batches that wait into one transaction. Reads run beside it, each on
//! its own moment of the database.
//!
//! - `open`: whether this is the right database, and what is done when it is new or was left unclean
//! - `prepare`, `writer`, `apply`: the way of a batch
//! - `read`, `audit_read`: the way back
//! - `events`: the inbox, both ways
//! - `tables`, `codec`, `error`: the forms on disk, and what redb says

use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Instant;

use ::redb::Database;
use jiff::Timestamp;
use tokio::sync::oneshot;

use self::error::Failure;
use self::open::Opened;
use self::prepare::Prepared;
use self::read::{Read, Reader};
use self::writer::{Job, Shared, Writer, lock};
use super::audit::ChainHead;
use super::directory::{OpenOptions, StateDirectory};
use super::{
    AuditEntry, AuditQuery, AuditReport, Batch, Boxed, Cursor, Document, EffectEntry, Event, EventCount,
    EventQuery, FlowCount, Record, RecordQuery, Row, Store, StoreError,
};
use crate::base::{EffectId, RecordId};

mod apply;
mod audit_read;
mod codec;
mod error;
mod events;
mod open;
mod prepare;
mod read;
mod tables;
mod writer;

#[cfg(test)]
mod tests;

/// The store on disk.
#[derive(Debug)]
pub struct RedbStore {
    running: RwLock<Option<Running>>,
    shared: Arc<Shared>,
    opening: Opening,
}

/// How a store was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The instance's name, given when the state directory was created.
    pub instance: String,
    /// Counts openings; 1 is the first.
    pub epoch: u64,
    /// It is older than its directory says, which was accepted: something may have been done that it does not know.
    pub older: bool,
    /// It was not closed the last time; the whole file was checked.
    pub unclean: bool,
}

#[derive(Debug)]
struct Running {
    database: Arc<Database>,
    jobs: Sender<Job>,
    thread: JoinHandle<Result<(), StoreError>>,
}

impl RedbStore {
    /// Opens the store in `directory`, which is created if it is missing.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Identity`], [`StoreError::Corrupt`] or [`StoreError::Disk`], each with
    /// what to do.
    pub fn open(directory: &Path, now: Timestamp) -> Result<Self, StoreError> {
        Self::open_with(directory, OpenOptions::default(), now)
    }

    /// Opens the store as `options` say.
    ///
    /// # Errors
    /// As [`RedbStore::open`].
    pub fn open_with(directory: &Path, options: OpenOptions, now: Timestamp) -> Result<Self, StoreError> {
        let directory = StateDirectory::open(directory, now)?;
        let opened = open::open(&directory, options, now)?;
        Self::start(Some(directory), opened)
    }

    /// A store in memory, for what nobody has to remember.
    ///
    /// # Errors
    /// When there is no memory left.
    pub fn in_memory(now: Timestamp) -> Result<Self, StoreError> {
        Self::start(None, open::in_memory(now)?)
    }

    /// Starts the writer of an open database.
    fn start(directory: Option<StateDirectory>, opened: Opened) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared { head: Mutex::new(opened.head.clone()), failed: Mutex::new(None) });
        let database = Arc::new(opened.database);
        let opening = Opening {
            instance: opened.meta.instance.clone(),
            epoch: opened.meta.epoch,
            older: opened.older,
            unclean: opened.unclean,
        };
        let writer = Writer {
            database: Arc::clone(&database),
            directory,
            shared: Arc::clone(&shared),
            meta: opened.meta,
            marked: opened.head.clone(),
            head: opened.head,
            marked_at: Instant::now(),
        };
        let (jobs, waiting) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run(&waiting))
            .map_err(|error| StoreError::Disk(format!("cannot start the store's writer: {error}")))?;
        Ok(Self { running: RwLock::new(Some(Running { database, jobs, thread })), shared, opening })
    }

    /// How it was opened.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Counts openings; durable, and 1 for the first.
    pub fn epoch(&self) -> u64 {
        self.opening.epoch
    }

    /// Why nothing can be written any more, if that is so; only opening the store again helps.
    pub fn failed(&self) -> Option<StoreError> {
        lock(&self.shared.failed).clone()
    }

    /// The end of the audit chain.
    pub fn audit_head(&self) -> ChainHead {
        lock(&self.shared.head).clone()
    }

    /// Writes what waits, and leaves the store as a clean shutdown does; whoever uses it afterwards is told so.
    ///
    /// # Errors
    /// When the store had failed, or the last write does.
    pub fn close(&self) -> Result<(), StoreError> {
        let Some(running) = self.running.write().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        drop(running.database);
        drop(running.jobs);
        running.thread.join().unwrap_or_else(|_| Err(gone()))
    }

    fn read<T>(&self, read: impl FnOnce(&Reader) -> Read<T>) -> Result<T, StoreError> {
        let database = {
            let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&running.as_ref().ok_or_else(error::closed)?.database)
        };
        Reader::new(&database).and_then(|reader| read(&reader)).map_err(Failure::into_error)
    }

    fn send(&self, batch: Batch) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job = Job { batch: Prepared::new(batch)?, answer };
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().ok_or_else(error::closed)?.jobs.send(job).map_err(|_| gone())?;
        Ok(answered)
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "the store was not closed cleanly");
        }
    }
}

/// The writing thread is gone, which only a bug can bring about.
fn gone() -> StoreError {
    StoreError::Disk("the store's writer has stopped; start again, and please report this as a bug".into())
}

impl Store for RedbStore {
    fn commit(&self, batch: Batch) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let answered = self.send(batch)?;
            answered.await.unwrap_or_else(|_| Err(gone()))
        })
    }

    fn record(&self, id: &RecordId) -> Result<Option<Record>, StoreError> {
        self.read(|reader| reader.record(id.as_str()))
    }

    fn records(&self, query: &RecordQuery) -> Result<Vec<Record>, StoreError> {
        self.read(|reader| reader.records(query))
    }

    fn counts(&self) -> Result<Vec<FlowCount>, StoreError> {
        self.read(Reader::counts)
    }

    fn due(&self, flow: &str, until: Timestamp, limit: usize) -> Result<Vec<RecordId>, StoreError> {
        self.read(|reader| reader.due(flow, until, limit))
    }

    fn next_due(&self, flow: &str, after: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError> {
        self.read(|reader| reader.next_due(flow, after))
    }

    fn next_again(&self, flow: &str, after: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError> {
        self.read(|reader| reader.next_again(flow, after))
    }

    fn event(&self, inbox: &str, name: &str) -> Result<Option<Event>, StoreError> {
        self.read(|reader| reader.event(inbox, name, true))
    }

    fn events_due(&self, inbox: &str, until: Timestamp, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.read(|reader| reader.events_due(inbox, until, limit))
    }

    fn next_event_due(&self, inbox: &str, after: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError> {
        self.read(|reader| reader.next_event_due(inbox, after))
    }

    fn events(&self, query: &EventQuery) -> Result<Vec<Event>, StoreError> {
        self.read(|reader| reader.events(query))
    }

    fn event_counts(&self) -> Result<Vec<EventCount>, StoreError> {
        self.read(Reader::event_counts)
    }

    fn effect(&self, id: &EffectId) -> Result<Option<EffectEntry>, StoreError> {
        self.read(|reader| reader.effect(id.as_str()))
    }

    fn effects_of(&self, record: &RecordId) -> Result<Vec<EffectEntry>, StoreError> {
        self.read(|reader| reader.effects_of(record.as_str()))
    }

    fn open_effects(&self) -> Result<Vec<EffectEntry>, StoreError> {
        self.read(Reader::open_effects)
    }

    fn cursor(&self, flow: &str) -> Result<Option<Cursor>, StoreError> {
        self.read(|reader| reader.cursor(flow))
    }

    fn linked(&self, kind: Option<&str>, value: &str) -> Result<Vec<RecordId>, StoreError> {
        self.read(|reader| reader.linked(kind, value))
    }

    fn links_of(&self, record: &RecordId) -> Result<Vec<(String, String)>, StoreError> {
        self.read(|reader| reader.links_of(record.as_str()))
    }

    fn documents(&self, record: &RecordId, with_bytes: bool) -> Result<Vec<Document>, StoreError> {
        self.read(|reader| reader.documents(record.as_str(), with_bytes))
    }

    fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|reader| reader.blob(name))
    }

    fn row(&self, table: &str, key: &str) -> Result<Option<Row>, StoreError> {
        self.read(|reader| reader.row(table, key))
    }

    fn rows(&self, table: &str) -> Result<Vec<Row>, StoreError> {
        self.read(|reader| reader.rows(table))
    }

    fn table_version(&self, table: &str) -> Result<u64, StoreError> {
        self.read(|reader| reader.table_version(table))
    }

    fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        self.read(|reader| reader.audit(query))
    }

    fn verify_audit(&self) -> Result<AuditReport, StoreError> {
        // Taken before the moment that is checked, so the chain must have come at least as far.
        let head = self.audit_head();
        self.read(|reader| reader.verify_audit(vec![head]))
    }
}
