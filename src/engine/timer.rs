//! Flows whose source is the time itself: each time their schedule comes, there is one record, `{ date, at }`.
//!
//! A firing is committed like a page: the record and how far the schedule has come, in one. So none is lost by a crash, and
//! none happens twice: a record of the same key is not made again. Of the times that passed while no engine ran, the latest
//! is made up for at the start, once; the ones before it are not.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::{Value, json};

use super::RunOptions;
use super::arrive::Arriving;
use super::flow::FlowRuntime;
use super::run::Stop;
use super::shared::Shared;
use super::source::SourceRuntime;
use crate::base::clock;
use crate::spec::model::{Cron, Schedule};
use crate::store::{Batch, Cursor, StoreError, Write};

impl FlowRuntime {
    /// Makes a record each time the schedule comes, or once when all flows that poll have become idle.
    pub(super) async fn keep_firing(
        &self,
        source: &SourceRuntime,
        shared: &Shared,
        options: &RunOptions,
    ) -> Result<(), Stop> {
        if options.until_idle {
            return self.fire_last(source, shared).await;
        }
        let mut next = self.first_firing(source, shared).await?;
        // There is no source to read, so nothing is waited for before the records there are count as all.
        source.condition().polled = true;
        self.work.notify_one();
        loop {
            source.condition().next = Some(next);
            let at = tokio::select! {
                () = shared.stop.cancelled() => return Ok(()),
                () = shared.clock.sleep_until(next) => next,
                () = source.now.notified() => shared.clock.now(),
            };
            if self.condition().given_up {
                return Ok(());
            }
            self.fire(source, shared, at).await?;
            if at == next {
                next = source.after(at, shared.clock.now());
            }
        }
    }

    async fn fire_last(&self, source: &SourceRuntime, shared: &Shared) -> Result<(), Stop> {
        tokio::select! {
            () = shared.stop.cancelled() => return Ok(()),
            () = shared.busy.quiet() => {}
        }
        self.fire(source, shared, shared.clock.now()).await?;
        let mut condition = source.condition();
        condition.polled = true;
        condition.next = None;
        drop(condition);
        self.work.notify_one();
        Ok(())
    }

    /// When it fires first: what was missed last, or what comes next.
    async fn first_firing(&self, source: &SourceRuntime, shared: &Shared) -> Result<Timestamp, StoreError> {
        let now = shared.clock.now();
        let kept = shared.store.cursor(&source.cursor)?.unwrap_or_default();
        let last = kept.position.get("at").and_then(Value::as_str).and_then(|at| at.parse().ok());
        Ok(match (&source.schedule, last) {
            (None | Some(Schedule::Every(_)), None) | (None, Some(_)) => now,
            (Some(Schedule::Every(every)), Some(last)) => clock::add(last, *every).max(now),
            (Some(Schedule::Cron(_)), None) => {
                // So that the first time of all can be missed, too.
                let cursor = Cursor { position: position(now), ..Cursor::default() };
                let writes = vec![Write::Cursor { flow: source.cursor.clone(), cursor }];
                shared.store.commit(Batch { writes }).await?;
                source.after(now, now)
            }
            (Some(Schedule::Cron(cron)), Some(last)) => {
                latest(cron, now).filter(|missed| *missed > last).unwrap_or_else(|| source.after(now, now))
            }
        })
    }

    async fn fire(&self, source: &SourceRuntime, shared: &Shared, at: Timestamp) -> Result<(), Stop> {
        let zone = match &source.schedule {
            Some(Schedule::Cron(cron)) => cron.zone.clone(),
            _ => TimeZone::UTC,
        };
        let local = Zoned::new(at, zone);
        let record = json!({
            "date": local.date().to_string(),
            "at": local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        });
        let (arrival, _) = self.arrival(record.clone(), at);
        let known = shared.store.record(&arrival.id)?.is_some();
        let cursor = Cursor { position: position(at), polled: Some(shared.clock.now()), ..Cursor::default() };
        let facts =
            json!({ "flow": self.name, "at": at.to_string(), "key": arrival.id.key(), "known": known });
        let records = if known { Vec::new() } else { vec![record] };
        let cursor = Some((source.cursor.clone(), cursor));
        let arriving = Arriving::read("timer.fired", facts, cursor);
        self.ingest(shared, records, arriving).await.map(drop)
    }
}

fn position(at: Timestamp) -> Value {
    json!({ "at": at.to_string() })
}

/// The last time that the schedule came up to now.
fn latest(cron: &Cron, now: Timestamp) -> Option<Timestamp> {
    let now = now.to_zoned(cron.zone.clone());
    cron.cron.find_previous_occurrence(&now, true).ok().map(|zoned| zoned.timestamp())
}
