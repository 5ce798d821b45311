//! Where the records of a flow come from.

use std::sync::Arc;

use crate::expression::{Type, assignable};
use crate::spec::model::{Schedule, Source, Stream, Webhook};
use crate::spec::raw::source::{RawPoll, RawSource, RawTimer};
use crate::spec::raw::{OneOrMore, Written};
use crate::spec::tree::NodeId;

use super::checker::Checker;
use super::flow::{member, unknown_member};
use super::mapping::Roles;
use super::schedule::WrittenSchedule;
use super::types::Types;

/// The type of a record as far as it is known, and the sources if all of them are fine.
pub fn sources(
    checker: &mut Checker<'_>,
    types: &mut Types,
    roles: &Roles,
    raw: &OneOrMore<Written<RawSource>>,
) -> (Type, Option<Vec<Source>>) {
    let mut fine = alone(checker, &raw.values);
    let mut whole = Vec::new();
    let mut typed: Option<(NodeId, Type)> = None;
    for raw in &raw.values {
        let (ty, source) = source(checker, types, roles, raw);
        if let Some(ty) = ty.filter(|ty| *ty != Type::Any) {
            match &typed {
                Some((node, first)) => fine &= same_type(checker, raw.node, &ty, *node, first),
                None => typed = Some((raw.node, ty)),
            }
        }
        match source {
            Some(source) => {
                fine &= once(checker, raw.node, &source, &whole);
                whole.push(source);
            }
            None => fine = false,
        }
    }
    let all_told = raw.values.iter().all(|raw| matches!(raw.value, RawSource::Told(_)));
    if let (None, true, Some(told)) = (&typed, all_told, raw.values.first()) {
        let help = "write for example `told: { record: { number: text } }`";
        let headline = "nothing says what a record of this flow is like";
        checker.report("told-without-record", head(checker, told.node), headline, help);
        fine = false;
    }
    (typed.map_or(Type::Any, |(_, ty)| ty), fine.then_some(whole).filter(|whole| !whole.is_empty()))
}

fn head(checker: &Checker<'_>, node: NodeId) -> NodeId {
    checker.tree.entries(node).first().map_or(node, |(key, _)| *key)
}

/// The type of a record, where the source says it, and the source.
fn source(
    checker: &mut Checker<'_>,
    types: &mut Types,
    roles: &Roles,
    raw: &RawSource,
) -> (Option<Type>, Option<Source>) {
    match raw {
        RawSource::Poll(poll) => {
            let (ty, source) = poll_source(checker, roles, poll);
            (Some(ty), source)
        }
        RawSource::Schedule(timer) => (Some(Source::timer_record()), timer_source(checker, timer)),
        RawSource::Webhook(written) => {
            let named = webhook(checker, roles, written);
            let ty = named.as_ref().map_or(Type::Any, |(_, webhook)| webhook.record_type().clone());
            (Some(ty), named.map(|(role, webhook)| Source::Webhook { role, webhook }))
        }
        RawSource::Told(told) => {
            let ty = told.record.map(|tree| types.object(checker, tree, "a record"));
            (ty, Some(Source::Told))
        }
    }
}

/// Whether a schedule stands alone; says so if not.
fn alone(checker: &mut Checker<'_>, all: &[Written<RawSource>]) -> bool {
    let timer = all.iter().find(|raw| matches!(raw.value, RawSource::Schedule(_)));
    let Some(timer) = timer.filter(|_| all.len() > 1) else { return true };
    let headline = "a schedule has records of its own, so it stands alone";
    let help = "make a flow of its own for it";
    checker.report("schedule-with-others", head(checker, timer.node), headline, help);
    false
}

/// Whether this source is not among those before it; says so if it is.
fn once(checker: &mut Checker<'_>, node: NodeId, source: &Source, before: &[Source]) -> bool {
    let same = |other: &Source| match (source, other) {
        (Source::Told, Source::Told) => true,
        _ => source.name().is_some() && source.name() == other.name(),
    };
    let twice = before.iter().any(same);
    if twice {
        let what = source.name().map_or_else(|| "`told`".to_owned(), |name| format!("`{name}`"));
        checker.report(
            "source-twice",
            head(checker, node),
            format!("{what} is a source already"),
            "keep one",
        );
    }
    !twice
}

/// Whether two sources give records of one type; says so if not.
fn same_type(checker: &mut Checker<'_>, node: NodeId, ty: &Type, before: NodeId, first: &Type) -> bool {
    let reason = assignable(ty, first).and_then(|()| assignable(first, ty)).err();
    let Some(reason) = reason.filter(|_| ty != first) else { return true };
    let headline = format!("the records of this source are not like those of the first: {reason}");
    let help = "all sources of a flow give records of one type; declare one type for both in the system, or make two \
                flows of it";
    let first = checker.tree.span(head(checker, before));
    let finding = checker.error("source-types-differ", head(checker, node), headline).help(help);
    let finding = finding.also(first, "the first source");
    checker.push(finding);
    false
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

fn webhook(
    checker: &mut Checker<'_>,
    roles: &Roles,
    written: &Written<String>,
) -> Option<(String, Arc<Webhook>)> {
    let (role, name, system) = member(checker, roles, written, "webhook")?;
    match system.webhooks.get(&name) {
        Some(webhook) => Some((role, Arc::clone(webhook))),
        None => {
            unknown_member(checker, written, &name, "webhook", &system.webhook_names);
            None
        }
    }
}
