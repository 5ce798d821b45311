//! The filters and pages of V1's lists.

use std::ops::Range;

use jiff::civil::DateTime;
use serde_json::{Value, json};

use super::message;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::Fault;
use crate::simulator::shipstation::pacific;

/// The page size of callers that ask for none.
const PAGE: usize = 100;

/// A range of times as the query gives it: what the clock in Los Angeles shows, compared as it is shown. In the hour that
/// it shows twice, a caller that does not read back misses what came in the second round.
#[derive(Debug, Clone, Copy, Default)]
pub struct Window {
    start: Option<DateTime>,
    end: Option<DateTime>,
}

impl Window {
    /// Reads `<name>Start` and `<name>End`.
    ///
    /// # Errors
    /// The refusal when one of them is not a time.
    pub fn of(call: &Call, name: &str) -> Result<Self, Answer> {
        let read = |end: &str| match call.parameter(&format!("{name}{end}")) {
            None => Ok(None),
            Some(text) => match pacific::read(text) {
                Some(local) => Ok(Some(local)),
                None => Err(message(400, &format!("The value '{text}' is not valid for {name}{end}."))),
            },
        };
        Ok(Self { start: read("Start")?, end: read("End")? })
    }

    /// Whether a time lies within; one that is missing only if nothing was asked.
    pub fn holds(self, local: Option<DateTime>) -> bool {
        match local {
            Some(local) => {
                self.start.is_none_or(|start| local >= start) && self.end.is_none_or(|end| local <= end)
            }
            None => self.start.is_none() && self.end.is_none(),
        }
    }
}

/// Whether a text parameter says what a row says, letters alike; in names too, for webhooks point at `storeID` where the
/// documentation has `storeId`.
pub fn same(call: &Call, name: &str, value: &str) -> bool {
    let given = call.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    given.is_none_or(|(_, wanted)| wanted.eq_ignore_ascii_case(value))
}

/// Whether a row says somewhere what a text parameter says.
pub fn within<'a>(call: &Call, name: &str, mut values: impl Iterator<Item = &'a str>) -> bool {
    call.parameter(name).is_none_or(|wanted| {
        let wanted = wanted.to_lowercase();
        values.any(|value| value.to_lowercase().contains(&wanted))
    })
}

/// Puts rows in order: by the key that `sortBy` names, or as they were made.
pub fn sort<T, K: Ord>(call: &Call, rows: &mut [T], key: impl Fn(&T, Option<&str>) -> K) {
    let by = call.parameter("sortBy");
    rows.sort_by_key(|row| key(row, by));
    if call.parameter("sortDir") == Some("DESC") {
        rows.reverse();
    }
}

/// Which rows the page holds.
pub fn page(call: &Call, total: usize) -> (usize, usize, Range<usize>) {
    let number = |name: &str, otherwise: usize| {
        call.parameter(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let (page, size) = (number("page", 1).max(1), number("pageSize", PAGE).max(1));
    let start = ((page - 1) * size).min(total);
    (page, size, start..(start + size).min(total))
}

/// The envelope. Some lists say 0 pages where there is one, as in the vendor's own examples.
pub fn envelope(call: &Call, name: &str, total: usize, mut rows: Vec<Value>, fault: Option<Fault>) -> Answer {
    let (page, size, _) = page(call, total);
    let honest = !matches!(name, "shipments" | "fulfillments");
    let pages = if total <= size && !honest { 0 } else { total.div_ceil(size) };
    if fault == Some(Fault::DuplicatePage) {
        // Rows that moved while pages were read come twice.
        rows.extend(rows.first().cloned());
    }
    Answer::json(200, &json!({ name: rows, "total": total, "page": page, "pages": pages }))
}
