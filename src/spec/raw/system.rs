//! A system file as authors write it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::limits::RawLimits;
use super::operation::RawOperation;
use super::stream::RawStream;
use super::webhook::RawWebhook;
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
    /// What an answer means; the first rule that matches decides, and where none matches, the status does (2xx is ok).
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
    /// What it tells by itself, by requests to us.
    #[serde(default)]
    pub webhooks: Table<Written<RawWebhook>>,
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
    /// Whether a connection works without it, because another kind of auth or a webhook needs it.
    #[serde(default)]
    pub optional: bool,
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
    /// Of `retry` and `locked`: how long to leave it alone at least, where the answer says so elsewhere than in
    /// `Retry-After`. Yields a number of seconds, or a duration such as `90s`; nothing where it says nothing. Sees what
    /// `when` sees.
    #[schemars(example = &"{{ error.retry_seconds }}")]
    pub pause: Option<Written<String>>,
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
