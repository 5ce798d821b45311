//! Follows what a sender points at: the pages that are there, read with the connection's credentials, within its limits.
//!
//! What is there is a page of one of the system's streams, so it is asked for as one: with all that the stream asks of
//! every page. Only the cursor's part is left out, since the sender has said which records it means.

use jiff::Timestamp;
use regex::Regex;
use serde_json::Value;
use url::Url;

use super::connection::Connection;
use super::outcome::{Call, Outcome};
use super::pages::Pages;
use crate::http::{Sign, pointer};
use crate::spec::model::{Paging, Stream};

/// Why what was pointed at cannot be read.
#[derive(Debug)]
pub(super) struct Missed {
    /// One sentence.
    pub(super) reason: String,
    /// Not before this, where that is known.
    pub(super) until: Option<Timestamp>,
    /// Whether it will not be better later.
    pub(super) never: bool,
}

impl Missed {
    pub(super) fn never(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), until: None, never: true }
    }

    fn now(reason: impl ToString) -> Self {
        Self { reason: reason.to_string(), until: None, never: false }
    }

    fn of(connection: &Connection, call: &Call) -> Self {
        let never = match &call.outcome {
            Outcome::NotSent { permanent, .. } => *permanent,
            Outcome::Unrenderable(_) => true,
            _ => false,
        };
        let reason = format!("{}: {}", connection.name, call.outcome.cause());
        Self { reason, until: call.outcome.until(), never }
    }
}

/// A page that was read.
pub(super) struct Found {
    pub(super) records: Vec<Value>,
    /// Whether there are no more.
    pub(super) last: bool,
}

/// The pages behind one pointer.
pub(super) struct Following<'a> {
    connection: &'a Connection,
    /// For a fair share of the connection's limits.
    who: &'a str,
    stream: &'a Stream,
    hosts: &'a [Regex],
    base: Url,
    /// Where the next page is.
    url: Url,
    /// Whether a page named that URL, which then has all it needs.
    linked: bool,
    pages: Pages,
}

impl<'a> Following<'a> {
    /// Before the first page, which is at `text`.
    ///
    /// # Errors
    /// When it must not be followed.
    pub(super) fn begin(
        (connection, who): (&'a Connection, &'a str),
        (stream, hosts): (&'a Stream, &'a [Regex]),
        text: &str,
    ) -> Result<Self, Missed> {
        let base = Url::parse(&connection.base_url).map_err(|error| Missed::never(error.to_string()))?;
        let url = pointer::check(text, hosts, &base).map_err(Missed::never)?;
        let pages = Pages::new(&stream.paging, &connection.values).map_err(Missed::never)?;
        Ok(Self { connection, who, stream, hosts, base, url, linked: false, pages })
    }

    /// The next page. After the last one it must not be called.
    ///
    /// # Errors
    /// When there is none now, or never will be.
    pub(super) async fn page(&mut self) -> Result<Found, Missed> {
        let answer = self.ask().await.map_err(|call| Missed::of(self.connection, &call))?;
        let values = &self.connection.values;
        let records = self.stream.records.of(values, &answer);
        let records = records.map_err(Missed::now)?;
        let more = self.pages.next(&self.stream.paging, values, &answer, records.len());
        let more = more.map_err(Missed::now)?;
        if more && let Some(link) = &self.pages.link {
            // A link may be relative, and is from outside like the pointer itself.
            let next = self
                .url
                .join(link.trim())
                .map_err(|_| Missed::never("the link to the next page is no URL"))?;
            self.url = pointer::check(next.as_str(), self.hosts, &self.base)
                .map_err(|why| Missed::never(format!("the next page cannot be read: {why}")))?;
            self.linked = true;
        }
        Ok(Found { records, last: !more })
    }

    async fn ask(&self) -> Result<Value, Call> {
        let mut values = self.connection.values.clone();
        values.set("cursor", &Value::Null);
        values.set("page", &self.pages.value());
        let request = &self.stream.request;
        let prepared = match self.linked {
            true => self.connection.read_at(request, values, self.url.clone()),
            false => self.connection.pointed(request, values, &self.url),
        };
        let prepared = prepared.map_err(|error| Call::unsent(Outcome::Unrenderable(error.message)))?;
        let broken = if halves(&self.stream.paging) { Sign::Nothing } else { Sign::Down };
        self.connection.page(self.who, prepared, &self.stream.answer, broken).await
    }
}

/// Whether an answer of 500 or above may only say that a row of the page cannot be given.
fn halves(paging: &Paging) -> bool {
    matches!(paging, Paging::Number { halve: true, .. } | Paging::Offset { halve: true, .. })
}
