//! Whoever can write to the file leaves traces.

use ::redb::{ReadableTable as _, Table};

use super::*;
use crate::store::audit::Unchained;

type Entries<'t> = Table<'t, u64, &'static [u8]>;

/// A chain of four entries with bodies, changed past the store; what checking it finds.
async fn problems(change: impl FnOnce(&mut Entries<'_>, &mut Entries<'_>)) -> Vec<String> {
    let fixture = Fixture::new();
    for event in ["one", "two", "three", "four"] {
        fixture.write(vec![audit(Some(&id("a")), event)]).await;
    }
    fixture.tamper(|transaction| {
        let mut entries = transaction.open_table(tables::AUDIT).unwrap();
        change(&mut entries, &mut transaction.open_table(tables::AUDIT_BODIES).unwrap());
    });
    fixture.store.verify_audit().unwrap().problems
}

fn text(entries: &Entries<'_>, seq: u64) -> String {
    let stored = entries.get(seq).unwrap().unwrap().value().to_vec();
    String::from_utf8(codec::decode_bytes("audit", &seq.to_string(), &stored).unwrap().to_vec()).unwrap()
}

/// Stores a text with a checksum that fits, as somebody who knows the form would.
fn store(entries: &mut Entries<'_>, seq: u64, text: &str) {
    let stored = codec::encode_bytes("audit", &seq.to_string(), text.as_bytes());
    entries.insert(seq, stored.as_slice()).unwrap();
}

#[tokio::test]
async fn a_chain_nobody_touched_is_whole() {
    assert_eq!(problems(|_, _| ()).await, [""; 0]);
}

#[tokio::test]
async fn an_edited_entry_is_found() {
    let found = problems(|entries, _| {
        let edited = text(entries, 2).replace("\"engine\"", "\"nobody\"");
        store(entries, 2, &edited);
    });
    assert_eq!(found.await, ["entry 2 was changed: its content does not have its hash"]);
}

#[tokio::test]
async fn an_edited_entry_with_a_hash_that_fits_is_found() {
    let found = problems(|entries, _| {
        let edited = text(entries, 2).replace("\"engine\"", "\"nobody\"");
        let content = format!("{}}}", &edited[..edited.len() - 75]);
        let hash = crate::base::json::sha256_hex(content.as_bytes());
        store(entries, 2, &format!("{},\"hash\":\"{hash}\"}}", &edited[..edited.len() - 75]));
    });
    assert_eq!(
        found.await,
        ["entry 3 does not follow the entry before it: it was written after another one"]
    );
}

#[tokio::test]
async fn a_deleted_entry_is_found() {
    let found = problems(|entries, _| drop(entries.remove(2).unwrap()));
    assert_eq!(found.await, ["entry 2 is missing", "entry 2 is missing, but its body is there"]);
    let found = problems(|entries, bodies| {
        for seq in [2, 3] {
            entries.remove(seq).unwrap();
            bodies.remove(seq).unwrap();
        }
    });
    assert_eq!(found.await, ["entries 2 to 3 are missing"]);
}

#[tokio::test]
async fn reordered_entries_are_found() {
    let found = problems(|entries, bodies| {
        let (two, three) = (text(entries, 2), text(entries, 3));
        store(entries, 2, &three);
        store(entries, 3, &two);
        bodies.remove(2).unwrap();
        bodies.remove(3).unwrap();
    })
    .await;
    assert!(found.contains(&"entry 3 stands in the place of entry 2".to_owned()), "{found:?}");
    assert!(found.contains(&"entry 2 stands in the place of entry 3".to_owned()), "{found:?}");
}

#[tokio::test]
async fn a_truncated_chain_is_found() {
    let found = problems(|entries, bodies| {
        entries.remove(4).unwrap();
        bodies.remove(4).unwrap();
    });
    assert_eq!(found.await, ["the chain ends at entry 3, but 4 were written: the last 1 are missing"]);
}

#[tokio::test]
async fn a_chain_that_was_written_anew_is_found() {
    let found = problems(|entries, bodies| {
        let mut head = ChainHead::start();
        for seq in 1..=4 {
            let draft = AuditDraft {
                at: at(5),
                actor: "nobody".into(),
                record: None,
                event: "nothing".into(),
                facts: json!(null),
                body: None,
            };
            let text = head.append(&Unchained::new(&draft));
            store(entries, seq, &text);
            bodies.remove(seq).unwrap();
        }
    });
    assert_eq!(
        found.await,
        ["entry 4 is not the one that was written: the high-water mark has another hash"]
    );
}

#[tokio::test]
async fn an_entry_past_the_end_is_found() {
    let found = problems(|entries, _| {
        let last = text(entries, 4);
        store(entries, 5, &last);
    })
    .await;
    assert!(found.contains(&"entry 4 stands in the place of entry 5".to_owned()), "{found:?}");
}

#[tokio::test]
async fn changed_and_moved_bodies_are_found_and_erased_ones_are_fine() {
    let changed = problems(|_, bodies| {
        let mut body = bodies.get(2).unwrap().unwrap().value().to_vec();
        *body.last_mut().unwrap() = b' ';
        bodies.insert(2, body.as_slice()).unwrap();
    });
    assert_eq!(changed.await, ["the body of entry 2 is not the one it was written with"]);
    let moved = problems(|_, bodies| {
        let body = bodies.get(2).unwrap().unwrap().value().to_vec();
        bodies.insert(3, body.as_slice()).unwrap();
    });
    assert_eq!(moved.await, ["the body of entry 3 is not the one it was written with"]);
    assert_eq!(problems(|_, bodies| drop(bodies.remove(2).unwrap())).await, [""; 0]);
}

#[tokio::test]
async fn a_damaged_entry_does_not_end_the_check() {
    let found = problems(|entries, _| {
        let mut stored = entries.get(2).unwrap().unwrap().value().to_vec();
        stored[20] ^= 1;
        entries.insert(2, stored.as_slice()).unwrap();
    })
    .await;
    assert!(found[0].starts_with("2 in audit fails its checksum"), "{found:?}");
    assert!(!found.iter().any(|problem| problem.contains("entry 4")), "{found:?}");
}

#[tokio::test]
async fn a_damaged_record_is_an_error_for_whoever_touches_it_and_for_nobody_else() {
    let fixture = Fixture::new();
    fixture
        .write(vec![
            put(record(&id("a"), RecordState::Waiting, 1), 0),
            put(record(&id("b"), RecordState::Waiting, 1), 0),
        ])
        .await;
    fixture.tamper(|transaction| {
        let mut records = transaction.open_table(tables::RECORDS).unwrap();
        let mut stored = records.get("m/f/a").unwrap().unwrap().value().to_vec();
        stored[30] ^= 4;
        records.insert("m/f/a", stored.as_slice()).unwrap();
    });
    let Err(StoreError::Corrupt(sentence)) = fixture.store.record(&id("a")) else { panic!("it was read") };
    assert!(sentence.starts_with("m/f/a in records fails its checksum; "), "{sentence}");
    let write = |key: &str| Batch { writes: vec![put(record(&id(key), RecordState::Done, 2), 1)] };
    assert!(matches!(fixture.store.commit(write("a")).await, Err(StoreError::Corrupt(_))));
    fixture.store.commit(write("b")).await.unwrap();
    assert!(fixture.store.failed().is_none());
}
