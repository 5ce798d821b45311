//! Undoes what took place because a person said so: `order` writes it down, and the record's next run sends it.
//!
//! The protocol: an effect is durable as `undoing` before anything is sent, and stays so until the other side has said what
//! came of it; the operation that undoes it is safe to repeat, so a lost answer is asked for again. A refusal proves that it
//! still stands only when no earlier attempt may have had an effect. What was undone is never undone again, and is sent
//! anew only when a person says so.

mod order;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::calls::CallStep;
use super::command::Truth;
use super::connection::Connection;
use super::finish::Ended;
use super::flow::FlowRuntime;
use super::operate::call_at;
use super::outcome::{Call, Outcome};
use super::run::{Ending, Flowing, Run, Stop};
use super::shared::Shared;
use super::transition::{self, Proof};
use crate::base::crash;
use crate::expression::EvaluationError;
use crate::spec::model::{CreateEffect, OperationCall};
use crate::store::{EffectEntry, EffectState, Reason, Record, RecordState, Undo};

impl<'a> Run<'a> {
    /// Goes on with what is to be undone of `record`, the latest first, and discards the record once all of it is.
    ///
    /// # Errors
    /// When the store fails; then nothing more may be sent.
    pub(super) async fn undo(
        shared: &'a Shared,
        flow: &'a FlowRuntime,
        record: Record,
        effects: Vec<EffectEntry>,
    ) -> Result<Ended, Stop> {
        let mut run = Self::begin(shared, flow, record);
        let open = effects.iter().rev().filter(|effect| effect.state == EffectState::Undoing);
        for effect in open {
            if let Some(ending) = run.undo_one(effect.clone()).await? {
                return run.finish(ending).await;
            }
        }
        let reason = Reason::new(all_undone(&effects));
        run.record.results.clear();
        // One commit with what came of the last: between the two, nothing would say that the record is to be discarded.
        let ended = run.finish(Ending::Discard(reason)).await?;
        crash::point("undo.after_outcome_commit");
        Ok(ended)
    }

    async fn undo_one(&mut self, mut effect: EffectEntry) -> Flowing {
        let flow = self.flow;
        let Some((undo, step, role, operation)) = effect.undos.last().and_then(|undo| {
            let (step, role, _) = call_at(&flow.flow.steps, &effect.operation)?;
            let (_, name) = undo.operation.split_once('.')?;
            Some((undo, step, role, flow.connection(role).system.operations.get(name)?))
        }) else {
            let message = format!("what undoes {} is not part of its system any more", effect.operation);
            return Ok(Some(Ending::Park(Reason::new(message))));
        };
        let call = CallStep::undoing(step, effect.step.clone(), role, operation, undo.input.clone());
        if self.shared.stop.is_cancelled() {
            let reason = self.reason(step, &call.path, "the engine was stopped".to_owned());
            return Ok(Some(Ending::Wait { until: None, reason, retry: None }));
        }
        let connection = flow.connection(role);
        if let Some(until) = connection.held_until() {
            let message = format!("{} asked for a pause", connection.system.title);
            let reason = self.reason(step, &call.path, message);
            return Ok(Some(Ending::Wait { until: Some(until), reason, retry: None }));
        }
        self.write_down(&call, &mut effect).await?;
        let made = connection.call_together(&flow.name, operation, &call.input, &self.shared.stop).await;
        crash::point("undo.after_response");
        self.audit_call("effect.undo_answered", &call, &made, made.exchange.clone());
        match &made.outcome {
            Outcome::Ok { .. } | Outcome::Done => self.undone(&call, effect, &made),
            _ => self.not_undone(&call, effect, made),
        }
    }

    /// That it is sent once more is durable before the first byte leaves: what a refusal proves depends on it.
    async fn write_down(&mut self, call: &CallStep<'_>, effect: &mut EffectEntry) -> Result<(), Stop> {
        let note = self.evidence(effect, "its undo is sent", None);
        transition::effect(effect, EffectState::Undoing, note, Proof::None)?;
        if let Some(undo) = effect.undos.last_mut() {
            undo.attempts += 1;
        }
        let facts = json!({
            "effect": effect.id,
            "step": call.path,
            "operation": effect.undos.last().map(|undo| &undo.operation),
            "attempt": effect.undos.last().map(|undo| undo.attempts),
        });
        self.audit("effect.undoing", facts, Some(json!({ "input": call.input })));
        self.put(effect);
        crash::point("undo.before_sending_commit");
        self.commit().await?;
        crash::point("undo.after_sending_commit");
        Ok(())
    }

    /// What came of it is committed with what comes next: the undo that follows, or the end of the record.
    fn undone(&mut self, call: &CallStep<'_>, mut effect: EffectEntry, made: &Call) -> Flowing {
        let (now, operation) = (self.now(), format!("{}.{}", call.role, call.operation.name));
        let detail = match &made.outcome {
            Outcome::Ok { result, .. } => result,
            _ => &Value::Null,
        };
        let note = self.evidence(&effect, &format!("undone by {operation}"), Some(detail));
        transition::effect(&mut effect, EffectState::Undone, note, Proof::Answer)?;
        if let Some(undo) = effect.undos.last_mut() {
            undo.done = Some(now);
        }
        self.audit(
            "effect.undone",
            json!({ "effect": effect.id, "step": call.path, "operation": operation }),
            None,
        );
        // A run that goes on must not take it for done.
        let of_call = [call.path.clone(), call.refusal_path()];
        self.record.results.retain(|known| !of_call.contains(&known.step));
        self.record.attempts = 0;
        self.put(&mut effect);
        crash::point("undo.before_outcome_commit");
        Ok(None)
    }

    /// What anything but a success means: it is tried again, it still stands, or a person must look.
    fn not_undone(&mut self, call: &CallStep<'_>, mut effect: EffectEntry, made: Call) -> Flowing {
        let retry = self.flow.connection(call.role).system.limits.retry.clone();
        let attempts = effect.undos.last().map_or(0, |undo| undo.attempts);
        let unsent = matches!(
            made.outcome,
            Outcome::NotSent { .. } | Outcome::Down(_) | Outcome::Unauthorised(_) | Outcome::Unrenderable(_)
        );
        let hopeless = matches!(
            made.outcome,
            Outcome::Rejected(_)
                | Outcome::Absent(_)
                | Outcome::Unrenderable(_)
                | Outcome::NotSent { permanent: true, .. }
        );
        let cause = made.outcome.cause();
        if hopeless && attempts <= 1 {
            return self.still_stands(call, effect, &made);
        }
        if unsent && let Some(undo) = effect.undos.last_mut() {
            undo.attempts -= 1;
        }
        let note = self.evidence(&effect, &format!("its undo: {cause}"), Some(&made.exchange));
        transition::effect(&mut effect, EffectState::Undoing, note, Proof::None)?;
        self.put(&mut effect);
        if hopeless {
            let message = format!("its undo was refused: {cause}");
            let reason = self.answered(call, &made, unclear(&effect, &message));
            return Ok(Some(Ending::Park(reason)));
        }
        let ending = self.unsuccessful(call, made.outcome, &made.exchange, retry);
        Ok(ending.map(|ending| match ending {
            Ending::Park(reason) => {
                let message = unclear(&effect, &format!("its undo came to no end: {}", reason.message));
                Ending::Park(Reason { message, ..reason })
            }
            Ending::Wait { until, reason, retry } => {
                Ending::Wait { until, reason: of_undo(&effect, reason), retry }
            }
            Ending::Halt { until, reason } => Ending::Halt { until, reason: of_undo(&effect, reason) },
            other => other,
        }))
    }

    /// A definite refusal of the only attempt that was made.
    fn still_stands(&mut self, call: &CallStep<'_>, mut effect: EffectEntry, made: &Call) -> Flowing {
        let cause = made.outcome.cause();
        let note = self.evidence(&effect, &format!("its undo was refused: {cause}"), Some(&made.exchange));
        transition::effect(&mut effect, EffectState::Confirmed, note, Proof::Answer)?;
        effect.undos.pop();
        self.audit("effect.undo_refused", json!({ "effect": effect.id, "step": call.path }), None);
        self.put(&mut effect);
        let rest = self.shared.store.effects_of(&self.record.id)?;
        let rest = rest.iter().any(|other| other.id != effect.id && other.state == EffectState::Undoing);
        let next = if rest {
            ". What else is to be undone goes on with `ml-connector resume`; `ml-connector undo` tries this one again, too"
        } else {
            " and then `ml-connector discard` the record; or `ml-connector resume` it to leave all as it is"
        };
        let title = &self.flow.connection(call.role).system.title;
        let message = format!(
            "{} was not undone, and still stands: {cause}. See to it at {title}{next}",
            effect.operation
        );
        Ok(Some(Ending::Park(self.answered(call, made, message))))
    }

    /// A reason with the whole answer.
    fn answered(&self, call: &CallStep<'_>, made: &Call, message: String) -> Reason {
        let code = match &made.outcome {
            Outcome::Rejected(refusal) | Outcome::Absent(refusal) => refusal.code.clone(),
            _ => None,
        };
        let detail = Some(made.exchange.clone()).filter(|detail| !detail.is_null());
        Reason { code, detail, ..self.reason(call.step, &call.path, message) }
    }
}

/// The input of the operation that undoes what has this result.
///
/// # Errors
/// When the mapping's expression does not fit the result.
fn input(
    connection: &Connection,
    undo: &OperationCall,
    effect: &EffectEntry,
    result: &Value,
) -> Result<Value, EvaluationError> {
    let mut values = connection.values.clone();
    values.set("input", &effect.input);
    values.set("result", result);
    undo.with.evaluate(&values)
}

/// Whether what a look-up found was undone before: undoing it is the same call.
pub(super) fn is_undone(
    connection: &Connection,
    create: &CreateEffect,
    effect: &EffectEntry,
    found: &Value,
) -> bool {
    let done = effect.undos.iter().filter(|undo| undo.done.is_some());
    let Some(undo) = &create.compensate else { return false };
    let Ok(input) = input(connection, undo, effect, found) else { return false };
    done.map(|undo| &undo.input).any(|undone| *undone == input)
}

/// The effect that a person can tell the truth about. One that was undone can only be sent anew.
pub(super) fn doubtful(effects: &[EffectEntry], truth: &Truth) -> Option<EffectEntry> {
    use EffectState::{InDoubt, Undoing, Undone, Unknown};
    let open = effects.iter().find(|effect| matches!(effect.state, InDoubt | Unknown | Undoing));
    let undone = || effects.iter().find(|effect| effect.state == Undone && matches!(truth, Truth::Absent));
    open.or_else(undone).cloned()
}

/// Where it leads that something does not exist and shall not, and the result that stays known.
pub(super) fn when_cancelled(effect: &EffectEntry) -> (EffectState, Option<Value>) {
    match effect.state {
        EffectState::Undoing => (EffectState::Undone, effect.result.clone()),
        _ => (EffectState::Cancelled, None),
    }
}

/// Where a record goes when `effect` of it is what a person said it is: one of which all is undone is discarded.
pub(super) fn next(effect: &EffectEntry, effects: &[EffectEntry]) -> (RecordState, Option<Reason>) {
    let rest = |other: &&EffectEntry| other.id != effect.id && other.state == EffectState::Undoing;
    if effect.state != EffectState::Undone || effects.iter().any(|other| rest(&other)) {
        return (RecordState::Waiting, None);
    }
    (RecordState::Discarded, Some(Reason::new(all_undone(effects))))
}

/// Notes what a person's word, which leads to `to`, says of an undo.
pub(super) fn resolved(effect: &mut EffectEntry, record: &mut Record, to: EffectState, now: Timestamp) {
    if effect.state == EffectState::Undoing && to != EffectState::Confirmed {
        // A run that goes on must not take it for done.
        record.results.clear();
        effect.undos.iter_mut().for_each(|undo| _ = undo.done.get_or_insert(now));
    } else if effect.state == EffectState::Undoing {
        effect.undos.pop();
    }
    if matches!(effect.state, EffectState::Undoing | EffectState::Undone) && to == EffectState::Intent {
        // What is sent now is another one: of what was undone, all is known.
        effect.attempt = 0;
    }
}

/// Why an effect that was undone is not sent.
pub(super) fn not_sent_again(effect: &EffectEntry) -> String {
    let Some(undo) = effect.undos.last() else { return format!("{} is being undone", effect.operation) };
    let Undo { operator, reason, .. } = undo;
    format!(
        "{} was undone for {operator} ({reason}), so it is not sent again by itself. If it is to be sent anew, say so with \
         `ml-connector resolve --absent`; else `ml-connector discard` the record",
        effect.operation
    )
}

fn of_undo(effect: &EffectEntry, reason: Reason) -> Reason {
    Reason { message: format!("the undo of {}: {}", effect.operation, reason.message), ..reason }
}

/// A sentence about an undo of which nobody knows what came of it.
fn unclear(effect: &EffectEntry, what: &str) -> String {
    format!(
        "nobody knows whether {} still stands: {what}. `ml-connector undo` tries again; or look at the other side and say what \
         is true with `ml-connector resolve`: --exists when it still stands, --cancel when it is undone",
        effect.operation
    )
}

fn all_undone(effects: &[EffectEntry]) -> String {
    let of = |state| {
        let all = effects.iter().rev().filter(move |effect| effect.state == state);
        all.map(|effect| effect.operation.as_str()).collect::<Vec<_>>().join(", ")
    };
    let ordered = effects.iter().filter_map(|effect| effect.undos.last()).max_by_key(|undo| undo.ordered);
    let by = ordered.map(|undo| format!(" for {}: {}", undo.operator, undo.reason)).unwrap_or_default();
    let stands = match of(EffectState::Confirmed) {
        none if none.is_empty() => String::new(),
        stands => format!("; it cannot undo {stands}, which still stands"),
    };
    format!("undone{by}{stands}")
}
