//! The form of `vault.json`, and how it is read and replaced.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::crypto::{self, KeyBytes};
use super::{MasterKey, VaultError};
use crate::base::{json, random};
use crate::store::files;

/// The form that is written today.
const VERSION: u32 = 1;

/// The whole file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VaultFile {
    pub(super) version: u32,
    /// The vault's name, so that nothing fits into another vault.
    pub(super) vault: String,
    /// The master key that is in use.
    pub(super) key_id: String,
    /// Opens only with that master key.
    key_check: Sealed,
    /// The key for what is sealed but kept elsewhere, under the master key.
    pub(super) sealing_key: Sealed,
    /// By `connection.credential`; the newest value first.
    pub(super) entries: BTreeMap<String, Vec<StoredValue>>,
    /// Ties all of the above to the master key.
    whole: Sealed,
}

/// One value of a credential.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredValue {
    /// Counts values of this name.
    pub(super) version: u64,
    pub(super) created: Timestamp,
    /// The master key that its own key is encrypted with.
    pub(super) key_id: String,
    /// Its own key, under the master key.
    pub(super) wrapped_dek: Sealed,
    /// The credential, under its own key.
    pub(super) ciphertext: Sealed,
}

/// Encrypted bytes, as base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sealed(pub(super) Vec<u8>);

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Changes whenever the file is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// Where a vault is.
#[derive(Debug, Clone)]
pub(super) struct Location {
    directory: PathBuf,
}

impl Location {
    /// Creates the directory or looks at it.
    pub(super) fn new(directory: &Path) -> Result<Self, VaultError> {
        if !directory.exists() {
            files::private_directory(directory).map_err(VaultError::Disk)?;
        }
        Ok(Self { directory: directory.to_owned() })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.join("vault.json")
    }

    /// Keeps every other writer out until the result is dropped.
    pub(super) fn lock(&self) -> Result<File, VaultError> {
        let path = self.directory.join("vault.lock");
        let open = files::private_options().write(true).create(true).truncate(false).open(&path);
        let locked = open.and_then(|file| file.lock().map(|()| file));
        locked.map_err(|error| VaultError::Disk(format!("cannot lock {}: {error}", path.display())))
    }

    /// What tells whether the file was replaced; `None` when it is missing.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let metadata = fs::metadata(self.path()).ok()?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Some(Stamp { modified: metadata.modified().ok(), length: metadata.len(), inode })
    }

    /// Reads the file and makes sure that it is what `key` wrote; `None` when it is missing.
    pub(super) fn read(&self, key: &MasterKey) -> Result<Option<VaultFile>, VaultError> {
        let path = self.path();
        files::check_private(&path).map_err(VaultError::Exposed)?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(VaultError::Disk(format!("cannot read {}: {error}", path.display()))),
        };
        let file = parse(&bytes).map_err(|what| damaged(&path, &what))?;
        file.check(key, &path)?;
        Ok(Some(file))
    }

    /// Replaces the file; durable when it returns.
    pub(super) fn write(&self, file: &VaultFile) -> Result<(), VaultError> {
        let path = self.path();
        let written = serde_json::to_string_pretty(file)
            .map_err(std::io::Error::from)
            .and_then(|text| files::replace(&path, format!("{text}\n").as_bytes()));
        written.map_err(|error| {
            VaultError::Disk(format!("cannot write {}: {error}; nothing was changed", path.display()))
        })
    }
}

impl VaultFile {
    /// A vault that holds nothing yet.
    pub(super) fn new(key: &MasterKey) -> Result<Self, VaultError> {
        let empty = Sealed(Vec::new());
        let mut file = Self {
            version: VERSION,
            vault: random::id(),
            key_id: String::new(),
            key_check: empty.clone(),
            sealing_key: empty.clone(),
            entries: BTreeMap::new(),
            whole: empty,
        };
        file.set_key(key, &crypto::fresh_key())?;
        Ok(file)
    }

    /// Puts the file under `key`, as far as it is not the values' business.
    pub(super) fn set_key(&mut self, key: &MasterKey, sealing_key: &KeyBytes) -> Result<(), VaultError> {
        self.key_id = key.id().to_owned();
        self.key_check = seal(&key.bytes, &self.place("key check"), b"")?;
        self.sealing_key = seal(&key.bytes, &self.place("sealing key"), sealing_key.as_slice())?;
        self.tie(key)
    }

    /// Ties the whole as it now is to the master key.
    pub(super) fn tie(&mut self, key: &MasterKey) -> Result<(), VaultError> {
        self.whole = seal(&key.bytes, &self.whole_place()?, b"")?;
        Ok(())
    }

    /// The place of something that the vault has once.
    fn place(&self, what: &str) -> Vec<u8> {
        crypto::place(&["ml-connector vault", &self.vault, what, &self.key_id])
    }

    /// The key for what is kept elsewhere.
    pub(super) fn open_sealing_key(&self, key: &MasterKey) -> Option<KeyBytes> {
        key_bytes(&crypto::open(&key.bytes, &self.place("sealing key"), &self.sealing_key.0)?)
    }

    fn check(&self, key: &MasterKey, path: &Path) -> Result<(), VaultError> {
        let with = |sealed: &Sealed, place: &[u8]| crypto::open(&key.bytes, place, &sealed.0).is_some();
        if self.key_id != key.id() {
            return Err(VaultError::WrongKey(format!(
                "{} needs master key {}, but the one given is {}; give the right key, or restore the vault that belongs to it",
                path.display(),
                shown_id(&self.key_id),
                key.id()
            )));
        }
        if !with(&self.key_check, &self.place("key check")) || !with(&self.whole, &self.whole_place()?) {
            return Err(damaged(path, "something else than ml-connector changed it"));
        }
        Ok(())
    }

    fn whole_place(&self) -> Result<Vec<u8>, VaultError> {
        let mut value =
            serde_json::to_value(self).map_err(|error| VaultError::Disk(format!("vault: {error}")))?;
        if let Some(object) = value.as_object_mut() {
            object.shift_remove("whole");
        }
        Ok(crypto::place(&["ml-connector vault", &self.vault, "whole", &json::canonical(&value)]))
    }
}

/// Encrypts for a place.
pub(super) fn seal(key: &KeyBytes, place: &[u8], plain: &[u8]) -> Result<Sealed, VaultError> {
    crypto::seal(key, place, plain)
        .map(Sealed)
        .ok_or_else(|| VaultError::Invalid("this is too long for the vault".into()))
}

/// A key as it was encrypted.
pub(super) fn key_bytes(plain: &[u8]) -> Option<KeyBytes> {
    let mut key = KeyBytes::default();
    (plain.len() == key.len()).then(|| key.copy_from_slice(plain))?;
    Some(key)
}

/// The file is not what was written.
pub(super) fn damaged(path: &Path, what: &str) -> VaultError {
    VaultError::Damaged(format!(
        "{} cannot be trusted: {what}; restore it from a backup, or move it away and set the credentials again",
        path.display()
    ))
}

/// The id in a file nobody has vouched for yet may be anything.
fn shown_id(id: &str) -> &str {
    if id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) { id } else { "(unknown)" }
}

fn parse(bytes: &[u8]) -> Result<VaultFile, String> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    // The parser quotes what it stumbles over; a file somebody pasted a credential into must not be quoted.
    let failed = |error: serde_json::Error| {
        format!("it is no vault (line {}, column {})", error.line(), error.column())
    };
    let version: Version = serde_json::from_slice(bytes).map_err(failed)?;
    if version.version != VERSION {
        return Err(format!(
            "a newer version of ml-connector wrote it (form {}, this one knows {VERSION})",
            version.version
        ));
    }
    serde_json::from_slice(bytes).map_err(failed)
}
