//! The one thread that writes: what waits for it shares a transaction.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::redb::Database;
use tokio::sync::oneshot;

use super::apply::Group;
use super::error::Failure;
use super::open::{self, Meta};
use super::prepare::Prepared;
use super::tables::Tables;
use crate::store::StoreError;
use crate::store::audit::ChainHead;
use crate::store::directory::{HighWater, StateDirectory};

/// How many batches share a transaction at most.
const MOST_BATCHES: usize = 256;
/// From so many bytes on, a transaction takes no further batch.
const MOST_BYTES: usize = 16 << 20;
/// How far the high-water mark may lag behind.
const MARK_EVERY: Duration = Duration::from_secs(1);

/// A batch that somebody waits for.
pub(super) struct Job {
    pub(super) batch: Prepared,
    pub(super) answer: oneshot::Sender<Result<(), StoreError>>,
}

/// What the writer and the readers both look at.
#[derive(Debug)]
pub(super) struct Shared {
    /// The end of the audit chain that is durable.
    pub(super) head: Mutex<ChainHead>,
    /// Why nothing can be written any more.
    pub(super) failed: Mutex<Option<StoreError>>,
}

/// The state of the writing thread.
pub(super) struct Writer {
    pub(super) database: Arc<Database>,
    /// Where the high-water mark is kept; none for a store in memory.
    pub(super) directory: Option<StateDirectory>,
    pub(super) shared: Arc<Shared>,
    pub(super) meta: Meta,
    /// The end of the audit chain.
    pub(super) head: ChainHead,
    /// The end of the audit chain that the high-water mark has.
    pub(super) marked: ChainHead,
    /// When the high-water mark was written last.
    pub(super) marked_at: Instant,
}

impl Writer {
    /// Works until nobody can send any more, then leaves everything as a clean shutdown does.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) -> Result<(), StoreError> {
        while let Some(job) = self.next(jobs) {
            let mut size = job.batch.size;
            let mut group = vec![job];
            while group.len() < MOST_BATCHES && size < MOST_BYTES {
                let Ok(job) = jobs.try_recv() else { break };
                size += job.batch.size;
                group.push(job);
            }
            self.commit(group);
            if self.marked_at.elapsed() >= MARK_EVERY {
                self.mark();
            }
        }
        self.finish()
    }

    /// Waits for a batch, and meanwhile brings the high-water mark up to date.
    fn next(&mut self, jobs: &Receiver<Job>) -> Option<Job> {
        if self.marked != self.head {
            match jobs.recv_timeout(MARK_EVERY.saturating_sub(self.marked_at.elapsed())) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.mark(),
            }
        }
        jobs.recv().ok()
    }

    fn commit(&mut self, group: Vec<Job>) {
        if let Some(error) = lock(&self.shared.failed).clone() {
            answer(group, || Err(error.clone()));
            return;
        }
        match self.write(&group) {
            Ok((results, head)) => {
                lock(&self.shared.head).clone_from(&head);
                self.head = head;
                let mut results = results.into_iter();
                answer(group, || results.next().unwrap_or(Ok(())));
            }
            Err(failure) => {
                let error = failure.into_error();
                tracing::error!(%error, "the store has failed: nothing is written until it is opened again");
                *lock(&self.shared.failed) = Some(error.clone());
                answer(group, || Err(error.clone()));
            }
        }
    }

    /// One transaction: what each batch came to, and the new end of the audit chain.
    fn write(&self, group: &[Job]) -> Result<(Vec<Result<(), StoreError>>, ChainHead), Failure> {
        let transaction = open::begin(&self.database)?;
        let mut results = Vec::with_capacity(group.len());
        let mut changes = Group::new(self.head.clone());
        {
            let mut tables = Tables::open(&transaction)?;
            for job in group {
                results.push(match changes.apply(&mut tables, &job.batch) {
                    Ok(()) => Ok(()),
                    Err(Failure::Batch(error)) => Err(error),
                    Err(failure) => return Err(failure),
                });
            }
            changes.finish(&mut tables)?;
        }
        if results.iter().all(Result::is_err) {
            transaction.abort()?;
        } else {
            transaction.commit()?;
        }
        Ok((results, changes.head))
    }

    fn mark(&mut self) {
        self.marked_at = Instant::now();
        let mark = HighWater { epoch: self.meta.epoch, audit: self.head.clone() };
        let Some(directory) = &self.directory else {
            self.marked = mark.audit;
            return;
        };
        match directory.set_high_water(&mark) {
            Ok(()) => self.marked = mark.audit,
            // The database is ahead of its mark, which is safe; the next second tries again.
            Err(error) => tracing::warn!(%error, "the high-water mark is behind"),
        }
    }

    fn finish(mut self) -> Result<(), StoreError> {
        let failed = lock(&self.shared.failed).clone();
        if let Some(error) = failed {
            return Err(error);
        }
        self.mark();
        self.meta.open = false;
        open::write_meta(&self.database, &self.meta).map_err(Failure::into_error)
    }
}

/// A lock whose holder panicked still holds something whole: each is set in one go.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(group: Vec<Job>, mut result: impl FnMut() -> Result<(), StoreError>) {
    for job in group {
        // Whoever asked may be gone; the batch is durable all the same.
        let _ = job.answer.send(result());
    }
}
