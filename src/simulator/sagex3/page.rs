//! The order of a query's rows, and the page that `count` and `key` cut out of it.

use std::cmp::Ordering;

use serde_json::Value;

use super::books::Record;
use super::dictionary::{Class, Kind};

/// By which properties rows are ordered, the class's key last, so that no two rows are alike.
#[derive(Debug, Clone)]
pub struct Order {
    columns: Vec<Column>,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    numeric: bool,
    descending: bool,
}

impl Order {
    /// Reads `orderBy`: properties that the `$query` facet carries, separated by commas, each with `asc` or `desc`.
    ///
    /// # Errors
    /// The status and message of the refusal.
    pub fn parse(text: &str, class: &Class) -> Result<Self, (u16, String)> {
        let mut columns = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, direction) = part.split_once(' ').unwrap_or((part, "asc"));
            let known = class.property(name).filter(|property| property.listed);
            let property = known.ok_or_else(|| (500, format!("Unknown property {name}")))?;
            let descending = match direction.trim() {
                "asc" => false,
                "desc" => true,
                other => return Err((400, format!("orderBy knows asc and desc, not {other}"))),
            };
            columns.push(Column { name: name.to_owned(), numeric: numeric(property.kind), descending });
        }
        for part in class.key {
            if !columns.iter().any(|column| column.name == *part) {
                let kind = class.property(part).map_or(Kind::Text, |property| property.kind);
                columns.push(Column { name: (*part).to_owned(), numeric: numeric(kind), descending: false });
            }
        }
        Ok(Self { columns })
    }

    /// A row's place, as `key` writes it.
    fn place(&self, record: &Record) -> Vec<String> {
        let part = |column: &Column| match record.get(&column.name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        self.columns.iter().map(part).collect()
    }

    /// Compares as many parts as both have.
    fn compare(&self, one: &[String], other: &[String]) -> Ordering {
        for ((column, one), other) in self.columns.iter().zip(one).zip(other) {
            let order = match (column.numeric, one.parse::<f64>(), other.parse::<f64>()) {
                (true, Ok(one), Ok(other)) => one.partial_cmp(&other).unwrap_or(Ordering::Equal),
                _ => one.cmp(other),
            };
            let order = if column.descending { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }
}

fn numeric(kind: Kind) -> bool {
    matches!(kind, Kind::Integer | Kind::Decimal)
}

/// A page: its rows, and the `key` of the next, if there is one.
#[derive(Debug)]
pub struct Page<'a> {
    /// The rows with their keys.
    pub rows: Vec<(&'a String, &'a Record)>,
    /// What `key` is for the next page.
    pub next: Option<String>,
}

impl<'a> Page<'a> {
    /// Cuts the page of `count` rows that begins where `key` says (`gt.`, `ge.`, `lt.` or `le.` and a place).
    ///
    /// # Errors
    /// When `key` says something else.
    pub fn cut(
        rows: impl Iterator<Item = (&'a String, &'a Record)>,
        order: &Order,
        key: Option<&str>,
        count: usize,
    ) -> Result<Self, String> {
        let bound = key.map(|key| bound(key, order)).transpose()?;
        let mut rows: Vec<_> = rows
            .map(|(key, record)| (order.place(record), key, record))
            .filter(|(place, ..)| bound.as_ref().is_none_or(|(test, at)| test(order.compare(place, at))))
            .collect();
        rows.sort_by(|(one, ..), (other, ..)| order.compare(one, other));
        let more = rows.len() > count;
        rows.truncate(count);
        let next = rows.last().filter(|_| more).map(|(place, ..)| format!("gt.{}", place.join("~")));
        Ok(Self { rows: rows.into_iter().map(|(_, key, record)| (key, record)).collect(), next })
    }
}

type Test = fn(Ordering) -> bool;

fn bound(key: &str, order: &Order) -> Result<(Test, Vec<String>), String> {
    let (operator, place) = key.split_once('.').ok_or("key wants gt., ge., lt. or le. and a value")?;
    let test: Test = match operator {
        "gt" => |order| order == Ordering::Greater,
        "ge" => |order| order != Ordering::Less,
        "lt" => |order| order == Ordering::Less,
        "le" => |order| order != Ordering::Greater,
        _ => return Err(format!("key does not know {operator}")),
    };
    let parts: Vec<String> = place.split('~').map(str::to_owned).collect();
    if parts.len() > order.columns.len() {
        return Err("key has more parts than the order".to_owned());
    }
    Ok((test, parts))
}
