//! What was asked and how it ended, for oracles and people; the oldest entries make room.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::faults::Fault;

/// How many requests are kept.
pub const KEPT: usize = 20_000;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1.
    pub number: u64,
    /// When it arrived.
    pub at: Timestamp,
    /// The operation, in the simulator's words.
    pub endpoint: String,
    /// The HTTP method.
    pub method: String,
    /// The path and query.
    pub path: String,
    /// The business reference in it, if there is one.
    pub reference: Option<String>,
    /// The caller's own request id (`transId`, `X-Request-Id`).
    pub request_id: Option<String>,
    /// The fault that struck it.
    pub fault: Option<Fault>,
    /// Whether the simulator acted on it.
    pub acted: bool,
    /// The status that the simulator meant to send; 0 where it meant to send nothing.
    pub status: u16,
}

/// The newest requests, and counts of all.
#[derive(Debug, Default)]
pub struct Log {
    entries: VecDeque<Entry>,
    counts: BTreeMap<String, BTreeMap<String, u64>>,
    number: u64,
}

impl Log {
    /// Notes a request down; its number is given here.
    pub fn add(&mut self, mut entry: Entry) -> u64 {
        self.number += 1;
        entry.number = self.number;
        let outcome = match entry.fault {
            Some(fault) => fault.name().to_owned(),
            None => entry.status.to_string(),
        };
        *self.counts.entry(entry.endpoint.clone()).or_default().entry(outcome).or_default() += 1;
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        self.number
    }

    /// Marks a request that was acted on after its connection was gone.
    pub fn acted_late(&mut self, number: u64, status: u16) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.number == number) {
            entry.acted = true;
            entry.status = status;
        }
    }

    /// The entries that are kept, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.iter().cloned().collect()
    }

    /// For each operation, how often it ended how: a status, or the fault that struck.
    pub fn counts(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        self.counts.clone()
    }
}
