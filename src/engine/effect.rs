//! Effects that must happen once: intent, sending, outcome, and finding out what became of a lost answer.
//!
//! The protocol: an effect is durable as `sending` before the first byte leaves. From then on its outcome is what the
//! answer proves, or `unknown`. Unknown is never guessed away: a look-up by our reference finds it (adopted), or finds
//! none after the longest time a late effect and the look-up's own lag can take, or a person decides.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::connection::{Connection, Outcome, Prepared, Refusal};
use super::run::{CallStep, Ending, Flowing, Run, Stop};
use super::transition::{self, Proof};
use crate::base::{EffectId, clock, crash, duration, json as canonical};
use crate::expression::{EvaluationError, ValueTemplate};
use crate::spec::model::CreateEffect;
use crate::store::{Document, EffectEntry, EffectState, Evidence, Reason, RecordState, Write};

/// How long an effect that was made ready waits for its turn at the connection's limits.
const LONGEST_TURN: Duration = Duration::from_secs(2);

/// How soon an unknown outcome is first looked up, and how the waits between look-ups grow.
const FIRST_LOOK: Duration = Duration::from_millis(500);
const LONGEST_LOOK: Duration = Duration::from_secs(60);

impl Run<'_> {
    /// Takes the step's effect as far as it goes now.
    pub(super) async fn create(&mut self, call: &CallStep<'_>, create: &CreateEffect) -> Flowing {
        let id = EffectId::new(
            self.record.id.mapping(),
            self.record.id.flow(),
            &self.record.idempotency_key,
            &call.path,
        );
        let mut effect = match self.shared.store.effect(&id)? {
            Some(effect) if effect.record != self.record.id => {
                return Ok(Some(self.key_taken(call, &effect)));
            }
            Some(effect) => effect,
            None => match self.plan(id, call, create) {
                Ok(effect) => effect,
                Err(error) => {
                    let message = format!("the reference cannot be made: {error}");
                    return Ok(Some(Ending::Park(self.reason(call.step, &call.path, message))));
                }
            },
        };
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
                effect.input = call.input.clone();
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
        }
    }

    fn plan(
        &self,
        id: EffectId,
        call: &CallStep<'_>,
        create: &CreateEffect,
    ) -> Result<EffectEntry, EvaluationError> {
        let mut values = self.flow.connection(call.role).values.clone();
        values.set("input", &call.input);
        let reference = create.reference.text(&values)?;
        Ok(EffectEntry {
            id,
            version: 0,
            record: self.record.id.clone(),
            step: call.path.clone(),
            operation: format!("{}.{}", call.role, call.operation.name),
            place: call.step.place.to_string(),
            state: EffectState::Intent,
            attempt: 0,
            epoch: self.shared.epoch,
            reference: Some(reference),
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
        })
    }

    /// Arms and sends, and commits what the answer proves.
    async fn send(&mut self, call: &CallStep<'_>, mut effect: EffectEntry) -> Flowing {
        let connection = self.flow.connection(call.role).clone();
        let retry = connection.system.limits.retry.clone();
        // Everything that can fail without touching the other side comes before the point of no return.
        let mut prepared = match connection.prepare(call.operation, &call.input) {
            Ok(prepared) => prepared,
            Err(error) => {
                let outcome = Outcome::Unrenderable(error.message);
                return Ok(Some(self.unsuccessful(call, outcome, &Value::Null, retry)));
            }
        };
        if let Some(until) = connection.held_until() {
            let message = format!("{} asked for a pause", connection.system.title);
            let reason = self.reason(call.step, &call.path, message);
            return Ok(Some(Ending::Wait { until: Some(until), reason, retry: None }));
        }
        if let Err(unsent) = connection.identify(&mut prepared).await {
            return Ok(Some(self.unsuccessful(call, unsent.outcome, &Value::Null, retry)));
        }
        let deadline = connection.deadline(LONGEST_TURN);
        effect.deadline = Some(deadline);
        self.arm(call, &mut effect, &connection, &prepared).await?;
        // Only now, so that nobody's turn is spent waiting for our disk; and not for ever, since the deadline stands.
        let Ok(turn) = tokio::time::timeout(LONGEST_TURN, connection.turn()).await else {
            return self.unsent(call, effect);
        };
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
                Ok(Some(self.again_at_once(ending)))
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

    async fn confirm(
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
        Ok(Some(self.refused(reason)))
    }

    /// Looks up what became of an effect, when its time has come.
    async fn resolve(
        &mut self,
        call: &CallStep<'_>,
        create: &CreateEffect,
        mut effect: EffectEntry,
    ) -> Flowing {
        let now = self.now();
        if effect.look_up_at.is_some_and(|at| at > now) {
            return Ok(Some(self.wait_for_lookup(call, &effect)));
        }
        let connection = self.flow.connection(call.role).clone();
        let settled = match self.settled_at(&connection, create, &effect) {
            Ok(settled) => settled,
            Err(message) => return self.give_up(call, effect, &message, None),
        };
        let look = self.look_up(call, create, &connection, &effect).await;
        crash::point("resolve.after_lookup");
        match look {
            Look::Found { mut found, documents } if found.len() == 1 => {
                let note = self.evidence(&effect, "found by its reference", None);
                self.confirm(call, &mut effect, found.remove(0), documents, note, Proof::Lookup).await?;
                Ok(None)
            }
            Look::Found { found, .. } if found.len() > 1 => {
                let message = format!("{} of them have our reference at the other side", found.len());
                self.give_up(call, effect, &message, Some(Value::Array(found)))
            }
            Look::Found { .. } if now >= settled => self.absent(call, create, effect, &connection).await,
            Look::Found { .. } => {
                let note = self.evidence(&effect, "not found yet", None);
                self.look_again(call, effect, note, Some(settled))
            }
            Look::Failed { message, exchange } => {
                let late = clock::add(effect.unknown_since.unwrap_or(now).max(settled), create.give_up);
                if now >= late {
                    return self.give_up(
                        call,
                        effect,
                        &format!("it cannot be looked up: {message}"),
                        Some(exchange),
                    );
                }
                let note = self.evidence(&effect, &format!("the look-up failed: {message}"), Some(&exchange));
                self.look_again(call, effect, note, None)
            }
        }
    }

    async fn look_up(
        &mut self,
        call: &CallStep<'_>,
        create: &CreateEffect,
        connection: &Connection,
        effect: &EffectEntry,
    ) -> Look {
        let look = look_up(connection, create, effect).await;
        let facts = json!({
            "effect": effect.id,
            "step": call.path,
            "operation": format!("{}.{}", call.role, create.lookup.operation.name),
            "reference": effect.reference,
            "found": match &look { Look::Found { found, .. } => Some(found.len()), Look::Failed { .. } => None },
        });
        let body = match &look {
            Look::Found { found, .. } => json!({ "found": found }),
            Look::Failed { exchange, .. } => exchange.clone(),
        };
        self.audit("effect.looked_up", facts, Some(body));
        look
    }

    /// The look-up found none, and late enough for that to mean something.
    async fn absent(
        &mut self,
        call: &CallStep<'_>,
        create: &CreateEffect,
        mut effect: EffectEntry,
        connection: &Connection,
    ) -> Flowing {
        let policy = create.when_absent.evaluate(&connection.values).unwrap_or(Value::Null);
        if policy != "recreate" {
            let message = "the other side says that it does not exist, and `when_absent` leaves it to a person to believe that";
            return self.give_up(call, effect, message, None);
        }
        let refused = effect.evidence.iter().rev().find(|known| known.what.starts_with("refused")).cloned();
        let note = self.evidence(&effect, "not found, and late enough to be sure", None);
        if let Some(refused) = refused.filter(|known| known.attempt == effect.attempt) {
            transition::effect(&mut effect, EffectState::Refused, note, Proof::Lookup)?;
            self.put(&mut effect);
            let message = refused.what.trim_start_matches("refused: ").to_owned();
            let reason = Reason { detail: refused.detail, ..self.reason(call.step, &call.path, message) };
            return Ok(Some(self.refused(reason)));
        }
        if effect.attempt >= create.attempts {
            let message = format!("it was sent {} times and no answer ever came", effect.attempt);
            return self.give_up(call, effect, &message, None);
        }
        transition::effect(&mut effect, EffectState::Intent, note, Proof::Lookup)?;
        effect.unknown_since = None;
        self.send(call, effect).await
    }

    fn look_again(
        &mut self,
        call: &CallStep<'_>,
        mut effect: EffectEntry,
        note: Evidence,
        settled: Option<Timestamp>,
    ) -> Flowing {
        let now = self.now();
        let waited = clock::between(effect.unknown_since.unwrap_or(now), now);
        let next = clock::add(now, waited.clamp(FIRST_LOOK, LONGEST_LOOK));
        effect.look_up_at = Some(settled.filter(|settled| *settled > now).map_or(next, |at| at.min(next)));
        // One note for a run of equal ones: look-ups may go on for long.
        if effect.evidence.last().is_some_and(|last| last.what == note.what) {
            effect.evidence.pop();
        }
        transition::effect(&mut effect, EffectState::Unknown, note, Proof::Lookup)?;
        self.put(&mut effect);
        Ok(Some(self.wait_for_lookup(call, &effect)))
    }

    fn give_up(
        &mut self,
        call: &CallStep<'_>,
        mut effect: EffectEntry,
        message: &str,
        detail: Option<Value>,
    ) -> Flowing {
        let note = self.evidence(&effect, message, detail.as_ref());
        transition::effect(&mut effect, EffectState::InDoubt, note, Proof::None)?;
        effect.look_up_at = None;
        self.audit(
            "effect.in_doubt",
            json!({ "effect": effect.id, "step": call.path, "why": message }),
            None,
        );
        self.put(&mut effect);
        Ok(Some(Ending::InDoubt(self.doubt(call, &effect))))
    }

    fn doubt(&self, call: &CallStep<'_>, effect: &EffectEntry) -> Reason {
        let why = effect.evidence.last().map_or("", |last| last.what.as_str());
        let message = format!(
            "nobody knows whether {} took place: {why}. Look for the reference {} at the other side and say what you \
             found with `ml-connector resolve`",
            effect.operation,
            effect.reference.as_deref().unwrap_or("(none)"),
        );
        Reason {
            detail: serde_json::to_value(&effect.evidence).ok(),
            ..self.reason(call.step, &call.path, message)
        }
    }

    fn wait_for_lookup(&self, call: &CallStep<'_>, effect: &EffectEntry) -> Ending {
        let message =
            format!("the answer of {} was lost; what became of it is being looked up", effect.operation);
        let reason = self.reason(call.step, &call.path, message);
        Ending::Wait { until: effect.look_up_at, reason, retry: None }
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

    fn lose(&mut self, effect: &mut EffectEntry, note: Evidence, proof: Proof) -> Result<(), Stop> {
        let now = self.now();
        transition::effect(effect, EffectState::Unknown, note, proof)?;
        effect.unknown_since.get_or_insert(now);
        effect.look_up_at = Some(now);
        // The exchange is over, so a late effect counts from now; after a crash only the deadline is known.
        if proof == Proof::Answer {
            effect.deadline = effect.deadline.map(|deadline| deadline.min(now));
        }
        self.audit("effect.unknown", json!({ "effect": effect.id, "step": effect.step }), None);
        Ok(())
    }

    fn put(&mut self, effect: &mut EffectEntry) {
        let expected = effect.version;
        self.writes.push(Write::Effect { effect: Box::new(effect.clone()), expected });
        effect.version = expected + 1;
    }

    fn evidence(&self, effect: &EffectEntry, what: &str, detail: Option<&Value>) -> Evidence {
        let detail = detail.filter(|detail| !detail.is_null()).cloned();
        Evidence { at: self.now(), attempt: effect.attempt, what: what.to_owned(), detail }
    }

    /// From when on "not found" means that it never happened: after the last instant at which the last attempt could
    /// still be answered, a late effect and the look-up's lag must have passed.
    fn settled_at(
        &self,
        connection: &Connection,
        create: &CreateEffect,
        effect: &EffectEntry,
    ) -> Result<Timestamp, String> {
        let read = |tree: &ValueTemplate| -> Result<Duration, String> {
            let value = tree.evaluate(&connection.values).map_err(|error| error.to_string())?;
            duration::parse(value.as_str().unwrap_or_default())
        };
        let settle = read(&create.late_effect)? + read(&create.lookup_lag)?;
        let from = effect.deadline.or(effect.unknown_since).unwrap_or(effect.planned);
        Ok(clock::add(from, settle))
    }
}

/// What a look-up says.
pub(super) enum Look {
    /// So many exist.
    Found {
        /// The results, shaped as the operation's own.
        found: Vec<Value>,
        /// What is to be kept.
        documents: Vec<Document>,
    },
    /// It says nothing.
    Failed {
        /// Why.
        message: String,
        /// The exchange, redacted.
        exchange: Value,
    },
}

/// Looks an effect up by its reference at the other side.
pub(super) async fn look_up(connection: &Connection, create: &CreateEffect, effect: &EffectEntry) -> Look {
    let mut values = connection.values.clone();
    values.set("input", &effect.input);
    let input = match create.lookup.with.evaluate(&values) {
        Ok(input) => input,
        Err(error) => return Look::Failed { message: error.to_string(), exchange: Value::Null },
    };
    let made = connection.call(&create.lookup.operation, &input).await;
    match made.outcome {
        Outcome::Ok { result, documents } => {
            let found = result.get("found").and_then(Value::as_array).cloned().unwrap_or_default();
            Look::Found { found, documents }
        }
        Outcome::Absent(_) | Outcome::Done => Look::Found { found: Vec::new(), documents: Vec::new() },
        outcome => Look::Failed { message: outcome.cause(), exchange: made.exchange },
    }
}
