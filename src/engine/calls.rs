//! A record's calls: what is known already, what is asked, and what a refusal means for the record.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::cache::Answer;
use super::outcome::{Call, Outcome, Refusal};
use super::run::{Ending, Flowing, Run};
use crate::base::{crash, json as canonical};
use crate::spec::model::{CallRefusal, Effect, OnRefusal, Operation, Retry, Step, StepKind};
use crate::store::{Document, Reason, StepResult, Write};

/// What a call step is about.
pub(super) struct CallStep<'a> {
    pub(super) step: &'a Step,
    pub(super) path: String,
    pub(super) role: &'a str,
    pub(super) operation: &'a Arc<Operation>,
    pub(super) input: Value,
    cache: Option<Duration>,
    on_refusal: CallRefusal,
    /// What the steps call a refusal that they go on after.
    refusal: Option<&'a str>,
}

impl<'a> CallStep<'a> {
    /// The call of a step with this input; `None` of a step that is none.
    pub(super) fn of(step: &'a Step, path: String, input: Value) -> Option<Self> {
        let StepKind::Call { role, operation, cache, on_refusal, refusal, .. } = &step.kind else {
            return None;
        };
        let (cache, on_refusal, refusal) = (*cache, *on_refusal, refusal.as_deref());
        Some(Self { step, path, role, operation, input, cache, on_refusal, refusal })
    }

    /// The call that undoes what `step` did at `path`.
    pub(super) fn undoing(
        step: &'a Step,
        path: String,
        role: &'a str,
        operation: &'a Arc<Operation>,
        input: Value,
    ) -> Self {
        let (cache, on_refusal, refusal) = (None, CallRefusal::Default, None);
        Self { step, path, role, operation, input, cache, on_refusal, refusal }
    }

    /// Where the refusal that the steps went on after is kept. No step has this path: a call has no steps inside it.
    pub(super) fn refusal_path(&self) -> String {
        format!("{}.refusal", self.path)
    }
}

impl Run<'_> {
    pub(super) async fn call(&mut self, call: CallStep<'_>) -> Flowing {
        if let Some(value) = self.known(&call.path) {
            self.name_result(call.step, &value);
            let refusal = self.known(&call.refusal_path());
            self.name_refusal(&call, &refusal.unwrap_or(Value::Null));
            return Ok(None);
        }
        if let Some(script) = &self.shared.script {
            script.begin(&call);
        }
        match &call.operation.effect {
            Effect::Create(create) => self.create(&call, create).await,
            Effect::Read | Effect::Idempotent => self.repeatable(&call).await,
        }
    }

    pub(super) fn known(&self, path: &str) -> Option<Value> {
        self.record.results.iter().find(|known| known.step == path).map(|known| known.value.clone())
    }

    /// A call that is safe to repeat.
    async fn repeatable(&mut self, call: &CallStep<'_>) -> Flowing {
        let connection = Arc::clone(self.flow.connection(call.role));
        let (shared, who) = (self.shared, &self.flow.name);
        let ask = connection.call_together(who, call.operation, &call.input, &shared.stop);
        let made = match call.cache {
            None => ask.await,
            Some(keep) => {
                let question = canonical::fingerprint(&json!([
                    connection.name,
                    connection.system.revision,
                    call.operation.name,
                    call.input,
                ]));
                match shared.cache.get(question, keep, &*shared.clock, ask).await {
                    Answer::Asked(made) => made,
                    Answer::Known(outcome) => {
                        let facts = json!({ "kept_answer": true });
                        Call { facts, ..Call::unsent(outcome) }
                    }
                }
            }
        };
        self.audit_call("call.answered", call, &made, made.exchange.clone());
        if matches!(call.operation.effect, Effect::Idempotent) {
            crash::point("idempotent.after_response");
        }
        let retry = connection.system.limits.retry.clone();
        match made.outcome {
            Outcome::Ok { result, documents } => {
                self.keep(documents);
                self.finished(call, result);
                Ok(None)
            }
            Outcome::Done => {
                self.finished(call, Value::Null);
                Ok(None)
            }
            outcome => {
                let ending = self.unsuccessful(call, outcome, &made.exchange, retry);
                if ending.is_some() && matches!(call.operation.effect, Effect::Idempotent) {
                    self.forget_what_was_read_for(call.step);
                }
                Ok(ending)
            }
        }
    }

    /// How a record ends whose call did not work, where nothing has to be found out; `None` when its steps go on.
    pub(super) fn unsuccessful(
        &mut self,
        call: &CallStep<'_>,
        outcome: Outcome,
        exchange: &Value,
        retry: Retry,
    ) -> Option<Ending> {
        let of_step = self.reason(call.step, &call.path, String::new());
        let detail = Some(exchange.clone()).filter(|detail| !detail.is_null());
        let reason = |refusal: Refusal| Reason {
            message: refusal.message,
            code: refusal.code,
            detail: detail.clone(),
            ..of_step.clone()
        };
        let said = |message: String| reason(Refusal { message, ..Refusal::default() });
        // A system that counts as down is no fault of the record, which loses no attempt by it.
        let down = self.flow.connection(call.role).down().map(|down| down.until);
        Some(match outcome {
            Outcome::Down(refusal) => Ending::Halt { until: refusal.until, reason: reason(refusal) },
            Outcome::Later(refusal) => match down {
                Some(until) => Ending::Halt { until: until.max(refusal.until), reason: reason(refusal) },
                None => Ending::Wait { until: refusal.until, reason: reason(refusal), retry: Some(retry) },
            },
            Outcome::Lost(message) => match down {
                Some(until) => Ending::Halt { until, reason: said(message) },
                None => Ending::Wait { until: None, reason: said(message), retry: Some(retry) },
            },
            Outcome::NotSent { reason: message, permanent: false } => {
                Ending::Halt { until: down.flatten(), reason: said(message) }
            }
            Outcome::Unauthorised(message) => Ending::Halt { until: None, reason: said(message) },
            Outcome::Rejected(refusal) | Outcome::Absent(refusal) => {
                return self.refused(call, reason(refusal));
            }
            Outcome::Unreadable(refusal) => Ending::Park(reason(refusal)),
            Outcome::NotSent { reason: message, .. } | Outcome::Unrenderable(message) => {
                Ending::Park(said(message))
            }
            Outcome::Ok { .. } | Outcome::Done => Ending::Done,
        })
    }

    /// What a definite refusal means: what the flow says, unless the step goes on after it.
    pub(super) fn refused(&mut self, call: &CallStep<'_>, reason: Reason) -> Option<Ending> {
        match (call.on_refusal, self.flow.flow.on_refusal) {
            (CallRefusal::GoOn, _) => {
                self.go_on_after(call, &reason);
                None
            }
            (CallRefusal::Default, OnRefusal::Park) => Some(Ending::Park(reason)),
            (CallRefusal::Default, OnRefusal::Skip) => Some(Ending::Skip(reason)),
        }
    }

    fn go_on_after(&mut self, call: &CallStep<'_>, reason: &Reason) {
        let refusal = json!({ "code": reason.code, "message": reason.message });
        self.finished(call, Value::Null);
        self.name_refusal(call, &refusal);
        self.record.results.push(StepResult { step: call.refusal_path(), value: refusal });
    }

    /// Notes the result of a call, so that it is not made again for this content.
    pub(super) fn finished(&mut self, call: &CallStep<'_>, result: Value) {
        self.name_result(call.step, &result);
        self.name_refusal(call, &Value::Null);
        self.record.results.push(StepResult { step: call.path.clone(), value: result });
        self.may_be_outdated(call);
        self.progress(call);
    }

    pub(super) fn keep(&mut self, documents: Vec<Document>) {
        let record = self.record.id.clone();
        self.writes.extend(
            documents.into_iter().map(|document| Write::Document { record: record.clone(), document }),
        );
    }

    fn name_result(&mut self, step: &Step, value: &Value) {
        if let Some(id) = &step.id {
            self.values.set(id, value);
        }
    }

    fn name_refusal(&mut self, call: &CallStep<'_>, refusal: &Value) {
        if let Some(name) = call.refusal {
            self.values.set(name, refusal);
        }
    }

    pub(super) fn audit_call(&mut self, event: &str, call: &CallStep<'_>, made: &Call, body: Value) {
        let mut facts = json!({
            "step": call.path,
            "operation": format!("{}.{}", call.role, call.operation.name),
            "place": call.step.place.to_string(),
            "outcome": made.outcome.word(),
        });
        if let (Some(facts), Some(more)) = (facts.as_object_mut(), made.facts.as_object()) {
            facts.extend(more.clone());
        }
        self.audit(event, facts, Some(body));
    }
}
