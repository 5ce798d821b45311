//! Reading tables: pages in the order of changes, and single records.

use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::Sage100;
use super::books::{TABLES, has_stamps};
use super::route::refusal;
use super::stamp::Stamp;
use super::table::Position;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::lock;

/// The page size of callers that ask for none.
const PAGE: usize = 100;

impl Sage100 {
    pub(super) fn list(&self, call: &Call, table: &str, duplicate: bool) -> Answer {
        let Some(table) = TABLES.into_iter().find(|name| *name == table) else {
            return refusal(404, "not_found", &format!("There is no table {table}."));
        };
        let since = match since(call, table) {
            Ok(since) => since,
            Err(answer) => return answer,
        };
        let after = match call.parameter("after").map(read_token) {
            Some(None) => return refusal(400, "invalid_request", "`after` is not a token of this agent."),
            Some(Some(after)) => after,
            None => Start,
        };
        let limit = call.parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE);
        let with_lines = call.parameter("include") == Some("Lines");
        let mut books = lock(&self.books);
        books.pages += 1;
        let pages = books.pages;
        let page = self.page(&books, table, since, &after, limit, with_lines);
        let next = match duplicate {
            // The token differs, but leads to where this page began.
            true => Some(token(&after, pages)),
            false => page.next.map(|position| token(&Behind(position), 0)),
        };
        let mut body = json!({ "records": page.records, "scan_limit_reached": page.limit_reached });
        if let Some(next) = next {
            body["next"] = json!(next);
        }
        Answer::json(200, &body)
    }

    fn page(
        &self,
        books: &super::books::Books,
        table: &'static str,
        since: Option<Stamp>,
        after: &Place,
        limit: usize,
        with_lines: bool,
    ) -> Page {
        let first: Position = (since, String::new());
        // An agent without a limit has an index; one with a limit walks the table from its beginning.
        let from = match after {
            Behind(position) if self.options.scan_limit.is_some() || *position >= first => {
                Bound::Excluded(position)
            }
            Start if self.options.scan_limit.is_some() => Bound::Unbounded,
            _ => Bound::Included(&first),
        };
        let mut page = Page::default();
        let mut last: Option<Position> = None;
        for (looked_at, (position, row)) in books.tables[table].walk(from).enumerate() {
            let full = page.records.len() == limit;
            let tired = self.options.scan_limit.is_some_and(|most| looked_at >= most);
            if full || tired {
                page.limit_reached = tired && !full;
                page.next = last;
                return page;
            }
            if position.0 >= since {
                page.records.push(books.shown(table, &position.1, row, with_lines));
            }
            last = Some(position.clone());
        }
        page
    }

    pub(super) fn record(&self, call: &Call, table: &str, key: &str) -> Answer {
        let books = lock(&self.books);
        let found = books.tables.get(table).and_then(|records| records.get(key));
        match found {
            Some(row) => {
                Answer::json(200, &books.shown(table, key, row, call.parameter("include") == Some("Lines")))
            }
            None => refusal(404, "not_found", &format!("{table} has no record {key}.")),
        }
    }
}

#[derive(Default)]
struct Page {
    records: Vec<Value>,
    next: Option<Position>,
    limit_reached: bool,
}

/// Where a page begins.
enum Place {
    Start,
    Behind(Position),
}
use Place::{Behind, Start};

fn since(call: &Call, table: &str) -> Result<Option<Stamp>, Answer> {
    let invalid = |message: &str| refusal(400, "invalid_request", message);
    let time = call.parameter("changed_since_time");
    let Some(date) = call.parameter("changed_since_date") else {
        return match time {
            Some(_) => Err(invalid("changed_since_time needs changed_since_date.")),
            None => Ok(None),
        };
    };
    if !has_stamps(table) {
        return Err(invalid(&format!("{table} has no stamps.")));
    }
    match Stamp::parse(date, time.unwrap_or("0")) {
        Some(stamp) => Ok(Some(stamp)),
        None => Err(invalid("changed_since_date is a day, changed_since_time decimal hours.")),
    }
}

fn token(place: &Place, nonce: u64) -> String {
    let text = match place {
        Start => json!([nonce]),
        Behind((stamp, key)) => match stamp {
            Some(stamp) => json!([nonce, stamp.date_text(), stamp.units, key]),
            None => json!([nonce, null, 0, key]),
        },
    };
    URL_SAFE_NO_PAD.encode(text.to_string())
}

fn read_token(token: &str) -> Option<Place> {
    let parts: Vec<Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    match parts.as_slice() {
        [_] => Some(Start),
        [_, date, units, key] => {
            let stamp = match date.as_str() {
                Some(date) => {
                    let units = u32::try_from(units.as_u64()?).ok()?;
                    Some(Stamp { date: date.parse::<Date>().ok()?, units })
                }
                None => None,
            };
            Some(Behind((stamp, key.as_str()?.to_owned())))
        }
        _ => None,
    }
}
