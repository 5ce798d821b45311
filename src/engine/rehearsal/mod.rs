//! Runs the tests of a mapping: a record, what the systems reply, and what is to come of it.
//!
//! It is the engine itself that runs: the record goes through the stream's type, `select` and `key`, its steps run as they
//! would, replies go through answer rules, types and results. Only the way out is a [`script::Script`], the store is in
//! memory, and no time passes.

mod compare;
mod differ;
pub(super) mod script;
mod stage;

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use self::script::Made;
use self::stage::Played;
use crate::http::Outgoing;
use crate::spec::model::{Mapping, MappingTest};

/// What came of one test.
#[derive(Debug, Clone, Serialize)]
pub struct Rehearsed {
    /// The mapping's name.
    pub mapping: String,
    /// What the test shows.
    pub test: String,
    /// `file:line:column` of the test.
    pub place: String,
    /// What is not as expected; nothing when the test passes.
    pub differences: Vec<Difference>,
    /// The calls that were made, in order.
    #[serde(skip)]
    pub calls: Vec<RehearsedCall>,
}

/// A call that a test made.
#[derive(Debug, Clone)]
pub struct RehearsedCall {
    /// The system's name.
    pub system: String,
    /// The operation's name.
    pub operation: String,
    /// What was sent, without the proof of identity; `None` where it did not come so far.
    pub request: Option<Outgoing>,
}

/// Something that is not as a test expects.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// One sentence.
    pub what: String,
    /// The path of the step that it is about, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// `file:line:column` of what was expected, or of the step that did otherwise.
    pub place: String,
    /// What was expected, where that is a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Value>,
    /// What came instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Value>,
}

/// Runs all tests of a mapping, in order.
pub async fn rehearse(mapping: &Arc<Mapping>) -> Vec<Rehearsed> {
    let mut all = Vec::new();
    for test in &mapping.tests {
        let played = stage::play(mapping, test).await;
        let calls = played.as_ref().map(|played| calls(mapping, played)).unwrap_or_default();
        all.push(Rehearsed {
            mapping: mapping.name.clone(),
            test: test.name.clone(),
            place: test.place.to_string(),
            differences: differences(test, played),
            calls,
        });
    }
    all
}

fn differences(test: &MappingTest, played: Result<Played, String>) -> Vec<Difference> {
    match played {
        Ok(played) => compare::compare(test, &played),
        Err(message) => vec![Difference {
            what: format!("It cannot be run: {message}"),
            step: None,
            place: test.place.to_string(),
            expected: None,
            found: None,
        }],
    }
}

fn calls(mapping: &Mapping, played: &Played) -> Vec<RehearsedCall> {
    let call = |made: &Made| {
        let (role, operation) = made.operation.split_once('.')?;
        let system = mapping.systems.get(role)?.name.clone();
        Some(RehearsedCall { system, operation: operation.to_owned(), request: made.sent.clone() })
    };
    played.calls.iter().filter_map(call).collect()
}
