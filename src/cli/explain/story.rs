//! What there is to tell of a mapping, taken from the checked model only.

use serde::Serialize;
use serde_json::Value;

use super::effects::{self, Once};
use super::steps;
use crate::base::duration;
use crate::expression::{Template, ValueTemplate};
use crate::spec::model::{
    AfterDone, CursorKind, Flow, Mapping, OnRefusal, Schedule, Setting, Source, System,
};

/// A mapping in words.
#[derive(Debug, Serialize)]
pub struct Story {
    /// Its name.
    pub mapping: String,
    /// What people call it.
    pub title: String,
    /// The revision of the mapping and its systems.
    pub revision: String,
    /// Each role with the title of its system.
    pub systems: Vec<(String, String)>,
    /// What moves.
    pub flows: Vec<FlowStory>,
    /// The mapping's settings.
    pub settings: Vec<SettingStory>,
}

/// A flow in words.
#[derive(Debug, Serialize)]
pub struct FlowStory {
    /// Its name.
    pub flow: String,
    /// What people call it.
    pub title: String,
    /// What is read when.
    pub reads: String,
    /// How new and changed records are found.
    pub finds: String,
    /// Which records are taken.
    pub takes: String,
    /// What names a record, and its work.
    pub names: String,
    /// What is done, in order.
    pub steps: Vec<StepStory>,
    /// What must happen once.
    pub once: Vec<Once>,
    /// What parks a record.
    pub parks: Vec<String>,
    /// What happens to a record that is refused.
    pub refusal: String,
    /// What happens when a record changes.
    pub change: String,
}

/// A step in words.
#[derive(Debug, Serialize)]
pub struct StepStory {
    /// Its path.
    pub step: String,
    /// Where it is written.
    pub place: String,
    /// What kind of step it is.
    pub kind: Kind,
    /// The condition under which it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What is done.
    pub words: String,
    /// A few words, for the diagram.
    pub label: String,
    /// For a check: how a record ends that fails it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<&'static str>,
    /// For a loop: what is done for each item.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepStory>,
}

/// What kind of step it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Asks something.
    Read,
    /// Tells something, as often as it takes.
    Repeatable,
    /// Does something once.
    Once,
    /// Goes on only if something holds.
    Check,
    /// Works something out.
    Work,
    /// Does steps for each item of a list.
    Loop,
}

/// A setting in words.
#[derive(Debug, Serialize)]
pub struct SettingStory {
    /// Its name.
    pub name: String,
    /// Its type.
    pub holds: String,
    /// Used when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

/// The story of a mapping.
pub fn of(mapping: &Mapping) -> Story {
    Story {
        mapping: mapping.name.clone(),
        title: mapping.title.clone(),
        revision: mapping.revision.clone(),
        systems: mapping.systems.iter().map(|(role, system)| (role.clone(), system.title.clone())).collect(),
        flows: mapping.flows.values().map(|flow| flow_story(mapping, flow)).collect(),
        settings: mapping.settings.iter().map(|(name, setting)| setting_story(name, setting)).collect(),
    }
}

fn flow_story(mapping: &Mapping, flow: &Flow) -> FlowStory {
    let (reads, finds): (Vec<String>, Vec<String>) =
        flow.sources.iter().map(|one| source(mapping, flow, one)).unzip();
    let (reads, mut finds) = (reads.join(" "), finds.join(" "));
    finds.extend(tables(mapping, flow));
    FlowStory {
        flow: flow.name.clone(),
        title: flow.title.clone(),
        reads,
        finds,
        takes: flow.select.as_ref().map_or_else(
            || "It takes every record.".to_owned(),
            |select| format!("It takes a record if `{}`; others are left alone.", bare(select)),
        ),
        names: format!(
            "A record is called `{}`; what is done for it, is done once for each `{}`.",
            bare(&flow.key),
            bare(&flow.idempotency_key)
        ),
        steps: steps::of(mapping, &flow.steps),
        once: effects::of(mapping, flow),
        parks: steps::parks(flow),
        refusal: refusal(flow.on_refusal).to_owned(),
        change: change(flow),
    }
}

/// Where records come from, and how new ones are found.
fn source(mapping: &Mapping, flow: &Flow, source: &Source) -> (String, String) {
    let when = source.schedule().map(|schedule| capital(&schedule_words(schedule))).unwrap_or_default();
    match source {
        Source::Poll { role, stream, full, .. } => {
            let system = &mapping.systems[role];
            let docs = stream.docs.as_deref().map(|docs| format!(": {}", sentence(docs))).unwrap_or_default();
            let mut finds = finds(&stream.cursor, system);
            if let Some(full) = full {
                finds.push_str(&format!(" At least every {} it reads everything.", duration::display(*full)));
            }
            if system.limits.take_turns {
                finds.push_str(&format!(
                    " {} is used by one poll or record at a time; the others wait.",
                    system.title
                ));
            }
            (format!("{when} it reads `{}` of {}{docs}", stream.name, system.title), finds)
        }
        Source::Schedule { .. } => (
            format!("{when} there is a record of its own, with the day and the time; it reads no system."),
            "Each time gives one record.".to_owned(),
        ),
        Source::Webhook { role, webhook } => {
            let docs =
                webhook.docs.as_deref().map(|docs| format!(": {}", sentence(docs))).unwrap_or_default();
            (
                format!("{} tells it by itself (`{}`){docs}", mapping.systems[role].title, webhook.name),
                "What is told is kept before it is acknowledged.".to_owned(),
            )
        }
        Source::Told => (told_by(mapping, flow), "Each record that is told is taken.".to_owned()),
    }
}

/// The flows that tell this one.
fn told_by(mapping: &Mapping, flow: &Flow) -> String {
    let tell = |other: &&Flow| other.tells.contains(&flow.name);
    let others = mapping.flows.values().map(|flow| flow.as_ref()).filter(tell);
    let others: Vec<&str> = others.map(|flow| flow.name.as_str()).collect();
    format!("It is told by {}.", listed(&others))
}

/// What the flow waits for: tables that other flows fill.
fn tables(mapping: &Mapping, flow: &Flow) -> Option<String> {
    let read: Vec<&str> = flow.reads_tables.iter().map(String::as_str).collect();
    let fills = |other: &&Flow| other.name != flow.name && !other.puts_tables.is_disjoint(&flow.reads_tables);
    let others = mapping.flows.values().map(|flow| flow.as_ref()).filter(fills);
    let others: Vec<&str> = others.map(|flow| flow.name.as_str()).collect();
    match (read.is_empty(), others.is_empty()) {
        (true, _) => None,
        (false, true) => Some(format!(" It looks into {}, which it fills itself.", listed(&read))),
        (false, false) => Some(format!(
            " It looks into {}, and begins only when {} has read its source whole once.",
            listed(&read),
            listed(&others)
        )),
    }
}

/// `every 15m`, or the cron expression with its zone.
fn schedule_words(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Every(every) => format!("every {}", duration::display(*every)),
        Schedule::Cron(cron) => {
            format!("by the clock (`{}`, {})", cron.cron, cron.zone.iana_name().unwrap_or("UTC"))
        }
    }
}

fn finds(cursor: &CursorKind, system: &System) -> String {
    match cursor {
        CursorKind::None => {
            "Every time it reads everything, and compares contents to find what is new or changed.".to_owned()
        }
        CursorKind::Timestamp { field, zone, overlap, reach } => {
            let reach = reach.as_ref().map_or_else(String::new, |reach| {
                format!(", but never further back than {} from now", value_words(reach, system))
            });
            format!(
                "New and changed records are found by `{field}` (in zone {}), reading back {} behind the newest it has \
                 seen{reach}.",
                value_words(zone, system),
                value_words(overlap, system)
            )
        }
        CursorKind::DateAndDecimalHours { date, time, zone, overlap } => format!(
            "New and changed records are found by `{date}` and `{time}` (in zone {}), reading back {} behind the newest it \
             has seen; a record that comes again unchanged is noticed and left alone.",
            value_words(zone, system),
            value_words(overlap, system)
        ),
        CursorKind::Day { field, back, zone } => format!(
            "New and changed records are found by the day in `{field}` (in zone {}), reading back {} days behind the \
             newest it has seen; a record that comes again unchanged is noticed and left alone.",
            value_words(zone, system),
            value_words(back, system)
        ),
        CursorKind::Keyset { field, back, .. } => {
            let behind = match back {
                ValueTemplate::Literal(Value::Number(back)) if back.as_u64() == Some(0) => String::new(),
                back => format!(", reading back {} behind it", value_words(back, system)),
            };
            format!("New records are those whose `{field}` is greater than the greatest it has seen{behind}.")
        }
        CursorKind::Token { next } => {
            format!("Each time it goes on from the mark that the last answer gave (`{}`).", bare(next))
        }
    }
}

fn refusal(on_refusal: OnRefusal) -> &'static str {
    match on_refusal {
        OnRefusal::Park => {
            "What is refused is parked: that record alone waits for a person, and is tried again by itself when it is \
             corrected at its source."
        }
        OnRefusal::Skip => "What is refused is left out.",
    }
}

fn change(flow: &Flow) -> String {
    let watched = flow.on_change.watch.as_ref().map_or_else(
        || "anything but fields that change by themselves".to_owned(),
        |watch| format!("`{}`", bare(watch)),
    );
    let then = match flow.on_change.after_done {
        AfterDone::Report => "is reported to people; nothing is sent again",
        AfterDone::Repeat => "goes through the steps again; what must happen once is not repeated",
        AfterDone::Ignore => "is left as it is",
    };
    format!("A record counts as changed when {watched} changes. One that changes after it was done {then}.")
}

fn setting_story(name: &str, setting: &Setting) -> SettingStory {
    SettingStory {
        name: name.to_owned(),
        holds: setting.ty.to_string(),
        default: setting.default.clone(),
        docs: setting.docs.clone(),
    }
}

/// A template without its braces, when it is one expression.
pub(super) fn bare(template: &Template) -> String {
    let source = template.source().trim();
    let inner = source.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let text = inner.filter(|inner| !inner.contains("{{")).unwrap_or(source);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a small tree of a system file yields, as far as it is known: `10m (setting overlap)`.
pub(super) fn value_words(value: &ValueTemplate, system: &System) -> String {
    match value {
        ValueTemplate::Literal(Value::String(text)) => text.clone(),
        ValueTemplate::Literal(other) => other.to_string(),
        ValueTemplate::Template(template) => {
            let source = bare(template);
            let name = source.strip_prefix("settings.").unwrap_or_default();
            match system.settings.get(name).and_then(|setting| setting.default.as_ref()) {
                Some(Value::String(default)) => format!("{default} (setting `{name}`)"),
                Some(default) => format!("{default} (setting `{name}`)"),
                None => format!("`{source}`"),
            }
        }
        _ => "a value it works out".to_owned(),
    }
}

/// Docs as a sentence with an end.
pub(super) fn sentence(docs: &str) -> String {
    let docs = docs.split_whitespace().collect::<Vec<_>>().join(" ");
    if docs.ends_with(['.', '!', '?']) { docs } else { format!("{docs}.") }
}

pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [first @ .., last] => format!("`{}` and `{last}`", first.join("`, `")),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_together() {
        assert_eq!(listed(&["a"]), "`a`");
        assert_eq!(listed(&["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(sentence("Sales orders,\n  with lines"), "Sales orders, with lines.");
        assert_eq!(capital("every 15m"), "Every 15m");
        assert_eq!(schedule_words(&Schedule::Every(std::time::Duration::from_secs(900))), "every 15m");
    }

    #[test]
    fn the_shipped_mapping_is_told() {
        let (mapping, _) =
            crate::spec::load_shipped("sage100-ups", &mut crate::diagnostics::Sources::default());
        let story = of(&mapping.unwrap());
        let flow = &story.flows[0];
        assert!(flow.reads.starts_with("Every 15m it reads `sales_orders` of Sage 100"), "{}", flow.reads);
        assert_eq!(flow.once.len(), 1);
        assert_eq!(flow.once[0].operation, "carrier.create_shipment");
        assert!(
            flow.once[0].words[1].contains("after 3m (setting `late_effect`)"),
            "{:?}",
            flow.once[0].words
        );
        assert!(flow.parks.iter().any(|reason| reason.contains("weighs nothing")), "{:?}", flow.parks);
        assert!(flow.change.ends_with("is reported to people; nothing is sent again."));
    }
}
