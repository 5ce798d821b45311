//! What can be asked of a system, as authors write it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::request::RawRequest;
use super::system::RawAnswerRule;
use super::written::{AnyTree, TypeTree, Written};

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
    /// What is sent; sees `settings`, `input` and `request_id`, and in query and body `secret` where an auth kind puts
    /// credentials there.
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
    /// Many inputs are sent in one call, each with an outcome of its own; the request then sees `inputs`, and what is
    /// read from the answer sees `item`.
    pub batch: Option<Written<RawBatch>>,
}

/// Many inputs, of many records, in one call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Batch")]
pub struct RawBatch {
    /// The most inputs in one call.
    #[schemars(required, range(min = 2, max = 10000))]
    pub most: Option<u32>,
    /// How long the first input waits for company; `500ms` unless it says otherwise.
    #[schemars(example = &"500ms")]
    pub wait: Option<Written<String>>,
    /// A JSONPath that picks the items from the answer, one for each input.
    #[schemars(required, example = &"$.results[*]")]
    pub items: Option<Written<String>>,
    /// How items are told to belong to inputs; by their order without it.
    #[serde(rename = "match")]
    pub matching: Option<RawBatchMatch>,
    /// What an item means; the first rule that matches decides, and an item that none matches is ok. They see
    /// `settings` and `item`.
    #[serde(default)]
    pub answers: Vec<RawAnswerRule>,
    /// Yields why an item is not ok; sees `settings` and `item`.
    #[schemars(example = &"{{ item.errorMessage }}")]
    pub message: Option<Written<String>>,
}

/// An item belongs to the input for which both yield the same.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BatchMatch")]
pub struct RawBatchMatch {
    /// Names an input; sees `settings` and `input`.
    #[schemars(required, example = &"{{ input.order.orderKey }}")]
    pub input: Option<Written<String>>,
    /// Names an item; sees `settings` and `item`.
    #[schemars(required, example = &"{{ item.orderKey }}")]
    pub item: Option<Written<String>>,
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
