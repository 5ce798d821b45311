//! What all flows of an engine share.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::Progress;
use super::cache::Cache;
use super::idle::Busy;
use super::inbox::Inboxes;
use super::rehearsal::script::Script;
use super::tables::Fillers;
use crate::base::{Clock, RecordId};
use crate::store::{Batch, RecordState, Store, StoreError, Write};

/// What all flows of an engine share.
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    /// Which start of the engine this is; effects sent by an earlier one have lost their answers.
    pub(super) epoch: u64,
    /// Cancelled when no new work is to be taken.
    pub(super) stop: CancellationToken,
    pub(super) progress: watch::Sender<Progress>,
    /// Flows that have yet to catch up since the store was restored from an older copy; until then nothing is believed to
    /// be unsent.
    recovering: Mutex<BTreeSet<String>>,
    locks: Locks,
    /// What wakes the worker of each flow.
    workers: Mutex<HashMap<String, Arc<Notify>>>,
    /// Wakes those who take what was pushed or told.
    pub(super) inboxes: Inboxes,
    /// Answers that are used again for a while.
    pub(super) cache: Cache,
    /// Flows that others wait for, since they fill their tables.
    pub(super) fillers: watch::Sender<Fillers>,
    /// Who still has something to do, for an engine that runs until nobody has.
    pub(super) busy: Busy,
    /// What answers in the place of all systems, in a rehearsal.
    pub(super) script: Option<Arc<Script>>,
}

/// Marks a store that was restored and whose flows have not all caught up.
const RECOVERY: &str = "recovery";

/// One lock a record: two revisions of it are never worked on at once.
#[derive(Default)]
struct Locks(Mutex<HashMap<RecordId, Arc<tokio::sync::Mutex<()>>>>);

impl Shared {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, epoch: u64) -> Self {
        Self {
            store,
            clock,
            epoch,
            stop: CancellationToken::new(),
            progress: watch::Sender::new(Progress::default()),
            recovering: Mutex::default(),
            locks: Locks::default(),
            workers: Mutex::default(),
            inboxes: Inboxes::default(),
            cache: Cache::default(),
            fillers: watch::Sender::new(Fillers::default()),
            busy: Busy::default(),
            script: None,
        }
    }

    /// Begins, or goes on with, the recovery of a store that was restored from an older copy.
    pub(super) async fn recover(
        &self,
        restored: bool,
        flows: impl Iterator<Item = String>,
    ) -> Result<(), StoreError> {
        if !restored && self.store.blob(RECOVERY)?.is_none() {
            return Ok(());
        }
        *self.recovering.lock().unwrap_or_else(PoisonError::into_inner) = flows.collect();
        self.mark(Some(b"restored".to_vec())).await
    }

    /// Whether the store may not know of effects that were made.
    pub(super) fn recovering(&self) -> bool {
        !self.recovering.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Says that `flow` has read its sources whole and has nothing left to do, if a last look says so while nobody can
    /// say otherwise.
    pub(super) async fn caught_up(
        &self,
        flow: &str,
        nothing: impl FnOnce() -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let all = {
            let mut recovering = self.recovering.lock().unwrap_or_else(PoisonError::into_inner);
            recovering.contains(flow) && nothing()? && recovering.remove(flow) && recovering.is_empty()
        };
        if all { self.mark(None).await } else { Ok(()) }
    }

    /// Says that `flow` has something to do again, by what another flow found since the store was restored.
    pub(super) fn behind(&self, flow: &str) {
        let mut recovering = self.recovering.lock().unwrap_or_else(PoisonError::into_inner);
        if !recovering.is_empty() {
            recovering.insert(flow.to_owned());
        }
    }

    async fn mark(&self, bytes: Option<Vec<u8>>) -> Result<(), StoreError> {
        let writes = vec![Write::Blob { name: RECOVERY.to_owned(), bytes }];
        self.store.commit(Batch { writes }).await
    }

    /// Wakes the worker of a flow that may have something to do.
    pub(super) fn rouse(&self, flow: &str) {
        self.busy.add(flow);
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(worker) = workers.get(flow) {
            worker.notify_one();
        }
    }

    /// A flow has a worker, which this wakes.
    pub(super) fn hire(&self, flow: &str, worker: &Arc<Notify>) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.insert(flow.to_owned(), Arc::clone(worker));
    }

    /// Waits until nobody else works on the record.
    pub(super) async fn lock(&self, id: &RecordId) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.0.lock().unwrap_or_else(PoisonError::into_inner);
            if locks.len() > 1024 {
                locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            }
            Arc::clone(locks.entry(id.clone()).or_default())
        };
        lock.lock_owned().await
    }

    /// Says that an event was committed to `inbox`.
    pub(super) fn wake_inbox(&self, inbox: &str) {
        self.busy.add(inbox);
        self.inboxes.wake(inbox);
    }

    /// Counts a record that came to `state`.
    pub(super) fn count(&self, state: RecordState) {
        self.progress.send_modify(|progress| match state {
            RecordState::Received => progress.received += 1,
            RecordState::Done => progress.done += 1,
            RecordState::Skipped => progress.skipped += 1,
            RecordState::Parked => progress.parked += 1,
            RecordState::InDoubt => progress.in_doubt += 1,
            RecordState::Waiting => progress.waits += 1,
            RecordState::Running | RecordState::Discarded => {}
        });
    }
}
