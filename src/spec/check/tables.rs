//! What the flows of a mapping know of each other: tables, who puts rows into them and who looks them up.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::diagnostics::Diagnostic;
use crate::expression::{Field, ObjectType, Template, Type};
use crate::spec::model::{Again, Flow, Step, StepKind, TableDecl, every_step};
use crate::spec::raw::mapping::RawTable;
use crate::spec::raw::{Table, Written};

use super::checker::Checker;
use super::types::Types;

/// The tables of a mapping.
#[derive(Default)]
pub struct Tables {
    /// Those that are fine.
    pub declared: IndexMap<String, TableDecl>,
    /// The names of all, fine or not.
    pub names: Vec<String>,
}

impl Tables {
    /// Reads declared tables.
    pub fn declare(checker: &mut Checker<'_>, types: &mut Types, raw: &Table<RawTable>) -> Self {
        let mut declared = IndexMap::new();
        for (name, raw) in raw.iter() {
            let fine = checker.identifier(name.node, "a table");
            let ty = raw.ty.map_or(Type::Any, |ty| types.read(checker, ty));
            let keep = match &raw.keep {
                Some(keep) => checker.some_time(keep, "`keep`").map(Some),
                None => Some(None),
            };
            let docs = raw.docs.as_ref().map(|docs| docs.value.clone());
            if let Some(keep) = keep.filter(|_| fine) {
                let place = checker.place(name.node);
                declared.insert(name.value.clone(), TableDecl { ty, keep, docs, place });
            }
        }
        let names = checker.names_below("tables").into_iter().map(str::to_owned).collect();
        Self { declared, names }
    }

    /// Reports a table that is not declared.
    pub fn unknown(&self, checker: &mut Checker<'_>, name: &Written<String>) {
        let headline = format!("there is no table `{}`", name.value);
        if self.names.is_empty() {
            let help = format!("declare it: `tables: {{ {}: {{ type: … }} }}`", name.value);
            checker.report("unknown-table", name.node, headline, help);
            return;
        }
        let names = self.names.iter().map(String::as_str);
        checker.unknown("unknown-table", name.node, headline, names, "the tables are");
    }

    /// What steps see as `tables`; nothing where there are none.
    pub fn scope_type(&self) -> Option<Type> {
        if self.names.is_empty() {
            return None;
        }
        let field = |name: &String| {
            let row = self.declared.get(name).map_or(Type::Any, |table| table.ty.clone());
            (name.clone(), Field { ty: Type::Table(Arc::new(row)), docs: None })
        };
        let fields = self.names.iter().map(field).collect();
        Some(Type::Object(Arc::new(ObjectType { name: Some("tables".to_owned()), fields })))
    }

    /// Reports tables that nothing fills or nothing looks into.
    pub fn used(&self, checker: &mut Checker<'_>, raw: &Table<RawTable>, flows: &[&Flow]) {
        for (name, _) in raw.iter().filter(|(name, _)| self.declared.contains_key(&name.value)) {
            let put = flows.iter().any(|flow| flow.puts_tables.contains(&name.value));
            let read = flows.iter().any(|flow| flow.reads_tables.contains(&name.value));
            if !read {
                let headline = format!("no step looks into the table `{}`", name.value);
                let help = format!("look a row up with `… | lookup(tables.{})`, or remove it", name.value);
                let span = checker.tree.span(name.node);
                checker.push(Diagnostic::warning("unused-table", span, headline).help(help));
            } else if !put {
                let headline = format!("nothing puts rows into the table `{}`", name.value);
                let help = format!("add a step such as `put: {{ {}: {{ key: …, value: … }} }}`", name.value);
                checker.report("table-not-put", name.node, headline, help);
            }
        }
    }

    /// The tables that steps look into, and what says when a record comes again.
    pub fn read_by(&self, steps: &[Step], again: Option<&Again>) -> BTreeSet<String> {
        let mut read = BTreeSet::new();
        let mut note = |template: &Template| {
            for field in template.fields_of("tables") {
                match field {
                    Some(name) => {
                        read.insert(name.to_owned());
                    }
                    None => read.extend(self.names.iter().cloned()),
                }
            }
        };
        every_step(steps, &mut |step| {
            step.when.iter().for_each(&mut note);
            step.kind.templates(&mut note);
        });
        if let Some(again) = again {
            again.after.templates(&mut note);
            again.give_up.iter().for_each(|give_up| give_up.templates(&mut note));
        }
        read
    }

    /// The tables that steps put rows into.
    pub fn put_by(&self, steps: &[Step]) -> BTreeSet<String> {
        let mut put = BTreeSet::new();
        every_step(steps, &mut |step| {
            if let StepKind::Put(rows) = &step.kind {
                put.extend(rows.iter().map(|(table, _, _)| table.clone()));
            }
        });
        put
    }
}
