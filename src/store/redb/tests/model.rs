//! Whatever is written in whatever order, the indexes say what a look at everything would say.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::store::RecordQuery;

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

/// Which record, in which state, changed when, due when, with an open notice or not.
type Step = (u8, usize, i64, i64, bool);

fn written((which, state, changed, due, noticed): Step) -> Record {
    let id = RecordId::new("m", if which % 2 == 0 { "f" } else { "g" }, &which.to_string());
    let mut record = record(&id, STATES[state], changed);
    record.due = at(due);
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
        let mut due: Vec<_> = mine().filter(|record| tables::is_due(record.state)).collect();
        due.sort_by_key(|record| (record.due, &record.id));
        let ids: Vec<_> = due.iter().map(|record| record.id.clone()).collect();
        assert_eq!(store.due(flow, Timestamp::MAX, usize::MAX).unwrap(), ids);
        assert_eq!(store.next_due(flow, None).unwrap(), due.first().map(|record| record.due));
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
