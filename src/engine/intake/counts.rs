//! How often a webhook was called since the start, and what became of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::Delivered;

/// How a webhook stands. Numbers are since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookStatus {
    /// The connection that is told.
    pub connection: String,
    /// The webhook.
    pub webhook: String,
    /// What was new.
    pub accepted: u64,
    /// What was known.
    pub duplicates: u64,
    /// What was refused, by why.
    pub refused: BTreeMap<String, u64>,
    /// What could not be judged or kept at the time.
    pub busy: u64,
}

/// Counts for one webhook.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<WebhookStatus>);

impl Counts {
    pub(super) fn of(connection: &str, webhook: &str) -> Self {
        let (connection, webhook) = (connection.to_owned(), webhook.to_owned());
        Self(Mutex::new(WebhookStatus { connection, webhook, ..WebhookStatus::default() }))
    }

    pub(super) fn note(&self, delivered: Delivered) {
        match delivered {
            Delivered::Accepted => self.lock().accepted += 1,
            Delivered::Duplicate => self.lock().duplicates += 1,
            Delivered::Refused { why, .. } => self.refuse(why),
            Delivered::Busy => self.lock().busy += 1,
            // There is no such address; it is nobody's.
            Delivered::Unknown => {}
        }
    }

    pub(super) fn refuse(&self, why: &'static str) {
        *self.lock().refused.entry(why.to_owned()).or_default() += 1;
    }

    pub(super) fn status(&self) -> WebhookStatus {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, WebhookStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
