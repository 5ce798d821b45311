//! A system file as authors write it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::stream::RawStream;
use super::written::{AnyTree, Table, TypeTree, Written};
use crate::auth::AuthBlocks;
use crate::transport::TransportBlock;

/// How to speak to one product: what a connection to it needs, what can be asked of it and what can be polled.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "ml-connector system", rename = "System")]
pub struct SystemFile {
    /// The name that mappings and connections use; the file is called `<name>.yaml`.
    #[schemars(required, example = &"ups")]
    pub system: Option<Written<String>>,
    /// What people call it.
    #[schemars(required, example = &"UPS")]
    pub title: Option<Written<String>>,
    /// What the file covers.
    pub docs: Option<Written<String>>,
    /// What a connection must or may set.
    #[serde(default)]
    pub settings: Table<RawSetting>,
    /// What a connection's vault must hold.
    #[serde(default)]
    pub credentials: Table<RawCredential>,
    /// Where requests go; a template over `settings`.
    #[schemars(required, example = &"{{ settings.base_url }}")]
    pub base_url: Option<Written<String>>,
    /// The ways to prove who we are.
    #[schemars(with = "AuthBlocks")]
    pub auth: Option<AnyTree>,
    /// How requests are written and answers read.
    #[schemars(with = "TransportBlock")]
    pub transport: Option<AnyTree>,
    /// How hard the system may be worked.
    pub limits: Option<RawLimits>,
    /// Types that several operations share, by name.
    #[serde(default)]
    pub types: Table<TypeTree>,
    /// What an answer means; the first rule that matches decides, and an answer that none matches is ok.
    #[serde(default)]
    pub answers: Vec<RawAnswerRule>,
    /// What to say of an answer that is not ok.
    pub error: Option<RawErrorShape>,
    /// The call that proves a connection.
    pub ping: Option<RawPing>,
    /// What can be asked of the system.
    #[serde(default)]
    pub operations: Table<Written<RawOperation>>,
    /// What can be polled.
    #[serde(default)]
    pub streams: Table<Written<RawStream>>,
}

/// Something that is set from outside.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Setting")]
pub struct RawSetting {
    /// Its type; one that ends in `?` may be left out.
    #[serde(rename = "type")]
    #[schemars(required)]
    pub ty: Option<TypeTree>,
    /// Used when it is left out.
    pub default: Option<AnyTree>,
    /// The only values allowed.
    #[serde(default)]
    #[schemars(with = "Vec<AnyTree>")]
    pub one_of: Option<Written<Vec<AnyTree>>>,
    /// What it means.
    pub docs: Option<Written<String>>,
}

/// Something secret that a connection's vault holds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Credential")]
pub struct RawCredential {
    /// What it is and where to get it.
    pub docs: Option<Written<String>>,
    /// Whether a connection works without it, because another kind of auth needs it.
    #[serde(default)]
    pub optional: bool,
}

/// How hard a system may be worked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Limits")]
pub struct RawLimits {
    /// The most calls in a time, shared by all flows of a connection.
    pub rate: Option<RawRate>,
    /// The most calls at once; 4 unless it says otherwise.
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency: Option<u32>,
    /// How long one call may take; `60s` unless it says otherwise.
    #[schemars(example = &"60s")]
    pub timeout: Option<Written<String>>,
    /// How failed calls are repeated.
    pub retry: Option<RawRetry>,
}

/// A number of calls in a time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rate")]
pub struct RawRate {
    /// The number of calls, or a template over `settings` that yields it.
    #[schemars(required)]
    pub calls: Option<AnyTree>,
    /// The time they may be spread over.
    #[schemars(required, example = &"1m")]
    pub per: Option<Written<String>>,
}

/// Exponential backoff with full jitter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Retry")]
pub struct RawRetry {
    /// The upper bound of the first wait, which doubles with each attempt; `1s` unless it says otherwise.
    #[schemars(example = &"1s")]
    pub first: Option<Written<String>>,
    /// The upper bound of any wait; `5m` unless it says otherwise.
    #[schemars(example = &"5m")]
    pub max: Option<Written<String>>,
    /// After so many failed attempts the record is parked; 8 unless it says otherwise.
    #[schemars(range(min = 1, max = 1000))]
    pub attempts: Option<u32>,
}

/// When an answer matches, this is what it means.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AnswerRule")]
pub struct RawAnswerRule {
    /// Decides; sees `settings`, `status`, `headers`, `body`, `error` and `error_code`.
    #[schemars(required, example = &"{{ status == 401 }}")]
    pub when: Option<Written<String>>,
    /// What the answer means.
    #[schemars(required)]
    pub class: Option<RawAnswerClass>,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AnswerClass")]
pub enum RawAnswerClass {
    /// It worked.
    Ok,
    /// It may work later.
    Retry,
    /// Our proof of identity was not accepted: get a new one and try once more.
    Reauthenticate,
    /// It will not work as it is: a person decides.
    Reject,
    /// It had already been done: as good as ok.
    Done,
    /// Somebody else holds it: it may work later.
    Locked,
    /// There is no such thing.
    Absent,
}

/// How the reason is read from an answer that is not ok.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ErrorShape")]
pub struct RawErrorShape {
    /// The body's type; `error` is null when the body does not fit it.
    #[serde(rename = "type")]
    #[schemars(required)]
    pub ty: Option<TypeTree>,
    /// Yields the code, which rules see as `error_code`.
    pub code: Option<Written<String>>,
    /// Yields the reason, for people.
    pub message: Option<Written<String>>,
}

/// The call that proves a connection.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ping")]
pub struct RawPing {
    /// An operation that only reads.
    #[schemars(required)]
    pub operation: Option<Written<String>>,
    /// Its input; templates over `settings`.
    pub with: Option<AnyTree>,
}

/// Something that can be asked of a system.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Operation")]
pub struct RawOperation {
    /// What it does.
    pub docs: Option<Written<String>>,
    /// What calling it does to the world.
    #[schemars(required)]
    pub effect: Option<Written<RawEffect>>,
    /// The fields a mapping gives.
    pub input: Option<TypeTree>,
    /// What is sent; sees `settings`, `input` and `request_id`.
    #[schemars(required)]
    pub request: Option<Written<RawRequest>>,
    /// Rules that come before the system's own.
    #[serde(default)]
    pub answers: Vec<RawAnswerRule>,
    /// The type of an ok answer's body; anything without it.
    pub answer: Option<TypeTree>,
    /// What a mapping gets, field by field; sees `settings`, `input` and `answer`. Text that begins with `$` is a
    /// JSONPath over `answer`.
    pub result: Option<AnyTree>,
    /// Yields a list of `{ kind, name, base64 }` to keep, such as labels.
    pub documents: Option<AnyTree>,
}

/// What calling an operation does to the world.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Effect")]
pub enum RawEffect {
    /// Nothing.
    Read,
    /// Something that can be repeated without harm.
    Idempotent,
    /// Something that must happen once, and the other side cannot tell a repetition.
    Create(Box<RawCreate>),
}

/// What must be known before something that must happen once may be called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Create")]
pub struct RawCreate {
    /// Our name for it at the other side; a template over `settings` and `input`.
    #[schemars(required)]
    pub reference: Option<Written<String>>,
    /// The operation that finds it by that reference; its result has `found`, a list shaped as this result.
    #[schemars(required)]
    pub lookup: Option<RawOperationCall>,
    /// The longest a request whose caller gave up can still take effect; a duration or a template that yields one.
    #[schemars(required, example = &"3m")]
    pub late_effect: Option<Written<String>>,
    /// The longest until the look-up finds a new one; a duration or a template that yields one.
    #[schemars(required, example = &"2m")]
    pub lookup_lag: Option<Written<String>>,
    /// `park` or `recreate`, or a template that yields one: what to do when the look-up says there is none.
    #[schemars(required, example = &"park")]
    pub when_absent: Option<Written<String>>,
    /// How often it may be sent in all; 3 unless it says otherwise.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: Option<u32>,
    /// How long to look it up before a person is asked; `30m` unless it says otherwise.
    #[schemars(example = &"30m")]
    pub give_up: Option<Written<String>>,
    /// True of an answer that proves nothing was done; sees what answer rules see.
    #[schemars(required, example = &"{{ status == 400 }}")]
    pub refused: Option<Written<String>>,
    /// True of an answer that proves nobody looked at the request, so that it may be sent again.
    #[schemars(required, example = &"{{ status in [401, 429] }}")]
    pub untouched: Option<Written<String>>,
    /// The operation that undoes it; its `with` sees `settings`, `input` and `result`.
    pub compensate: Option<RawOperationCall>,
}

/// A call of another operation of the same system.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OperationCall")]
pub struct RawOperationCall {
    /// The operation.
    #[schemars(required)]
    pub operation: Option<Written<String>>,
    /// Its input.
    pub with: Option<AnyTree>,
}

/// What is sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Request")]
pub struct RawRequest {
    /// The method.
    #[schemars(required)]
    pub method: Option<RawMethod>,
    /// Appended to the base URL; each expression becomes one path segment.
    #[schemars(required, example = &"/v1/orders/{{ input.number }}")]
    pub path: Option<Written<String>>,
    /// Query parameters; one whose name ends in `?` is left out when it is empty.
    #[schemars(with = "Option<Table<AnyTree>>")]
    pub query: Option<AnyTree>,
    /// Headers; one whose name ends in `?` is left out when it is empty.
    #[schemars(with = "Option<Table<AnyTree>>")]
    pub headers: Option<AnyTree>,
    /// The body; a field whose name ends in `?` is left out when it is empty.
    pub json: Option<AnyTree>,
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "Method")]
#[allow(missing_docs, reason = "they say it all")]
pub enum RawMethod {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}
