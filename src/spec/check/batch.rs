//! Many inputs in one call: which item of the answer belongs to which input, and what it means.

use std::time::Duration;

use crate::expression::{Selector, Template, Type};
use crate::spec::model::Batch;
use crate::spec::raw::Written;
use crate::spec::raw::operation::{RawBatch, RawBatchMatch};

use super::answers;
use super::checker::{Checker, scope};

const WAIT: Duration = Duration::from_millis(500);

/// Reads how an operation is done for many inputs at once.
pub fn batch(
    checker: &mut Checker<'_>,
    settings: &Type,
    input: &Type,
    answer: &Type,
    raw: &Written<RawBatch>,
) -> Option<Batch> {
    let wait = checker.duration_or(raw.wait.as_ref(), WAIT);
    let items = raw.items.as_ref().and_then(|path| items(checker, path, answer));
    let item = items.as_ref().map_or(Type::Any, item_type);
    let names = scope([("settings", settings), ("item", &item)]);
    let match_ = match &raw.matching {
        Some(raw) => matching(checker, settings, input, &item, raw).map(Some),
        None => Some(None),
    };
    let answers = answers::rules(checker, &raw.answers, &names);
    let message = match &raw.message {
        Some(message) => answers::reason(checker, message, &names).map(Some),
        None => Some(None),
    };
    Some(Batch {
        most: raw.most?,
        wait: wait?,
        items: items?,
        match_: match_?,
        answers: answers?,
        message: message?,
    })
}

/// The type of one item.
pub fn item_type(items: &Selector) -> Type {
    match items.result_type().required() {
        Type::List(item) => (**item).clone(),
        _ => Type::Any,
    }
}

fn items(checker: &mut Checker<'_>, path: &Written<String>, answer: &Type) -> Option<Selector> {
    if !path.starts_with('$') {
        let help = format!("write a JSONPath such as `$.{}[*]`", path.trim_matches(['{', '}', ' ']));
        checker.report("invalid-path", path.node, "a JSONPath begins with `$`", help);
        return None;
    }
    let selector = checker.path(path.node, path, answer)?;
    let ty = selector.result_type().required();
    if !matches!(ty, Type::Any | Type::List(_)) {
        let headline = format!("these are not the items: it is {ty}, but a list is wanted");
        let help = "pick one item for each input, for example with `$.results[*]`";
        checker.report("does-not-fit", path.node, headline, help);
        return None;
    }
    Some(selector)
}

fn matching(
    checker: &mut Checker<'_>,
    settings: &Type,
    input: &Type,
    item: &Type,
    raw: &RawBatchMatch,
) -> Option<(Template, Template)> {
    let left = scope([("settings", settings), ("input", input)]);
    let right = scope([("settings", settings), ("item", item)]);
    let left = raw.input.as_ref().and_then(|it| checker.naming(it, &left, "the name of an input"));
    let right = raw.item.as_ref().and_then(|it| answers::reason(checker, it, &right));
    Some((left?, right?))
}
