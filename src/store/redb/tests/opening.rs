//! Which directories are opened, and which are refused with what sentence.

use std::fs;
use std::path::Path;

use super::*;

fn refused(directory: &Path) -> String {
    match RedbStore::open(directory, at(9)) {
        Err(StoreError::Identity(sentence)) => sentence,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was opened"),
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A closed store whose chain has `entries` entries.
async fn closed(entries: usize) -> Fixture {
    let fixture = Fixture::new();
    for _ in 0..entries {
        fixture.write(vec![audit(None, "one")]).await;
    }
    fixture.store.close().unwrap();
    fixture
}

#[test]
fn each_opening_is_counted() {
    let fixture = Fixture::new();
    assert_eq!((fixture.store.epoch(), fixture.store.opening().unclean), (1, false));
    let instance = fixture.store.opening().instance.clone();
    let fixture = fixture.reopen();
    assert_eq!((fixture.store.epoch(), fixture.store.opening().unclean), (2, false));
    assert_eq!(fixture.store.opening().instance, instance);
}

#[test]
fn a_second_one_is_refused_while_the_first_is_open() {
    let fixture = Fixture::new();
    let Err(StoreError::InUse(sentence)) = RedbStore::open(fixture.directory.path(), at(9)) else {
        panic!("it was opened");
    };
    assert!(sentence.contains(&format!("process {}", std::process::id())), "{sentence}");
    assert!(sentence.contains("stop it first"), "{sentence}");
}

#[cfg(unix)]
#[test]
fn what_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    for (name, mode) in [("", 0o750), ("state.redb", 0o604), ("IDENTITY", 0o640), ("HIGHWATER", 0o660)] {
        let fixture = Fixture::new();
        fixture.store.close().unwrap();
        for name in ["state.redb", "IDENTITY", "HIGHWATER", "LOCK"] {
            assert_eq!(
                fs::metadata(fixture.file(name)).unwrap().permissions().mode() & 0o777,
                0o600,
                "{name}"
            );
        }
        fs::set_permissions(fixture.file(name), fs::Permissions::from_mode(mode)).unwrap();
        let sentence = refused(fixture.directory.path());
        assert!(
            sentence.contains("is open to other users") && sentence.contains("run `chmod "),
            "{sentence}"
        );
    }
}

#[tokio::test]
async fn a_lost_database_is_never_begun_afresh() {
    let least = 8 << 10;
    for length in [None, Some(0), Some(100), Some(least - 1)] {
        let fixture = closed(1).await;
        match length {
            None => fs::remove_file(fixture.file("state.redb")).unwrap(),
            Some(length) => {
                fs::File::options()
                    .write(true)
                    .open(fixture.file("state.redb"))
                    .unwrap()
                    .set_len(length)
                    .unwrap();
            }
        }
        let sentence = refused(fixture.directory.path());
        assert!(
            sentence.contains("is missing or cut short") && sentence.contains("`--recover`"),
            "{sentence}"
        );
        let older = OpenOptions { accept_older: true };
        assert!(RedbStore::open_with(fixture.directory.path(), older, at(9)).is_err());
    }
}

#[tokio::test]
async fn a_database_cut_anywhere_is_an_error() {
    let fixture = closed(1).await;
    let whole = fs::read(fixture.file("state.redb")).unwrap();
    for length in [8 << 10, 12 << 10, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        fs::write(fixture.file("state.redb"), &whole[..length]).unwrap();
        let error = RedbStore::open(fixture.directory.path(), at(9)).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_) | StoreError::Disk(_)), "{length}: {error:?}");
    }
}

#[tokio::test]
async fn what_is_no_database_is_damage_and_no_lack_of_room() {
    let fixture = closed(1).await;
    fs::write(fixture.file("state.redb"), [7; 16 << 10]).unwrap();
    let error = RedbStore::open(fixture.directory.path(), at(9)).unwrap_err();
    let StoreError::Corrupt(sentence) = error else { panic!("{error:?}") };
    assert!(sentence.contains("damaged") && sentence.contains("restore"), "{sentence}");
}

#[tokio::test]
async fn an_older_database_is_refused_unless_it_is_accepted() {
    let fixture = closed(1).await;
    let backup = fs::read(fixture.file("state.redb")).unwrap();
    let fixture = fixture.reopen();
    fixture.write(vec![audit(None, "two")]).await;
    fixture.store.close().unwrap();
    fs::write(fixture.file("state.redb"), &backup).unwrap();
    let sentence = refused(fixture.directory.path());
    assert!(
        sentence.contains("ends at audit entry 1 of start 1, but entry 2 of start 2 was written"),
        "{sentence}"
    );
    let older = OpenOptions { accept_older: true };
    let store = RedbStore::open_with(fixture.directory.path(), older, at(9)).unwrap();
    assert!(store.opening().older);
    store.commit(Batch { writes: vec![audit(None, "other")] }).await.unwrap();
    drop(store);
    assert!(!RedbStore::open(fixture.directory.path(), at(9)).unwrap().opening().older);
}

#[tokio::test]
async fn another_history_of_the_same_length_is_noticed() {
    let fixture = closed(1).await;
    let before = fs::read(fixture.file("state.redb")).unwrap();
    let fixture = fixture.reopen();
    fixture.write(vec![audit(None, "two")]).await;
    fixture.store.close().unwrap();
    let mark = fs::read(fixture.file("HIGHWATER")).unwrap();
    fs::write(fixture.file("state.redb"), &before).unwrap();
    let older = OpenOptions { accept_older: true };
    let store = RedbStore::open_with(fixture.directory.path(), older, at(9)).unwrap();
    store.commit(Batch { writes: vec![audit(None, "another two")] }).await.unwrap();
    store.close().unwrap();
    fs::write(fixture.file("HIGHWATER"), mark).unwrap();
    assert!(refused(fixture.directory.path()).contains("its audit entry 2 is not the one that was written"));
}

#[tokio::test]
async fn what_belongs_to_another_instance_is_refused() {
    let (one, two) = (closed(1).await, closed(1).await);
    fs::copy(one.file("state.redb"), two.file("state.redb")).unwrap();
    assert!(refused(two.directory.path()).contains("belongs to instance "));
    let three = closed(1).await;
    fs::remove_file(three.file("IDENTITY")).unwrap();
    assert!(refused(three.directory.path()).contains("IDENTITY is missing"));
    let four = closed(1).await;
    fs::remove_file(four.file("HIGHWATER")).unwrap();
    assert!(refused(four.directory.path()).contains("HIGHWATER is missing"));
}

#[tokio::test]
async fn one_that_was_not_closed_is_checked_and_goes_on() {
    let fixture = Fixture::new();
    fixture.write(vec![audit(None, "one")]).await;
    let other = tempfile::tempdir().unwrap();
    RedbStore::open(other.path(), at(0)).unwrap().close().unwrap();
    copy(fixture.directory.path(), other.path());
    let store = RedbStore::open(other.path(), at(9)).unwrap();
    assert!(store.opening().unclean);
    assert_eq!((store.epoch(), store.audit_head().seq), (2, 1));
    store.close().unwrap();
    assert!(!RedbStore::open(other.path(), at(9)).unwrap().opening().unclean);
}

#[test]
fn a_creation_that_was_cut_short_is_taken_up() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("left"), "").unwrap();
    fs::remove_file(directory.path().join("left")).unwrap();
    {
        let held = StateDirectory::open(directory.path(), at(0)).unwrap();
        open::create(&held, at(0)).unwrap();
        fs::write(held.unfinished_database(), "half").unwrap();
    }
    assert_eq!(RedbStore::open(directory.path(), at(9)).unwrap().epoch(), 1);
    let unfinished = tempfile::tempdir().unwrap();
    fs::write(unfinished.path().join("state.redb.tmp"), "half").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(unfinished.path(), fs::Permissions::from_mode(0o700)).unwrap();
    }
    assert_eq!(RedbStore::open(unfinished.path(), at(9)).unwrap().epoch(), 1);
    assert!(!unfinished.path().join("state.redb.tmp").exists());
}

#[test]
fn what_a_newer_version_wrote_is_named_as_such() {
    let fixture = Fixture::new();
    fixture.tamper(|transaction| {
        let database = &fixture.store.running.read().unwrap();
        let mut meta = open::read_meta(&database.as_ref().unwrap().database).unwrap();
        meta.form = 2;
        let stored = codec::encode("meta", "store", &meta).unwrap();
        transaction.open_table(tables::META).unwrap().insert("store", stored.as_slice()).unwrap();
    });
    let copied = tempfile::tempdir().unwrap();
    RedbStore::open(copied.path(), at(0)).unwrap().close().unwrap();
    copy(fixture.directory.path(), copied.path());
    let Err(StoreError::Corrupt(sentence)) = RedbStore::open(copied.path(), at(9)) else {
        panic!("it was opened")
    };
    assert!(sentence.contains("written by a newer version of ml-connector (form 2"), "{sentence}");
}
