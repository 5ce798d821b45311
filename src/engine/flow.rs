//! A flow at work: polls on its schedule and works on the records that are due.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::arrive::Shape;
use super::connection::Connection;
use super::find::Sought;
use super::finish::{self, Ended};
use super::run::{Run, Stop};
use super::shared::Shared;
use super::source::SourceRuntime;
use super::tables::Ready;
use super::{RunOptions, again, turns};
use crate::base::{RecordId, clock};
use crate::expression::{Values, fits};
use crate::spec;
use crate::spec::model::{Flow, Mapping, Setting, Source};
use crate::store::{EffectState, Record, RecordState, StoreError};

/// After so many troubles in a row an engine that runs until idle gives the flow up.
pub(super) const PATIENCE: u32 = 6;

/// How long a stop waits for what is in flight.
const GRACE: Duration = Duration::from_secs(30);

/// A flow at work.
pub(super) struct FlowRuntime {
    /// `use/flow`, which is what it is called everywhere.
    pub(super) name: String,
    /// The name that the configuration has for its mapping.
    pub(super) used: String,
    pub(super) mapping: Arc<Mapping>,
    pub(super) flow: Arc<Flow>,
    /// The sources that give records.
    pub(super) sources: Vec<SourceRuntime>,
    pub(super) shape: Shape,
    /// Flows that fill the tables it reads.
    pub(super) waits_for: Vec<String>,
    /// Role -> connection.
    pub(super) connections: BTreeMap<String, Arc<Connection>>,
    /// The connections that its steps call.
    pub(super) called: Vec<Arc<Connection>>,
    /// The mapping's settings.
    pub(super) settings: Value,
    /// The same, as expressions see them.
    pub(super) values: Values,
    /// The most records worked on at once.
    pub(super) width: usize,
    pub(super) condition: Mutex<Condition>,
    /// Wakes the worker.
    pub(super) work: Arc<Notify>,
    /// Held by whoever brings records.
    pub(super) arriving: tokio::sync::Mutex<()>,
    /// Records that wait for others which are not known yet.
    pub(super) seeking: Mutex<HashMap<RecordId, Sought>>,
    /// This flow in earlier revisions of its mapping, as records ask for them.
    pub(super) earlier: Mutex<HashMap<String, Option<Arc<FlowRuntime>>>>,
}

/// How a flow stands.
#[derive(Debug, Default, Clone)]
pub(super) struct Condition {
    pub(super) in_flight: u64,
    /// Why its records do not go on.
    pub(super) trouble: Option<String>,
    /// Troubles in a row.
    pub(super) troubles: u32,
    /// No record is started before.
    pub(super) paused_until: Option<Timestamp>,
    /// Whether it is at work with its connections.
    pub(super) at_work: bool,
    /// Whether the flow was given up.
    pub(super) given_up: bool,
}

impl FlowRuntime {
    pub(super) fn connection(&self, role: &str) -> &Arc<Connection> {
        // Roles are checked when the mapping is loaded and connected when the engine starts.
        &self.connections[role]
    }

    pub(super) fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the flow pauses after a trouble: longer with each in a row, a minute at most.
    pub(super) fn pause(&self) -> Duration {
        pause_after(self.condition().troubles)
    }

    /// How many of its records are being worked on.
    pub(super) fn in_flight(&self) -> u64 {
        self.condition().in_flight
    }

    /// Why it does not go on, where it does not: its records, or one of its sources.
    pub(super) fn trouble(&self) -> Option<String> {
        let own = self.condition().trouble.clone();
        own.or_else(|| self.sources.iter().find_map(|at| at.condition().trouble.clone()))
    }

    fn troubled(&self, reason: String, until: Timestamp) {
        tracing::warn!(flow = self.name, reason, "the flow pauses");
        let mut condition = self.condition();
        condition.troubles += 1;
        condition.trouble = Some(reason);
        condition.paused_until = Some(until);
    }

    fn well(&self) {
        let mut condition = self.condition();
        condition.troubles = 0;
        condition.trouble = None;
        condition.paused_until = None;
    }

    /// A source was read: a trouble whose pause is over is not worth telling any more.
    pub(super) fn recovered(&self, now: Timestamp) {
        let mut condition = self.condition();
        if !condition.given_up && condition.paused_until.is_some_and(|until| until <= now) {
            condition.trouble = None;
        }
    }

    /// Takes what its sources give and works on it until stopped. One that runs until idle says so when it is.
    pub(super) async fn drive(self: Arc<Self>, shared: Arc<Shared>, options: RunOptions) -> Result<(), Stop> {
        // Before the worker begins: it may rest only when all that may bring more is known.
        let timed = self.sources.iter().filter(|at| at.schedule.is_some());
        let ongoing: Vec<_> = timed.map(|_| shared.busy.ongoing()).collect();
        let sources = (0..self.sources.len())
            .map(|at| Arc::clone(&self).keep_source(at, Arc::clone(&shared), options.clone()));
        let sources = async {
            let ended = try_join_all(sources).await;
            drop(ongoing);
            ended
        };
        let worker = Arc::clone(&self).keep_working(Arc::clone(&shared), options.clone());
        let ended = tokio::try_join!(sources, worker);
        self.rest().await;
        shared.busy.leave(&self.name);
        ended.map(drop)
    }

    /// Is at work with its connections from now on.
    pub(super) fn begin_work(&self) {
        let mut condition = self.condition();
        if !std::mem::replace(&mut condition.at_work, true) {
            self.at_work_with().for_each(|connection| connection.come());
        }
    }

    /// Is not at work with its connections any more; the last flow of each gives back what it holds at the other side.
    async fn rest(&self) {
        if std::mem::replace(&mut self.condition().at_work, false) {
            for connection in self.at_work_with() {
                connection.leave().await;
            }
        }
    }

    /// The connections that its steps call, and those that it reads.
    pub(super) fn at_work_with(&self) -> impl Iterator<Item = &Arc<Connection>> {
        let read = self.polls().filter_map(|at| match self.source(at) {
            Source::Poll { role, .. } => Some(self.connection(role)),
            _ => None,
        });
        let all: BTreeMap<&str, &Arc<Connection>> =
            self.called.iter().chain(read).map(|one| (one.name.as_str(), one)).collect();
        all.into_values()
    }

    async fn keep_working(self: Arc<Self>, shared: Arc<Shared>, options: RunOptions) -> Result<(), Stop> {
        let mut tasks: JoinSet<(RecordId, Result<Ended, Stop>)> = JoinSet::new();
        let mut in_flight: HashSet<RecordId> = HashSet::new();
        let mut fillers = shared.fillers.subscribe();
        loop {
            let stopping = shared.stop.is_cancelled();
            let given_up = self.condition().given_up;
            // One instant for what is started and for what is waited for: nothing may fall due between the two.
            let now = shared.clock.now();
            fillers.mark_unchanged();
            let ready = self.tables_ready(&shared);
            if let (Ready::Never(filler), true) = (&ready, options.until_idle) {
                let reason = format!("it waits for {filler} to fill its tables, which does not go on");
                let mut condition = self.condition();
                condition.trouble = Some(reason);
                condition.given_up = true;
            }
            if !stopping && !given_up && ready == Ready::Yes {
                self.start_due(&shared, now, &mut tasks, &mut in_flight)?;
            }
            self.tell_fillers(&shared, options.until_idle)?;
            if tasks.is_empty() {
                self.settle(&shared, &options).await?;
                if given_up {
                    return Ok(());
                }
            }
            if stopping {
                return self.drain(&shared, tasks, in_flight).await;
            }
            let wake = self.next_wake(&shared, now, in_flight.len() >= self.width)?;
            tokio::select! {
                Some(joined) = tasks.join_next() => self.ended(&shared, joined, &mut in_flight, options.until_idle && !options.held())?,
                () = self.work.notified() => {}
                Ok(()) = fillers.changed() => {}
                () = shared.clock.sleep_until(wake), if !given_up => {}
                () = shared.stop.cancelled() => {}
            }
            self.condition().in_flight = in_flight.len() as u64;
        }
    }

    /// Nothing is in flight: gives back what it holds, and says so if there is nothing to do either.
    async fn settle(&self, shared: &Shared, options: &RunOptions) -> Result<(), Stop> {
        if self.sources.iter().all(|at| !at.condition().polling) {
            self.rest().await;
        }
        if shared.stop.is_cancelled() {
            return Ok(());
        }
        shared.caught_up(&self.name, || Ok(self.caught_up(shared)? && self.nothing_left(shared)?)).await?;
        if options.until_idle {
            shared
                .busy
                .rest(&self.name, || Ok::<_, StoreError>(self.read_all() && self.nothing_left(shared)?))?;
        }
        Ok(())
    }

    /// Whether each source has given what it had since the start.
    fn caught_up(&self, shared: &Shared) -> Result<bool, StoreError> {
        for inbox in self.inboxes() {
            if shared.store.next_event_due(&inbox, None)?.is_some() {
                return Ok(false);
            }
        }
        Ok(self.sources.iter().all(|at| at.condition().polled))
    }

    /// Whether no record can be worked on, now or later. Those that wait for others to become known are at rest until
    /// they are.
    fn nothing_left(&self, shared: &Shared) -> Result<bool, StoreError> {
        let now = shared.clock.now();
        if shared.store.next_again(&self.name, None)?.is_some_and(|again| again <= now) {
            return Ok(false);
        }
        if shared.store.next_due(&self.name, None)?.is_none() {
            return Ok(true);
        }
        let seeking = self.seeking.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut at_rest = 0;
        for (id, sought) in &seeking {
            let waits = |record: &Record| record.state == RecordState::Waiting;
            let waits = shared.store.record(id)?.as_ref().is_some_and(waits);
            if waits && sought.latest(&*shared.store, id)?.is_none() {
                at_rest += 1;
            }
        }
        let open =
            |state| matches!(state, RecordState::Received | RecordState::Running | RecordState::Waiting);
        let counts = shared.store.counts()?;
        let of_flow = counts.iter().filter(|count| count.flow == self.name && open(count.state));
        Ok(of_flow.map(|count| count.count).sum::<u64>() <= at_rest)
    }

    /// Lets what is in flight end. What takes too long (a record that waits for its turn at a slow system) is dropped where
    /// it stands, which is no worse than a crash.
    async fn drain(
        &self,
        shared: &Shared,
        mut tasks: JoinSet<(RecordId, Result<Ended, Stop>)>,
        mut in_flight: HashSet<RecordId>,
    ) -> Result<(), Stop> {
        let all = async {
            while let Some(joined) = tasks.join_next().await {
                self.ended(shared, joined, &mut in_flight, false)?;
            }
            Ok(())
        };
        tokio::time::timeout(GRACE, all).await.unwrap_or(Ok(()))
    }

    /// Starts as many due records as there is room for.
    fn start_due(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        now: Timestamp,
        tasks: &mut JoinSet<(RecordId, Result<Ended, Stop>)>,
        in_flight: &mut HashSet<RecordId>,
    ) -> Result<(), StoreError> {
        if in_flight.len() >= self.width || self.condition().paused_until.is_some_and(|until| until > now) {
            return Ok(());
        }
        // Records in flight are still due in the store, so ask for that many more.
        for id in shared.store.due(&self.name, now, self.width + in_flight.len())? {
            if in_flight.len() >= self.width {
                break;
            }
            if in_flight.insert(id.clone()) {
                self.begin_work();
                shared.busy.add(&self.name);
                let (flow, shared) = (Arc::clone(self), Arc::clone(shared));
                tasks.spawn(async move {
                    let ended = flow.work_on(&shared, &id).await;
                    (id, ended)
                });
            }
        }
        self.condition().in_flight = in_flight.len() as u64;
        Ok(())
    }

    /// Runs a record, if it is still to be worked on.
    pub(super) async fn work_on(&self, shared: &Shared, id: &RecordId) -> Result<Ended, Stop> {
        // Before the record's lock, which whoever polls may wait for while it holds the source.
        let _turns = tokio::select! {
            held = turns::take(&self.called) => held,
            () = shared.stop.cancelled() => turns::Held::default(),
        };
        let _lock = shared.lock(id).await;
        let Some(record) = shared.store.record(id)? else {
            return Ok(Ended::new(RecordState::Discarded));
        };
        let now = shared.clock.now();
        if again::due(&record, now) {
            return Run::again(shared, self, record).await;
        }
        let at_work =
            matches!(record.state, RecordState::Received | RecordState::Running | RecordState::Waiting);
        if !at_work || record.due > now {
            // Decided otherwise while it waited for its lock.
            return Ok(Ended::new(record.state));
        }
        let effects = shared.store.effects_of(id)?;
        if effects.iter().any(|effect| effect.state == EffectState::Undoing) {
            return Run::undo(shared, self, record, effects).await;
        }
        if record.mapping_revision == self.mapping.revision {
            return Run::run(shared, self, record).await;
        }
        // A record ends on the mapping it began with.
        match self.earlier(shared, &record.mapping_revision)? {
            Some(earlier) => Run::run(shared, &earlier, record).await,
            None => finish::park_without_mapping(shared, record).await,
        }
    }

    /// This flow as it was in an earlier revision of the mapping, kept with the records that began on it.
    fn earlier(&self, shared: &Shared, revision: &str) -> Result<Option<Arc<Self>>, StoreError> {
        let mut known = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(revision) {
            return Ok(found.clone());
        }
        let sources = shared.store.blob(&format!("mapping/{revision}"))?;
        let found = sources.and_then(|bytes| self.rebuilt(&bytes)).map(Arc::new);
        known.insert(revision.to_owned(), found.clone());
        Ok(found)
    }

    fn rebuilt(&self, sources: &[u8]) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Kept {
            mapping: String,
            systems: BTreeMap<String, String>,
        }
        let kept: Kept = serde_json::from_slice(sources).ok()?;
        let mapping = spec::rebuild_mapping(&kept.mapping, &kept.systems)?;
        let flow = Arc::clone(mapping.flows.get(&self.flow.name)?);
        let connected = mapping.systems.keys().all(|role| self.connections.contains_key(role));
        let settings = settings_of(&mapping, &self.settings);
        let mut values = self.values.clone();
        values.set("settings", &settings);
        connected.then(|| Self {
            name: self.name.clone(),
            used: self.used.clone(),
            mapping,
            settings,
            values,
            shape: Shape::of(&flow),
            flow,
            // It only ends what began with it.
            sources: Vec::new(),
            waits_for: Vec::new(),
            connections: self.connections.clone(),
            called: self.called.clone(),
            width: self.width,
            condition: Mutex::default(),
            work: Arc::default(),
            arriving: tokio::sync::Mutex::default(),
            seeking: Mutex::default(),
            earlier: Mutex::default(),
        })
    }

    fn ended(
        &self,
        shared: &Shared,
        joined: Result<(RecordId, Result<Ended, Stop>), tokio::task::JoinError>,
        in_flight: &mut HashSet<RecordId>,
        hasty: bool,
    ) -> Result<(), Stop> {
        let Ok((id, ended)) = joined else {
            // A panic: the record stays as it was last committed, and this flow goes no further.
            let mut condition = self.condition();
            condition.trouble = Some("a bug stopped this flow; please report it with the log".to_owned());
            condition.given_up = true;
            self.sources.iter().for_each(|at| at.now.notify_one());
            return Ok(());
        };
        in_flight.remove(&id);
        let ended = ended?;
        shared.count(ended.state);
        let mut seeking = self.seeking.lock().unwrap_or_else(PoisonError::into_inner);
        match ended.seeks {
            Some(sought) => seeking.insert(id, sought),
            None => seeking.remove(&id),
        };
        drop(seeking);
        match ended.halted {
            Some((reason, until)) => {
                let now = shared.clock.now();
                if self.condition().paused_until.is_none_or(|until| until <= now) {
                    let pause = clock::add(now, self.pause());
                    self.troubled(reason, until.map_or(pause, |until| until.max(pause)));
                }
                let mut condition = self.condition();
                condition.given_up |= hasty && condition.troubles >= PATIENCE;
            }
            None if ended.state == RecordState::Done => self.well(),
            None => {}
        }
        Ok(())
    }

    fn next_wake(&self, shared: &Shared, now: Timestamp, full: bool) -> Result<Timestamp, StoreError> {
        let far = clock::add(now, Duration::from_secs(3600));
        if full {
            return Ok(far);
        }
        let paused = self.condition().paused_until.unwrap_or(Timestamp::MIN);
        // What is due already and was not started is in flight; only what becomes due later needs a timer.
        let due = shared.store.next_due(&self.name, Some(now))?;
        let again = shared.store.next_again(&self.name, Some(now))?;
        let due = due.into_iter().chain(again).fold(far, Timestamp::min);
        Ok(if paused > now { paused } else { due })
    }
}

/// How long a pause is after so many troubles in a row.
pub(super) fn pause_after(troubles: u32) -> Duration {
    Duration::from_secs(1 << troubles.min(6)).min(Duration::from_secs(60))
}

/// The settings that an earlier mapping declared: as they are now, or its own defaults where they are no more.
fn settings_of(mapping: &Mapping, now: &Value) -> Value {
    let known = |name: &str, setting: &Setting| {
        let value = now.get(name).filter(|value| fits(value, &setting.ty).is_ok());
        value.or(setting.default.as_ref()).cloned().unwrap_or(Value::Null)
    };
    mapping.settings.iter().map(|(name, setting)| (name.clone(), known(name, setting))).collect()
}
