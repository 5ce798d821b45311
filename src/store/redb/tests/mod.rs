//! What the tests of the store share: records, effects, and a store in a directory of its own.

use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::store::{
    AuditDraft, Beginning, EffectState, Evidence, Merged, Notice, PendingRevision, Reason, RecordState,
    StepResult, Write,
};

mod golden;
mod inbox;
mod model;
mod opening;
mod reading;
mod tampering;
mod writing;

/// A store in a directory that goes away with it.
struct Fixture {
    store: RedbStore,
    directory: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { store: RedbStore::open(directory.path(), at(0)).unwrap(), directory }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn write(&self, writes: Vec<Write>) {
        self.store.commit(Batch { writes }).await.unwrap();
    }

    /// Closes the store and opens it again.
    fn reopen(mut self) -> Self {
        self.store.close().unwrap();
        self.store = RedbStore::open(self.directory.path(), at(1)).unwrap();
        self
    }

    /// Writes to the database past the store.
    fn tamper(&self, change: impl FnOnce(&::redb::WriteTransaction)) {
        let database = Arc::clone(&self.store.running.read().unwrap().as_ref().unwrap().database);
        let transaction = database.begin_write().unwrap();
        change(&transaction);
        transaction.commit().unwrap();
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn id(key: &str) -> RecordId {
    RecordId::new("m", "f", key)
}

fn record(id: &RecordId, state: RecordState, second: i64) -> Record {
    let source = json!({ "No": id.key(), "Total": 12.50, "Lines": [{ "Sku": "A" }] });
    Record {
        fingerprint: "00ff".into(),
        mapping_revision: "11ee".into(),
        idempotency_key: id.key().into(),
        changed: at(second),
        due: at(second),
        ..Record::new(id.clone(), state, source, at(1))
    }
}

fn merged() -> Merged {
    Merged { by: json!([9, "12:00"]), kept: [("Date".to_owned(), json!([3, "11:00"]))].into() }
}

/// A record with something in every field.
fn full_record() -> Record {
    Record {
        reason: Some(Reason {
            message: "The order weighs nothing".into(),
            code: Some("E1".into()),
            step: Some("price".into()),
            place: Some("m.yaml:3:7".into()),
            detail: Some(json!({ "weight": 0 })),
        }),
        results: vec![StepResult { step: "lines[0].price".into(), value: json!({ "price": "1.20" }) }],
        pending: Some(Box::new(PendingRevision {
            source: json!({ "No": "é" }),
            fingerprint: "22dd".into(),
            received: at(3),
            merged: Some(merged()),
            beginning: Some(Beginning {
                idempotency_key: "0000169-2".into(),
                mapping_revision: "44ee".into(),
                selected: false,
            }),
        })),
        notices: vec![Notice {
            at: at(4),
            message: "It changed after it was shipped".into(),
            changes: json!([{ "field": "City", "from": "A", "to": "B" }]),
            acknowledged: None,
        }],
        attempts: 2,
        version: 1,
        again: Some(at(5)),
        merged: Some(merged()),
        ..record(&id("0000169"), RecordState::Parked, 2)
    }
}

fn effect(record: &RecordId, step: &str, state: EffectState) -> EffectEntry {
    EffectEntry {
        id: EffectId::new(record.mapping(), record.flow(), record.key(), step),
        version: 0,
        record: record.clone(),
        step: step.into(),
        operation: "carrier.create_shipment".into(),
        place: "m.yaml:9:5".into(),
        state,
        attempt: 1,
        epoch: 1,
        reference: Some("REF".into()),
        input: json!({ "weight": 1.5 }),
        body_hash: None,
        mapping_revision: "11ee".into(),
        planned: at(1),
        sent: Some(at(2)),
        deadline: None,
        unknown_since: None,
        look_up_at: None,
        evidence: vec![Evidence { at: at(2), attempt: 1, what: "timeout".into(), detail: None }],
        result: None,
        undos: Vec::new(),
    }
}

fn audit(record: Option<&RecordId>, event: &str) -> Write {
    Write::Audit(AuditDraft {
        at: at(5),
        actor: "engine".into(),
        record: record.cloned(),
        event: event.into(),
        facts: json!({ "attempt": 1 }),
        body: Some(json!({ "request": event })),
    })
}

fn put(record: Record, expected: u64) -> Write {
    Write::Record { record: Box::new(record), expected }
}

fn put_effect(effect: EffectEntry, expected: u64) -> Write {
    Write::Effect { effect: Box::new(effect), expected }
}
