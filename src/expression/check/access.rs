//! Names, fields and items: every path is followed through the declared types.

use minijinja::machinery::ast::{self, Expr};

use super::super::{filters, similar};
use super::{Checked, Checker, Type, end, literal, quote};

/// Why a type has no such field.
#[derive(Debug)]
pub(in super::super) struct NoMember {
    /// A stable code.
    pub(in super::super) code: &'static str,
    /// What is wrong.
    pub(in super::super) message: String,
    /// What to write instead.
    pub(in super::super) help: Option<String>,
}

/// The type of the field `name` of a value of type `ty`; `what` names the value in messages.
pub(in super::super) fn member(ty: &Type, name: &str, what: &str) -> Result<Type, NoMember> {
    match ty {
        Type::Any => Ok(Type::Any),
        Type::Optional(inner) => Ok(member(inner, name, what)?.optional()),
        Type::Table(item) => Ok((**item).clone().optional()),
        Type::Object(object) => match object.fields.get(name) {
            Some(field) => Ok(field.ty.clone()),
            None => {
                let of = object.name.as_ref().map_or_else(|| format!("`{what}`"), |name| format!("`{name}`"));
                let names = || object.fields.keys().map(String::as_str);
                let help = similar::suggestion(name, names()).or_else(|| known("its fields are", names()));
                Err(NoMember { code: "unknown-field", message: format!("{of} has no field `{name}`"), help })
            }
        },
        other => {
            let help = match other {
                Type::List(_) => {
                    Some("take one item with `| first`, or a field of all with `| each('…')`".to_owned())
                }
                _ => None,
            };
            let message = format!("`{what}` is {} and has no fields", other.noun());
            Err(NoMember { code: "not-an-object", message, help })
        }
    }
}

/// A short list of what there is, for when nothing is near.
pub(super) fn known<'a>(intro: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    const SHOWN: usize = 12;
    let mut names: Vec<String> = names.take(SHOWN + 1).map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN {
        names.truncate(SHOWN);
        names.push("…".to_owned());
    }
    (!names.is_empty()).then(|| format!("{intro} {}", names.join(", ")))
}

impl Checker<'_> {
    pub(super) fn name(&mut self, expr: &Expr<'_>, name: &str) -> Checked {
        let Some(ty) = self.scope.get(name) else {
            let names = || self.scope.keys().map(String::as_str);
            let help = match name {
                "tables" => Some(
                    "only steps see tables, where the mapping declares any: let a `check` be the first step"
                        .to_owned(),
                ),
                _ => similar::suggestion(name, names()).or_else(|| known("there are", names())),
            };
            return self.fail("unknown-name", format!("there is no `{name}` here"), expr, help);
        };
        self.names.insert(name.to_owned());
        self.reads.insert((name.to_owned(), None));
        Checked { ty: self.facts.narrow(ty.clone(), expr), code: name.to_owned() }
    }

    pub(super) fn attribute(&mut self, expr: &Expr<'_>, get: &ast::GetAttr<'_>) -> Checked {
        let base = self.base(&get.expr, Some(get.name));
        let code = format!("{}.{}", base.code, get.name);
        self.field(expr, &get.expr, &base.ty, get.name, code)
    }

    /// What a field is taken of: a name that has only fields taken of it is not read as a whole.
    fn base(&mut self, of: &Expr<'_>, field: Option<&str>) -> Checked {
        let (Expr::Var(var), Some(field)) = (of, field) else { return self.raw(of) };
        let whole = (var.id.to_owned(), None);
        let before = self.reads.contains(&whole);
        let base = self.raw(of);
        if !before {
            self.reads.remove(&whole);
        }
        self.reads.insert((whole.0, Some(field.to_owned())));
        base
    }

    fn field(&mut self, expr: &Expr<'_>, of: &Expr<'_>, base: &Type, name: &str, code: String) -> Checked {
        match member(base, name, self.text(of)) {
            Ok(ty) => Checked { ty: self.facts.narrow(ty, expr), code },
            Err(wrong) => {
                let stop = end(expr);
                let begin = match expr {
                    Expr::GetAttr(_) => stop.saturating_sub(name.len()),
                    _ => end(of),
                };
                self.fail_at(wrong.code, wrong.message, begin..stop, wrong.help)
            }
        }
    }

    pub(super) fn item(&mut self, expr: &Expr<'_>, get: &ast::GetItem<'_>) -> Checked {
        let name = literal(&get.subscript_expr).and_then(|key| key.as_str());
        let base = self.base(&get.expr, name);
        if let Some(name) = name {
            let code = format!("{}[{}]", base.code, quote(name));
            return self.field(expr, &get.expr, &base.ty, name, code);
        }
        let key = self.used(&get.subscript_expr);
        let key_kind = key.ty.required();
        let code = format!("{}[{}]", base.code, key.code);
        let (ty, wanted) = match base.ty.required() {
            Type::Any => (Type::Any, None),
            Type::Table(item) => (
                (**item).clone().optional(),
                (!key_kind.is_text() && *key_kind != Type::Any).then_some("text"),
            ),
            Type::List(item) => {
                let whole = matches!(key_kind, Type::Integer | Type::Any);
                ((**item).clone().optional(), (!whole).then_some("an integer"))
            }
            other => {
                let message = format!("`{}` is {} and has no items", self.text(&get.expr), other.noun());
                let help = matches!(other, Type::Object(_)).then(|| "name a field: `x.field`".to_owned());
                return self.fail("not-a-list", message, expr, help);
            }
        };
        if let Some(wanted) = wanted {
            let message = format!("{wanted} is wanted in `[…]`, not {}", key.ty.noun());
            return self.fail("wrong-type", message, &get.subscript_expr, None);
        }
        Checked { ty, code }
    }

    pub(super) fn slice(&mut self, slice: &ast::Slice<'_>) -> Checked {
        let base = self.used(&slice.expr);
        let mut bounds = Vec::new();
        for bound in [&slice.start, &slice.stop, &slice.step] {
            let Some(bound) = bound else {
                bounds.push(String::new());
                continue;
            };
            let checked = self.used(bound);
            if !matches!(checked.ty, Type::Integer | Type::Any) {
                let message = format!("an integer is wanted in `[…:…]`, not {}", checked.ty.noun());
                self.fail("wrong-type", message, bound, None);
            }
            bounds.push(checked.code);
        }
        match &base.ty {
            Type::Optional(_) | Type::Null => {
                return self.maybe_nothing(&slice.expr, "only text and lists can be cut");
            }
            ty if ty.is_text() || matches!(ty, Type::List(_) | Type::Any) => {}
            other => {
                let message = format!("only text and lists can be cut, not {}", other.noun());
                return self.fail("wrong-type", message, &slice.expr, None);
            }
        }
        let ty = if base.ty.is_text() { Type::TEXT } else { base.ty };
        Checked { ty, code: format!("{}[{}]", base.code, bounds.join(":")) }
    }

    pub(super) fn call(&mut self, call: &ast::Call<'_>) -> Checked {
        let name = match &call.expr {
            Expr::GetAttr(get) => get.name.to_owned(),
            other => self.text(other).to_owned(),
        };
        let near = filters::find(&name).map(|filter| filter.name);
        let near = near.or_else(|| similar::did_you_mean(&name, filters::all().map(|filter| filter.name)));
        let help = format!("filters are written `x | {}`", near.unwrap_or("upper"));
        self.fail("unknown-function", format!("there is no function `{name}`"), &call.expr, Some(help))
    }
}
