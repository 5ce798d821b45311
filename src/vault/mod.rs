//! The vault: credentials of connections in a file, encrypted under a master key that lies elsewhere.
//!
//! Every value has a key of its own, and the master key encrypts only those: changing the master key touches no
//! credential. Each value is tied to its vault, its name and its version, so none can be put in another's place, and
//! the whole file is tied to the master key, so none can be added, removed or brought back by who lacks it.
//!
//! It does not say which credentials a connection needs, and it knows of no command or engine.
//!
//! - [`key`]: the master key and where it comes from; `command` runs a program that knows it
//! - [`handle`]: [`Vault`], what can be done with it
//! - `file`: the form of the file, and how it is read and replaced
//! - `crypto`: the one cipher that is used

pub mod handle;
pub mod key;

mod command;
mod crypto;
mod file;
#[cfg(test)]
mod tests;

pub use handle::{Listed, ListedValue, Vault};
pub use key::MasterKey;

/// Why the vault cannot do what it was asked. No sentence holds a credential or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// There is no usable master key.
    #[error("{0}")]
    Key(String),
    /// The master key is not the one of this vault.
    #[error("{0}")]
    WrongKey(String),
    /// The file was changed by something else, is damaged, or was written by a newer version.
    #[error("{0}")]
    Damaged(String),
    /// A file or directory is open to other users or not ours.
    #[error("{0}")]
    Exposed(String),
    /// What is asked for cannot be.
    #[error("{0}")]
    Invalid(String),
    /// The disk does not do what it should.
    #[error("{0}")]
    Disk(String),
}
