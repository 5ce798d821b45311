//! Opens the database of a state directory, and refuses when it is not the one that belongs there.

use std::fs;
use std::path::Path;

use ::redb::backends::InMemoryBackend;
use ::redb::{Builder, Database, ReadableDatabase as _, ReadableTable as _, WriteTransaction};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::codec;
use super::error::Failure;
use super::tables::{AUDIT, META, Tables};
use crate::base::random;
use crate::store::audit::ChainHead;
use crate::store::directory::{HighWater, Identity, OpenOptions, StateDirectory, disk};
use crate::store::{AuditEntry, StoreError, files};

const META_KEY: &str = "store";
/// The form of the database as a whole.
const FORM: u32 = 1;
const CACHE_BYTES: usize = 128 << 20;
/// Less than this is no database: redb's header and its first pages.
const LEAST_BYTES: u64 = 8 << 10;

/// What the database says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    pub(super) form: u32,
    pub(super) instance: String,
    pub(super) created: Timestamp,
    /// How often it was opened.
    pub(super) epoch: u64,
    /// Whether it is open, or was when the power went.
    pub(super) open: bool,
}

/// A database that is ready to work with.
pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) meta: Meta,
    pub(super) head: ChainHead,
    pub(super) older: bool,
    pub(super) unclean: bool,
}

/// Opens the database, creating it in a new directory.
pub(super) fn open(
    directory: &StateDirectory,
    options: OpenOptions,
    now: Timestamp,
) -> Result<Opened, StoreError> {
    let identity = directory.identity()?;
    if identity.is_none() && directory.high_water()?.is_none() && !directory.database().exists() {
        create(directory, now)?;
    }
    if fs::metadata(directory.database()).map_or(0, |metadata| metadata.len()) < LEAST_BYTES {
        return Err(lost(directory));
    }
    let mut database = Builder::new()
        .set_cache_size(CACHE_BYTES)
        .open(directory.database())
        .map_err(|error| Failure::from(error).into_error())?;
    let mut meta = read_meta(&database)?;
    let unclean = meta.open;
    if unclean {
        check_integrity(&mut database)?;
    }
    let head = read_head(&database)?;
    identify(directory, identity, &meta, &head)?;
    let older = compare(directory, &database, &meta, &head, options)?;
    meta.epoch += 1;
    meta.open = true;
    write_meta(&database, &meta).map_err(Failure::into_error)?;
    directory.set_high_water(&HighWater { epoch: meta.epoch, audit: head.clone() })?;
    Ok(Opened { database, meta, head, older, unclean })
}

/// Makes a database in memory, which ends with its store.
pub(super) fn in_memory(now: Timestamp) -> Result<Opened, StoreError> {
    let database = Builder::new()
        .create_with_backend(InMemoryBackend::new())
        .map_err(|error| StoreError::Disk(format!("cannot make a store in memory: {error}")))?;
    let meta = Meta { form: FORM, instance: random::id(), created: now, epoch: 1, open: true };
    write_meta(&database, &meta).map_err(Failure::into_error)?;
    Ok(Opened { database, meta, head: ChainHead::start(), older: false, unclean: false })
}

/// Begins a transaction that is durable when it is committed (redb's default), and after whose power loss the
/// database opens at once.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, Failure> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// Keeps what the database says of itself.
pub(super) fn write_meta(database: &Database, meta: &Meta) -> Result<(), Failure> {
    let stored = codec::encode("meta", META_KEY, meta).map_err(Failure::Database)?;
    let transaction = begin(database)?;
    Tables::open(&transaction)?;
    transaction.open_table(META)?.insert(META_KEY, stored.as_slice())?;
    transaction.commit()?;
    Ok(())
}

/// Makes the database under another name first: what bears its name has been a whole one ever since.
pub(super) fn create(directory: &StateDirectory, now: Timestamp) -> Result<(), StoreError> {
    let unfinished = directory.unfinished_database();
    let failed = |error: &std::io::Error| disk("create", &unfinished, error);
    let file = files::private_options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&unfinished)
        .map_err(|error| failed(&error))?;
    let database = Builder::new().create_file(file).map_err(|error| Failure::from(error).into_error())?;
    let meta = Meta { form: FORM, instance: random::id(), created: now, epoch: 0, open: false };
    write_meta(&database, &meta).map_err(Failure::into_error)?;
    drop(database);
    fs::rename(&unfinished, directory.database()).map_err(|error| failed(&error))?;
    files::sync_parent(&unfinished).map_err(|error| failed(&error))
}

pub(super) fn read_meta(database: &Database) -> Result<Meta, StoreError> {
    let read = || -> Result<Option<Vec<u8>>, Failure> {
        let table = database.begin_read()?.open_table(META)?;
        Ok(table.get(META_KEY)?.map(|stored| stored.value().to_vec()))
    };
    let stored = read().map_err(Failure::into_error)?.ok_or_else(|| {
        StoreError::Identity(
            "state.redb is not a database of ml-connector; restore the right one from a backup".into(),
        )
    })?;
    let meta: Meta = codec::decode("meta", META_KEY, &stored)?;
    if meta.form > FORM {
        return Err(StoreError::Corrupt(format!(
            "state.redb was written by a newer version of ml-connector (form {}, this one knows up to {FORM}); use that version or a later one",
            meta.form
        )));
    }
    Ok(meta)
}

fn read_head(database: &Database) -> Result<ChainHead, StoreError> {
    let last = || -> Result<Option<(u64, Vec<u8>)>, Failure> {
        let table = database.begin_read()?.open_table(AUDIT)?;
        Ok(table.last()?.map(|(seq, stored)| (seq.value(), stored.value().to_vec())))
    };
    match last().map_err(Failure::into_error)? {
        None => Ok(ChainHead::start()),
        Some((seq, stored)) => {
            let entry: AuditEntry = codec::decode("audit", &seq.to_string(), &stored)?;
            Ok(ChainHead { seq, hash: entry.hash })
        }
    }
}

fn check_integrity(database: &mut Database) -> Result<(), StoreError> {
    tracing::warn!("the engine did not stop cleanly: checking the whole state");
    let sound = database.check_integrity().map_err(|error| Failure::from(error).into_error())?;
    if sound {
        tracing::info!("the state is whole");
    } else {
        tracing::warn!("the state needed repair and was repaired");
    }
    Ok(())
}

/// Ties the database to its directory.
fn identify(
    directory: &StateDirectory,
    identity: Option<Identity>,
    meta: &Meta,
    head: &ChainHead,
) -> Result<(), StoreError> {
    match identity {
        Some(identity) if identity.instance == meta.instance => Ok(()),
        Some(identity) => Err(StoreError::Identity(format!(
            "{} belongs to instance {}, but its directory to instance {}; restore database, IDENTITY and HIGHWATER together",
            directory.database().display(),
            meta.instance,
            identity.instance
        ))),
        // Created, but never opened: the power went in between.
        None if meta.epoch == 0 => {
            directory.set_high_water(&HighWater { epoch: 0, audit: head.clone() })?;
            directory.set_identity(&Identity { instance: meta.instance.clone(), created: meta.created })
        }
        None => Err(StoreError::Identity(format!(
            "IDENTITY is missing beside {}; restore the whole state directory from a backup",
            directory.database().display()
        ))),
    }
}

/// Whether the database is older than its directory; an error unless that is accepted.
fn compare(
    directory: &StateDirectory,
    database: &Database,
    meta: &Meta,
    head: &ChainHead,
    options: OpenOptions,
) -> Result<bool, StoreError> {
    let difference = match directory.high_water()? {
        None => Some("HIGHWATER is missing, so nothing says how old it is".to_owned()),
        Some(mark) if mark.epoch > meta.epoch || mark.audit.seq > head.seq => Some(format!(
            "it ends at audit entry {} of start {}, but entry {} of start {} was written",
            head.seq, meta.epoch, mark.audit.seq, mark.epoch
        )),
        Some(mark) => {
            let same = hash_at(database, mark.audit.seq)? == mark.audit.hash;
            (!same).then(|| format!("its audit entry {} is not the one that was written", mark.audit.seq))
        }
    };
    let Some(difference) = difference else { return Ok(false) };
    let shown = directory.database();
    if options.accept_older {
        tracing::warn!(database = %shown.display(), %difference, "an older state is accepted");
        return Ok(true);
    }
    Err(StoreError::Identity(format!(
        "{} is older than its directory, or another one: {difference}. Put the newest database back; if a backup is all there is, start with `--recover`, which asks the other side before it sends anything again",
        shown.display()
    )))
}

fn hash_at(database: &Database, seq: u64) -> Result<String, StoreError> {
    let stored = || -> Result<Option<Vec<u8>>, Failure> {
        let table = database.begin_read()?.open_table(AUDIT)?;
        Ok(table.get(seq)?.map(|stored| stored.value().to_vec()))
    };
    match stored().map_err(Failure::into_error)? {
        None if seq == 0 => Ok(ChainHead::start().hash),
        None => Ok(String::new()),
        Some(stored) => Ok(codec::decode::<AuditEntry>("audit", &seq.to_string(), &stored)?.hash),
    }
}

fn lost(directory: &StateDirectory) -> StoreError {
    let path: &Path = &directory.database();
    StoreError::Identity(format!(
        "{} is missing or cut short, but work was done with it: starting without it would send everything again. Restore it from a backup and start with `--recover`; only to begin a new instance on purpose, move the directory away",
        path.display()
    ))
}
