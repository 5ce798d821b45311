//! The examples of a mapping: do they name what there is, and do their values fit?

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use crate::expression::{Type, normalise};
use crate::spec::model::{
    Expectation, ExpectedCall, ExpectedRequest, Flow, MappingTest, Operation, Replies, Reply, Setting,
    StepKind, System, TestState, every_step,
};
use crate::spec::raw::test::{
    RawExpectation, RawExpectedCall, RawExpectedRequest, RawReply, RawTest, RawTestState,
};
use crate::spec::raw::{AnyTree, OneOrMore, Table, Written};
use crate::spec::tree::{Content, NodeId};

use super::checker::Checker;
use super::mapping::Roles;
use super::request::method;
use super::settings;
use super::tables::Tables;

/// What a test is about.
pub struct Tested<'a> {
    /// The systems by role.
    pub roles: &'a Roles,
    /// The mapping's settings.
    pub settings: &'a IndexMap<String, Setting>,
    /// The mapping's tables.
    pub tables: &'a Tables,
    /// The flows that are fine.
    pub flows: &'a IndexMap<String, Arc<Flow>>,
}

/// Reads the tests of a mapping; `None` when one has a finding, or is about something that has.
pub fn tests(
    checker: &mut Checker<'_>,
    about: &Tested<'_>,
    raw: &[Written<RawTest>],
) -> Option<Vec<MappingTest>> {
    let mut seen: Vec<&str> = Vec::new();
    let mut tests = Vec::new();
    for raw in raw {
        if let Some(name) = &raw.name {
            if seen.contains(&name.value.as_str()) {
                let headline = format!("there is a test `{}` already", name.value);
                checker.report("name-taken", name.node, headline, "say what sets this one apart");
            }
            seen.push(&name.value);
        }
        tests.push(test(checker, about, raw));
    }
    tests.into_iter().collect()
}

fn test(checker: &mut Checker<'_>, about: &Tested<'_>, raw: &Written<RawTest>) -> Option<MappingTest> {
    let head = raw.name.as_ref().map_or(raw.node, |name| name.node);
    let settings =
        settings::apply(checker, about.settings, raw.settings.as_ref(), head, "the mapping", "settings");
    let connections = connections(checker, about, &raw.connections, head);
    let tables = rows(checker, about.tables, &raw.tables, true);
    let flow = raw.flow.as_ref().and_then(|name| flow(checker, about, name));
    let (flow, expect) = (flow?, raw.expect.as_ref()?);
    let calls = calls(flow);
    let key = checker.tree.entry(raw.node, "record").map_or(head, |(key, _)| key);
    let record = raw.record.and_then(|AnyTree(node)| record(checker, flow, node, key));
    let replies = replies(checker, &calls, &raw.replies);
    let expect = expectation(checker, about, flow, &calls, expect);
    Some(MappingTest {
        name: raw.name.as_ref()?.value.clone(),
        flow: flow.name.clone(),
        settings: settings?,
        connections: connections?,
        tables: tables?,
        links: IndexMap::new(),
        record: record?,
        replies: replies?,
        expect: expect?,
        place: checker.place(head),
    })
}

fn flow<'a>(checker: &mut Checker<'_>, about: &Tested<'a>, name: &Written<String>) -> Option<&'a Flow> {
    let found = about.flows.get(&name.value).map(Arc::as_ref);
    let all = checker.names_below("flows");
    if found.is_none() && !all.contains(&name.value.as_str()) {
        let headline = format!("there is no flow `{}`", name.value);
        checker.unknown("unknown-flow", name.node, headline, all.into_iter(), "the flows are");
    }
    found
}

/// The settings of every role's system.
fn connections(
    checker: &mut Checker<'_>,
    about: &Tested<'_>,
    raw: &Table<Written<Table<AnyTree>>>,
    head: NodeId,
) -> Option<IndexMap<String, Value>> {
    for (role, _) in raw.iter().filter(|(role, _)| !about.roles.contains_key(&role.value)) {
        let headline = format!("there is no role `{}` under `systems`", role.value);
        let names = about.roles.keys().map(String::as_str);
        checker.unknown("unknown-role", role.node, headline, names, "the roles are");
    }
    let mut found = IndexMap::new();
    let mut fine = true;
    for (role, system) in about.roles {
        let system: Option<&Arc<System>> = system.as_ref().and_then(|checked| checked.system.as_ref());
        let Some(system) = system else {
            fine = false;
            continue;
        };
        let place = raw.iter().find(|(name, _)| name.value == *role).map_or(head, |(name, _)| name.node);
        let owner = format!("`{}`", system.name);
        let below = format!("connections: {role}");
        match settings::apply(checker, &system.settings, raw.get(role), place, &owner, &below) {
            Some(values) => {
                found.insert(role.clone(), values);
            }
            None => fine = false,
        }
    }
    fine.then_some(found)
}

/// Rows of tables; `whole` ones must fit their type.
fn rows(
    checker: &mut Checker<'_>,
    tables: &Tables,
    raw: &Table<Written<Table<AnyTree>>>,
    whole: bool,
) -> Option<IndexMap<String, IndexMap<String, Value>>> {
    let mut found = IndexMap::new();
    let mut fine = true;
    for (table, rows) in raw.iter() {
        if !tables.names.contains(&table.value) {
            tables.unknown(checker, table);
            fine = false;
            continue;
        }
        let ty = tables.declared.get(&table.value).map_or(Type::Any, |table| table.ty.clone());
        let mut kept = IndexMap::new();
        for (key, AnyTree(node)) in rows.value.iter() {
            fine &= match whole {
                true => checker.literal(*node, key.node, &ty),
                false => known_fields(checker, *node, &ty),
            };
            let value = checker.tree.json(*node);
            let value = if whole { normalise(value.clone(), &ty).unwrap_or(value) } else { value };
            kept.insert(key.value.clone(), value);
        }
        found.insert(table.value.clone(), kept);
    }
    fine.then_some(found)
}

/// The record as its source gives it; it must have the shape that the stream declares.
fn record(checker: &mut Checker<'_>, flow: &Flow, node: NodeId, head: NodeId) -> Option<Value> {
    let record = checker.tree.json(node);
    let Err(mismatches) = normalise(record.clone(), &flow.record_type) else { return Some(record) };
    for mismatch in mismatches.iter().take(5) {
        let place = locate(checker, node, &mismatch.path).unwrap_or(head);
        let headline = format!("the record is not one of `{}`: {}", flow.name, mismatch.message);
        let help = format!("correct `{}`: write the record as the system gives it", mismatch.path);
        checker.report("unfit-record", place, headline, help);
    }
    None
}

/// The node at a path such as `Lines[0].Quantity`.
fn locate(checker: &Checker<'_>, node: NodeId, path: &str) -> Option<NodeId> {
    let path = path.trim_start_matches('.');
    if path.is_empty() {
        return Some(node);
    }
    if let Some((index, rest)) = path.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return locate(checker, *checker.tree.items(node).get(index.parse::<usize>().ok()?)?, rest);
    }
    checker.tree.entries(node).iter().find_map(|(key, value)| {
        let rest = path.strip_prefix(checker.text(*key))?;
        (rest.is_empty() || rest.starts_with(['.', '['])).then(|| locate(checker, *value, rest))?
    })
}

/// The calls of a flow by the paths of their steps.
fn calls(flow: &Flow) -> Calls<'_> {
    let mut calls = IndexMap::new();
    every_step(&flow.steps, &mut |step| {
        if let StepKind::Call { operation, .. } = &step.kind {
            calls.insert(step.path.as_str(), operation.as_ref());
        }
    });
    calls
}

type Calls<'a> = IndexMap<&'a str, &'a Operation>;

/// The operation that the step `name` calls.
fn called<'a>(checker: &mut Checker<'_>, calls: &Calls<'a>, name: &Written<String>) -> Option<&'a Operation> {
    let found = calls.get(name.value.as_str()).copied();
    if found.is_none() {
        let headline = format!("no step `{}` calls a system", name.value);
        let names = calls.keys().copied();
        checker.unknown("unknown-step", name.node, headline, names, "the steps that do are");
    }
    found
}

fn replies(
    checker: &mut Checker<'_>,
    calls: &Calls<'_>,
    raw: &Table<OneOrMore<Written<RawReply>>>,
) -> Option<IndexMap<String, Replies>> {
    let mut found = IndexMap::new();
    let mut fine = true;
    for (step, raw) in raw.iter() {
        let operation = called(checker, calls, step);
        let replies: Vec<_> = raw.values.iter().map(|raw| reply(checker, operation, raw)).collect();
        match replies.into_iter().collect::<Option<Vec<_>>>() {
            Some(replies) if operation.is_some() => {
                let repeat = !raw.listed;
                let place = checker.place(step.node);
                found.insert(step.value.clone(), Replies { replies, repeat, place });
            }
            _ => fine = false,
        }
    }
    fine.then_some(found)
}

fn reply(checker: &mut Checker<'_>, operation: Option<&Operation>, raw: &Written<RawReply>) -> Option<Reply> {
    let head = checker.tree.entries(raw.node).first().map_or(raw.node, |(key, _)| *key);
    match &raw.value {
        RawReply::Result(AnyTree(node)) => {
            let ty = operation.map_or(Type::Any, |operation| operation.result.result_type());
            checker.literal(*node, head, &ty).then(|| Reply::Result(checker.tree.json(*node)))
        }
        RawReply::Answer(raw) => Some(Reply::Answer {
            status: raw.status.unwrap_or(200),
            headers: texts(&raw.headers).map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
            body: raw.body.map_or(Value::Null, |AnyTree(node)| checker.tree.json(node)),
        }),
        RawReply::Refused(raw) => Some(Reply::Refused {
            code: raw.code.as_ref().map(|code| code.value.clone()),
            message: raw.message.as_ref()?.value.clone(),
        }),
        RawReply::Absent(true) => Some(Reply::Absent),
        RawReply::Lost(true) => Some(Reply::Lost),
        RawReply::Absent(false) | RawReply::Lost(false) => {
            let headline = format!("`{}` can only be true", checker.text(head));
            checker.report("value-not-allowed", head, headline, "write another reply, such as `result:`");
            None
        }
    }
}

fn expectation(
    checker: &mut Checker<'_>,
    about: &Tested<'_>,
    flow: &Flow,
    calls: &Calls<'_>,
    raw: &RawExpectation,
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
            tells: IndexMap::new(),
            again: None,
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
fn known_fields(checker: &mut Checker<'_>, node: NodeId, ty: &Type) -> bool {
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

fn texts(table: &Table<Written<String>>) -> impl Iterator<Item = (String, String)> {
    table.iter().map(|(name, value)| (name.value.clone(), value.value.clone()))
}
