//! What a condition tells about the values it names: after `x is not none`, `x` is something.

use std::collections::BTreeSet;

use minijinja::machinery::ast::{BinOpKind, Expr, UnaryOpKind};

use super::super::{Field, Scope, Type};
use super::literal;

/// The paths (a name and its fields) that are known not to be null.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts(BTreeSet<Vec<String>>);

impl Facts {
    /// The type of `expr` without "or nothing" where that is known.
    pub(super) fn narrow(&self, ty: Type, expr: &Expr<'_>) -> Type {
        if !matches!(ty, Type::Optional(_)) || self.0.is_empty() {
            return ty;
        }
        match path_of(expr) {
            Some(path) if self.0.contains(&path) => ty.required().clone(),
            _ => ty,
        }
    }

    /// Adds what is known when `condition` turned out as `holds`.
    pub(super) fn learn(&mut self, condition: &Expr<'_>, holds: bool) {
        match condition {
            Expr::UnaryOp(op) if matches!(op.op, UnaryOpKind::Not) => self.learn(&op.expr, !holds),
            Expr::BinOp(op) => match op.op {
                BinOpKind::ScAnd | BinOpKind::ScOr => self.learn_both(&op.left, &op.right, op.op, holds),
                BinOpKind::Eq if holds && is_something(&op.right) => self.exists(&op.left),
                BinOpKind::Eq if holds && is_something(&op.left) => self.exists(&op.right),
                // Nothing is in nothing: see `__in`.
                BinOpKind::In if holds => self.exists(&op.left),
                BinOpKind::Lt | BinOpKind::Lte | BinOpKind::Gt | BinOpKind::Gte if holds => {
                    self.exists(&op.left);
                    self.exists(&op.right);
                }
                _ => {}
            },
            Expr::Test(test)
                if matches!((test.name, holds), ("none" | "empty", false) | ("defined", true)) =>
            {
                self.exists(&test.expr);
            }
            path if holds => self.exists(path),
            _ => {}
        }
    }

    fn learn_both(&mut self, left: &Expr<'_>, right: &Expr<'_>, op: BinOpKind, holds: bool) {
        if matches!(op, BinOpKind::ScAnd) == holds {
            self.learn(left, holds);
            self.learn(right, holds);
            return;
        }
        // One of the two decided, and it is not known which: only what both tell is known.
        let (mut one, mut other) = (Self::default(), Self::default());
        one.learn(left, holds);
        other.learn(right, holds);
        self.0.extend(one.0.intersection(&other.0).cloned());
    }

    /// A field that is something belongs to an object that is something.
    fn exists(&mut self, expr: &Expr<'_>) {
        let Some(mut path) = path_of(expr) else { return };
        while !path.is_empty() {
            self.0.insert(path.clone());
            path.pop();
        }
    }
}

/// The scope as it is known to be when `condition` turned out as `holds`.
pub(in super::super) fn narrowed(condition: &Expr<'_>, holds: bool, scope: &Scope) -> Scope {
    let mut facts = Facts::default();
    facts.learn(condition, holds);
    let mut scope = scope.clone();
    for path in &facts.0 {
        if let Some((name, fields)) = path.split_first()
            && let Some(ty) = scope.get(name).and_then(|ty| without_null(ty, fields))
        {
            scope.insert(name.clone(), ty);
        }
    }
    scope
}

/// The type with the field at `path` never null; `None` when that changes nothing.
fn without_null(ty: &Type, path: &[String]) -> Option<Type> {
    let Some((name, rest)) = path.split_first() else {
        return matches!(ty, Type::Optional(_)).then(|| ty.required().clone());
    };
    let Type::Object(object) = ty.required() else { return None };
    let field = without_null(&object.fields.get(name)?.ty, rest)?;
    let mut object = (**object).clone();
    let docs = object.fields.get(name).and_then(|field| field.docs.clone());
    object.fields.insert(name.clone(), Field { ty: field, docs });
    let narrowed = Type::Object(object.into());
    Some(if matches!(ty, Type::Optional(_)) { narrowed.optional() } else { narrowed })
}

/// The name and fields of `a.b.c`; `None` for anything else.
pub(super) fn path_of(expr: &Expr<'_>) -> Option<Vec<String>> {
    match expr {
        Expr::Var(var) => Some(vec![var.id.to_owned()]),
        Expr::GetAttr(get) => {
            let mut path = path_of(&get.expr)?;
            path.push(get.name.to_owned());
            Some(path)
        }
        Expr::GetItem(get) => {
            let name = literal(&get.subscript_expr)?.as_str()?.to_owned();
            let mut path = path_of(&get.expr)?;
            path.push(name);
            Some(path)
        }
        _ => None,
    }
}

fn is_something(expr: &Expr<'_>) -> bool {
    literal(expr).is_some_and(|value| !value.is_none())
}
