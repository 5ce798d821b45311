//! The inbox: what was pushed or told is taken, made into records and handed to the flows that name it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The inbox of what a connection is told through one of its system's webhooks.
pub(super) fn webhook(connection: &str, webhook: &str) -> String {
    format!("webhook/{connection}/{webhook}")
}

/// What the names of inboxes begin with in which flows lay what they tell others.
pub(super) const TOLD: &str = "told/";

/// The inbox of what other flows tell a flow, which is `mapping/flow`.
pub(super) fn told(flow: &str) -> String {
    format!("{TOLD}{flow}")
}

/// Wakes those who take what comes.
#[derive(Default)]
pub(super) struct Inboxes(Mutex<HashMap<String, Arc<Notify>>>);

impl Inboxes {
    /// What wakes whoever takes from `inbox`.
    pub(super) fn of(&self, inbox: &str) -> Arc<Notify> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(inbox.to_owned()).or_default())
    }

    /// Says that something lies in `inbox`.
    pub(super) fn wake(&self, inbox: &str) {
        self.of(inbox).notify_one();
    }
}
