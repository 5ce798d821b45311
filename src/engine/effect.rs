//! Effects that must happen once: intent, sending, and what the answer proves. What an answer that was lost leads to is in
//! `resolve`.
//!
//! The protocol: an effect is durable as `sending` before the first byte leaves. From then on its outcome is what the
//! answer proves, or `unknown`. Unknown is never guessed away: a look-up by our reference finds it (adopted), or finds
//! none after the longest time a late effect and the look-up's own lag can take, or a person decides.

use std::time::Duration;

use serde_json::{Value, json};

use super::afresh::as_written;
use super::calls::CallStep;
use super::connection::Connection;
use super::outcome::{Outcome, Refusal};
use super::request::Prepared;
use super::run::{Ending, Flowing, Run, Stop};
use super::transition::{self, Proof};
use super::undo;
use crate::base::{EffectId, clock, crash, json as canonical};
use crate::expression::EvaluationError;
use crate::spec::model::{CreateEffect, Step, every_step};
use crate::store::{Document, EffectEntry, EffectState, Evidence, Reason, RecordState, StoreError, Write};

/// How long an effect that was made ready waits for its turn at the connection's limits.
const LONGEST_TURN: Duration = Duration::from_secs(2);

impl Run<'_> {
    /// Takes the step's effect as far as it goes now.
    pub(super) async fn create(&mut self, call: &CallStep<'_>, create: &CreateEffect) -> Flowing {
        let id = EffectId::new(
            self.record.id.mapping(),
            self.record.id.flow(),
            &self.record.idempotency_key,
            &call.path,
        );
        let reference = self.reference(call, create);
        let mut effect = match self.shared.store.effect(&id)? {
            Some(effect) if effect.record != self.record.id => {
                return Ok(Some(self.key_taken(call, &effect)));
            }
            Some(effect) => effect,
            None => match &reference {
                Ok(reference) => self.made_before(call, reference)?.unwrap_or_else(|| self.plan(id, call)),
                Err(_) => self.plan(id, call),
            },
        };
        // What is not sent yet is sent, and looked up, as the record is now.
        if matches!(effect.state, EffectState::Intent | EffectState::Refused) {
            effect.input = call.input.clone();
            effect.reference = match reference {
                Ok(reference) => Some(reference),
                Err(error) => {
                    let message = format!("the reference cannot be made: {error}");
                    return Ok(Some(Ending::Park(self.reason(call.step, &call.path, message))));
                }
            };
        }
        if self.shared.recovering() && matches!(effect.state, EffectState::Intent | EffectState::Refused) {
            // A restored store does not know what was sent after it was copied.
            let note = self.evidence(&effect, "the store was restored from an older copy", None);
            self.lose(&mut effect, note, Proof::None)?;
            effect.deadline = Some(self.now());
        }
        match effect.state {
            EffectState::Confirmed => {
                self.finished(call, effect.result.clone().unwrap_or(Value::Null));
                Ok(None)
            }
            EffectState::Intent => self.send(call, effect).await,
            EffectState::Refused => {
                let note = self.evidence(&effect, "tried again with the data as it is now", None);
                transition::effect(&mut effect, EffectState::Intent, note, Proof::None)?;
                effect.attempt = 0;
                self.send(call, effect).await
            }
            EffectState::Sending => {
                let note = self.evidence(&effect, "the engine stopped before the answer was kept", None);
                self.lose(&mut effect, note, Proof::None)?;
                self.resolve(call, create, effect).await
            }
            EffectState::Unknown => self.resolve(call, create, effect).await,
            EffectState::InDoubt => Ok(Some(Ending::InDoubt(self.doubt(call, &effect)))),
            EffectState::Cancelled => {
                let message = "a person decided that this is not to be sent".to_owned();
                Ok(Some(Ending::Park(self.reason(call.step, &call.path, message))))
            }
            EffectState::Undoing | EffectState::Undone => {
                let message = undo::not_sent_again(&effect);
                Ok(Some(Ending::Park(self.reason(call.step, &call.path, message))))
            }
        }
    }

    /// Our name for the effect at the other side.
    fn reference(&self, call: &CallStep<'_>, create: &CreateEffect) -> Result<String, EvaluationError> {
        let mut values = self.flow.connection(call.role).values.clone();
        values.set("input", &call.input);
        create.reference.text(&values)
    }

    /// What was sent under this reference by a step that the flow does not have any more: it was this one, before the
    /// mapping was changed.
    fn made_before(&self, call: &CallStep<'_>, reference: &str) -> Result<Option<EffectEntry>, StoreError> {
        let operation = format!("{}.{}", call.role, call.operation.name);
        let mut effects = self.shared.store.effects_of(&self.record.id)?;
        effects.retain(|effect| {
            let sent = !matches!(effect.state, EffectState::Intent | EffectState::Refused);
            let same = effect.operation == operation && effect.reference.as_deref() == Some(reference);
            // What another step, or another item of the same loop, made is not this one, whatever its reference.
            sent && same && !has_step(&self.flow.flow.steps, &as_written(&effect.step))
        });
        Ok(effects.pop())
    }

    fn plan(&self, id: EffectId, call: &CallStep<'_>) -> EffectEntry {
        EffectEntry {
            id,
            version: 0,
            record: self.record.id.clone(),
            step: call.path.clone(),
            operation: format!("{}.{}", call.role, call.operation.name),
            place: call.step.place.to_string(),
            state: EffectState::Intent,
            attempt: 0,
            epoch: self.shared.epoch,
            reference: None,
            input: call.input.clone(),
            body_hash: None,
            mapping_revision: self.record.mapping_revision.clone(),
            planned: self.now(),
            sent: None,
            deadline: None,
            unknown_since: None,
            look_up_at: None,
            evidence: Vec::new(),
            result: None,
            undos: Vec::new(),
        }
    }

    /// Arms and sends, and commits what the answer proves.
    pub(super) async fn send(&mut self, call: &CallStep<'_>, mut effect: EffectEntry) -> Flowing {
        let connection = self.flow.connection(call.role).clone();
        let retry = connection.system.limits.retry.clone();
        // Everything that can fail without touching the other side comes before the point of no return.
        let mut prepared = match connection.prepare(call.operation, &call.input) {
            Ok(prepared) => prepared,
            Err(error) => {
                let outcome = Outcome::Unrenderable(error.message);
                return Ok(self.unsuccessful(call, outcome, &Value::Null, retry));
            }
        };
        if let Some(until) = connection.held_until() {
            let message = format!("{} asked for a pause", connection.system.title);
            let reason = self.reason(call.step, &call.path, message);
            return Ok(Some(Ending::Wait { until: Some(until), reason, retry: None }));
        }
        if let Some(down) = connection.down() {
            return Ok(self.unsuccessful(call, Outcome::Down(down), &Value::Null, retry));
        }
        if let Err(unsent) = connection.identify(&mut prepared).await {
            return Ok(self.unsuccessful(call, unsent.outcome, &Value::Null, retry));
        }
        let deadline = connection.deadline(LONGEST_TURN);
        effect.deadline = Some(deadline);
        self.arm(call, &mut effect, &connection, &prepared).await?;
        // Only now, so that nobody's turn is spent waiting for our disk; and not for ever, since the deadline stands.
        let turn = tokio::time::timeout(LONGEST_TURN, connection.turn(&self.flow.name)).await;
        let Ok(Ok(turn)) = turn else { return self.unsent(call, effect) };
        let made = connection.send_once(call.operation, &call.input, &prepared, turn, deadline).await;
        crash::point("effect.after_response");
        // The request stands in the audit already, with the sending.
        let answer = json!({ "answer": made.exchange.get("answer") });
        self.audit_call("effect.answered", call, &made, answer);
        let (refused, untouched, exchange) = (made.refused, made.untouched, made.exchange);
        match made.outcome {
            Outcome::Ok { result, documents } => {
                let note = self.evidence(&effect, "confirmed by the answer", None);
                self.confirm(call, &mut effect, result, documents, note, Proof::Answer).await?;
                Ok(None)
            }
            outcome if untouched || matches!(outcome, Outcome::NotSent { .. }) => {
                let note = self.evidence(&effect, "not looked at by the other side", Some(&exchange));
                transition::effect(&mut effect, EffectState::Intent, note, Proof::Answer)?;
                effect.attempt -= 1;
                self.put(&mut effect);
                let ending = self.unsuccessful(call, outcome, &exchange, retry);
                Ok(ending.map(|ending| self.again_at_once(ending)))
            }
            Outcome::Rejected(refusal) | Outcome::Absent(refusal) if refused => {
                self.refuse(call, effect, refusal, &exchange)
            }
            outcome => {
                let note = self.evidence(&effect, &outcome.cause(), Some(&exchange));
                self.lose(&mut effect, note, Proof::Answer)?;
                self.put(&mut effect);
                Ok(Some(self.wait_for_lookup(call, &effect)))
            }
        }
    }

    /// No turn came in time, so nothing was sent.
    fn unsent(&mut self, call: &CallStep<'_>, mut effect: EffectEntry) -> Flowing {
        let note = self.evidence(&effect, "its turn did not come; nothing was sent", None);
        transition::effect(&mut effect, EffectState::Intent, note, Proof::Answer)?;
        effect.attempt -= 1;
        self.put(&mut effect);
        let reason =
            self.reason(call.step, &call.path, "the connection's limits gave it no turn yet".to_owned());
        let until = clock::add(self.now(), LONGEST_TURN);
        Ok(Some(Ending::Wait { until: Some(until), reason, retry: None }))
    }

    /// The point of no return: durable before the first byte leaves.
    async fn arm(
        &mut self,
        call: &CallStep<'_>,
        effect: &mut EffectEntry,
        connection: &Connection,
        prepared: &Prepared,
    ) -> Result<(), Stop> {
        let now = self.now();
        let planned = effect.version == 0;
        effect.attempt += 1;
        effect.epoch = self.shared.epoch;
        effect.body_hash = Some(prepared.body_hash());
        effect.sent = Some(now);
        let note = self.evidence(effect, "sent", None);
        transition::effect(effect, EffectState::Sending, note, Proof::None)?;
        let facts = json!({
            "effect": effect.id,
            "step": call.path,
            "operation": effect.operation,
            "reference": effect.reference,
            "attempt": effect.attempt,
            "body": effect.body_hash,
            "place": effect.place,
            "mapping_revision": effect.mapping_revision,
        });
        if planned {
            self.audit("effect.intent", facts.clone(), None);
        }
        let body = Value::from_iter([("request", prepared.shown(&connection.redactor))]);
        self.audit("effect.sending", facts, Some(body));
        self.put(effect);
        if self.record.state != RecordState::Running {
            transition::record(&mut self.record, RecordState::Running, None, now)?;
        }
        crash::point("effect.before_sending_commit");
        self.commit().await?;
        crash::point("effect.after_sending_commit");
        Ok(())
    }

    pub(super) async fn confirm(
        &mut self,
        call: &CallStep<'_>,
        effect: &mut EffectEntry,
        result: Value,
        documents: Vec<Document>,
        note: Evidence,
        proof: Proof,
    ) -> Result<(), Stop> {
        let how = note.what.clone();
        transition::effect(effect, EffectState::Confirmed, note, proof)?;
        effect.result = Some(result.clone());
        effect.look_up_at = None;
        let facts = json!({ "effect": effect.id, "step": call.path, "how": how, "result": canonical::fingerprint(&result) });
        self.audit("effect.confirmed", facts, Some(json!({ "result": result })));
        self.keep(documents);
        self.finished(call, result);
        self.put(effect);
        crash::point("effect.before_outcome_commit");
        self.commit().await?;
        crash::point("effect.after_outcome_commit");
        Ok(())
    }

    /// A definite refusal. Of a first attempt it proves that nothing was done; of a later one it proves nothing about
    /// the attempts before, so those are looked up.
    fn refuse(
        &mut self,
        call: &CallStep<'_>,
        mut effect: EffectEntry,
        refusal: Refusal,
        exchange: &Value,
    ) -> Flowing {
        let note = self.evidence(&effect, &format!("refused: {}", refusal.message), Some(exchange));
        if effect.attempt > 1 {
            self.lose(&mut effect, note, Proof::Answer)?;
            self.put(&mut effect);
            return Ok(Some(self.wait_for_lookup(call, &effect)));
        }
        transition::effect(&mut effect, EffectState::Refused, note, Proof::Answer)?;
        self.audit(
            "effect.refused",
            json!({ "effect": effect.id, "step": call.path, "code": refusal.code }),
            None,
        );
        self.put(&mut effect);
        let reason = Reason {
            code: refusal.code,
            detail: Some(exchange.clone()),
            ..self.reason(call.step, &call.path, refusal.message)
        };
        Ok(self.refused(call, reason))
    }

    fn key_taken(&self, call: &CallStep<'_>, effect: &EffectEntry) -> Ending {
        let message = format!(
            "the idempotency key {} was already used by {}; make the flow's `idempotency_key` tell them apart",
            self.record.idempotency_key, effect.record
        );
        Ending::Park(self.reason(call.step, &call.path, message))
    }

    /// An answer that only says "prove yourself anew" is followed at once; the proof was already thrown away.
    fn again_at_once(&self, ending: Ending) -> Ending {
        match ending {
            Ending::Halt { until: None, reason } if self.record.attempts == 0 => Ending::Wait {
                until: Some(self.now()),
                reason,
                retry: Some(crate::spec::model::Retry {
                    first: Duration::from_millis(1),
                    max: Duration::from_millis(1),
                    attempts: u32::MAX,
                }),
            },
            other => other,
        }
    }

    pub(super) fn lose(
        &mut self,
        effect: &mut EffectEntry,
        note: Evidence,
        proof: Proof,
    ) -> Result<(), Stop> {
        let now = self.now();
        transition::effect(effect, EffectState::Unknown, note, proof)?;
        effect.unknown_since.get_or_insert(now);
        self.outdated.clear();
        effect.look_up_at = Some(now);
        // The exchange is over, so a late effect counts from now; after a crash only the deadline is known.
        if proof == Proof::Answer {
            effect.deadline = effect.deadline.map(|deadline| deadline.min(now));
        }
        self.audit("effect.unknown", json!({ "effect": effect.id, "step": effect.step }), None);
        Ok(())
    }

    pub(super) fn put(&mut self, effect: &mut EffectEntry) {
        let expected = effect.version;
        self.writes.push(Write::Effect { effect: Box::new(effect.clone()), expected });
        effect.version = expected + 1;
    }

    pub(super) fn evidence(&self, effect: &EffectEntry, what: &str, detail: Option<&Value>) -> Evidence {
        let detail = detail.filter(|detail| !detail.is_null()).cloned();
        Evidence { at: self.now(), attempt: effect.attempt, what: what.to_owned(), detail }
    }
}

fn has_step(steps: &[Step], path: &str) -> bool {
    let mut has = false;
    every_step(steps, &mut |step| has |= step.path == path);
    has
}
