//! Labelled crash points: places where a test makes the process die as if the power had gone.
//!
//! `ML_CONNECTOR_CRASH=effect.after_sending_commit:2` aborts the process the second time that point is
//! passed. Without the variable a point costs one load. [`LABELS`] lists them all; a test crashes at
//! each of them and fails on a label that is never reached.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::environment;

/// The variable that arms one crash point: `label` or `label:n`, n = 1 for the first pass.
pub const VARIABLE: &str = "ML_CONNECTOR_CRASH";

/// Every label the engine passes, in the order of a record's life.
pub const LABELS: &[&str] = &[
    "poll.page_received",
    "poll.before_ingest_commit",
    "poll.after_ingest_commit",
    "hook.before_inbox_commit",
    "hook.after_inbox_commit",
    "inbox.before_take_commit",
    "inbox.after_take_commit",
    "effect.before_sending_commit",
    "effect.after_sending_commit",
    "effect.after_response",
    "effect.before_outcome_commit",
    "effect.after_outcome_commit",
    "idempotent.after_response",
    "record.before_done_commit",
    "record.after_done_commit",
    "resolve.after_lookup",
    "token.after_fetch",
    "undo.before_sending_commit",
    "undo.after_sending_commit",
    "undo.after_response",
    "undo.before_outcome_commit",
    "undo.after_outcome_commit",
];

struct Armed {
    label: String,
    at: u64,
    passed: AtomicU64,
}

/// Passes the point called `label`; does not return when a test has armed it.
pub fn point(label: &'static str) {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    debug_assert!(LABELS.contains(&label), "crash point {label} is not in LABELS");
    let Some(armed) = ARMED.get_or_init(|| environment::variable(VARIABLE).map(|text| parse(&text))) else {
        return;
    };
    if armed.label == label && armed.passed.fetch_add(1, Ordering::SeqCst) + 1 == armed.at {
        std::process::abort();
    }
}

fn parse(text: &str) -> Armed {
    let (label, at) = match text.rsplit_once(':') {
        Some((label, at)) => (label, at.parse().unwrap_or(1)),
        None => (text, 1),
    };
    Armed { label: label.to_owned(), at, passed: AtomicU64::new(0) }
}
