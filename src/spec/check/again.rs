//! When a record that is done comes again.

use serde_json::Value;

use crate::base::duration;
use crate::expression::{Scope, Type, ValueTemplate};
use crate::spec::model::Again;
use crate::spec::raw::mapping::RawAgain;
use crate::spec::raw::{AnyTree, Written};
use crate::spec::tree::{Content, NodeId};

use super::checker::Checker;

/// Reads when; `names` is what a step after the last would see.
pub fn again(checker: &mut Checker<'_>, raw: &RawAgain, names: &Scope) -> Option<Again> {
    let after = raw.after.and_then(|tree| time(checker, tree, names, "`after`"));
    let give_up = match raw.give_up {
        Some(tree) => time(checker, tree, names, "`give_up`").map(Some),
        None => Some(None),
    };
    Some(Again { after: after?, give_up: give_up? })
}

/// A duration, or what yields one, or nothing.
fn time(
    checker: &mut Checker<'_>,
    AnyTree(node): AnyTree,
    names: &Scope,
    what: &str,
) -> Option<ValueTemplate> {
    if let Some(text) = checker.tree.as_text(node).filter(|text| !text.contains("{{")) {
        let written = Written { value: text.to_owned(), node };
        checker.some_time(&written, what)?;
        return Some(ValueTemplate::Literal(text.into()));
    }
    let value = checker.values(node, names, None)?;
    let wanted = Type::Duration.optional();
    (checker.assign(&value, node, node, &wanted) & yields_time(checker, &value, node)).then_some(value)
}

/// Whether templates yield durations and not just any text.
fn yields_time(checker: &mut Checker<'_>, value: &ValueTemplate, node: NodeId) -> bool {
    match value {
        ValueTemplate::When { give, otherwise, .. } => {
            let below = |key: &str| checker.tree.entry(node, key).map_or(node, |(_, inner)| inner);
            let (first, second) = (below("give"), below("otherwise"));
            let fine = yields_time(checker, give, first);
            otherwise.as_ref().is_none_or(|value| yields_time(checker, value, second)) & fine
        }
        ValueTemplate::Set { give, .. } => {
            let inner = checker.tree.entry(node, "give").map_or(node, |(_, inner)| inner);
            yields_time(checker, give, inner)
        }
        ValueTemplate::Literal(Value::String(text)) if duration::parse(text).is_ok() => {
            checker.some_time(&Written { value: text.clone(), node }, "this time").is_some()
        }
        ValueTemplate::Template(template)
            if matches!(template.result_type().required(), Type::Text { .. })
                && matches!(checker.tree.content(node), Content::Text(_)) =>
        {
            let headline = format!("this must be a duration, but it is {}", template.result_type());
            checker.report("does-not-fit", node, headline, "declare the setting with `type: duration`");
            false
        }
        _ => true,
    }
}
