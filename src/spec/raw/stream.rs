//! What can be polled, as authors write it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::request::RawRequest;
use super::written::{AnyTree, Count, TextOrBlock, TypeTree, Written};

/// Something that can be polled.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Stream")]
pub struct RawStream {
    /// What it holds.
    pub docs: Option<Written<String>>,
    /// The type of a record.
    #[schemars(required)]
    pub record: Option<TypeTree>,
    /// The field that tells records apart.
    #[schemars(required)]
    pub key: Option<Written<String>>,
    /// What is sent for a page; sees `settings`, `cursor`, `page` and `request_id`.
    #[schemars(required)]
    pub request: Option<Written<RawRequest>>,
    /// The page's type.
    #[schemars(required)]
    pub answer: Option<TypeTree>,
    /// A JSONPath that picks the records from the page, or a block such as `for_each` that yields them from `answer`;
    /// it sees `settings` and `answer`.
    #[schemars(required, with = "TextOrBlock", example = &"$.records[*]")]
    pub records: Option<AnyTree>,
    /// How further pages are asked for; `single` unless it says otherwise.
    pub paging: Option<RawPaging>,
    /// How new and changed records are found.
    #[schemars(required)]
    pub cursor: Option<RawCursor>,
    /// Fields that may change without the record having changed.
    #[serde(default)]
    pub volatile: Vec<Written<String>>,
}

/// How further pages are asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Paging")]
pub enum RawPaging {
    /// There is only one page.
    Single,
    /// The answer names the next page.
    Token(RawTokenPaging),
    /// Pages are counted.
    Number(RawNumberPaging),
    /// Records are counted.
    Offset(RawOffsetPaging),
    /// The answer gives the whole address of the next page.
    Link(RawLinkPaging),
}

/// The answer names the next page.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TokenPaging")]
pub struct RawTokenPaging {
    /// Yields what the next request sees as `page.token`, null after the last page; sees `settings` and `answer`.
    #[schemars(required, example = &"{{ answer.next }}")]
    pub next: Option<Written<String>>,
}

/// Pages are counted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NumberPaging")]
pub struct RawNumberPaging {
    /// The first page's number; 1 unless it says otherwise.
    #[schemars(range(min = 0, max = 1))]
    pub first: Option<u32>,
    /// Records a page, which the request sees as `page.size`.
    #[schemars(required, with = "Count")]
    pub size: Option<AnyTree>,
    /// Which page is the last; one that is `short` unless it says otherwise.
    pub until: Option<RawUntil>,
    /// Whether smaller pages are asked for when a page fails again and again, down to the one record that cannot be
    /// read, which is then left out and reported.
    #[serde(default)]
    pub halve: bool,
}

/// Records are counted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OffsetPaging")]
pub struct RawOffsetPaging {
    /// Records a page, which the request sees as `page.size`.
    #[schemars(required, with = "Count")]
    pub size: Option<AnyTree>,
    /// Which page is the last; one that is `short` unless it says otherwise.
    pub until: Option<RawUntil>,
    /// Whether smaller pages are asked for when a page fails again and again, down to the one record that cannot be
    /// read, which is then left out and reported.
    #[serde(default)]
    pub halve: bool,
}

/// Which page is the last.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Until")]
pub enum RawUntil {
    /// One with fewer records than fit.
    Short,
    /// One without records, where systems give short pages in between.
    Empty,
}

/// The answer gives the whole address of the next page.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LinkPaging")]
pub struct RawLinkPaging {
    /// Yields the address, which must be below the base URL, and null after the last page; sees `settings` and
    /// `answer`.
    #[schemars(required, example = &"{{ answer['@odata.nextLink'] }}")]
    pub next: Option<Written<String>>,
}

/// How new and changed records are found.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Cursor")]
pub enum RawCursor {
    /// Every poll reads everything.
    None,
    /// By a field that holds the time of the last change.
    Timestamp(RawTimestampCursor),
    /// By a day field and a field of decimal hours.
    DateAndDecimalHours(RawDecimalHoursCursor),
    /// By a field that holds the day of the last change, without a time.
    Day(RawDayCursor),
    /// By a field that only grows, such as a number given in order.
    Keyset(RawKeysetCursor),
    /// The answer gives a mark to go on from.
    Token(RawTokenCursor),
}

/// By a field that holds the time of the last change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TimestampCursor")]
pub struct RawTimestampCursor {
    /// The record's field.
    #[schemars(required)]
    pub field: Option<Written<String>>,
    /// The zone of stamps that have no offset; UTC unless it says otherwise.
    #[schemars(example = &"America/New_York")]
    pub zone: Option<Written<String>>,
    /// How far each poll reads back behind the newest stamp; `5m` unless it says otherwise.
    #[schemars(example = &"5m")]
    pub overlap: Option<Written<String>>,
    /// How far back from now a poll may ask at most, where the source keeps or gives no more: `cursor.at` is never
    /// earlier, and is there at the first poll too.
    #[schemars(example = &"7d")]
    pub reach: Option<Written<String>>,
}

/// By a day field and a field of decimal hours, both in local time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DateAndDecimalHoursCursor")]
pub struct RawDecimalHoursCursor {
    /// The record's day field.
    #[schemars(required)]
    pub date: Option<Written<String>>,
    /// The record's field of decimal hours.
    #[schemars(required)]
    pub time: Option<Written<String>>,
    /// The zone that the stamps are in.
    #[schemars(required, example = &"America/New_York")]
    pub zone: Option<Written<String>>,
    /// How far each poll reads back behind the newest stamp; `5m` unless it says otherwise.
    #[schemars(example = &"5m")]
    pub overlap: Option<Written<String>>,
}

/// By a field that holds the day of the last change, without a time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DayCursor")]
pub struct RawDayCursor {
    /// The record's field.
    #[schemars(required)]
    pub field: Option<Written<String>>,
    /// How many days each poll reads back behind the newest day, as a number or a template over `settings`; 1 unless
    /// it says otherwise.
    pub back: Option<AnyTree>,
    /// The zone that the days are in; UTC unless it says otherwise.
    #[schemars(example = &"America/New_York")]
    pub zone: Option<Written<String>>,
}

/// By a field that only grows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KeysetCursor")]
pub struct RawKeysetCursor {
    /// The record's field: numbers are compared as numbers, text as text.
    #[schemars(required)]
    pub field: Option<Written<String>>,
    /// How far each poll reads back behind the greatest number, as a number or a template over `settings`; 0 unless it
    /// says otherwise.
    pub back: Option<AnyTree>,
}

/// The answer gives a mark to go on from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TokenCursor")]
pub struct RawTokenCursor {
    /// Yields the mark from the last page of a poll, which the next poll sees as `cursor.token`; sees `settings` and
    /// `answer`.
    #[schemars(required, example = &"{{ answer.bookmark }}")]
    pub next: Option<Written<String>>,
}
