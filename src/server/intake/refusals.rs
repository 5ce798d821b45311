//! What is written to the log of requests that were refused: the first of each kind at once, the others counted, so that
//! nobody fills the log from outside.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long further refusals of one kind are only counted.
const QUIET: Duration = Duration::from_secs(10);

/// Refusals by what they are about and why. Only names of the configuration come here, so there are not many.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<(String, &'static str), Since>>);

#[derive(Debug)]
struct Since {
    told: Instant,
    more: u64,
}

impl Refusals {
    /// Tells of a refusal. `about` is `connection/webhook`, or what stands for an address that does not exist.
    pub(super) fn tell(&self, about: &str, why: &'static str, peer: SocketAddr) {
        if let Some(more) = self.due(about, why, Instant::now()) {
            tracing::warn!(webhook = about, why, %peer, more, "a push was refused");
        }
    }

    /// How many were not told of since the last one, if this one is to be.
    fn due(&self, about: &str, why: &'static str, now: Instant) -> Option<u64> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kinds.get_mut(&(about.to_owned(), why)) {
            Some(since) if now.saturating_duration_since(since.told) < QUIET => {
                since.more += 1;
                None
            }
            Some(since) => {
                since.told = now;
                Some(std::mem::take(&mut since.more))
            }
            None => {
                kinds.insert((about.to_owned(), why), Since { told: now, more: 0 });
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_is_one_line_and_a_number() {
        let refusals = Refusals::default();
        let now = Instant::now();
        assert_eq!(refusals.due("ups/track_alert", "wrong", now), Some(0));
        for _ in 0..1000 {
            assert_eq!(refusals.due("ups/track_alert", "wrong", now), None);
        }
        assert_eq!(
            refusals.due("ups/track_alert", "missing", now),
            Some(0),
            "another kind is told of at once"
        );
        let later = now + QUIET;
        assert_eq!(refusals.due("ups/track_alert", "wrong", later), Some(1000));
        assert_eq!(refusals.due("ups/track_alert", "wrong", later), None);
    }
}
