//! A person orders that what took place for records be undone: it is written down for all of them, then each is worked on.

use std::sync::Arc;

use serde_json::json;

use super::input;
use crate::base::RecordId;
use crate::engine::Engine;
use crate::engine::command::{Order, Ordered, Reply};
use crate::engine::flow::FlowRuntime;
use crate::engine::operate::{Refused, call_at, failed, ordered};
use crate::engine::transition::{self, Proof};
use crate::spec::model::Effect;
use crate::store::{EffectEntry, EffectState, Evidence, Reason, Record, RecordState, Undo, Write};

/// What an order is for that names no records.
const STATES: &[RecordState] = &[RecordState::Done, RecordState::Parked, RecordState::Waiting];

impl Engine {
    /// Undoes what took place for the records that `order` names. What was ordered is durable for all of them before the
    /// first call, and goes on with the engine whatever becomes of the person who waits.
    pub(in crate::engine) async fn undo(self: &Arc<Self>, order: Order) -> Reply {
        let chosen = match self.chosen(&order.which, STATES) {
            Ok(chosen) => chosen,
            Err(error) => return failed(error),
        };
        let mut written = Vec::new();
        for id in chosen {
            written.push(match id {
                Ok(id) => self.write_undo(&id, &order).await.map(|()| id),
                Err(problem) => Err(problem),
            });
        }
        let mut told = Vec::new();
        for one in written {
            told.push(match one {
                Ok(id) => self.work_off(&id).await,
                Err(problem) => problem,
            });
        }
        Reply::Ordered(told)
    }

    async fn write_undo(&self, id: &RecordId, order: &Order) -> Result<(), Ordered> {
        let _lock = self.shared.lock(id).await;
        let state = |refused| {
            let known = self.shared.store.record(id).ok().flatten();
            ordered(id, known.map(|record| record.state), Some(refused))
        };
        let (record, writes, facts) = self.planned_undo(id, order).map_err(state)?;
        let stored = self.store_order(record, order, "record.undo_ordered", writes, facts).await;
        stored.map(drop).map_err(|error| state(error.to_string()))
    }

    /// The record and its effects as they are once the undo is ordered.
    fn planned_undo(
        &self,
        id: &RecordId,
        order: &Order,
    ) -> Result<(Record, Vec<Write>, serde_json::Value), Refused> {
        let store = &self.shared.store;
        let mut record =
            store.record(id).map_err(|error| error.to_string())?.ok_or("there is no such record")?;
        let flow = self.flow_of(id).ok_or("its flow is not part of this configuration any more")?;
        let effects = store.effects_of(id).map_err(|error| error.to_string())?;
        possible(&record, &effects)?;
        let (mut writes, mut operations) = (Vec::new(), Vec::new());
        for effect in &effects {
            let planned = match effect.state {
                EffectState::Confirmed => self.begun(flow, effect, order)?,
                // It was ordered before, and goes on.
                EffectState::Undoing => Some(effect.clone()),
                _ => None,
            };
            let Some(effect) = planned else { continue };
            operations.extend(effect.undos.last().map(|undo| undo.operation.clone()));
            let expected = effect.version;
            writes.push(Write::Effect { effect: Box::new(effect), expected });
        }
        if writes.is_empty() {
            return Err(nothing(&effects));
        }
        let reason = Reason::new(format!("to be undone for {}: {}", order.operator, order.reason));
        let now = self.shared.clock.now();
        transition::record(&mut record, RecordState::Waiting, Some(reason), now)
            .map_err(|error| error.to_string())?;
        record.attempts = 0;
        Ok((record, writes, json!({ "operations": operations })))
    }

    /// An effect that took place, now to be undone; `None` when its system does not say how.
    fn begun(
        &self,
        flow: &FlowRuntime,
        effect: &EffectEntry,
        order: &Order,
    ) -> Result<Option<EffectEntry>, Refused> {
        let gone = || format!("the step {} is not part of the mapping any more", effect.step);
        let (_, role, operation) = call_at(&flow.flow.steps, &effect.operation).ok_or_else(gone)?;
        let Effect::Create(create) = &operation.effect else { return Err(gone()) };
        let (Some(how), Some(result)) = (&create.compensate, &effect.result) else { return Ok(None) };
        let input = input(flow.connection(role), how, effect, result)
            .map_err(|error| format!("what undoes {} cannot be called: {error}", effect.operation))?;
        let now = self.shared.clock.now();
        let mut effect = effect.clone();
        let what = format!("to be undone, by {}: {}", order.operator, order.reason);
        let note = Evidence { at: now, attempt: effect.attempt, what, detail: None };
        transition::effect(&mut effect, EffectState::Undoing, note, Proof::Person)
            .map_err(|error| error.to_string())?;
        effect.undos.push(Undo {
            operation: format!("{role}.{}", how.operation.name),
            input,
            operator: order.operator.clone(),
            reason: order.reason.clone(),
            ordered: now,
            attempts: 0,
            done: None,
        });
        Ok(Some(effect))
    }

    /// Works on a record at once, whether the engine runs or not, and says how it stands then.
    async fn work_off(&self, id: &RecordId) -> Ordered {
        let Some(flow) = self.flow_of(id) else { return ordered(id, None, None) };
        flow.called.iter().for_each(|connection| connection.come());
        let worked = flow.work_on(&self.shared, id).await;
        for connection in &flow.called {
            connection.leave().await;
        }
        let record = match worked {
            Ok(_) => self.shared.store.record(id).map_err(|error| error.to_string()),
            Err(stop) => Err(stop.to_string()),
        };
        match record {
            Ok(Some(record)) => ordered(id, Some(record.state), unfinished(&record)),
            Ok(None) => ordered(id, None, Some("there is no such record".to_owned())),
            Err(problem) => ordered(id, None, Some(problem)),
        }
    }
}

/// Why a record is not where its undo leads.
fn unfinished(record: &Record) -> Option<String> {
    let why = record.reason.as_ref().map_or("", |reason| reason.message.as_str());
    match record.state {
        RecordState::Discarded => None,
        RecordState::Parked => Some(why.to_owned()),
        _ => Some(format!("not undone yet: {why}; it is tried again while the engine runs")),
    }
}

/// Refuses what cannot be undone now, with what to do instead.
fn possible(record: &Record, effects: &[EffectEntry]) -> Result<(), Refused> {
    let unknown = |effect: &&EffectEntry| matches!(effect.state, EffectState::Sending | EffectState::Unknown);
    if record.state == RecordState::InDoubt {
        return Err("it is in doubt: say first what is true at the other side, with `ml-connector resolve`; of several, \
                    what is not named there must be undone by hand"
            .to_owned());
    }
    if let Some(effect) = effects.iter().find(unknown) {
        return Err(format!("the outcome of {} is not known yet; wait until it is", effect.operation));
    }
    if record.state == RecordState::Running {
        return Err("it is being worked on; wait until the engine has come to an end with it".to_owned());
    }
    Ok(())
}

/// Why there is nothing to undo.
fn nothing(effects: &[EffectEntry]) -> Refused {
    if let Some(effect) = effects.iter().find(|effect| effect.state == EffectState::Confirmed) {
        return format!(
            "{} took place, and its system file does not say how it is undone: undo it at the other side, then \
             `ml-connector discard` the record",
            effect.operation
        );
    }
    let undone = effects.iter().rev().find(|effect| effect.state == EffectState::Undone);
    match undone.and_then(|effect| Some((effect, effect.undos.last()?))) {
        Some((effect, undo)) => {
            format!("{} was undone already, for {}: {}", effect.operation, undo.operator, undo.reason)
        }
        None => "nothing took place that could be undone; `ml-connector discard` ends a record".to_owned(),
    }
}
