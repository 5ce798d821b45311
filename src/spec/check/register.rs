//! The operations by which we ask a system to tell us.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::expression::{Type, ValueTemplate, assignable};
use crate::spec::model::{Effect, Operation, Register};
use crate::spec::raw::Written;
use crate::spec::raw::webhook::RawRegister;
use crate::spec::tree::NodeId;

use super::checker::Checker;

type Operations = IndexMap<String, Arc<Operation>>;

/// Reads which they are: each must have the shape that the engine calls it with.
pub fn register(
    checker: &mut Checker<'_>,
    operations: &Operations,
    raw: &Written<RawRegister>,
) -> Option<Register> {
    let mut named = |name: &Option<Written<String>>| {
        name.as_ref().and_then(|name| Some((operation(checker, operations, name)?, name.node)))
    };
    let (list, create, remove) = (named(&raw.list), named(&raw.create), named(&raw.remove));
    let list = list.filter(|(operation, node)| {
        effect(checker, *node, operation, true) & takes(checker, *node, operation, &[])
            && found(checker, operation, *node)
    });
    let create = create.filter(|(operation, node)| {
        effect(checker, *node, operation, false) & takes(checker, *node, operation, &["url", "event", "name"])
    });
    let remove = remove.filter(|(operation, node)| {
        effect(checker, *node, operation, false) & takes(checker, *node, operation, &["id"])
    });
    Some(Register {
        list: list?.0,
        create: create?.0,
        remove: remove?.0,
        event: raw.event.as_ref()?.value.clone(),
    })
}

fn operation(
    checker: &mut Checker<'_>,
    operations: &Operations,
    name: &Written<String>,
) -> Option<Arc<Operation>> {
    let found = operations.get(&name.value).cloned();
    let all = checker.names_below("operations");
    if found.is_none() && !all.contains(&name.value.as_str()) {
        let headline = format!("there is no operation `{}`", name.value);
        checker.unknown("unknown-operation", name.node, headline, all.into_iter(), "the operations are");
    }
    found
}

/// Whether it only reads, or can be repeated, as it must.
fn effect(checker: &mut Checker<'_>, node: NodeId, operation: &Operation, read: bool) -> bool {
    let (fine, wanted) = match read {
        true => (matches!(operation.effect, Effect::Read), "read"),
        false => (matches!(operation.effect, Effect::Idempotent), "idempotent"),
    };
    if !fine {
        let headline = format!("`{}` is not `{wanted}`", operation.name);
        let help = format!(
            "what is registered is looked at again and again, so name an operation with `effect: {wanted}`"
        );
        checker.report("register-effect", node, headline, help);
    }
    fine
}

/// Whether it takes these texts, and needs nothing else.
fn takes(checker: &mut Checker<'_>, node: NodeId, operation: &Operation, names: &[&str]) -> bool {
    let Type::Object(input) = &operation.input else { return true };
    let wrong = names.iter().find(|name| {
        let field = input.fields.get(**name);
        field.is_none_or(|field| assignable(&Type::TEXT, &field.ty).is_err())
    });
    let needed =
        input.fields.iter().find(|(name, field)| !field.ty.may_be_null() && !names.contains(&name.as_str()));
    let headline = match (wrong, needed) {
        (Some(name), _) => format!("`{}` does not take a text `{name}`", operation.name),
        (None, Some((name, _))) => format!("`{}` needs `{name}`, which nobody gives it", operation.name),
        (None, None) => return true,
    };
    let fields: Vec<String> = names.iter().map(|name| format!("{name}: text")).collect();
    let help = match names {
        [] => "declare it without `input`".to_owned(),
        _ => format!("declare it with `input: {{ {} }}`", fields.join(", ")),
    };
    checker.report("register-shape", node, headline, help);
    false
}

/// Whether the result of a list says what there is.
fn found(checker: &mut Checker<'_>, operation: &Operation, node: NodeId) -> bool {
    let entry = Type::object([
        ("id", Type::TEXT),
        ("url", Type::TEXT),
        ("event", Type::TEXT),
        ("active", Type::Boolean),
    ]);
    let given = match &operation.result {
        ValueTemplate::Object(fields) => fields.iter().find(|field| field.name == "found"),
        _ => None,
    };
    let written =
        written_result(checker, &operation.name).and_then(|result| checker.tree.entry(result, "found"));
    let (Some(field), Some((key, tree))) = (given, written) else {
        let headline = format!("the result of `{}` has no field `found`", operation.name);
        let help = "it yields `found:`, a list of `{ id, url, event, active }`";
        checker.report("register-shape", node, headline, help);
        return false;
    };
    let before = checker.findings.len();
    let fine = checker.assign(&field.value, tree, key, &Type::list(entry));
    for finding in &mut checker.findings[before..] {
        finding.notes.push(
            "each entry of `found` is `{ id, url, event, active }`, by which `register` knows ours"
                .to_owned(),
        );
    }
    fine
}

/// Where the result of an operation is written.
fn written_result(checker: &Checker<'_>, name: &str) -> Option<NodeId> {
    let tree = checker.tree;
    let (_, operations) = tree.entry(tree.root(), "operations")?;
    let (_, operation) = tree.entry(operations, name)?;
    tree.entry(operation, "result").map(|(_, result)| result)
}
