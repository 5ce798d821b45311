//! Settings: what is declared, and what a configuration sets.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::diagnostics::Diagnostic;
use crate::expression::{Field, ObjectType, Type, normalise};
use crate::spec::model::Setting;
use crate::spec::raw::system::RawSetting;
use crate::spec::raw::{AnyTree, Table, Written};
use crate::spec::tree::{Content, NodeId, Tree};

use super::checker::Checker;
use super::types::Types;

/// Reads declared settings.
pub fn declare(
    checker: &mut Checker<'_>,
    types: &mut Types,
    table: &Table<RawSetting>,
) -> IndexMap<String, Setting> {
    let mut settings = IndexMap::new();
    for (name, raw) in table.iter() {
        checker.identifier(name.node, "a setting");
        let ty = raw.ty.map_or(Type::Any, |ty| types.read(checker, ty));
        let one_of =
            raw.one_of.as_ref().map(|written| choices(checker, &written.value, &ty)).unwrap_or_default();
        let default = raw.default.and_then(|tree| {
            let fine = checker.literal(tree.0, name.node, &ty) && listed(checker, tree.0, &one_of);
            fine.then(|| fitted(checker.tree.json(tree.0), &ty))
        });
        let docs = raw.docs.as_ref().map(|docs| docs.value.clone());
        let place = checker.place(name.node);
        settings.insert(name.value.clone(), Setting { ty, default, one_of, docs, place });
    }
    settings
}

fn choices(checker: &mut Checker<'_>, trees: &[AnyTree], ty: &Type) -> Vec<Value> {
    let fitting = |tree: &&AnyTree| checker.literal(tree.0, tree.0, ty);
    let fitting: Vec<&AnyTree> = trees.iter().filter(fitting).collect();
    fitting.into_iter().map(|tree| checker.tree.json(tree.0)).collect()
}

fn listed(checker: &mut Checker<'_>, node: NodeId, one_of: &[Value]) -> bool {
    let value = checker.tree.json(node);
    if one_of.is_empty() || one_of.contains(&value) {
        return true;
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let words: Vec<String> = one_of.iter().map(text).collect();
    let headline = format!("`{}` is not one of the values allowed", text(&value));
    checker.unknown("not-one-of", node, headline, words.iter().map(String::as_str), "write one of");
    false
}

/// Whether a setting that has a default is given a value: expressions may rely on there being one.
fn something(checker: &mut Checker<'_>, node: NodeId, name: &Written<String>, setting: &Setting) -> bool {
    let (Content::Null, Some(default)) = (checker.tree.content(node), &setting.default) else { return true };
    let headline = format!("`{}` has a default, so it cannot be nothing", name.value);
    let help = format!("remove the key for the default, `{default}`, or write another value");
    checker.report("does-not-fit", name.node, headline, help);
    false
}

/// With optional fields filled in, so that expressions find them.
fn fitted(value: Value, ty: &Type) -> Value {
    normalise(value.clone(), ty).unwrap_or(value)
}

/// What expressions see as `settings`; settings with a finding are anything.
pub fn scope_type(checker: &Checker<'_>, settings: &IndexMap<String, Setting>) -> Type {
    if settings.is_empty() && checker.incomplete(checker.tree.root()) {
        return Type::Any;
    }
    let mut fields: IndexMap<String, Field> = settings
        .iter()
        .map(|(name, setting)| {
            let ty =
                if setting.default.is_some() { setting.ty.required().clone() } else { setting.ty.clone() };
            (name.clone(), Field { ty, docs: setting.docs.clone() })
        })
        .collect();
    for name in checker.names_below("settings") {
        fields.entry(name.to_owned()).or_insert(Field { ty: Type::Any, docs: None });
    }
    Type::Object(Arc::new(ObjectType { name: Some("settings".to_owned()), fields }))
}

/// Checks what a configuration sets against what is declared, and fills in defaults. `head` is where to point when
/// something is missing, `below` where to add it; `None` means that a finding was made.
pub fn apply(
    checker: &mut Checker<'_>,
    declared: &IndexMap<String, Setting>,
    given: Option<&Written<Table<AnyTree>>>,
    head: NodeId,
    owner: &str,
    below: &str,
) -> Option<Value> {
    let mut fine = true;
    let mut values = Map::new();
    for (name, tree) in given.iter().flat_map(|given| given.value.iter()) {
        let Some(setting) = declared.get(&name.value) else {
            let headline = format!("{owner} has no setting `{}`", name.value);
            let names = declared.keys().map(String::as_str);
            checker.unknown("unknown-setting", name.node, headline, names, "the settings are");
            fine = false;
            continue;
        };
        let fits = checker.literal(tree.0, name.node, &setting.ty)
            && listed(checker, tree.0, &setting.one_of)
            && something(checker, tree.0, name, setting);
        if fits {
            values.insert(name.value.clone(), fitted(checker.tree.json(tree.0), &setting.ty));
        } else {
            fine = false;
        }
    }
    let is_given = |name: &str| given.is_some_and(|given| given.get(name).is_some());
    for (name, setting) in declared.iter().filter(|(name, _)| !is_given(name)) {
        match &setting.default {
            Some(default) => values.insert(name.clone(), default.clone()),
            None if setting.ty.may_be_null() => values.insert(name.clone(), Value::Null),
            None => {
                missing(checker, head, owner, below, name, setting);
                fine = false;
                continue;
            }
        };
    }
    fine.then_some(Value::Object(values))
}

fn missing(checker: &mut Checker<'_>, head: NodeId, owner: &str, below: &str, name: &str, setting: &Setting) {
    let mut help = format!("add `{name}:` below `{below}:` ({}", setting.ty);
    if let Some(docs) = &setting.docs {
        help.push_str(&format!("; {}", docs.trim_end_matches('.')));
    }
    let headline = format!("the setting `{name}` of {owner} is missing");
    checker.report("missing-setting", head, headline, format!("{help})"));
}

/// Warns of settings that no expression of the file uses.
pub fn unused(checker: &mut Checker<'_>, table: &Table<RawSetting>) {
    let Some(used) = used(checker.tree) else { return };
    for (name, _) in table.iter().filter(|(name, _)| !used.contains(&name.value)) {
        let headline = format!("nothing uses the setting `{}`", name.value);
        let span = checker.tree.span(name.node);
        let help = format!("use it as `{{{{ settings.{} }}}}`, or remove it", name.value);
        checker.push(Diagnostic::warning("unused-setting", span, headline).help(help));
    }
}

/// The settings that expressions of the file name; `None` when one uses them as a whole.
fn used(tree: &Tree) -> Option<BTreeSet<String>> {
    let mut used = BTreeSet::new();
    for node in tree.all() {
        let Content::Text(text) = &node.content else { continue };
        for (at, word) in text.match_indices("settings") {
            let part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
            if !text.contains("{{") || text[..at].ends_with(part_of_name) {
                continue;
            }
            let rest = &text[at + word.len()..];
            let name = |rest: &str| -> String {
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
            };
            match rest.chars().next() {
                Some('.') => used.insert(name(&rest[1..])),
                Some('[') if rest[1..].starts_with(['\'', '"']) => used.insert(name(&rest[2..])),
                Some(c) if c.is_ascii_alphanumeric() || c == '_' => continue,
                _ => return None,
            };
        }
    }
    Some(used)
}
