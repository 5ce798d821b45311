//! How a value is written: the version of its form, a checksum, and its content.
//!
//! redb checks its pages only when asked to, so a flipped bit would be read as if it had been written. The checksum
//! is over table and key too: a value that turns up in another's place is noticed as well.

use aws_lc_rs::digest::{Context, SHA256};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

/// The form in which the values of a table are written today; earlier ones are read as well.
///
/// - `cursors` 2: with the last full poll and the rows that were left out; in form 1 there were none.
/// - `effects` 2: with how they were undone; in form 1 none were.
/// - `records` 2: with when they come again; in form 1 none did.
fn version(table: &str) -> u8 {
    match table {
        "cursors" | "effects" | "records" => 2,
        _ => 1,
    }
}

const CHECKSUM: usize = 8;
const HEADER: usize = 1 + CHECKSUM;

/// Writes a value as JSON.
pub(super) fn encode<T: Serialize>(table: &str, key: &str, value: &T) -> Result<Vec<u8>, StoreError> {
    let mut stored = vec![0; HEADER];
    serde_json::to_writer(&mut stored, value)
        .map_err(|error| StoreError::Corrupt(format!("cannot write {key} to {table}: {error}")))?;
    seal(table, key, &mut stored);
    Ok(stored)
}

/// Writes bytes as they are.
pub(super) fn encode_bytes(table: &str, key: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(HEADER + bytes.len());
    stored.resize(HEADER, 0);
    stored.extend_from_slice(bytes);
    seal(table, key, &mut stored);
    stored
}

/// Reads a value that was written as JSON.
pub(super) fn decode<T: DeserializeOwned>(table: &str, key: &str, stored: &[u8]) -> Result<T, StoreError> {
    let content = decode_bytes(table, key, stored)?;
    serde_json::from_slice(content).map_err(|error| damaged(table, key, &format!("cannot be read ({error})")))
}

/// Reads bytes that were written as they are.
pub(super) fn decode_bytes<'a>(table: &str, key: &str, stored: &'a [u8]) -> Result<&'a [u8], StoreError> {
    let newest = version(table);
    match stored.first() {
        Some(form) if (1..=newest).contains(form) => {}
        Some(form) if *form > newest => {
            return Err(StoreError::Corrupt(format!(
                "{key} in {table} was written by a newer version of ml-connector (form {form}, this one knows up to {newest}); use that version or a later one"
            )));
        }
        _ => return Err(damaged(table, key, "has no known form")),
    }
    let (Some(expected), Some(content)) = (stored.get(1..HEADER), stored.get(HEADER..)) else {
        return Err(damaged(table, key, "is cut short"));
    };
    if expected != checksum(table, key, content) {
        return Err(damaged(table, key, "fails its checksum"));
    }
    Ok(content)
}

fn seal(table: &str, key: &str, stored: &mut [u8]) {
    let (header, content) = stored.split_at_mut(HEADER);
    header[0] = version(table);
    header[1..].copy_from_slice(&checksum(table, key, content));
}

fn checksum(table: &str, key: &str, content: &[u8]) -> [u8; CHECKSUM] {
    let mut context = Context::new(&SHA256);
    for part in [table.as_bytes(), &[0], key.as_bytes(), &[0], content] {
        context.update(part);
    }
    let mut checksum = [0; CHECKSUM];
    checksum.copy_from_slice(&context.finish().as_ref()[..CHECKSUM]);
    checksum
}

fn damaged(table: &str, key: &str, what: &str) -> StoreError {
    StoreError::Corrupt(format!(
        "{key} in {table} {what}; check the disk, and restore the state directory from a backup"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(table: &str, key: &str, stored: &[u8]) -> String {
        match decode::<String>(table, key, stored) {
            Err(StoreError::Corrupt(sentence)) => sentence,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let stored = encode("records", "m/f/1", &"content".to_owned()).unwrap();
        assert_eq!(decode::<String>("records", "m/f/1", &stored).unwrap(), "content");
        for bit in 0..stored.len() * 8 {
            let mut flipped = stored.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            sentence("records", "m/f/1", &flipped);
        }
    }

    #[test]
    fn a_value_counts_only_in_its_own_place() {
        let stored = encode("records", "m/f/1", &"content".to_owned()).unwrap();
        assert!(sentence("records", "m/f/2", &stored).starts_with("m/f/2 in records fails its checksum; "));
        assert!(sentence("cursors", "m/f/1", &stored).contains("fails its checksum"));
        assert!(sentence("records", "m/f/1", &stored[..8]).contains("is cut short"));
        assert!(sentence("records", "m/f/1", &[]).contains("has no known form"));
    }

    #[test]
    fn a_newer_form_is_named_as_such() {
        let mut stored = encode_bytes("blobs", "name", b"bytes");
        assert_eq!(decode_bytes("blobs", "name", &stored).unwrap(), b"bytes");
        stored[0] = 2;
        assert!(sentence("blobs", "name", &stored).contains("written by a newer version of ml-connector"));
    }
}
