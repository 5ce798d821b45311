//! What was pushed or told, on its way to become records.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What was pushed to us, or told by another flow, until it has become records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What it came by: `webhook/<connection>/<webhook>` or `told/<mapping>/<flow>`.
    pub inbox: String,
    /// What a repetition has the same; unique in its inbox.
    pub name: String,
    /// Counts writes; given by the store.
    pub version: u64,
    /// When it came.
    pub received: Timestamp,
    /// When it is to be taken next; since when it is taken or parked, for one that is.
    pub due: Timestamp,
    /// How often it could not be taken.
    pub attempts: u32,
    /// Where it is.
    pub state: EventState,
    /// Why it waits or is parked.
    pub reason: Option<String>,
    /// What came, as it came. The store keeps it apart, and no longer than until the event is taken; what is written
    /// of an event in words leaves it out.
    #[serde(skip)]
    pub body: Vec<u8>,
}

impl Event {
    /// One that came at `now` and is to be taken at once.
    pub fn new(inbox: String, name: String, body: Vec<u8>, now: Timestamp) -> Self {
        Self {
            inbox,
            name,
            version: 0,
            received: now,
            due: now,
            attempts: 0,
            state: EventState::Waiting,
            reason: None,
            body,
        }
    }
}

/// Where an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// To be taken at `due`.
    Waiting,
    /// It has become records; kept so that a repetition is recognised.
    Taken,
    /// It cannot be taken; a person decides.
    Parked,
}

/// What one event query asks for; every field narrows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct EventQuery {
    /// Only inboxes whose name starts so.
    pub inbox: String,
    /// Any of these states; empty for all.
    pub states: Vec<EventState>,
    /// At most so many; 0 for all.
    pub limit: usize,
}

/// How many events of one state an inbox has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCount {
    /// The inbox.
    pub inbox: String,
    /// The state.
    pub state: EventState,
    /// How many.
    pub count: u64,
}
