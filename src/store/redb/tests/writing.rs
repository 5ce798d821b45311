//! Batches: all or nothing, together on disk, and apart when one of them is refused.

use std::sync::atomic::{AtomicBool, Ordering};

use ::redb::StorageBackend;
use ::redb::backends::FileBackend;

use super::*;
use crate::store::RecordQuery;
use crate::store::directory::HighWater;

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_producers_lose_nothing_and_leave_a_whole_chain() {
    let fixture = Arc::new(Fixture::new());
    let mut producers = tokio::task::JoinSet::new();
    for producer in 0..64 {
        let fixture = Arc::clone(&fixture);
        producers.spawn(async move {
            let id = id(&producer.to_string());
            for step in 0..5 {
                let effect = effect(&id, &format!("s{step}"), EffectState::Confirmed);
                let writes = vec![
                    put(record(&id, RecordState::Running, step), step.unsigned_abs()),
                    audit(Some(&id), "one"),
                    put_effect(effect, 0),
                    audit(Some(&id), "two"),
                ];
                fixture.write(writes).await;
                assert_eq!(fixture.store.record(&id).unwrap().unwrap().version, step.unsigned_abs() + 1);
            }
        });
    }
    while let Some(result) = producers.join_next().await {
        result.unwrap();
    }
    let counts = fixture.store.counts().unwrap();
    assert_eq!(counts, [FlowCount { flow: "m/f".into(), state: RecordState::Running, count: 64 }]);
    assert_eq!(fixture.store.effects_of(&id("63")).unwrap().len(), 5);
    let report = fixture.store.verify_audit().unwrap();
    assert_eq!((report.entries, report.problems.as_slice()), (64 * 5 * 2, [].as_slice()));
    assert_eq!(report.head, fixture.store.audit_head().hash);
}

#[tokio::test]
async fn a_conflict_refuses_its_batch_alone() {
    let fixture = Fixture::new();
    fixture.write(vec![put(record(&id("a"), RecordState::Running, 1), 0)]).await;
    let batch = |key: &str, expected: u64| {
        let writes = vec![
            put(record(&id(key), RecordState::Received, 2), 0),
            audit(None, key),
            put(record(&id("a"), RecordState::Done, 2), expected),
        ];
        fixture.store.send(Batch { writes }).unwrap()
    };
    let [first, second, third] = [batch("b", 1), batch("c", 1), batch("d", 2)];
    first.await.unwrap().unwrap();
    let Err(StoreError::Conflict { what, expected, found }) = second.await.unwrap() else {
        panic!("it was written")
    };
    assert_eq!((what.as_str(), expected, found), ("record m/f/a", 1, 2));
    third.await.unwrap().unwrap();
    assert!(fixture.store.record(&id("b")).unwrap().is_some());
    assert!(fixture.store.record(&id("c")).unwrap().is_none());
    assert_eq!(fixture.store.record(&id("a")).unwrap().unwrap().version, 3);
    let events: Vec<_> =
        fixture.store.audit(&AuditQuery::default()).unwrap().into_iter().map(|e| e.event).collect();
    assert_eq!(events, ["b", "d"]);
    assert_eq!(fixture.store.verify_audit().unwrap().problems, [""; 0]);
}

#[tokio::test]
async fn a_batch_sees_its_own_writes() {
    let fixture = Fixture::new();
    let (a, step) = (id("a"), |state| effect(&id("a"), "s", state));
    fixture
        .write(vec![
            put(record(&a, RecordState::Received, 1), 0),
            put_effect(step(EffectState::Intent), 0),
            put(record(&a, RecordState::Running, 2), 1),
            put_effect(step(EffectState::Sending), 1),
        ])
        .await;
    assert_eq!(fixture.store.record(&a).unwrap().unwrap().version, 2);
    assert_eq!(fixture.store.effects_of(&a).unwrap().len(), 1);
    assert_eq!(fixture.store.open_effects().unwrap().len(), 1);
    assert_eq!(fixture.store.counts().unwrap().len(), 1);
    let twice = Batch {
        writes: vec![
            put(record(&id("b"), RecordState::Received, 1), 0),
            put(record(&id("b"), RecordState::Received, 1), 0),
        ],
    };
    assert!(matches!(
        fixture.store.commit(twice).await,
        Err(StoreError::Conflict { expected: 0, found: 1, .. })
    ));
    assert!(fixture.store.record(&id("b")).unwrap().is_none());
    let lost = Batch { writes: vec![put_effect(step(EffectState::Confirmed), 1)] };
    assert!(matches!(
        fixture.store.commit(lost).await,
        Err(StoreError::Conflict { expected: 1, found: 2, .. })
    ));
}

#[tokio::test]
async fn what_was_committed_is_there_after_it_is_opened_again() {
    let fixture = Fixture::new();
    fixture.write(vec![put(full_record(), 0), audit(None, "one")]).await;
    let fixture = fixture.reopen();
    assert_eq!(fixture.store.record(&full_record().id).unwrap().unwrap(), full_record());
    fixture.write(vec![audit(None, "two")]).await;
    assert_eq!(fixture.store.verify_audit().unwrap().problems, [""; 0]);
    assert_eq!(fixture.store.audit_head().seq, 2);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let fixture = Fixture::new();
    fixture.store.close().unwrap();
    fixture.store.close().unwrap();
    let sentence = fixture.store.commit(Batch::default()).await.unwrap_err().to_string();
    assert_eq!(sentence, fixture.store.records(&RecordQuery::default()).unwrap_err().to_string());
    assert_eq!(sentence, "the store is closed; start again to open it");
}

/// A disk that can be made to fail.
#[derive(Debug)]
struct Failing {
    disk: FileBackend,
    fails: Arc<AtomicBool>,
}

impl Failing {
    fn check(&self) -> std::io::Result<()> {
        if self.fails.load(Ordering::SeqCst) { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> std::io::Result<u64> {
        self.disk.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.disk.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.check()?;
        self.disk.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.check()?;
        self.disk.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.check()?;
        self.disk.write(offset, data)
    }
}

#[tokio::test]
async fn a_failing_disk_stops_all_writing_until_it_is_opened_again() {
    let fixture = Fixture::new();
    fixture.write(vec![audit(None, "before")]).await;
    fixture.store.close().unwrap();
    let fails = Arc::new(AtomicBool::new(false));
    let failing = on_failing_disk(&fixture, &fails);
    let write = |event: &str| failing.send(Batch { writes: vec![audit(None, event)] }).unwrap();
    write("works").await.unwrap().unwrap();
    fails.store(true, Ordering::SeqCst);
    for answer in [write("one"), write("two")] {
        let Err(StoreError::Disk(sentence)) = answer.await.unwrap() else { panic!("it was written") };
        assert!(sentence.contains("make room on the disk of the state directory or repair it"), "{sentence}");
    }
    fails.store(false, Ordering::SeqCst);
    assert!(
        matches!(write("three").await.unwrap(), Err(StoreError::Disk(_))),
        "nothing is tried again silently"
    );
    assert!(matches!(failing.failed(), Some(StoreError::Disk(_))));
    assert_eq!(failing.audit(&AuditQuery::default()).unwrap().len(), 2, "reading goes on");
    assert!(failing.close().is_err());
    let store = RedbStore::open(fixture.directory.path(), at(3)).unwrap();
    assert!(store.opening().unclean);
    store.commit(Batch { writes: vec![audit(None, "again")] }).await.unwrap();
    assert_eq!(store.verify_audit().unwrap().problems, [""; 0]);
}

fn on_failing_disk(fixture: &Fixture, fails: &Arc<AtomicBool>) -> RedbStore {
    let directory = StateDirectory::open(fixture.directory.path(), at(2)).unwrap();
    let file = std::fs::File::options().read(true).write(true).open(directory.database()).unwrap();
    let disk = Failing { disk: FileBackend::new(file).unwrap(), fails: Arc::clone(fails) };
    let database = ::redb::Builder::new().create_with_backend(disk).unwrap();
    let mut meta = open::read_meta(&database).unwrap();
    meta.epoch += 1;
    meta.open = true;
    open::write_meta(&database, &meta).unwrap();
    let HighWater { audit: head, .. } = directory.high_water().unwrap().unwrap();
    RedbStore::start(Some(directory), Opened { database, meta, head, older: false, unclean: false }).unwrap()
}
