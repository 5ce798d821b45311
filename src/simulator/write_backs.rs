//! Write-backs of what carriers tell: how often each changed something, and how often it only said again what was there.
//!
//! A write of the very content that is there already was not needed, and counts as doubled; unless the answer to the one
//! before was lost on its way, for then nobody could know that it had arrived.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::faults::Strike;

/// What was written about one thing: an order, or a parcel of one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Writes that changed something.
    pub changes: u64,
    /// Writes that were not needed.
    pub doubled: u64,
    /// Whether the last write was answered, as far as the system itself can tell.
    answered: bool,
}

/// All write-backs of one system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteBacks {
    by_name: BTreeMap<String, Written>,
}

impl WriteBacks {
    /// Notes a write about `what`, whether it changed anything, and the fault that strikes it.
    pub fn note(&mut self, what: &str, changed: bool, strike: Option<&Strike>) {
        let answered = !strike.is_some_and(|strike| strike.fault.loses_answer());
        let written = self.by_name.entry(what.to_owned()).or_default();
        if changed {
            written.changes += 1;
            written.answered = answered;
        } else {
            written.doubled += u64::from(written.answered);
            written.answered |= answered;
        }
    }

    /// What was written about `what`.
    pub fn of(&self, what: &str) -> Written {
        self.by_name.get(what).copied().unwrap_or_default()
    }

    /// Writes that were not needed, in all.
    pub fn doubled(&self) -> u64 {
        self.by_name.values().map(|written| written.doubled).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::faults::Fault;

    fn strike(fault: Fault) -> Strike {
        Strike { fault, delay: None, retry_after: None, attempts: 1 }
    }

    #[test]
    fn the_same_again_is_doubled() {
        let mut books = WriteBacks::default();
        books.note("A", true, None);
        books.note("A", false, None);
        books.note("A", false, Some(&strike(Fault::Slow)));
        books.note("B", true, None);
        assert_eq!((books.of("A").changes, books.of("A").doubled), (1, 2));
        assert_eq!((books.of("B").doubled, books.doubled()), (0, 2));
    }

    #[test]
    fn a_repetition_after_a_lost_answer_is_right_once() {
        for fault in [Fault::ActThenTimeout, Fault::ActThenDrop, Fault::LateAct, Fault::TruncatedBody] {
            let mut books = WriteBacks::default();
            books.note("A", true, Some(&strike(fault)));
            books.note("A", false, Some(&strike(fault)));
            books.note("A", false, None);
            assert_eq!(books.doubled(), 0, "{fault:?}");
            books.note("A", false, None);
            assert_eq!(books.doubled(), 1, "{fault:?}");
        }
    }

    #[test]
    fn what_was_there_before_anybody_wrote_is_not_doubled() {
        let mut books = WriteBacks::default();
        books.note("A", false, None);
        assert_eq!(books.of("A").doubled, 0);
    }
}
