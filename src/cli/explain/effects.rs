//! What must happen once, and how a lost answer is found out.

use serde::Serialize;
use serde_json::Value;

use super::story::{bare, sentence, value_words};
use crate::base::duration;
use crate::expression::ValueTemplate;
use crate::spec::model::{CreateEffect, Effect, Flow, Mapping, Step, StepKind, System};

/// One thing that must happen once.
#[derive(Debug, Serialize)]
pub struct Once {
    /// The step.
    pub step: String,
    /// `role.operation`.
    pub operation: String,
    /// How it is kept from happening twice, sentence by sentence.
    pub words: Vec<String>,
}

/// All of a flow.
pub fn of(mapping: &Mapping, flow: &Flow) -> Vec<Once> {
    let mut all = Vec::new();
    collect(mapping, &flow.steps, &mut all);
    all
}

fn collect(mapping: &Mapping, steps: &[Step], all: &mut Vec<Once>) {
    for step in steps {
        match &step.kind {
            StepKind::Call { role, operation, .. } => {
                if let Effect::Create(create) = &operation.effect {
                    let words = words(create, &mapping.systems[role]);
                    all.push(Once {
                        step: step.path.clone(),
                        operation: format!("{role}.{}", operation.name),
                        words,
                    });
                }
            }
            StepKind::ForEach { steps, .. } => collect(mapping, steps, all),
            _ => {}
        }
    }
}

fn words(create: &CreateEffect, system: &System) -> Vec<String> {
    let look_up = &create.lookup.operation;
    let mut words = vec![
        format!(
            "It is written down before it is sent, with `{}` as our name for it at {}.",
            bare(&create.reference),
            system.title
        ),
        format!(
            "If no answer comes, it is not sent again: after {} for a late effect and {} for the look-up to catch up, {} is \
             asked by that name (`{}`{}).",
            value_words(&create.late_effect, &system.settings),
            value_words(&create.lookup_lag, &system.settings),
            system.title,
            look_up.name,
            look_up
                .docs
                .as_deref()
                .map(|docs| format!(": {}", sentence(docs).trim_end_matches('.')))
                .unwrap_or_default(),
        ),
        "If it is found, the record goes on with what was found. If several are found, a person decides."
            .to_owned(),
        absent(create, system),
        format!(
            "If nothing can tell within {}, the record is in doubt and a person decides.",
            duration::display(create.give_up)
        ),
    ];
    if let Some(undo) = &create.compensate {
        words.push(format!(
            "`ml-connector undo` undoes it by `{}`, when a person says so.",
            undo.operation.name
        ));
    }
    words
}

fn absent(create: &CreateEffect, system: &System) -> String {
    let again = format!("it is sent again, at most {} times in all", create.attempts);
    let ask = "a person is asked before anything is sent again";
    match chosen(&create.when_absent, system).as_deref() {
        Some("recreate") => format!("If there is none, {again}."),
        Some("park") => {
            format!("If there is none, {ask} ({}).", value_words(&create.when_absent, &system.settings))
        }
        _ => format!(
            "If there is none: with `park` {ask}; with `recreate` {again} ({}).",
            value_words(&create.when_absent, &system.settings)
        ),
    }
}

/// What a setting says unless the operator says otherwise.
fn chosen(value: &ValueTemplate, system: &System) -> Option<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match value {
        ValueTemplate::Literal(value) => text(value),
        ValueTemplate::Template(template) => {
            let source = bare(template);
            text(system.settings.get(source.strip_prefix("settings.")?)?.default.as_ref()?)
        }
        _ => None,
    }
}
