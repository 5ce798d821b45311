//! `filter` and `orderBy`: texts in a loose JSON notation.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::books::{Books, Record};
use super::read::loose;
use super::schema::{Node, Shape};

/// What a row must meet: every part of it.
#[derive(Debug, Clone, Default)]
pub struct Filter(Vec<Part>);

#[derive(Debug, Clone)]
struct Part {
    path: Vec<Shape>,
    operator: String,
    value: Value,
}

impl Filter {
    /// Reads a filter over the fields of `node`: `{code:'AE003'}`, `[{…},{…}]`, operators `_eq _ne _gte _lte`.
    ///
    /// # Errors
    /// When a field or operator is unknown.
    pub fn parse(text: &str, node: &'static Node) -> Result<Self, String> {
        let mut parts = Vec::new();
        let conditions = match loose(text)? {
            Value::Array(conditions) => conditions,
            condition => vec![condition],
        };
        for condition in conditions {
            let fields = condition.as_object().ok_or_else(|| format!("`{text}` is not a filter"))?;
            collect(fields, node, &mut Vec::new(), &mut parts)?;
        }
        Ok(Self(parts))
    }

    /// Whether a record meets it.
    pub(in crate::simulator::sagex3) fn holds(&self, record: &Record, books: &Books) -> bool {
        self.0.iter().all(|part| {
            let order = compare(&value(&part.path, record, books), &part.value);
            match part.operator.as_str() {
                "_ne" => order != Some(Ordering::Equal),
                "_gte" => order.is_some_and(|order| order != Ordering::Less),
                "_lte" => order.is_some_and(|order| order != Ordering::Greater),
                _ => order == Some(Ordering::Equal),
            }
        })
    }
}

fn collect(
    fields: &Map<String, Value>,
    node: &'static Node,
    path: &mut Vec<Shape>,
    parts: &mut Vec<Part>,
) -> Result<(), String> {
    for (name, value) in fields {
        let shape = node.field(name)?;
        path.push(shape);
        match (shape, value) {
            (Shape::Reference(_, inner) | Shape::Within(_, inner), Value::Object(fields)) => {
                collect(fields, inner, path, parts)?;
            }
            (Shape::Reference(..) | Shape::Within(..) | Shape::Lines(..), _) => {
                return Err(format!("The field {name} cannot be filtered so"));
            }
            (_, Value::Object(operators)) => {
                for (operator, value) in operators {
                    if !["_eq", "_ne", "_gte", "_lte"].contains(&operator.as_str()) {
                        return Err(format!("Unknown filter operator {operator}"));
                    }
                    parts.push(Part { path: path.clone(), operator: operator.clone(), value: value.clone() });
                }
            }
            (_, value) => {
                parts.push(Part { path: path.clone(), operator: "_eq".into(), value: value.clone() });
            }
        }
        path.pop();
    }
    Ok(())
}

fn value(path: &[Shape], record: &Record, books: &Books) -> Value {
    let Some((first, rest)) = path.split_first() else { return Value::Null };
    match first.follow(record, books) {
        Some((target, _)) => value(rest, &target, books),
        None => first.value(record).unwrap_or(Value::Null),
    }
}

fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
    match (one, other) {
        (Value::String(one), Value::String(other)) => {
            match (one.parse::<Timestamp>(), other.parse::<Timestamp>()) {
                (Ok(one), Ok(other)) => Some(one.cmp(&other)),
                _ => Some(one.cmp(other)),
            }
        }
        (Value::Bool(one), Value::Bool(other)) => Some(one.cmp(other)),
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        _ => number(one)?.partial_cmp(&number(other)?),
    }
}

/// The order of rows.
#[derive(Debug, Clone, Default)]
pub struct OrderBy(Vec<(Vec<Shape>, bool)>);

impl OrderBy {
    /// Reads an order: `{purchaseSite:{_id:-1},_id:1}`.
    ///
    /// # Errors
    /// When a field is unknown, or a direction neither 1 nor -1.
    pub fn parse(text: &str, node: &'static Node) -> Result<Self, String> {
        let mut keys = Vec::new();
        let value = loose(text)?;
        let fields = value.as_object().ok_or_else(|| format!("`{text}` is not an order"))?;
        directions(fields, node, &mut Vec::new(), &mut keys)?;
        Ok(Self(keys))
    }

    /// Puts rows in order; rows that are alike stay in the order of their keys.
    pub(in crate::simulator::sagex3) fn sort(&self, rows: &mut [(&String, &Record)], books: &Books) {
        rows.sort_by(|(_, one), (_, other)| {
            for (path, descending) in &self.0 {
                let order = compare(&value(path, one, books), &value(path, other, books));
                let order = order.unwrap_or(Ordering::Equal);
                if order != Ordering::Equal {
                    return if *descending { order.reverse() } else { order };
                }
            }
            Ordering::Equal
        });
    }
}

fn directions(
    fields: &Map<String, Value>,
    node: &'static Node,
    path: &mut Vec<Shape>,
    keys: &mut Vec<(Vec<Shape>, bool)>,
) -> Result<(), String> {
    for (name, value) in fields {
        let shape = node.field(name)?;
        path.push(shape);
        match (shape, value) {
            (Shape::Reference(_, inner) | Shape::Within(_, inner), Value::Object(fields)) => {
                directions(fields, inner, path, keys)?;
            }
            (_, value) => match value.as_i64() {
                Some(direction @ (1 | -1)) => keys.push((path.clone(), direction == -1)),
                _ => return Err(format!("{name} is ordered by 1 or -1")),
            },
        }
        path.pop();
    }
    Ok(())
}
