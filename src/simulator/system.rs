//! What every simulator is: something that acts on calls, and a desk from which it is watched and disturbed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::exchange::{Answer, Call};
use super::faults::{Faults, Rule, Strike};
use super::log::{Entry, Log};
use crate::base::Clock;

/// What a call is about, for the log.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// The operation, in the simulator's words.
    pub endpoint: String,
    /// The business reference in it, if there is one.
    pub reference: Option<String>,
    /// The caller's own request id.
    pub request_id: Option<String>,
}

/// Sessions that the real system shares among its callers.
#[derive(Debug, Clone)]
pub struct Pool {
    /// One permit for each session.
    pub sessions: Arc<Semaphore>,
    /// How long a call waits for one.
    pub wait: Duration,
}

/// A simulated system. All methods work at once; waiting is the server's business.
pub trait System: Send + Sync + 'static {
    /// Its clock, faults and log.
    fn desk(&self) -> &Desk;

    /// What a call is about.
    fn subject(&self, call: &Call) -> Subject;

    /// Does what a call asks. A strike whose fault is the system's own to play (locks, pages, lies) comes along.
    fn act(&self, call: &Call, strike: Option<&Strike>) -> Answer;

    /// The system's own way of saying 429, 500 or 503, or of an empty 200.
    fn failure(&self, call: &Call, status: u16) -> Answer;

    /// Makes every token invalid; a system without tokens has nothing to do.
    fn forget_tokens(&self) {}

    /// Answers one of its own control endpoints, given the path below `/_sim/`.
    fn control(&self, call: &Call, path: &[&str]) -> Option<Answer>;

    /// How long a call takes beyond the usual, in real time, such as the first one to a server that was asleep.
    fn waits(&self, _: &Call) -> Duration {
        Duration::ZERO
    }

    /// The pool that its calls share, if they share one.
    fn pool(&self) -> Option<Pool> {
        None
    }
}

/// The simulator's desk: what is the same for all of them.
pub struct Desk {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// How long every answer takes, in real time.
    pub latency: Duration,
    faults: Mutex<Faults>,
    log: Mutex<Log>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("latency", &self.latency).finish_non_exhaustive()
    }
}

impl Desk {
    /// A desk without faults.
    pub fn new(clock: Arc<dyn Clock>, latency: Duration) -> Self {
        Self { clock, latency, faults: Mutex::default(), log: Mutex::default() }
    }

    /// Switches a fault on and gives its id.
    ///
    /// # Errors
    /// A sentence when the rule makes no sense.
    pub fn switch_on(&self, rule: Rule) -> Result<u64, String> {
        lock(&self.faults).add(rule)
    }

    /// Switches one fault off, or all.
    pub fn switch_off(&self, id: Option<u64>) {
        lock(&self.faults).remove(id);
    }

    /// Decides whether `call` is struck.
    pub fn strike(&self, call: &Call) -> Option<Strike> {
        lock(&self.faults).strike(call)
    }

    /// The requests that are kept, oldest first.
    pub fn requests(&self) -> Vec<Entry> {
        lock(&self.log).entries()
    }

    /// The faults, and for each operation how often it ended how.
    pub fn summary(&self) -> Value {
        json!({ "requests": lock(&self.log).counts(), "faults": lock(&self.faults).list() })
    }

    pub(super) fn note(&self, entry: Entry) -> u64 {
        lock(&self.log).add(entry)
    }

    pub(super) fn note_late(&self, number: u64, status: u16) {
        lock(&self.log).acted_late(number, status);
    }

    /// Answers the control endpoints that all simulators have; `None` for others.
    pub fn control(&self, call: &Call, path: &[&str]) -> Option<Answer> {
        Some(match (call.method.as_str(), path) {
            ("GET", ["log"]) => Answer::of(200, &self.requests()),
            ("GET", ["faults"]) => Answer::of(200, &lock(&self.faults).list()),
            ("POST", ["faults"]) => self.switch_on_all(call),
            ("DELETE", ["faults"]) => {
                self.switch_off(None);
                Answer::empty(204)
            }
            ("DELETE", ["faults", id]) => match id.parse() {
                Ok(id) => {
                    self.switch_off(Some(id));
                    Answer::empty(204)
                }
                Err(_) => Answer::refused(format!("`{id}` is not the id of a fault")),
            },
            _ => return None,
        })
    }

    fn switch_on_all(&self, call: &Call) -> Answer {
        let rules = match call.json() {
            Some(Value::Array(rules)) => rules,
            Some(rule) => vec![rule],
            None => return Answer::refused("send a rule, or a list of rules, as JSON"),
        };
        let mut ids = Vec::new();
        for rule in rules {
            let added = serde_json::from_value(rule).map_err(|error| error.to_string());
            match added.and_then(|rule| self.switch_on(rule)) {
                Ok(id) => ids.push(id),
                Err(error) => return Answer::refused(error),
            }
        }
        Answer::json(201, &json!({ "ids": ids }))
    }
}

/// Locks what no panic can leave half done: every change here is complete before anything can fail.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
