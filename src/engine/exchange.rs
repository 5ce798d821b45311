//! One request and its answer: sent within the limits, judged by the rules, told for the audit.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{self, Judged};
use super::connection::Connection;
use super::door::Came;
use super::outcome::{Call, Outcome, Refusal};
use super::request::Prepared;
use crate::base::clock;
use crate::expression::{Mismatch, Values, normalise};
use crate::http::client::Kind;
use crate::http::limit::Permit;
use crate::http::{Incoming, Sign};
use crate::spec::model::{AnswerClass, AnswerRule, Effect, Operation};
use crate::store::Document;

/// How a request is sent, and how its answer is taken.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    /// Rules that come before the system's own.
    pub(super) rules: &'a [AnswerRule],
    pub(super) kind: Kind,
    /// What an answer of 500 or above says of the system.
    pub(super) broken: Sign,
}

impl<'a> Terms<'a> {
    /// Those of an operation that is safe to repeat.
    pub(super) fn of(operation: &'a Operation) -> Self {
        Self { rules: &operation.answers, kind: Kind::Repeatable, broken: Sign::Down }
    }
}

/// An answer with what it means.
pub(super) struct Answered {
    pub(super) incoming: Incoming,
    /// `None` when it cannot be read.
    pub(super) body: Option<Value>,
    pub(super) judged: Judged,
}

impl Connection {
    /// Sends a request whose turn has come, and judges what is answered.
    ///
    /// # Errors
    /// The call as it ended, when no answer came or it cannot be understood.
    pub(super) async fn exchange(
        &self,
        prepared: &Prepared,
        terms: Terms<'_>,
        turn: Permit,
        timeout: Duration,
    ) -> Result<Answered, Call> {
        let sent = self.door.send(prepared, terms.kind, timeout, &*self.transport).await;
        drop(turn);
        let Came { incoming: answer, body } = match sent {
            Ok(came) => came,
            Err(outcome) => {
                self.note(match &outcome {
                    // A host that we may not reach, a certificate that nobody trusts: no pause makes that better.
                    Outcome::NotSent { permanent: true, .. } => Sign::Nothing,
                    Outcome::NotSent { .. } | Outcome::Lost(_) => Sign::Down,
                    _ => Sign::Up,
                });
                let refused = matches!(outcome, Outcome::Rejected(_) | Outcome::Absent(_));
                let exchange = Value::from_iter([("request", prepared.shown(&self.redactor))]);
                return Err(Call { refused, exchange, ..Call::unsent(outcome) });
            }
        };
        self.limiter.observe(answer.status, &answer.headers);
        self.note(match Sign::of_status(answer.status) {
            Sign::Down => terms.broken,
            sign => sign,
        });
        let seen = body.as_ref().unwrap_or(&Value::Null);
        let judged =
            answer::judge(&self.system, terms.rules, &self.values, answer.status, &answer.headers, seen);
        let judged = judged.map_err(|error| {
            let message = format!("the answer rules of {} do not fit this answer: {error}", self.system.name);
            Call::unsent(Outcome::Unreadable(Refusal { message, ..Refusal::default() }))
        })?;
        let (unreadable, body) = match body {
            Ok(body) => (None, Some(body)),
            Err(message) => (Some(message), None),
        };
        let answered = Answered { incoming: answer, body, judged };
        match unreadable {
            // A body that cannot be read is no excuse for an answer that says it failed; an "ok" needs its body.
            Some(message) if answered.judged.class == AnswerClass::Ok => {
                // It quotes what was answered.
                let message = self.redactor.text(&message);
                let outcome = Outcome::Unreadable(Refusal { message, ..Refusal::default() });
                Err(Call { outcome, ..self.tell(prepared, &answered) })
            }
            _ => Ok(answered),
        }
    }

    /// What an operation's answer comes to.
    pub(super) fn conclude(
        &self,
        operation: &Operation,
        input: &Value,
        prepared: &Prepared,
        answered: Answered,
    ) -> Call {
        let mut call = self.tell(prepared, &answered);
        let Answered { incoming, body, judged } = answered;
        if let Effect::Create(create) = &operation.effect {
            call.refused = create.refused.truth(&judged.values).unwrap_or(false);
            call.untouched = create.untouched.truth(&judged.values).unwrap_or(false);
        }
        call.outcome = match judged.class {
            AnswerClass::Ok => self.succeeded(operation, input, body.unwrap_or_default()),
            AnswerClass::Done => Outcome::Done,
            _ => self.failed(incoming.status, judged),
        };
        call
    }

    fn succeeded(&self, operation: &Operation, input: &Value, body: Value) -> Outcome {
        let read = || -> Result<Outcome, String> {
            let body = normalise(body, &operation.answer).map_err(|mismatches| unfit(&mismatches))?;
            let mut values = self.values.clone();
            values.set("input", input);
            values.set("answer", &body);
            read_result(operation, &values)
        };
        read().unwrap_or_else(|message| Outcome::Unreadable(Refusal { message, ..Refusal::default() }))
    }

    /// What an answer comes to that is not ok.
    pub(super) fn failed(&self, status: StatusCode, judged: Judged) -> Outcome {
        let said = judged.message.unwrap_or_else(|| {
            let reason = status.canonical_reason().unwrap_or("");
            let said = format!("{} answered {} {reason}", self.system.title, status.as_u16());
            said.trim_end().to_owned()
        });
        // What the answer itself says is for this call alone; others may go on.
        let told = judged.pause.map(|pause| clock::add(self.clock.now(), pause));
        let until = self.limiter.held_until().max(told);
        let refusal = Refusal { message: self.redactor.text(&said), code: judged.code, until };
        match judged.class {
            AnswerClass::Absent => Outcome::Absent(refusal),
            AnswerClass::Retry | AnswerClass::Locked => Outcome::Later(refusal),
            AnswerClass::Reauthenticate => Outcome::Unauthorised(format!(
                "{} does not accept our credentials: {}",
                self.system.title, refusal.message
            )),
            AnswerClass::Ok | AnswerClass::Done | AnswerClass::Reject => Outcome::Rejected(refusal),
        }
    }

    /// What there is to tell about an answer.
    pub(super) fn tell(&self, prepared: &Prepared, answered: &Answered) -> Call {
        let Answered { incoming, body, .. } = answered;
        let body = match body {
            Some(body) => self.redactor.json(body),
            None => Value::from(self.redactor.text(&String::from_utf8_lossy(&incoming.body))),
        };
        let answer = Value::from_iter([
            ("status", Value::from(incoming.status.as_u16())),
            ("headers", self.redactor.headers_json(&incoming.headers)),
            ("body", body),
        ]);
        let exchange = Value::from_iter([("request", prepared.shown(&self.redactor)), ("answer", answer)]);
        Call { facts: self.facts(prepared, answered), exchange, ..Call::unsent(Outcome::Done) }
    }

    /// Small facts about an answer.
    pub(super) fn facts(&self, prepared: &Prepared, answered: &Answered) -> Value {
        let Answered { incoming, judged, .. } = answered;
        json!({
            "connection": self.name,
            "request_id": prepared.request_id,
            "method": prepared.outgoing.method.as_str(),
            "path": prepared.outgoing.url.path(),
            "status": incoming.status.as_u16(),
            "class": format!("{:?}", judged.class).to_lowercase(),
            "code": judged.code,
            "milliseconds": u64::try_from(incoming.elapsed.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// An operation's result and documents, over `values` that hold what they see.
pub(super) fn read_result(operation: &Operation, values: &Values) -> Result<Outcome, String> {
    let result = operation.result.evaluate(values).map_err(|error| error.to_string())?;
    let documents = match &operation.documents {
        Some(tree) => documents(&tree.evaluate(values).map_err(|error| error.to_string())?)?,
        None => Vec::new(),
    };
    Ok(Outcome::Ok { result, documents })
}

/// Says in what an answer does not have the declared shape.
pub(super) fn unfit(mismatches: &[Mismatch]) -> String {
    let places: Vec<String> = mismatches.iter().take(5).map(ToString::to_string).collect();
    format!("the answer does not have the declared shape: {}", places.join("; "))
}

fn documents(value: &Value) -> Result<Vec<Document>, String> {
    use base64::Engine as _;
    let text =
        |item: &Value, field: &str| item.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut kept = Vec::new();
    for item in value.as_array().into_iter().flatten() {
        // An answer without the bytes (a label that is sent by post, say) is not a failure of the call.
        let encoded: String = text(item, "base64").split_whitespace().collect();
        if encoded.is_empty() {
            continue;
        }
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(&encoded)
            .map_err(|error| format!("the document {} is not base64: {error}", text(item, "name")))?;
        let size = bytes.len() as u64;
        kept.push(Document { kind: text(item, "kind"), name: text(item, "name"), bytes, size });
    }
    Ok(kept)
}
