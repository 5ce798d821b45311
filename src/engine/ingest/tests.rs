//! What becomes of records that come again, case by case.

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
            assert_eq!(come(state, made, arrival("a", true), AfterDone::Repeat), None, "{state:?} {made}");
        }
    }
}

#[test]
fn a_parked_record_that_is_corrected_is_tried_again_with_the_mapping_of_today() {
    let (event, record) = come(RecordState::Parked, false, arrival("b", true), AfterDone::Report).unwrap();
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
    let (event, record) = come(RecordState::Parked, false, arrival("a", false), AfterDone::Report).unwrap();
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
            beginning: None,
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
