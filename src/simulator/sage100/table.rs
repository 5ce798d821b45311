//! One table: records by key, and the order in which they were last changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde_json::{Map, Value, json};

use super::stamp::Stamp;

/// Where a record stands in the order of changes; tables without stamps are in the order of their keys.
pub type Position = (Option<Stamp>, String);

/// One record. Empty columns are left out.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// When it was last stamped; `None` in tables without stamps.
    pub stamp: Option<Stamp>,
    /// Its columns, without the stamp's.
    pub fields: Map<String, Value>,
}

impl Row {
    /// The record as the agent shows it.
    pub fn shown(&self) -> Map<String, Value> {
        let mut fields = self.fields.clone();
        fields.retain(|_, value| !value.is_null() && *value != json!(""));
        if let Some(stamp) = &self.stamp {
            fields.insert("DateUpdated".into(), json!(stamp.date_text()));
            fields.insert("TimeUpdated".into(), json!(stamp.time_text()));
        }
        fields
    }
}

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: BTreeMap<String, Row>,
    order: BTreeSet<Position>,
}

impl Table {
    /// Puts a record in, in place of one with the same key.
    pub fn put(&mut self, key: &str, row: Row) {
        self.remove(key);
        self.order.insert((row.stamp, key.to_owned()));
        self.rows.insert(key.to_owned(), row);
    }

    /// Takes a record out.
    pub fn remove(&mut self, key: &str) -> Option<Row> {
        let row = self.rows.remove(key)?;
        self.order.remove(&(row.stamp, key.to_owned()));
        Some(row)
    }

    /// One record.
    pub fn get(&self, key: &str) -> Option<&Row> {
        self.rows.get(key)
    }

    /// Changes columns; with a stamp, the record moves to the end of the order. Says whether it was there.
    pub fn change(&mut self, key: &str, set: &Map<String, Value>, stamp: Option<Stamp>) -> bool {
        let Some(mut row) = self.remove(key) else { return false };
        row.fields.extend(set.clone());
        row.stamp = stamp.or(row.stamp);
        self.put(key, row);
        true
    }

    /// The records behind a position, in order.
    pub fn walk<'a>(&'a self, from: Bound<&'a Position>) -> impl Iterator<Item = (&'a Position, &'a Row)> {
        self.order
            .range((from, Bound::Unbounded))
            .filter_map(|position| Some((position, self.rows.get(&position.1)?)))
    }

    /// All records by key.
    pub fn rows(&self) -> impl Iterator<Item = (&String, &Row)> {
        self.rows.iter()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
