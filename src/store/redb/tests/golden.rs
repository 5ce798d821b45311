//! The stored forms as they were released: what was written then must be read for ever, and is still written so.
//!
//! A file of `tests/stored/` has four lines: table, key, the header in hexadecimal, and the content. They are never
//! changed. A new form gets a new version, a new folder, and a way to read the old one.

use std::fmt::Debug;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::base::json::hex;
use crate::store::audit::Unchained;
use crate::store::{AuditEntry, Cursor, Document, Event, EventState, Row, SkippedRow, Undo};

const HEADER: usize = 9;

fn shown(table: &str, key: &str, stored: &[u8]) -> String {
    let (header, content) = stored.split_at(HEADER);
    let content = std::str::from_utf8(content).map_or_else(|_| hex(content), str::to_owned);
    format!("{table}\n{key}\n{}\n{content}\n", hex(header))
}

fn kept(name: &str) -> String {
    let name = if name.contains('/') { name.to_owned() } else { format!("v1/{name}") };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stored").join(name);
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The bytes that a file shows, when its content is text.
fn bytes(kept: &str) -> Vec<u8> {
    let mut lines = kept.splitn(4, '\n').skip(2);
    let header = lines.next().unwrap().as_bytes();
    let mut stored: Vec<u8> = header
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    stored.extend_from_slice(lines.next().unwrap().strip_suffix('\n').unwrap().as_bytes());
    stored
}

fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, table: &str, key: &str, value: &T) {
    let kept = kept(name);
    assert_eq!(shown(table, key, &codec::encode(table, key, value).unwrap()), kept, "{name}");
    assert_eq!(&codec::decode::<T>(table, key, &bytes(&kept)).unwrap(), value, "{name}");
}

#[test]
fn records_and_effects() {
    let record = full_record();
    let first = codec::decode::<Record>("records", record.id.as_str(), &bytes(&kept("record.txt"))).unwrap();
    let mut then = record.clone();
    then.pending.as_mut().unwrap().beginning = None;
    // What a pending content begins with was not known at first, nor written.
    check("v2/record.txt", "records", record.id.as_str(), &then);
    (then.again, then.merged) = (None, None);
    then.pending.as_mut().unwrap().merged = None;
    assert_eq!(first, then, "no record of form 1 comes again, or was merged");
    check("v2/beginning.txt", "records", record.id.as_str(), &record);
    let mut effect = effect(&id("0000169"), "shipment", EffectState::InDoubt);
    effect.body_hash = Some("33cc".into());
    effect.deadline = Some(at(3));
    effect.unknown_since = Some(at(4));
    effect.look_up_at = Some(at(5));
    effect.evidence[0].detail = Some(json!({ "status": 504 }));
    effect.result = Some(json!({ "tracking_number": "1Z" }));
    let first = codec::decode::<EffectEntry>("effects", effect.id.as_str(), &bytes(&kept("effect.txt")));
    assert_eq!(first.unwrap(), effect, "no effect of form 1 was undone");
    effect.undos.push(Undo {
        operation: "carrier.void_shipment".into(),
        input: json!({ "shipment": "1Z" }),
        operator: "ann".into(),
        reason: "cancelled".into(),
        ordered: at(6),
        attempts: 2,
        done: Some(at(7)),
    });
    check("v2/effect.txt", "effects", effect.id.as_str(), &effect);
}

#[test]
fn every_state_has_the_name_and_number_it_was_released_with() {
    use RecordState::*;
    let states = [Received, Running, Waiting, Done, Skipped, Parked, InDoubt, Discarded];
    let text: Vec<_> = states.map(|state| format!("{} {}", tables::state_number(state), json!(state))).into();
    assert_eq!(
        text.join(", "),
        r#"1 "received", 2 "running", 3 "waiting", 4 "done", 5 "skipped", 6 "parked", 7 "in_doubt", 8 "discarded""#
    );
    assert!(states.iter().all(|state| tables::numbered_state(tables::state_number(*state)) == Some(*state)));
    let effects = [
        EffectState::Intent,
        EffectState::Sending,
        EffectState::Confirmed,
        EffectState::Refused,
        EffectState::Unknown,
        EffectState::InDoubt,
        EffectState::Cancelled,
        EffectState::Undoing,
        EffectState::Undone,
    ];
    assert_eq!(
        json!(effects).to_string(),
        r#"["intent","sending","confirmed","refused","unknown","in_doubt","cancelled","undoing","undone"]"#
    );
}

#[test]
fn what_goes_by_name() {
    let mut cursor = Cursor {
        position: json!(["2026-01-01", "7"]),
        polled: Some(at(1)),
        page: json!({ "next": "2" }),
        full: None,
        skipped: Vec::new(),
    };
    let first = codec::decode::<Cursor>("cursors", "m/f", &bytes(&kept("cursor.txt"))).unwrap();
    assert_eq!(first, cursor, "what form 1 did not have is empty");
    cursor.full = Some(at(2));
    cursor.skipped.push(SkippedRow { at: at(3), page: "row 41".into(), reason: "500".into() });
    check("v2/cursor.txt", "cursors", "m/f", &cursor);
    let row = Row { key: "B/2".into(), value: json!({ "Carrier": "FDXG" }), at: at(4) };
    check("row.txt", "rows", "m/warehouses/B/2", &row);
    let document = Document { kind: "label".into(), name: "1Z.pdf".into(), bytes: Vec::new(), size: 3 };
    check("document.txt", "documents", "m/f/1/1Z.pdf", &document);
    let meta = open::Meta { form: 1, instance: "i".into(), created: at(0), epoch: 2, open: true };
    check("meta.txt", "meta", "store", &meta);
}

#[test]
fn events() {
    let event = Event {
        inbox: "webhook/ups/track_alert".into(),
        name: "00ff".into(),
        version: 2,
        received: at(1),
        due: at(2),
        attempts: 3,
        state: EventState::Waiting,
        reason: Some("ups: it does not answer".into()),
        body: Vec::new(),
    };
    check("event.txt", "events", "webhook/ups/track_alert/00ff", &event);
    let states = [EventState::Waiting, EventState::Taken, EventState::Parked];
    let text: Vec<_> =
        states.map(|state| format!("{} {}", tables::event_state_number(state), json!(state))).into();
    assert_eq!(text.join(", "), r#"1 "waiting", 2 "taken", 3 "parked""#);
    let same =
        |state: &EventState| tables::numbered_event_state(tables::event_state_number(*state)) == Some(*state);
    assert!(states.iter().all(same));
}

#[test]
fn bytes_as_they_are() {
    for (name, table, key) in [
        ("blob.txt", "blobs", "token/ups"),
        ("document_bytes.txt", "document_bytes", "m/f/1/1Z.pdf"),
        ("event_body.txt", "event_bodies", "webhook/ups/track_alert/00ff"),
    ] {
        let kept = kept(name);
        assert_eq!(shown(table, key, &codec::encode_bytes(table, key, b"%PDF")), kept, "{name}");
        assert_eq!(codec::decode_bytes(table, key, &bytes(&kept)).unwrap(), b"%PDF");
    }
}

#[test]
fn audit_entries() {
    let draft = AuditDraft {
        at: at(5),
        actor: "operator:anna".into(),
        record: Some(id("0000169")),
        event: "record.parked".into(),
        facts: json!({ "to": "parked", "from": "running" }),
        body: None,
    };
    let text = ChainHead::start().append(&Unchained::new(&draft));
    let kept = kept("audit.txt");
    assert_eq!(shown("audit", "1", &codec::encode_bytes("audit", "1", text.as_bytes())), kept);
    let entry: AuditEntry = codec::decode("audit", "1", &bytes(&kept)).unwrap();
    assert_eq!((entry.record, entry.facts["to"].as_str()), (draft.record, Some("parked")));
}
