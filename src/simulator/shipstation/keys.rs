//! The keys that V2 signs with, and the list of them (`/jwks`, at the vendor on another host and open to everybody).

use std::sync::{Mutex, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::base::random;
use crate::simulator::push::{Envelope, Push, Sealed};
use crate::simulator::system::lock;

struct Key {
    id: String,
    pair: RsaKeyPair,
}

impl Key {
    fn new() -> Result<Self, String> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| "no RSA key can be made".to_owned())?;
        Ok(Self { id: random::id(), pair })
    }

    fn shown(&self) -> Value {
        let [n, e] = numbers(self.pair.public_key().as_ref()).unwrap_or_default();
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id,
            "n": URL_SAFE_NO_PAD.encode(n),
            "e": URL_SAFE_NO_PAD.encode(e),
        })
    }
}

/// The keys, made when the first of them is needed.
#[derive(Default)]
pub struct Keys {
    /// The newest signs; the others are still listed.
    rsa: Mutex<Vec<Key>>,
    elliptic: OnceLock<Value>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    /// The list, in which a key of another kind stands beside those that sign webhooks (one client checked it live).
    ///
    /// # Errors
    /// When no key can be made.
    pub fn list(&self) -> Result<Value, String> {
        let mut rsa = lock(&self.rsa);
        if rsa.is_empty() {
            rsa.push(Key::new()?);
        }
        let elliptic = self.elliptic.get_or_init(|| elliptic().unwrap_or(Value::Null));
        let keys: Vec<Value> = [elliptic.clone()].into_iter().chain(rsa.iter().map(Key::shown)).collect();
        Ok(json!({ "keys": keys }))
    }

    /// From now on another key signs. The one before stays in the list, as for what is still on its way.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn rotate(&self) -> Result<(), String> {
        lock(&self.rsa).push(Key::new()?);
        Ok(())
    }

    /// The headers that prove `body` at `now`: RSA-SHA256 over `timestamp.body`.
    ///
    /// # Errors
    /// When no key can be made or used.
    pub fn sign(&self, body: &[u8], now: Timestamp) -> Result<Vec<(String, String)>, String> {
        let mut rsa = lock(&self.rsa);
        if rsa.is_empty() {
            rsa.push(Key::new()?);
        }
        let key = rsa.last().ok_or("there is no key")?;
        let stamp = now.to_string();
        let message = [stamp.as_bytes(), b".", body].concat();
        let mut signature = vec![0; key.pair.public_modulus_len()];
        key.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &message, &mut signature)
            .map_err(|_| "the key does not sign".to_owned())?;
        Ok(vec![
            ("x-shipengine-rsa-sha256-key-id".to_owned(), key.id.clone()),
            ("x-shipengine-rsa-sha256-signature".to_owned(), STANDARD.encode(signature)),
            ("x-shipengine-timestamp".to_owned(), stamp),
        ])
    }
}

impl Envelope for Keys {
    fn seal<'a>(&'a self, push: &'a Push, now: Timestamp) -> Sealed<'a> {
        Box::pin(async move { self.sign(&push.body, now) })
    }
}

/// Modulus and exponent out of `RSAPublicKey` in DER (RFC 8017, A.1.1): a sequence of the two.
fn numbers(der: &[u8]) -> Option<[&[u8]; 2]> {
    let (inside, _) = element(der, 0x30)?;
    let (modulus, rest) = element(inside, 0x02)?;
    let (exponent, _) = element(rest, 0x02)?;
    // A number whose first bit is set has a zero before it.
    Some([modulus, exponent].map(|number| number.strip_prefix(&[0]).unwrap_or(number)))
}

/// The content of the element that `der` begins with, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match usize::from(first) {
        short @ 0..0x80 => (short, rest),
        long => {
            let (digits, rest) = rest.split_at_checked(long & 0x7f)?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
    };
    rest.split_at_checked(length)
}

fn elliptic() -> Option<Value> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
    // Uncompressed: a byte that says so, then both coordinates.
    let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
    Some(json!({
        "kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": random::id(),
        "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
    }))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

    use super::*;

    #[test]
    fn what_is_signed_can_be_checked_with_the_key_of_that_id() {
        let keys = Keys::default();
        let first = keys.list().unwrap();
        keys.rotate().unwrap();
        let now: Timestamp = "2026-11-20T18:00:00Z".parse().unwrap();
        let signed = keys.sign(b"{}", now).unwrap();
        let list = keys.list().unwrap();
        assert_eq!(list["keys"].as_array().map(Vec::len), Some(3));
        assert_eq!(list["keys"][0], first["keys"][0], "the elliptic key stays");
        let key =
            list["keys"].as_array().unwrap().iter().find(|key| key["kid"] == signed[0].1.as_str()).unwrap();
        let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
        let public = RsaPublicKeyComponents { n: part("n"), e: part("e") };
        let signature = STANDARD.decode(&signed[1].1).unwrap();
        let check = |message: &[u8]| public.verify(&RSA_PKCS1_2048_8192_SHA256, message, &signature);
        assert!(check(b"2026-11-20T18:00:00Z.{}").is_ok());
        assert!(check(b"2026-11-20T18:00:01Z.{}").is_err());
    }
}
