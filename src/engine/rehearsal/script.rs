//! What answers in the place of all systems, and what was asked of it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use indexmap::IndexMap;
use serde_json::Value;

use crate::engine::calls::CallStep;
use crate::engine::door::Came;
use crate::engine::outcome::{Outcome, Refusal};
use crate::engine::request::Prepared;
use crate::http::{Incoming, Outgoing};
use crate::spec::model::{Place, Replies, Reply};
use crate::transport::Parts;

/// Answers in the place of all systems.
#[derive(Debug)]
pub struct Script {
    replies: IndexMap<String, Replies>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many replies of each step were given.
    given: HashMap<String, usize>,
    calls: Vec<Made>,
    /// Calls that nothing is replied to.
    unanswered: Vec<Unanswered>,
}

/// A call that was made.
#[derive(Debug, Clone)]
pub(super) struct Made {
    /// The path of the step in the mapping, and the same with the indexes of its loops.
    pub(super) step: String,
    pub(super) actual: String,
    /// `role.operation`
    pub(super) operation: String,
    pub(super) input: Value,
    /// What was sent, where it came so far: as the steps made it, and as the transport wrote it.
    pub(super) request: Option<Parts>,
    pub(super) sent: Option<Outgoing>,
    pub(super) place: Place,
}

/// A call that nothing is replied to.
#[derive(Debug, Clone)]
pub(super) struct Unanswered {
    pub(super) call: Made,
    /// How many replies there were.
    pub(super) replies: usize,
}

impl Script {
    pub(super) fn new(replies: IndexMap<String, Replies>) -> Self {
        Self { replies, state: Mutex::default() }
    }

    /// A step is about to call.
    pub(in crate::engine) fn begin(&self, call: &CallStep<'_>) {
        self.state().calls.push(Made {
            step: call.step.path.clone(),
            actual: call.path.clone(),
            operation: format!("{}.{}", call.role, call.operation.name),
            input: call.input.clone(),
            request: None,
            sent: None,
            place: call.step.place.clone(),
        });
    }

    /// What is replied to the call that began last.
    ///
    /// # Errors
    /// What came of the call, where the reply says that rather than what was answered.
    pub(in crate::engine) fn answer(&self, prepared: &Prepared) -> Result<Came, Outcome> {
        let mut state = self.state();
        let Some(call) = state.calls.last_mut() else { return Err(unexpected("nothing was called")) };
        call.request = prepared.parts.as_deref().cloned();
        call.sent = Some(prepared.rendered.clone());
        let call = call.clone();
        let replies = self.replies.get(&call.actual).or_else(|| self.replies.get(&call.step));
        let given = state.given.entry(call.step.clone()).or_default();
        let next = replies.and_then(|replies| match replies.repeat {
            true => replies.replies.first(),
            false => replies.replies.get(*given),
        });
        *given += 1;
        if let Some(reply) = next {
            return reply_to(reply);
        }
        let sentence = format!("nothing is replied to the call of {}", call.actual);
        let replies = replies.map_or(0, |replies| replies.replies.len());
        state.unanswered.push(Unanswered { call, replies });
        Err(unexpected(&sentence))
    }

    /// The calls that were made, in order.
    pub(super) fn calls(&self) -> Vec<Made> {
        self.state().calls.clone()
    }

    /// The calls that nothing is replied to.
    pub(super) fn unanswered(&self) -> Vec<Unanswered> {
        self.state().unanswered.clone()
    }

    /// Steps with replies that nothing called for, and how many of them are left.
    pub(super) fn left_over(&self) -> Vec<(String, usize, Place)> {
        let state = self.state();
        let left = |step: &String, replies: &Replies| match (replies.repeat, state.given.get(step)) {
            (true, None) => 1,
            (true, Some(_)) => 0,
            (false, given) => replies.replies.len().saturating_sub(given.copied().unwrap_or(0)),
        };
        let all = self.replies.iter().map(|(step, all)| (step.clone(), left(step, all), all.place.clone()));
        all.filter(|(_, left, _)| *left > 0).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unexpected(message: &str) -> Outcome {
    Outcome::NotSent { reason: message.to_owned(), permanent: true }
}

fn reply_to(reply: &Reply) -> Result<Came, Outcome> {
    Err(match reply {
        Reply::Result(result) => Outcome::Ok { result: result.clone(), documents: Vec::new() },
        Reply::Refused { code, message } => {
            Outcome::Rejected(Refusal { message: message.clone(), code: code.clone(), until: None })
        }
        Reply::Absent => {
            Outcome::Absent(Refusal { message: "there is no such thing".to_owned(), ..Refusal::default() })
        }
        Reply::Lost => Outcome::Lost("the answer was lost".to_owned()),
        Reply::Answer { status, headers, body } => return answered(*status, headers, body),
    })
}

fn answered(status: u16, headers: &IndexMap<String, String>, body: &Value) -> Result<Came, Outcome> {
    let wrong = |what: &str| unexpected(&format!("the answer's {what} cannot be one"));
    let status = StatusCode::from_u16(status).map_err(|_| wrong("status"))?;
    let mut written = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("headers"))?;
        written.append(name, HeaderValue::from_str(value).map_err(|_| wrong("headers"))?);
    }
    let incoming = Incoming { status, headers: written, body: Bytes::new(), elapsed: Duration::ZERO };
    Ok(Came { incoming, body: Ok(body.clone()) })
}
