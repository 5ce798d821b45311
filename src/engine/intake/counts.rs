//! How often a webhook was called since the start, and what became of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

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
        let mut status = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match delivered {
            Delivered::Accepted => status.accepted += 1,
            Delivered::Duplicate => status.duplicates += 1,
            Delivered::Refused { why, .. } => *status.refused.entry(why.to_owned()).or_default() += 1,
            Delivered::Busy => status.busy += 1,
            // It was another webhook's.
            Delivered::Unknown => {}
        }
    }

    pub(super) fn status(&self) -> WebhookStatus {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
