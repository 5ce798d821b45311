//! The one cipher: AES-256-GCM with a random nonce, over data that is tied to its place.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::base::random;

/// The bytes of a key; wiped when it is dropped.
pub(super) type KeyBytes = Zeroizing<[u8; 32]>;

/// A key that nobody has had before.
pub(super) fn fresh_key() -> KeyBytes {
    Zeroizing::new(random::bytes())
}

/// What a ciphertext is tied to. Parts are written with their length, so that no choice of them runs together.
pub(super) fn place(parts: &[&str]) -> Vec<u8> {
    let mut place = Vec::new();
    for part in parts {
        place.extend_from_slice(&(part.len() as u64).to_be_bytes());
        place.extend_from_slice(part.as_bytes());
    }
    place
}

/// Encrypts `plain` for its place; `None` only for what is too long for the cipher.
pub(super) fn seal(key: &KeyBytes, place: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE_LEN] = random::bytes();
    let mut sealed = Zeroizing::new(plain.to_vec());
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut *sealed)
        .ok()?;
    Some([nonce.as_slice(), sealed.as_slice()].concat())
}

/// Decrypts what was sealed with this key for this place; `None` for anything else.
pub(super) fn open(key: &KeyBytes, place: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut plain = Zeroizing::new(rest.to_vec());
    let length = cipher(key)?.open_in_place(nonce, Aad::from(place), &mut plain).ok()?.len();
    plain.truncate(length);
    Some(plain)
}

fn cipher(key: &KeyBytes) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key.as_slice()).ok().map(LessSafeKey::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_the_same_key_in_the_same_place() {
        let (key, here) = (fresh_key(), place(&["a", "bc"]));
        let sealed = seal(&key, &here, b"plain").unwrap();
        assert_eq!(open(&key, &here, &sealed).unwrap().as_slice(), b"plain");
        assert!(open(&fresh_key(), &here, &sealed).is_none());
        assert!(open(&key, &place(&["ab", "c"]), &sealed).is_none());
        for byte in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[byte] ^= 1;
            assert!(open(&key, &here, &changed).is_none(), "byte {byte}");
            assert!(open(&key, &here, &sealed[..byte]).is_none(), "cut at {byte}");
        }
    }
}
