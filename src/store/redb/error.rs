//! What redb says, as what the store says.

use std::io::ErrorKind;

use crate::store::StoreError;
use crate::store::directory::RIGHTS;

/// How far a failure reaches.
#[derive(Debug)]
pub(super) enum Failure {
    /// One batch cannot be written; nothing of it has been.
    Batch(StoreError),
    /// The database cannot go on.
    Database(StoreError),
}

impl Failure {
    /// The error, however far it reaches.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Batch(error) | Self::Database(error) => error,
        }
    }
}

macro_rules! from_redb {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Failure {
            fn from(error: $kind) -> Self {
                Self::Database(translate(error.into()))
            }
        }
    )*};
}

from_redb!(
    ::redb::StorageError,
    ::redb::TableError,
    ::redb::TransactionError,
    ::redb::CommitError,
    ::redb::DatabaseError
);

/// The sentence for a person, with what to do.
fn translate(error: ::redb::Error) -> StoreError {
    use ::redb::Error;
    match error {
        Error::DatabaseAlreadyOpen => StoreError::InUse(
            "state.redb is open in another process; stop that one first, or choose another state directory"
                .into(),
        ),
        Error::Corrupted(what) => damaged(&what),
        // What is no database at all.
        Error::Io(error) if error.kind() == ErrorKind::InvalidData => damaged(&error),
        Error::Io(error)
            if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) =>
        {
            StoreError::Disk(format!("cannot write state.redb: {error}; {RIGHTS}"))
        }
        error @ (Error::TableTypeMismatch { .. }
        | Error::TypeDefinitionChanged { .. }
        | Error::TableIsMultimap(_)
        | Error::TableIsNotMultimap(_)
        | Error::UpgradeRequired(_)) => StoreError::Corrupt(format!(
            "state.redb has another form than this version of ml-connector writes ({error}); use the version that wrote it"
        )),
        error => StoreError::Disk(format!(
            "the state could not be kept: {error}; make room on the disk of the state directory or repair it, then start again: nothing is sent until then, and start-up finds out whether the last changes were kept"
        )),
    }
}

fn damaged(what: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!(
        "state.redb is damaged ({what}); check the disk, and restore the state directory from a backup"
    ))
}

/// The answer of a store that has been closed.
pub(super) fn closed() -> StoreError {
    StoreError::Disk("the store is closed; start again to open it".into())
}
