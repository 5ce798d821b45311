//! How far sources have been read, the rows of tables, and documents.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How far a stream has been read for a flow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The position as the cursor kind keeps it (raw texts of the source, never rounded); null before the first record.
    pub position: Value,
    /// When the last complete poll began.
    pub polled: Option<Timestamp>,
    /// A poll that is under way: where its pages stand; null when none is.
    pub page: Value,
    /// When the last complete poll that read everything, whatever the position, began.
    #[serde(default)]
    pub full: Option<Timestamp>,
    /// Rows that the source could not give and that were left out, until a poll that reads everything gets them.
    #[serde(default)]
    pub skipped: Vec<SkippedRow>,
}

/// A row that the source could not give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedRow {
    /// When it was left out.
    pub at: Timestamp,
    /// Which page it would have been.
    pub page: String,
    /// What the source said.
    pub reason: String,
}

/// A row of a named table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is found by.
    pub key: String,
    /// What it holds.
    pub value: Value,
    /// When it was put.
    pub at: Timestamp,
}

/// Something to keep with a record, such as a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// What it is, such as `label`.
    pub kind: String,
    /// A file name.
    pub name: String,
    /// The bytes; empty when they were not asked for.
    pub bytes: Vec<u8>,
    /// How many bytes it has.
    pub size: u64,
}
