//! Finds out what became of an effect whose answer was lost.
//!
//! A look-up by our reference finds it, and then it is adopted; or it finds none after the longest time that a late effect
//! and the look-up's own lag can take; or it says nothing, and in the end a person decides. Nothing is ever guessed.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::calls::CallStep;
use super::connection::Connection;
use super::outcome::Outcome;
use super::run::{Ending, Flowing, Run};
use super::transition::{self, Proof};
use super::undo;
use crate::base::{clock, crash, duration};
use crate::expression::ValueTemplate;
use crate::spec::model::CreateEffect;
use crate::store::{Document, EffectEntry, EffectState, Evidence, Reason};

/// How soon an unknown outcome is first looked up, and how the waits between look-ups grow.
const FIRST_LOOK: Duration = Duration::from_millis(500);
const LONGEST_LOOK: Duration = Duration::from_secs(60);

impl Run<'_> {
    /// Looks up what became of an effect, when its time has come.
    pub(super) async fn resolve(
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
        let look = look_up(connection, &self.flow.name, create, effect).await;
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
            return Ok(self.refused(call, reason));
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

    pub(super) fn doubt(&self, call: &CallStep<'_>, effect: &EffectEntry) -> Reason {
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

    pub(super) fn wait_for_lookup(&self, call: &CallStep<'_>, effect: &EffectEntry) -> Ending {
        let message =
            format!("the answer of {} was lost; what became of it is being looked up", effect.operation);
        let reason = self.reason(call.step, &call.path, message);
        Ending::Wait { until: effect.look_up_at, reason, retry: None }
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

/// Looks an effect up by its reference at the other side. What was undone before does not count.
pub(super) async fn look_up(
    connection: &Connection,
    who: &str,
    create: &CreateEffect,
    effect: &EffectEntry,
) -> Look {
    let mut values = connection.values.clone();
    values.set("input", &effect.input);
    let input = match create.lookup.with.evaluate(&values) {
        Ok(input) => input,
        Err(error) => return Look::Failed { message: error.to_string(), exchange: Value::Null },
    };
    let made = connection.call(who, &create.lookup.operation, &input).await;
    match made.outcome {
        Outcome::Ok { result, documents } => {
            let mut found = result.get("found").and_then(Value::as_array).cloned().unwrap_or_default();
            found.retain(|one| !undo::is_undone(connection, create, effect, one));
            Look::Found { found, documents }
        }
        Outcome::Absent(_) | Outcome::Done => Look::Found { found: Vec::new(), documents: Vec::new() },
        outcome => Look::Failed { message: outcome.cause(), exchange: made.exchange },
    }
}
