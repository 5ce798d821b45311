//! What an operator can ask of an engine, running or not: the words of the admin socket and of the command line.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::intake::WebhookStatus;
use crate::store::{
    AuditEntry, AuditQuery, AuditReport, Document, EffectEntry, Event, EventQuery, FlowCount, Record,
    RecordQuery, RecordState, SkippedRow,
};

/// A question or an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// How everything stands.
    Status,
    /// Records that match.
    Records(RecordQuery),
    /// One record with all that belongs to it.
    Show {
        /// An id, a key, or a linked value such as a tracking number.
        text: String,
    },
    /// The documents of one record, with their bytes.
    Documents {
        /// As in `Show`.
        text: String,
        /// Only this kind, such as `label`.
        kind: Option<String>,
    },
    /// Events that match, without their bodies.
    Events(EventQuery),
    /// Tries events again that are parked or wait.
    RetryEvents(Retry),
    /// Audit entries.
    Audit(AuditQuery),
    /// Checks the audit chain.
    VerifyAudit,
    /// Tries parked records again, as they are.
    Resume(Order),
    /// Runs finished, parked, skipped, discarded or waiting records again with the mapping as it is now. What was sent is not
    /// sent again.
    Replay(Order),
    /// Decides that nothing more happens to parked records.
    Discard(Order),
    /// Undoes what took place for records, as far as it can be undone, and then discards them.
    Undo(Order),
    /// Decides about a record whose effect is in doubt.
    Resolve {
        /// Which, and why.
        order: Order,
        /// What is true at the other side.
        truth: Truth,
    },
    /// Says that the notices of records were seen to.
    Acknowledge(Order),
    /// Polls a flow now: `mapping/flow`, or all.
    Poll {
        /// The flow; all without it.
        flow: Option<String>,
    },
    /// Makes the call that proves each of these connections; all of them when none is named.
    Ping {
        /// Their names in the configuration.
        connections: Vec<String>,
    },
    /// Stops the engine once what is in flight has ended.
    Stop,
}

/// Which records, by whom, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The records.
    pub which: Selection,
    /// Who orders it, for the audit.
    pub operator: String,
    /// Why, for the audit.
    pub reason: String,
}

/// Which events are to be tried again, by whom, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Retry {
    /// Each a name, `inbox/name`, or the beginning of either; all that are parked when there is none.
    pub names: Vec<String>,
    /// Who orders it, for the audit.
    pub operator: String,
    /// Why, for the audit.
    pub reason: String,
}

/// Which records an order is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Each an id, a key, or a linked value.
    Named(Vec<String>),
    /// All that match and are in a state the order is for.
    Matching(RecordQuery),
}

/// What a person found out at the other side.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// It exists; `value` is one of the values of its result, such as its tracking number. Checked by a look-up.
    Exists {
        /// Such as `1Z…`.
        value: String,
    },
    /// It exists and no look-up finds it any more: the result as the operation would have given it.
    ExistsWith {
        /// Fits the type of the operation's result.
        result: Value,
    },
    /// It does not exist; send it again.
    Absent,
    /// It does not exist and shall not: the record is parked.
    Cancelled,
}

/// What the engine says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// How everything stands.
    Status(Box<Status>),
    /// Records that match.
    Records(Vec<Record>),
    /// One record.
    Shown(Box<Shown>),
    /// Documents with their bytes.
    Documents(Vec<Document>),
    /// Events that match.
    Events(Vec<Event>),
    /// What became of each event that was to be tried again.
    Retried(Vec<Retried>),
    /// Audit entries.
    Audit(Vec<AuditEntry>),
    /// What the check found.
    AuditReport(AuditReport),
    /// What became of each record of an order.
    Ordered(Vec<Ordered>),
    /// What the pings found.
    Pinged(Vec<PingResult>),
    /// It will be done.
    Accepted,
    /// It cannot be done.
    Failed(Failure),
}

/// Why a command cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// One sentence that says what to do.
    pub message: String,
}

/// How everything stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// Whether an engine runs.
    pub running: bool,
    /// When it started.
    pub started: Option<Timestamp>,
    /// Now, by the engine's clock.
    pub now: Timestamp,
    /// Each flow.
    pub flows: Vec<FlowStatus>,
    /// How many records of each state each flow has.
    pub counts: Vec<FlowCount>,
    /// Records with notices that nobody has acknowledged.
    pub notices: u64,
    /// Effects that are on their way, unknown or in doubt.
    pub open_effects: u64,
    /// Each webhook that we ask a system for.
    #[serde(default)]
    pub registrations: Vec<RegistrationStatus>,
    /// What was pushed or told, inbox by inbox.
    #[serde(default)]
    pub inboxes: Vec<InboxStatus>,
    /// Each webhook that is open.
    #[serde(default)]
    pub webhooks: Vec<WebhookStatus>,
}

/// How a flow stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FlowStatus {
    /// `mapping/flow`.
    pub flow: String,
    /// What people call it.
    pub title: String,
    /// Such as `every 15m`; of several sources, what each has.
    pub schedule: String,
    /// When all its sources that are polled were read whole.
    pub polled: Option<Timestamp>,
    /// When the first of them is read next.
    pub next_poll: Option<Timestamp>,
    /// Since when everything of them was read, whatever was known.
    #[serde(default)]
    pub full: Option<Timestamp>,
    /// Rows that a source could not give and that were left out, until a poll that reads everything gets them.
    #[serde(default)]
    pub skipped: Vec<SkippedRow>,
    /// Each of its sources.
    #[serde(default)]
    pub sources: Vec<SourceStatus>,
    /// Connections that a poll or a record of it uses as a whole while others wait.
    #[serde(default)]
    pub turns: Vec<String>,
    /// Records being worked on right now.
    pub in_flight: u64,
    /// Why it does not go on, where it does not.
    pub trouble: Option<String>,
}

/// Whether a system knows that it is to tell us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationStatus {
    /// The connection.
    pub connection: String,
    /// The webhook.
    pub webhook: String,
    /// When it was last seen to that it does, since the start.
    pub checked: Option<Timestamp>,
    /// Why that cannot be seen to now.
    pub trouble: Option<String>,
}

/// How an inbox stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxStatus {
    /// `webhook/<connection>/<webhook>` or `told/<mapping>/<flow>`.
    pub inbox: String,
    /// Events that are to be taken, now or later.
    pub waiting: u64,
    /// Events that a person must look at.
    pub parked: u64,
    /// Events that were taken in the last days.
    pub taken: u64,
    /// Why the last event that was tried could not be taken.
    pub trouble: Option<String>,
}

/// What became of one event that was to be tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// Its inbox; empty when there is no such event.
    pub inbox: String,
    /// Its name, or what it was asked for by.
    pub name: String,
    /// Why it is not tried again, where it is not.
    pub problem: Option<String>,
}

/// How a source of a flow stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SourceStatus {
    /// `role.stream` or `role.webhook`; nothing for a schedule or what other flows tell.
    pub source: Option<String>,
    /// Such as `every 15m`, or `when told`.
    pub schedule: String,
    /// Whether the configuration lets it give records.
    pub enabled: bool,
    /// When it was last read whole.
    pub polled: Option<Timestamp>,
    /// When it is read next.
    pub next_poll: Option<Timestamp>,
    /// When everything was read last, whatever was known.
    pub full: Option<Timestamp>,
    /// Rows that it could not give and that were left out, until a poll that reads everything gets them.
    pub skipped: Vec<SkippedRow>,
    /// Why it cannot be read, where it cannot.
    pub trouble: Option<String>,
}

/// One record with all that belongs to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Shown {
    /// The record.
    pub record: Record,
    /// Its effects.
    pub effects: Vec<EffectEntry>,
    /// Its links: (kind, value).
    pub links: Vec<(String, String)>,
    /// Its documents, without bytes.
    pub documents: Vec<Document>,
    /// Its audit trail, with bodies.
    pub audit: Vec<AuditEntry>,
}

/// What a ping found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PingResult {
    /// The connection's name.
    pub connection: String,
    /// The system's title.
    pub system: String,
    /// Whether it can be used.
    pub ok: bool,
    /// What was found, and what to do if it is not ok.
    pub message: String,
    /// How long the call took.
    pub milliseconds: u64,
}

/// What became of one record of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ordered {
    /// The record's id, or the text it was asked for by when there is none.
    pub record: String,
    /// The state it is in now.
    pub state: Option<RecordState>,
    /// Why the order does not apply to it, where it does not.
    pub problem: Option<String>,
}
