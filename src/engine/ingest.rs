//! What becomes of a record that a source brings: new, unchanged, changed, no longer wanted.
//!
//! Decides only; `arrive` commits what is decided together with the cursor.

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::transition::{self, Illegal};
use crate::base::RecordId;
use crate::spec::model::AfterDone;
use crate::store::{Beginning, Merged, Notice, PendingRevision, Reason, Record, RecordState};

/// What the audit says of a telling that changes nothing that counts.
pub(super) const MERGED: &str = "record.merged";

/// What a notice says of an edit that came too late.
const EDITED: &str = "It was edited after it was done; nothing was sent";

/// What a notice says of an edit that came when something was done already, and the rest is tried again because of it.
const EDITED_BEHIND: &str = "It was edited when a part of it was done already; that part was not sent again";

/// A record as the source has it now, with what the flow's expressions made of it.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its name.
    pub id: RecordId,
    /// The source's record.
    pub source: Value,
    /// The fingerprint of what counts as its content.
    pub fingerprint: String,
    /// What the flow's `idempotency_key:` yields.
    pub idempotency_key: String,
    /// Whether the flow's `select:` wants it.
    pub selected: bool,
    /// When it came.
    pub at: Timestamp,
    /// The revision of the mapping that runs now.
    pub mapping_revision: String,
    /// Fields whose change is not worth telling.
    pub volatile: Vec<String>,
    /// Which tellings the content came from, where the flow merges them and they are several.
    pub merged: Option<Merged>,
    /// Whether the flow merges tellings: then what does not count as a change is kept all the same, so that later
    /// tellings are merged with all that was told before.
    pub merges: bool,
}

/// What is to be done about an [`Arrival`].
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Nothing.
    Unchanged,
    /// Store this record; `event` says what happened, for the audit.
    Store {
        /// The record as it shall be.
        record: Box<Record>,
        /// The version it was read with; 0 for a new one.
        expected: u64,
        /// Such as `record.received`.
        event: &'static str,
    },
}

/// Decides about `arrival`. `made` says whether an effect for the record took place, is on its way or is in doubt:
/// then its content must not be swapped under it.
///
/// # Errors
/// When the record's state has no such move: a bug.
pub fn decide(
    existing: Option<Record>,
    made: bool,
    arrival: Arrival,
    after_done: AfterDone,
) -> Result<Decision, Illegal> {
    let Some(record) = existing else {
        return Ok(Decision::Store {
            event: first_event(&arrival),
            record: Box::new(first(arrival)),
            expected: 0,
        });
    };
    let known = record.pending.as_ref().map_or(&record.fingerprint, |pending| &pending.fingerprint);
    let changed = *known != arrival.fingerprint;
    let told = (arrival.merges && !changed).then(|| (record.clone(), arrival.clone()));
    let decision = match record.state {
        RecordState::Skipped | RecordState::Parked | RecordState::Received | RecordState::Waiting
            if !made =>
        {
            unmade(record, changed, arrival)
        }
        _ if !changed => Ok(Decision::Unchanged),
        RecordState::Running | RecordState::Received | RecordState::Waiting | RecordState::InDoubt => {
            Ok(postpone(record, arrival))
        }
        RecordState::Parked | RecordState::Skipped => Ok(postpone_and_retry(record, arrival)?),
        RecordState::Done => finished(record, arrival, after_done),
        RecordState::Discarded => Ok(report(record, arrival, "It was discarded, so nothing is sent")),
    }?;
    Ok(match (decision, told) {
        (Decision::Unchanged, Some((record, arrival))) => keep_told(record, made, arrival),
        (decision, _) => decision,
    })
}

/// Keeps a content that differs in nothing that counts. It is not put under a run that has begun.
fn keep_told(mut record: Record, made: bool, arrival: Arrival) -> Decision {
    let begun = match record.state {
        RecordState::Running | RecordState::InDoubt => true,
        RecordState::Received | RecordState::Waiting => made,
        _ => false,
    };
    let known = match &record.pending {
        Some(pending) => (&pending.source, &pending.merged),
        None => (&record.source, &record.merged),
    };
    if known == (&arrival.source, &arrival.merged) {
        return Decision::Unchanged;
    }
    if begun || record.pending.is_some() {
        record.pending = Some(pending(arrival));
        return Decision::Store { expected: record.version, record: Box::new(record), event: MERGED };
    }
    let expected = record.version;
    record.source = arrival.source;
    record.merged = arrival.merged;
    Decision::Store { record: Box::new(record), expected, event: MERGED }
}

/// Applies a content that had to wait, now that the record has come to an end. Returns the audit event, or `None`
/// when nothing was pending.
///
/// # Errors
/// When the record's state has no such move: a bug.
pub fn apply_pending(
    record: &mut Record,
    made: bool,
    after_done: AfterDone,
    volatile: &[String],
    now: Timestamp,
) -> Result<Option<&'static str>, Illegal> {
    if matches!(record.state, RecordState::InDoubt | RecordState::Waiting | RecordState::Running) {
        return Ok(None);
    }
    let Some(pending) = record.pending.take() else { return Ok(None) };
    if pending.fingerprint == record.fingerprint {
        // An edit that was taken back, or a telling that changes nothing that counts.
        record.source = pending.source;
        record.merged = pending.merged;
        return Ok(Some(MERGED));
    }
    match record.state {
        RecordState::Done if after_done == AfterDone::Repeat => {
            return begin_anew(record, *pending, now).map(Some);
        }
        RecordState::Parked | RecordState::Skipped | RecordState::Received => {
            // What was made is not made again for another content, unless the flow says so.
            let goes_on = made && after_done != AfterDone::Repeat;
            let go = if goes_on {
                go_on(record, *pending, after_done, volatile, now)
            } else {
                begin_anew(record, *pending, now)
            };
            return go.map(Some);
        }
        _ => {}
    }
    let ignored = record.state == RecordState::Done && after_done == AfterDone::Ignore;
    if !ignored {
        let changes = differences(&record.source, &pending.source, volatile);
        record.notices.push(notice(changes, now, EDITED));
    }
    take(record, *pending);
    record.changed = now;
    Ok(Some(if ignored { "record.edit_ignored" } else { "record.edit_reported" }))
}

/// Works on a content that had to wait from the beginning, as if it came only now: known effects are not made again.
fn begin_anew(
    record: &mut Record,
    pending: PendingRevision,
    now: Timestamp,
) -> Result<&'static str, Illegal> {
    let beginning = pending.beginning.clone();
    take(record, pending);
    record.results = Vec::new();
    let wanted = beginning.as_ref().is_none_or(|beginning| beginning.selected);
    if let Some(beginning) = beginning {
        record.idempotency_key = beginning.idempotency_key;
        record.mapping_revision = beginning.mapping_revision;
    }
    match record.state {
        // As for one that changes after it is done: what it was sent as is to be mended.
        RecordState::Done => {}
        RecordState::Skipped if !wanted => {
            (record.reason, record.changed) = (Some(not_selected()), now);
            return Ok("record.skipped");
        }
        _ if !wanted => {
            transition::record(record, RecordState::Skipped, Some(not_selected()), now)?;
            return Ok("record.skipped");
        }
        _ => {}
    }
    transition::record(record, RecordState::Received, None, now)?;
    Ok("record.changed")
}

/// Goes on behind what was made, with what the run knows already: the change may be the cure. People are told of it, since
/// what was made does not have it.
fn go_on(
    record: &mut Record,
    pending: PendingRevision,
    after_done: AfterDone,
    volatile: &[String],
    now: Timestamp,
) -> Result<&'static str, Illegal> {
    if after_done == AfterDone::Report {
        let changes = differences(&record.source, &pending.source, volatile);
        record.notices.push(notice(changes, now, EDITED_BEHIND));
    }
    take(record, pending);
    transition::record(record, RecordState::Received, None, now)?;
    Ok("record.changed")
}

/// The content that had to wait is the record's now.
fn take(record: &mut Record, pending: PendingRevision) {
    record.source = pending.source;
    record.merged = pending.merged;
    record.fingerprint = pending.fingerprint;
    record.revision += 1;
}

fn first_event(arrival: &Arrival) -> &'static str {
    if arrival.selected { "record.received" } else { "record.skipped" }
}

fn first(arrival: Arrival) -> Record {
    let state = if arrival.selected { RecordState::Received } else { RecordState::Skipped };
    Record {
        fingerprint: arrival.fingerprint,
        mapping_revision: arrival.mapping_revision,
        idempotency_key: arrival.idempotency_key,
        reason: (!arrival.selected).then(not_selected),
        merged: arrival.merged,
        ..Record::new(arrival.id, state, arrival.source, arrival.at)
    }
}

fn not_selected() -> Reason {
    Reason::new("The flow's `select` does not want it")
}

/// Nothing was done for the record yet, so the newest content simply takes the place of the old one.
fn unmade(mut record: Record, changed: bool, arrival: Arrival) -> Result<Decision, Illegal> {
    let expected = record.version;
    let event = if !arrival.selected {
        if record.state == RecordState::Skipped && !changed {
            return Ok(Decision::Unchanged);
        }
        if record.state != RecordState::Skipped {
            transition::record(&mut record, RecordState::Skipped, Some(not_selected()), arrival.at)?;
        }
        "record.skipped"
    } else if changed || record.state == RecordState::Skipped && was_not_selected(&record) {
        transition::record(&mut record, RecordState::Received, None, arrival.at)?;
        "record.changed"
    } else {
        return Ok(Decision::Unchanged);
    };
    record.revision += 1;
    record.source = arrival.source;
    record.merged = arrival.merged;
    record.fingerprint = arrival.fingerprint;
    record.idempotency_key = arrival.idempotency_key;
    record.mapping_revision = arrival.mapping_revision;
    record.results = Vec::new();
    record.pending = None;
    record.changed = arrival.at;
    Ok(Decision::Store { record: Box::new(record), expected, event })
}

/// Tells "not selected" from "skipped by a check", which only a changed content may try again.
fn was_not_selected(record: &Record) -> bool {
    record.reason.as_ref().is_none_or(|reason| reason.step.is_none())
}

fn postpone(mut record: Record, arrival: Arrival) -> Decision {
    let expected = record.version;
    record.changed = arrival.at;
    record.pending = Some(pending(arrival));
    Decision::Store { record: Box::new(record), expected, event: "record.change_pending" }
}

fn pending(arrival: Arrival) -> Box<PendingRevision> {
    Box::new(PendingRevision {
        source: arrival.source,
        fingerprint: arrival.fingerprint,
        received: arrival.at,
        merged: arrival.merged,
        beginning: Some(Beginning {
            idempotency_key: arrival.idempotency_key,
            mapping_revision: arrival.mapping_revision,
            selected: arrival.selected,
        }),
    })
}

/// Parked behind an effect that was made (a write-back that was refused, say): the change may be the cure.
fn postpone_and_retry(record: Record, arrival: Arrival) -> Result<Decision, Illegal> {
    let now = arrival.at;
    let Decision::Store { mut record, expected, .. } = postpone(record, arrival) else {
        return Ok(Decision::Unchanged);
    };
    // The steps go on with the content they began with; the newer one is then reported.
    let pending = record.pending.take();
    transition::record(&mut record, RecordState::Received, None, now)?;
    record.pending = pending;
    Ok(Decision::Store { record, expected, event: "record.change_pending" })
}

fn finished(mut record: Record, arrival: Arrival, after_done: AfterDone) -> Result<Decision, Illegal> {
    match after_done {
        AfterDone::Report => Ok(report(record, arrival, EDITED)),
        AfterDone::Repeat => {
            let expected = record.version;
            transition::record(&mut record, RecordState::Received, None, arrival.at)?;
            record.revision += 1;
            record.source = arrival.source;
            record.merged = arrival.merged;
            record.fingerprint = arrival.fingerprint;
            record.idempotency_key = arrival.idempotency_key;
            record.mapping_revision = arrival.mapping_revision;
            record.results = Vec::new();
            Ok(Decision::Store { record: Box::new(record), expected, event: "record.changed" })
        }
        AfterDone::Ignore => {
            let expected = record.version;
            record.source = arrival.source;
            record.merged = arrival.merged;
            record.fingerprint = arrival.fingerprint;
            record.revision += 1;
            Ok(Decision::Store { record: Box::new(record), expected, event: "record.edit_ignored" })
        }
    }
}

fn report(mut record: Record, arrival: Arrival, message: &str) -> Decision {
    let expected = record.version;
    let changes = differences(&record.source, &arrival.source, &arrival.volatile);
    record.notices.push(notice(changes, arrival.at, message));
    record.source = arrival.source;
    record.merged = arrival.merged;
    record.fingerprint = arrival.fingerprint;
    record.revision += 1;
    record.changed = arrival.at;
    Decision::Store { record: Box::new(record), expected, event: "record.edit_reported" }
}

fn notice(changes: Value, at: Timestamp, message: &str) -> Notice {
    Notice { at, message: message.to_owned(), changes, acknowledged: None }
}

/// The fields in which two records differ, less the `volatile` ones: `[{ field, from, to }]`.
fn differences(from: &Value, to: &Value, volatile: &[String]) -> Value {
    let empty = serde_json::Map::new();
    let from = from.as_object().unwrap_or(&empty);
    let to = to.as_object().unwrap_or(&empty);
    let gone = from
        .iter()
        .filter(|(field, _)| !to.contains_key(*field))
        .map(|(field, old)| (field, old, &Value::Null));
    to.iter()
        .map(|(field, new)| (field, from.get(field).unwrap_or(&Value::Null), new))
        .chain(gone)
        .filter(|(field, old, new)| old != new && !volatile.contains(*field))
        .map(|(field, old, new)| json!({ "field": field, "from": old, "to": new }))
        .collect()
}
