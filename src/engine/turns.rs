//! Who uses a connection: one at a time where the system bears no more, and nobody any more when its session may end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Line, OwnedMutexGuard};

use super::connection::Connection;

/// A connection that is used as a whole by one poll or record at a time, first come, first served.
pub(super) type Turns = Arc<Line<()>>;

/// The connections that a poll or a record holds as a whole, until it is dropped.
#[derive(Debug, Default)]
pub(super) struct Held {
    _turns: Vec<OwnedMutexGuard<()>>,
}

/// Waits for the connections that are used in turns. They are taken in the order of their names, and before anything else
/// that others may wait for, so that no two wait for each other.
pub(super) async fn take<'c>(connections: impl IntoIterator<Item = &'c Arc<Connection>>) -> Held {
    let in_turns = connections.into_iter().filter_map(|one| Some((&*one.name, one.turns.clone()?)));
    let by_name: BTreeMap<&str, Turns> = in_turns.collect();
    let mut turns = Vec::with_capacity(by_name.len());
    for turn in by_name.into_values() {
        turns.push(turn.lock_owned().await);
    }
    Held { _turns: turns }
}

/// Counts who is at work with a connection.
#[derive(Debug, Default)]
pub(super) struct Users(Mutex<u32>);

impl Users {
    /// One more.
    pub(super) fn come(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    /// One less; whether it was the last.
    pub(super) fn leave(&self) -> bool {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *users = users.saturating_sub(1);
        *users == 0
    }
}
