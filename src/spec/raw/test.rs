//! Examples of what a mapping does, as authors write them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::written::{AnyTree, OneOrMore, Something, Table, Written};

/// A record, what the systems reply, and what is to come of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Test")]
pub struct RawTest {
    /// What it shows.
    #[schemars(required, example = &"An order ships and its tracking number comes back")]
    pub name: Option<Written<String>>,
    /// The flow.
    #[schemars(required, example = &"ship_orders")]
    pub flow: Option<Written<String>>,
    /// The mapping's settings; defaults count for the others.
    pub settings: Option<Written<Table<AnyTree>>>,
    /// The settings of each role's system; defaults count for the others.
    #[serde(default)]
    pub connections: Table<Written<Table<AnyTree>>>,
    /// Rows that tables hold before: table -> key -> row.
    #[serde(default)]
    pub tables: Table<Written<Table<AnyTree>>>,
    /// Records that `find` finds: kind of link -> its value -> the record.
    #[serde(default)]
    pub links: Table<Written<Table<Written<RawFoundRecord>>>>,
    /// The record as its source gives it.
    pub record: Option<AnyTree>,
    /// In its place, what a webhook is told.
    pub pushed: Option<Written<RawPushed>>,
    /// What is replied, by the path of the step; of a list each call takes the next.
    #[serde(default)]
    pub replies: Table<OneOrMore<Written<RawReply>>>,
    /// What is to come of it.
    #[schemars(required)]
    pub expect: Option<Written<RawExpectation>>,
}

/// What a webhook is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pushed")]
pub struct RawPushed {
    /// `role.webhook`, a source of the flow.
    #[schemars(required, example = &"carrier.track_alert")]
    pub webhook: Option<Written<String>>,
    /// The JSON body as the sender sends it; one record comes of it.
    #[schemars(required, with = "Something")]
    pub body: Option<AnyTree>,
}

/// A record that `find` finds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FoundRecord")]
pub struct RawFoundRecord {
    /// Its flow.
    #[schemars(required, example = &"ship_orders")]
    pub flow: Option<Written<String>>,
    /// Its key.
    #[schemars(required, example = &"0012345")]
    pub key: Option<Written<String>>,
    /// Its idempotency key; its key unless it says otherwise.
    pub idempotency_key: Option<Written<String>>,
}

/// What a system replies to one call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Reply")]
pub enum RawReply {
    /// It works: the operation's result.
    Result(AnyTree),
    /// An answer as it comes from the system; the answer rules say what it means.
    Answer(RawAnswer),
    /// It is refused.
    Refused(RawRefused),
    /// There is no such thing: `absent: true`.
    Absent(bool),
    /// The answer is lost, and nobody knows what became of the request: `lost: true`.
    Lost(bool),
}

/// An answer as it comes from the system.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TestAnswer")]
pub struct RawAnswer {
    /// The status; 200 unless it says otherwise.
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
    /// Headers.
    #[serde(default)]
    pub headers: Table<Written<String>>,
    /// The body, as the transport reads it.
    pub body: Option<AnyTree>,
}

/// Why a call is refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Refused")]
pub struct RawRefused {
    /// The system's code.
    pub code: Option<Written<String>>,
    /// The reason.
    #[schemars(required)]
    pub message: Option<Written<String>>,
}

/// What is to come of a record; what is not said is not compared.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Expectation")]
pub struct RawExpectation {
    /// The state in which it ends.
    pub state: Option<RawTestState>,
    /// A part of the reason.
    pub reason: Option<Written<String>>,
    /// The calls that are made: exactly these, in this order.
    pub calls: Option<Vec<Written<RawExpectedCall>>>,
    /// Links by kind.
    pub links: Option<Table<Vec<Written<String>>>>,
    /// The rows that tables hold then: table -> key -> what the row has at least, or null where there is none.
    #[serde(default)]
    pub tables: Table<Written<Table<AnyTree>>>,
    /// Parts of the notices that people get, in order.
    pub notices: Option<Vec<Written<String>>>,
    /// What other flows are told: flow -> exactly so many records, in order, each at least so.
    #[serde(default)]
    pub tells: Table<Written<Vec<AnyTree>>>,
    /// The time after which the record comes again, or `null` where it does not.
    #[schemars(with = "Option<TimeOrNever>")]
    pub again: Option<AnyTree>,
}

/// The schema of a time, or `null` for never.
struct TimeOrNever;

impl JsonSchema for TimeOrNever {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TimeOrNever".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [{ "type": "string", "examples": ["13d"] }, { "type": "null" }] })
    }
}

/// The state in which a record ends.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TestState")]
#[allow(missing_docs, reason = "they are the states of records")]
pub enum RawTestState {
    Done,
    Parked,
    Skipped,
    InDoubt,
    Waiting,
}

/// A call that is made. What is given must be so; the rest is free.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ExpectedCall")]
pub struct RawExpectedCall {
    /// The path of the step.
    #[schemars(required, example = &"shipment")]
    pub step: Option<Written<String>>,
    /// What the input has.
    pub input: Option<AnyTree>,
    /// What the request has.
    pub request: Option<Written<RawExpectedRequest>>,
}

/// What a request has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ExpectedRequest")]
pub struct RawExpectedRequest {
    /// The method.
    pub method: Option<super::request::RawMethod>,
    /// The path behind the base URL, without a query.
    pub path: Option<Written<String>>,
    /// Query parameters.
    pub query: Option<Table<Written<String>>>,
    /// Headers.
    pub headers: Option<Table<Written<String>>>,
    /// What the body has.
    pub body: Option<AnyTree>,
}
