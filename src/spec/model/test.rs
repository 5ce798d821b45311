//! Examples of what a mapping does, which `ml-connector test` runs without any system.

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use super::Place;

/// A record, what the systems reply, and what is to come of it.
#[derive(Debug, Clone)]
pub struct MappingTest {
    /// What it shows.
    pub name: String,
    /// The flow; there is such a one.
    pub flow: String,
    /// The mapping's settings, defaults filled in: an object.
    pub settings: Value,
    /// The settings of each role's system, defaults filled in: objects.
    pub connections: IndexMap<String, Value>,
    /// Rows that tables hold before: table -> key -> row, fitting the table's type.
    pub tables: IndexMap<String, IndexMap<String, Value>>,
    /// Records that are found by links: kind -> value -> the record.
    pub links: IndexMap<String, IndexMap<String, FoundRecord>>,
    /// The record as its source gives it; it can be made to fit.
    pub record: Value,
    /// What is replied to the calls of a step, by its path in the mapping.
    pub replies: IndexMap<String, Replies>,
    /// What is to come of it.
    pub expect: Expectation,
    /// Where it is written.
    pub place: Place,
}

/// A record that is found by a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRecord {
    /// Its flow.
    pub flow: String,
    /// Its key.
    pub key: String,
    /// Its idempotency key.
    pub idempotency_key: String,
}

/// What is replied to the calls of one step.
#[derive(Debug, Clone)]
pub struct Replies {
    /// In order.
    pub replies: Vec<Reply>,
    /// Whether a single reply, not written as a list, answers every call.
    pub repeat: bool,
    /// Where they are written.
    pub place: Place,
}

/// What a system replies to one call.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It works: the operation's result, fitting its type.
    Result(Value),
    /// An answer that goes through the answer rules.
    Answer {
        /// The status.
        status: u16,
        /// Headers by name in small letters.
        headers: IndexMap<String, String>,
        /// The body as the transport reads it.
        body: Value,
    },
    /// It is refused.
    Refused {
        /// The system's code.
        code: Option<String>,
        /// The reason.
        message: String,
    },
    /// There is no such thing.
    Absent,
    /// The answer is lost.
    Lost,
}

/// What is to come of a record; what is not said is not compared.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// The state in which it ends.
    pub state: Option<TestState>,
    /// A part of the reason.
    pub reason: Option<String>,
    /// The calls that are made: exactly these, in this order.
    pub calls: Option<Vec<ExpectedCall>>,
    /// Links by kind: exactly these of each kind named.
    pub links: IndexMap<String, Vec<String>>,
    /// Rows: table -> key -> what the row has at least; null where there is none.
    pub tables: IndexMap<String, IndexMap<String, Value>>,
    /// Parts of the notices: exactly so many, in this order.
    pub notices: Option<Vec<String>>,
    /// What other flows are told: of each flow named exactly so many records, in order, each at least so.
    pub tells: IndexMap<String, Vec<Value>>,
    /// The time after which it comes again, or that it does not.
    pub again: Option<Option<Duration>>,
}

/// The state in which a record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are the states of records")]
pub enum TestState {
    Done,
    Parked,
    Skipped,
    InDoubt,
    Waiting,
}

/// A call that is made. What is given must be so; the rest is free.
#[derive(Debug, Clone)]
pub struct ExpectedCall {
    /// The path of the step in the mapping, such as `shipment` or `step5.label`.
    pub step: String,
    /// What the input has.
    pub input: Option<Value>,
    /// What the request has.
    pub request: Option<ExpectedRequest>,
    /// Where it is written.
    pub place: Place,
}

/// What a request has.
#[derive(Debug, Clone, Default)]
pub struct ExpectedRequest {
    /// The method.
    pub method: Option<http::Method>,
    /// The path behind the base URL, without a query.
    pub path: Option<String>,
    /// Query parameters.
    pub query: IndexMap<String, String>,
    /// Headers by name in small letters.
    pub headers: IndexMap<String, String>,
    /// What the body has.
    pub body: Option<Value>,
}
