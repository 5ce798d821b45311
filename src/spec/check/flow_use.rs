//! What an operator chooses of the flows of a mapping.

use indexmap::IndexMap;

use crate::spec::model::{Flow, FlowUse, Mapping, Schedule, Source, SourceUse};
use crate::spec::raw::Written;
use crate::spec::raw::config::{RawFlowUse, RawMappingUse, RawSourceUse};

use super::checker::Checker;
use super::schedule::WrittenSchedule;

/// All flows of a mapping with what is chosen. `intake` says whether webhooks are open at all.
pub fn flow_uses(
    checker: &mut Checker<'_>,
    raw: &RawMappingUse,
    mapping: &Mapping,
    intake: bool,
) -> Option<IndexMap<String, FlowUse>> {
    let mut flows: IndexMap<String, FlowUse> =
        mapping.flows.iter().map(|(name, flow)| (name.clone(), as_written(flow))).collect();
    let mut fine = true;
    for (name, raw) in raw.flows.iter() {
        let Some(chosen) = flows.get_mut(&name.value) else {
            let headline = format!("`{}` has no flow `{}`", mapping.name, name.value);
            let names = mapping.flows.keys().map(String::as_str);
            checker.unknown("unknown-flow", name.node, headline, names, "the flows are");
            fine = false;
            continue;
        };
        let flow = &mapping.flows[&name.value];
        fine &= flow_use(checker, name, raw, chosen, flow);
        for (source, raw) in raw.sources.iter() {
            fine &= source_use(checker, source, raw, chosen, flow, intake);
        }
    }
    fine.then_some(flows)
}

/// A flow as its mapping has it.
fn as_written(flow: &Flow) -> FlowUse {
    let source = |source: &Source| SourceUse {
        enabled: true,
        schedule: source.schedule().cloned(),
        full: match source {
            Source::Poll { full, .. } => *full,
            _ => None,
        },
    };
    FlowUse { enabled: true, sources: flow.sources.iter().map(source).collect() }
}

fn flow_use(
    checker: &mut Checker<'_>,
    name: &Written<String>,
    raw: &RawFlowUse,
    chosen: &mut FlowUse,
    flow: &Flow,
) -> bool {
    chosen.enabled = raw.enabled.unwrap_or(true);
    let written =
        WrittenSchedule { every: raw.every.as_ref(), cron: raw.cron.as_ref(), zone: raw.zone.as_ref() };
    let (schedule, mut fine) = checker.schedule(name.node, &written);
    let timed = flow.sources.iter().any(|source| source.schedule().is_some());
    if let (Some(written), false) = (raw.every.as_ref().or(raw.cron.as_ref()), timed) {
        let headline = format!("`{}` is told, and polls nothing", name.value);
        checker.report("schedule-without-poll", written.node, headline, "remove this key");
        fine = false;
    }
    let pairs = || flow.sources.iter().enumerate();
    for (index, _) in pairs().filter(|(_, source)| source.schedule().is_some()) {
        replace(&mut chosen.sources[index], schedule.as_ref());
    }
    let Some(full) = &raw.full else { return fine };
    if !flow.sources.iter().any(|source| matches!(source, Source::Poll { .. })) {
        let headline = format!("`{}` polls nothing, so there is nothing to read in full", name.value);
        checker.report("full-without-poll", full.node, headline, "remove `full`");
        return false;
    }
    let full = checker.some_time(full, "`full`");
    for (index, _) in pairs().filter(|(_, source)| matches!(source, Source::Poll { .. })) {
        chosen.sources[index].full = full;
    }
    fine && full.is_some()
}

fn replace(source: &mut SourceUse, schedule: Option<&Schedule>) {
    if let Some(schedule) = schedule {
        source.schedule = Some(schedule.clone());
    }
}

/// What is chosen for one of the flow's sources.
fn source_use(
    checker: &mut Checker<'_>,
    name: &Written<String>,
    raw: &Written<RawSourceUse>,
    chosen: &mut FlowUse,
    flow: &Flow,
    intake: bool,
) -> bool {
    let names: Vec<Option<String>> = flow.sources.iter().map(Source::name).collect();
    let Some(index) = names.iter().position(|known| known.as_deref() == Some(name.value.as_str())) else {
        let headline = format!("`{}` has no source `{}`", flow.name, name.value);
        let names = names.iter().flatten().map(String::as_str);
        checker.unknown("unknown-source", name.node, headline, names, "its sources are");
        return false;
    };
    let source = &mut chosen.sources[index];
    source.enabled = raw.enabled.unwrap_or(true);
    let polled = matches!(flow.sources[index], Source::Poll { .. });
    if !polled && raw.enabled == Some(true) && !intake {
        let headline = format!("`{}` is to be open, but nothing says where", name.value);
        let help =
            "add `intake: { listen: 127.0.0.1:8480, url: https://hooks.example.com }` to the configuration";
        checker.report("no-intake", name.node, headline, help);
        return false;
    }
    let keys = [("every", &raw.every), ("cron", &raw.cron), ("zone", &raw.zone), ("full", &raw.full)];
    let timed = keys.iter().find_map(|(key, written)| Some((key, written.as_ref()?)));
    if let (Some((key, written)), false) = (timed, polled) {
        let headline = format!("`{}` comes by itself, so `{key}` has no meaning for it", name.value);
        checker.report("schedule-without-poll", written.node, headline, "remove this key");
        return false;
    }
    let written =
        WrittenSchedule { every: raw.every.as_ref(), cron: raw.cron.as_ref(), zone: raw.zone.as_ref() };
    let (schedule, fine) = checker.schedule(name.node, &written);
    replace(source, schedule.as_ref());
    let Some(full) = &raw.full else { return fine };
    source.full = checker.some_time(full, "`full`");
    fine && source.full.is_some()
}
