//! What is to come of the record of a test.

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use crate::expression::Type;
use crate::spec::model::{Expectation, ExpectedCall, ExpectedRequest, Flow, StepKind, TestState, every_step};
use crate::spec::raw::test::{RawExpectation, RawExpectedCall, RawExpectedRequest, RawTestState};
use crate::spec::raw::{AnyTree, Table, Written};
use crate::spec::tree::{Content, NodeId};

use super::checker::Checker;
use super::request::method;
use super::test::{Calls, Tested, called, rows};

/// Reads what is to come of a record.
pub fn expectation(
    checker: &mut Checker<'_>,
    about: &Tested<'_>,
    flow: &Flow,
    calls: &Calls<'_>,
    raw: &Written<RawExpectation>,
) -> Option<Expectation> {
    let expected: Option<Vec<Option<ExpectedCall>>> = raw
        .calls
        .as_ref()
        .map(|calls_| calls_.iter().map(|raw| expected_call(checker, calls, raw)).collect());
    let expected = match expected {
        Some(expected) => expected.into_iter().collect::<Option<Vec<_>>>().map(Some),
        None => Some(None),
    };
    let tables = rows(checker, about.tables, &raw.tables, false);
    let tells = tells(checker, about, flow, &raw.tells);
    let again = again(checker, flow, raw);
    let links: Vec<_> = raw.links.iter().flat_map(|links| links.iter()).collect();
    let mut fine = true;
    for (kind, _) in &links {
        fine &= link(checker, flow, kind);
    }
    let values = |list: &Vec<Written<String>>| list.iter().map(|text| text.value.clone()).collect();
    let build = || {
        Some(Expectation {
            state: raw.state.map(state),
            reason: raw.reason.as_ref().map(|reason| reason.value.clone()),
            calls: expected?,
            links: links.into_iter().map(|(kind, list)| (kind.value.clone(), values(list))).collect(),
            tables: tables?,
            notices: raw.notices.as_ref().map(values),
            tells: tells?,
            again: again?,
        })
    };
    build().filter(|_| fine)
}

/// Whether some step of the flow makes links of this kind.
fn link(checker: &mut Checker<'_>, flow: &Flow, kind: &Written<String>) -> bool {
    let mut kinds = Vec::new();
    every_step(&flow.steps, &mut |step| {
        if let StepKind::Link(links) = &step.kind {
            kinds.extend(links.iter().map(|(kind, _)| kind.as_str()));
        }
    });
    let found = kinds.contains(&kind.value.as_str());
    if !found {
        let headline = format!("`{}` makes no link `{}`", flow.name, kind.value);
        checker.unknown("unknown-link", kind.node, headline, kinds.into_iter(), "the kinds of links are");
    }
    found
}

fn state(raw: RawTestState) -> TestState {
    match raw {
        RawTestState::Done => TestState::Done,
        RawTestState::Parked => TestState::Parked,
        RawTestState::Skipped => TestState::Skipped,
        RawTestState::InDoubt => TestState::InDoubt,
        RawTestState::Waiting => TestState::Waiting,
    }
}

fn expected_call(
    checker: &mut Checker<'_>,
    calls: &Calls<'_>,
    raw: &Written<RawExpectedCall>,
) -> Option<ExpectedCall> {
    let step = raw.step.as_ref()?;
    let operation = called(checker, calls, step)?;
    let input = raw.input.map(|AnyTree(node)| node);
    let fine = input.is_none_or(|node| known_fields(checker, node, &operation.input));
    let call = ExpectedCall {
        step: step.value.clone(),
        input: input.map(|node| checker.tree.json(node)),
        request: raw.request.as_ref().map(|raw| expected_request(checker, raw)),
        place: checker.place(step.node),
    };
    fine.then_some(call)
}

/// Whether the fields that are expected of a value can be there at all.
pub fn known_fields(checker: &mut Checker<'_>, node: NodeId, ty: &Type) -> bool {
    match (checker.tree.content(node), ty.required()) {
        (Content::Map(entries), Type::Object(object)) => {
            let mut fine = true;
            for (key, value) in entries {
                fine &= match object.fields.get(checker.text(*key)) {
                    Some(field) => known_fields(checker, *value, &field.ty),
                    None => checker.unknown_field(*key, checker.text(*key), object),
                };
            }
            fine
        }
        (Content::List(items), Type::List(item)) => {
            items.iter().fold(true, |fine, value| fine & known_fields(checker, *value, item))
        }
        _ => true,
    }
}

fn expected_request(checker: &Checker<'_>, raw: &RawExpectedRequest) -> ExpectedRequest {
    let texts = |table: &Option<Table<Written<String>>>| -> IndexMap<String, String> {
        table.iter().flat_map(texts).collect()
    };
    ExpectedRequest {
        method: raw.method.map(method),
        path: raw.path.as_ref().map(|path| path.value.clone()),
        query: texts(&raw.query),
        headers: texts(&raw.headers)
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect(),
        body: raw.body.map(|AnyTree(node)| checker.tree.json(node)),
    }
}

/// Names and their text.
pub fn texts(table: &Table<Written<String>>) -> impl Iterator<Item = (String, String)> {
    table.iter().map(|(name, value)| (name.value.clone(), value.value.clone()))
}

/// What other flows are told; each must be one that the flow tells.
fn tells(
    checker: &mut Checker<'_>,
    about: &Tested<'_>,
    flow: &Flow,
    raw: &Table<Written<Vec<AnyTree>>>,
) -> Option<IndexMap<String, Vec<Value>>> {
    let mut told = IndexMap::new();
    let mut fine = true;
    for (name, records) in raw.iter() {
        if !flow.tells.contains(&name.value) {
            let headline = format!("`{}` does not tell `{}`", flow.name, name.value);
            let names = flow.tells.iter().map(String::as_str);
            checker.unknown("unknown-flow", name.node, headline, names, "it tells");
            fine = false;
            continue;
        }
        let ty = about.known.get(&name.value).map_or(Type::Any, |known| known.record.clone());
        for AnyTree(node) in &records.value {
            fine &= known_fields(checker, *node, &ty);
        }
        let records = records.value.iter().map(|AnyTree(node)| checker.tree.json(*node)).collect();
        told.insert(name.value.clone(), records);
    }
    fine.then_some(told)
}

/// When it comes again: `null` says that it does not, which is more than saying nothing.
fn again(
    checker: &mut Checker<'_>,
    flow: &Flow,
    raw: &Written<RawExpectation>,
) -> Option<Option<Option<Duration>>> {
    let Some((key, node)) = checker.tree.entry(raw.node, "again") else { return Some(None) };
    if flow.again.is_none() {
        let headline = format!("records of `{}` never come again", flow.name);
        checker.report("again-not-there", key, headline, "remove `again`, or add it to the flow");
        return None;
    }
    match checker.tree.as_text(node) {
        Some(text) => {
            let written = Written { value: text.to_owned(), node };
            checker.duration(&written).map(|time| Some(Some(time)))
        }
        None => Some(Some(None)),
    }
}
