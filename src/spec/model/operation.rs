//! What can be asked of a system, and what is sent.

use std::sync::Arc;
use std::time::Duration;

use super::{AnswerRule, Place};
use crate::expression::{Selector, Template, Type, ValueTemplate};

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
    /// What is sent; sees `settings`, `request_id`, `secret` where an auth kind has placeholders, and `input`, or
    /// `inputs` with a `batch`.
    pub request: Request,
    /// Rules that come before the system's own.
    pub answers: Vec<AnswerRule>,
    /// The body of an ok answer is made to fit this.
    pub answer: Type,
    /// Field by field; sees `settings`, `input`, `answer`, and `item` with a `batch`. The type is
    /// `result.result_type()`.
    pub result: ValueTemplate,
    /// Yields a list of `{ kind, name, base64 }`; sees the same as `result`.
    pub documents: Option<ValueTemplate>,
    /// How many inputs are sent in one call; never for a create.
    pub batch: Option<Batch>,
    /// Where it is written.
    pub place: Place,
}

/// Many inputs, of many records, in one call, each with an outcome of its own.
#[derive(Debug)]
pub struct Batch {
    /// The most inputs in one call.
    pub most: u32,
    /// How long the first input waits for company.
    pub wait: Duration,
    /// Picks the items from the answer.
    pub items: Selector,
    /// An item belongs to the input for which both yield the same: the first sees `settings` and `input`, the second
    /// `settings` and `item`. By position without it.
    pub match_: Option<(Template, Template)>,
    /// What an item means, first match decides; they see `settings` and `item`. One that none matches is ok.
    pub answers: Vec<AnswerRule>,
    /// Yields why an item is not ok; sees `settings` and `item`.
    pub message: Option<Template>,
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
    /// The body.
    pub body: Option<RequestBody>,
}

/// What a request carries.
#[derive(Debug)]
pub enum RequestBody {
    /// A value tree, sent as JSON.
    Json(ValueTemplate),
    /// A value tree, sent as XML.
    Xml(ValueTemplate),
    /// A GraphQL document with its variables.
    Graphql {
        /// The document.
        query: String,
        /// An object.
        variables: Option<ValueTemplate>,
        /// Which of the document's operations is meant.
        operation_name: Option<String>,
    },
}

impl RequestBody {
    /// The key under which it is written.
    pub fn form(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::Xml(_) => "xml",
            Self::Graphql { .. } => "graphql",
        }
    }
}
