//! Filters and tests: names, arguments, and the quoted small expressions that some filters take.

use std::sync::Arc;

use minijinja::Value;
use minijinja::machinery::ast::{self, CallArg, Expr, UnaryOpKind};

use super::super::arithmetic::Arithmetic;
use super::super::filters::{self, Argument, Filter, Kind};
use super::super::runtime::{Condition, TESTS};
use super::super::similar;
use super::access::known;
use super::{Checked, Checker, Place, Problem, Type, end, expression, literal, quote, start};

impl Checker<'_> {
    pub(super) fn filter(&mut self, expr: &Expr<'_>, call: &ast::Spanned<ast::Filter<'_>>) -> Checked {
        let Some(input) = &call.expr else {
            return self.fail("syntax", "this filter filters nothing".into(), expr, None);
        };
        let at = call.span().start_offset as usize;
        let Some(filter) = filters::find(call.name) else {
            self.raw(input);
            let names = || filters::all().map(|filter| filter.name);
            let help = similar::suggestion(call.name, names());
            let message = format!("there is no filter `{}`", call.name);
            return self.fail_at("unknown-filter", message, at..at + call.name.len(), help);
        };
        let before = self.problems.len();
        let value = if filter.nulls { self.raw(input) } else { self.used(input) };
        let given = value.ty.required();
        let null = value.ty == Type::Null && !filter.nulls;
        if null || !(filter.takes.accepts(given) || (filter.nulls && *given == Type::Null)) {
            let message =
                format!("`{}` takes {}, not {}", filter.name, filter.takes, value.ty.required().noun());
            self.fail_at("wrong-type", message, start(input)..end(input), Some(filter.signature()));
        }
        let Some(arguments) = self.arguments(filter, given, call, at) else {
            return Checked { ty: Type::Any, code: "none".into() };
        };
        if self.problems.len() > before {
            return Checked { ty: Type::Any, code: "none".into() };
        }
        let (arguments, codes): (Vec<Argument>, Vec<String>) = arguments.into_iter().unzip();
        let subject = if filter.nulls { &value.ty } else { given };
        match (filter.gives)(subject, &arguments) {
            Ok(ty) => {
                let ty =
                    if matches!(value.ty, Type::Optional(_)) && !filter.nulls { ty.optional() } else { ty };
                let code = format!("({}|{}({}))", value.code, filter.name, codes.join(","));
                // A field that some item of unknown shape does not have is missing like any other.
                let unknown = matches!(ty.required(), Type::List(item) if **item == Type::Any);
                let code = if unknown {
                    format!("({code}|__present_items({}))", quote(self.text(expr)))
                } else {
                    code
                };
                Checked { ty, code }
            }
            Err(message) => self.fail_at("wrong-argument", message, at..end(expr), Some(filter.signature())),
        }
    }

    /// Checks the arguments; `None` when there are too few, too many or named ones.
    fn arguments(
        &mut self,
        filter: &'static Filter,
        input: &Type,
        call: &ast::Spanned<ast::Filter<'_>>,
        at: usize,
    ) -> Option<Vec<(Argument, String)>> {
        let mut given = Vec::new();
        for argument in &call.args {
            match argument {
                CallArg::Pos(expr) => given.push(expr),
                CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => {
                    let message = format!("`{}` takes its arguments by position", filter.name);
                    self.fail("wrong-argument", message, expr, Some(filter.signature()));
                    return None;
                }
            }
        }
        let needed = filter.params.iter().filter(|param| !param.optional).count();
        if given.len() < needed || given.len() > filter.params.len() {
            let message = format!(
                "`{}` takes {}, not {}",
                filter.name,
                count(needed, filter.params.len()),
                given.len()
            );
            let range = at..call.span().end_offset as usize;
            self.fail_at("wrong-argument", message, range, Some(filter.signature()));
            return None;
        }
        Some(
            filter
                .params
                .iter()
                .zip(given)
                .map(|(param, expr)| self.argument(filter, param.kind, input, expr))
                .collect(),
        )
    }

    fn argument(&mut self, filter: &Filter, kind: Kind, input: &Type, expr: &Expr<'_>) -> (Argument, String) {
        let value = literal(expr).cloned().or_else(|| negated(expr));
        if matches!(kind, Kind::Condition | Kind::Arithmetic | Kind::Name)
            && value.as_ref().and_then(Value::as_str).is_none()
        {
            let message = format!("`{}` takes {kind}, which must be text in quotes", filter.name);
            self.fail("wrong-argument", message, expr, Some(filter.signature()));
            return (Argument { ty: Type::Any, literal: None }, String::new());
        }
        if matches!(kind, Kind::Condition | Kind::Arithmetic) {
            let source = value.as_ref().and_then(Value::as_str).unwrap_or_default();
            let code = self.quoted(kind, source, input, expr);
            return (Argument { ty: Type::Any, literal: None }, code);
        }
        let checked = self.used(expr);
        match &checked.ty {
            Type::Optional(_) | Type::Null if kind != Kind::Anything => {
                self.maybe_nothing(expr, &format!("`{}` takes {kind} there", filter.name));
            }
            ty if !kind.accepts(ty.required()) => {
                let message = format!("`{}` takes {kind} there, not {}", filter.name, ty.noun());
                self.fail("wrong-argument", message, expr, Some(filter.signature()));
            }
            _ => {
                // What is written out is known now; it would be refused for each record.
                if let Some(Err(why)) = value.as_ref().map(|value| kind.allows(value)) {
                    self.fail("wrong-argument", why, expr, Some(filter.signature()));
                }
            }
        }
        (Argument { ty: checked.ty, literal: value }, checked.code)
    }

    /// Compiles a small expression in quotes; it sees the fields of a list's items.
    fn quoted(&mut self, kind: Kind, source: &str, input: &Type, expr: &Expr<'_>) -> String {
        if self.place.quoted {
            self.fail("unsupported", "an expression in quotes cannot hold another one".into(), expr, None);
            return String::new();
        }
        let item = match input {
            Type::List(item) => item.required().clone(),
            _ => Type::Any,
        };
        // Escapes make the text shorter than its source; then the whole literal is pointed at.
        let unescaped = end(expr) - start(expr) == source.len() + 2;
        let offset = self.place.offset + start(expr) + 1;
        let place = Place { source, offset, quoted: true };
        let program = match kind {
            Kind::Arithmetic => Arithmetic::compile(place, &item).map(Value::from_object),
            _ => condition(place, &item),
        };
        match program {
            Ok(program) => {
                let name = format!("__quoted{}", self.programs.len());
                self.programs.push((name.clone(), program));
                name
            }
            Err(problems) => {
                let whole = self.place.offset + start(expr)..self.place.offset + end(expr);
                let place = |problem: Problem| match unescaped {
                    true => problem,
                    false => Problem { range: whole.clone(), ..problem },
                };
                self.problems.extend(problems.into_iter().map(place));
                String::new()
            }
        }
    }

    pub(super) fn test(&mut self, expr: &Expr<'_>, test: &ast::Spanned<ast::Test<'_>>) -> Checked {
        let subject = self.raw(&test.expr);
        let at = test.span().start_offset as usize;
        if !TESTS.contains(&test.name) {
            let help = match filters::find(test.name) {
                Some(filter) => Some(format!("that is a filter: `x | {}`", filter.name)),
                None => similar::suggestion(test.name, TESTS.iter().copied())
                    .or_else(|| known("there are", TESTS.iter().copied())),
            };
            let message = format!("there is no test `{}`", test.name);
            return self.fail_at("unknown-test", message, at..at + test.name.len(), help);
        }
        if !test.args.is_empty() {
            return self.fail_at(
                "wrong-argument",
                format!("`is {}` takes no argument", test.name),
                at..end(expr),
                None,
            );
        }
        Checked { ty: Type::Boolean, code: format!("({} is {})", subject.code, test.name) }
    }
}

/// The value of a whole number that is written with a minus sign.
fn negated(expr: &Expr<'_>) -> Option<Value> {
    let Expr::UnaryOp(op) = expr else { return None };
    let number = literal(&op.expr).filter(|_| matches!(op.op, UnaryOpKind::Neg))?;
    number.as_i64().filter(|_| number.is_integer()).map(|number| Value::from(-number))
}

fn condition(place: Place<'_>, item: &Type) -> Result<Value, Vec<Problem>> {
    let whole = || place.offset..place.offset + place.source.len();
    let Type::Object(object) = item else {
        let message = format!("the items are {}, and only objects have fields to ask about", item.noun());
        return Err(vec![Problem { code: "not-an-object", message, range: whole(), help: None }]);
    };
    let scope = object.fields.iter().map(|(name, field)| (name.clone(), field.ty.clone())).collect();
    let lowered = expression(place, &scope)?;
    if !lowered.ty.required().is_boolean() && lowered.ty != Type::Any {
        let message = format!("a condition is wanted, not {}", lowered.ty.noun());
        return Err(vec![Problem { code: "wrong-type", message, range: whole(), help: None }]);
    }
    match Condition::compile(lowered.code) {
        Ok(condition) => Ok(Value::from_dyn_object(Arc::new(condition))),
        Err(message) => Err(vec![Problem { code: "syntax", message, range: whole(), help: None }]),
    }
}

fn count(least: usize, most: usize) -> String {
    match (least, most) {
        (0, 0) => "no argument".to_owned(),
        (1, 1) => "one argument".to_owned(),
        (least, most) if least == most => format!("{least} arguments"),
        (least, most) => format!("{least} to {most} arguments"),
    }
}
