//! Where the pages of one poll stand, and how one goes on around rows that the source cannot give.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::expression::{Template, ValueTemplate, Values};
use crate::spec::model::{Paging, Until};

/// A poll reads at most so many pages: a paging that never ends is a fault of the other side.
const MOST_PAGES: u32 = 100_000;

/// Where the pages of one poll stand.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// Pages that were read.
    pub(super) read: u32,
    first: u64,
    /// Rows that were read, or for numbered pages the row at which the next page begins.
    offset: u64,
    /// Rows a page, now and as declared; 0 where there is no size.
    size: u64,
    declared: u64,
    /// Pages stay small until this row is behind them.
    careful_until: u64,
    token: Value,
    /// Where the next page is, for pages that are linked.
    pub(super) link: Option<String>,
    seen: HashSet<String>,
}

impl Pages {
    /// Before the first page. `values` hold `settings`.
    ///
    /// # Errors
    /// When the page size cannot be used.
    pub(super) fn new(paging: &Paging, values: &Values) -> Result<Self, String> {
        let (first, size) = match paging {
            Paging::Number { first, size, .. } => (u64::from(*first), whole(size, values)?),
            Paging::Offset { size, .. } => (1, whole(size, values)?),
            Paging::Single | Paging::Token { .. } | Paging::Link { .. } => (1, 0),
        };
        Ok(Self { first, size, declared: size, ..Self::default() })
    }

    /// `page`, as the request sees it.
    pub(super) fn value(&self) -> Value {
        json!({
            "number": self.number(),
            "offset": self.offset,
            "token": self.token,
            "size": (self.size > 0).then_some(self.size),
        })
    }

    /// Which page comes next, for people.
    pub(super) fn describe(&self) -> String {
        match (self.size, self.declared) {
            (1, 2..) => format!("row {}", self.offset + 1),
            (0, _) => format!("page {}", self.number()),
            (size, _) => format!("rows {} to {}", self.offset + 1, self.offset + size),
        }
    }

    fn number(&self) -> u64 {
        match self.size {
            0 => self.first + u64::from(self.read),
            size => self.first + self.offset / size,
        }
    }

    /// Goes on after a page of `count` records; whether there is another.
    ///
    /// # Errors
    /// When the pages do not end, go in circles, or do not say where the next one is.
    pub(super) fn next(
        &mut self,
        paging: &Paging,
        values: &Values,
        page: &Value,
        count: usize,
    ) -> Result<bool, String> {
        self.read += 1;
        if self.read >= MOST_PAGES {
            return Err(format!("the paging does not end: {MOST_PAGES} pages were read"));
        }
        let count = count as u64;
        let more = |until: Until, size: u64| match until {
            Until::Short => count >= size,
            Until::Empty => count > 0,
        };
        match paging {
            Paging::Single => Ok(false),
            Paging::Number { until, .. } => {
                let more = more(*until, self.size);
                self.offset += self.size;
                self.grow(true);
                Ok(more)
            }
            Paging::Offset { until, .. } => {
                let more = more(*until, self.size);
                self.offset += count;
                self.grow(false);
                Ok(more)
            }
            Paging::Token { next } => {
                let (token, text) = self.named(next, values, page)?;
                self.token = token;
                self.unseen(text)
            }
            Paging::Link { next } => {
                let (_, text) = self.named(next, values, page)?;
                self.link = Some(text.clone());
                self.unseen(text)
            }
        }
    }

    fn named(&self, next: &Template, values: &Values, page: &Value) -> Result<(Value, String), String> {
        let mut values = values.clone();
        values.set("answer", page);
        let named = next.evaluate(&values).map_err(|error| error.to_string())?;
        let text = match &named {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Ok((named, text))
    }

    fn unseen(&mut self, text: String) -> Result<bool, String> {
        if text.is_empty() {
            return Ok(false);
        }
        if self.seen.insert(text) {
            Ok(true)
        } else {
            Err("the paging goes in circles: the same next page was named twice".to_owned())
        }
    }

    /// Asks for fewer rows from now on, since the page failed; `false` when it was a single row already.
    pub(super) fn shrink(&mut self, paging: &Paging) -> bool {
        self.careful_until = self.offset + self.size;
        if self.size <= 1 {
            return false;
        }
        self.size = match paging {
            // A page of any size begins where this one did.
            Paging::Number { .. } => divisor(self.offset, self.size / 2),
            _ => self.size / 2,
        };
        true
    }

    /// Leaves the next row out.
    pub(super) fn skip(&mut self) {
        self.offset += 1;
    }

    fn grow(&mut self, numbered: bool) {
        if self.offset < self.careful_until || self.size >= self.declared {
            return;
        }
        let most = (self.size * 2).min(self.declared);
        self.size = if numbered { divisor(self.offset, most).max(1) } else { most };
    }
}

/// The largest number up to `most` that divides `of`.
fn divisor(of: u64, most: u64) -> u64 {
    (1..=most.max(1)).rev().find(|size| of.is_multiple_of(*size)).unwrap_or(1)
}

fn whole(size: &ValueTemplate, values: &Values) -> Result<u64, String> {
    let size = size.evaluate(values).map_err(|error| error.to_string())?;
    Ok(size.as_u64().unwrap_or(1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(size: u64) -> (Paging, Pages) {
        let size = ValueTemplate::Literal(json!(size));
        let paging = Paging::Number { first: 1, size, until: Until::Short, halve: true };
        let pages = Pages::new(&paging, &Values::default()).unwrap();
        (paging, pages)
    }

    /// Reads `rows` rows, of which some cannot be given; what was read, what was left out, and how many requests it took.
    fn read(paging: &Paging, mut pages: Pages, rows: u64, poison: &[u64]) -> (Vec<u64>, Vec<u64>, u32) {
        let (mut seen, mut skipped, mut asked) = (Vec::new(), Vec::new(), 0);
        loop {
            asked += 1;
            let page = pages.value();
            let size = page["size"].as_u64().unwrap();
            let from = match paging {
                Paging::Number { .. } => (page["number"].as_u64().unwrap() - 1) * size,
                _ => page["offset"].as_u64().unwrap(),
            };
            let wanted = from..(from + size).min(rows);
            if poison.iter().any(|row| wanted.contains(row)) {
                if !pages.shrink(paging) {
                    skipped.push(from);
                    pages.skip();
                }
                continue;
            }
            let count = wanted.clone().count();
            seen.extend(wanted);
            if !pages.next(paging, &Values::default(), &Value::Null, count).unwrap() {
                return (seen, skipped, asked);
            }
        }
    }

    #[test]
    fn every_row_is_read_once_but_those_that_cannot_be_given() {
        for rows in [0, 1, 99, 100, 137, 138, 250] {
            for poison in [vec![], vec![0], vec![137], vec![99, 100], vec![7, 8, 201]] {
                for offset in [false, true] {
                    let (mut paging, _) = numbered(100);
                    if offset {
                        let size = ValueTemplate::Literal(json!(100));
                        paging = Paging::Offset { size, until: Until::Short, halve: true };
                    }
                    let pages = Pages::new(&paging, &Values::default()).unwrap();
                    let (seen, skipped, asked) = read(&paging, pages, rows, &poison);
                    let bad: Vec<u64> = poison.iter().copied().filter(|row| *row < rows).collect();
                    let good: Vec<u64> = (0..rows).filter(|row| !bad.contains(row)).collect();
                    assert_eq!((&seen, &skipped), (&good, &bad), "{rows} rows, {poison:?}");
                    assert!(asked < 80, "{asked} requests for {rows} rows, {poison:?}");
                }
            }
        }
    }

    #[test]
    fn sizes_grow_back_once_the_bad_row_is_behind() {
        let (paging, mut pages) = numbered(64);
        while pages.shrink(&paging) {}
        pages.skip();
        let mut sizes = Vec::new();
        for _ in 0..40 {
            pages.next(&paging, &Values::default(), &Value::Null, 1_000).unwrap();
            sizes.push(pages.size);
        }
        assert_eq!(sizes.last(), Some(&64), "{sizes:?}");
    }
}
