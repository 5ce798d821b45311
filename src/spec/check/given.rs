//! What a test begins with: the record, or what a webhook is told, and the records that are found by links.

use indexmap::IndexMap;
use serde_json::Value;

use crate::expression::{Mismatch, Template, Type, ValueTemplate, Values, normalise};
use crate::spec::model::{Content, Flow, FoundRecord, Source, StepKind, Webhook, every_step};
use crate::spec::raw::test::{RawFoundRecord, RawPushed, RawTest};
use crate::spec::raw::{AnyTree, Table, Written};
use crate::spec::tree::NodeId;

use super::checker::Checker;
use super::expectation::known_fields;
use super::test::Tested;

/// The record, written as such or as what a webhook is told. `connections` are the settings of each role's system.
pub fn record(
    checker: &mut Checker<'_>,
    raw: &Written<RawTest>,
    flow: &Flow,
    connections: Option<&IndexMap<String, Value>>,
    head: NodeId,
) -> Option<Value> {
    match (&raw.record, &raw.pushed) {
        (Some(AnyTree(node)), None) => {
            let key = checker.tree.entry(raw.node, "record").map_or(head, |(key, _)| key);
            written(checker, flow, *node, key)
        }
        (None, Some(pushed)) => self::pushed(checker, flow, pushed, connections?),
        (Some(_), Some(pushed)) => {
            let key = checker.tree.entry(raw.node, "pushed").map_or(pushed.node, |(key, _)| key);
            let headline = "a test is about one record";
            checker.report("record-and-pushed", key, headline, "keep one of `record` and `pushed`");
            None
        }
        (None, None) => {
            if !checker.incomplete(raw.node) {
                let help = "add `record:`, or `pushed: { webhook: role.name, body: … }`";
                checker.report("missing-key", head, "this test needs a key `record`", help);
            }
            None
        }
    }
}

/// The record as its source gives it; it must have the shape that the stream declares.
fn written(checker: &mut Checker<'_>, flow: &Flow, node: NodeId, head: NodeId) -> Option<Value> {
    // What systems give may have more than is declared; what the mapping itself or the time makes has not.
    let ours = |source: &Source| matches!(source, Source::Told | Source::Schedule { .. });
    if flow.sources.iter().all(ours) && !known_fields(checker, node, &flow.record_type) {
        return None;
    }
    let record = checker.tree.json(node);
    let Err(mismatches) = normalise(record.clone(), &flow.record_type) else { return Some(record) };
    unfit(checker, node, head, &mismatches, &format!("the record is not one of `{}`", flow.name));
    None
}

fn unfit(checker: &mut Checker<'_>, node: NodeId, head: NodeId, mismatches: &[Mismatch], what: &str) {
    for mismatch in mismatches.iter().take(5) {
        let place = locate(checker, node, &mismatch.path).unwrap_or(head);
        let headline = format!("{what}: {}", mismatch.message);
        let help = format!("correct `{}`: write the record as the system gives it", mismatch.path);
        checker.report("unfit-record", place, headline, help);
    }
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

/// The one record that comes of what a webhook is told.
fn pushed(
    checker: &mut Checker<'_>,
    flow: &Flow,
    raw: &RawPushed,
    connections: &IndexMap<String, Value>,
) -> Option<Value> {
    let name = raw.webhook.as_ref()?;
    let (role, webhook) = webhook(checker, flow, name)?;
    let settings = connections.get(role).unwrap_or(&Value::Null);
    if !open(webhook, settings) {
        let headline = format!("with the settings of this test, `{role}` has no webhook `{}`", webhook.name);
        let when = webhook.when.as_ref().map_or("", Template::source);
        let help = format!("its `when` is `{when}`: set that under `connections: {{ {role}: … }}`");
        checker.report("unknown-webhook", name.node, headline, help);
        return None;
    }
    let AnyTree(node) = raw.body?;
    let Content::Inline { give, .. } = &webhook.content else {
        let headline = format!("`{}` only says where records are to be fetched", name.value);
        let help = "write what is there: `record: { … }`";
        checker.report("unfit-record", name.node, headline, help);
        return None;
    };
    let body = match normalise(checker.tree.json(node), &webhook.body) {
        Ok(body) => body,
        Err(mismatches) => {
            unfit(checker, node, node, &mismatches, &format!("the body is not one of `{}`", webhook.name));
            return None;
        }
    };
    let Some(give) = give else { return Some(body) };
    match made(give, settings, &body, &flow.record_type) {
        Ok(record) => Some(record),
        Err(reason) => {
            let headline = format!("the body gives no record of `{}`: {reason}", flow.name);
            checker.report("unfit-record", node, headline, "write a body from which one record comes");
            None
        }
    }
}

/// The webhook that is named, which must be a source of the flow.
fn webhook<'f>(
    checker: &mut Checker<'_>,
    flow: &'f Flow,
    name: &Written<String>,
) -> Option<(&'f str, &'f Webhook)> {
    let mut names = Vec::new();
    for source in &flow.sources {
        if let Source::Webhook { role, webhook } = source {
            let known = format!("{role}.{}", webhook.name);
            if known == name.value {
                return Some((role, webhook));
            }
            names.push(known);
        }
    }
    let headline = format!("`{}` is not told by a webhook `{}`", flow.name, name.value);
    let names = names.iter().map(String::as_str);
    checker.unknown("unknown-webhook", name.node, headline, names, "its webhooks are");
    None
}

/// Whether a connection with these settings has the webhook.
fn open(webhook: &Webhook, settings: &Value) -> bool {
    let mut values = Values::default();
    values.set("settings", settings);
    webhook.when.as_ref().is_none_or(|when| when.truth(&values).unwrap_or(false))
}

fn made(give: &ValueTemplate, settings: &Value, body: &Value, ty: &Type) -> Result<Value, String> {
    let mut values = Values::default();
    values.set("settings", settings);
    values.set("body", body);
    let given = give.evaluate(&values).map_err(|error| error.to_string())?;
    let record = match given {
        Value::Array(mut records) if records.len() == 1 => records.swap_remove(0),
        Value::Array(records) => return Err(format!("it gives {} records", records.len())),
        record => record,
    };
    let say = |mismatches: Vec<Mismatch>| {
        let reasons: Vec<String> = mismatches.iter().take(5).map(ToString::to_string).collect();
        reasons.join("; ")
    };
    normalise(record, ty).map_err(say)
}

/// Records that are found by links.
pub fn links(
    checker: &mut Checker<'_>,
    about: &Tested<'_>,
    flow: &Flow,
    raw: &Table<Written<Table<Written<RawFoundRecord>>>>,
) -> Option<IndexMap<String, IndexMap<String, FoundRecord>>> {
    let mut kinds = Vec::new();
    every_step(&flow.steps, &mut |step| {
        if let StepKind::Find { kind, .. } = &step.kind {
            kinds.push(kind.as_str());
        }
    });
    let mut links = IndexMap::new();
    let mut fine = true;
    for (kind, raw) in raw.iter() {
        if !kinds.contains(&kind.value.as_str()) {
            let headline = format!("`{}` finds nothing by a link `{}`", flow.name, kind.value);
            let names = kinds.iter().copied();
            checker.unknown("unknown-link", kind.node, headline, names, "it goes by");
            fine = false;
        }
        let mut found = IndexMap::new();
        for (value, raw) in raw.iter() {
            match found_record(checker, about, raw) {
                Some(record) => {
                    found.insert(value.value.clone(), record);
                }
                None => fine = false,
            }
        }
        links.insert(kind.value.clone(), found);
    }
    fine.then_some(links)
}

fn found_record(checker: &mut Checker<'_>, about: &Tested<'_>, raw: &RawFoundRecord) -> Option<FoundRecord> {
    let flow = raw.flow.as_ref().filter(|flow| about.known.named(checker, flow).is_some());
    let key = raw.key.as_ref()?.value.clone();
    let idempotency_key = raw.idempotency_key.as_ref().map_or_else(|| key.clone(), |it| it.value.clone());
    Some(FoundRecord { flow: flow?.value.clone(), key, idempotency_key })
}
