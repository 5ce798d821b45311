//! A JSON Web Key Set (RFC 7517): public keys by their `kid`.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::Value;

/// Base64 for URLs, as RFC 7518 wants it; padding is forgiven.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The RSA keys of a set.
#[derive(Debug, Clone, Default)]
pub(super) struct KeySet(Vec<Key>);

/// One RSA key.
#[derive(Debug, Clone)]
pub(super) struct Key {
    id: String,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// A key as it is written.
#[derive(Deserialize)]
struct Written {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl KeySet {
    /// Reads a set. Keys of other kinds, for other uses or without a `kid` stand beside ours: ShipEngine's set holds an
    /// EC key, too.
    ///
    /// # Errors
    /// A sentence, when it is no key set or holds no RSA key that signs.
    pub(super) fn read(body: &[u8]) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(body).map_err(|_| "it is no JSON Web Key Set")?;
        let keys: Vec<Key> = set.keys.into_iter().filter_map(key).collect();
        if keys.is_empty() { Err("it holds no RSA key for signatures") } else { Ok(Self(keys)) }
    }

    /// The key of this `kid`.
    pub(super) fn key(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }
}

impl Key {
    /// Whether `signature` is this key's over `message` (RSASSA-PKCS1-v1_5 with SHA-256). Keys of fewer than 2048 bits
    /// verify nothing.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = RsaPublicKeyComponents { n: &self.modulus, e: &self.exponent };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }
}

fn key(value: Value) -> Option<Key> {
    let written: Written = serde_json::from_value(value).ok()?;
    let signs = written.purpose.is_none_or(|purpose| purpose == "sig");
    let with_sha256 = written.alg.is_none_or(|algorithm| algorithm == "RS256");
    if written.kty != "RSA" || !signs || !with_sha256 {
        return None;
    }
    Some(Key { id: written.kid?, modulus: number(&written.n?)?, exponent: number(&written.e?)? })
}

/// A number, big-endian. Some write zeros before it, which the library does not take.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE.decode(text).ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[first..].to_vec())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
    use serde_json::json;

    use super::*;

    /// The modulus of a 2048-bit key, which stands at the same place of its DER form in each.
    fn modulus(pair: &KeyPair) -> Vec<u8> {
        pair.public_key().as_ref()[9..][..256].to_vec()
    }

    fn jwk(pair: &KeyPair, id: &str) -> Value {
        json!({
            "kty": "RSA", "kid": id, "use": "sig", "alg": "RS256",
            "n": URL_SAFE.encode(modulus(pair)), "e": "AQAB",
        })
    }

    fn signature(pair: &KeyPair, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }

    fn read(keys: &Value) -> Result<KeySet, &'static str> {
        KeySet::read(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn a_key_verifies_what_it_signed_and_nothing_else() {
        let [pair, other] = [(); 2].map(|()| KeyPair::generate(KeySize::Rsa2048).unwrap());
        let ec = json!({ "kty": "EC", "kid": "ec", "crv": "P-256", "x": "AA", "y": "AA" });
        let set = read(&json!([ec, jwk(&pair, "one"), jwk(&other, "two")])).unwrap();
        let key = set.key("one").unwrap();
        let signed = signature(&pair, b"now.body");
        assert!(key.verifies(b"now.body", &signed));
        assert!(!key.verifies(b"now.bodY", &signed));
        assert!(!key.verifies(b"now.body", &signature(&other, b"now.body")));
        assert!(!key.verifies(b"now.body", &signed[1..]));
        assert!(!key.verifies(b"now.body", b""));
        assert!(!set.key("two").unwrap().verifies(b"now.body", &signed));
        assert!(set.key("ec").is_none() && set.key("").is_none());
    }

    #[test]
    fn a_key_is_read_however_its_numbers_are_written() {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let mut written = jwk(&pair, "one");
        written["n"] = URL_SAFE.encode([vec![0], modulus(&pair)].concat()).trim_end_matches('=').into();
        written.as_object_mut().unwrap().remove("alg");
        written.as_object_mut().unwrap().remove("use");
        let set = read(&json!([written])).unwrap();
        assert!(set.key("one").unwrap().verifies(b"x", &signature(&pair, b"x")));
    }

    #[test]
    fn what_is_not_for_signatures_is_left_out() {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        for (field, value) in [
            ("use", json!("enc")),
            ("alg", json!("RS512")),
            ("kty", json!("EC")),
            ("kid", json!(null)),
            ("n", json!("")),
            ("n", json!("AAAA")),
            ("n", json!("not base64!")),
            ("e", json!(null)),
            ("e", json!(65537)),
        ] {
            let mut written = jwk(&pair, "one");
            written[field] = value.clone();
            assert!(read(&json!([written])).unwrap_err().contains("no RSA key"), "{field}: {value}");
        }
        for body in ["", "[]", "<html>", r#"{"keys":{}}"#] {
            assert!(KeySet::read(body.as_bytes()).unwrap_err().contains("no JSON Web Key Set"), "{body}");
        }
    }

    #[test]
    fn a_short_key_verifies_nothing() {
        let key = Key { id: "one".to_owned(), modulus: vec![0xff; 128], exponent: vec![1, 0, 1] };
        assert!(!key.verifies(b"x", &[1; 128]));
        let key = Key { id: "one".to_owned(), modulus: vec![0xff; 256], exponent: vec![1] };
        assert!(!key.verifies(b"x", &[1; 256]));
    }
}
