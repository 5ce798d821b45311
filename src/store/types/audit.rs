//! Entries of the audit trail.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::RecordId;

/// An audit entry before the store has given it its place in the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditDraft {
    /// When.
    pub at: Timestamp,
    /// `engine`, or `operator:NAME`.
    pub actor: String,
    /// The record it is about.
    pub record: Option<RecordId>,
    /// What happened, such as `record.parked`, `effect.sending`, `call.answered`.
    pub event: String,
    /// Small facts without personal data.
    pub facts: Value,
    /// Request and answer, redacted; kept beside the chain, which holds only a salted hash, so that it can be erased.
    pub body: Option<Value>,
}

/// An entry of the audit chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its place, from 1 without gaps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// The record it is about.
    pub record: Option<RecordId>,
    /// What happened.
    pub event: String,
    /// Small facts.
    pub facts: Value,
    /// SHA-256 of salt and body, where there is a body.
    pub body_hash: Option<String>,
    /// The hash of the entry before; 64 zeros for the first.
    pub previous: String,
    /// SHA-256 of the canonical form of all of the above.
    pub hash: String,
    /// The body; absent when it was erased or not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// What an audit query asks for; every field narrows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AuditQuery {
    /// Only this record.
    pub record: Option<RecordId>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Only events that start so.
    pub event: Option<String>,
    /// Only entries after this sequence number.
    pub after: u64,
    /// At most so many; 0 for all.
    pub limit: usize,
    /// With bodies.
    pub bodies: bool,
}

/// What checking the audit chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// Entries in the chain.
    pub entries: u64,
    /// The hash of the last.
    pub head: String,
    /// What is wrong, in order; empty when the chain is whole.
    pub problems: Vec<String>,
}
