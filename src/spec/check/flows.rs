//! What is known of all flows of a mapping before the steps of any are read, since they name each other.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::expression::{Scope, Template, Type};
use crate::spec::model::Source;
use crate::spec::raw::mapping::RawFlow;
use crate::spec::raw::{Table, Written};
use crate::spec::tree::{Content, NodeId, Tree};

use super::checker::Checker;
use super::flow::text_type;
use super::mapping::Roles;
use super::source::sources;
use super::types::Types;

/// The flows of a mapping, fine or not.
pub struct Flows {
    known: IndexMap<String, Known>,
}

/// What is known of a flow before its steps are read.
pub struct Known {
    /// The type of a record; anything where that cannot be told.
    pub record: Type,
    /// The types of the names of a record and of what is done for it.
    pub key: Type,
    /// The same of its idempotency key.
    pub idempotency_key: Type,
    /// Whether other flows may tell it.
    pub told: bool,
    /// The kinds of links that its steps make.
    pub links: BTreeSet<String>,
    /// The flows that its steps tell.
    pub tells: BTreeSet<String>,
}

impl Flows {
    /// Reads what there is; of each flow the sources too, where they are fine.
    pub fn read(
        checker: &mut Checker<'_>,
        types: &mut Types,
        roles: &Roles,
        settings: &Type,
        raw: Option<&Table<Written<RawFlow>>>,
    ) -> (Self, IndexMap<String, Option<Vec<Source>>>) {
        let mut known = IndexMap::new();
        let mut all = IndexMap::new();
        for (name, raw) in raw.iter().flat_map(|flows| flows.iter()) {
            let (record, sources) = match &raw.source {
                Some(raw) => sources(checker, types, roles, raw),
                None => (Type::Any, None),
            };
            let told = told(checker.tree, raw.node);
            let mut keys = (BTreeSet::new(), BTreeSet::new());
            steps_keys(checker.tree, raw.node, &mut keys);
            let (links, tells) = keys;
            let named = |written: &Option<Written<String>>| named(raw, written.as_ref(), settings, &record);
            let (key, idempotency_key) = (named(&raw.key), named(&raw.idempotency_key));
            known.insert(name.value.clone(), Known { record, key, idempotency_key, told, links, tells });
            all.insert(name.value.clone(), sources);
        }
        // Of one that was refused, nobody knows what it is.
        for name in checker.names_below("flows") {
            known.entry(name.to_owned()).or_insert_with(Known::anything);
        }
        (Self { known }, all)
    }

    /// The flow called `name`; reports one that there is not.
    pub fn named(&self, checker: &mut Checker<'_>, name: &Written<String>) -> Option<&Known> {
        let found = self.known.get(&name.value);
        if found.is_none() {
            let headline = format!("there is no flow `{}`", name.value);
            let names = self.known.keys().map(String::as_str);
            checker.unknown("unknown-flow", name.node, headline, names, "the flows are");
        }
        found
    }

    /// The flow called `name`.
    pub fn get(&self, name: &str) -> Option<&Known> {
        self.known.get(name)
    }

    /// The kinds of links that flows other than `besides` make.
    pub fn links(&self, besides: &str) -> BTreeSet<&str> {
        let others = self.known.iter().filter(|(name, _)| *name != besides);
        others.flat_map(|(_, known)| known.links.iter().map(String::as_str)).collect()
    }

    /// Whether a flow other than `name` tells it.
    pub fn is_told(&self, name: &str) -> bool {
        self.known.iter().any(|(other, known)| other != name && known.tells.contains(name))
    }
}

impl Known {
    fn anything() -> Self {
        Self {
            record: Type::Any,
            key: Type::TEXT,
            idempotency_key: Type::TEXT,
            told: true,
            links: BTreeSet::new(),
            tells: BTreeSet::new(),
        }
    }

    /// What later steps see of a record of it that `find` found.
    pub fn found(&self) -> Type {
        Type::object([
            ("flow", Type::TEXT),
            ("key", self.key.clone()),
            ("idempotency_key", self.idempotency_key.clone()),
        ])
    }
}

/// The type of what a template of the record's yields; what is wrong with it is said where the flow is read.
fn named(flow: &RawFlow, written: Option<&Written<String>>, settings: &Type, record: &Type) -> Type {
    let (Some(written), Some(name)) = (written, &flow.record) else { return Type::TEXT };
    let scope = [("settings".to_owned(), settings.clone()), (name.value.clone(), record.clone())];
    let template = Template::compile(written, &Scope::from_iter(scope)).ok();
    text_type(template.as_ref())
}

/// Whether one of the sources that are written is `told`.
fn told(tree: &Tree, flow: NodeId) -> bool {
    let Some((_, source)) = tree.entry(flow, "source") else { return false };
    match tree.content(source) {
        Content::List(items) => items.iter().any(|item| tree.entry(*item, "told").is_some()),
        _ => tree.entry(source, "told").is_some(),
    }
}

/// The keys below `link` and `tell` of all steps, also of those that have a finding.
fn steps_keys(tree: &Tree, node: NodeId, keys: &mut (BTreeSet<String>, BTreeSet<String>)) {
    let Some((_, steps)) = tree.entry(node, "steps") else { return };
    for step in tree.items(steps) {
        let below = |key: &str| {
            let entries = tree.entry(*step, key).map(|(_, table)| tree.entries(table));
            entries.into_iter().flatten().filter_map(|(name, _)| tree.as_text(*name)).map(str::to_owned)
        };
        keys.0.extend(below("link"));
        keys.1.extend(below("tell"));
        steps_keys(tree, *step, keys);
    }
}
