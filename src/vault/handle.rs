//! An open vault: what is in it, and how that is changed.

use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;

use super::crypto;
use super::file::{Location, Stamp, StoredValue, VaultFile, damaged, key_bytes, seal};
use super::{MasterKey, VaultError};
use crate::base::Secret;

/// The form of what [`Vault::seal`] gives.
const SEALED_FORM: u8 = 1;

/// An open vault. Values are decrypted when they are asked for, so that memory holds no more of them than it must.
///
/// Many handles of many processes may work with one vault; writers take turns.
pub struct Vault {
    location: Location,
    state: RwLock<State>,
}

struct State {
    key: MasterKey,
    file: VaultFile,
    stamp: Option<Stamp>,
}

/// What may be said of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// `connection.credential`.
    pub name: String,
    /// Its values, the newest first.
    pub values: Vec<ListedValue>,
}

/// What may be said of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedValue {
    /// Counts values of the name.
    pub version: u64,
    /// When it was set.
    pub created: Timestamp,
    /// The master key that protects it.
    pub key_id: String,
}

impl Vault {
    /// Opens the vault in `directory`, creating an empty one where there is none.
    ///
    /// # Errors
    /// [`VaultError`], each with what to do.
    pub fn open(directory: &Path, key: MasterKey) -> Result<Self, VaultError> {
        let location = Location::new(directory)?;
        // Taken before the file is read: a replacement in between is noticed at the next look.
        let mut stamp = location.stamp();
        let file = match location.read(&key)? {
            Some(file) => file,
            None => {
                let _turn = location.lock()?;
                // Somebody else may have created it meanwhile.
                let file = match location.read(&key)? {
                    Some(file) => file,
                    None => {
                        let file = VaultFile::new(&key)?;
                        location.write(&file)?;
                        file
                    }
                };
                stamp = location.stamp();
                file
            }
        };
        Ok(Self { location, state: RwLock::new(State { key, file, stamp }) })
    }

    /// The values of a credential, the newest first; more than one while it is being rotated.
    ///
    /// # Errors
    /// [`VaultError::Damaged`].
    pub fn get(&self, name: &str) -> Result<Option<Vec<Secret>>, VaultError> {
        let state = self.state();
        let Some(values) = state.file.entries.get(name) else { return Ok(None) };
        values.iter().map(|value| self.decrypt(&state, name, value)).collect::<Result<Vec<_>, _>>().map(Some)
    }

    /// Sets a credential to this value alone; durable when it returns.
    ///
    /// # Errors
    /// [`VaultError`]; nothing has changed then.
    pub fn set(&self, name: &str, secret: &Secret, now: Timestamp) -> Result<(), VaultError> {
        check_name(name)?;
        self.change(|key, file| {
            let value = encrypt(key, file, name, secret, now)?;
            file.entries.insert(name.to_owned(), vec![value]);
            Ok(true)
        })
        .map(drop)
    }

    /// Sets a credential to this value and keeps the one before it until [`Vault::remove_previous`] or the next
    /// rotation; durable when it returns.
    ///
    /// # Errors
    /// [`VaultError`]; nothing has changed then.
    pub fn rotate(&self, name: &str, secret: &Secret, now: Timestamp) -> Result<(), VaultError> {
        check_name(name)?;
        self.change(|key, file| {
            let value = encrypt(key, file, name, secret, now)?;
            let values = file.entries.entry(name.to_owned()).or_default();
            values.truncate(1);
            values.insert(0, value);
            Ok(true)
        })
        .map(drop)
    }

    /// Ends a rotation: only the newest value stays. Says whether there was another.
    ///
    /// # Errors
    /// [`VaultError`]; nothing has changed then.
    pub fn remove_previous(&self, name: &str) -> Result<bool, VaultError> {
        self.change(|_, file| {
            let Some(values) = file.entries.get_mut(name).filter(|values| values.len() > 1) else {
                return Ok(false);
            };
            values.truncate(1);
            Ok(true)
        })
    }

    /// Removes a credential; says whether it was there.
    ///
    /// # Errors
    /// [`VaultError`]; nothing has changed then.
    pub fn remove(&self, name: &str) -> Result<bool, VaultError> {
        self.change(|_, file| Ok(file.entries.remove(name).is_some()))
    }

    /// What is in the vault, by name, without any value.
    pub fn list(&self) -> Vec<Listed> {
        let listed = |value: &StoredValue| ListedValue {
            version: value.version,
            created: value.created,
            key_id: value.key_id.clone(),
        };
        let entries = &self.state().file.entries;
        entries
            .iter()
            .map(|(name, values)| Listed { name: name.clone(), values: values.iter().map(listed).collect() })
            .collect()
    }

    /// Every value there is, for those who must recognise them.
    ///
    /// # Errors
    /// [`VaultError::Damaged`].
    pub fn secrets(&self) -> Result<Vec<Secret>, VaultError> {
        let state = self.state();
        let values = state
            .file
            .entries
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        values.map(|(name, value)| self.decrypt(&state, name, value)).collect()
    }

    /// Puts the vault under another master key, in one step; no credential is touched. Other open handles must be
    /// opened again with it.
    ///
    /// # Errors
    /// [`VaultError`]; the vault is still under the key it had then.
    pub fn rewrap(&self, new: MasterKey) -> Result<(), VaultError> {
        let path = self.location.path();
        self.change_as(|old, file| {
            let lost = || damaged(&path, "a key in it does not open");
            let sealing_key = file.open_sealing_key(old).ok_or_else(lost)?;
            for (name, value) in file
                .entries
                .iter_mut()
                .flat_map(|(name, values)| values.iter_mut().map(move |value| (name, value)))
            {
                let wrapped = crypto::open(
                    &old.bytes,
                    &key_place(&file.vault, name, value.version, old.id()),
                    &value.wrapped_dek.0,
                );
                value.wrapped_dek = seal(
                    &new.bytes,
                    &key_place(&file.vault, name, value.version, new.id()),
                    &wrapped.ok_or_else(lost)?,
                )?;
                value.key_id = new.id().to_owned();
            }
            file.set_key(&new, &sealing_key)?;
            Ok(Some(new))
        })
        .map(drop)
    }

    /// Encrypts something that is kept elsewhere, such as a token; it opens only under the same `name`, and still
    /// does after the master key was changed.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn seal(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let state = self.state();
        let key = self.sealing_key(&state)?;
        let mut sealed = seal(&key, &sealed_place(&state.file.vault, name), plain)?.0;
        sealed.insert(0, SEALED_FORM);
        Ok(sealed)
    }

    /// Decrypts what [`Vault::seal`] gave for the same `name`.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] when it is anything else.
    pub fn unseal(&self, name: &str, sealed: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, VaultError> {
        let state = self.state();
        let key = self.sealing_key(&state)?;
        let place = sealed_place(&state.file.vault, name);
        let opened = match sealed {
            [SEALED_FORM, rest @ ..] => crypto::open(&key, &place, rest),
            _ => None,
        };
        opened.ok_or_else(|| {
            VaultError::Damaged(format!(
                "what is kept as `{name}` was not encrypted by this vault; fetch it anew"
            ))
        })
    }

    /// Reads the file again if it was replaced, which costs one look at it otherwise. Says whether it was.
    ///
    /// # Errors
    /// [`VaultError`]; what was read before stays in use then.
    pub fn reload_if_changed(&self) -> Result<bool, VaultError> {
        let stamp = self.location.stamp();
        if stamp == self.state().stamp {
            return Ok(false);
        }
        let mut state = self.state_mut();
        let missing = || damaged(&self.location.path(), "it is gone");
        state.file = self.location.read(&state.key)?.ok_or_else(missing)?;
        state.stamp = stamp;
        Ok(true)
    }

    /// Changes the file as it is now, if `change` says so.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&MasterKey, &mut VaultFile) -> Result<bool, VaultError>,
    ) -> Result<bool, VaultError> {
        self.change_as(|key, file| {
            let changed = change(key, file)?;
            if changed {
                file.tie(key)?;
            }
            Ok(changed.then(|| key.clone()))
        })
    }

    /// Changes the file as it is now; `change` gives the key that it is under afterwards, or `None` for no change.
    fn change_as(
        &self,
        change: impl FnOnce(&MasterKey, &mut VaultFile) -> Result<Option<MasterKey>, VaultError>,
    ) -> Result<bool, VaultError> {
        let _turn = self.location.lock()?;
        // Who only reads is not kept waiting by the disk.
        let key = self.state().key.clone();
        let missing = || damaged(&self.location.path(), "it is gone");
        let mut file = self.location.read(&key)?.ok_or_else(missing)?;
        let key = change(&key, &mut file)?;
        if key.is_some() {
            self.location.write(&file)?;
        }
        let mut state = self.state_mut();
        state.file = file;
        state.stamp = self.location.stamp();
        let changed = key.is_some();
        if let Some(key) = key {
            state.key = key;
        }
        Ok(changed)
    }

    fn decrypt(&self, state: &State, name: &str, value: &StoredValue) -> Result<Secret, VaultError> {
        let vault = &state.file.vault;
        let place = key_place(vault, name, value.version, &value.key_id);
        let plain = crypto::open(&state.key.bytes, &place, &value.wrapped_dek.0)
            .and_then(|wrapped| key_bytes(&wrapped))
            .and_then(|key| {
                crypto::open(&key, &value_place(vault, name, value.version), &value.ciphertext.0)
            });
        plain
            .and_then(|plain| std::str::from_utf8(&plain).ok().map(Secret::new))
            .ok_or_else(|| damaged(&self.location.path(), &format!("`{name}` in it does not open")))
    }

    fn sealing_key(&self, state: &State) -> Result<crypto::KeyBytes, VaultError> {
        let opened = state.file.open_sealing_key(&state.key);
        opened.ok_or_else(|| damaged(&self.location.path(), "a key in it does not open"))
    }

    // A holder that panicked leaves something whole behind: the state is only ever replaced.
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("path", &self.location.path()).finish_non_exhaustive()
    }
}

fn encrypt(
    key: &MasterKey,
    file: &VaultFile,
    name: &str,
    secret: &Secret,
    now: Timestamp,
) -> Result<StoredValue, VaultError> {
    let last = file.entries.get(name).and_then(|values| values.first()).map_or(0, |value| value.version);
    let version = last + 1;
    let own = crypto::fresh_key();
    Ok(StoredValue {
        version,
        created: now,
        key_id: key.id().to_owned(),
        wrapped_dek: seal(&key.bytes, &key_place(&file.vault, name, version, key.id()), own.as_slice())?,
        ciphertext: seal(&own, &value_place(&file.vault, name, version), secret.expose().as_bytes())?,
    })
}

fn key_place(vault: &str, name: &str, version: u64, key_id: &str) -> Vec<u8> {
    crypto::place(&["ml-connector vault", vault, "key", name, &version.to_string(), key_id])
}

/// The master key is no part of it, so that it can be changed without touching the value.
fn value_place(vault: &str, name: &str, version: u64) -> Vec<u8> {
    crypto::place(&["ml-connector vault", vault, "value", name, &version.to_string()])
}

fn sealed_place(vault: &str, name: &str) -> Vec<u8> {
    crypto::place(&["ml-connector vault", vault, "sealed", name])
}

fn check_name(name: &str) -> Result<(), VaultError> {
    let well = |part: &str| {
        !part.is_empty() && part.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
    };
    match name.split_once('.') {
        Some((connection, credential)) if well(connection) && well(credential) => Ok(()),
        // Not quoted: somebody may have put the credential where the name belongs.
        _ => Err(VaultError::Invalid(
            "a credential is named `connection.credential`, both of letters, digits, `-` and `_`, such as `ups.client_secret`".into(),
        )),
    }
}
