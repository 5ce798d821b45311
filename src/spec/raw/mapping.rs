//! A mapping as authors write it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::source::RawSource;
use super::step::RawStep;
use super::system::RawSetting;
use super::test::RawTest;
use super::written::{AnyTree, OneOrMore, Table, TextOrBlock, TypeTree, Written};

/// What moves between systems.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "ml-connector mapping", rename = "Mapping")]
pub struct MappingFile {
    /// The mapping's name; the file is called `<name>.yaml`.
    #[schemars(required, example = &"sage100-ups")]
    pub mapping: Option<Written<String>>,
    /// What people call it.
    #[schemars(required, example = &"Sage 100 orders ship with UPS")]
    pub title: Option<Written<String>>,
    /// What it does, for people.
    pub docs: Option<Written<String>>,
    /// Role -> name of a system.
    #[schemars(required)]
    pub systems: Option<Table<Written<String>>>,
    /// What the operator may set.
    #[serde(default)]
    pub settings: Table<RawSetting>,
    /// What flows know of each other: rows that one puts and others look up.
    #[serde(default)]
    pub tables: Table<RawTable>,
    /// What moves.
    #[schemars(required)]
    pub flows: Option<Table<Written<RawFlow>>>,
    /// Examples that `ml-connector test` runs, without any system.
    #[serde(default)]
    pub tests: Vec<Written<RawTest>>,
}

/// Rows by key, which `put` steps write and the steps of all flows see as `tables.NAME`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Table")]
pub struct RawTable {
    /// The type of a row.
    #[serde(rename = "type")]
    #[schemars(required)]
    pub ty: Option<TypeTree>,
    /// How long a row is kept after it was put last; for ever without it.
    #[schemars(example = &"7d")]
    pub keep: Option<Written<String>>,
    /// What it holds.
    pub docs: Option<Written<String>>,
}

/// One thing that moves between two systems.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Flow")]
pub struct RawFlow {
    /// What people call it.
    #[schemars(required, example = &"Ship sales orders")]
    pub title: Option<Written<String>>,
    /// What it does, for people.
    pub docs: Option<Written<String>>,
    /// Where records come from: one source, or a list of them whose records are of one type.
    #[schemars(required)]
    pub source: Option<OneOrMore<Written<RawSource>>>,
    /// The name of the record in expressions.
    #[schemars(required, example = &"order")]
    pub record: Option<Written<String>>,
    /// Whether a record is for this flow; every record is without it. Sees `settings` and the record.
    #[schemars(example = &"{{ order.OrderStatus == 'N' }}")]
    pub select: Option<Written<String>>,
    /// Names the record; sees the same.
    #[schemars(required, example = &"{{ order.SalesOrderNo }}")]
    pub key: Option<Written<String>>,
    /// Names what is to be done for the record, once for ever; sees the same.
    #[schemars(required, example = &"{{ order.SalesOrderNo }}-{{ order.OrderDate }}")]
    pub idempotency_key: Option<Written<String>>,
    /// How two tellings about one record become one content; without it the one that comes later replaces the other.
    pub merge: Option<Written<RawMerge>>,
    /// What is done, in order.
    #[schemars(required, length(min = 1))]
    pub steps: Option<Vec<Written<RawStep>>>,
    /// What becomes of a record that is refused; `park` unless it says otherwise.
    pub on_refusal: Option<RawOnRefusal>,
    /// What counts as a change, and what happens when a finished record changes.
    pub on_change: Option<RawOnChange>,
    /// When a record that is done comes again; without it, only when it changes.
    pub again: Option<Written<RawAgain>>,
}

/// How two tellings about one record become one content: the later one counts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Merge")]
pub struct RawMerge {
    /// Yields what tells which of two is later: a number, text or boolean, or a list of them, compared one after the
    /// other. Sees `settings` and the record.
    #[schemars(required, example = &"{{ [event.rank, event.at] }}")]
    pub by: Option<Written<String>>,
    /// Optional fields that stay from the other where the later one has nothing.
    #[serde(default)]
    pub keep: Vec<Written<String>>,
}

/// When a record that is done comes again. Both see what a step after the last would see.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Again")]
pub struct RawAgain {
    /// A duration from the end of the steps, or a template or block that yields one, or nothing: not again.
    #[schemars(required, with = "TextOrBlock", example = &"{{ settings.renew_after }}")]
    pub after: Option<AnyTree>,
    /// A duration from the first time the record was seen, or a template or block that yields one, after which it does
    /// not come again; it is never given up without.
    #[schemars(example = &"90d")]
    pub give_up: Option<AnyTree>,
}

/// What becomes of a record that is refused.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OnRefusal")]
pub enum RawOnRefusal {
    /// It waits for a person.
    Park,
    /// It is left out.
    Skip,
}

/// What counts as a change, and what happens when a finished record changes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OnChange")]
pub struct RawOnChange {
    /// What to compare; without it the whole record, less the stream's volatile fields.
    pub watch: Option<Written<String>>,
    /// What happens when a record changes after it was done; `report` unless it says otherwise.
    pub after_done: Option<RawAfterDone>,
}

/// What happens when a record changes after it was done.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AfterDone")]
pub enum RawAfterDone {
    /// People are told; nothing is sent.
    Report,
    /// The steps run again; effects that were made are not made again.
    Repeat,
    /// Nothing.
    Ignore,
}
