//! Runs one record through the steps of its flow, from wherever it stands.
//!
//! Results of calls are kept with the record, so that a run that was interrupted goes on with what it knew: a check
//! that let an order pass does not judge it anew after its shipment was booked. What it does not go on with is said in
//! `afresh`.

use std::collections::BTreeSet;
use std::pin::Pin;

use jiff::Timestamp;
use serde_json::Value;

use super::calls::CallStep;
use super::find::{Held, Sought};
use super::finish::Ended;
use super::flow::FlowRuntime;
use super::shared::Shared;
use super::transition::Illegal;
use crate::base::clock;
use crate::expression::{EvaluationError, Template, ValueTemplate, Values};
use crate::spec::model::{Otherwise, OtherwiseAction, Retry, Step, StepKind};
use crate::store::{AuditDraft, Batch, Reason, Record, StoreError, Write};

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
    /// Nothing more is done, and people are told.
    Report(Reason),
    /// Nothing more is to be done.
    Enough(Reason),
    /// Not for this flow after all.
    Skip(Reason),
    /// A person decides.
    Park(Reason),
    /// What took place was undone, and nothing more happens.
    Discard(Reason),
    /// It waits for another record, which is not known yet.
    Seek {
        /// When it looks again.
        until: Timestamp,
        /// Why.
        reason: Reason,
        /// For what.
        sought: Sought,
        /// Whether it has looked before.
        again: bool,
    },
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
    /// The inboxes of flows that are told with it.
    pub(super) told: BTreeSet<String>,
    /// Records that were found, until the run has ended.
    pub(super) held: Vec<Held>,
    /// Where the results are kept that may be out of date once the run was broken off.
    pub(super) outdated: Vec<String>,
    /// The step that failed last, until it has worked.
    pub(super) failed_at: Option<String>,
    /// When the record comes again, once its steps have come to their natural end.
    pub(super) again: Option<Timestamp>,
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
        Self::begin(shared, flow, record).through().await
    }

    pub(super) fn begin(shared: &'a Shared, flow: &'a FlowRuntime, record: Record) -> Self {
        let mut values = flow.names(shared);
        values.set(&flow.flow.record, &record.source);
        values.set("key", &Value::from(record.id.key()));
        values.set("idempotency_key", &Value::from(record.idempotency_key.as_str()));
        let failed_at = record.reason.as_ref().and_then(|reason| reason.step.clone());
        Self {
            shared,
            flow,
            record,
            values,
            writes: Vec::new(),
            told: BTreeSet::new(),
            held: Vec::new(),
            outdated: Vec::new(),
            failed_at,
            again: None,
        }
    }

    /// Goes through the steps, and commits how that ended.
    pub(super) async fn through(mut self) -> Result<Ended, Stop> {
        let flow = self.flow;
        let ending = match self.steps(&flow.flow.steps, "", "").await? {
            Some(ending) => ending,
            None => match self.comes_again() {
                Ok(again) => {
                    self.again = again;
                    Ending::Done
                }
                Err(message) => {
                    let place = Some(flow.flow.place.to_string());
                    Ending::Park(Reason { place, ..Reason::new(message) })
                }
            },
        };
        self.finish(ending).await
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
                    self.left_out(step);
                    return Ok(None);
                }
                Err(error) => return Ok(Some(self.unevaluable(step, &path, &error))),
            }
        }
        match &step.kind {
            StepKind::Call { with, .. } => match with.evaluate(&self.values) {
                Ok(input) => match CallStep::of(step, path, input) {
                    Some(call) => self.call(call).await,
                    None => Ok(None),
                },
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
            StepKind::Put(rows) => Ok(self.put_rows(step, &path, rows)),
            StepKind::ForEach { .. } => self.for_each(step, &path).await,
            StepKind::Find { .. } => self.find(step, &path).await,
            StepKind::Tell(told) => Ok(self.tell(step, &path, told)),
        }
    }

    /// The names of a step that is not done are there all the same, and nothing.
    fn left_out(&mut self, step: &Step) {
        let refusal = match &step.kind {
            StepKind::Call { refusal, .. } => refusal.as_ref(),
            _ => None,
        };
        step.id.iter().chain(refusal).for_each(|name| self.values.set(name, &Value::Null));
    }

    async fn for_each(&mut self, step: &Step, path: &str) -> Flowing {
        let StepKind::ForEach { list, name, key, steps, give } = &step.kind else { return Ok(None) };
        let items = match list.evaluate(&self.values) {
            Ok(Value::Array(items)) => items,
            Ok(Value::Null) => Vec::new(),
            Ok(single) => vec![single],
            Err(error) => return Ok(Some(self.unevaluable(step, path, &error))),
        };
        let written = format!("{}.", step.path);
        let labels = match key {
            Some(key) => match self.labels(name, key, &items) {
                Ok(labels) => labels,
                Err(message) => return Ok(Some(Ending::Park(self.reason(step, path, message)))),
            },
            None => (0..items.len()).map(|place| place.to_string()).collect(),
        };
        let mut given = Vec::new();
        for (item, label) in items.iter().zip(labels) {
            self.values.set(name, item);
            let actual = format!("{path}[{label}].");
            if let Some(ending) = self.steps(steps, &written, &actual).await? {
                return Ok(Some(ending));
            }
            match give.as_ref().map(|give| give.evaluate(&self.values)).transpose() {
                Ok(value) => given.extend(value),
                Err(error) => return Ok(Some(self.unevaluable(step, path, &error))),
            }
        }
        self.values.remove(name);
        if let (Some(id), Some(_)) = (&step.id, give) {
            self.values.set(id, &Value::Array(given));
        }
        Ok(None)
    }

    /// The items' keys, as the paths of what is done for them have them.
    ///
    /// # Errors
    /// Why they do not tell the items apart.
    fn labels(&mut self, name: &str, key: &Template, items: &[Value]) -> Result<Vec<String>, String> {
        const WHAT_TO_DO: &str = ": let `key` be what names an item in the mapping, then replay the record";
        let (mut labels, mut known) = (Vec::new(), BTreeSet::new());
        for (index, item) in items.iter().enumerate() {
            self.values.set(name, item);
            let key = key.text(&self.values).map_err(|error| error.to_string())?;
            let number = index + 1;
            if key.is_empty() {
                return Err(format!("the `key` of item {number} of the list is empty{WHAT_TO_DO}"));
            }
            // Without the characters that paths are made of.
            labels.push(key.replace('%', "%25").replace('[', "%5B").replace(']', "%5D"));
            if !known.insert(key.clone()) {
                return Err(format!(
                    "the `key` of item {number} of the list is `{key}`, as another item's is{WHAT_TO_DO}"
                ));
            }
        }
        Ok(labels)
    }

    fn check(
        &mut self,
        step: &Step,
        path: &str,
        condition: &Template,
        otherwise: &Otherwise,
    ) -> Option<Ending> {
        match condition.truth(&self.values) {
            Ok(true) => None,
            Ok(false) => Some(self.otherwise(step, path, otherwise)),
            Err(error) => Some(self.unevaluable(step, path, &error)),
        }
    }

    /// How a record ends that goes no further.
    pub(super) fn otherwise(&self, step: &Step, path: &str, otherwise: &Otherwise) -> Ending {
        let message = otherwise.message.text(&self.values).unwrap_or_else(|error| error.to_string());
        let detail = otherwise
            .show
            .as_ref()
            .map(|show| show.evaluate(&self.values).unwrap_or_else(|error| Value::from(error.to_string())));
        let reason = Reason { detail, ..self.reason(step, path, message) };
        match otherwise.action {
            OtherwiseAction::Park => Ending::Park(reason),
            OtherwiseAction::Skip => Ending::Skip(reason),
            OtherwiseAction::Report => Ending::Report(reason),
            OtherwiseAction::Done => Ending::Enough(reason),
        }
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

    /// Rows are written with the record's next commit, and seen by whoever asks after it.
    fn put_rows(
        &mut self,
        step: &Step,
        path: &str,
        rows: &[(String, Template, ValueTemplate)],
    ) -> Option<Ending> {
        let now = self.now();
        for (name, key, value) in rows {
            let row = key.text(&self.values).and_then(|key| Ok((key, value.evaluate(&self.values)?)));
            let (key, value) = match row {
                Ok(row) => row,
                Err(error) => return Some(self.unevaluable(step, path, &error)),
            };
            let table = self.flow.table(name);
            if let Some(keep) = self.flow.mapping.tables.get(name).and_then(|declared| declared.keep) {
                let before = clock::before(now, keep);
                self.writes.push(Write::Prune { table: table.clone(), before });
            }
            self.writes.push(Write::Row { table, key, value: Some(value), at: now });
        }
        None
    }

    pub(super) fn reason(&self, step: &Step, path: &str, message: String) -> Reason {
        Reason { step: Some(path.to_owned()), place: Some(step.place.to_string()), ..Reason::new(message) }
    }

    pub(super) fn unevaluable(&self, step: &Step, path: &str, error: &EvaluationError) -> Ending {
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

    /// Commits the record as it is now with everything that was noted.
    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        let expected = self.record.version;
        let mut writes = std::mem::take(&mut self.writes);
        let links = writes.iter().any(|write| matches!(write, Write::Link { .. }));
        writes.push(Write::Record { record: Box::new(self.record.clone()), expected });
        self.shared.store.commit(Batch { writes }).await?;
        self.record.version = expected + 1;
        self.wake_told();
        if links {
            self.tell_finders();
        }
        Ok(())
    }
}
