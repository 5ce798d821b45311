//! The environment that lowered expressions run in: our filters, our operators, fuel, and nothing else.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::value::{Object, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Expression, UndefinedBehavior, Value};

use super::arithmetic::{self, Operator};
use super::data::{is_nothing, noun, plain_text};
use super::filters::{self, Filter};
use super::{Values, budget};

/// The instructions that one evaluation may take.
const FUEL: u64 = 20_000;

/// The tests that may follow `is`.
pub(super) const TESTS: &[&str] = &["none", "defined", "empty"];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);

/// A compiled expression.
#[derive(Clone)]
pub(super) struct Code(Arc<Expression<'static, 'static>>);

impl Code {
    /// Compiles what the checker made.
    pub(super) fn compile(code: String) -> Result<Self, String> {
        let compiled = ENVIRONMENT.compile_expression_owned(code);
        compiled
            .map(|code| Self(Arc::new(code)))
            .map_err(|error| format!("the expression is too deep: {}", why(&error)))
    }

    /// Evaluates over `values` and the quoted expressions in `programs`, within what is left of the budget.
    pub(super) fn run(&self, values: &Values, programs: &[(String, Value)]) -> Result<Value, String> {
        self.0.eval(values.root(programs)).map_err(|error| why(&error))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}

/// The quoted expression of `where`: it is evaluated over each item.
#[derive(Debug)]
pub(super) struct Condition(Code);

impl Object for Condition {}

impl Condition {
    /// Compiles what the checker made.
    pub(super) fn compile(code: String) -> Result<Self, String> {
        Code::compile(code).map(Self)
    }

    /// Whether it holds for `item`; null means no.
    pub(super) fn holds(&self, item: &Value) -> Result<bool, String> {
        let value = self.0.0.eval(item.clone()).map_err(|error| why(&error))?;
        match value.kind() {
            ValueKind::Bool => Ok(value.is_true()),
            _ if is_nothing(&value) => Ok(false),
            _ => Err(format!("the condition gives {}, not true or false", noun(&value))),
        }
    }
}

fn why(error: &Error) -> String {
    match error.kind() {
        ErrorKind::OutOfFuel => "it takes too many steps".to_owned(),
        kind => error.detail().map_or_else(|| kind.to_string(), str::to_owned),
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    // Missing values chain to missing values; the checker has put `__present` wherever one may not stay missing.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    for filter in filters::all() {
        environment.add_filter(filter.name, move |arguments: Rest<Value>| call(filter, &arguments));
    }
    for (name, operator) in [
        ("__add", Operator::Add),
        ("__subtract", Operator::Subtract),
        ("__multiply", Operator::Multiply),
        ("__divide", Operator::Divide),
        ("__floor_divide", Operator::FloorDivide),
        ("__remainder", Operator::Remainder),
    ] {
        let run = move |a: Value, b: Value| arithmetic::calculate(operator, &a, &b).map_err(failure);
        environment.add_filter(name, run);
    }
    environment.add_filter("__present", |value: Value, name: &str| present(value, name).map_err(failure));
    environment
        .add_filter("__present_items", |list: Value, name: &str| present_items(list, name).map_err(failure));
    environment.add_filter("__equal", |a: Value, b: Value| equal(&a, &b));
    environment.add_filter("__order", |a: Value, sign: &str, b: Value| order(&a, sign, &b).map_err(failure));
    environment.add_filter("__in", |a: Value, b: Value| within(&a, &b).map_err(failure));
    environment.add_filter("__concat", |parts: Rest<Value>| concat(&parts).map_err(failure));
    environment.add_test("none", |value: Value| is_nothing(&value));
    environment.add_test("defined", |value: Value| !is_nothing(&value));
    environment.add_test("empty", |value: Value| filters::is_empty(&value));
    environment
}

/// Runs a filter; null passes through those that do not ask for it.
fn call(filter: &Filter, arguments: &[Value]) -> Result<Value, Error> {
    if !filter.nulls && arguments.first().is_none_or(is_nothing) {
        return Ok(Value::from(()));
    }
    (filter.run)(arguments).map_err(|message| failure(format!("`{}`: {message}", filter.name)))
}

fn failure(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn present(value: Value, name: &str) -> Result<Value, String> {
    if value.is_undefined() { Err(format!("`{name}` is missing in the data")) } else { Ok(value) }
}

fn present_items(list: Value, name: &str) -> Result<Value, String> {
    let missing = |list: &Value| list.try_iter().is_ok_and(|mut items| items.any(|item| item.is_undefined()));
    if missing(&list) { Err(format!("an item of `{name}` is missing in the data")) } else { Ok(list) }
}

/// Equal and of the same kind: `1` is not `true`, and nothing equals only nothing.
fn equal(a: &Value, b: &Value) -> bool {
    (is_nothing(a) && is_nothing(b)) || (a.kind() == b.kind() && a == b)
}

fn order(a: &Value, sign: &str, b: &Value) -> Result<bool, String> {
    if a.kind() != b.kind() || !matches!(a.kind(), ValueKind::Number | ValueKind::String) {
        return Err(format!("{} cannot be compared with {}", noun(a), noun(b)));
    }
    let ordering = a.cmp(b);
    Ok(match sign {
        "<" => ordering == Ordering::Less,
        "<=" => ordering != Ordering::Greater,
        ">" => ordering == Ordering::Greater,
        _ => ordering != Ordering::Less,
    })
}

/// Nothing is in nothing; text is in text that contains it, in a table that has it as a key, in a list that holds it.
fn within(item: &Value, container: &Value) -> Result<bool, String> {
    if is_nothing(item) {
        return Ok(false);
    }
    match container.kind() {
        ValueKind::String => {
            let (text, part) = (container.as_str().unwrap_or_default(), item.as_str());
            part.map(|part| text.contains(part)).ok_or_else(|| format!("{} is never in text", noun(item)))
        }
        ValueKind::Map => match container.as_object().and_then(|table| table.get_value(item)) {
            Some(unread) if unread.kind() == ValueKind::Invalid => Err(unread.to_string()),
            found => Ok(found.is_some()),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            let mut items = container.try_iter().map_err(|error| why(&error))?;
            Ok(items.any(|other| equal(item, &other)))
        }
        _ => Err(format!("`in` looks into a list, a table or text, not into {}", noun(container))),
    }
}

fn concat(parts: &[Value]) -> Result<Value, String> {
    let mut text = String::new();
    for part in parts {
        let part = plain_text(part).ok_or_else(|| format!("{} cannot be part of text", noun(part)))?;
        budget::charge(part.len())?;
        text.push_str(&part);
    }
    Ok(Value::from(text))
}
