//! What must happen once, and what is known of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::{EffectId, RecordId};

/// One intended effect, over all its attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectEntry {
    /// Its name.
    pub id: EffectId,
    /// Counts writes; given by the store.
    pub version: u64,
    /// The record it is for.
    pub record: RecordId,
    /// The step's path with loop indexes.
    pub step: String,
    /// `role.operation`.
    pub operation: String,
    /// `file:line:column` of the step.
    pub place: String,
    /// Where it is.
    pub state: EffectState,
    /// How often it was sent.
    pub attempt: u32,
    /// The engine start that sent it last; an older one means nobody waits for the answer any more.
    pub epoch: u64,
    /// Our name for it at the other side.
    pub reference: Option<String>,
    /// The input of the operation.
    pub input: Value,
    /// SHA-256 of the body sent last.
    pub body_hash: Option<String>,
    /// The revision of the mapping it was planned with.
    pub mapping_revision: String,
    /// When it was planned.
    pub planned: Timestamp,
    /// When the last attempt was sent.
    pub sent: Option<Timestamp>,
    /// Until when the last attempt may still be answered.
    pub deadline: Option<Timestamp>,
    /// When its outcome was first unknown.
    pub unknown_since: Option<Timestamp>,
    /// When to look it up next.
    pub look_up_at: Option<Timestamp>,
    /// What is known of each attempt: causes, refusals, look-ups, in order.
    pub evidence: Vec<Evidence>,
    /// The operation's result once it is confirmed.
    pub result: Option<Value>,
    /// Each time that a person had it undone, the last of them perhaps still to be done; effects of forms before this was
    /// known never were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undos: Vec<Undo>,
}

/// That an effect which took place is to be undone, or was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// The `role.operation` that undoes it.
    pub operation: String,
    /// The input of that operation.
    pub input: Value,
    /// Who ordered it.
    pub operator: String,
    /// Why.
    pub reason: String,
    /// When it was ordered.
    pub ordered: Timestamp,
    /// How often it was sent, less what provably never left.
    pub attempts: u32,
    /// When it was undone.
    pub done: Option<Timestamp>,
}

/// Where an effect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectState {
    /// Decided, not sent.
    Intent,
    /// On its way: from here on anything can have happened.
    Sending,
    /// It took place, once.
    Confirmed,
    /// The other side looked at it and did nothing.
    Refused,
    /// It may or may not have taken place.
    Unknown,
    /// It cannot be found out; a person decides.
    InDoubt,
    /// A person decided that it shall not take place.
    Cancelled,
    /// It took place, and a person ordered that it be undone: from here on it may have been.
    Undoing,
    /// It took place and was undone.
    Undone,
}

/// One thing that is known of an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// When it became known.
    pub at: Timestamp,
    /// The attempt it is about.
    pub attempt: u32,
    /// What it is, such as `timeout`, `crash`, `refused`, `look-up found none`.
    pub what: String,
    /// The redacted answer, where there was one.
    pub detail: Option<Value>,
}
