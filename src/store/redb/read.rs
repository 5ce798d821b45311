//! Reading: each call sees one moment of the database.

use std::collections::{BTreeSet, BinaryHeap};

use ::redb::{Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::codec;
use super::error::Failure;
use super::prepare::{document_key, row_place};
use super::tables::{
    BLOBS, COUNTS, CURSORS, DOCUMENT_BYTES, DOCUMENTS, EFFECTS, EFFECTS_BY_RECORD, EFFECTS_OPEN, LINKS,
    LINKS_BY_RECORD, RECORDS, RECORDS_AGAIN, RECORDS_BY_KEY, RECORDS_CHANGED, RECORDS_DUE, RECORDS_NOTICED,
    ROW_TABLES, ROWS, numbered_state, state_number,
};
use crate::base::RecordId;
use crate::store::{Document, EffectEntry, FlowCount, Record, RecordQuery, Row, StoreError};

/// One moment of the database.
pub(super) struct Reader {
    pub(super) transaction: ReadTransaction,
}

/// The result of a read.
pub(super) type Read<T> = Result<T, Failure>;

impl Reader {
    pub(super) fn new(database: &Database) -> Read<Self> {
        Ok(Self { transaction: database.begin_read()? })
    }

    /// The value of `key` in a table of JSON.
    pub(super) fn get<T: DeserializeOwned>(
        &self,
        table: TableDefinition<&'static str, &'static [u8]>,
        name: &str,
        key: &str,
    ) -> Read<Option<T>> {
        let table = self.transaction.open_table(table)?;
        let found = table.get(key)?;
        found.map(|found| codec::decode(name, key, found.value()).map_err(Failure::Database)).transpose()
    }

    pub(super) fn record(&self, id: &str) -> Read<Option<Record>> {
        self.get(RECORDS, "records", id)
    }

    pub(super) fn cursor(&self, flow: &str) -> Read<Option<crate::store::Cursor>> {
        self.get(CURSORS, "cursors", flow)
    }

    pub(super) fn effect(&self, id: &str) -> Read<Option<EffectEntry>> {
        self.get(EFFECTS, "effects", id)
    }

    pub(super) fn counts(&self) -> Read<Vec<FlowCount>> {
        let mut counts = Vec::new();
        for entry in self.transaction.open_table(COUNTS)?.iter()? {
            let (key, count) = entry?;
            let (flow, state) = key.value();
            // A state that only a newer version knows cannot be shown by this one.
            if let (Some(state), count @ 1..) = (numbered_state(state), count.value()) {
                counts.push(FlowCount { flow: flow.to_owned(), state, count });
            }
        }
        Ok(counts)
    }

    pub(super) fn due(&self, flow: &str, until: Timestamp, limit: usize) -> Read<Vec<RecordId>> {
        let end = until.as_nanosecond() + 1;
        let mut due = Vec::new();
        for table in [RECORDS_DUE, RECORDS_AGAIN] {
            let table = self.transaction.open_table(table)?;
            for entry in table.range((flow, i128::MIN, "")..(flow, end, ""))?.take(limit) {
                let key = entry?.0;
                let (_, at, id) = key.value();
                due.push((at, record_id(id)?));
            }
        }
        due.sort();
        Ok(due.into_iter().take(limit).map(|(_, id)| id).collect())
    }

    pub(super) fn next_due(&self, flow: &str, after: Option<Timestamp>) -> Read<Option<Timestamp>> {
        self.next_in(RECORDS_DUE, flow, after)
    }

    pub(super) fn next_again(&self, flow: &str, after: Option<Timestamp>) -> Read<Option<Timestamp>> {
        self.next_in(RECORDS_AGAIN, flow, after)
    }

    /// The earliest time of a flow in one of the indexes by time.
    fn next_in(
        &self,
        table: TableDefinition<'static, (&'static str, i128, &'static str), ()>,
        flow: &str,
        after: Option<Timestamp>,
    ) -> Read<Option<Timestamp>> {
        let table = self.transaction.open_table(table)?;
        let from = after.map_or(i128::MIN, |after| after.as_nanosecond() + 1);
        let first = table.range((flow, from, "")..=(flow, i128::MAX, ""))?.next().transpose()?;
        first.map(|(key, _)| instant(key.value().1, flow)).transpose()
    }

    pub(super) fn effects_of(&self, record: &str) -> Read<Vec<EffectEntry>> {
        let mut effects = Vec::new();
        let table = self.transaction.open_table(EFFECTS_BY_RECORD)?;
        for entry in table.range((record, 0)..=(record, u64::MAX))? {
            effects.push(self.listed_effect(entry?.1.value())?);
        }
        Ok(effects)
    }

    pub(super) fn open_effects(&self) -> Read<Vec<EffectEntry>> {
        let mut effects = Vec::new();
        for entry in self.transaction.open_table(EFFECTS_OPEN)?.iter()? {
            effects.push(self.listed_effect(entry?.0.value())?);
        }
        Ok(effects)
    }

    fn listed_effect(&self, id: &str) -> Read<EffectEntry> {
        self.effect(id)?.ok_or_else(|| damaged(&format!("effect {id} is listed but missing")))
    }

    pub(super) fn linked(&self, kind: Option<&str>, value: &str) -> Read<Vec<RecordId>> {
        let mut ids = BTreeSet::new();
        let table = self.transaction.open_table(LINKS)?;
        for entry in table.range((value, kind.unwrap_or_default(), "")..)? {
            let key = entry?.0;
            let (its_value, its_kind, record) = key.value();
            if its_value != value || kind.is_some_and(|kind| kind != its_kind) {
                break;
            }
            ids.insert(record_id(record)?);
        }
        Ok(ids.into_iter().collect())
    }

    pub(super) fn links_of(&self, record: &str) -> Read<Vec<(String, String)>> {
        let mut links = Vec::new();
        let table = self.transaction.open_table(LINKS_BY_RECORD)?;
        for entry in table.range((record, "", "")..)? {
            let key = entry?.0;
            let (its_record, kind, value) = key.value();
            if its_record != record {
                break;
            }
            links.push((kind.to_owned(), value.to_owned()));
        }
        Ok(links)
    }

    pub(super) fn documents(&self, record: &str, with_bytes: bool) -> Read<Vec<Document>> {
        let about = self.transaction.open_table(DOCUMENTS)?;
        let bytes = self.transaction.open_table(DOCUMENT_BYTES)?;
        let mut documents = Vec::new();
        for entry in about.range((record, "")..)? {
            let (key, stored) = entry?;
            let (its_record, name) = key.value();
            if its_record != record {
                break;
            }
            let place = document_key(record, name);
            let mut document: Document =
                codec::decode("documents", &place, stored.value()).map_err(Failure::Database)?;
            if with_bytes {
                let stored = bytes
                    .get((record, name))?
                    .ok_or_else(|| damaged(&format!("document {place} is listed but missing")))?;
                let content = codec::decode_bytes("document_bytes", &place, stored.value());
                document.bytes = content.map_err(Failure::Database)?.to_vec();
            }
            documents.push(document);
        }
        Ok(documents)
    }

    pub(super) fn blob(&self, name: &str) -> Read<Option<Vec<u8>>> {
        let table = self.transaction.open_table(BLOBS)?;
        let found = table.get(name)?;
        found
            .map(|found| codec::decode_bytes("blobs", name, found.value()).map(<[u8]>::to_vec))
            .transpose()
            .map_err(Failure::Database)
    }
}

/// Named tables.
impl Reader {
    pub(super) fn row(&self, table: &str, key: &str) -> Read<Option<Row>> {
        let stored = self.transaction.open_table(ROWS)?.get((table, key))?;
        let row = stored.map(|stored| codec::decode("rows", &row_place(table, key), stored.value()));
        row.transpose().map_err(Failure::Database)
    }

    pub(super) fn rows(&self, table: &str) -> Read<Vec<Row>> {
        let mut rows = Vec::new();
        for entry in self.transaction.open_table(ROWS)?.range((table, "")..)? {
            let (key, stored) = entry?;
            let (its_table, its_key) = key.value();
            if its_table != table {
                break;
            }
            let row = codec::decode("rows", &row_place(table, its_key), stored.value());
            rows.push(row.map_err(Failure::Database)?);
        }
        Ok(rows)
    }

    pub(super) fn table_version(&self, table: &str) -> Read<u64> {
        Ok(self.transaction.open_table(ROW_TABLES)?.get(table)?.map_or(0, |version| version.value()))
    }
}

/// Looking for records.
impl Reader {
    pub(super) fn records(&self, query: &RecordQuery) -> Read<Vec<Record>> {
        if let Some(text) = &query.text {
            return self.chosen(self.named(text.trim())?, query);
        }
        if query.noticed {
            let mut ids = BTreeSet::new();
            for entry in self.transaction.open_table(RECORDS_NOTICED)?.iter()? {
                ids.insert(record_id(entry?.0.value())?);
            }
            return self.chosen(ids, query);
        }
        self.newest(query)
    }

    /// The records that `text` names: by id, by key or by a link.
    fn named(&self, text: &str) -> Read<BTreeSet<RecordId>> {
        let mut ids: BTreeSet<RecordId> = self.linked(None, text)?.into_iter().collect();
        ids.extend(RecordId::parse(text));
        for entry in self.transaction.open_table(RECORDS_BY_KEY)?.range((text, "")..)? {
            let pair = entry?.0;
            let (key, id) = pair.value();
            if key != text {
                break;
            }
            ids.insert(record_id(id)?);
        }
        Ok(ids)
    }

    /// Those of a few records that match, newest first.
    fn chosen(&self, ids: BTreeSet<RecordId>, query: &RecordQuery) -> Read<Vec<Record>> {
        let mut records = Vec::new();
        for id in ids {
            records.extend(self.record(id.as_str())?.filter(|record| matches(record, query)));
        }
        records.sort_by(|one, two| (two.changed, &two.id).cmp(&(one.changed, &one.id)));
        records.truncate(limit(query));
        Ok(records)
    }

    /// Merges the lists of all flows and states that match, each of which is in order.
    fn newest(&self, query: &RecordQuery) -> Read<Vec<Record>> {
        let table = self.transaction.open_table(RECORDS_CHANGED)?;
        let since = query.since.map_or(i128::MIN, Timestamp::as_nanosecond);
        let mut lists = Vec::new();
        for count in self.counts()?.iter().filter(|count| wanted(count, query)) {
            let (flow, state) = (count.flow.as_str(), state_number(count.state));
            lists.push(table.range((flow, state, since, "")..(flow, state + 1, i128::MIN, ""))?);
        }
        let mut next = BinaryHeap::new();
        (0..lists.len()).try_for_each(|index| advance(&mut lists, index, &mut next))?;
        let mut records = Vec::new();
        while records.len() < limit(query) {
            let Some((_, id, index)) = next.pop() else { break };
            advance(&mut lists, index, &mut next)?;
            records.push(
                self.record(&id)?.ok_or_else(|| damaged(&format!("record {id} is listed but missing")))?,
            );
        }
        Ok(records)
    }
}

type Changed<'t> = ::redb::Range<'t, (&'static str, u8, i128, &'static str), ()>;

/// Takes the newest of a list into the merge.
fn advance(
    lists: &mut [Changed<'_>],
    index: usize,
    next: &mut BinaryHeap<(i128, String, usize)>,
) -> Read<()> {
    if let Some((key, _)) = lists[index].next_back().transpose()? {
        let (_, _, changed, id) = key.value();
        next.push((changed, id.to_owned(), index));
    }
    Ok(())
}

fn wanted(count: &FlowCount, query: &RecordQuery) -> bool {
    in_flow(&count.flow, query) && (query.states.is_empty() || query.states.contains(&count.state))
}

/// `flow` is `mapping/flow`; the query names the same, or a mapping.
fn in_flow(flow: &str, query: &RecordQuery) -> bool {
    query.flow.as_deref().is_none_or(|asked| {
        flow.strip_prefix(asked).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn matches(record: &Record, query: &RecordQuery) -> bool {
    in_flow(super::tables::flow_of(record.id.as_str()), query)
        && (query.states.is_empty() || query.states.contains(&record.state))
        && query.since.is_none_or(|since| record.changed >= since)
        && (!query.noticed || record.notices.iter().any(|notice| notice.acknowledged.is_none()))
}

fn limit(query: &RecordQuery) -> usize {
    if query.limit == 0 { usize::MAX } else { query.limit }
}

/// An instant as an index has it.
pub(super) fn instant(nanosecond: i128, whose: &str) -> Read<Timestamp> {
    Timestamp::from_nanosecond(nanosecond)
        .map_err(|error| damaged(&format!("a due time of {whose} is none ({error})")))
}

/// The id of a record as an index has it.
pub(super) fn record_id(text: &str) -> Read<RecordId> {
    RecordId::parse(text).ok_or_else(|| damaged(&format!("`{text}` is listed but is no record")))
}

/// An index and what it is of do not agree.
pub(super) fn damaged(what: &str) -> Failure {
    Failure::Database(StoreError::Corrupt(format!(
        "{what}; check the disk, and restore the state directory from a backup"
    )))
}
