//! The sources of a flow at work. Each poll has its own schedule, cursor and troubles; what is pushed or told just comes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::flow::{FlowRuntime, PATIENCE, pause_after};
use super::poll::Trouble;
use super::run::Stop;
use super::shared::Shared;
use super::{RunOptions, inbox};
use crate::base::clock;
use crate::spec::model::{Flow, FlowUse, Schedule, Source};

/// A source of a flow that gives records.
#[derive(Debug)]
pub(super) struct SourceRuntime {
    /// Which of the flow's sources it is.
    pub(super) index: usize,
    /// What its cursor is kept under.
    pub(super) cursor: String,
    /// When it is polled or fires; nothing for what comes by itself.
    pub(super) schedule: Option<Schedule>,
    /// The longest time between polls that read everything.
    pub(super) full: Option<Duration>,
    condition: Mutex<SourceCondition>,
    /// Wakes the poller.
    pub(super) now: Notify,
}

/// How a source stands.
#[derive(Debug, Default, Clone)]
pub(super) struct SourceCondition {
    /// When it is polled or fires next.
    pub(super) next: Option<Timestamp>,
    /// Whether it is being read.
    pub(super) polling: bool,
    /// Whether it was read whole since the start; what comes by itself always was.
    pub(super) polled: bool,
    /// Why it cannot be read.
    pub(super) trouble: Option<String>,
    /// Troubles in a row.
    pub(super) troubles: u32,
    /// Whether an engine that runs until idle does not try it any more.
    pub(super) given_up: bool,
}

impl SourceRuntime {
    /// Those of a flow's sources that the configuration lets give records. `name` is the flow's, `mapping/flow`.
    pub(super) fn of(name: &str, flow: &Flow, chosen: &FlowUse) -> Vec<Self> {
        // The first poll's cursor has the name of the flow, as it had when there was only one.
        let first = flow.sources.iter().position(|source| source.schedule().is_some());
        let chosen = flow.sources.iter().zip(&chosen.sources).enumerate();
        let enabled = chosen.filter(|(_, (_, chosen))| chosen.enabled);
        enabled
            .map(|(index, (source, chosen))| {
                let cursor = match source.name().filter(|_| first != Some(index)) {
                    Some(of_source) => format!("{name}/{of_source}"),
                    None => name.to_owned(),
                };
                Self::new(index, cursor, source, chosen.schedule.clone(), chosen.full)
            })
            .collect()
    }

    fn new(
        index: usize,
        cursor: String,
        source: &Source,
        schedule: Option<Schedule>,
        full: Option<Duration>,
    ) -> Self {
        let polled = matches!(source, Source::Webhook { .. } | Source::Told);
        let condition = Mutex::new(SourceCondition { polled, ..SourceCondition::default() });
        Self { index, cursor, schedule, full, condition, now: Notify::new() }
    }

    pub(super) fn condition(&self) -> MutexGuard<'_, SourceCondition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When it comes next after it came at `began`.
    pub(super) fn after(&self, began: Timestamp, now: Timestamp) -> Timestamp {
        match &self.schedule {
            Some(Schedule::Every(every)) => clock::add(began, *every).max(now),
            Some(Schedule::Cron(cron)) => cron
                .cron
                .find_next_occurrence(&now.to_zoned(cron.zone.clone()), false)
                .map_or_else(|_| clock::add(now, Duration::from_secs(86_400)), |zoned| zoned.timestamp()),
            None => now,
        }
    }

    fn well(&self, next: Option<Timestamp>) {
        let mut condition = self.condition();
        condition.polled = true;
        condition.trouble = None;
        condition.troubles = 0;
        condition.next = next;
    }

    /// Notes why it cannot be read; when to try again.
    fn troubled(&self, trouble: Trouble, now: Timestamp) -> Timestamp {
        let mut condition = self.condition();
        let pause = clock::add(now, pause_after(condition.troubles));
        let next = trouble.until.map_or(pause, |until| until.max(pause));
        tracing::warn!(cursor = self.cursor, reason = trouble.reason, "the source cannot be read");
        condition.troubles += 1;
        condition.trouble = Some(trouble.reason);
        next
    }
}

impl FlowRuntime {
    /// What a source of this flow is.
    pub(super) fn source(&self, at: &SourceRuntime) -> &Source {
        // Made from the flow's own list.
        &self.flow.sources[at.index]
    }

    /// The sources that are polled.
    pub(super) fn polls(&self) -> impl Iterator<Item = &SourceRuntime> {
        self.sources.iter().filter(|at| matches!(self.source(at), Source::Poll { .. }))
    }

    /// Whether each poll has read its source whole since the start, or was given up.
    pub(super) fn read_all(&self) -> bool {
        self.polls().all(|at| {
            let condition = at.condition();
            condition.polled || condition.given_up
        })
    }

    /// The inboxes that feed it.
    pub(super) fn inboxes(&self) -> impl Iterator<Item = String> {
        self.sources.iter().filter_map(|at| match self.source(at) {
            Source::Webhook { role, webhook } => {
                Some(inbox::webhook(&self.connection(role).name, &webhook.name))
            }
            Source::Told => Some(inbox::told(&self.name)),
            Source::Poll { .. } | Source::Schedule { .. } => None,
        })
    }

    /// Reads one of its sources whenever its time comes, or gives a record whenever that of a schedule comes.
    pub(super) async fn keep_source(
        self: Arc<Self>,
        at: usize,
        shared: Arc<Shared>,
        options: RunOptions,
    ) -> Result<(), Stop> {
        match self.source(&self.sources[at]) {
            Source::Poll { .. } => self.keep_polling(&self.sources[at], &shared, &options).await,
            Source::Schedule { .. } => self.keep_firing(&self.sources[at], &shared, &options).await,
            Source::Webhook { .. } | Source::Told => Ok(()),
        }
    }

    async fn keep_polling(
        &self,
        source: &SourceRuntime,
        shared: &Shared,
        options: &RunOptions,
    ) -> Result<(), Stop> {
        // An engine that runs until idle polls once, at once; one that is held back does so when it is released.
        let mut last = options.until_idle && !options.held();
        let now = shared.clock.now();
        let mut next = match &source.schedule {
            Some(Schedule::Cron(_)) if !options.until_idle => source.after(now, now),
            _ => now,
        };
        loop {
            source.condition().next = Some(next);
            tokio::select! {
                () = shared.stop.cancelled() => return Ok(()),
                () = shared.clock.sleep_until(next) => {}
                () = source.now.notified() => {}
                () = options.released(), if options.until_idle && !last => {
                    last = true;
                    source.condition().troubles = 0;
                }
            }
            if self.condition().given_up {
                return Ok(());
            }
            let began = shared.clock.now();
            source.condition().polling = true;
            self.begin_work();
            let polled = self.poll(source, shared).await;
            source.condition().polling = false;
            match polled? {
                Ok(()) => {
                    next = source.after(began, shared.clock.now());
                    source.well((!last).then_some(next));
                    self.recovered(shared.clock.now());
                    self.prune_tables(shared).await?;
                }
                Err(trouble) => {
                    next = source.troubled(trouble, shared.clock.now());
                    if last && source.condition().troubles >= PATIENCE {
                        self.give_up_source(source);
                    }
                }
            }
            self.work.notify_one();
            let condition = source.condition().clone();
            if condition.given_up || last && condition.trouble.is_none() {
                return Ok(());
            }
        }
    }

    /// Goes on without a source; a flow that has no other is given up itself.
    fn give_up_source(&self, source: &SourceRuntime) {
        source.condition().given_up = true;
        if self.sources.iter().all(|at| at.condition().given_up) {
            self.condition().given_up = true;
        }
    }
}
