//! What a system tells by itself.

use std::sync::Arc;

use indexmap::IndexMap;
use regex::Regex;
use serde_json::json;

use crate::expression::{Scope, Type, ValueTemplate};
use crate::proof::{ProofBlock, ProofConfig};
use crate::spec::model::{Content, Operation, Stream, Webhook};
use crate::spec::raw::webhook::{RawPointer, RawWebhook};
use crate::spec::raw::{AnyTree, Table, Written};

use super::block::{Block, read_block};
use super::checker::{Checker, scope};
use super::register::register;
use super::types::Types;

/// What webhooks may name.
pub struct Around<'a> {
    /// The system's settings.
    pub settings: &'a Type,
    /// The names of its credentials.
    pub credentials: &'a [&'a str],
    /// The operations that are fine.
    pub operations: &'a IndexMap<String, Arc<Operation>>,
    /// The streams that are fine.
    pub streams: &'a IndexMap<String, Arc<Stream>>,
}

/// All webhooks that are fine.
pub fn webhooks(
    checker: &mut Checker<'_>,
    types: &mut Types,
    around: &Around<'_>,
    raw: &Table<Written<RawWebhook>>,
) -> IndexMap<String, Arc<Webhook>> {
    let mut webhooks = IndexMap::new();
    for (name, raw) in raw.iter() {
        let fine = checker.identifier(name.node, "a webhook");
        if let Some(webhook) = webhook(checker, types, around, name, raw).filter(|_| fine) {
            webhooks.insert(name.value.clone(), Arc::new(webhook));
        }
    }
    webhooks
}

fn webhook(
    checker: &mut Checker<'_>,
    types: &mut Types,
    around: &Around<'_>,
    name: &Written<String>,
    raw: &Written<RawWebhook>,
) -> Option<Webhook> {
    let settings = scope([("settings", around.settings)]);
    let when = match &raw.when {
        Some(when) => checker.condition(when, &settings).map(Some),
        None => Some(None),
    };
    let proof = raw.proof.and_then(|tree| proof(checker, tree, &settings, around.credentials));
    let body = raw.body.map_or(Type::Any, |tree| types.read(checker, tree));
    let names = scope([("settings", around.settings), ("body", &body)]);
    let id = match &raw.id {
        Some(id) => checker.naming(id, &names, "what tells a repetition").map(Some),
        None => Some(None),
    };
    let content = content(checker, types, around, raw, &body, &names);
    let register = match &raw.register {
        Some(raw) => register(checker, around.operations, raw).map(Some),
        None => Some(None),
    };
    Some(Webhook {
        name: name.value.clone(),
        docs: raw.docs.as_ref().map(|docs| docs.value.clone()),
        when: when?,
        proof: proof?,
        body,
        id: id?,
        content: content?,
        register: register?,
        place: checker.place(name.node),
    })
}

/// How the sender proves itself.
fn proof(
    checker: &mut Checker<'_>,
    AnyTree(node): AnyTree,
    names: &Scope,
    credentials: &[&str],
) -> Option<ProofConfig> {
    let &[(key, value)] = checker.tree.entries(node) else { return None };
    let block = json!({ checker.text(key): checker.tree.json(value) });
    let block: ProofBlock = read_block(checker, key, block)?;
    block.check(&mut Block { checker, node: value, scope: names, credentials })
}

/// What records are in it.
fn content(
    checker: &mut Checker<'_>,
    types: &mut Types,
    around: &Around<'_>,
    raw: &Written<RawWebhook>,
    body: &Type,
    names: &Scope,
) -> Option<Content> {
    let Some(pointer) = &raw.pointer else { return inline(checker, types, raw, body, names) };
    let mut fine = true;
    for key in ["record", "give"] {
        if let Some((key, _)) = checker.tree.entry(raw.node, key) {
            let headline = "the records are those of the stream that `pointer` names";
            checker.report("pointer-and-record", key, headline, "remove this key, or `pointer`");
            fine = false;
        }
    }
    let content = self::pointer(checker, around, pointer, names)?;
    fine.then_some(content)
}

/// The body holds them.
fn inline(
    checker: &mut Checker<'_>,
    types: &mut Types,
    raw: &Written<RawWebhook>,
    body: &Type,
    names: &Scope,
) -> Option<Content> {
    let record = raw.record.map(|tree| types.object(checker, tree, "a record"));
    let Some(AnyTree(node)) = raw.give else {
        if let Some((key, _)) = checker.tree.entry(raw.node, "record") {
            let help = "add `give:`, which makes records of the body; without both the body is the record";
            checker.report("missing-key", key, "`record` needs a key `give`", help);
            return None;
        }
        let node = raw.body?.0;
        return objects(checker, node, body).then(|| Content::Inline { record: body.clone(), give: None });
    };
    let give = checker.values(node, names, Some("body"))?;
    let head = checker.tree.entry(raw.node, "give").map_or(node, |(key, _)| key);
    let yielded = one_of_several(&give).unwrap_or_else(|| give.result_type());
    let record = match record {
        Some(record) => {
            let several = one_of_several(&give).is_some();
            let wanted = if several { Type::list(record.clone()) } else { record.clone() };
            checker.assign(&give, node, head, &wanted).then_some(record)?
        }
        None => objects(checker, node, &yielded).then_some(yielded)?,
    };
    Some(Content::Inline { record, give: Some(give) })
}

/// The type of an item, of what yields a list.
fn one_of_several(give: &ValueTemplate) -> Option<Type> {
    match give.result_type() {
        Type::List(item) => Some((*item).clone()),
        _ => None,
    }
}

/// Whether records of this type can have fields; says so if not.
fn objects(checker: &mut Checker<'_>, node: crate::spec::tree::NodeId, ty: &Type) -> bool {
    let fine = matches!(ty, Type::Object(_) | Type::Any);
    if !fine {
        let headline = format!("a record must have fields, but this is {ty}");
        let help = "make records of it: `record: { field: type }` and `give: { field: \"{{ body.… }}\" }`";
        checker.report("not-an-object-type", node, headline, help);
    }
    fine
}

/// The body says where they are.
fn pointer(
    checker: &mut Checker<'_>,
    around: &Around<'_>,
    raw: &RawPointer,
    names: &Scope,
) -> Option<Content> {
    let url = raw.url.as_ref().and_then(|url| checker.naming(url, names, "the URL"));
    let hosts: Vec<Option<Regex>> = raw.hosts.iter().map(|pattern| host(checker, pattern)).collect();
    let stream = raw.stream.as_ref().and_then(|name| {
        let found = around.streams.get(&name.value).cloned();
        let all = checker.names_below("streams");
        if found.is_none() && !all.contains(&name.value.as_str()) {
            let headline = format!("there is no stream `{}`", name.value);
            checker.unknown("unknown-stream", name.node, headline, all.into_iter(), "the streams are");
        }
        found
    });
    Some(Content::Pointer { url: url?, hosts: hosts.into_iter().collect::<Option<_>>()?, stream: stream? })
}

/// A pattern that matches whole names of hosts, which are in small letters.
fn host(checker: &mut Checker<'_>, written: &Written<String>) -> Option<Regex> {
    let bare = written.trim_start_matches('^').trim_end_matches('$');
    let found = Regex::new(&format!("^(?:{bare})$")).ok();
    let Some(pattern) = found else {
        let headline = format!("`{}` is not a regular expression", written.value);
        checker.report("bad-host-pattern", written.node, headline, BETTER_PATTERN);
        return None;
    };
    // What matches names that have nothing to do with each other would let a sender choose where we go.
    let foreign = |ending: &&str| ["an-example", "other.one"].map(|name| format!("{name}.{ending}"));
    let anything = ENDINGS.iter().any(|ending| foreign(ending).iter().all(|name| pattern.is_match(name)));
    if anything {
        let headline = format!("`{}` matches hosts of anybody", written.value);
        checker.report("bad-host-pattern", written.node, headline, BETTER_PATTERN);
        return None;
    }
    Some(pattern)
}

/// Names end in one of these, among others; below each of them anybody can have one.
const ENDINGS: [&str; 8] = ["com", "net", "org", "io", "dev", "app", "test", "co.uk"];

const BETTER_PATTERN: &str = "write the names that the system has, such as `ssapi\\d*\\.example\\.com`";
