//! Every way to find something again.

use super::*;
use crate::store::{AuditQuery, Cursor, Document, RecordQuery};

fn keys(records: Vec<Record>) -> Vec<String> {
    records.into_iter().map(|record| record.id.key().to_owned()).collect()
}

#[tokio::test]
async fn due_records_come_oldest_first_and_only_when_there_is_work() {
    let fixture = Fixture::new();
    let states = [
        ("c", RecordState::Waiting, 30),
        ("a", RecordState::Received, 10),
        ("b", RecordState::Running, 20),
        ("x", RecordState::Done, 5),
        ("y", RecordState::Parked, 5),
        ("z", RecordState::InDoubt, 5),
    ];
    fixture.write(states.map(|(key, state, second)| put(record(&id(key), state, second), 0)).into()).await;
    let other = RecordId::new("m", "f2", "o");
    fixture.write(vec![put(record(&other, RecordState::Waiting, 1), 0)]).await;
    let due = |second, limit| fixture.store.due("m/f", at(second), limit).unwrap();
    assert_eq!(due(30, 9), [id("a"), id("b"), id("c")]);
    assert_eq!(due(29, 9), [id("a"), id("b")]);
    assert_eq!(due(30, 1), [id("a")]);
    assert_eq!(due(9, 9), []);
    assert_eq!(fixture.store.next_due("m/f", None).unwrap(), Some(at(10)));
    assert_eq!(fixture.store.next_due("m", None).unwrap(), None);
    fixture.write(vec![put(record(&id("a"), RecordState::Done, 40), 1)]).await;
    fixture.write(vec![put(record(&id("b"), RecordState::Waiting, 50), 1)]).await;
    assert_eq!(due(99, 9), [id("c"), id("b")]);
    assert_eq!(fixture.store.due("m/f2", at(1), 9).unwrap(), [other]);
}

#[tokio::test]
async fn a_due_time_is_exact_to_the_nanosecond() {
    let fixture = Fixture::new();
    let due = Timestamp::from_nanosecond(1_500_000_001).unwrap();
    fixture.write(vec![put(Record { due, ..record(&id("a"), RecordState::Waiting, 1) }, 0)]).await;
    let before = Timestamp::from_nanosecond(1_500_000_000).unwrap();
    assert_eq!(fixture.store.due("m/f", before, 9).unwrap(), []);
    assert_eq!(fixture.store.due("m/f", due, 9).unwrap(), [id("a")]);
    assert_eq!(fixture.store.next_due("m/f", None).unwrap(), Some(due));
    let never = Record { due: Timestamp::MAX, ..record(&id("b"), RecordState::Waiting, 1) };
    fixture.write(vec![put(never, 0)]).await;
    assert_eq!(fixture.store.due("m/f", Timestamp::MAX, 9).unwrap().len(), 2);
}

#[tokio::test]
async fn records_are_found_newest_first_by_each_field() {
    let fixture = Fixture::new();
    let second = RecordId::new("m", "g", "k2");
    let third = RecordId::new("m2", "f", "k3");
    let noticed = Record { id: id("n/1"), state: RecordState::Done, ..full_record() };
    fixture
        .write(vec![
            put(record(&id("k1"), RecordState::Parked, 10), 0),
            put(record(&second, RecordState::Done, 30), 0),
            put(record(&third, RecordState::Parked, 20), 0),
            put(noticed.clone(), 0),
        ])
        .await;
    fixture.write(vec![Write::Link { kind: "tracking".into(), value: "1Z".into(), record: second }]).await;
    let find = |query: RecordQuery| keys(fixture.store.records(&query).unwrap());
    let all = RecordQuery::default;
    assert_eq!(find(all()), ["k2", "k3", "k1", "n/1"]);
    assert_eq!(find(RecordQuery { limit: 2, ..all() }), ["k2", "k3"]);
    assert_eq!(find(RecordQuery { flow: Some("m".into()), ..all() }), ["k2", "k1", "n/1"]);
    assert_eq!(find(RecordQuery { flow: Some("m/f".into()), ..all() }), ["k1", "n/1"]);
    assert_eq!(find(RecordQuery { states: vec![RecordState::Parked], ..all() }), ["k3", "k1"]);
    assert_eq!(find(RecordQuery { since: Some(at(20)), ..all() }), ["k2", "k3"]);
    assert_eq!(find(RecordQuery { noticed: true, ..all() }), ["n/1"]);
    let named = |text: &str| find(RecordQuery { text: Some(text.into()), ..all() });
    assert_eq!(named("k1"), ["k1"]);
    assert_eq!(named("n/1"), ["n/1"]);
    assert_eq!(named(" m/f/k1 "), ["k1"]);
    assert_eq!(named("1Z"), ["k2"]);
    assert_eq!(named("k"), [""; 0]);
    let flow = Some("m2".to_owned());
    assert_eq!(find(RecordQuery { text: Some("k1".into()), flow, ..all() }), [""; 0]);
    let mut seen = noticed;
    seen.notices[0].acknowledged = Some(at(9));
    fixture.write(vec![put(seen, 1)]).await;
    assert_eq!(find(RecordQuery { noticed: true, ..all() }), [""; 0]);
}

#[tokio::test]
async fn links_are_found_from_both_ends() {
    let fixture = Fixture::new();
    let link = |kind: &str, value: &str, record: &RecordId| Write::Link {
        kind: kind.into(),
        value: value.into(),
        record: record.clone(),
    };
    let (a, b) = (id("a"), id("b"));
    fixture
        .write(vec![link("tracking", "1Z", &a), link("label", "1Z", &b), link("tracking", "1Z9", &b)])
        .await;
    fixture.write(vec![link("tracking", "1Z", &a)]).await;
    assert_eq!(fixture.store.linked(None, "1Z").unwrap(), [a.clone(), b.clone()]);
    assert_eq!(fixture.store.linked(Some("tracking"), "1Z").unwrap(), std::slice::from_ref(&a));
    assert_eq!(fixture.store.linked(Some("track"), "1Z").unwrap(), []);
    assert_eq!(fixture.store.links_of(&a).unwrap(), [("tracking".into(), "1Z".into())]);
    assert_eq!(
        fixture.store.links_of(&b).unwrap(),
        [("label".into(), "1Z".into()), ("tracking".into(), "1Z9".into())]
    );
}

#[tokio::test]
async fn documents_are_replaced_by_name() {
    let fixture = Fixture::new();
    let document = |name: &str, bytes: &[u8]| Write::Document {
        record: id("a"),
        document: Document { kind: "label".into(), name: name.into(), bytes: bytes.into(), size: 0 },
    };
    fixture.write(vec![document("one.pdf", b"old"), document("two.pdf", &[0, 255])]).await;
    fixture.write(vec![document("one.pdf", b"newer")]).await;
    let found = fixture.store.documents(&id("a"), true).unwrap();
    let found: Vec<_> = found.iter().map(|d| (d.name.as_str(), d.bytes.as_slice(), d.size)).collect();
    assert_eq!(found, [("one.pdf", b"newer".as_slice(), 5), ("two.pdf", [0, 255].as_slice(), 2)]);
    let listed = fixture.store.documents(&id("a"), false).unwrap();
    assert!(listed.iter().all(|document| document.bytes.is_empty() && document.size > 0));
    assert!(fixture.store.documents(&id("b"), true).unwrap().is_empty());
}

#[tokio::test]
async fn cursors_and_blobs_are_kept_by_name() {
    let fixture = Fixture::new();
    let cursor =
        Cursor { position: json!("2026-01-01T00:00:00.1234567"), polled: Some(at(1)), ..Cursor::default() };
    fixture
        .write(vec![
            Write::Cursor { flow: "m/f".into(), cursor: cursor.clone() },
            Write::Blob { name: "token/ups".into(), bytes: Some(vec![0, 1, 2]) },
        ])
        .await;
    assert_eq!(fixture.store.cursor("m/f").unwrap(), Some(cursor));
    assert_eq!(fixture.store.cursor("m/g").unwrap(), None);
    assert_eq!(fixture.store.blob("token/ups").unwrap(), Some(vec![0, 1, 2]));
    fixture.write(vec![Write::Blob { name: "token/ups".into(), bytes: None }]).await;
    assert_eq!(fixture.store.blob("token/ups").unwrap(), None);
}

#[tokio::test]
async fn effects_come_in_the_order_they_were_planned() {
    let fixture = Fixture::new();
    let steps = ["z", "a", "m", "b", "y", "c"];
    for step in steps {
        fixture.write(vec![put_effect(effect(&id("a"), step, EffectState::Intent), 0)]).await;
    }
    fixture.write(vec![put_effect(effect(&id("a"), "m", EffectState::Unknown), 1)]).await;
    let found = fixture.store.effects_of(&id("a")).unwrap();
    assert_eq!(found.iter().map(|effect| effect.step.as_str()).collect::<Vec<_>>(), steps);
    let open = fixture.store.open_effects().unwrap();
    assert_eq!(open.iter().map(|effect| effect.step.as_str()).collect::<Vec<_>>(), ["m"]);
    assert_eq!(fixture.store.effect(&open[0].id).unwrap().as_ref(), Some(&open[0]));
    fixture.write(vec![put_effect(effect(&id("a"), "m", EffectState::Confirmed), 2)]).await;
    assert!(fixture.store.open_effects().unwrap().is_empty());
}

#[tokio::test]
async fn audit_entries_are_found_by_each_field() {
    let fixture = Fixture::new();
    let (a, b) = (id("a"), id("b"));
    fixture
        .write(vec![
            audit(Some(&a), "record.parked"),
            audit(Some(&b), "effect.sending"),
            audit(None, "engine.started"),
        ])
        .await;
    fixture.write(vec![audit(Some(&a), "record.done")]).await;
    let find = |query: AuditQuery| {
        let found = fixture.store.audit(&query).unwrap();
        found.into_iter().map(|entry| entry.seq).collect::<Vec<_>>()
    };
    let all = AuditQuery::default;
    assert_eq!(find(all()), [1, 2, 3, 4]);
    assert_eq!(find(AuditQuery { record: Some(a.clone()), ..all() }), [1, 4]);
    assert_eq!(find(AuditQuery { record: Some(a.clone()), after: 1, ..all() }), [4]);
    assert_eq!(find(AuditQuery { after: 2, limit: 1, ..all() }), [3]);
    assert_eq!(find(AuditQuery { event: Some("record.".into()), ..all() }), [1, 4]);
    assert_eq!(find(AuditQuery { since: Some(at(6)), ..all() }), [0; 0]);
    assert_eq!(find(AuditQuery { after: u64::MAX, ..all() }), [0; 0]);
    let with = fixture.store.audit(&AuditQuery { bodies: true, limit: 1, ..all() }).unwrap();
    assert_eq!(with[0].body, Some(json!({ "request": "record.parked" })));
    assert_eq!(fixture.store.audit(&AuditQuery { limit: 1, ..all() }).unwrap()[0].body, None);
}
