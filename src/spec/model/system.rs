//! A system: what a connection needs, how it is worked, what its answers mean.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use super::{Operation, Place, Stream, Webhook};
use crate::auth::AuthConfig;
use crate::expression::{Template, Type, ValueTemplate};
use crate::transport::TransportConfig;

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
    /// What it tells by itself.
    pub webhooks: IndexMap<String, Arc<Webhook>>,
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
    /// Whether a connection works without it (another auth kind or a webhook needs it).
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
    /// The headers in which answers say how much of the rate is left.
    pub headers: Option<RateHeaders>,
    /// Connections of the system for which this yields the same share one rate; each has its own without it.
    pub account: Option<Template>,
    /// Whether a poll or a record uses the connection as a whole while others wait.
    pub take_turns: bool,
    /// When the system counts as down.
    pub breaker: Breaker,
}

/// The headers in which answers say how much of the rate is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateHeaders {
    /// How many calls the time allows.
    pub limit: Option<http::HeaderName>,
    /// How many calls are left.
    pub remaining: http::HeaderName,
    /// How many seconds it is until the next time begins.
    pub reset: http::HeaderName,
}

/// When a system counts as down, and how long it is left alone then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// After so many failures in a row.
    pub failures: u32,
    /// The first pause; doubles each time.
    pub pause: Duration,
    /// The longest pause.
    pub max: Duration,
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
    /// How long to leave it alone at least: yields seconds, a duration, or nothing. Only of what may work later.
    pub pause: Option<Template>,
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
