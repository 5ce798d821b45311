//! Runs one record through the steps of its flow, from wherever it stands.
//!
//! Results of calls are kept with the record, so that a run that was interrupted goes on with what it knew: a check
//! that let an order pass does not judge it anew after its shipment was booked.

use std::pin::Pin;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::connection::{Call, Outcome, Refusal};
use super::flow::FlowRuntime;
use super::ingest;
use super::shared::Shared;
use super::transition::{self, Illegal};
use crate::base::{clock, crash, random};
use crate::expression::{EvaluationError, Template, Values};
use crate::http::backoff;
use crate::spec::model::{
    Effect, OnRefusal, Operation, Otherwise, OtherwiseAction, Retry, Source, Step, StepKind,
};
use crate::store::{
    AuditDraft, Batch, Document, EffectState, Reason, Record, RecordState, StepResult, StoreError, Write,
};

/// Why the engine itself cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine tried a move that does not exist: a bug.
    #[error(transparent)]
    Bug(#[from] Illegal),
}

/// How a run ended for its record.
#[derive(Debug)]
pub enum Ending {
    /// All steps are done.
    Done,
    /// Not for this flow after all.
    Skip(Reason),
    /// A person decides.
    Park(Reason),
    /// Tried again.
    Wait {
        /// Not before this, where that is known.
        until: Option<Timestamp>,
        /// Why.
        reason: Reason,
        /// How failed attempts are counted; `None` for a wait that is no failure.
        retry: Option<Retry>,
    },
    /// An effect's outcome cannot be found out.
    InDoubt(Reason),
    /// The other system cannot be used at all: the flow pauses, and the record waits without losing an attempt.
    Halt {
        /// Not before this, where that is known.
        until: Option<Timestamp>,
        /// Why.
        reason: Reason,
    },
}

/// Goes on with the next step, or ends.
pub(super) type Flowing = Result<Option<Ending>, Stop>;

/// One record on its way through the steps.
pub(super) struct Run<'a> {
    pub(super) shared: &'a Shared,
    pub(super) flow: &'a FlowRuntime,
    pub(super) record: Record,
    pub(super) values: Values,
    /// What is written with the next commit.
    pub(super) writes: Vec<Write>,
}

/// What a call step is about.
pub(super) struct CallStep<'a> {
    pub(super) step: &'a Step,
    pub(super) path: String,
    pub(super) role: &'a str,
    pub(super) operation: &'a Operation,
    pub(super) input: Value,
}

impl<'a> Run<'a> {
    /// Runs `record`, whose lock the caller holds, and commits how it ended.
    ///
    /// # Errors
    /// When the store fails; then nothing more may be sent.
    pub(super) async fn run(
        shared: &'a Shared,
        flow: &'a FlowRuntime,
        record: Record,
    ) -> Result<Ended, Stop> {
        let mut run = Self { shared, flow, record, values: flow.values.clone(), writes: Vec::new() };
        run.values.set(&flow.flow.record, &run.record.source);
        run.values.set("key", &Value::from(run.record.id.key()));
        run.values.set("idempotency_key", &Value::from(run.record.idempotency_key.as_str()));
        let ending = match run.steps(&flow.flow.steps, "", "").await? {
            Some(ending) => ending,
            None => Ending::Done,
        };
        run.finish(ending).await
    }

    /// Runs steps in order. `written` and `actual` are the enclosing loop's path as written and with its index.
    fn steps<'r>(
        &'r mut self,
        steps: &'r [Step],
        written: &'r str,
        actual: &'r str,
    ) -> Pin<Box<dyn Future<Output = Flowing> + Send + 'r>> {
        Box::pin(async move {
            for step in steps {
                if self.shared.stop.is_cancelled() {
                    let reason = self.reason(step, &step.path, "the engine was stopped".to_owned());
                    return Ok(Some(Ending::Wait { until: None, reason, retry: None }));
                }
                let local = step.path.strip_prefix(written).unwrap_or(&step.path);
                let path = format!("{actual}{local}");
                if let Some(ending) = self.step(step, path).await? {
                    return Ok(Some(ending));
                }
            }
            Ok(None)
        })
    }

    async fn step(&mut self, step: &Step, path: String) -> Flowing {
        if let Some(when) = &step.when {
            match when.truth(&self.values) {
                Ok(true) => {}
                Ok(false) => {
                    if let Some(id) = &step.id {
                        self.values.set(id, &Value::Null);
                    }
                    return Ok(None);
                }
                Err(error) => return Ok(Some(self.unevaluable(step, &path, &error))),
            }
        }
        match &step.kind {
            StepKind::Call { role, operation, with, .. } => match with.evaluate(&self.values) {
                Ok(input) => self.call(CallStep { step, path, role, operation, input }).await,
                Err(error) => Ok(Some(self.unevaluable(step, &path, &error))),
            },
            StepKind::Check { condition, otherwise } => Ok(self.check(step, &path, condition, otherwise)),
            StepKind::Set(values) => {
                for (name, tree) in values {
                    match tree.evaluate(&self.values) {
                        Ok(value) => self.values.set(name, &value),
                        Err(error) => return Ok(Some(self.unevaluable(step, &path, &error))),
                    }
                }
                Ok(None)
            }
            StepKind::Link(links) => Ok(self.link(step, &path, links)),
            StepKind::Put(_) => {
                let reason = self.reason(step, &path, "`put` cannot be run yet".to_owned());
                Ok(Some(Ending::Park(reason)))
            }
            StepKind::ForEach { list, name, steps, .. } => {
                self.for_each(step, &path, list, name, steps).await
            }
        }
    }

    async fn for_each(
        &mut self,
        step: &Step,
        path: &str,
        list: &Template,
        name: &str,
        steps: &[Step],
    ) -> Flowing {
        let items = match list.evaluate(&self.values) {
            Ok(Value::Array(items)) => items,
            Ok(Value::Null) => Vec::new(),
            Ok(single) => vec![single],
            Err(error) => return Ok(Some(self.unevaluable(step, path, &error))),
        };
        let written = format!("{}.", step.path);
        for (index, item) in items.iter().enumerate() {
            self.values.set(name, item);
            let actual = format!("{path}[{index}].");
            if let Some(ending) = self.steps(steps, &written, &actual).await? {
                return Ok(Some(ending));
            }
        }
        self.values.remove(name);
        Ok(None)
    }

    fn check(
        &mut self,
        step: &Step,
        path: &str,
        condition: &Template,
        otherwise: &Otherwise,
    ) -> Option<Ending> {
        match condition.truth(&self.values) {
            Ok(true) => return None,
            Ok(false) => {}
            Err(error) => return Some(self.unevaluable(step, path, &error)),
        }
        let message = otherwise.message.text(&self.values).unwrap_or_else(|error| error.to_string());
        let detail = otherwise
            .show
            .as_ref()
            .map(|show| show.evaluate(&self.values).unwrap_or_else(|error| Value::from(error.to_string())));
        let reason = Reason { detail, ..self.reason(step, path, message) };
        Some(match otherwise.action {
            OtherwiseAction::Park => Ending::Park(reason),
            OtherwiseAction::Skip | OtherwiseAction::Report => Ending::Skip(reason),
        })
    }

    fn link(&mut self, step: &Step, path: &str, links: &[(String, Template)]) -> Option<Ending> {
        for (kind, template) in links {
            match template.evaluate(&self.values) {
                Ok(Value::Null) => {}
                Ok(value) => {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let record = self.record.id.clone();
                    self.writes.push(Write::Link { kind: kind.clone(), value, record });
                }
                Err(error) => return Some(self.unevaluable(step, path, &error)),
            }
        }
        None
    }

    async fn call(&mut self, call: CallStep<'_>) -> Flowing {
        if let Some(known) = self.record.results.iter().find(|known| known.step == call.path) {
            let value = known.value.clone();
            self.name_result(call.step, &value);
            return Ok(None);
        }
        match &call.operation.effect {
            Effect::Create(create) => self.create(&call, create).await,
            Effect::Read | Effect::Idempotent => self.repeatable(&call).await,
        }
    }

    /// A call that is safe to repeat.
    async fn repeatable(&mut self, call: &CallStep<'_>) -> Flowing {
        let connection = self.flow.connection(call.role);
        let made = connection.call(call.operation, &call.input).await;
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
            outcome => Ok(Some(self.unsuccessful(call, outcome, &made.exchange, retry))),
        }
    }

    /// How a record ends whose call did not work, where nothing has to be found out.
    pub(super) fn unsuccessful(
        &self,
        call: &CallStep<'_>,
        outcome: Outcome,
        exchange: &Value,
        retry: Retry,
    ) -> Ending {
        let reason = |refusal: Refusal| Reason {
            code: refusal.code,
            detail: Some(exchange.clone()).filter(|detail| !detail.is_null()),
            ..self.reason(call.step, &call.path, refusal.message)
        };
        let said = |message: String| reason(Refusal { message, ..Refusal::default() });
        match outcome {
            Outcome::Later(refusal) => {
                Ending::Wait { until: refusal.until, reason: reason(refusal), retry: Some(retry) }
            }
            Outcome::Lost(message) => Ending::Wait { until: None, reason: said(message), retry: Some(retry) },
            Outcome::NotSent { reason: message, permanent: false } => {
                Ending::Halt { until: None, reason: said(message) }
            }
            Outcome::Unauthorised(message) => Ending::Halt { until: None, reason: said(message) },
            Outcome::Rejected(refusal) | Outcome::Absent(refusal) => self.refused(reason(refusal)),
            Outcome::Unreadable(refusal) => Ending::Park(reason(refusal)),
            Outcome::NotSent { reason: message, .. } | Outcome::Unrenderable(message) => {
                Ending::Park(said(message))
            }
            Outcome::Ok { .. } | Outcome::Done => Ending::Done,
        }
    }

    pub(super) fn refused(&self, reason: Reason) -> Ending {
        match self.flow.flow.on_refusal {
            OnRefusal::Park => Ending::Park(reason),
            OnRefusal::Skip => Ending::Skip(reason),
        }
    }

    /// Notes the result of a call, so that it is not made again for this content.
    pub(super) fn finished(&mut self, call: &CallStep<'_>, result: Value) {
        self.name_result(call.step, &result);
        self.record.results.push(StepResult { step: call.path.clone(), value: result });
        self.record.attempts = 0;
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

    pub(super) fn reason(&self, step: &Step, path: &str, message: String) -> Reason {
        Reason {
            message,
            code: None,
            step: Some(path.to_owned()),
            place: Some(step.place.to_string()),
            detail: None,
        }
    }

    fn unevaluable(&self, step: &Step, path: &str, error: &EvaluationError) -> Ending {
        Ending::Park(self.reason(step, path, format!("the mapping does not fit this record: {error}")))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    pub(super) fn audit(&mut self, event: &str, facts: Value, body: Option<Value>) {
        let draft = AuditDraft {
            at: self.now(),
            actor: "engine".to_owned(),
            record: Some(self.record.id.clone()),
            event: event.to_owned(),
            facts,
            body: body.filter(|body| !body.is_null()),
        };
        self.writes.push(Write::Audit(draft));
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

    /// Commits the record as it is now with everything that was noted.
    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        let expected = self.record.version;
        let mut writes = std::mem::take(&mut self.writes);
        writes.push(Write::Record { record: Box::new(self.record.clone()), expected });
        self.shared.store.commit(Batch { writes }).await?;
        self.record.version = expected + 1;
        Ok(())
    }

    async fn finish(mut self, ending: Ending) -> Result<Ended, Stop> {
        let now = self.now();
        let halted = match &ending {
            Ending::Halt { reason, until } => Some((reason.message.clone(), *until)),
            _ => None,
        };
        let (state, reason, due) = self.destination(ending, now);
        transition::record(&mut self.record, state, reason, now)?;
        self.record.due = due.unwrap_or(now);
        let facts = json!({
            "reason": self.record.reason.as_ref().map(|reason| &reason.message),
            "code": self.record.reason.as_ref().and_then(|reason| reason.code.as_ref()),
            "step": self.record.reason.as_ref().and_then(|reason| reason.step.as_ref()),
            "place": self.record.reason.as_ref().and_then(|reason| reason.place.as_ref()),
            "revision": self.record.revision,
            "due": due.map(|due| due.to_string()),
        });
        self.audit(event_of(state), facts, None);
        self.apply_pending(now)?;
        crash::point("record.before_done_commit");
        self.commit().await?;
        crash::point("record.after_done_commit");
        Ok(Ended { state: self.record.state, halted })
    }

    fn apply_pending(&mut self, now: Timestamp) -> Result<(), Stop> {
        if self.record.pending.is_none() {
            return Ok(());
        }
        let made = made(self.shared, &self.record)?;
        let after_done = self.flow.flow.on_change.after_done;
        let volatile = match &self.flow.flow.source {
            Source::Poll { stream, .. } => stream.volatile.as_slice(),
            Source::Schedule { .. } => &[],
        };
        if let Some(event) = ingest::apply_pending(&mut self.record, made, after_done, volatile, now)? {
            self.audit(event, json!({ "revision": self.record.revision }), None);
        }
        Ok(())
    }

    /// The state, reason and due time that an ending leads to.
    fn destination(
        &mut self,
        ending: Ending,
        now: Timestamp,
    ) -> (RecordState, Option<Reason>, Option<Timestamp>) {
        match ending {
            Ending::Done => (RecordState::Done, None, None),
            Ending::Skip(reason) => (RecordState::Skipped, Some(reason), None),
            Ending::Park(reason) => (RecordState::Parked, Some(reason), None),
            Ending::InDoubt(reason) => (RecordState::InDoubt, Some(reason), None),
            Ending::Halt { until, reason } => {
                let due = until.unwrap_or_else(|| clock::add(now, self.flow.pause()));
                (RecordState::Waiting, Some(reason), Some(due))
            }
            Ending::Wait { until, reason, retry: None } => {
                (RecordState::Waiting, Some(reason), Some(until.unwrap_or(now)))
            }
            Ending::Wait { until, mut reason, retry: Some(retry) } => {
                self.record.attempts += 1;
                if self.record.attempts >= retry.attempts {
                    reason.message =
                        format!("gave up after {} attempts: {}", self.record.attempts, reason.message);
                    return (RecordState::Parked, Some(reason), None);
                }
                let wait = backoff::delay(self.record.attempts, retry.first, retry.max, random::unit());
                let due = until.map_or(clock::add(now, wait), |until| until.max(clock::add(now, wait)));
                (RecordState::Waiting, Some(reason), Some(due))
            }
        }
    }
}

/// How a run left its record.
#[derive(Debug)]
pub struct Ended {
    /// The record's state.
    pub state: RecordState,
    /// Why the flow must pause, and until when, where that is known.
    pub halted: Option<(String, Option<Timestamp>)>,
}

/// Parks a record whose mapping, as it was when it began, is nowhere to be found.
pub(super) async fn park_without_mapping(shared: &Shared, mut record: Record) -> Result<Ended, Stop> {
    let now = shared.clock.now();
    let reason = Reason {
        message: "the mapping that it began with cannot be loaded any more; replay it to use the mapping as it is now"
            .to_owned(),
        code: None,
        step: None,
        place: None,
        detail: None,
    };
    transition::record(&mut record, RecordState::Parked, Some(reason), now)?;
    let expected = record.version;
    let writes = vec![
        Write::Audit(AuditDraft {
            at: now,
            actor: "engine".to_owned(),
            record: Some(record.id.clone()),
            event: "record.parked".to_owned(),
            facts: json!({ "mapping_revision": record.mapping_revision }),
            body: None,
        }),
        Write::Record { record: Box::new(record), expected },
    ];
    shared.store.commit(Batch { writes }).await?;
    Ok(Ended { state: RecordState::Parked, halted: None })
}

/// Whether an effect for the record took place, is on its way or is in doubt.
pub(super) fn made(shared: &Shared, record: &Record) -> Result<bool, StoreError> {
    let effects = shared.store.effects_of(&record.id)?;
    Ok(effects.iter().any(|effect| {
        matches!(
            effect.state,
            EffectState::Sending | EffectState::Confirmed | EffectState::Unknown | EffectState::InDoubt
        )
    }))
}

fn event_of(state: RecordState) -> &'static str {
    match state {
        RecordState::Received => "record.received",
        RecordState::Running => "record.running",
        RecordState::Waiting => "record.waiting",
        RecordState::Done => "record.done",
        RecordState::Skipped => "record.skipped",
        RecordState::Parked => "record.parked",
        RecordState::InDoubt => "record.in_doubt",
        RecordState::Discarded => "record.discarded",
    }
}
