//! The steps of a flow in words, and what parks a record on its way through them.

use super::story::{Kind, StepStory, bare, listed, sentence};
use crate::base::duration;
use crate::expression::{Template, ValueTemplate};
use crate::spec::model::{
    CallRefusal, Effect, Flow, Mapping, OnRefusal, Operation, OtherwiseAction, Step, StepKind, System,
    every_step,
};

/// Steps in words.
pub fn of(mapping: &Mapping, steps: &[Step]) -> Vec<StepStory> {
    steps.iter().map(|step| one(mapping, step)).collect()
}

fn one(mapping: &Mapping, step: &Step) -> StepStory {
    let mut otherwise = None;
    let (kind, words, label, steps) = match &step.kind {
        StepKind::Call { role, operation, cache, on_refusal, .. } => {
            let (kind, mut words, label, steps) = call(&mapping.systems[role], operation);
            if let Some(cache) = cache {
                words.push_str(&format!(
                    " What it says is used again for the same question for {}.",
                    duration::display(*cache)
                ));
            }
            if *on_refusal == CallRefusal::GoOn {
                words.push_str(" If it is refused, the steps go on without it.");
            }
            (kind, words, label, steps)
        }
        StepKind::Check { condition, otherwise: check } => {
            let end = ended(check.action);
            otherwise = Some(end);
            let (holds, why) = (bare(condition), check.message.source());
            (
                Kind::Check,
                format!("Goes on only if `{holds}`; otherwise the record is {end}: “{why}”."),
                format!("{holds}?"),
                Vec::new(),
            )
        }
        StepKind::Set(names) => {
            let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
            (
                Kind::Work,
                format!("Works out {}.", listed(&names)),
                format!("work out {}", names.join(", ")),
                Vec::new(),
            )
        }
        StepKind::Link(links) => {
            let kinds: Vec<&str> = links.iter().map(|(kind, _)| kind.as_str()).collect();
            let words = format!("Makes the record findable by its {}.", listed(&kinds));
            (Kind::Work, words, format!("findable by {}", kinds.join(", ")), Vec::new())
        }
        StepKind::Put(rows) => {
            let row = |(table, key, _): &(String, Template, ValueTemplate)| {
                format!("a row into `{table}`, by `{}`", bare(key))
            };
            let words = rows.iter().map(row).collect::<Vec<_>>().join("; ");
            let tables: Vec<&str> = rows.iter().map(|(table, _, _)| table.as_str()).collect();
            (Kind::Work, format!("Puts {words}."), format!("put into {}", tables.join(", ")), Vec::new())
        }
        StepKind::ForEach { list, name, key, steps, give } => {
            let mut words = format!("For each `{name}` of `{}`", bare(list));
            if let Some(key) = key {
                words = format!("{words}, known by `{}`", bare(key));
            }
            if let (Some(_), Some(id)) = (give, &step.id) {
                words = format!("{words}, giving the list `{id}`");
            }
            words.push(':');
            let steps = of(mapping, steps);
            (Kind::Loop, words, format!("for each {name}"), steps)
        }
        StepKind::Find { kind, value, flow, wait, otherwise: check } => {
            let end = ended(check.action);
            otherwise = Some(end);
            let whose = flow.as_ref().map(|flow| format!(" of `{flow}`")).unwrap_or_default();
            let words = format!(
                "Finds the record{whose} whose {kind} is `{}`, waits up to {} for it, and holds it until the end; \
                 without it the record is {end}: “{}”.",
                bare(value),
                duration::display(*wait),
                check.message.source()
            );
            (Kind::Check, words, format!("is there one with this {kind}?"), Vec::new())
        }
        StepKind::Tell(told) => {
            let flows: Vec<&str> = told.iter().map(|(flow, _)| flow.as_str()).collect();
            (
                Kind::Work,
                format!("Tells {}.", listed(&flows)),
                format!("tell {}", flows.join(", ")),
                Vec::new(),
            )
        }
    };
    let tells = match &step.kind {
        StepKind::Tell(told) => told.iter().map(|(flow, _)| flow.clone()).collect(),
        _ => Vec::new(),
    };
    StepStory {
        tells,
        step: step.path.clone(),
        place: step.place.to_string(),
        kind,
        when: step.when.as_ref().map(bare),
        words,
        label,
        otherwise,
        steps,
    }
}

/// How a record ends that goes no further.
fn ended(action: OtherwiseAction) -> &'static str {
    match action {
        OtherwiseAction::Park => "parked",
        OtherwiseAction::Skip => "left out",
        OtherwiseAction::Report => "done, and people are told",
        OtherwiseAction::Done => "done",
    }
}

fn call(system: &System, operation: &Operation) -> (Kind, String, String, Vec<StepStory>) {
    let docs = operation.docs.as_deref().map_or_else(|| format!("`{}`.", operation.name), sentence);
    let (kind, lead, tail) = match operation.effect {
        Effect::Read => (Kind::Read, "Asks", ""),
        Effect::Idempotent => {
            (Kind::Repeatable, "Tells", " Saying it again is harmless, so it is repeated until it works.")
        }
        Effect::Create(_) => (Kind::Once, "Orders, once, from", ""),
    };
    let mut words = format!("{lead} {} (`{}`): {docs}{tail}", system.title, operation.name);
    if let Some(batch) = &operation.batch {
        words.push_str(&format!(
            " Up to {} records share one call, which waits {} for company; each has an outcome of its own.",
            batch.most,
            duration::display(batch.wait)
        ));
    }
    (kind, words, format!("{}: {}", system.title, operation.name.replace('_', " ")), Vec::new())
}

/// What parks a record, in the order it can happen.
pub fn parks(flow: &Flow) -> Vec<String> {
    let mut reasons = Vec::new();
    checks(&flow.steps, &mut reasons);
    let mut calls = Vec::new();
    every_step(&flow.steps, &mut |step| {
        if let StepKind::Call { on_refusal, .. } = &step.kind {
            calls.push(*on_refusal);
        }
    });
    if flow.on_refusal == OnRefusal::Park && calls.contains(&CallRefusal::Default) {
        reasons.push("A system refuses what it is asked or told; its full answer is kept.".to_owned());
    }
    if !calls.is_empty() {
        reasons.push(
            "A call that may be repeated has failed as often as the system's `limits.retry` allows."
                .to_owned(),
        );
    }
    reasons
}

fn checks(steps: &[Step], reasons: &mut Vec<String>) {
    for step in steps {
        match &step.kind {
            StepKind::Check { otherwise, .. } | StepKind::Find { otherwise, .. }
                if otherwise.action == OtherwiseAction::Park =>
            {
                reasons.push(format!("“{}” (step {})", otherwise.message.source(), step.path));
            }
            StepKind::ForEach { steps, .. } => checks(steps, reasons),
            _ => {}
        }
    }
}
