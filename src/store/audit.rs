//! The audit chain: how an entry is written, hashed and tied to the one before, and how the whole is checked.
//!
//! An entry is stored as its canonical JSON followed by its hash, so that what is hashed is exactly what is stored.
//! Bodies lie beside the chain, which holds only a salted hash of them: erasing one leaves the chain whole, and what
//! it said cannot be guessed from the hash.

use serde::{Deserialize, Serialize};

use super::{AuditDraft, AuditEntry, AuditReport};
use crate::base::{json, random};

const SALT: usize = 16;
/// `,"hash":"` + 64 digits + `"}`.
const HASH_SUFFIX: usize = 9 + 64 + 2;
/// So many problems are told one by one; the rest is counted.
const MOST_PROBLEMS: usize = 100;

/// The end of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHead {
    /// The sequence number of the last entry; 0 when there is none.
    pub seq: u64,
    /// Its hash; 64 zeros when there is none.
    pub hash: String,
}

impl ChainHead {
    /// The end of a chain that has no entry yet.
    pub fn start() -> Self {
        Self { seq: 0, hash: "0".repeat(64) }
    }

    /// Adds an entry: moves this head on and returns the entry as it is stored.
    pub fn append(&mut self, entry: &Unchained) -> String {
        self.seq += 1;
        let mut text = format!(
            "{},\"previous\":\"{}\",\"record\":{},\"seq\":{}}}",
            entry.first, self.hash, entry.record, self.seq
        );
        self.hash = json::sha256_hex(text.as_bytes());
        text.pop();
        text.push_str(",\"hash\":\"");
        text.push_str(&self.hash);
        text.push_str("\"}");
        text
    }
}

/// An entry that is written but for its place in the chain: what takes time is done before.
#[derive(Debug)]
pub struct Unchained {
    /// The canonical JSON up to where `previous` comes.
    first: String,
    /// The record as JSON.
    record: String,
    /// Salt and body as they are stored.
    pub body: Option<Vec<u8>>,
}

impl Unchained {
    /// Writes what does not depend on the place in the chain.
    pub fn new(draft: &AuditDraft) -> Self {
        let body = draft.body.as_ref().map(|body| {
            let mut stored = random::bytes::<SALT>().to_vec();
            stored.extend_from_slice(body.to_string().as_bytes());
            stored
        });
        let body_hash = body.as_deref().map(json::sha256_hex);
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let first = format!(
            "{{\"actor\":{},\"at\":\"{}\",\"body_hash\":{},\"event\":{},\"facts\":{}",
            text(&draft.actor),
            draft.at,
            body_hash.as_deref().map_or_else(|| "null".to_owned(), text),
            text(&draft.event),
            json::canonical(&draft.facts),
        );
        let record = draft.record.as_ref().map_or_else(|| "null".to_owned(), |id| text(id.as_str()));
        Self { first, record, body }
    }
}

/// Reads a body, if it is the one that `entry` was written with.
pub fn body(entry: &AuditEntry, stored: &[u8]) -> Option<serde_json::Value> {
    if entry.body_hash.as_deref() != Some(json::sha256_hex(stored).as_str()) {
        return None;
    }
    serde_json::from_slice(stored.get(SALT..)?).ok()
}

/// Checks a chain, entry by entry.
#[derive(Debug)]
pub struct Verifier {
    marks: Vec<ChainHead>,
    entries: u64,
    last: ChainHead,
    problems: Vec<String>,
    more: u64,
}

impl Verifier {
    /// Checks a chain that is known to have come as far as each of `marks`.
    pub fn new(marks: Vec<ChainHead>) -> Self {
        Self { marks, entries: 0, last: ChainHead::start(), problems: Vec::new(), more: 0 }
    }

    /// Checks what is stored as entry `seq`; entries come in the order of their place.
    pub fn entry(&mut self, seq: u64, stored: &str, body: Option<&[u8]>) {
        self.entries += 1;
        let Ok(entry) = serde_json::from_str::<AuditEntry>(stored) else {
            self.problem(format!("entry {seq} cannot be read"));
            self.last.seq = seq;
            return;
        };
        self.place(seq, &entry);
        if hashed(stored).is_none_or(|text| json::sha256_hex(text.as_bytes()) != entry.hash) {
            self.problem(format!("entry {seq} was changed: its content does not have its hash"));
        }
        if body.is_some_and(|stored| self::body(&entry, stored).is_none()) {
            self.problem(format!("the body of entry {seq} is not the one it was written with"));
        }
        if self.marks.iter().any(|mark| mark.seq == seq && mark.hash != entry.hash) {
            self.problem(format!(
                "entry {seq} is not the one that was written: the high-water mark has another hash"
            ));
        }
        // Going on from what is stored tells each break once.
        self.last = ChainHead { seq, hash: entry.hash };
    }

    /// Tells of something that was found outside the entries.
    pub fn problem(&mut self, sentence: String) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(sentence);
        } else {
            self.more += 1;
        }
    }

    /// What was found.
    pub fn finish(mut self) -> AuditReport {
        let known = self.marks.iter().map(|mark| mark.seq).max().unwrap_or_default();
        if known > self.last.seq {
            let end = self.last.seq;
            self.problem(format!(
                "the chain ends at entry {end}, but {known} were written: the last {} are missing",
                known - end
            ));
        }
        if self.more > 0 {
            self.problems.push(format!("and {} more", self.more));
        }
        AuditReport { entries: self.entries, head: self.last.hash, problems: self.problems }
    }

    fn place(&mut self, seq: u64, entry: &AuditEntry) {
        if entry.seq != seq {
            self.problem(format!("entry {} stands in the place of entry {seq}", entry.seq));
        }
        let next = self.last.seq + 1;
        if seq != next {
            let missing = if seq == next + 1 {
                format!("entry {next} is")
            } else {
                format!("entries {next} to {} are", seq - 1)
            };
            self.problem(format!("{missing} missing"));
        } else if entry.previous != self.last.hash {
            self.problem(format!(
                "entry {seq} does not follow the entry before it: it was written after another one"
            ));
        }
    }
}

/// The part of a stored entry that its hash is of.
fn hashed(stored: &str) -> Option<String> {
    let end = stored.len().checked_sub(HASH_SUFFIX)?;
    let suffix = stored.get(end..)?;
    suffix.starts_with(",\"hash\":\"").then(|| format!("{}}}", &stored[..end]))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::base::RecordId;

    fn draft(event: &str, body: Option<Value>) -> AuditDraft {
        AuditDraft {
            at: Timestamp::UNIX_EPOCH,
            actor: "operator:Änne \"A\"".into(),
            record: Some(RecordId::new("m", "f", "k\n1")),
            event: event.into(),
            facts: json!({ "b": 1.5, "a": ["x"] }),
            body,
        }
    }

    #[test]
    fn what_is_stored_is_the_canonical_form_and_its_hash() {
        let mut head = ChainHead::start();
        let stored = head.append(&Unchained::new(&draft("one", Some(json!({ "z": 1, "a": 2 })))));
        let entry: AuditEntry = serde_json::from_str(&stored).unwrap();
        let mut value = serde_json::to_value(&entry).unwrap();
        value.as_object_mut().unwrap().remove("hash");
        assert_eq!(json::fingerprint(&value), entry.hash);
        assert_eq!((entry.seq, &entry.hash), (1, &head.hash));
        assert_eq!(entry.previous, ChainHead::start().hash);
        assert_eq!(entry.record, draft("", None).record);
    }

    #[test]
    fn a_body_is_read_only_with_its_own_entry() {
        let one = Unchained::new(&draft("one", Some(json!({ "z": 1, "a": 2 }))));
        let two = Unchained::new(&draft("two", Some(json!({ "z": 1, "a": 2 }))));
        let entry: AuditEntry = serde_json::from_str(&ChainHead::start().append(&one)).unwrap();
        let read = body(&entry, one.body.as_deref().unwrap()).unwrap();
        assert_eq!(read.to_string(), r#"{"z":1,"a":2}"#, "in the order it was written");
        assert_eq!(body(&entry, two.body.as_deref().unwrap()), None, "the same body has another salt");
    }

    #[test]
    fn many_problems_are_counted() {
        let mut verifier = Verifier::new(Vec::new());
        (1..=150).for_each(|seq| verifier.entry(seq, "?", None));
        let report = verifier.finish();
        assert_eq!((report.problems.len(), report.problems.last().unwrap().as_str()), (101, "and 50 more"));
    }
}
