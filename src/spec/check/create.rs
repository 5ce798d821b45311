//! Effects that must happen once: what must be known before one may be called.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use crate::expression::{Scope, Type, ValueTemplate};
use crate::spec::model::{CreateEffect, Effect, Operation, OperationCall};
use crate::spec::raw::Written;
use crate::spec::raw::operation::{RawCreate, RawOperationCall};
use crate::spec::tree::NodeId;

use super::checker::{Checker, scope};
use super::operation::{Draft, Surroundings};

/// The operations that a create may name: those that are finished, where their result was written, and the names of
/// all that are declared.
pub struct Others<'a> {
    pub finished: &'a IndexMap<String, Arc<Operation>>,
    pub results: &'a IndexMap<String, NodeId>,
    pub declared: &'a [&'a str],
}

/// Reads the effect of `draft`.
pub fn effect(
    checker: &mut Checker<'_>,
    around: &Surroundings<'_>,
    others: &Others<'_>,
    draft: &Draft,
    raw: &RawCreate,
) -> Option<Effect> {
    let before = scope([("settings", around.settings), ("input", &draft.input)]);
    let settings = scope([("settings", around.settings)]);
    let reference = raw.reference.as_ref().and_then(|it| checker.naming(it, &before, "the reference"));
    let lookup = raw.lookup.as_ref().and_then(|raw| lookup(checker, others, draft, raw, &before));
    let late_effect = raw.late_effect.as_ref().and_then(|it| checker.yields_duration(it, &settings));
    let lookup_lag = raw.lookup_lag.as_ref().and_then(|it| checker.yields_duration(it, &settings));
    let when_absent = raw.when_absent.as_ref().and_then(|it| when_absent(checker, it, &settings));
    let give_up = checker.duration_or(raw.give_up.as_ref(), Duration::from_secs(30 * 60));
    let refused = raw.refused.as_ref().and_then(|it| checker.condition(it, around.rules));
    let untouched = raw.untouched.as_ref().and_then(|it| checker.condition(it, around.rules));
    let mut after = before.clone();
    after.insert("result".to_owned(), draft.result.result_type());
    let compensate = match &raw.compensate {
        Some(raw) => call(checker, others, raw, &after, "compensate").map(Some),
        None => Some(None),
    };
    Some(Effect::Create(Box::new(CreateEffect {
        reference: reference?,
        lookup: lookup?,
        late_effect: late_effect?,
        lookup_lag: lookup_lag?,
        when_absent: when_absent?,
        attempts: raw.attempts.unwrap_or(3),
        give_up: give_up?,
        refused: refused?,
        untouched: untouched?,
        compensate: compensate?,
    })))
}

fn when_absent(checker: &mut Checker<'_>, written: &Written<String>, names: &Scope) -> Option<ValueTemplate> {
    if !written.contains("{{") {
        if ["park", "recreate"].contains(&written.as_str()) {
            return Some(ValueTemplate::Literal(written.value.clone().into()));
        }
        let headline = format!("`{}` is not a word for `when_absent`", written.value);
        checker.unknown(
            "unknown-word",
            written.node,
            headline,
            ["park", "recreate"].into_iter(),
            "write one of",
        );
        return None;
    }
    checker.naming(written, names, "`when_absent`").map(ValueTemplate::Template)
}

/// The operation that a `lookup:` or `compensate:` names, with its input.
fn call(
    checker: &mut Checker<'_>,
    others: &Others<'_>,
    raw: &RawOperationCall,
    names: &Scope,
    what: &str,
) -> Option<OperationCall> {
    let name = raw.operation.as_ref()?;
    let Some(operation) = others.finished.get(&name.value) else {
        if !others.declared.contains(&name.value.as_str()) {
            let headline = format!("there is no operation `{}`", name.value);
            let declared = others.declared.iter().copied();
            checker.unknown("unknown-operation", name.node, headline, declared, "the operations are");
        }
        return None;
    };
    if what == "lookup" && !matches!(operation.effect, Effect::Read) {
        let headline = format!("`{}` does more than read", name.value);
        let help = "a look-up is repeated, so it must be an operation with `effect: read`";
        checker.report("lookup-not-read", name.node, headline, help);
        return None;
    }
    if what == "compensate" && !matches!(operation.effect, Effect::Idempotent) {
        let headline = format!("`{}` is not safe to repeat, or undoes nothing", name.value);
        let help = "what undoes something is sent again when its answer is lost, so it must be an operation with `effect: \
                    idempotent`";
        checker.report("compensate-not-idempotent", name.node, headline, help);
        return None;
    }
    let with = super::system::input(checker, raw.with, name.node, &operation.input, names)?;
    Some(OperationCall { operation: Arc::clone(operation), with })
}

fn lookup(
    checker: &mut Checker<'_>,
    others: &Others<'_>,
    draft: &Draft,
    raw: &RawOperationCall,
    names: &Scope,
) -> Option<OperationCall> {
    let found = call(checker, others, raw, names, "lookup")?;
    let name = raw.operation.as_ref()?;
    let result_node = others.results.get(&found.operation.name).copied();
    let found_field = result_node.and_then(|node| checker.tree.entry(node, "found"));
    let found_value = match &found.operation.result {
        ValueTemplate::Object(fields) => fields.iter().find(|field| field.name == "found"),
        _ => None,
    };
    let (Some((key, node)), Some(field)) = (found_field, found_value) else {
        let headline = format!("the result of `{}` has no field `found`", name.value);
        let help = "a look-up yields `found:`, a list with one entry for each thing there is";
        checker.report("lookup-without-found", name.node, headline, help);
        return None;
    };
    let wanted = Type::list(draft.result.result_type());
    let before = checker.findings.len();
    let fine = checker.assign(&field.value, node, key, &wanted);
    let span = checker.tree.span(draft.result_node.unwrap_or(draft.node));
    for finding in &mut checker.findings[before..] {
        finding.notes.push(format!("each entry of `found` is shaped as the result of `{}`", draft.name));
        finding
            .secondary
            .push(crate::diagnostics::Label { span: span.clone(), text: "the result".to_owned() });
    }
    fine.then_some(found)
}
