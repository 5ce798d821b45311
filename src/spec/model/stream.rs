//! What can be polled: pages and cursors.

use serde_json::Value;

use super::{Place, Request};
use crate::expression::{EvaluationError, Selector, Template, Type, ValueTemplate, Values};

/// Something that can be polled.
#[derive(Debug)]
pub struct Stream {
    /// Its name in the system file.
    pub name: String,
    /// What it holds.
    pub docs: Option<String>,
    /// The type of a record.
    pub record: Type,
    /// The field that tells records apart, for ordering and dedupe.
    pub key: String,
    /// What is sent for a page; sees `settings`, `cursor`, `page`, `request_id`, and `secret` where an auth
    /// kind has placeholders.
    pub request: Request,
    /// The page's type.
    pub answer: Type,
    /// What of the page is the records.
    pub records: Records,
    /// How further pages are asked for.
    pub paging: Paging,
    /// How new and changed records are found.
    pub cursor: CursorKind,
    /// Fields that may change without the record having changed.
    pub volatile: Vec<String>,
    /// Where it is written.
    pub place: Place,
}

/// What of a page is its records.
#[derive(Debug)]
pub enum Records {
    /// Picks them.
    Path(Selector),
    /// Yields them, a list; sees `settings` and `answer`.
    Give(ValueTemplate),
}

impl Records {
    /// The records of a page; `values` holds `settings`. Nothing is no records, and a single one is one.
    ///
    /// # Errors
    /// When they cannot be evaluated.
    pub fn of(&self, values: &Values, page: &Value) -> Result<Vec<Value>, EvaluationError> {
        let found = match self {
            Self::Path(path) => path.select(page)?,
            Self::Give(tree) => {
                let mut values = values.clone();
                values.set("answer", page);
                tree.evaluate(&values)?
            }
        };
        Ok(match found {
            Value::Array(records) => records,
            Value::Null => Vec::new(),
            single => vec![single],
        })
    }
}

/// How further pages are asked for. `page` in the request is `{ number, offset, token, size }`.
#[derive(Debug)]
pub enum Paging {
    /// There is only one page.
    Single,
    /// `page.token` is what `next` yielded from the page before; null ends.
    Token {
        /// Sees `settings`, `answer`.
        next: Template,
    },
    /// `page.number` counts up from `first` until a page holds fewer than `size` records.
    Number {
        /// The first page's number.
        first: u32,
        /// Yields the page size; sees `settings`.
        size: ValueTemplate,
        /// Which page is the last.
        until: Until,
        /// Whether smaller pages are asked for when one fails again and again.
        halve: bool,
    },
    /// `page.offset` grows by the records seen until a page holds fewer than `size`.
    Offset {
        /// Yields the page size; sees `settings`.
        size: ValueTemplate,
        /// Which page is the last.
        until: Until,
        /// Whether smaller pages are asked for when one fails again and again.
        halve: bool,
    },
    /// The next request gets what `next` yielded from the page before, an address below the base URL; null ends.
    Link {
        /// Sees `settings`, `answer`.
        next: Template,
    },
}

/// Which page is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// One with fewer records than the page size.
    Short,
    /// One without records.
    Empty,
}

/// How new and changed records are found. `cursor` in the request is null at the first poll.
#[derive(Debug)]
pub enum CursorKind {
    /// Every poll reads everything; contents are compared.
    None,
    /// `cursor.at`: the newest value of a timestamp field, less the overlap.
    Timestamp {
        /// The record's field.
        field: String,
        /// The zone of stamps without offset; yields its name, sees `settings`.
        zone: ValueTemplate,
        /// Yields a duration; sees `settings`.
        overlap: ValueTemplate,
        /// Yields a duration, how far back from now a poll may ask; sees `settings`. With it `cursor.at` is never null.
        reach: Option<ValueTemplate>,
    },
    /// `cursor.date` and `cursor.time`: a day field and decimal hours as text, in local time, less the overlap.
    DateAndDecimalHours {
        /// The record's day field, `2026-11-20` or `20261120`.
        date: String,
        /// The record's field of decimal hours.
        time: String,
        /// Yields the name of the zone the stamps are in; sees `settings`.
        zone: ValueTemplate,
        /// Yields a duration; sees `settings`.
        overlap: ValueTemplate,
    },
    /// `cursor.day`: the newest value of a day field, less `back` days.
    Day {
        /// The record's day field.
        field: String,
        /// Yields a whole number of days, zero or more; sees `settings`.
        back: ValueTemplate,
        /// Yields the name of the zone the days are in; sees `settings`.
        zone: ValueTemplate,
    },
    /// `cursor.key`: the greatest value of a field that only grows, less `back` for numbers.
    Keyset {
        /// The record's field.
        field: String,
        /// Whether its values are compared as numbers, and `cursor.key` is one.
        number: bool,
        /// Yields a whole number, zero or more; sees `settings`.
        back: ValueTemplate,
    },
    /// `cursor.token`: what `next` yielded from the last page of the poll before.
    Token {
        /// Sees `settings`, `answer`.
        next: Template,
    },
}
