//! The ways in which one secret can stand in a text.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::base::Secret;

/// Shorter ones would be found everywhere.
const SHORTEST: usize = 4;

/// A secret in every encoding that it may be written in.
pub(super) struct Patterns {
    secret: Secret,
    texts: Vec<Zeroizing<String>>,
}

impl Patterns {
    pub(super) fn of(secret: &Secret) -> Self {
        let mut texts = Vec::new();
        let whole = secret.expose();
        for text in [whole, whole.trim()].into_iter().chain(long_lines(whole)) {
            texts.push(text.to_owned());
            texts.extend(escaped(text));
            texts.extend(base64s(text));
        }
        texts.retain(|text| text.len() >= SHORTEST && !text.trim().is_empty());
        texts.sort_unstable();
        texts.dedup();
        Self { secret: secret.clone(), texts: texts.into_iter().map(Zeroizing::new).collect() }
    }

    pub(super) fn is_of(&self, secret: &Secret) -> bool {
        self.secret == *secret
    }

    /// Every place in `text` where the secret stands, in whatever encoding.
    pub(super) fn find(&self, text: &str, found: &mut Vec<Range<usize>>) {
        for pattern in &self.texts {
            let mut from = 0;
            while let Some(at) = text[from..].find(pattern.as_str()).map(|at| at + from) {
                found.push(at..at + pattern.len());
                // One character on, not past the match: a secret can overlap itself.
                from = at + text[at..].chars().next().map_or(1, char::len_utf8);
            }
        }
    }
}

/// How secrets begin. Most texts hold none, which one look at each of their places tells; without it, every text would
/// be searched for every secret in every encoding.
pub(super) struct Beginnings(Box<[u64; WORDS]>);

const WORDS: usize = 1024;

impl Beginnings {
    pub(super) fn of<'p>(all: impl Iterator<Item = &'p Patterns>) -> Self {
        let mut words = Box::new([0; WORDS]);
        for text in all.flat_map(|patterns| &patterns.texts) {
            let (word, bit) = slot(&text.as_bytes()[..SHORTEST]);
            words[word] |= bit;
        }
        Self(words)
    }

    /// Whether a secret may stand in `text`; seldom wrong, and never when it says no.
    pub(super) fn may_be_in(&self, text: &str) -> bool {
        text.as_bytes().windows(SHORTEST).map(slot).any(|(word, bit)| self.0[word] & bit != 0)
    }
}

/// The word and the bit that stand for a beginning.
fn slot(beginning: &[u8]) -> (usize, u64) {
    let number = beginning.iter().fold(0, |number: u32, byte| number << 8 | u32::from(*byte));
    let mixed = number.wrapping_mul(0x9E37_79B1) >> 16;
    (mixed as usize / 64, 1 << (mixed % 64))
}

/// `text` with the `found` places replaced; places that touch or overlap are replaced as one.
pub(super) fn replace(text: &str, mut found: Vec<Range<usize>>, with: &str) -> String {
    found.sort_unstable_by_key(|place| place.start);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    let mut places = found.into_iter().peekable();
    while let Some(mut place) = places.next() {
        while let Some(next) = places.next_if(|next| next.start <= place.end) {
            place.end = place.end.max(next.end);
        }
        out.push_str(&text[done..place.start]);
        out.push_str(with);
        done = place.end;
    }
    out.push_str(&text[done..]);
    out
}

/// The lines of a key in PEM form, which are often shown one by one.
fn long_lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.contains('\n').then(|| text.lines().map(str::trim));
    lines.into_iter().flatten().filter(|line| line.len() >= 20 && !line.starts_with("-----"))
}

/// In JSON (with and without `\/`), in a form, in a URL with upper and lower case hexadecimal, and in HTML.
fn escaped(text: &str) -> Vec<String> {
    let json = serde_json::Value::from(text).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let upper = percent_encoded(text, |byte| format!("%{byte:02X}"));
    let lower = percent_encoded(text, |byte| format!("%{byte:02x}"));
    let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    vec![json.replace('/', "\\/"), json, form, upper, lower, html]
}

fn percent_encoded(text: &str, write: impl Fn(u8) -> String) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => write(byte),
        })
        .collect()
}

/// In base64 by itself, and as a part of something longer such as `user:secret`, where it can start at any of three
/// places of a group; characters that it shares with its neighbours are left out.
fn base64s(text: &str) -> Vec<String> {
    let mut all = vec![STANDARD_NO_PAD.encode(text), URL_SAFE_NO_PAD.encode(text)];
    // Parts of very short secrets would be found by chance.
    if text.len() >= 8 {
        for (before, skip) in [(0, 0), (1, 2), (2, 3)] {
            let mut bytes = Zeroizing::new(vec![0; before]);
            bytes.extend_from_slice(text.as_bytes());
            let shared_end = usize::from(bytes.len() % 3 != 0);
            for encoded in [STANDARD_NO_PAD.encode(&*bytes), URL_SAFE_NO_PAD.encode(&*bytes)] {
                all.push(encoded[skip..encoded.len() - shared_end].to_owned());
            }
        }
    }
    all
}
