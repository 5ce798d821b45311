//! Types as authors write them.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::expression::{Field, ObjectType, Type};
use crate::spec::raw::{Table, TypeTree};
use crate::spec::tree::{Content, NodeId};

use super::checker::Checker;

/// The types that a file declares under `types:`.
#[derive(Default)]
pub struct Types {
    declared: IndexMap<String, NodeId>,
    read: BTreeMap<String, Type>,
    /// The names that are being read, to find types that hold themselves.
    open: Vec<String>,
}

const BUILT_IN: [&str; 9] =
    ["text", "text(35)", "number", "integer", "boolean", "presence", "duration", "zone", "any"];

impl Types {
    /// Reads all declared types.
    pub fn declare(checker: &mut Checker<'_>, table: &Table<TypeTree>) -> Self {
        let mut types = Self::default();
        for (name, tree) in table.iter() {
            if built_in(name).is_some() {
                let headline = format!("`{}` is a type already", name.value);
                checker.report("bad-name", name.node, headline, "choose another name");
            } else if checker.identifier(name.node, "a type") {
                types.declared.insert(name.value.clone(), tree.0);
            }
        }
        for name in checker.names_below("types") {
            if table.get(name).is_none() {
                types.read.insert(name.to_owned(), Type::Any);
            }
        }
        for name in types.declared.keys().cloned().collect::<Vec<_>>() {
            types.named(checker, &name);
        }
        types
    }

    /// Reads a type. One that cannot be read counts as `any`, after a finding.
    pub fn read(&mut self, checker: &mut Checker<'_>, tree: TypeTree) -> Type {
        let id = tree.0;
        match checker.tree.content(id) {
            Content::Text(text) => {
                let text = text.trim();
                match text.strip_suffix('?') {
                    Some(inner) => self.word(checker, id, inner.trim_end()).optional(),
                    None => self.word(checker, id, text),
                }
            }
            Content::List(items) => match items[..] {
                [item] => Type::list(self.read(checker, TypeTree(item))),
                _ => Type::Any,
            },
            Content::Map(entries) => self.fields(checker, entries),
            _ => Type::Any,
        }
    }

    /// Reads a type that must be an object's.
    pub fn object(&mut self, checker: &mut Checker<'_>, tree: TypeTree, what: &str) -> Type {
        let ty = self.read(checker, tree);
        if matches!(ty, Type::Object(_) | Type::Any) {
            return ty;
        }
        let headline = format!("{what} must have fields, but this is {ty}");
        checker.report("not-an-object-type", tree.0, headline, "write `{ field: type, other_field?: type }`");
        Type::Any
    }

    fn fields(&mut self, checker: &mut Checker<'_>, entries: &[(NodeId, NodeId)]) -> Type {
        if let [(key, value)] = entries
            && checker.text(*key) == "*"
        {
            return Type::Table(Arc::new(self.read(checker, TypeTree(*value))));
        }
        let mut fields: IndexMap<String, Field> = IndexMap::new();
        for (key, value) in entries {
            let written = checker.text(*key);
            let (name, optional) = match written.strip_suffix('?') {
                Some(name) => (name, true),
                None => (written, false),
            };
            if name == "*" || name.is_empty() {
                let help = "write `{ \"*\": type }` alone for a table, or name all fields";
                checker.report("bad-type", *key, "a table cannot have fields of its own", help);
                continue;
            }
            let ty = self.read(checker, TypeTree(*value));
            let ty = if optional { ty.optional() } else { ty };
            if fields.insert(name.to_owned(), Field { ty, docs: None }).is_some() {
                let headline = format!("the field `{name}` is here twice");
                checker.report("duplicate-field", *key, headline, "keep one of the two");
            }
        }
        Type::Object(Arc::new(ObjectType { name: None, fields }))
    }

    fn word(&mut self, checker: &mut Checker<'_>, id: NodeId, word: &str) -> Type {
        if let Some(ty) = built_in(word) {
            return ty;
        }
        if self.open.iter().any(|open| open == word) {
            let headline = format!("the type `{word}` holds itself");
            checker.report("recursive-type", id, headline, "write `any` at the depth where you stop looking");
            return Type::Any;
        }
        if self.declared.contains_key(word) || self.read.contains_key(word) {
            return self.named(checker, word);
        }
        let names: Vec<&str> = BUILT_IN.into_iter().chain(self.declared.keys().map(String::as_str)).collect();
        let headline = format!("there is no type `{word}`");
        checker.unknown("unknown-type", id, headline, names.into_iter(), "the types are");
        Type::Any
    }

    fn named(&mut self, checker: &mut Checker<'_>, name: &str) -> Type {
        if let Some(ty) = self.read.get(name) {
            return ty.clone();
        }
        let Some(id) = self.declared.get(name).copied() else { return Type::Any };
        self.open.push(name.to_owned());
        let ty = match self.read(checker, TypeTree(id)) {
            Type::Object(object) if object.name.is_none() => {
                let name = Some(name.to_owned());
                Type::Object(Arc::new(ObjectType { name, fields: object.fields.clone() }))
            }
            other => other,
        };
        self.open.pop();
        self.read.insert(name.to_owned(), ty.clone());
        ty
    }
}

fn built_in(word: &str) -> Option<Type> {
    Some(match word {
        "any" => Type::Any,
        "boolean" => Type::Boolean,
        "presence" => Type::Presence,
        "integer" => Type::Integer,
        "number" => Type::Number,
        "text" => Type::TEXT,
        "duration" => Type::Duration,
        "zone" => Type::Zone,
        _ => {
            let max = word.strip_prefix("text(")?.strip_suffix(')')?.trim().parse().ok();
            Type::Text { max: Some(max.filter(|max| *max > 0)?) }
        }
    })
}
