//! Records, and what is asked of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::RecordId;

/// One thing that a flow moves, over all its revisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its name.
    pub id: RecordId,
    /// Counts writes; given by the store.
    pub version: u64,
    /// Where it is in its life.
    pub state: RecordState,
    /// Counts contents: 1 for the first, one more each time the source's content changed.
    pub revision: u32,
    /// The source's record, as the stream's type has it.
    pub source: Value,
    /// The fingerprint of what counts as its content.
    pub fingerprint: String,
    /// The revision of the mapping it runs on.
    pub mapping_revision: String,
    /// What the flow's `idempotency_key:` yielded.
    pub idempotency_key: String,
    /// When it was first seen.
    pub received: Timestamp,
    /// When it last changed here.
    pub changed: Timestamp,
    /// When it may be worked on next, for `received`, `running` and `waiting`.
    pub due: Timestamp,
    /// Failed attempts in a row.
    pub attempts: u32,
    /// Why it is parked, in doubt, waiting or skipped.
    pub reason: Option<Reason>,
    /// Results of finished effects and names that were set, by the step's path, in the order they came.
    pub results: Vec<StepResult>,
    /// A newer content that came while this one was being worked on.
    pub pending: Option<Box<PendingRevision>>,
    /// What people should know: edits that came after it was done.
    pub notices: Vec<Notice>,
    /// When it comes again, for one that is done; records of forms before this was known do not.
    #[serde(default)]
    pub again: Option<Timestamp>,
    /// Which tellings the content came from, where they are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<Merged>,
}

impl Record {
    /// A record in its first revision, of which nothing more is known than what it is and since when.
    pub fn new(id: RecordId, state: RecordState, source: Value, at: Timestamp) -> Self {
        Self {
            id,
            version: 0,
            state,
            revision: 1,
            source,
            fingerprint: String::new(),
            mapping_revision: String::new(),
            idempotency_key: String::new(),
            received: at,
            changed: at,
            due: at,
            attempts: 0,
            reason: None,
            results: Vec::new(),
            pending: None,
            notices: Vec::new(),
            again: None,
            merged: None,
        }
    }
}

/// Which tellings a content came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Merged {
    /// How late the telling is that counts, as the flow's `merge.by` yields it.
    pub by: Value,
    /// The same of the earlier or later tellings that fields came from which that one does not have.
    pub kept: BTreeMap<String, Value>,
}

/// Where a record is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    /// Committed with its cursor; nothing done yet.
    Received,
    /// Being worked on, or was when the engine stopped.
    Running,
    /// To be tried again at `due`.
    Waiting,
    /// All steps are done.
    Done,
    /// Not for this flow.
    Skipped,
    /// Refused; a person or a change at the source decides.
    Parked,
    /// An effect's outcome cannot be found out; a person decides.
    InDoubt,
    /// A person decided that nothing more happens.
    Discarded,
}

/// Why a record is where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// One sentence for people.
    pub message: String,
    /// The other side's code, where it gave one.
    pub code: Option<String>,
    /// The step's path, where a step is the cause.
    pub step: Option<String>,
    /// `file:line:column` of the YAML that is the cause.
    pub place: Option<String>,
    /// What a check showed, or the full redacted answer.
    pub detail: Option<Value>,
}

impl Reason {
    /// A sentence for people, and nothing more.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: None, step: None, place: None, detail: None }
    }
}

/// The result of a step that is not to be done again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepResult {
    /// The step's path with loop indexes.
    pub step: String,
    /// The result.
    pub value: Value,
}

/// A newer content that waits until the current one is out of the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingRevision {
    /// The source's record.
    pub source: Value,
    /// Its fingerprint.
    pub fingerprint: String,
    /// When it came.
    pub received: Timestamp,
    /// Which tellings it came from, where they are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<Merged>,
    /// What it begins with, should it be worked on from its beginning; not known of those that were kept before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beginning: Option<Beginning>,
}

/// What work on a content begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beginning {
    /// What the flow's `idempotency_key:` yields for it.
    pub idempotency_key: String,
    /// The revision of the mapping that it came to.
    pub mapping_revision: String,
    /// Whether the flow's `select:` wants it.
    pub selected: bool,
}

/// Something people should know of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// When it came up.
    pub at: Timestamp,
    /// One sentence.
    pub message: String,
    /// What changed: `[{ field, from, to }]`.
    pub changes: Value,
    /// When a person said that they have seen to it.
    pub acknowledged: Option<Timestamp>,
}

/// What one record query asks for; every field narrows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RecordQuery {
    /// `mapping`, or `mapping/flow`.
    pub flow: Option<String>,
    /// Any of these states; empty for all.
    pub states: Vec<RecordState>,
    /// A key, or a linked value such as a tracking number.
    pub text: Option<String>,
    /// Changed at or after.
    pub since: Option<Timestamp>,
    /// Only records with a notice that nobody has acknowledged.
    pub noticed: bool,
    /// At most so many; 0 for all.
    pub limit: usize,
}

/// How many records of one state a flow has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowCount {
    /// `mapping/flow`.
    pub flow: String,
    /// The state.
    pub state: RecordState,
    /// How many.
    pub count: u64,
}
