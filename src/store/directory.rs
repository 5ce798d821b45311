//! The state directory: whose it is, who has it open, and how far its history has come.
//!
//! Beside the database lie three small files. `LOCK` keeps a second process out. `IDENTITY` says which instance the
//! directory belongs to, and `HIGHWATER` how far its audit chain has come: together they notice when the database was
//! lost or replaced by an older copy, which would otherwise look like work that has still to be done.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::audit::ChainHead;
use super::{StoreError, files};

/// How to open a state directory.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenOptions {
    /// Opens a database that is older than the directory's high-water mark, such as a restored backup. What was done
    /// since the backup is not known then: [`super::redb::Opening::older`] says so.
    pub accept_older: bool,
}

/// Which instance a state directory belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The instance's name, given when the directory was created.
    pub instance: String,
    /// When that was.
    pub created: Timestamp,
}

/// How far the history of a state directory has come at least.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HighWater {
    /// How often the store was opened.
    pub epoch: u64,
    /// The end of the audit chain.
    pub audit: ChainHead,
}

/// A state directory that this process holds; it is free again when this is dropped.
#[derive(Debug)]
pub struct StateDirectory {
    path: PathBuf,
    _lock: File,
}

impl StateDirectory {
    /// Creates the directory or checks it, and keeps every other process out.
    ///
    /// # Errors
    /// [`StoreError::Identity`] when others can read it, [`StoreError::InUse`] when another process has it.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, StoreError> {
        files::private_directory(path).map_err(StoreError::Identity)?;
        for name in ["LOCK", "IDENTITY", "HIGHWATER", "state.redb"] {
            files::check_private(&path.join(name)).map_err(StoreError::Identity)?;
        }
        let lock = lock(path, now)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where the database is.
    pub fn database(&self) -> PathBuf {
        self.path.join("state.redb")
    }

    /// Where a database is made before it takes its place.
    pub fn unfinished_database(&self) -> PathBuf {
        self.path.join("state.redb.tmp")
    }

    /// Which instance the directory belongs to; `None` for a new one.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn identity(&self) -> Result<Option<Identity>, StoreError> {
        self.read("IDENTITY")
    }

    /// How far the history has come; `None` for a new directory.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn high_water(&self) -> Result<Option<HighWater>, StoreError> {
        self.read("HIGHWATER")
    }

    /// Keeps the identity; durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn set_identity(&self, identity: &Identity) -> Result<(), StoreError> {
        self.write("IDENTITY", identity)
    }

    /// Keeps the high-water mark; durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn set_high_water(&self, mark: &HighWater) -> Result<(), StoreError> {
        self.write("HIGHWATER", mark)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                StoreError::Identity(format!(
                    "{} is damaged ({error}); restore the whole state directory from a backup",
                    path.display()
                ))
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(disk("read", &path, &error)),
        }
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        let path = self.path.join(name);
        let mut text =
            serde_json::to_string(value).map_err(|error| StoreError::Disk(format!("{name}: {error}")))?;
        text.push('\n');
        files::replace(&path, text.as_bytes()).map_err(|error| disk("write", &path, &error))
    }
}

/// A failure of the disk as a sentence that says what to do.
pub(super) fn disk(what: &str, path: &Path, error: &io::Error) -> StoreError {
    let cure = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => RIGHTS,
        _ => "make room on its disk or repair it, then start again: nothing is sent until then",
    };
    StoreError::Disk(format!("cannot {what} {}: {error}; {cure}", path.display()))
}

/// What to do where the system does not let us write.
pub(super) const RIGHTS: &str =
    "let the user that runs this write to the state directory: nothing is sent until then";

/// What the `LOCK` file says of its holder.
#[derive(Serialize, Deserialize)]
struct Holder {
    pid: u32,
    since: Timestamp,
}

fn lock(directory: &Path, now: Timestamp) -> Result<File, StoreError> {
    let path = directory.join("LOCK");
    // Never truncated here: until we hold the lock the content is the holder's.
    let mut file = files::private_options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| disk("open", &path, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(in_use(directory, &mut file))),
        Err(TryLockError::Error(error)) => {
            return Err(StoreError::Identity(format!(
                "cannot lock {}: {error}; keep the state directory on a local disk",
                path.display()
            )));
        }
    }
    sign(&mut file, now).map_err(|error| disk("write", &path, &error))?;
    Ok(file)
}

fn sign(file: &mut File, now: Timestamp) -> io::Result<()> {
    let holder = Holder { pid: std::process::id(), since: now };
    file.set_len(0)?;
    file.rewind()?;
    serde_json::to_writer(&mut *file, &holder)?;
    file.write_all(b"\n")
}

fn in_use(directory: &Path, file: &mut File) -> String {
    let mut text = String::new();
    // The holder may be writing just now; then it goes unnamed.
    let _ = file.read_to_string(&mut text);
    let holder = match serde_json::from_str::<Holder>(&text) {
        Ok(holder) => format!("process {} since {}", holder.pid, holder.since),
        Err(_) => "another process".to_owned(),
    };
    format!(
        "{} is in use by {holder}; ask the running engine instead, stop it first, or choose another state directory",
        directory.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_by_name_until_the_first_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-02-03T04:05:06Z".parse().unwrap();
        let first = StateDirectory::open(directory.path(), now).unwrap();
        let Err(StoreError::InUse(sentence)) = StateDirectory::open(directory.path(), now) else {
            panic!("the second was let in");
        };
        let named = format!("in use by process {} since 2026-02-03T04:05:06Z", std::process::id());
        assert!(sentence.contains(&named), "{sentence}");
        assert!(sentence.contains(&directory.path().display().to_string()), "{sentence}");
        drop(first);
        StateDirectory::open(directory.path(), now).unwrap();
    }

    #[test]
    fn damaged_marks_are_refused() {
        let path = tempfile::tempdir().unwrap();
        let directory = StateDirectory::open(path.path(), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(directory.identity().unwrap(), None);
        fs::write(path.path().join("IDENTITY"), "{}").unwrap();
        assert!(matches!(directory.identity(), Err(StoreError::Identity(_))));
    }
}
