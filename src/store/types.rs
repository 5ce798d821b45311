//! The stored types.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::{EffectId, RecordId};

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

/// How far a stream has been read for a flow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The position as the cursor kind keeps it (raw texts of the source, never rounded); null before the first record.
    pub position: Value,
    /// When the last complete poll began.
    pub polled: Option<Timestamp>,
    /// A poll that is under way: where its pages stand; null when none is.
    pub page: Value,
    /// When the last complete poll that read everything, whatever the position, began.
    #[serde(default)]
    pub full: Option<Timestamp>,
    /// Rows that the source could not give and that were left out, until a poll that reads everything gets them.
    #[serde(default)]
    pub skipped: Vec<SkippedRow>,
}

/// A row that the source could not give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedRow {
    /// When it was left out.
    pub at: Timestamp,
    /// Which page it would have been.
    pub page: String,
    /// What the source said.
    pub reason: String,
}

/// A row of a named table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is found by.
    pub key: String,
    /// What it holds.
    pub value: Value,
    /// When it was put.
    pub at: Timestamp,
}

/// What was pushed to us, or told by another flow, until it has become records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What it came by: `webhook/<connection>/<webhook>` or `told/<mapping>/<flow>`.
    pub inbox: String,
    /// What a repetition has the same; unique in its inbox.
    pub name: String,
    /// Counts writes; given by the store.
    pub version: u64,
    /// When it came.
    pub received: Timestamp,
    /// When it is to be taken next; since when it is taken or parked, for one that is.
    pub due: Timestamp,
    /// How often it could not be taken.
    pub attempts: u32,
    /// Where it is.
    pub state: EventState,
    /// Why it waits or is parked.
    pub reason: Option<String>,
    /// What came, as it came. The store keeps it apart, and no longer than until the event is taken; what is written
    /// of an event in words leaves it out.
    #[serde(skip)]
    pub body: Vec<u8>,
}

impl Event {
    /// One that came at `now` and is to be taken at once.
    pub fn new(inbox: String, name: String, body: Vec<u8>, now: Timestamp) -> Self {
        Self {
            inbox,
            name,
            version: 0,
            received: now,
            due: now,
            attempts: 0,
            state: EventState::Waiting,
            reason: None,
            body,
        }
    }
}

/// Where an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// To be taken at `due`.
    Waiting,
    /// It has become records; kept so that a repetition is recognised.
    Taken,
    /// It cannot be taken; a person decides.
    Parked,
}

/// What one event query asks for; every field narrows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct EventQuery {
    /// Only inboxes whose name starts so.
    pub inbox: String,
    /// Any of these states; empty for all.
    pub states: Vec<EventState>,
    /// At most so many; 0 for all.
    pub limit: usize,
}

/// How many events of one state an inbox has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCount {
    /// The inbox.
    pub inbox: String,
    /// The state.
    pub state: EventState,
    /// How many.
    pub count: u64,
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

/// Something to keep with a record, such as a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// What it is, such as `label`.
    pub kind: String,
    /// A file name.
    pub name: String,
    /// The bytes; empty when they were not asked for.
    pub bytes: Vec<u8>,
    /// How many bytes it has.
    pub size: u64,
}
