//! The tables, what they are keyed by, and the few fields that the indexes are made from.
//!
//! Tables of bytes hold values as [`super::codec`] writes them; the others are indexes that can be made from them.
//! Times are nanoseconds since 1970, so that they sort and are exact.

use ::redb::{Table, TableDefinition, WriteTransaction};
use jiff::Timestamp;
use serde::Deserialize;

use super::error::Failure;
use crate::store::{EffectState, EventState, RecordState};

type Bytes = TableDefinition<'static, &'static str, &'static [u8]>;

pub(super) const META: Bytes = TableDefinition::new("meta");
pub(super) const RECORDS: Bytes = TableDefinition::new("records");
/// Flow, state, change, record.
pub(super) const RECORDS_CHANGED: TableDefinition<(&str, u8, i128, &str), ()> =
    TableDefinition::new("records_changed");
/// Flow, due, record; only of states that have something to do.
pub(super) const RECORDS_DUE: TableDefinition<(&str, i128, &str), ()> = TableDefinition::new("records_due");
/// Flow, again, record; only of those that are done and come again.
pub(super) const RECORDS_AGAIN: TableDefinition<(&str, i128, &str), ()> =
    TableDefinition::new("records_again");
/// Records with a notice that nobody has acknowledged.
pub(super) const RECORDS_NOTICED: TableDefinition<&str, ()> = TableDefinition::new("records_noticed");
/// Key, record.
pub(super) const RECORDS_BY_KEY: TableDefinition<(&str, &str), ()> = TableDefinition::new("records_by_key");
/// Flow, state.
pub(super) const COUNTS: TableDefinition<(&str, u8), u64> = TableDefinition::new("counts");
pub(super) const EFFECTS: Bytes = TableDefinition::new("effects");
/// Record and place in the order of planning -> effect.
pub(super) const EFFECTS_BY_RECORD: TableDefinition<(&str, u64), &str> =
    TableDefinition::new("effects_by_record");
pub(super) const EFFECTS_OPEN: TableDefinition<&str, ()> = TableDefinition::new("effects_open");
/// Inbox, name -> all but the body.
pub(super) const EVENTS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("events");
/// Inbox, name -> the body, of those that are not taken yet.
pub(super) const EVENT_BODIES: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("event_bodies");
/// Inbox, name -> place in the order of arrival.
pub(super) const EVENTS_ARRIVED: TableDefinition<(&str, &str), u64> = TableDefinition::new("events_arrived");
/// Inbox, state, due, place in the order of arrival -> name.
pub(super) const EVENTS_DUE: TableDefinition<(&str, u8, i128, u64), &str> =
    TableDefinition::new("events_due");
/// Inbox, state.
pub(super) const EVENT_COUNTS: TableDefinition<(&str, u8), u64> = TableDefinition::new("event_counts");
/// Name -> the number that was given last.
pub(super) const COUNTERS: TableDefinition<&str, u64> = TableDefinition::new("counters");
pub(super) const CURSORS: Bytes = TableDefinition::new("cursors");
/// Value, kind, record.
pub(super) const LINKS: TableDefinition<(&str, &str, &str), ()> = TableDefinition::new("links");
/// Record, kind, value.
pub(super) const LINKS_BY_RECORD: TableDefinition<(&str, &str, &str), ()> =
    TableDefinition::new("links_by_record");
/// Record, name -> what it is.
pub(super) const DOCUMENTS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("documents");
/// Record, name -> the bytes.
pub(super) const DOCUMENT_BYTES: TableDefinition<(&str, &str), &[u8]> =
    TableDefinition::new("document_bytes");
pub(super) const BLOBS: Bytes = TableDefinition::new("blobs");
/// Table, key.
pub(super) const ROWS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("rows");
/// Table, when it was put, key.
pub(super) const ROWS_BY_TIME: TableDefinition<(&str, i128, &str), ()> = TableDefinition::new("rows_by_time");
/// Table -> how often it changed.
pub(super) const ROW_TABLES: TableDefinition<&str, u64> = TableDefinition::new("row_tables");
pub(super) const AUDIT: TableDefinition<u64, &[u8]> = TableDefinition::new("audit");
pub(super) const AUDIT_BY_RECORD: TableDefinition<(&str, u64), ()> = TableDefinition::new("audit_by_record");
pub(super) const AUDIT_BODIES: TableDefinition<u64, &[u8]> = TableDefinition::new("audit_bodies");

/// All tables that batches write to, open in one transaction.
pub(super) struct Tables<'t> {
    pub(super) records: Table<'t, &'static str, &'static [u8]>,
    pub(super) changed: Table<'t, (&'static str, u8, i128, &'static str), ()>,
    pub(super) due: Table<'t, (&'static str, i128, &'static str), ()>,
    pub(super) again: Table<'t, (&'static str, i128, &'static str), ()>,
    pub(super) noticed: Table<'t, &'static str, ()>,
    pub(super) by_key: Table<'t, (&'static str, &'static str), ()>,
    pub(super) counts: Table<'t, (&'static str, u8), u64>,
    pub(super) effects: Table<'t, &'static str, &'static [u8]>,
    pub(super) effects_by_record: Table<'t, (&'static str, u64), &'static str>,
    pub(super) effects_open: Table<'t, &'static str, ()>,
    pub(super) events: Table<'t, (&'static str, &'static str), &'static [u8]>,
    pub(super) event_bodies: Table<'t, (&'static str, &'static str), &'static [u8]>,
    pub(super) events_arrived: Table<'t, (&'static str, &'static str), u64>,
    pub(super) events_due: Table<'t, (&'static str, u8, i128, u64), &'static str>,
    pub(super) event_counts: Table<'t, (&'static str, u8), u64>,
    pub(super) counters: Table<'t, &'static str, u64>,
    pub(super) cursors: Table<'t, &'static str, &'static [u8]>,
    pub(super) links: Table<'t, (&'static str, &'static str, &'static str), ()>,
    pub(super) links_by_record: Table<'t, (&'static str, &'static str, &'static str), ()>,
    pub(super) documents: Table<'t, (&'static str, &'static str), &'static [u8]>,
    pub(super) document_bytes: Table<'t, (&'static str, &'static str), &'static [u8]>,
    pub(super) blobs: Table<'t, &'static str, &'static [u8]>,
    pub(super) rows: Table<'t, (&'static str, &'static str), &'static [u8]>,
    pub(super) rows_by_time: Table<'t, (&'static str, i128, &'static str), ()>,
    pub(super) row_tables: Table<'t, &'static str, u64>,
    pub(super) audit: Table<'t, u64, &'static [u8]>,
    pub(super) audit_by_record: Table<'t, (&'static str, u64), ()>,
    pub(super) audit_bodies: Table<'t, u64, &'static [u8]>,
}

impl<'t> Tables<'t> {
    /// Opens all tables, creating those that a database of an earlier version does not have.
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, Failure> {
        Ok(Self {
            records: transaction.open_table(RECORDS)?,
            changed: transaction.open_table(RECORDS_CHANGED)?,
            due: transaction.open_table(RECORDS_DUE)?,
            again: transaction.open_table(RECORDS_AGAIN)?,
            noticed: transaction.open_table(RECORDS_NOTICED)?,
            by_key: transaction.open_table(RECORDS_BY_KEY)?,
            counts: transaction.open_table(COUNTS)?,
            effects: transaction.open_table(EFFECTS)?,
            effects_by_record: transaction.open_table(EFFECTS_BY_RECORD)?,
            effects_open: transaction.open_table(EFFECTS_OPEN)?,
            events: transaction.open_table(EVENTS)?,
            event_bodies: transaction.open_table(EVENT_BODIES)?,
            events_arrived: transaction.open_table(EVENTS_ARRIVED)?,
            events_due: transaction.open_table(EVENTS_DUE)?,
            event_counts: transaction.open_table(EVENT_COUNTS)?,
            counters: transaction.open_table(COUNTERS)?,
            cursors: transaction.open_table(CURSORS)?,
            links: transaction.open_table(LINKS)?,
            links_by_record: transaction.open_table(LINKS_BY_RECORD)?,
            documents: transaction.open_table(DOCUMENTS)?,
            document_bytes: transaction.open_table(DOCUMENT_BYTES)?,
            blobs: transaction.open_table(BLOBS)?,
            rows: transaction.open_table(ROWS)?,
            rows_by_time: transaction.open_table(ROWS_BY_TIME)?,
            row_tables: transaction.open_table(ROW_TABLES)?,
            audit: transaction.open_table(AUDIT)?,
            audit_by_record: transaction.open_table(AUDIT_BY_RECORD)?,
            audit_bodies: transaction.open_table(AUDIT_BODIES)?,
        })
    }
}

/// What the indexes need to know of a record; read without the rest of it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(from = "RecordFields")]
pub(super) struct RecordHead {
    pub(super) version: u64,
    pub(super) state: RecordState,
    pub(super) changed: i128,
    pub(super) due: i128,
    pub(super) again: Option<i128>,
    pub(super) noticed: bool,
}

impl RecordHead {
    /// When a record that is done comes again.
    pub(super) fn comes_again(&self) -> Option<i128> {
        self.again.filter(|_| self.state == RecordState::Done)
    }
}

/// When a row was put; read without the rest of it.
#[derive(Deserialize)]
pub(super) struct RowHead {
    pub(super) at: Timestamp,
}

#[derive(Deserialize)]
struct RecordFields {
    version: u64,
    state: RecordState,
    changed: Timestamp,
    due: Timestamp,
    notices: Vec<NoticeFields>,
    #[serde(default)]
    again: Option<Timestamp>,
}

#[derive(Deserialize)]
struct NoticeFields {
    acknowledged: Option<Timestamp>,
}

impl From<RecordFields> for RecordHead {
    fn from(fields: RecordFields) -> Self {
        Self {
            version: fields.version,
            state: fields.state,
            changed: fields.changed.as_nanosecond(),
            due: fields.due.as_nanosecond(),
            again: fields.again.map(Timestamp::as_nanosecond),
            noticed: fields.notices.iter().any(|notice| notice.acknowledged.is_none()),
        }
    }
}

/// What the indexes need to know of an effect.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct EffectHead {
    pub(super) version: u64,
    pub(super) state: EffectState,
}

/// What the indexes need to know of an event.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct EventHead {
    pub(super) version: u64,
    pub(super) state: EventState,
    pub(super) due: Timestamp,
}

/// Whether a record of this state has something to do at its due time.
pub(super) fn is_due(state: RecordState) -> bool {
    matches!(state, RecordState::Received | RecordState::Running | RecordState::Waiting)
}

/// Whether it is open what became of an effect of this state.
pub(super) fn is_open(state: EffectState) -> bool {
    matches!(state, EffectState::Sending | EffectState::Unknown | EffectState::InDoubt | EffectState::Undoing)
}

/// `mapping/flow` of a record's id.
pub(super) fn flow_of(record: &str) -> &str {
    let end = record.match_indices('/').nth(1).map_or(record.len(), |(index, _)| index);
    &record[..end]
}

/// The number that stands for a state in keys; it must never change.
pub(super) fn state_number(state: RecordState) -> u8 {
    match state {
        RecordState::Received => 1,
        RecordState::Running => 2,
        RecordState::Waiting => 3,
        RecordState::Done => 4,
        RecordState::Skipped => 5,
        RecordState::Parked => 6,
        RecordState::InDoubt => 7,
        RecordState::Discarded => 8,
    }
}

/// The state that a number stands for.
pub(super) fn numbered_state(number: u8) -> Option<RecordState> {
    use RecordState::*;
    [Received, Running, Waiting, Done, Skipped, Parked, InDoubt, Discarded]
        .into_iter()
        .find(|state| state_number(*state) == number)
}

/// The number that stands for an event's state in keys; it must never change.
pub(super) fn event_state_number(state: EventState) -> u8 {
    match state {
        EventState::Waiting => 1,
        EventState::Taken => 2,
        EventState::Parked => 3,
    }
}

/// The event's state that a number stands for.
pub(super) fn numbered_event_state(number: u8) -> Option<EventState> {
    use EventState::*;
    [Waiting, Taken, Parked].into_iter().find(|state| event_state_number(*state) == number)
}
