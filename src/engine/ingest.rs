//! What becomes of a record that a source brings: new, unchanged, changed, no longer wanted.
//!
//! Decides only; `arrive` commits what is decided together with the cursor.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::transition::{self, Illegal};
use crate::base::RecordId;
use crate::spec::model::AfterDone;
use crate::store::{Merged, Notice, PendingRevision, Reason, Record, RecordState};

/// What the audit says of a telling that changes nothing that counts.
pub(super) const MERGED: &str = "record.merged";

/// What a notice says of an edit that came too late.
const EDITED: &str = "It was edited after it was done; nothing was sent";

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
    let repeat = match record.state {
        RecordState::Done => after_done == AfterDone::Repeat,
        RecordState::Parked | RecordState::Skipped | RecordState::Received => true,
        _ => false,
    };
    if repeat {
        // What a run that goes on knows already; one that begins anew after its end knows nothing but its effects.
        let goes_on = made && record.state != RecordState::Done;
        let keep = if goes_on { std::mem::take(&mut record.results) } else { Vec::new() };
        record.source = pending.source;
        record.merged = pending.merged;
        record.fingerprint = pending.fingerprint;
        record.revision += 1;
        record.results = keep;
        transition::record(record, RecordState::Received, None, now)?;
        return Ok(Some("record.changed"));
    }
    let ignored = record.state == RecordState::Done && after_done == AfterDone::Ignore;
    if !ignored {
        let changes = differences(&record.source, &pending.source, volatile);
        record.notices.push(notice(changes, now, EDITED));
    }
    record.source = pending.source;
    record.merged = pending.merged;
    record.fingerprint = pending.fingerprint;
    record.revision += 1;
    record.changed = now;
    Ok(Some(if ignored { "record.edit_ignored" } else { "record.edit_reported" }))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(fingerprint: &str, selected: bool) -> Arrival {
        Arrival {
            id: RecordId::new("m", "f", "1"),
            source: json!({ "City": fingerprint, "Stamp": fingerprint }),
            fingerprint: fingerprint.to_owned(),
            idempotency_key: "1-a".to_owned(),
            selected,
            at: Timestamp::UNIX_EPOCH,
            mapping_revision: "new".to_owned(),
            volatile: vec!["Stamp".to_owned()],
            merged: None,
            merges: false,
        }
    }

    fn record(state: RecordState) -> Record {
        let mut record = first(arrival("a", true));
        record.state = state;
        record.version = 7;
        record.mapping_revision = "old".to_owned();
        record
    }

    /// What becomes of a record in `state` when `arrival` comes: the event and the record.
    fn come(
        state: RecordState,
        made: bool,
        arrival: Arrival,
        after: AfterDone,
    ) -> Option<(&'static str, Record)> {
        match decide(Some(record(state)), made, arrival, after).unwrap() {
            Decision::Unchanged => None,
            Decision::Store { record, expected, event } => {
                assert_eq!(expected, 7);
                Some((event, *record))
            }
        }
    }

    #[test]
    fn what_comes_again_unchanged_changes_nothing() {
        use RecordState::{Discarded, Done, InDoubt, Parked, Received, Running, Waiting};
        for state in [Received, Running, Waiting, Done, Parked, InDoubt, Discarded] {
            for made in [false, true] {
                assert_eq!(
                    come(state, made, arrival("a", true), AfterDone::Repeat),
                    None,
                    "{state:?} {made}"
                );
            }
        }
    }

    #[test]
    fn a_parked_record_that_is_corrected_is_tried_again_with_the_mapping_of_today() {
        let (event, record) =
            come(RecordState::Parked, false, arrival("b", true), AfterDone::Report).unwrap();
        assert_eq!(event, "record.changed");
        assert_eq!((record.state, record.revision), (RecordState::Received, 2));
        assert_eq!(record.mapping_revision, "new");
        assert_eq!(record.source["City"], "b");
    }

    #[test]
    fn an_edit_after_it_was_done_is_reported_once_and_sent_never() {
        let (event, record) = come(RecordState::Done, true, arrival("b", true), AfterDone::Report).unwrap();
        assert_eq!(event, "record.edit_reported");
        assert_eq!(record.state, RecordState::Done);
        assert_eq!(record.notices.len(), 1);
        assert_eq!(record.notices[0].changes, json!([{ "field": "City", "from": "a", "to": "b" }]));
        let again = decide(Some(record), true, arrival("b", true), AfterDone::Report).unwrap();
        assert_eq!(again, Decision::Unchanged);
    }

    #[test]
    fn content_is_never_swapped_under_an_effect() {
        for state in [RecordState::Waiting, RecordState::Running, RecordState::InDoubt] {
            let (event, record) = come(state, true, arrival("b", true), AfterDone::Repeat).unwrap();
            assert_eq!(event, "record.change_pending");
            assert_eq!((record.state, &record.source["City"]), (state, &json!("a")));
            assert_eq!(record.pending.as_ref().unwrap().fingerprint, "b");
        }
    }

    #[test]
    fn the_last_of_several_pending_edits_counts() {
        let (_, record) = come(RecordState::Waiting, true, arrival("b", true), AfterDone::Report).unwrap();
        let Decision::Store { record, .. } =
            decide(Some(record), true, arrival("c", true), AfterDone::Report).unwrap()
        else {
            panic!("the third content is another change");
        };
        assert_eq!(record.pending.as_ref().unwrap().fingerprint, "c");
        // And an edit that was taken back is none.
        let Decision::Store { record, .. } =
            decide(Some(*record), true, arrival("a", true), AfterDone::Report).unwrap()
        else {
            panic!("taking it back is a change of what is pending");
        };
        assert_eq!(record.pending.as_ref().unwrap().fingerprint, "a");
    }

    #[test]
    fn a_record_that_the_source_no_longer_wants_is_left_out_unless_it_was_sent() {
        let (event, record) =
            come(RecordState::Parked, false, arrival("a", false), AfterDone::Report).unwrap();
        assert_eq!((event, record.state), ("record.skipped", RecordState::Skipped));
        assert_eq!(come(RecordState::Waiting, true, arrival("a", false), AfterDone::Report), None);
    }

    #[test]
    fn a_skipped_record_is_taken_when_it_becomes_wanted() {
        let mut skipped = first(arrival("a", false));
        skipped.version = 7;
        assert_eq!(skipped.state, RecordState::Skipped);
        let decision = decide(Some(skipped), false, arrival("a", true), AfterDone::Report).unwrap();
        let Decision::Store { record, .. } = decision else { panic!("it is wanted now") };
        assert_eq!(record.state, RecordState::Received);
    }

    #[test]
    fn pending_content_is_applied_when_the_record_has_come_to_an_end() {
        let now = Timestamp::UNIX_EPOCH;
        let pending = |state| {
            let mut record = record(state);
            record.pending = Some(Box::new(PendingRevision {
                source: json!({ "City": "b" }),
                fingerprint: "b".to_owned(),
                received: now,
                merged: None,
            }));
            record
        };
        let mut waiting = pending(RecordState::Waiting);
        assert_eq!(apply_pending(&mut waiting, true, AfterDone::Report, &[], now).unwrap(), None);
        assert!(waiting.pending.is_some());
        let mut done = pending(RecordState::Done);
        let event = apply_pending(&mut done, true, AfterDone::Report, &[], now).unwrap();
        assert_eq!((event, done.notices.len()), (Some("record.edit_reported"), 1));
        let mut parked = pending(RecordState::Parked);
        let event = apply_pending(&mut parked, false, AfterDone::Report, &[], now).unwrap();
        assert_eq!((event, parked.state), (Some("record.changed"), RecordState::Received));
    }
}
