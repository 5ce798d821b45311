//! Where the records of a flow come from.

use std::sync::Arc;

use crate::expression::Type;
use crate::spec::model::{Schedule, Source, Stream};
use crate::spec::raw::Written;
use crate::spec::raw::source::{RawPoll, RawSource, RawTimer};
use crate::spec::tree::NodeId;

use super::checker::Checker;
use super::flow::{member, unknown_member};
use super::mapping::Roles;
use super::schedule::WrittenSchedule;

/// The type of a record as far as it is known, and the source if all of it is fine.
pub fn source(checker: &mut Checker<'_>, roles: &Roles, raw: &RawSource) -> (Type, Option<Source>) {
    match raw {
        RawSource::Poll(poll) => poll_source(checker, roles, poll),
        RawSource::Schedule(timer) => (Source::timer_record(), timer_source(checker, timer)),
    }
}

fn poll_source(checker: &mut Checker<'_>, roles: &Roles, poll: &Written<RawPoll>) -> (Type, Option<Source>) {
    let named = poll.stream.as_ref().and_then(|written| stream(checker, roles, written));
    let record = named.as_ref().map_or(Type::Any, |(_, stream)| stream.record.clone());
    let written =
        WrittenSchedule { every: poll.every.as_ref(), cron: poll.cron.as_ref(), zone: poll.zone.as_ref() };
    let schedule = schedule(checker, poll.node, "poll", &written);
    let full = match &poll.full {
        Some(full) => checker.some_time(full, "`full`").map(Some),
        None => Some(None),
    };
    let build = || {
        let ((role, stream), schedule, full) = (named?, schedule?, full?);
        Some(Source::Poll { role, stream, schedule, full })
    };
    (record, build())
}

fn timer_source(checker: &mut Checker<'_>, timer: &Written<RawTimer>) -> Option<Source> {
    let written =
        WrittenSchedule { every: timer.every.as_ref(), cron: timer.cron.as_ref(), zone: timer.zone.as_ref() };
    schedule(checker, timer.node, "schedule", &written).map(|schedule| Source::Schedule { schedule })
}

/// The schedule that a source cannot do without.
fn schedule(
    checker: &mut Checker<'_>,
    node: NodeId,
    name: &str,
    written: &WrittenSchedule<'_>,
) -> Option<Schedule> {
    let head = checker.tree.entries(node).first().map_or(node, |(key, _)| *key);
    let (schedule, fine) = checker.schedule(head, written);
    let written = ["every", "cron"].iter().any(|key| checker.tree.entry(node, key).is_some());
    if !written && fine {
        let help = "add `every: 15m`, or `cron:` with `zone:`";
        checker.report("missing-key", head, format!("`{name}` needs a key `every`"), help);
    }
    schedule
}

fn stream(
    checker: &mut Checker<'_>,
    roles: &Roles,
    written: &Written<String>,
) -> Option<(String, Arc<Stream>)> {
    let (role, name, system) = member(checker, roles, written, "stream")?;
    match system.streams.get(&name) {
        Some(stream) => Some((role, Arc::clone(stream))),
        None => {
            unknown_member(checker, written, &name, "stream", &system.stream_names);
            None
        }
    }
}
