//! How everything stands: the engine, each flow, and each of its sources.

use std::sync::PoisonError;

use jiff::Timestamp;

use super::Engine;
use super::command::{FlowStatus, Reply, SourceStatus, Status};
use super::flow::FlowRuntime;
use super::inbox;
use super::operate::failed;
use crate::base::duration;
use crate::spec::model::{Schedule, Source};
use crate::store::{RecordQuery, Store, StoreError};

/// How everything stands that a store alone tells, with what is known of `flows`.
pub(super) fn of(
    store: &dyn Store,
    now: Timestamp,
    started: Option<Timestamp>,
    flows: Vec<FlowStatus>,
) -> Result<Status, StoreError> {
    let noticed = RecordQuery { noticed: true, ..RecordQuery::default() };
    Ok(Status {
        running: started.is_some(),
        started,
        now,
        flows,
        counts: store.counts()?,
        notices: store.records(&noticed)?.len() as u64,
        open_effects: store.open_effects()?.len() as u64,
        inboxes: inbox::statuses(store)?,
        webhooks: Vec::new(),
        registrations: Vec::new(),
    })
}

impl Engine {
    pub(super) fn status(&self) -> Reply {
        let started = *self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let flows = self.flows.iter().map(|flow| self.flow_status(flow)).collect::<Result<Vec<_>, _>>();
        let status = flows.and_then(|flows| of(&*self.shared.store, self.shared.clock.now(), started, flows));
        let status = status.and_then(|status| {
            let registrations = self.registrars.iter().map(|registrar| registrar.status()).collect();
            Ok(Status { inboxes: self.inboxes()?, webhooks: self.intake.statuses(), registrations, ..status })
        });
        status.map_or_else(failed, |status| Reply::Status(Box::new(status)))
    }

    fn flow_status(&self, flow: &FlowRuntime) -> Result<FlowStatus, StoreError> {
        let sources = self.source_statuses(flow)?;
        let enabled = || sources.iter().filter(|source| source.enabled);
        // Of sources that are not read by the clock there is no time to tell.
        let timed =
            || enabled().zip(&flow.sources).filter(|(_, at)| at.schedule.is_some()).map(|(told, _)| told);
        let oldest = |time: fn(&SourceStatus) -> Option<Timestamp>| {
            let times: Option<Vec<Timestamp>> = timed().map(time).collect();
            times.and_then(|times| times.into_iter().min())
        };
        let mut schedules: Vec<&str> = enabled().map(|source| source.schedule.as_str()).collect();
        schedules.dedup();
        let (in_flight, trouble) = (flow.in_flight(), flow.trouble());
        let in_turns = flow.at_work_with().filter(|connection| connection.turns.is_some());
        Ok(FlowStatus {
            flow: flow.name.clone(),
            title: flow.flow.title.clone(),
            schedule: schedules.join(", "),
            polled: oldest(|source| source.polled),
            next_poll: timed().filter_map(|source| source.next_poll).min(),
            full: oldest(|source| source.full),
            skipped: enabled().flat_map(|source| source.skipped.clone()).collect(),
            turns: in_turns.map(|connection| connection.name.clone()).collect(),
            in_flight,
            trouble,
            sources,
        })
    }

    /// The sources of a flow, in the order that the mapping has them; those that are off, too.
    fn source_statuses(&self, flow: &FlowRuntime) -> Result<Vec<SourceStatus>, StoreError> {
        let told = |(index, source): (usize, &Source)| {
            let at = flow.sources.iter().find(|at| at.index == index);
            let condition = at.map(|at| at.condition().clone()).unwrap_or_default();
            let timed = at.filter(|at| at.schedule.is_some());
            let cursor = timed.map(|at| self.shared.store.cursor(&at.cursor)).transpose()?.flatten();
            let cursor = cursor.unwrap_or_default();
            Ok(SourceStatus {
                source: source.name(),
                schedule: when(at.map_or(source.schedule(), |at| at.schedule.as_ref())),
                enabled: at.is_some(),
                polled: cursor.polled,
                next_poll: condition.next,
                full: cursor.full,
                skipped: cursor.skipped,
                trouble: condition.trouble,
            })
        };
        flow.flow.sources.iter().enumerate().map(told).collect()
    }
}

/// A schedule as people write it.
fn when(schedule: Option<&Schedule>) -> String {
    match schedule {
        Some(Schedule::Every(every)) => format!("every {}", duration::display(*every)),
        Some(Schedule::Cron(cron)) => {
            format!("{} ({})", cron.cron.pattern, cron.zone.iana_name().unwrap_or("UTC"))
        }
        None => "when told".to_owned(),
    }
}
