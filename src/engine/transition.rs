//! The only function that moves a record or an effect from one state to another.

use jiff::Timestamp;

use crate::store::{EffectEntry, EffectState, Evidence, Reason, Record, RecordState};

/// A move that the life of a record or an effect does not have: a bug, never the world's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot go from {from} to {to}")]
pub struct Illegal {
    what: String,
    from: String,
    to: String,
}

/// Moves a record to `to`, with the reason that people are shown.
///
/// # Errors
/// When the life of a record has no such move.
pub fn record(
    record: &mut Record,
    to: RecordState,
    reason: Option<Reason>,
    now: Timestamp,
) -> Result<(), Illegal> {
    use RecordState::{Discarded, Done, InDoubt, Parked, Received, Running, Skipped, Waiting};
    let legal = match (record.state, to) {
        // Work begins, goes on after a wait or a restart, and ends.
        (Received | Running | Waiting, Running | Waiting | Done | Skipped | Parked | InDoubt) => true,
        // A newer content, a person or a replay starts it anew.
        (Received | Waiting | Done | Skipped | Parked | Discarded, Received) => true,
        // A person, or the truth from the other side, ends a doubt.
        (InDoubt, Waiting | Parked) => true,
        // The source no longer wants it.
        (Parked, Skipped) => true,
        // A person orders that what took place be undone, or says what is true of it.
        (Done | Parked | Skipped | Discarded, Waiting) => true,
        // What came to an end is not touched by an effect in doubt or at work.
        (Received | Waiting | Parked | Skipped, Discarded) => true,
        _ => false,
    };
    if !legal {
        return Err(illegal(record.id.to_string(), &record.state, &to));
    }
    if matches!(to, Done | Received) {
        record.attempts = 0;
    }
    record.state = to;
    record.again = None;
    record.reason = reason;
    record.changed = now;
    record.due = now;
    Ok(())
}

/// Moves an effect to `to` and notes what is known.
///
/// Monotone: from `unknown` and `in_doubt` only a look-up or a person leads to `refused`, `intent` or `cancelled`,
/// which the caller proves by the evidence it gives.
///
/// # Errors
/// When the protocol has no such move.
pub fn effect(
    effect: &mut EffectEntry,
    to: EffectState,
    evidence: Evidence,
    proof: Proof,
) -> Result<(), Illegal> {
    use EffectState::{Cancelled, Confirmed, InDoubt, Intent, Refused, Sending, Undoing, Undone, Unknown};
    let legal = match (effect.state, to, proof) {
        (Intent, Sending, Proof::None) => true,
        // What the answer itself proves.
        (Sending, Confirmed | Refused | Unknown | Intent, Proof::Answer) => true,
        // Nobody waits for the answer any more; or the store was restored and may not know of it. Doubt is always allowed.
        (Sending | Intent | Refused, Unknown, Proof::None) => true,
        (Unknown, Confirmed | Refused | Intent, Proof::Lookup) => true,
        (Unknown, Unknown | InDoubt, _) => true,
        // Refused means that nothing was done, so changed data may be tried.
        (Refused, Intent, Proof::None) => true,
        (Unknown | InDoubt, Confirmed | Intent | Cancelled, Proof::Person) => true,
        (InDoubt, Confirmed, Proof::Lookup) => true,
        // Only a person has something undone; then it is sent until the other side has said what came of it.
        (Confirmed, Undoing, Proof::Person) => true,
        (Undoing, Undoing, Proof::None) => true,
        (Undoing, Undone | Confirmed, Proof::Answer) => true,
        (Undoing, Undone | Confirmed | Intent, Proof::Person) => true,
        // What was undone is sent anew only when a person says so.
        (Undone, Intent, Proof::Person) => true,
        _ => false,
    };
    if !legal {
        return Err(illegal(format!("effect {}", effect.id), &effect.state, &to));
    }
    effect.evidence.push(evidence);
    effect.state = to;
    Ok(())
}

/// What proves a move of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nothing; the move needs none.
    None,
    /// The answer to the request, or proof that it was never sent.
    Answer,
    /// A look-up that can be relied on.
    Lookup,
    /// A named person.
    Person,
}

fn illegal(what: String, from: &impl serde::Serialize, to: &impl serde::Serialize) -> Illegal {
    let name = |state: String| state.trim_matches('"').to_owned();
    Illegal {
        what,
        from: name(serde_json::to_string(from).unwrap_or_default()),
        to: name(serde_json::to_string(to).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{EffectId, RecordId};
    use serde_json::Value;

    const STATES: [EffectState; 9] = [
        EffectState::Intent,
        EffectState::Sending,
        EffectState::Confirmed,
        EffectState::Refused,
        EffectState::Unknown,
        EffectState::InDoubt,
        EffectState::Cancelled,
        EffectState::Undoing,
        EffectState::Undone,
    ];

    fn entry(state: EffectState) -> EffectEntry {
        EffectEntry {
            id: EffectId::new("m", "f", "k", "s"),
            version: 1,
            record: RecordId::new("m", "f", "k"),
            step: "s".to_owned(),
            operation: "r.o".to_owned(),
            place: String::new(),
            state,
            attempt: 1,
            epoch: 1,
            reference: None,
            input: Value::Null,
            body_hash: None,
            mapping_revision: String::new(),
            planned: Timestamp::UNIX_EPOCH,
            sent: None,
            deadline: None,
            unknown_since: None,
            look_up_at: None,
            evidence: Vec::new(),
            result: None,
            undos: Vec::new(),
        }
    }

    fn allowed(from: EffectState, to: EffectState, proof: Proof) -> bool {
        let note = Evidence { at: Timestamp::UNIX_EPOCH, attempt: 1, what: String::new(), detail: None };
        effect(&mut entry(from), to, note, proof).is_ok()
    }

    #[test]
    fn what_is_unknown_is_never_guessed_away() {
        for from in [EffectState::Unknown, EffectState::InDoubt] {
            for to in
                [EffectState::Intent, EffectState::Refused, EffectState::Cancelled, EffectState::Confirmed]
            {
                for proof in [Proof::None, Proof::Answer] {
                    assert!(!allowed(from, to, proof), "{from:?} -> {to:?} by {proof:?}");
                }
            }
        }
        assert!(!allowed(EffectState::InDoubt, EffectState::Intent, Proof::Lookup));
        assert!(allowed(EffectState::InDoubt, EffectState::Intent, Proof::Person));
    }

    #[test]
    fn only_an_intent_is_sent() {
        for from in STATES {
            let sent = [Proof::None, Proof::Answer, Proof::Lookup, Proof::Person]
                .into_iter()
                .any(|proof| allowed(from, EffectState::Sending, proof));
            assert_eq!(sent, from == EffectState::Intent, "{from:?}");
        }
    }

    const PROOFS: [Proof; 4] = [Proof::None, Proof::Answer, Proof::Lookup, Proof::Person];

    /// Each move that an effect in this state has, as (to, by what).
    fn moves(from: EffectState) -> Vec<(EffectState, Proof)> {
        let all = STATES.iter().flat_map(|to| PROOFS.map(|proof| (*to, proof)));
        all.filter(|(to, proof)| allowed(from, *to, *proof)).collect()
    }

    #[test]
    fn what_took_place_stays_unless_a_person_has_it_undone() {
        assert_eq!(moves(EffectState::Confirmed), [(EffectState::Undoing, Proof::Person)]);
        assert_eq!(moves(EffectState::Cancelled), []);
    }

    #[test]
    fn what_was_undone_is_not_undone_again_and_is_sent_anew_by_a_person_only() {
        assert_eq!(moves(EffectState::Undone), [(EffectState::Intent, Proof::Person)]);
        let to_undone: Vec<_> = STATES
            .iter()
            .filter(|from| moves(**from).iter().any(|(to, _)| *to == EffectState::Undone))
            .collect();
        assert_eq!(to_undone, [&EffectState::Undoing], "nothing is undone that was not written down as such");
        assert!(!allowed(EffectState::Undoing, EffectState::Intent, Proof::Answer));
    }
}
