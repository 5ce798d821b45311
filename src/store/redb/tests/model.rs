//! Whatever is written in whatever order, the indexes say what a look at everything would say.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::store::{RecordQuery, Row};

const STATES: [RecordState; 8] = [
    RecordState::Received,
    RecordState::Running,
    RecordState::Waiting,
    RecordState::Done,
    RecordState::Skipped,
    RecordState::Parked,
    RecordState::InDoubt,
    RecordState::Discarded,
];

/// Which record, in which state, changed when, due (and done: again) when, with an open notice or not.
type Step = (u8, usize, i64, i64, bool);

fn written((which, state, changed, due, noticed): Step) -> Record {
    let id = RecordId::new("m", if which % 2 == 0 { "f" } else { "g" }, &which.to_string());
    let mut record = record(&id, STATES[state], changed);
    record.due = at(due);
    record.again = (due % 2 == 0).then(|| at(due));
    if noticed {
        record.notices = full_record().notices;
    }
    record
}

fn check(store: &RedbStore, model: &BTreeMap<RecordId, Record>) {
    let mut newest: Vec<_> = model.values().cloned().collect();
    newest.sort_by(|one, two| (two.changed, &two.id).cmp(&(one.changed, &one.id)));
    assert_eq!(store.records(&RecordQuery::default()).unwrap(), newest);
    let noticed: Vec<_> = newest.iter().filter(|record| !record.notices.is_empty()).cloned().collect();
    assert_eq!(store.records(&RecordQuery { noticed: true, ..RecordQuery::default() }).unwrap(), noticed);
    for flow in ["m/f", "m/g"] {
        let mine = || model.values().filter(|record| record.id.as_str().starts_with(flow));
        let work = || mine().filter(|record| tables::is_due(record.state));
        let again = || mine().filter(|record| record.state == RecordState::Done && record.again.is_some());
        let mut due: Vec<_> = work().chain(again()).collect();
        due.sort_by_key(|record| (record.due, &record.id));
        let ids: Vec<_> = due.iter().map(|record| record.id.clone()).collect();
        assert_eq!(store.due(flow, Timestamp::MAX, usize::MAX).unwrap(), ids);
        assert_eq!(store.due(flow, Timestamp::MAX, 3).unwrap(), ids[..ids.len().min(3)]);
        assert_eq!(store.next_due(flow, None).unwrap(), work().map(|record| record.due).min());
        assert_eq!(store.next_again(flow, None).unwrap(), again().filter_map(|record| record.again).min());
        for state in STATES {
            let count = mine().filter(|record| record.state == state).count() as u64;
            let counts = store.counts().unwrap();
            let found = counts.iter().find(|count| count.flow == flow && count.state == state);
            assert_eq!(found.map_or(0, |found| found.count), count);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn indexes_agree_with_what_is_stored(
        batches in prop::collection::vec(prop::collection::vec((0..12u8, 0..8usize, 0..20i64, 0..20i64, any::<bool>()), 1..4), 1..16)
    ) {
        let fixture = Fixture::new();
        let mut model: BTreeMap<RecordId, Record> = BTreeMap::new();
        let mut answers = Vec::new();
        for batch in batches {
            let mut writes = Vec::new();
            for step in batch {
                let mut record = written(step);
                let expected = model.get(&record.id).map_or(0, |record| record.version);
                record.version = expected + 1;
                model.insert(record.id.clone(), record.clone());
                writes.push(put(record, expected));
            }
            answers.push(fixture.store.send(Batch { writes }).unwrap());
        }
        answers.into_iter().for_each(|answer| answer.blocking_recv().unwrap().unwrap());
        check(&fixture.store, &model);
        check(&fixture.reopen().store, &model);
    }
}

/// What is done to the rows of two tables: a put, a removal or a pruning.
type RowStep = (bool, u8, u8, i64);

fn row_write((other, what, key, second): RowStep) -> Write {
    let table = if other { "m/t/x" } else { "m/t" }.to_owned();
    let key = format!("k/{key}");
    match what {
        0 => Write::Prune { table, before: at(second) },
        1 => Write::Row { table, key, value: None, at: at(second) },
        _ => Write::Row { table, key, value: Some(json!({ "second": second })), at: at(second) },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn rows_are_what_was_put_last_and_their_table_counts_the_changes(
        steps in prop::collection::vec((any::<bool>(), 0..6u8, 0..4u8, 0..9i64), 1..24)
    ) {
        let fixture = Fixture::new();
        let mut model: BTreeMap<String, BTreeMap<String, (Value, Timestamp)>> = BTreeMap::new();
        for step in steps {
            let write = row_write(step);
            let name = if step.0 { "m/t/x" } else { "m/t" };
            let version = fixture.store.table_version(name).unwrap();
            let rows = model.entry(name.to_owned()).or_default();
            let before = rows.clone();
            match &write {
                Write::Row { key, value: Some(value), at, .. } => {
                    rows.insert(key.clone(), (value.clone(), *at));
                }
                Write::Row { key, .. } => drop(rows.remove(key)),
                Write::Prune { before, .. } => rows.retain(|_, (_, at)| *at >= *before),
                _ => {}
            }
            let put = matches!(write, Write::Row { value: Some(_), .. });
            let changed = put || *rows != before;
            fixture.store.send(Batch { writes: vec![write] }).unwrap().blocking_recv().unwrap().unwrap();
            let counted = fixture.store.table_version(name).unwrap();
            assert_eq!(counted, version + u64::from(changed));
        }
        let fixture = fixture.reopen();
        for (name, rows) in model {
            let rows: Vec<_> = rows.into_iter().map(|(key, (value, at))| Row { key, value, at }).collect();
            assert_eq!(fixture.store.rows(&name).unwrap(), rows);
        }
    }
}
