//! When something happens: `every`, or `cron` in a `zone`.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::spec::model::{Cron, Schedule};
use crate::spec::raw::Written;
use crate::spec::tree::NodeId;

use super::checker::Checker;

/// What was written of a schedule.
pub struct WrittenSchedule<'a> {
    /// `every:`
    pub every: Option<&'a Written<String>>,
    /// `cron:`
    pub cron: Option<&'a Written<String>>,
    /// `zone:`
    pub zone: Option<&'a Written<String>>,
}

impl Checker<'_> {
    /// The schedule, if one is written and fine. The second part is false when there was a finding.
    pub fn schedule(&mut self, head: NodeId, written: &WrittenSchedule<'_>) -> (Option<Schedule>, bool) {
        match (written.every, written.cron, written.zone) {
            (Some(_), Some(cron), _) => {
                let help = "keep `every: 15m`, or `cron:` with `zone:`";
                self.report("two-schedules", cron.node, "`every` and `cron` cannot both decide", help);
                (None, false)
            }
            (_, None, Some(zone)) => {
                let help = "remove it, or add `cron:`";
                self.report("zone-without-cron", zone.node, "`zone` belongs to `cron`", help);
                (None, false)
            }
            (Some(every), None, None) => self.every(every),
            (None, Some(cron), zone) => {
                let schedule = self.cron(head, cron, zone);
                let fine = schedule.is_some();
                (schedule, fine)
            }
            (None, None, None) => (None, true),
        }
    }

    fn every(&mut self, written: &Written<String>) -> (Option<Schedule>, bool) {
        let every = self.some_time(written, "the time between polls");
        (every.map(Schedule::Every), every.is_some())
    }

    /// A duration that is not nothing; `what` says of what.
    pub fn some_time(&mut self, written: &Written<String>, what: &str) -> Option<Duration> {
        let found = self.duration(written)?;
        if found.is_zero() {
            let headline = format!("{what} cannot be nothing");
            self.report("not-a-duration", written.node, headline, "write `15m`");
            return None;
        }
        Some(found)
    }

    fn cron(
        &mut self,
        head: NodeId,
        written: &Written<String>,
        zone: Option<&Written<String>>,
    ) -> Option<Schedule> {
        let cron = match written.parse::<croner::Cron>() {
            Ok(cron) => Some(cron),
            Err(error) => {
                let reason = error.to_string();
                let reason =
                    reason.rsplit(": ").next().unwrap_or_default().trim_end_matches('.').to_lowercase();
                let headline = format!("`{}` is not a cron expression: {reason}", written.value);
                let help = "write minute, hour, day, month and weekday, for example `0 6-18 * * MON-FRI`";
                self.report("not-a-cron", written.node, headline, help);
                None
            }
        };
        let Some(zone) = zone else {
            let help = "add for example `zone: America/New_York`";
            self.report("missing-key", head, "`cron` needs a key `zone`", help);
            return None;
        };
        let zone = self.zone(zone);
        Some(Schedule::Cron(Box::new(Cron { cron: cron?, zone: zone? })))
    }

    /// A time zone by its name.
    pub fn zone(&mut self, written: &Written<String>) -> Option<TimeZone> {
        // Abbreviations such as EST are old names of fixed offsets, which is never what people mean.
        let known = TimeZone::get(written).ok().filter(|_| written.contains('/') || written.value == "UTC");
        if known.is_none() {
            let headline = format!("`{}` is not a time zone", written.value);
            let help = "write a name such as `America/New_York`, `Europe/Berlin` or `UTC`";
            self.report("unknown-zone", written.node, headline, help);
        }
        known
    }
}
