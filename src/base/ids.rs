//! Names of things that live in the store.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::json;

/// Names one record of one flow for ever: `mapping/flow/key`, for example `sage100-ups/ship_orders/0000169`.
///
/// The key is what the flow's `key:` yields and may itself contain `/`; mapping and flow names may not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(String);

impl RecordId {
    /// The id of the record `key` of `flow` in `mapping`.
    pub fn new(mapping: &str, flow: &str, key: &str) -> Self {
        Self(format!("{mapping}/{flow}/{key}"))
    }

    /// Reads `mapping/flow/key`; `None` when a part is missing.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        let whole = parts.next().is_some_and(|part| !part.is_empty())
            && parts.next().is_some_and(|part| !part.is_empty())
            && parts.next().is_some_and(|part| !part.is_empty());
        whole.then(|| Self(text.to_owned()))
    }

    /// The mapping's name.
    pub fn mapping(&self) -> &str {
        self.part(0)
    }

    /// The flow's name.
    pub fn flow(&self) -> &str {
        self.part(1)
    }

    /// What the flow's `key:` yielded.
    pub fn key(&self) -> &str {
        self.part(2)
    }

    /// The whole id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn part(&self, index: usize) -> &str {
        self.0.splitn(3, '/').nth(index).unwrap_or_default()
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one intended effect for ever: the same flow, idempotency key and step give the same id, whatever
/// the attempt, revision or restart. At most one effect of an id ever takes place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectId(String);

impl EffectId {
    /// `step` is the step's path in the flow, with the index of each enclosing loop: `shipment`, `lines[2].reserve`.
    pub fn new(mapping: &str, flow: &str, idempotency_key: &str, step: &str) -> Self {
        // Length-prefixed, so that no choice of names can make two different effects share an id.
        let text: String = [mapping, flow, idempotency_key, step]
            .iter()
            .map(|part| format!("{}:{part}", part.len()))
            .collect();
        Self(json::sha256_hex(text.as_bytes())[..32].to_owned())
    }

    /// The id as 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that the store wrote earlier.
    pub fn from_stored(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_ids_keep_slashes_in_keys() {
        let id = RecordId::new("a-b", "ship", "X/1");
        assert_eq!((id.mapping(), id.flow(), id.key()), ("a-b", "ship", "X/1"));
        assert_eq!(RecordId::parse(id.as_str()), Some(id));
        assert_eq!(RecordId::parse("a/b"), None);
        assert_eq!(RecordId::parse("a//c"), None);
    }

    #[test]
    fn effect_ids_do_not_run_into_each_other() {
        assert_ne!(EffectId::new("m", "f", "ab", "c"), EffectId::new("m", "f", "a", "bc"));
        assert_eq!(EffectId::new("m", "f", "k", "s").as_str().len(), 32);
    }
}
