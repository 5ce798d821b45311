//! Tables whose rows are read when an expression asks for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::*;
use crate::expression::Rows;

/// Three rows, counting how often one and how often all are read.
#[derive(Default)]
struct Counted {
    one: AtomicUsize,
    all: AtomicUsize,
    broken: bool,
}

impl Rows for Counted {
    fn row(&self, key: &str) -> Result<Option<Value>, String> {
        self.one.fetch_add(1, Ordering::Relaxed);
        if self.broken {
            return Err("the disk is gone".to_owned());
        }
        Ok(self.all()?.into_iter().find(|(name, _)| name == key).map(|(_, row)| row))
    }

    fn all(&self) -> Result<Vec<(String, Value)>, String> {
        self.all.fetch_add(1, Ordering::Relaxed);
        Ok([("a", 1), ("b", 2), ("c", 3)].map(|(key, n)| (key.to_owned(), json!({ "n": n }))).into())
    }
}

fn evaluate(source: &str, rows: &Arc<Counted>) -> Result<Value, String> {
    let row = ObjectType {
        name: None,
        fields: [("n".to_owned(), Field { ty: Type::Integer, docs: None })].into_iter().collect(),
    };
    let tables = ObjectType {
        name: Some("tables".to_owned()),
        fields: [("t".to_owned(), Field { ty: Type::Table(Type::Object(Arc::new(row)).into()), docs: None })]
            .into_iter()
            .collect(),
    };
    let scope: Scope = [("tables".to_owned(), Type::Object(Arc::new(tables)))].into_iter().collect();
    let mut values = Values::default();
    values.set_tables("tables", [("t".to_owned(), Arc::clone(rows) as Arc<dyn Rows>)]);
    let template =
        Template::compile(source, &scope).unwrap_or_else(|problems| panic!("{source}: {problems:?}"));
    template.evaluate(&values).map_err(|error| error.to_string())
}

#[test]
fn rows_are_found_listed_and_missed() {
    let rows = Arc::new(Counted::default());
    for (source, expected) in [
        ("{{ ('b' | lookup(tables.t)).n }}", json!(2)),
        ("{{ 'x' | lookup(tables.t, none) }}", json!(null)),
        ("{{ 'a' in tables.t and 'x' not in tables.t }}", json!(true)),
        ("{{ tables.t | keys }}", json!(["a", "b", "c"])),
        ("{{ tables.t | values | sum_of('n') }}", json!(6)),
        ("{{ tables.t }}", json!({ "a": { "n": 1 }, "b": { "n": 2 }, "c": { "n": 3 } })),
    ] {
        assert_eq!(evaluate(source, &rows), Ok(expected), "{source}");
    }
}

#[test]
fn one_row_is_one_read() {
    let rows = Arc::new(Counted::default());
    evaluate("{{ 'b' | lookup(tables.t) }}", &rows).unwrap();
    assert_eq!(rows.one.load(Ordering::Relaxed), 1);
}

#[test]
fn a_row_that_cannot_be_read_is_not_a_missing_one() {
    let rows = Arc::new(Counted { broken: true, ..Counted::default() });
    for source in [
        "{{ ('b' | lookup(tables.t, none)).n }}",
        "{{ 'b' | lookup(tables.t, none) is none }}",
        "{{ 'b' in tables.t }}",
    ] {
        let said = evaluate(source, &rows);
        assert!(said.as_ref().is_err_and(|said| said.contains("the disk is gone")), "{source}: {said:?}");
    }
}
