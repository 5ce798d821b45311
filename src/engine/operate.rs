//! What people ask and decide. The admin socket and the command line change state through here and nowhere else.

use std::sync::Arc;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Engine;
use super::command::{Command, Failure, Order, Ordered, Reply, Selection, Shown, Truth};
use super::flow::FlowRuntime;
use super::resolve::{Look, look_up};
use super::status;
use super::transition::{self, Proof};
use super::undo;
use crate::base::RecordId;
use crate::expression::fits;
use crate::spec::model::{CreateEffect, Effect, Operation, Step, StepKind};
use crate::store::{
    AuditDraft, AuditQuery, Batch, EffectEntry, EffectState, Evidence, Reason, Record, RecordQuery,
    RecordState, Store, StoreError, Write,
};

/// States from which a record can be replayed.
const ENDED: &[RecordState] = &[
    RecordState::Done,
    RecordState::Parked,
    RecordState::Skipped,
    RecordState::Discarded,
    RecordState::Waiting,
];

/// Why an order does not apply: a sentence for the person who gave it.
pub(super) type Refused = String;

/// Answers what needs only a store, for a configuration whose engine is not running. Orders need an [`Engine`].
pub fn offline(store: &dyn Store, now: Timestamp, command: Command) -> Reply {
    let answer = match command {
        Command::Status => {
            status::of(store, now, None, Vec::new()).map(|status| Reply::Status(Box::new(status)))
        }
        Command::Records(query) => store.records(&query).map(Reply::Records),
        Command::Show { text } => return shown(store, &text),
        Command::Documents { text, kind } => return documents(store, &text, kind.as_deref()),
        Command::Events(query) => store.events(&query).map(Reply::Events),
        Command::Audit(query) => store.audit(&query).map(Reply::Audit),
        Command::VerifyAudit => store.verify_audit().map(Reply::AuditReport),
        _ => return failed("this needs the configuration; it cannot be done with the store alone"),
    };
    answer.unwrap_or_else(failed)
}

impl Engine {
    /// Does what an operator asks, whether the engine is running or not.
    pub async fn command(self: &Arc<Self>, command: Command) -> Reply {
        match command {
            Command::Status => self.status(),
            Command::Resume(order) => self.each(order, &[RecordState::Parked], Self::resume).await,
            Command::Replay(order) => self.each(order, ENDED, Self::replay).await,
            Command::Discard(order) => self.each(order, &[RecordState::Parked], Self::discard).await,
            Command::Acknowledge(mut order) => {
                if let Selection::Matching(query) = &mut order.which {
                    query.noticed = true;
                }
                self.each(order, &[], Self::acknowledge).await
            }
            Command::Undo(order) => self.undo(order).await,
            Command::Resolve { order, truth } => self.resolve(order, truth).await,
            Command::RetryEvents(retry) => self.retry_events(retry).await.map_or_else(failed, Reply::Retried),
            Command::Poll { flow } => self.poll_now(flow.as_deref()),
            Command::Ping { connections } => {
                let all = || self.config.connections.keys().cloned().collect();
                let names: Vec<String> = if connections.is_empty() { all() } else { connections };
                Reply::Pinged(join_all(names.iter().map(|name| self.ping(name))).await)
            }
            Command::Stop => {
                self.shared.stop.cancel();
                Reply::Accepted
            }
            other => offline(&*self.shared.store, self.shared.clock.now(), other),
        }
    }

    fn poll_now(&self, wanted: Option<&str>) -> Reply {
        let chosen: Vec<_> =
            self.flows.iter().filter(|flow| wanted.is_none_or(|wanted| flow.name == wanted)).collect();
        if chosen.is_empty() {
            let names: Vec<&str> = self.flows.iter().map(|flow| flow.name.as_str()).collect();
            let wanted = wanted.unwrap_or_default();
            return failed(format!("no flow is called `{wanted}`; there are: {}", names.join(", ")));
        }
        let mut timed =
            chosen.iter().flat_map(|flow| &flow.sources).filter(|at| at.schedule.is_some()).peekable();
        if let (Some(wanted), None) = (wanted, timed.peek()) {
            return failed(format!(
                "`{wanted}` reads nothing: it works on what others push or other flows tell, as soon as they do"
            ));
        }
        timed.for_each(|source| source.now.notify_one());
        Reply::Accepted
    }

    /// Applies an order to each record it names, one commit a record.
    async fn each(
        self: &Arc<Self>,
        order: Order,
        states: &[RecordState],
        apply: fn(&Self, &mut Record, &Order) -> Result<&'static str, Refused>,
    ) -> Reply {
        let ids = match self.chosen(&order.which, states) {
            Ok(ids) => ids,
            Err(error) => return failed(error),
        };
        let mut told = Vec::new();
        for id in ids {
            told.push(match id {
                Ok(id) => self.apply(&id, &order, apply).await,
                Err(problem) => problem,
            });
        }
        Reply::Ordered(told)
    }

    async fn apply(
        &self,
        id: &RecordId,
        order: &Order,
        apply: fn(&Self, &mut Record, &Order) -> Result<&'static str, Refused>,
    ) -> Ordered {
        let _lock = self.shared.lock(id).await;
        let changed = match self.shared.store.record(id) {
            Ok(Some(mut record)) => match apply(self, &mut record, order) {
                Ok(event) => self.store_order(record, order, event, Vec::new(), json!({})).await,
                Err(refused) => return ordered(id, Some(record.state), Some(refused)),
            },
            Ok(None) => return ordered(id, None, Some("there is no such record".to_owned())),
            Err(error) => Err(error),
        };
        match changed {
            Ok(state) => ordered(id, Some(state), None),
            Err(error) => ordered(id, None, Some(error.to_string())),
        }
    }

    pub(super) async fn store_order(
        &self,
        mut record: Record,
        order: &Order,
        event: &str,
        mut writes: Vec<Write>,
        facts: Value,
    ) -> Result<RecordState, StoreError> {
        let (id, state, expected) = (record.id.clone(), record.state, record.version);
        record.changed = self.shared.clock.now();
        let mut facts = facts;
        if let Some(facts) = facts.as_object_mut() {
            facts.insert("reason".to_owned(), Value::from(order.reason.as_str()));
        }
        writes.push(Write::Audit(AuditDraft {
            at: self.shared.clock.now(),
            actor: format!("operator:{}", order.operator),
            record: Some(id.clone()),
            event: event.to_owned(),
            facts,
            body: None,
        }));
        writes.push(Write::Record { record: Box::new(record), expected });
        self.shared.store.commit(Batch { writes }).await?;
        if let Some(flow) = self.flow_of(&id) {
            flow.work.notify_one();
        }
        Ok(state)
    }

    fn resume(&self, record: &mut Record, _order: &Order) -> Result<&'static str, Refused> {
        if record.state != RecordState::Parked {
            return Err(format!("it is {}, not parked", word(record.state)));
        }
        // What was looked up before may be why it was parked; what was made stays made.
        if !super::finish::made(&self.shared, record).map_err(|error| error.to_string())? {
            record.results.clear();
        }
        super::find::forget(&mut record.results);
        self.anew(record)?;
        Ok("record.resumed")
    }

    fn replay(&self, record: &mut Record, _order: &Order) -> Result<&'static str, Refused> {
        if !ENDED.contains(&record.state) {
            return Err(format!(
                "it is {}; only what has come to an end can be replayed",
                word(record.state)
            ));
        }
        self.not_while_undone(record)?;
        let flow = self.flow_of(&record.id).ok_or("its flow is not part of this configuration any more")?;
        record.mapping_revision.clone_from(&flow.mapping.revision);
        // Results of reads are made again; effects are known by their own entries and never made again.
        record.results.clear();
        self.anew(record)?;
        Ok("record.replayed")
    }

    fn anew(&self, record: &mut Record) -> Result<(), Refused> {
        transition::record(record, RecordState::Received, None, self.shared.clock.now())
            .map_err(|error| error.to_string())
    }

    fn discard(&self, record: &mut Record, order: &Order) -> Result<&'static str, Refused> {
        let open = self.shared.store.effects_of(&record.id).map_err(|error| error.to_string())?;
        if open.iter().any(|effect| matches!(effect.state, EffectState::Sending | EffectState::Unknown)) {
            return Err("an effect of it is on its way; wait until its outcome is known".to_owned());
        }
        self.not_while_undone(record)?;
        let reason = Reason {
            detail: record.reason.as_ref().and_then(|reason| serde_json::to_value(reason).ok()),
            ..Reason::new(format!("discarded by {}: {}", order.operator, order.reason))
        };
        transition::record(record, RecordState::Discarded, Some(reason), self.shared.clock.now())
            .map_err(|_| format!("it is {}, so there is nothing to discard", word(record.state)))?;
        Ok("record.discarded")
    }

    /// Refuses what must not happen to a record before it is known what came of an undo.
    fn not_while_undone(&self, record: &Record) -> Result<(), Refused> {
        let effects = self.shared.store.effects_of(&record.id).map_err(|error| error.to_string())?;
        if effects.iter().all(|effect| effect.state != EffectState::Undoing) {
            return Ok(());
        }
        Err("it is being undone: wait until that is over, try it again with `ml-connector undo`, or say what is true at the \
             other side with `ml-connector resolve`"
            .to_owned())
    }

    fn acknowledge(&self, record: &mut Record, _order: &Order) -> Result<&'static str, Refused> {
        let now = self.shared.clock.now();
        let mut open = record.notices.iter_mut().filter(|notice| notice.acknowledged.is_none()).peekable();
        if open.peek().is_none() {
            return Err("it has no notice that was not seen to".to_owned());
        }
        open.for_each(|notice| notice.acknowledged = Some(now));
        Ok("record.acknowledged")
    }

    async fn resolve(self: &Arc<Self>, order: Order, truth: Truth) -> Reply {
        let ids = match self.chosen(&order.which, &[RecordState::InDoubt]) {
            Ok(ids) => ids,
            Err(error) => return failed(error),
        };
        let mut told = Vec::new();
        for id in ids {
            told.push(match id {
                Ok(id) => match self.resolve_one(&id, &order, &truth).await {
                    Ok(state) => ordered(&id, Some(state), None),
                    Err(refused) => ordered(&id, None, Some(refused)),
                },
                Err(problem) => problem,
            });
        }
        Reply::Ordered(told)
    }

    async fn resolve_one(&self, id: &RecordId, order: &Order, truth: &Truth) -> Result<RecordState, Refused> {
        // Before the lock: whoever holds a connection may wait for it.
        let called = self.flow_of(id).map(|flow| flow.called.as_slice()).unwrap_or_default();
        let _turns = super::turns::take(called).await;
        let _lock = self.shared.lock(id).await;
        let store = &self.shared.store;
        let mut record =
            store.record(id).map_err(|error| error.to_string())?.ok_or("there is no such record")?;
        let effects = store.effects_of(id).map_err(|error| error.to_string())?;
        let mut effect = undo::doubtful(&effects, truth).ok_or("none of its effects is in doubt")?;
        let mut writes = Vec::new();
        let (to, result) = match truth {
            Truth::Exists { value } => {
                let (result, documents) = self.found(&effect, value).await?;
                writes.extend(
                    documents.into_iter().map(|document| Write::Document { record: id.clone(), document }),
                );
                (EffectState::Confirmed, Some(result))
            }
            Truth::ExistsWith { result } => {
                let (_, operation, _) = self.operation_of(&effect)?;
                fits(result, &operation.result.result_type()).map_err(|mismatches| {
                    let places: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
                    format!("the result does not fit {}: {}", effect.operation, places.join("; "))
                })?;
                (EffectState::Confirmed, Some(result.clone()))
            }
            Truth::Absent => (EffectState::Intent, None),
            Truth::Cancelled => undo::when_cancelled(&effect),
        };
        let now = self.shared.clock.now();
        undo::resolved(&mut effect, &mut record, to, now);
        let what = format!("{} by {}: {}", person_says(truth), order.operator, order.reason);
        let note = Evidence { at: now, attempt: effect.attempt, what, detail: None };
        transition::effect(&mut effect, to, note, Proof::Person).map_err(|error| error.to_string())?;
        effect.result = result;
        effect.unknown_since = None;
        effect.look_up_at = None;
        let facts = json!({ "effect": effect.id, "step": effect.step, "truth": person_says(truth) });
        let (state, reason) = undo::next(&effect, &effects);
        let expected = effect.version;
        writes.push(Write::Effect { effect: Box::new(effect), expected });
        transition::record(&mut record, state, reason, now).map_err(|error| error.to_string())?;
        self.store_order(record, order, "effect.resolved", writes, facts)
            .await
            .map_err(|error| error.to_string())
    }

    /// Looks an effect up and takes the one that a person named.
    async fn found(
        &self,
        effect: &EffectEntry,
        value: &str,
    ) -> Result<(Value, Vec<crate::store::Document>), Refused> {
        let (connection, _, create) = self.operation_of(effect)?;
        let reference = effect.reference.as_deref().unwrap_or_default();
        match look_up(&connection, "resolve", create, effect).await {
            Look::Found { found, documents } => {
                let named = found.into_iter().find(|one| mentions(one, value));
                named.map(|one| (one, documents)).ok_or_else(|| {
                    format!(
                        "a look-up of {reference} does not find {value}; check it, or give the whole result with \
                         --exists-with FILE"
                    )
                })
            }
            Look::Failed { message, .. } => Err(format!("{reference} cannot be looked up: {message}")),
        }
    }

    fn operation_of<'a>(
        &'a self,
        effect: &EffectEntry,
    ) -> Result<(Arc<super::connection::Connection>, &'a Operation, &'a CreateEffect), Refused> {
        let gone = || format!("the step {} is not part of the mapping any more", effect.step);
        let flow = self.flow_of(&effect.record).ok_or_else(gone)?;
        let (_, role, operation) = call_at(&flow.flow.steps, &effect.operation).ok_or_else(gone)?;
        match &operation.effect {
            Effect::Create(create) => Ok((Arc::clone(flow.connection(role)), operation, create)),
            Effect::Read | Effect::Idempotent => Err(gone()),
        }
    }

    pub(super) fn flow_of(&self, id: &RecordId) -> Option<&Arc<FlowRuntime>> {
        self.flows.iter().find(|flow| flow.used == id.mapping() && flow.flow.name == id.flow())
    }

    /// The records an order is about; what names nothing comes back as its own problem.
    pub(super) fn chosen(
        &self,
        which: &Selection,
        states: &[RecordState],
    ) -> Result<Vec<Result<RecordId, Ordered>>, StoreError> {
        let store = &*self.shared.store;
        match which {
            Selection::Named(texts) => texts
                .iter()
                .map(|text| {
                    Ok(one(store, text)?.map_err(|problem| Ordered {
                        record: text.clone(),
                        state: None,
                        problem: Some(problem),
                    }))
                })
                .collect(),
            Selection::Matching(query) => {
                let mut query = query.clone();
                if query.states.is_empty() {
                    query.states = states.to_vec();
                }
                Ok(store.records(&query)?.into_iter().map(|record| Ok(record.id)).collect())
            }
        }
    }
}

fn shown(store: &dyn Store, text: &str) -> Reply {
    let gather = || -> Result<Result<Shown, String>, StoreError> {
        let id = match one(store, text)? {
            Ok(id) => id,
            Err(problem) => return Ok(Err(problem)),
        };
        let Some(record) = store.record(&id)? else { return Ok(Err(format!("there is no record {id}"))) };
        let query = AuditQuery { record: Some(id.clone()), bodies: true, ..AuditQuery::default() };
        Ok(Ok(Shown {
            record,
            effects: store.effects_of(&id)?,
            links: store.links_of(&id)?,
            documents: store.documents(&id, false)?,
            audit: store.audit(&query)?,
        }))
    };
    match gather() {
        Ok(Ok(shown)) => Reply::Shown(Box::new(shown)),
        Ok(Err(problem)) => failed(problem),
        Err(error) => failed(error),
    }
}

fn documents(store: &dyn Store, text: &str, kind: Option<&str>) -> Reply {
    let gather = || -> Result<Reply, StoreError> {
        let id = match one(store, text)? {
            Ok(id) => id,
            Err(problem) => return Ok(failed(problem)),
        };
        let mut kept = store.documents(&id, true)?;
        kept.retain(|document| kind.is_none_or(|kind| document.kind == kind));
        Ok(Reply::Documents(kept))
    };
    gather().unwrap_or_else(failed)
}

/// The one record that `text` names: an id, a key, or a linked value. Of several it is the one that was linked so: a
/// tracking number is the key of what is told about an order, and a link of the order itself.
fn one(store: &dyn Store, text: &str) -> Result<Result<RecordId, String>, StoreError> {
    if let Some(id) = RecordId::parse(text)
        && store.record(&id)?.is_some()
    {
        return Ok(Ok(id));
    }
    let query = RecordQuery { text: Some(text.to_owned()), ..RecordQuery::default() };
    let mut ids: Vec<RecordId> = store.records(&query)?.into_iter().map(|record| record.id).collect();
    if ids.len() > 1
        && let [linked] = &store.linked(None, text)?[..]
    {
        return Ok(Ok(linked.clone()));
    }
    Ok(match ids.len() {
        0 => Err(format!("no record has the id, key or link `{text}`")),
        1 => Ok(ids.remove(0)),
        _ => {
            let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
            Err(format!("`{text}` names several records; say which: {}", names.join(", ")))
        }
    })
}

/// The step that calls `role.operation`, in these steps or their loops, with the role and the operation.
pub(super) fn call_at<'a>(steps: &'a [Step], wanted: &str) -> Option<(&'a Step, &'a str, &'a Operation)> {
    steps.iter().find_map(|step| match &step.kind {
        StepKind::Call { role, operation, .. } => {
            (format!("{role}.{}", operation.name) == wanted).then_some((step, role.as_str(), &**operation))
        }
        StepKind::ForEach { steps, .. } => call_at(steps, wanted),
        _ => None,
    })
}

fn mentions(result: &Value, wanted: &str) -> bool {
    match result {
        Value::String(text) => text == wanted,
        Value::Array(items) => items.iter().any(|item| mentions(item, wanted)),
        Value::Object(fields) => fields.values().any(|value| mentions(value, wanted)),
        _ => false,
    }
}

fn person_says(truth: &Truth) -> &'static str {
    match truth {
        Truth::Exists { .. } | Truth::ExistsWith { .. } => "it exists",
        Truth::Absent => "it does not exist, send again",
        Truth::Cancelled => "it shall not be sent",
    }
}

/// A state as people write it.
fn word(state: RecordState) -> String {
    serde_json::to_value(state)
        .ok()
        .and_then(|value| value.as_str().map(|text| text.replace('_', " ")))
        .unwrap_or_default()
}

pub(super) fn ordered(id: &RecordId, state: Option<RecordState>, problem: Option<String>) -> Ordered {
    Ordered { record: id.to_string(), state, problem }
}

pub(super) fn failed(error: impl ToString) -> Reply {
    Reply::Failed(Failure { message: error.to_string() })
}
