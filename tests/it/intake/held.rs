//! A store whose commits a test can hold back, and which counts how many wait at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use ml_connector::base::{EffectId, RecordId};
use ml_connector::store::redb::RedbStore;
use ml_connector::store::*;
use tokio::sync::watch;

/// A store behind a gate.
pub struct Held {
    store: Arc<RedbStore>,
    /// Whether commits are let through.
    open: watch::Sender<bool>,
    waiting: AtomicUsize,
    most: AtomicUsize,
}

impl Held {
    pub fn new(store: Arc<RedbStore>) -> Self {
        Self {
            store,
            open: watch::Sender::new(true),
            waiting: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }

    /// Lets no commit through from now on, or all of them.
    pub fn let_through(&self, open: bool) {
        self.open.send_replace(open);
    }

    /// How many commits were under way at once, at most.
    pub fn most_at_once(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub fn close(&self) {
        self.store.close().unwrap();
    }
}

impl Store for Held {
    fn commit(&self, batch: Batch) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(waiting, Ordering::SeqCst);
            let mut open = self.open.subscribe();
            open.wait_for(|open| *open).await.unwrap();
            let committed = self.store.commit(batch).await;
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            committed
        })
    }

    fn record(&self, id: &RecordId) -> Result<Option<Record>, StoreError> {
        self.store.record(id)
    }

    fn records(&self, query: &RecordQuery) -> Result<Vec<Record>, StoreError> {
        self.store.records(query)
    }

    fn counts(&self) -> Result<Vec<FlowCount>, StoreError> {
        self.store.counts()
    }

    fn due(&self, flow: &str, until: Timestamp, limit: usize) -> Result<Vec<RecordId>, StoreError> {
        self.store.due(flow, until, limit)
    }

    fn next_due(&self, flow: &str, after: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError> {
        self.store.next_due(flow, after)
    }

    fn next_again(&self, flow: &str, after: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError> {
        self.store.next_again(flow, after)
    }

    fn event(&self, inbox: &str, name: &str) -> Result<Option<Event>, StoreError> {
        self.store.event(inbox, name)
    }

    fn events_due(&self, inbox: &str, until: Timestamp, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.store.events_due(inbox, until, limit)
    }

    fn next_event_due(&self, inbox: &str, after: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError> {
        self.store.next_event_due(inbox, after)
    }

    fn events(&self, query: &EventQuery) -> Result<Vec<Event>, StoreError> {
        self.store.events(query)
    }

    fn event_counts(&self) -> Result<Vec<EventCount>, StoreError> {
        self.store.event_counts()
    }

    fn effect(&self, id: &EffectId) -> Result<Option<EffectEntry>, StoreError> {
        self.store.effect(id)
    }

    fn effects_of(&self, record: &RecordId) -> Result<Vec<EffectEntry>, StoreError> {
        self.store.effects_of(record)
    }

    fn open_effects(&self) -> Result<Vec<EffectEntry>, StoreError> {
        self.store.open_effects()
    }

    fn cursor(&self, flow: &str) -> Result<Option<Cursor>, StoreError> {
        self.store.cursor(flow)
    }

    fn linked(&self, kind: Option<&str>, value: &str) -> Result<Vec<RecordId>, StoreError> {
        self.store.linked(kind, value)
    }

    fn links_of(&self, record: &RecordId) -> Result<Vec<(String, String)>, StoreError> {
        self.store.links_of(record)
    }

    fn documents(&self, record: &RecordId, with_bytes: bool) -> Result<Vec<Document>, StoreError> {
        self.store.documents(record, with_bytes)
    }

    fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.blob(name)
    }

    fn row(&self, table: &str, key: &str) -> Result<Option<Row>, StoreError> {
        self.store.row(table, key)
    }

    fn rows(&self, table: &str) -> Result<Vec<Row>, StoreError> {
        self.store.rows(table)
    }

    fn table_version(&self, table: &str) -> Result<u64, StoreError> {
        self.store.table_version(table)
    }

    fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        self.store.audit(query)
    }

    fn verify_audit(&self) -> Result<AuditReport, StoreError> {
        self.store.verify_audit()
    }
}
