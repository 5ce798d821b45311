//! What a system tells by itself, as authors write it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::written::{AnyTree, TypeTree, Written};
use crate::proof::ProofBlock;

/// Something that a system tells by itself, by a request to us.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Webhook")]
pub struct RawWebhook {
    /// What it tells.
    pub docs: Option<Written<String>>,
    /// Whether a connection has it at all; every connection has it without. Sees `settings`.
    #[schemars(example = &"{{ settings.push == 'v2' }}")]
    pub when: Option<Written<String>>,
    /// How the sender proves that it is genuine.
    #[schemars(required, with = "ProofBlock")]
    pub proof: Option<AnyTree>,
    /// The type that the JSON body is made to fit.
    #[schemars(required)]
    pub body: Option<TypeTree>,
    /// The type of a record, where `give` makes records of the body; what `give` yields without it.
    pub record: Option<TypeTree>,
    /// Yields a record, or a list of them; sees `settings` and `body`. Text that begins with `$` is a JSONPath over
    /// `body`. Without it the body is the record.
    pub give: Option<AnyTree>,
    /// The body only says where the records are to be fetched.
    pub pointer: Option<Written<RawPointer>>,
    /// Yields what is the same when the sender repeats itself, such as the event's number; sees `settings` and `body`.
    /// Without it the id of a message of Standard Webhooks counts, or the whole body.
    #[schemars(example = &"{{ body.event_id }}")]
    pub id: Option<Written<String>>,
    /// The operations by which we ask to be told; without them a person does that at the other side.
    pub register: Option<Written<RawRegister>>,
}

/// Where the records are to be fetched.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pointer")]
pub struct RawPointer {
    /// Yields the URL; sees `settings` and `body`.
    #[schemars(required, example = &"{{ body.resource_url }}")]
    pub url: Option<Written<String>>,
    /// The hosts that it may lead to, beside the connection's own: regular expressions for the whole name.
    #[serde(default)]
    #[schemars(example = &["ssapi\\d*\\.example\\.com"])]
    pub hosts: Vec<Written<String>>,
    /// The stream whose page is there.
    #[schemars(required, example = &"shipments")]
    pub stream: Option<Written<String>>,
}

/// The operations by which we ask to be told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Register")]
pub struct RawRegister {
    /// A read without input; its result has `found`, a list of `{ id, url, event, active }`.
    #[schemars(required, example = &"list_webhooks")]
    pub list: Option<Written<String>>,
    /// An idempotent operation that takes `url`, `event` and `name`.
    #[schemars(required, example = &"create_webhook")]
    pub create: Option<Written<String>>,
    /// An idempotent operation that takes `id`.
    #[schemars(required, example = &"remove_webhook")]
    pub remove: Option<Written<String>>,
    /// What the system calls the event.
    #[schemars(required, example = &"SHIP_NOTIFY")]
    pub event: Option<Written<String>>,
}
