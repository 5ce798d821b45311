//! What there is to tell of a mapping, taken from the checked model only.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use super::effects::{self, Once};
use super::{sources, steps};
use crate::expression::{Template, ValueTemplate};
use crate::spec::model::{AfterDone, Again, Flow, Mapping, Merge, OnRefusal, Setting};

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
    /// Where records come from.
    pub sources: Vec<SourceStory>,
    /// What it waits for before it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
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
    /// Which of two tellings about one record counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge: Option<String>,
    /// When a record that is done comes again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
}

/// A source in words.
#[derive(Debug, Serialize)]
pub struct SourceStory {
    /// What is read when, or who tells it.
    pub reads: String,
    /// How new and changed records are found.
    pub finds: String,
    /// Whether other flows tell it.
    pub told: bool,
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
    /// The flows that it tells.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tells: Vec<String>,
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
    FlowStory {
        flow: flow.name.clone(),
        title: flow.title.clone(),
        sources: flow.sources.iter().map(|source| sources::of(mapping, flow, source)).collect(),
        waits: tables(mapping, flow),
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
        merge: flow.merge.as_ref().map(merge),
        again: flow.again.as_ref().map(|again| self::again(again, mapping)),
    }
}

/// Which of two tellings counts.
fn merge(merge: &Merge) -> String {
    let kept: Vec<&str> = merge.keep.iter().map(String::as_str).collect();
    let kept = match kept.is_empty() {
        true => String::new(),
        false => format!(" What it lacks of {} stays as the other said.", listed(&kept)),
    };
    format!(
        "Of two tellings about one record the one counts whose `{}` is later, whichever comes first.{kept}",
        bare(&merge.by)
    )
}

/// When a record comes again.
fn again(again: &Again, mapping: &Mapping) -> String {
    let until = again.give_up.as_ref().map_or_else(String::new, |give_up| {
        format!(", until {} have passed since it was first seen", value_words(give_up, &mapping.settings))
    });
    format!(
        "A record whose steps have come to their end comes again after {}{until}.",
        value_words(&again.after, &mapping.settings)
    )
}

/// What the flow waits for: tables that other flows fill.
fn tables(mapping: &Mapping, flow: &Flow) -> Option<String> {
    let read: Vec<&str> = flow.reads_tables.iter().map(String::as_str).collect();
    let fills = |other: &&Flow| other.name != flow.name && !other.puts_tables.is_disjoint(&flow.reads_tables);
    let others = mapping.flows.values().map(|flow| flow.as_ref()).filter(fills);
    let others: Vec<&str> = others.map(|flow| flow.name.as_str()).collect();
    match (read.is_empty(), others.is_empty()) {
        (true, _) => None,
        (false, true) => Some(format!("It looks into {}, which it fills itself.", listed(&read))),
        (false, false) => Some(format!(
            "It looks into {}, and begins only when {} has read its source whole once.",
            listed(&read),
            listed(&others)
        )),
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

/// What a small tree yields, as far as it is known: `10m (setting overlap)`.
pub(super) fn value_words(value: &ValueTemplate, settings: &IndexMap<String, Setting>) -> String {
    match value {
        ValueTemplate::Literal(Value::String(text)) => text.clone(),
        ValueTemplate::Literal(other) => other.to_string(),
        ValueTemplate::Template(template) => {
            let source = bare(template);
            let name = source.strip_prefix("settings.").unwrap_or_default();
            match settings.get(name).and_then(|setting| setting.default.as_ref()) {
                Some(Value::String(default)) => format!("{default} (setting `{name}`)"),
                Some(default) => format!("{default} (setting `{name}`)"),
                None => format!("`{source}`"),
            }
        }
        ValueTemplate::When { condition, give, otherwise } => {
            let first = format!("{} if `{}`", value_words(give, settings), bare(condition));
            match otherwise {
                Some(otherwise) => format!("{first}, else {}", value_words(otherwise, settings)),
                None => first,
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

pub(super) fn capital(text: &str) -> String {
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
    }

    #[test]
    fn what_is_told_found_and_comes_again_is_told() {
        let path = std::path::Path::new("tests/specs/ok/tracking-mapping.yaml");
        let (mapping, _) = crate::spec::load_mapping(path, &mut crate::diagnostics::Sources::default());
        let story = of(&mapping.unwrap());
        let [ship, watch, moved] = &story.flows[..] else { panic!() };
        assert_eq!(watch.sources[0].reads, "It is told by `ship` and `moved`.");
        assert_eq!(
            watch.again.as_deref(),
            Some(
                "A record whose steps have come to their end comes again after 6h (setting `look`) if `not \
                 parcel.delivered`, until 90d (setting `give_up`) have passed since it was first seen."
            )
        );
        assert_eq!(
            moved.merge.as_deref(),
            Some(
                "Of two tellings about one record the one counts whose `[event.rank, event.at]` is later, whichever \
                 comes first. What it lacks of `at` stays as the other said."
            )
        );
        assert_eq!((&ship.steps[1].words[..], ship.steps[1].tells.len()), ("Tells `watch` and `moved`.", 2));
        assert_eq!(
            moved.steps[0].words,
            "Finds the record of `ship` whose tracking_number is `event.number`, waits up to 2d for it, and holds it \
             until the end; without it the record is left out: “no order of ours has the parcel {{ event.number \
             }}”."
        );
        let diagram = crate::cli::explain::diagram::of(&story);
        for line in
            ["told_moved([\"It is told by 'ship' and 'watch'.\"])", "-.-> told_watch", "-.-> told_moved"]
        {
            assert!(diagram.contains(line), "{line} is not in\n{diagram}");
        }
    }

    #[test]
    fn the_shipped_mapping_is_told() {
        let (mapping, _) =
            crate::spec::load_shipped("sage100-ups", &mut crate::diagnostics::Sources::default());
        let story = of(&mapping.unwrap());
        let flow = &story.flows[0];
        let reads = &flow.sources[0].reads;
        assert!(reads.starts_with("Every 15m it reads `sales_orders` of Sage 100"), "{reads}");
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
