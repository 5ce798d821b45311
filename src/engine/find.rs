//! Finds the record of the mapping that another one is about, waits for it where it is not known yet, and holds it.
//!
//! What is found is held until the run has ended and is committed. So whatever a run reads and writes for an order, no other
//! run about the same order does at the same time.
//!
//! No two wait for each other for ever: whoever holds a record because it was found waits for a further one only for a
//! while, and then lets all go and comes again later. (Who waits without an end, a source that brings records or the worker
//! of a flow, waits for records of that one flow, and holds none that was found.)

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::OwnedMutexGuard;

use super::run::{Ending, Flowing, Run};
use crate::base::{RecordId, clock};
use crate::expression::Template;
use crate::spec::model::{Otherwise, Step, StepKind, every_step};
use crate::store::{Record, StepResult, Store, StoreError};

/// How long a record that was found is waited for while somebody works on it.
const LONGEST_LOCK: Duration = Duration::from_secs(5);

/// How long a record waits that could not hold the one it found.
const PAUSE: Duration = Duration::from_secs(1);

/// The first and the longest wait between two looks for a record that is not known yet.
const FIRST_LOOK: Duration = Duration::from_secs(1);
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// What the results of a record call the time since which it looks for another one. No step has this path: a `find` has no
/// steps inside it.
const SOUGHT: &str = ".sought";

/// A record that a run holds because it found it.
#[derive(Debug)]
pub(super) struct Held {
    id: RecordId,
    _lock: OwnedMutexGuard<()>,
}

/// What a record looks for.
#[derive(Debug, Clone)]
pub struct Sought {
    kind: String,
    value: String,
    flow: Option<String>,
}

impl Sought {
    /// The record that changed last of those that the link leads to, for the record `own`.
    pub(super) fn latest(&self, store: &dyn Store, own: &RecordId) -> Result<Option<Record>, StoreError> {
        let wanted = |id: &RecordId| {
            let flow = self.flow.as_ref().map_or_else(|| id.flow() != own.flow(), |flow| id.flow() == flow);
            id != own && id.mapping() == own.mapping() && flow
        };
        let mut latest: Option<Record> = None;
        for id in store.linked(Some(&self.kind), &self.value)?.into_iter().filter(wanted) {
            let Some(record) = store.record(&id)? else { continue };
            if latest.as_ref().is_none_or(|other| other.changed < record.changed) {
                latest = Some(record);
            }
        }
        Ok(latest)
    }
}

/// Forgets since when a record looks for others, so that a person's order makes it wait for them anew.
pub(super) fn forget(results: &mut Vec<StepResult>) {
    results.retain(|result| !result.step.ends_with(SOUGHT));
}

impl Run<'_> {
    pub(super) async fn find(&mut self, step: &Step, path: &str) -> Flowing {
        let StepKind::Find { kind, value, flow, wait, otherwise } = &step.kind else { return Ok(None) };
        let value = match linked_value(value, self) {
            Ok(value) => value,
            Err(error) => return Ok(Some(self.unevaluable(step, path, &error))),
        };
        let Some(value) = value else {
            // What has no name never comes.
            return Ok(Some(self.otherwise(step, path, otherwise)));
        };
        let sought = Sought { kind: kind.clone(), value, flow: flow.clone() };
        let found = match self.found_before(path)? {
            Some(found) => Some(found),
            None => sought.latest(&*self.shared.store, &self.record.id)?,
        };
        match found {
            Some(found) => self.hold(step, path, found).await,
            None => Ok(Some(self.seek(step, path, sought, *wait, otherwise))),
        }
    }

    /// The record that an earlier run of this content found: what was done since was done for it.
    fn found_before(&self, path: &str) -> Result<Option<Record>, StoreError> {
        let Some(known) = self.known(path) else { return Ok(None) };
        let part = |name: &str| known.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        self.shared.store.record(&RecordId::new(self.record.id.mapping(), &part("flow"), &part("key")))
    }

    /// The record was linked, so flows of the mapping whose records look for others may have something to do.
    pub(super) fn tell_finders(&self) {
        for (name, flow) in &self.flow.mapping.flows {
            let mut finds = false;
            every_step(&flow.steps, &mut |step| finds |= matches!(step.kind, StepKind::Find { .. }));
            if finds {
                self.shared.rouse(&format!("{}/{name}", self.flow.used));
            }
        }
    }

    async fn hold(&mut self, step: &Step, path: &str, found: Record) -> Flowing {
        if self.held.is_empty() {
            // What was asked before does not depend on what is held.
            self.outdated.clear();
        }
        if self.held.iter().all(|held| held.id != found.id) {
            let lock = tokio::select! {
                lock = tokio::time::timeout(LONGEST_LOCK, self.shared.lock(&found.id)) => lock.ok(),
                () = self.shared.stop.cancelled() => None,
            };
            let Some(lock) = lock else {
                let until = Some(clock::add(self.now(), PAUSE));
                let reason = self.reason(step, path, format!("{} is being worked on", found.id));
                return Ok(Some(Ending::Wait { until, reason, retry: None }));
            };
            self.held.push(Held { id: found.id.clone(), _lock: lock });
        }
        // It may have changed before it was held.
        let found = self.shared.store.record(&found.id)?.unwrap_or(found);
        let value = json!({
            "flow": found.id.flow(),
            "key": found.id.key(),
            "idempotency_key": found.idempotency_key,
        });
        if let Some(id) = &step.id {
            self.values.set(id, &value);
        }
        let sought = format!("{path}{SOUGHT}");
        self.record.results.retain(|known| known.step != path && known.step != sought);
        self.record.results.push(StepResult { step: path.to_owned(), value });
        Ok(None)
    }

    /// Waits for a record that is not known yet: each time as long as it has waited already, within limits.
    fn seek(
        &mut self,
        step: &Step,
        path: &str,
        looked_for: Sought,
        wait: Duration,
        otherwise: &Otherwise,
    ) -> Ending {
        let now = self.now();
        let sought = format!("{path}{SOUGHT}");
        let before = self.known(&sought).and_then(|since| since.as_str()?.parse::<Timestamp>().ok());
        let since = before.unwrap_or(now);
        let end = clock::add(since, wait);
        // A rehearsal has all the records that there are.
        if now >= end || self.shared.script.is_some() {
            self.record.results.retain(|known| known.step != sought);
            return self.otherwise(step, path, otherwise);
        }
        if before.is_none() {
            let value = Value::from(since.to_string());
            self.record.results.push(StepResult { step: sought, value });
        }
        let pause = clock::between(since, now).clamp(FIRST_LOOK, LONGEST_LOOK);
        let message = format!(
            "it waits for the record with the {} {}, which is not known yet",
            looked_for.kind, looked_for.value
        );
        let reason = self.reason(step, path, message);
        Ending::Seek {
            until: clock::add(now, pause).min(end),
            reason,
            sought: looked_for,
            again: before.is_some(),
        }
    }
}

/// The name that the record is looked for by; `None` where there is none.
fn linked_value(
    template: &Template,
    run: &Run<'_>,
) -> Result<Option<String>, crate::expression::EvaluationError> {
    Ok(match template.evaluate(&run.values)? {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}
