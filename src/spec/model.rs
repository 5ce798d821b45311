//! The checked model: what the engine runs. Nothing in it is text that still has to be parsed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use crate::auth::AuthConfig;
use crate::expression::{Selector, Template, Type, ValueTemplate};
use crate::transport::TransportConfig;

/// Where in the author's files something was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file as the author knows it, such as `mappings/sage100-ups.yaml`.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A checked system file.
#[derive(Debug)]
pub struct System {
    /// The name mappings and connections use.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What the file covers.
    pub docs: Option<String>,
    /// SHA-256 of the file, 64 hexadecimal digits.
    pub revision: String,
    /// The file's text.
    pub source: Arc<str>,
    /// What a connection must or may set.
    pub settings: IndexMap<String, Setting>,
    /// What a connection's vault must hold.
    pub credentials: IndexMap<String, Credential>,
    /// Sees `settings`.
    pub base_url: Template,
    /// The ways to prove who we are, by kind; the first is the default.
    pub auth: IndexMap<String, AuthConfig>,
    /// How requests are written and answers read.
    pub transport: TransportConfig,
    /// How hard the system may be worked.
    pub limits: Limits,
    /// First match decides; they see `settings`, `status`, `headers`, `body`, `error`, `error_code`.
    pub answers: Vec<AnswerRule>,
    /// What to say of an answer that is not ok.
    pub error: Option<ErrorShape>,
    /// The call that proves a connection.
    pub ping: Option<Ping>,
    /// What can be asked of it.
    pub operations: IndexMap<String, Arc<Operation>>,
    /// What can be polled.
    pub streams: IndexMap<String, Arc<Stream>>,
}

/// One setting of a system or mapping.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its type; optional types may be left out.
    pub ty: Type,
    /// Used when it is left out; already fits the type.
    pub default: Option<Value>,
    /// The only values allowed, where they are listed.
    pub one_of: Vec<Value>,
    /// What it means.
    pub docs: Option<String>,
    /// Where it is declared.
    pub place: Place,
}

/// One credential that a connection's vault holds.
#[derive(Debug, Clone)]
pub struct Credential {
    /// What it is and where to get it.
    pub docs: Option<String>,
    /// Whether a connection works without it (another auth kind needs it).
    pub optional: bool,
}

/// How hard a system may be worked. Templates see `settings`.
#[derive(Debug)]
pub struct Limits {
    /// The most calls in a time, shared by all flows of a connection.
    pub rate: Option<Rate>,
    /// The most calls at once.
    pub concurrency: u32,
    /// Yields a duration: how long a call may take in all.
    pub timeout: ValueTemplate,
    /// How failed calls are repeated.
    pub retry: Retry,
}

/// A number of calls in a time.
#[derive(Debug)]
pub struct Rate {
    /// Yields the number of calls.
    pub calls: ValueTemplate,
    /// The time they may be spread over.
    pub per: Duration,
}

/// Exponential backoff with full jitter.
#[derive(Debug, Clone)]
pub struct Retry {
    /// The upper bound of the first wait; doubles with each attempt.
    pub first: Duration,
    /// The upper bound of any wait.
    pub max: Duration,
    /// After so many failed attempts the record is parked.
    pub attempts: u32,
}

/// `when` an answer matches, it is of this `class`.
#[derive(Debug)]
pub struct AnswerRule {
    /// Decides.
    pub when: Template,
    /// What the answer means.
    pub class: AnswerClass,
    /// Where it is written.
    pub place: Place,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerClass {
    /// It worked; the answer is read by its declared type.
    Ok,
    /// It may work later.
    Retry,
    /// Our proof of identity was not accepted; get a new one and try once more.
    Reauthenticate,
    /// It will not work as it is: a person decides.
    Reject,
    /// It had already been done: as good as ok, with an empty answer.
    Done,
    /// Somebody else holds it; it may work later.
    Locked,
    /// There is no such thing.
    Absent,
}

/// How the reason is read from an answer that is not ok.
#[derive(Debug)]
pub struct ErrorShape {
    /// The body's type when it fits; `error` is null when it does not.
    pub ty: Type,
    /// Yields the code; sees `settings`, `status`, `headers`, `body`, `error`.
    pub code: Option<Template>,
    /// Yields the reason; sees the same.
    pub message: Option<Template>,
}

/// The call that proves a connection.
#[derive(Debug)]
pub struct Ping {
    /// A `read` operation of the system.
    pub operation: Arc<Operation>,
    /// Its input; sees `settings`.
    pub with: ValueTemplate,
}

/// Something that can be asked of a system.
#[derive(Debug)]
pub struct Operation {
    /// Its name in the system file.
    pub name: String,
    /// What it does.
    pub docs: Option<String>,
    /// What calling it does to the world.
    pub effect: Effect,
    /// An object type.
    pub input: Type,
    /// What is sent; sees `settings`, `input`, `request_id`.
    pub request: Request,
    /// Rules that come before the system's own.
    pub answers: Vec<AnswerRule>,
    /// The body of an ok answer is made to fit this.
    pub answer: Type,
    /// Field by field; sees `settings`, `input`, `answer`. The type is `result.result_type()`.
    pub result: ValueTemplate,
    /// Yields a list of `{ kind, name, base64 }`; sees the same as `result`.
    pub documents: Option<ValueTemplate>,
    /// Where it is written.
    pub place: Place,
}

/// What calling an operation does to the world.
#[derive(Debug)]
pub enum Effect {
    /// Nothing.
    Read,
    /// Something that can be repeated without harm.
    Idempotent,
    /// Something that must happen once, and the other side cannot tell a repetition.
    Create(Box<CreateEffect>),
}

/// What the engine must know before it may call something that must happen once.
#[derive(Debug)]
pub struct CreateEffect {
    /// Our name for it at the other side; sees `settings`, `input`.
    pub reference: Template,
    /// The read that finds it by that reference; its result has `found`, a list shaped as the create's result.
    pub lookup: OperationCall,
    /// Yields a duration: the longest a request whose caller gave up can still take effect; sees `settings`.
    pub late_effect: ValueTemplate,
    /// Yields a duration: the longest until the look-up finds it; sees `settings`.
    pub lookup_lag: ValueTemplate,
    /// Yields `park` or `recreate`: what to do when the look-up says there is none; sees `settings`.
    pub when_absent: ValueTemplate,
    /// How often it may be sent in all.
    pub attempts: u32,
    /// How long to look it up before a person is asked.
    pub give_up: Duration,
    /// True of an answer that proves nothing was done; sees what answer rules see.
    pub refused: Template,
    /// True of an answer that proves nobody looked at the request, so that it may be sent again.
    pub untouched: Template,
    /// The operation that undoes it; its `with` sees `settings`, `input`, `result`.
    pub compensate: Option<OperationCall>,
}

/// A call of another operation of the same system.
#[derive(Debug)]
pub struct OperationCall {
    /// The operation.
    pub operation: Arc<Operation>,
    /// Its input; sees `settings`, `input`.
    pub with: ValueTemplate,
}

/// What is sent.
#[derive(Debug)]
pub struct Request {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: http::Method,
    /// Appended to the base URL; each expression becomes one percent-encoded path segment.
    pub path: Template,
    /// An object; values are text, numbers or booleans.
    pub query: Option<ValueTemplate>,
    /// An object; values are text.
    pub headers: Option<ValueTemplate>,
    /// The body, sent as JSON.
    pub json: Option<ValueTemplate>,
}

/// Something that can be polled.
#[derive(Debug)]
pub struct Stream {
    /// Its name in the system file.
    pub name: String,
    /// What it holds.
    pub docs: Option<String>,
    /// The type of a record.
    pub record: Type,
    /// The field that tells records apart, for ordering and dedupe.
    pub key: String,
    /// What is sent for a page; sees `settings`, `cursor`, `page`, `request_id`.
    pub request: Request,
    /// The page's type.
    pub answer: Type,
    /// Picks the records from the page.
    pub records: Selector,
    /// How further pages are asked for.
    pub paging: Paging,
    /// How new and changed records are found.
    pub cursor: CursorKind,
    /// Fields that may change without the record having changed.
    pub volatile: Vec<String>,
    /// Where it is written.
    pub place: Place,
}

/// How further pages are asked for. `page` in the request is `{ number, offset, token }`.
#[derive(Debug)]
pub enum Paging {
    /// There is only one page.
    Single,
    /// `page.token` is what `next` yielded from the page before; null ends.
    Token {
        /// Sees `settings`, `answer`.
        next: Template,
    },
    /// `page.number` counts up from `first` until a page holds fewer than `size` records.
    Number {
        /// The first page's number.
        first: u32,
        /// Yields the page size; sees `settings`.
        size: ValueTemplate,
    },
    /// `page.offset` grows by the records seen until a page holds fewer than `size`.
    Offset {
        /// Yields the page size; sees `settings`.
        size: ValueTemplate,
    },
}

/// How new and changed records are found. `cursor` in the request is null at the first poll.
#[derive(Debug)]
pub enum CursorKind {
    /// Every poll reads everything; contents are compared.
    None,
    /// `cursor.at`: the newest value of a timestamp field, less the overlap.
    Timestamp {
        /// The record's field.
        field: String,
        /// The zone of stamps without offset; yields its name, sees `settings`.
        zone: ValueTemplate,
        /// Yields a duration; sees `settings`.
        overlap: ValueTemplate,
    },
    /// `cursor.date` and `cursor.time`: a day field and decimal hours as text, in local time, less the overlap.
    DateAndDecimalHours {
        /// The record's day field, `2026-11-20` or `20261120`.
        date: String,
        /// The record's field of decimal hours.
        time: String,
        /// Yields the name of the zone the stamps are in; sees `settings`.
        zone: ValueTemplate,
        /// Yields a duration; sees `settings`.
        overlap: ValueTemplate,
    },
}

/// A checked mapping.
#[derive(Debug)]
pub struct Mapping {
    /// Its name, such as `sage100-ups`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// SHA-256 of the mapping and the system files it uses, 64 hexadecimal digits.
    pub revision: String,
    /// The file's text; with those of its systems it makes the same mapping again (see `load::rebuild_mapping`).
    pub source: Arc<str>,
    /// Role -> system.
    pub systems: IndexMap<String, Arc<System>>,
    /// What the operator may set.
    pub settings: IndexMap<String, Setting>,
    /// What moves.
    pub flows: IndexMap<String, Arc<Flow>>,
}

/// One thing that moves between two systems.
#[derive(Debug)]
pub struct Flow {
    /// Its name in the mapping.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Where records come from.
    pub source: Source,
    /// The name of the record in expressions.
    pub record: String,
    /// Whether a record is for this flow; sees `settings` and the record.
    pub select: Option<Template>,
    /// Names the record; sees the same.
    pub key: Template,
    /// Names what is to be done for it, once; sees the same.
    pub idempotency_key: Template,
    /// What is done; steps see `settings`, the record, `key`, `idempotency_key`, results of earlier steps with an
    /// `id` (null when skipped by `when`) and names that were `set`.
    pub steps: Vec<Step>,
    /// What becomes of a record that is refused.
    pub on_refusal: OnRefusal,
    /// What counts as a change, and what happens when a finished record changes.
    pub on_change: OnChange,
    /// Where it is written.
    pub place: Place,
}

/// Where records come from.
#[derive(Debug)]
pub enum Source {
    /// Asked for on a schedule.
    Poll {
        /// The role whose system is polled.
        role: String,
        /// The stream.
        stream: Arc<Stream>,
        /// When, unless the configuration says otherwise.
        schedule: Schedule,
    },
}

/// When something happens.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// At the start and then each time this has passed since the last began.
    Every(Duration),
    /// By a cron expression in a zone.
    Cron(Box<Cron>),
}

/// A cron expression in a zone.
#[derive(Debug, Clone)]
pub struct Cron {
    /// The compiled expression.
    pub cron: croner::Cron,
    /// The zone its times are in.
    pub zone: jiff::tz::TimeZone,
}

/// What becomes of a record that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRefusal {
    /// It waits for a person, with the full answer.
    Park,
    /// It is left out.
    Skip,
}

/// What counts as a change, and what happens when a finished record changes.
#[derive(Debug)]
pub struct OnChange {
    /// Yields what to compare; without it, the whole record less the stream's volatile fields.
    pub watch: Option<Template>,
    /// What happens.
    pub after_done: AfterDone,
}

/// What happens when a record changes after it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterDone {
    /// A notice for people; nothing is sent.
    Report,
    /// The steps run again; effects that were made are not made again.
    Repeat,
    /// Nothing.
    Ignore,
}

/// One step of a flow.
#[derive(Debug)]
pub struct Step {
    /// The name of its result.
    pub id: Option<String>,
    /// Tells it apart from all other steps of the flow, for the journal: its id, else `step3`, inside loops `step5.step1`.
    pub path: String,
    /// Without it, or when it yields true, the step is done.
    pub when: Option<Template>,
    /// What is done.
    pub kind: StepKind,
    /// Where it is written.
    pub place: Place,
}

/// What a step does.
#[derive(Debug)]
pub enum StepKind {
    /// Asks something of a system.
    Call {
        /// Whose system.
        role: String,
        /// What.
        operation: Arc<Operation>,
        /// The input.
        with: ValueTemplate,
    },
    /// Goes on only if something holds.
    Check {
        /// What must hold.
        condition: Template,
        /// What happens if not.
        otherwise: Otherwise,
    },
    /// Names values.
    Set(Vec<(String, ValueTemplate)>),
    /// Makes the record findable by other names: (kind of link, value).
    Link(Vec<(String, Template)>),
    /// Does steps for each item of a list.
    ForEach {
        /// Yields the list.
        list: Template,
        /// The name of the item.
        name: String,
        /// The steps.
        steps: Vec<Step>,
    },
}

/// What happens to a record that fails a check.
#[derive(Debug)]
pub struct Otherwise {
    /// Whether it waits for a person or is left out.
    pub action: OnRefusal,
    /// Says why.
    pub message: Template,
    /// What to show beside it.
    pub show: Option<ValueTemplate>,
}

/// A checked configuration directory.
#[derive(Debug)]
pub struct Config {
    /// The directory.
    pub directory: std::path::PathBuf,
    /// The connections by name.
    pub connections: IndexMap<String, Connection>,
    /// The mappings to run, by name.
    pub mappings: IndexMap<String, MappingUse>,
    /// Where state is kept; absolute or below the directory.
    pub state: std::path::PathBuf,
    /// Where the master key comes from.
    pub key: KeySource,
}

/// A system with settings.
#[derive(Debug)]
pub struct Connection {
    /// Its name in the configuration.
    pub name: String,
    /// The system.
    pub system: Arc<System>,
    /// The auth kind it uses.
    pub auth: String,
    /// All settings, defaults filled in, fitting their types: an object.
    pub settings: Value,
    /// A PEM file of the only authorities to trust for this connection; without it, the system's.
    pub ca_file: Option<std::path::PathBuf>,
    /// Where it is written.
    pub place: Place,
}

/// A mapping that runs, with the operator's choices.
#[derive(Debug)]
pub struct MappingUse {
    /// The mapping.
    pub mapping: Arc<Mapping>,
    /// Role -> name of a connection.
    pub connections: IndexMap<String, String>,
    /// All settings, defaults filled in: an object.
    pub settings: Value,
    /// Flows by name: the schedule to use, and whether it runs at all.
    pub flows: IndexMap<String, FlowUse>,
    /// Where it is written.
    pub place: Place,
}

/// A flow with the operator's choices.
#[derive(Debug, Clone)]
pub struct FlowUse {
    /// Whether it runs.
    pub enabled: bool,
    /// When it polls.
    pub schedule: Schedule,
}

/// Where the master key that encrypts credentials comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file that only we can read; below the directory unless absolute.
    File(std::path::PathBuf),
    /// An environment variable.
    Environment(String),
    /// The first line a command prints.
    Command(Vec<String>),
}
