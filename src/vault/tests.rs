//! What the vault keeps, what it refuses, and what it never shows.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::base::Secret;

const CANARY: &str = "canary-7f3a-credential";

/// A vault in a directory that goes away with it.
struct Fixture {
    vault: Vault,
    key: MasterKey,
    directory: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = MasterKey::generate();
        Self { vault: Vault::open(directory.path(), key.clone()).unwrap(), key, directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("vault.json")
    }

    fn again(&self) -> Result<Vault, VaultError> {
        Vault::open(self.directory.path(), self.key.clone())
    }

    fn set(&self, name: &str, value: &str) {
        self.vault.set(name, &Secret::new(value), at(1)).unwrap();
    }

    /// Changes the file past the vault.
    fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut value: Value = serde_json::from_slice(&fs::read(self.path()).unwrap()).unwrap();
        change(&mut value);
        fs::write(self.path(), value.to_string()).unwrap();
    }
}

fn at(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(second).unwrap()
}

fn values(vault: &Vault, name: &str) -> Vec<String> {
    let found = vault.get(name).unwrap().unwrap_or_default();
    found.iter().map(|secret| secret.expose().to_owned()).collect()
}

fn versions(vault: &Vault, name: &str) -> Vec<u64> {
    let listed = vault.list().into_iter().find(|listed| listed.name == name);
    listed.map_or_else(Vec::new, |listed| listed.values.iter().map(|value| value.version).collect())
}

#[test]
fn what_is_set_is_there_for_every_handle() {
    let fixture = Fixture::new();
    fixture.set("ups.client_secret", "one");
    fixture.set("sage.password", "päss");
    fixture.set("ups.client_secret", "two");
    let again = fixture.again().unwrap();
    assert_eq!(values(&again, "ups.client_secret"), ["two"]);
    assert_eq!(values(&again, "sage.password"), ["päss"]);
    assert_eq!(again.get("ups.other").unwrap(), None);
    assert_eq!(again.secrets().unwrap().len(), 2);
    let listed = again.list();
    assert_eq!(
        listed.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(),
        ["sage.password", "ups.client_secret"]
    );
    let value = ListedValue { version: 2, created: at(1), key_id: fixture.key.id().into() };
    assert_eq!(listed[1].values, [value]);
    assert!(fixture.vault.remove("sage.password").unwrap());
    assert!(!fixture.vault.remove("sage.password").unwrap());
    assert_eq!(fixture.vault.get("sage.password").unwrap(), None);
}

#[test]
fn a_rotation_keeps_the_value_before_until_it_is_over() {
    let fixture = Fixture::new();
    let name = "ups.client_secret";
    for (value, kept) in [("one", &["one"][..]), ("two", &["two", "one"]), ("three", &["three", "two"])] {
        fixture.vault.rotate(name, &Secret::new(value), at(1)).unwrap();
        assert_eq!(values(&fixture.vault, name), kept);
    }
    assert_eq!(versions(&fixture.vault, name), [3, 2]);
    assert_eq!(fixture.vault.secrets().unwrap().len(), 2);
    assert!(fixture.vault.remove_previous(name).unwrap());
    assert!(!fixture.vault.remove_previous(name).unwrap());
    assert!(!fixture.vault.remove_previous("ups.other").unwrap());
    assert_eq!(values(&fixture.again().unwrap(), name), ["three"]);
    fixture.set(name, "four");
    assert_eq!(
        (values(&fixture.vault, name), versions(&fixture.vault, name)),
        (vec!["four".into()], vec![4])
    );
}

#[test]
fn a_wrong_key_is_one_clear_sentence() {
    let fixture = Fixture::new();
    fixture.set("ups.client_secret", CANARY);
    let other = MasterKey::generate();
    let error = Vault::open(fixture.directory.path(), other.clone()).unwrap_err();
    let sentence = format!(
        "{} needs master key {}, but the one given is {}; give the right key, or restore the vault that belongs to it",
        fixture.path().display(),
        fixture.key.id(),
        other.id()
    );
    assert_eq!(error, VaultError::WrongKey(sentence));
}

#[test]
fn swapped_ciphertexts_do_not_open() {
    let fixture = Fixture::new();
    fixture.set("ups.client_secret", "one");
    fixture.set("fedex.client_secret", "two");
    fixture
        .vault
        .change(|key, file| {
            let one = file.entries["ups.client_secret"][0].clone();
            let two = file.entries["fedex.client_secret"][0].clone();
            file.entries.insert("ups.client_secret".into(), vec![two.clone()]);
            file.entries.insert("fedex.client_secret".into(), vec![one]);
            file.entries.insert("ups.third".into(), vec![two]);
            assert_eq!(key.id(), fixture.key.id());
            Ok(true)
        })
        .unwrap();
    // Even somebody who could tie the file together again could not make a value count for another name.
    for name in ["ups.client_secret", "fedex.client_secret", "ups.third"] {
        assert!(matches!(fixture.vault.get(name), Err(VaultError::Damaged(_))), "{name}");
    }
}

#[test]
fn whatever_is_changed_in_the_file_is_noticed() {
    let changes: [fn(&mut Value); 8] = [
        |file| file["entries"]["a.b"][0]["created"] = "2026-01-01T00:00:00Z".into(),
        |file| file["entries"]["a.b"][0]["version"] = 7.into(),
        |file| drop(file["entries"].as_object_mut().unwrap().remove("a.b")),
        |file| file["entries"]["a.c"] = file["entries"]["a.b"].clone(),
        |file| file["vault"] = "another".into(),
        |file| file["whole"] = file["key_check"].clone(),
        |file| file["sealing_key"] = file["entries"]["a.b"][0]["wrapped_dek"].clone(),
        |file| file["entries"]["a.b"][0]["ciphertext"] = "AAAA".into(),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let fixture = Fixture::new();
        fixture.set("a.b", "one");
        fixture.edit(change);
        let error = fixture.again().unwrap_err();
        assert!(
            error.to_string().contains("something else than ml-connector changed it"),
            "{index}: {error}"
        );
        assert!(fixture.vault.set("a.b", &Secret::new("two"), at(2)).is_err(), "{index}");
        assert_eq!(values(&fixture.vault, "a.b"), ["one"], "an open one goes on with what it read");
    }
}

#[test]
fn an_entry_of_an_earlier_file_does_not_come_back() {
    let fixture = Fixture::new();
    fixture.set("a.b", "leaked");
    let before: Value = serde_json::from_slice(&fs::read(fixture.path()).unwrap()).unwrap();
    fixture.set("a.b", "new");
    fixture.edit(|file| file["entries"]["a.b"] = before["entries"]["a.b"].clone());
    assert!(matches!(fixture.again(), Err(VaultError::Damaged(_))));
}

#[test]
fn what_is_no_vault_is_refused_without_being_quoted() {
    let fixture = Fixture::new();
    for content in
        ["", CANARY, &format!("{{\"version\":1,\"vault\":\"x\",\"{CANARY}\":1}}"), "{\"version\":1}"]
    {
        fs::write(fixture.path(), content).unwrap();
        let error = fixture.again().unwrap_err().to_string();
        assert!(error.contains("cannot be trusted: it is no vault") && !error.contains(CANARY), "{error}");
    }
    fs::write(fixture.path(), "{\"version\":2}").unwrap();
    assert!(
        fixture.again().unwrap_err().to_string().contains("a newer version of ml-connector wrote it (form 2")
    );
    fs::remove_file(fixture.path()).unwrap();
    assert!(
        fixture.vault.set("a.b", &Secret::new("x"), at(1)).unwrap_err().to_string().contains("it is gone")
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = Fixture::new();
    assert_eq!(fs::metadata(fixture.path()).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(fixture.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let Err(VaultError::Exposed(sentence)) = fixture.again() else { panic!("it was opened") };
    assert!(sentence.contains("(mode 644); run `chmod 600 "), "{sentence}");
}

#[test]
fn writers_take_turns() {
    let fixture = Fixture::new();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let vault = fixture.again().unwrap();
            scope.spawn(move || {
                for round in 0..8 {
                    let secret = Secret::new(format!("{writer}-{round}"));
                    vault.set(&format!("w{writer}.r{round}"), &secret, at(1)).unwrap();
                    vault.rotate("shared.value", &secret, at(1)).unwrap();
                }
            });
        }
    });
    let vault = fixture.again().unwrap();
    assert_eq!(vault.list().len(), 4 * 8 + 1);
    assert_eq!(versions(&vault, "shared.value"), [32, 31]);
    assert_eq!(vault.secrets().unwrap().len(), 4 * 8 + 2);
}

#[test]
fn many_first_openings_make_one_vault() {
    let directory = tempfile::tempdir().unwrap();
    let key = MasterKey::generate();
    std::thread::scope(|scope| {
        for opener in 0..8 {
            let (key, path) = (key.clone(), directory.path());
            scope.spawn(move || {
                let vault = Vault::open(path, key).unwrap();
                vault.set(&format!("o.n{opener}"), &Secret::new("x"), at(1)).unwrap();
            });
        }
    });
    assert_eq!(Vault::open(directory.path(), key).unwrap().list().len(), 8);
}

#[test]
fn a_running_handle_picks_changes_up() {
    let fixture = Fixture::new();
    fixture.set("a.b", "one");
    let other = fixture.again().unwrap();
    assert!(!fixture.vault.reload_if_changed().unwrap());
    other.rotate("a.b", &Secret::new("two"), at(2)).unwrap();
    assert_eq!(values(&fixture.vault, "a.b"), ["one"]);
    assert!(fixture.vault.reload_if_changed().unwrap());
    assert_eq!(values(&fixture.vault, "a.b"), ["two", "one"]);
    assert!(!fixture.vault.reload_if_changed().unwrap());
    assert!(!other.reload_if_changed().unwrap(), "its own changes are no news");
}

#[test]
fn a_new_master_key_opens_everything_the_old_one_did() {
    let fixture = Fixture::new();
    fixture.set("a.b", "one");
    fixture.vault.rotate("a.b", &Secret::new("two"), at(2)).unwrap();
    let token = fixture.vault.seal("token/ups", b"token").unwrap();
    let other = fixture.again().unwrap();
    let before: Value = serde_json::from_slice(&fs::read(fixture.path()).unwrap()).unwrap();
    let new = MasterKey::generate();
    fixture.vault.rewrap(new.clone()).unwrap();
    let after: Value = serde_json::from_slice(&fs::read(fixture.path()).unwrap()).unwrap();
    assert_eq!(before["entries"]["a.b"][0]["ciphertext"], after["entries"]["a.b"][0]["ciphertext"]);
    assert!(matches!(fixture.again(), Err(VaultError::WrongKey(_))));
    assert!(matches!(other.reload_if_changed(), Err(VaultError::WrongKey(_))));
    assert_eq!(values(&other, "a.b"), ["two", "one"], "what it read stays in use");
    for vault in [&fixture.vault, &Vault::open(fixture.directory.path(), new.clone()).unwrap()] {
        assert_eq!(values(vault, "a.b"), ["two", "one"]);
        assert_eq!(vault.unseal("token/ups", &token).unwrap().as_slice(), b"token");
        assert_eq!(vault.list()[0].values[1].key_id, new.id());
    }
    fixture.set("a.c", "three");
    assert_eq!(values(&fixture.vault, "a.c"), ["three"]);
}

#[test]
fn what_is_sealed_opens_only_under_its_name() {
    let fixture = Fixture::new();
    let sealed = fixture.vault.seal("token/ups", CANARY.as_bytes()).unwrap();
    assert!(!contains(&sealed, CANARY));
    assert_ne!(sealed, fixture.vault.seal("token/ups", CANARY.as_bytes()).unwrap());
    let again = fixture.again().unwrap();
    assert_eq!(again.unseal("token/ups", &sealed).unwrap().as_slice(), CANARY.as_bytes());
    let mut changed = sealed.clone();
    *changed.last_mut().unwrap() ^= 1;
    for (name, bytes) in [
        ("token/fedex", &sealed[..]),
        ("token/ups", &changed),
        ("token/ups", &sealed[..9]),
        ("token/ups", &[]),
    ] {
        let error = fixture.vault.unseal(name, bytes).unwrap_err().to_string();
        assert!(error.contains("was not encrypted by this vault; fetch it anew"), "{error}");
    }
    assert!(Fixture::new().vault.unseal("token/ups", &sealed).is_err(), "another vault");
}

#[test]
fn names_have_two_parts() {
    let fixture = Fixture::new();
    for name in ["", "ups", "ups.", ".secret", "ups.a.b", "ups/x.y", "ü.x", CANARY] {
        let error = fixture.vault.set(name, &Secret::new("x"), at(1)).unwrap_err().to_string();
        assert!(
            error.starts_with("a credential is named `connection.credential`") && !error.contains(CANARY),
            "{error}"
        );
    }
}

#[test]
fn nothing_shows_a_credential() {
    let fixture = Fixture::new();
    fixture.set("ups.client_secret", CANARY);
    fixture.vault.rotate("ups.client_secret", &Secret::new(format!("{CANARY}2")), at(2)).unwrap();
    let shown = format!(
        "{:?} {:?} {:?}",
        fixture.vault,
        fixture.vault.list(),
        fixture.vault.get("ups.client_secret")
    );
    assert!(!shown.contains("canary"), "{shown}");
    for entry in fs::read_dir(fixture.directory.path()).unwrap() {
        let path = entry.unwrap().path();
        assert!(!contains(&fs::read(&path).unwrap(), "canary"), "{}", path.display());
        assert!(is_known(&path), "{} was left behind", path.display());
    }
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, CANARY);
    assert!(!contains(&fs::read(fixture.path()).unwrap(), &base64[..20]));
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn is_known(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "vault.json" || name == "vault.lock")
}
