//! What a place that gives out tokens or sessions is spared: no storm after a failure, none when nothing that it gives
//! is accepted.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::AuthError;
use crate::base::clock::{add, between};
use crate::http::backoff;

/// How long it is left alone after it said that our credentials are wrong; accounts are locked for less.
pub(super) const REFUSED: Duration = Duration::from_secs(30);

/// The first and the longest pause after failures that may pass.
const LATER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// No pause is longer.
pub(super) const LONGEST: Duration = Duration::from_secs(3600);

/// When so many of what it gave were not accepted within this time, no more is asked for until it is over.
const REJECTIONS: (usize, Duration) = (3, Duration::from_secs(60));

/// The pause that is made now, if any.
#[derive(Default)]
pub(super) struct Pause {
    failures: u32,
    closed: Option<Closed>,
}

/// Why and until when nothing is asked for with these credentials.
struct Closed {
    until: Timestamp,
    error: AuthError,
    credentials: String,
}

impl Pause {
    /// The failure that everybody shares, as long as asking again makes no sense.
    pub(super) fn check(&self, now: Timestamp, credentials: &str) -> Result<(), AuthError> {
        match &self.closed {
            // Further away than the longest pause: the clock was set back.
            Some(closed) if between(now, closed.until) > LONGEST => Ok(()),
            Some(closed) if now < closed.until && closed.credentials == credentials => {
                Err(closed.error.clone())
            }
            _ => Ok(()),
        }
    }

    /// Begins the pause that follows a failure.
    pub(super) fn begin(&mut self, error: AuthError, now: Timestamp, credentials: &str) -> AuthError {
        self.failures = self.failures.saturating_add(1);
        let (until, error) = match error {
            AuthError::Refused(reason) => (add(now, REFUSED), AuthError::Refused(reason)),
            AuthError::Later { reason, until } => {
                let (first, max) = LATER;
                let until = until.unwrap_or_else(|| add(now, backoff::delay(self.failures, first, max, 1.0)));
                (until, AuthError::Later { reason, until: Some(until) })
            }
        };
        self.closed = Some(Closed { until, error: error.clone(), credentials: credentials.to_owned() });
        error
    }
}

/// When what was given was not accepted.
#[derive(Default)]
pub(super) struct Rejections(VecDeque<Timestamp>);

impl Rejections {
    /// One more.
    pub(super) fn note(&mut self, now: Timestamp) {
        self.0.push_back(now);
    }

    /// Whether there were too many of late; `name` is what to call the other side.
    pub(super) fn check(&mut self, now: Timestamp, name: &str) -> Result<(), AuthError> {
        let (most, window) = REJECTIONS;
        self.0.retain(|at| *at <= now && between(*at, now) < window);
        let Some(first) = self.0.front().filter(|_| self.0.len() >= most) else { return Ok(()) };
        Err(AuthError::Later {
            reason: format!(
                "{name} gave {most} tokens within a minute that were then not accepted. Check that the account may \
                 use this API, and that nobody else works with it."
            ),
            until: Some(add(*first, window)),
        })
    }
}
