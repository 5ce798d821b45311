//! Who is logged on: one session for each operator, the newest of them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::clock;
use crate::simulator::dice::Dice;

/// What has happened to sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Sessions that were opened by callers.
    pub logons: u64,
    /// Logons that were refused.
    pub refused: u64,
    /// Sessions that their callers closed.
    pub logoffs: u64,
    /// Sessions that another logon of the same operator ended.
    pub evicted: u64,
    /// Calls with a session that was no more.
    pub turned_away: u64,
}

/// The sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    open: BTreeMap<String, Session>,
    dice: Dice,
    pub(super) counts: Counts,
    /// Whether a licence is free for one more user.
    pub(super) licence_free: bool,
}

#[derive(Debug)]
struct Session {
    id: String,
    used: Timestamp,
}

impl Sessions {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            open: BTreeMap::new(),
            dice: Dice::new(seed ^ 0x5e55),
            counts: Counts::default(),
            licence_free: true,
        }
    }

    /// Opens a session; one that the operator had is gone.
    pub(super) fn open(&mut self, operator: &str, now: Timestamp) -> String {
        let (high, low) = (self.dice.draw(), self.dice.draw());
        let id = format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        );
        if self.open.insert(operator.to_uppercase(), Session { id: id.clone(), used: now }).is_some() {
            self.counts.evicted += 1;
        }
        id
    }

    /// Whether a session is open, which keeps it open.
    pub(super) fn admit(&mut self, id: &str, now: Timestamp, idle: Duration) -> bool {
        let session = self.open.values_mut().find(|session| session.id.eq_ignore_ascii_case(id));
        let admitted = session
            .filter(|session| clock::between(session.used, now) <= idle)
            .map(|session| session.used = now)
            .is_some();
        self.counts.turned_away += u64::from(!admitted);
        admitted
    }

    /// Closes a session; says whether it was open.
    pub(super) fn close(&mut self, id: &str) -> bool {
        let before = self.open.len();
        self.open.retain(|_, session| !session.id.eq_ignore_ascii_case(id));
        let closed = self.open.len() < before;
        self.counts.logoffs += u64::from(closed);
        closed
    }

    /// Ends every session.
    pub(super) fn close_all(&mut self) {
        self.open.clear();
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}
