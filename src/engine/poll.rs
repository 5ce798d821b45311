//! Reads a stream page by page; `arrive` commits each page's records together with the cursor.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::arrive::Arriving;
use super::connection::Connection;
use super::cursor::{self, CursorSettings};
use super::flow::FlowRuntime;
use super::outcome::{Call, Outcome};
use super::pages::Pages;
use super::run::Stop;
use super::shared::Shared;
use super::source::SourceRuntime;
use crate::base::{clock, crash};
use crate::http::Sign;
use crate::spec::model::{Paging, Source, Stream};
use crate::store::{AuditDraft, Cursor, SkippedRow, Write};

/// So many rows in a row that cannot be given are a source that is down, not bad rows.
const MOST_SKIPPED_IN_A_ROW: usize = 3;

/// So many rows that were left out are remembered for people; the audit has them all.
const MOST_REMEMBERED: usize = 100;

/// Why a poll could not be finished; what it committed stays.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) reason: String,
    pub(super) until: Option<Timestamp>,
}

impl Trouble {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), until: None }
    }
}

/// Why a poll does not go on.
pub(super) enum Halt {
    /// The source cannot be read now.
    Trouble(Trouble),
    /// The engine cannot go on.
    Stop(Stop),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// One poll at work.
struct Reading<'a> {
    flow: &'a FlowRuntime,
    source: &'a SourceRuntime,
    shared: &'a Shared,
    stream: &'a Stream,
    connection: &'a Connection,
    settings: CursorSettings,
    /// When it began.
    anchor: Timestamp,
    /// How the cursor stood then.
    kept: Cursor,
    /// Whether it reads everything, whatever the position.
    full: bool,
    /// `cursor`, as requests see it.
    from: Value,
    position: Value,
    pages: Pages,
    /// Rows that were left out.
    skipped: Vec<SkippedRow>,
    /// Those of them that nothing was read after yet.
    in_a_row: usize,
}

impl FlowRuntime {
    /// Reads a source whole, from its cursor on or, when that is due, from the beginning.
    pub(super) async fn poll(
        &self,
        source: &SourceRuntime,
        shared: &Shared,
    ) -> Result<Result<(), Trouble>, Stop> {
        let Source::Poll { role, stream, .. } = self.source(source) else { return Ok(Ok(())) };
        let connection = self.connection(role);
        let _turn = tokio::select! {
            held = super::turns::take([connection]) => held,
            () = shared.stop.cancelled() => return Ok(Ok(())),
        };
        let read = match Reading::begin(self, source, shared, stream, connection)? {
            Ok(reading) => reading.read().await,
            Err(trouble) => Err(Halt::Trouble(trouble)),
        };
        match read {
            Ok(()) => Ok(Ok(())),
            Err(Halt::Trouble(trouble)) => Ok(Err(trouble)),
            Err(Halt::Stop(stop)) => Err(stop),
        }
    }
}

impl<'a> Reading<'a> {
    fn begin(
        flow: &'a FlowRuntime,
        source: &'a SourceRuntime,
        shared: &'a Shared,
        stream: &'a Stream,
        connection: &'a Connection,
    ) -> Result<Result<Self, Trouble>, Stop> {
        let anchor = shared.clock.now();
        let kept = shared.store.cursor(&source.cursor)?.unwrap_or_default();
        let made = || -> Result<Self, String> {
            let settings = CursorSettings::of(&stream.cursor, &connection.values)?;
            let due = |every| kept.full.is_none_or(|at| clock::add(at, every) <= anchor);
            let from = match source.full.is_some_and(due) {
                true => Value::Null,
                false => cursor::from(&stream.cursor, &kept.position, &settings),
            };
            let pages = Pages::new(&stream.paging, &connection.values)?;
            Ok(Self {
                full: from.is_null(),
                from: cursor::bounded(from, anchor, &settings),
                flow,
                source,
                shared,
                stream,
                connection,
                settings,
                anchor,
                position: kept.position.clone(),
                kept: kept.clone(),
                pages,
                skipped: Vec::new(),
                in_a_row: 0,
            })
        };
        Ok(made().map_err(Trouble::new))
    }

    async fn read(mut self) -> Result<(), Halt> {
        loop {
            let page = self.page().await?;
            crash::point("poll.page_received");
            let records = self.stream.records.of(&self.connection.values, &page).map_err(trouble)?;
            let count = records.len();
            let next = self.pages.next(&self.stream.paging, &self.connection.values, &page, count);
            let next = next.map_err(trouble)?;
            for record in &records {
                self.position =
                    cursor::advance(&self.stream.cursor, &self.position, record, self.anchor, &self.settings);
            }
            if !next {
                let values = &self.connection.values;
                self.position = cursor::after_page(&self.stream.cursor, &self.position, &page, values)
                    .map_err(trouble)?;
            }
            let read = json!({
                "flow": self.flow.name,
                "source": self.flow.source(self.source).name(),
                "page": self.pages.read,
                "records": count,
                "from": self.from,
                "full": self.full,
                "last": !next,
            });
            let (flow, shared) = (self.flow, self.shared);
            let cursor = Some((self.source.cursor.clone(), self.cursor(!next)));
            let arriving = Arriving::read("poll.page", read, cursor);
            flow.ingest(shared, records, arriving).await?;
            if !next || shared.stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Until the last page is in, the position stays where the poll began: pages need not come in order.
    fn cursor(&self, last: bool) -> Cursor {
        if !last {
            let page = json!({ "number": self.pages.read, "began": self.anchor });
            return Cursor { page, ..self.kept.clone() };
        }
        let mut skipped = if self.full { Vec::new() } else { self.kept.skipped.clone() };
        skipped.retain(|old| self.skipped.iter().all(|new| new.page != old.page));
        skipped.extend(self.skipped.iter().cloned());
        skipped.drain(..skipped.len().saturating_sub(MOST_REMEMBERED));
        Cursor {
            position: self.position.clone(),
            polled: Some(self.anchor),
            page: Value::Null,
            full: if self.full { Some(self.anchor) } else { self.kept.full },
            skipped,
        }
    }

    /// The next page; around rows that the source cannot give, where the stream says that there are such.
    async fn page(&mut self) -> Result<Value, Halt> {
        let halve = match &self.stream.paging {
            Paging::Number { halve, .. } | Paging::Offset { halve, .. } => *halve,
            Paging::Single | Paging::Token { .. } | Paging::Link { .. } => false,
        };
        let mut failed = false;
        loop {
            let call = match self.ask(halve).await {
                Ok(page) => {
                    self.in_a_row = 0;
                    return Ok(page);
                }
                Err(call) => call,
            };
            if !halve || !poisoned(&call) {
                let until = match &call.outcome {
                    Outcome::Later(refusal) | Outcome::Down(refusal) => refusal.until,
                    _ => None,
                };
                let reason = format!("{}: {}", self.connection.name, call.outcome.cause());
                return Err(Halt::Trouble(Trouble { reason, until }));
            }
            if !failed {
                failed = true;
                let pause = self.connection.system.limits.retry.first;
                tokio::select! {
                    () = self.shared.clock.sleep(pause) => {}
                    () = self.shared.stop.cancelled() => return Err(trouble("the engine was stopped")),
                }
                continue;
            }
            failed = false;
            if !self.pages.shrink(&self.stream.paging) {
                self.skip(&call).await?;
            }
        }
    }

    async fn ask(&self, halve: bool) -> Result<Value, Call> {
        let mut values = self.connection.values.clone();
        values.set("cursor", &self.from);
        values.set("page", &self.pages.value());
        let request = &self.stream.request;
        let prepared = match &self.pages.link {
            Some(link) => self.connection.follow(request, values, link),
            None => self.connection.render(request, values),
        };
        let prepared = prepared.map_err(|error| Call::unsent(Outcome::Unrenderable(error.message)))?;
        // Of a page that holds a bad row it says nothing of the system.
        let broken = if halve { Sign::Nothing } else { Sign::Down };
        self.connection.page(&self.flow.name, prepared, &self.stream.answer, broken).await
    }

    /// Leaves a row out that fails even alone. That it is the row and not the source shows when the next one comes.
    async fn skip(&mut self, call: &Call) -> Result<(), Halt> {
        let row = self.pages.describe();
        self.in_a_row += 1;
        if self.in_a_row > MOST_SKIPPED_IN_A_ROW {
            return Err(trouble(format!(
                "{}: {} rows in a row fail, the last at {row}: {}",
                self.connection.name,
                self.in_a_row,
                call.outcome.cause()
            )));
        }
        let now = self.shared.clock.now();
        let reason = call.outcome.cause();
        tracing::warn!(flow = self.flow.name, row, reason, "a row is left out");
        let facts = json!({
            "flow": self.flow.name,
            "row": row,
            "reason": reason,
            "request_id": call.facts.get("request_id"),
            "status": call.facts.get("status"),
        });
        let audit = Write::Audit(AuditDraft {
            at: now,
            actor: "engine".to_owned(),
            record: None,
            event: "poll.row_skipped".to_owned(),
            facts,
            body: Some(call.exchange.clone()).filter(|exchange| !exchange.is_null()),
        });
        let batch = crate::store::Batch { writes: vec![audit] };
        self.shared.store.commit(batch).await.map_err(|error| Halt::Stop(error.into()))?;
        self.skipped.push(SkippedRow { at: now, page: row, reason });
        self.pages.skip();
        Ok(())
    }
}

/// Whether an answer says that the other side broke over what was asked for. One that asks for a pause does not, nor one
/// (503) that says that nobody is there to look at it.
fn poisoned(call: &Call) -> bool {
    let status = call.facts.get("status").and_then(Value::as_u64);
    let broke = status.is_some_and(|status| status >= 500 && status != 503);
    let paused = matches!(&call.outcome, Outcome::Later(refusal) if refusal.until.is_some());
    broke && !paused
}

fn trouble(reason: impl ToString) -> Halt {
    Halt::Trouble(Trouble::new(reason.to_string()))
}
