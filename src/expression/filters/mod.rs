//! Filters: what may follow `|` in an expression. Each is pure, bounded and typed.
//!
//! A filter is one entry in the table of its family: [`text`], [`number`], [`list`], [`table`], [`time`], [`any`].
//! The checker, the runtime and the documentation all read the same entry, and a test runs its example.

pub mod any;
pub mod list;
pub mod number;
pub mod table;
pub mod text;
pub mod time;

use std::fmt;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::Type;
use super::data::{is_nothing, noun};

/// One filter.
#[derive(Debug)]
pub struct Filter {
    /// What it is called by.
    pub name: &'static str,
    /// What it takes on its left.
    pub takes: Kind,
    /// What it takes in brackets.
    pub params: &'static [Param],
    /// One or two sentences that say what it does.
    pub docs: &'static str,
    /// A template and the JSON that it yields.
    pub example: (&'static str, &'static str),
    /// Whether it is run on null; all others pass null through.
    pub nulls: bool,
    /// The type of its result, or what is wrong with its arguments. The input is never optional unless `nulls`.
    pub(super) gives: fn(&Type, &[Argument]) -> Result<Type, String>,
    /// What it does.
    pub(super) run: fn(&[Value]) -> Result<Value, String>,
}

/// One argument of a filter.
#[derive(Debug)]
pub struct Param {
    /// What the documentation calls it.
    pub name: &'static str,
    /// What may be given.
    pub kind: Kind,
    /// Whether it may be left out.
    pub optional: bool,
}

/// What a filter or an argument takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Every value.
    Anything,
    /// Text.
    Text,
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// A count of characters: a whole number that is neither negative nor absurd.
    Count,
    /// A number of decimal places.
    Places,
    /// Text that is not empty.
    Filled,
    /// Text of one character.
    Character,
    /// Text or a number.
    Plain,
    /// A list of anything.
    List,
    /// A list of text or numbers.
    Plains,
    /// A list of numbers.
    Numbers,
    /// Text or a list.
    Sequence,
    /// A table, or an object in an expression.
    Table,
    /// In quotes: a condition over the fields of a list's items.
    Condition,
    /// In quotes: a formula over the fields of a list's items.
    Arithmetic,
    /// In quotes: the name of a field of a list's items.
    Name,
}

/// An argument as the checker sees it.
#[derive(Debug)]
pub(super) struct Argument {
    /// Its type.
    pub(super) ty: Type,
    /// Its value, when it is written out.
    pub(super) literal: Option<Value>,
}

/// Every filter, family by family.
pub fn all() -> impl Iterator<Item = &'static Filter> {
    [text::FILTERS, number::FILTERS, list::FILTERS, table::FILTERS, time::FILTERS, any::FILTERS]
        .into_iter()
        .flatten()
}

/// The filter called `name`.
pub fn find(name: &str) -> Option<&'static Filter> {
    all().find(|filter| filter.name == name)
}

impl Filter {
    /// How it is written: `text | clip(most)`.
    pub fn signature(&self) -> String {
        let params: Vec<String> = self
            .params
            .iter()
            .map(|param| if param.optional { format!("{}?", param.name) } else { param.name.to_owned() })
            .collect();
        let brackets = if params.is_empty() { String::new() } else { format!("({})", params.join(", ")) };
        format!(
            "it is written `{} | {}{brackets}`, for example `{}`",
            self.takes.short(),
            self.name,
            self.example.0
        )
    }
}

impl Kind {
    /// Whether a value of type `ty`, which is not optional, may be given.
    pub(super) fn accepts(self, ty: &Type) -> bool {
        let plain = |ty: &Type| ty.is_text() || ty.is_number() || matches!(ty, Type::Any | Type::Null);
        match (self, ty) {
            (_, Type::Any)
            | (Self::Anything, _)
            | (Self::Integer | Self::Count | Self::Places, Type::Integer) => true,
            (
                Self::Text
                | Self::Filled
                | Self::Character
                | Self::Sequence
                | Self::Condition
                | Self::Arithmetic
                | Self::Name,
                ty,
            ) if ty.is_text() => true,
            (Self::Number, ty) => ty.is_number(),
            (Self::Plain, ty) => ty.is_text() || ty.is_number(),
            (Self::List | Self::Sequence, Type::List(_))
            | (Self::Table, Type::Table(_) | Type::Object(_)) => true,
            (Self::Plains, Type::List(item)) => plain(item.required()),
            (Self::Numbers, Type::List(item)) => {
                item.required().is_number() || matches!(item.required(), Type::Any | Type::Null)
            }
            _ => false,
        }
    }

    /// Whether this very value, whose type is accepted, may be given.
    ///
    /// # Errors
    /// A sentence that says why not.
    pub(super) fn allows(self, value: &Value) -> Result<(), String> {
        match self {
            Self::Count => count(value).map(drop),
            Self::Places => places(value).map(drop),
            Self::Filled => filled(value).map(drop),
            Self::Character => character(value).map(drop),
            _ => Ok(()),
        }
    }

    fn short(self) -> &'static str {
        match self {
            Self::Anything => "value",
            Self::Text | Self::Filled | Self::Character => "text",
            Self::Number | Self::Integer | Self::Count | Self::Places => "number",
            Self::Plain => "text or number",
            Self::List | Self::Plains | Self::Numbers => "list",
            Self::Sequence => "text or list",
            Self::Table => "table",
            Self::Condition | Self::Arithmetic | Self::Name => "'…'",
        }
    }
}

impl fmt::Display for Kind {
    /// As it stands in a sentence: `takes a list of numbers`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anything => "any value",
            Self::Text | Self::Filled | Self::Character => "text",
            Self::Number => "a number",
            Self::Integer | Self::Count | Self::Places => "an integer",
            Self::Plain => "text or a number",
            Self::List => "a list",
            Self::Plains => "a list of text or numbers",
            Self::Numbers => "a list of numbers",
            Self::Sequence => "text or a list",
            Self::Table => "a table",
            Self::Condition => "a condition",
            Self::Arithmetic => "a formula",
            Self::Name => "the name of a field",
        })
    }
}

const fn param(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, optional: false }
}

const fn option(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, optional: true }
}

/// Whether a value is null, missing, blank text, or holds nothing.
pub(super) fn is_empty(value: &Value) -> bool {
    match value.kind() {
        ValueKind::String => value.as_str().is_some_and(|text| text.trim().is_empty()),
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => value.len() == Some(0),
        _ => is_nothing(value),
    }
}

/// The type of a list's items.
fn item_type(list: &Type) -> Type {
    match list {
        Type::List(item) => (**item).clone(),
        _ => Type::Any,
    }
}

fn argument(arguments: &[Value], index: usize) -> Result<&Value, String> {
    arguments.get(index).ok_or_else(|| "an argument is missing".to_owned())
}

fn text_at(arguments: &[Value], index: usize) -> Result<&str, String> {
    text_of(argument(arguments, index)?)
}

fn text_of(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("text was expected, but it is {}", noun(value)))
}

/// Text to look for: it is nowhere, or everywhere, when it is empty.
fn filled(value: &Value) -> Result<&str, String> {
    let text = text_of(value)?;
    if text.is_empty() { Err("text is wanted there that is not empty".to_owned()) } else { Ok(text) }
}

/// Text of one character.
fn character(value: &Value) -> Result<char, String> {
    let mut text = text_of(value)?.chars();
    match (text.next(), text.next()) {
        (Some(only), None) => Ok(only),
        _ => Err("the text to fill up with must be one character".to_owned()),
    }
}

fn integer_at(arguments: &[Value], index: usize) -> Result<i64, String> {
    integer(argument(arguments, index)?)
}

fn integer(value: &Value) -> Result<i64, String> {
    let whole = value.as_i64().filter(|_| value.kind() == ValueKind::Number);
    whole.ok_or_else(|| format!("an integer was expected, but it is {}", noun(value)))
}

/// A count of characters, places or items: never negative, never absurd.
fn count_at(arguments: &[Value], index: usize) -> Result<usize, String> {
    count(argument(arguments, index)?)
}

fn count(value: &Value) -> Result<usize, String> {
    const MOST: i64 = 100_000;
    let count = integer(value)?;
    match usize::try_from(count) {
        Ok(size) if count <= MOST => Ok(size),
        _ => Err(format!("{count} is not between 0 and {MOST}")),
    }
}

/// A number of decimal places.
fn places(value: &Value) -> Result<u32, String> {
    const MOST: i64 = 10;
    let places = integer(value)?;
    match u32::try_from(places) {
        Ok(few) if places <= MOST => Ok(few),
        _ => Err(format!("{places} decimal places are not between 0 and {MOST}")),
    }
}

fn list_at(arguments: &[Value], index: usize) -> Result<Vec<Value>, String> {
    let value = argument(arguments, index)?;
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|error| error.to_string())?;
            let items: Vec<Value> = items.collect();
            super::budget::charge(items.len() * super::budget::ITEM)?;
            Ok(items)
        }
        _ => Err(format!("a list was expected, but it is {}", noun(value))),
    }
}

/// Text made by a filter, paid for.
fn made(text: String) -> Result<Value, String> {
    super::budget::charge(text.len())?;
    Ok(Value::from(text))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::expression::{Scope, Template, Values};

    #[test]
    fn every_example_yields_what_it_says() {
        for filter in all() {
            let (source, expected) = filter.example;
            let template =
                Template::compile(source, &Scope::new()).unwrap_or_else(|why| panic!("{source}: {why:?}"));
            let expected: serde_json::Value =
                serde_json::from_str(expected).unwrap_or_else(|_| panic!("{source}"));
            let value = template.evaluate(&Values::default()).unwrap_or_else(|why| panic!("{source}: {why}"));
            assert_eq!(value, expected, "{source}");
            assert!(source.contains(filter.name), "{source}");
            assert_eq!(crate::expression::fits(&value, template.result_type()), Ok(()), "{source}");
        }
    }

    #[test]
    fn every_name_is_used_once() {
        let names: BTreeSet<&str> = all().map(|filter| filter.name).collect();
        assert_eq!(names.len(), all().count());
    }
}
