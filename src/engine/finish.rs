//! How a run ends: the record's new state, its reason and when it goes on, in one commit.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::find::Sought;
use super::ingest;
use super::run::{Ending, Run, Stop};
use super::shared::Shared;
use super::transition;
use crate::base::{clock, crash, random};
use crate::http::backoff;
use crate::store::{
    AuditDraft, Batch, EffectEntry, EffectState, Notice, Reason, Record, RecordState, StoreError, Write,
};

impl Run<'_> {
    /// Commits how the run ended.
    pub(super) async fn finish(mut self, ending: Ending) -> Result<Ended, Stop> {
        let now = self.now();
        self.let_go(&ending);
        let halted = match &ending {
            Ending::Halt { reason, until } => Some((reason.message.clone(), *until)),
            _ => None,
        };
        let seeks = match &ending {
            Ending::Seek { sought, .. } => Some(sought.clone()),
            _ => None,
        };
        // A wait that goes on is told once.
        let goes_on = matches!(ending, Ending::Seek { again: true, .. });
        let changed = self.record.changed;
        let (state, reason, due) = self.destination(ending, now);
        transition::record(&mut self.record, state, reason, now)?;
        self.record.due = due.unwrap_or(now);
        if goes_on {
            self.record.changed = changed;
        }
        self.record.again = self.again.take().filter(|_| state == RecordState::Done);
        let facts = json!({
            "reason": self.record.reason.as_ref().map(|reason| &reason.message),
            "code": self.record.reason.as_ref().and_then(|reason| reason.code.as_ref()),
            "step": self.record.reason.as_ref().and_then(|reason| reason.step.as_ref()),
            "place": self.record.reason.as_ref().and_then(|reason| reason.place.as_ref()),
            "revision": self.record.revision,
            "due": due.map(|due| due.to_string()),
            "again": self.record.again.map(|again| again.to_string()),
        });
        if !goes_on {
            self.audit(event_of(state), facts, None);
        }
        self.apply_pending(now)?;
        crash::point("record.before_done_commit");
        self.commit().await?;
        crash::point("record.after_done_commit");
        Ok(Ended { state: self.record.state, halted, seeks })
    }

    /// Tells people, once for as long as nobody has seen to it.
    fn report(&mut self, reason: Reason, now: Timestamp) {
        let known = |notice: &Notice| notice.acknowledged.is_none() && notice.message == reason.message;
        if !self.record.notices.iter().any(known) {
            let (message, changes) = (reason.message.clone(), Value::Array(Vec::new()));
            self.record.notices.push(Notice { at: now, message, changes, acknowledged: None });
        }
        let facts = json!({ "message": reason.message, "step": reason.step, "place": reason.place });
        self.audit("record.reported", facts, reason.detail.map(|detail| json!({ "shown": detail })));
    }

    fn apply_pending(&mut self, now: Timestamp) -> Result<(), Stop> {
        if self.record.pending.is_none() {
            return Ok(());
        }
        let made = self.made()?;
        let after_done = self.flow.flow.on_change.after_done;
        let volatile = &self.flow.shape.volatile;
        if let Some(event) = ingest::apply_pending(&mut self.record, made, after_done, volatile, now)? {
            self.audit(event, json!({ "revision": self.record.revision }), None);
        }
        Ok(())
    }

    /// Whether an effect for the record took place, is on its way or is in doubt, by what is about to be written as well.
    fn made(&self) -> Result<bool, StoreError> {
        let mut effects = self.shared.store.effects_of(&self.record.id)?;
        for write in &self.writes {
            if let Write::Effect { effect, .. } = write {
                effects.retain(|known| known.id != effect.id);
                effects.push((**effect).clone());
            }
        }
        Ok(effects.iter().any(is_made))
    }

    /// The state, reason and due time that an ending leads to.
    fn destination(
        &mut self,
        ending: Ending,
        now: Timestamp,
    ) -> (RecordState, Option<Reason>, Option<Timestamp>) {
        match ending {
            Ending::Done => (RecordState::Done, None, None),
            Ending::Report(reason) => {
                self.report(reason, now);
                (RecordState::Done, None, None)
            }
            Ending::Enough(reason) => (RecordState::Done, Some(reason), None),
            Ending::Skip(reason) => (RecordState::Skipped, Some(reason), None),
            Ending::Park(reason) => (RecordState::Parked, Some(reason), None),
            Ending::Discard(reason) => (RecordState::Discarded, Some(reason), None),
            Ending::InDoubt(reason) => (RecordState::InDoubt, Some(reason), None),
            Ending::Seek { until, reason, .. } => (RecordState::Waiting, Some(reason), Some(until)),
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
    /// What it waits for, where that is a record which is not known yet.
    pub(super) seeks: Option<Sought>,
}

impl Ended {
    /// One that leaves its flow alone.
    pub(super) fn new(state: RecordState) -> Self {
        Self { state, halted: None, seeks: None }
    }
}

/// Parks a record whose mapping, as it was when it began, is nowhere to be found.
pub(super) async fn park_without_mapping(shared: &Shared, mut record: Record) -> Result<Ended, Stop> {
    let now = shared.clock.now();
    let reason = Reason::new(
        "the mapping that it began with cannot be loaded any more; replay it to use the mapping as it is now",
    );
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
    Ok(Ended::new(RecordState::Parked))
}

/// Whether an effect for the record took place, is on its way or is in doubt.
pub(super) fn made(shared: &Shared, record: &Record) -> Result<bool, StoreError> {
    Ok(shared.store.effects_of(&record.id)?.iter().any(is_made))
}

fn is_made(effect: &EffectEntry) -> bool {
    use EffectState::{Confirmed, InDoubt, Sending, Undoing, Unknown};
    matches!(effect.state, Sending | Confirmed | Unknown | InDoubt | Undoing)
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
