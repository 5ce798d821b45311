//! The examples of a mapping: do they name what there is, and do their values fit?

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use crate::expression::{Type, normalise};
use crate::spec::model::{
    Flow, MappingTest, Operation, Replies, Reply, Setting, StepKind, System, every_step,
};
use crate::spec::raw::test::{RawReply, RawTest};
use crate::spec::raw::{AnyTree, OneOrMore, Table, Written};
use crate::spec::tree::NodeId;

use super::checker::Checker;
use super::expectation::{expectation, known_fields, texts};
use super::flows::Flows;
use super::given;
use super::mapping::Roles;
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
    /// What is known of all flows.
    pub known: &'a Flows,
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
    let record = given::record(checker, raw, flow, connections.as_ref(), head);
    let links = given::links(checker, about, flow, &raw.links);
    let replies = replies(checker, &calls, &raw.replies);
    let expect = expectation(checker, about, flow, &calls, expect);
    Some(MappingTest {
        name: raw.name.as_ref()?.value.clone(),
        flow: flow.name.clone(),
        settings: settings?,
        connections: connections?,
        tables: tables?,
        links: links?,
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
pub fn rows(
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

pub type Calls<'a> = IndexMap<&'a str, &'a Operation>;

/// The operation that the step `name` calls.
pub fn called<'a>(
    checker: &mut Checker<'_>,
    calls: &Calls<'a>,
    name: &Written<String>,
) -> Option<&'a Operation> {
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
