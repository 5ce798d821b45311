//! The master key: 32 bytes that encrypt the keys of the vault's values, and where they come from.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::crypto::{self, KeyBytes};
use super::{VaultError, command};
use crate::base::{environment, json};
use crate::store::files;

/// The key of a vault. It cannot be printed, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct MasterKey {
    pub(super) bytes: KeyBytes,
    id: String,
}

impl MasterKey {
    /// Makes a key that nobody has had before.
    pub fn generate() -> Self {
        Self::new(crypto::fresh_key())
    }

    /// Makes a key and keeps it in a new file that only we can read.
    ///
    /// # Errors
    /// [`VaultError::Key`] when the file is there already, or cannot be written.
    pub fn generate_file(path: &Path) -> Result<Self, VaultError> {
        let key = Self::generate();
        let shown = path.display();
        let mut file =
            files::private_options().write(true).create_new(true).open(path).map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => VaultError::Key(format!(
                    "{shown} is there already and may be the key of a vault; it is never replaced: choose another name"
                )),
                _ => VaultError::Key(format!("cannot create the key file {shown}: {error}")),
            })?;
        let text = Zeroizing::new(format!("{}\n", STANDARD.encode(key.bytes.as_slice())));
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| files::sync_parent(path))
            .map_err(|error| VaultError::Key(format!("cannot write the key file {shown}: {error}")))?;
        Ok(key)
    }

    /// Reads a key file: base64, or 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`VaultError::Exposed`] when others can read it or it is not ours, [`VaultError::Key`] when it holds no key.
    pub fn from_file(path: &Path) -> Result<Self, VaultError> {
        let shown = path.display();
        files::check_private(path).map_err(VaultError::Exposed)?;
        let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            VaultError::Key(format!(
                "cannot read the master key file {shown}: {error}; put the key there, or name the right file"
            ))
        })?;
        Self::parse(&text, &format!("the key file {shown}"))
    }

    /// Reads a key from an environment variable: base64, or 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`VaultError::Key`] when it is not set or holds no key.
    pub fn from_environment(name: &str) -> Result<Self, VaultError> {
        let text = environment::variable(name).map(Zeroizing::new).ok_or_else(|| {
            VaultError::Key(format!("the environment variable {name} is not set; put the master key there"))
        })?;
        Self::parse(&text, &format!("the environment variable {name}"))
    }

    /// Runs a program, without a shell, and reads the key from the first line it prints.
    ///
    /// # Errors
    /// [`VaultError::Key`] when it cannot be run, fails, takes longer than `limit` or prints no key.
    pub fn from_command(command: &[String], limit: Duration) -> Result<Self, VaultError> {
        let line = command::first_line(command, limit).map_err(VaultError::Key)?;
        let program = command.first().map_or("", String::as_str);
        Self::parse(&line, &format!("what `{program}` printed"))
    }

    /// Reads a key: base64, or 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`VaultError::Key`] when it is none.
    pub fn from_base64(text: &str) -> Result<Self, VaultError> {
        Self::parse(text, "the text")
    }

    /// The first 8 hexadecimal digits of the key's SHA-256: says which key it is, and nothing of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn new(bytes: KeyBytes) -> Self {
        let id = json::sha256_hex(bytes.as_slice())[..8].to_owned();
        Self { bytes, id }
    }

    fn parse(text: &str, source: &str) -> Result<Self, VaultError> {
        decode(text.trim()).map(Self::new).ok_or_else(|| {
            VaultError::Key(format!(
                "{source} holds no master key; one is 32 bytes, written as 44 characters of base64 or 64 hexadecimal digits"
            ))
        })
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn decode(text: &str) -> Option<KeyBytes> {
    let bytes = if text.len() == 64 { unhex(text)? } else { Zeroizing::new(STANDARD.decode(text).ok()?) };
    let mut key = Zeroizing::new([0; 32]);
    (bytes.len() == key.len()).then(|| key.copy_from_slice(&bytes))?;
    Some(key)
}

fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let bytes = text.as_bytes().chunks(2).map(|pair| {
        let [high, low] = pair else { return None };
        u8::try_from(digit(high)? * 16 + digit(low)?).ok()
    });
    bytes.collect::<Option<Vec<u8>>>().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_each_way_it_may_be_written() {
        let bytes: Vec<u8> = (0..32).collect();
        let hex = MasterKey::from_base64(&json::hex(&bytes)).unwrap();
        let base64 = MasterKey::from_base64(&format!(" {}\n", STANDARD.encode(&bytes))).unwrap();
        assert_eq!(hex.bytes.as_slice(), bytes);
        assert_eq!((hex.bytes, hex.id), (base64.bytes, base64.id));
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        for text in
            ["", "canary", "Y2FuYXJ5", &"g".repeat(64), &STANDARD.encode([7; 31]), &STANDARD.encode([7; 48])]
        {
            let error = MasterKey::from_base64(text).unwrap_err().to_string();
            assert!(error.starts_with("the text holds no master key; one is 32 bytes"), "{error}");
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }

    #[test]
    fn a_key_file_is_ours_alone_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        assert!(MasterKey::from_file(&path).unwrap_err().to_string().contains("put the key there"));
        let made = MasterKey::generate_file(&path).unwrap();
        assert_eq!(MasterKey::from_file(&path).unwrap().bytes, made.bytes);
        assert!(MasterKey::generate_file(&path).unwrap_err().to_string().contains("is never replaced"));
        assert_eq!(format!("{made:?}"), "***");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            assert!(matches!(MasterKey::from_file(&path), Err(VaultError::Exposed(_))));
        }
    }

    #[test]
    fn an_unset_variable_is_named() {
        let error = MasterKey::from_environment("ML_CONNECTOR_NO_SUCH_KEY").unwrap_err().to_string();
        assert!(error.contains("ML_CONNECTOR_NO_SUCH_KEY is not set"), "{error}");
    }
}
