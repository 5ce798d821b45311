//! What all flows of an engine share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Progress;
use crate::base::{Clock, RecordId};
use crate::store::{RecordState, Store};

/// What all flows of an engine share.
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    /// Which start of the engine this is; effects sent by an earlier one have lost their answers.
    pub(super) epoch: u64,
    /// Cancelled when no new work is to be taken.
    pub(super) stop: CancellationToken,
    pub(super) progress: watch::Sender<Progress>,
    locks: Locks,
}

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
            locks: Locks::default(),
        }
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
