//! A token bucket over all senders.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lets so many requests a second pass, and as many at once after a quiet second.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: f64,
    level: Mutex<Level>,
}

#[derive(Debug)]
struct Level {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(rate: u32) -> Self {
        let rate = f64::from(rate.max(1));
        Self { rate, level: Mutex::new(Level { tokens: rate, at: Instant::now() }) }
    }

    /// Lets one request pass.
    ///
    /// # Errors
    /// How long to wait before the next can.
    pub(super) fn take(&self) -> Result<(), Duration> {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> Result<(), Duration> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        // Two threads may ask for the time and for the lock in another order.
        let passed = now.saturating_duration_since(level.at).as_secs_f64();
        level.tokens = self.rate.min(level.tokens + passed * self.rate);
        level.at = level.at.max(now);
        if level.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - level.tokens) / self.rate));
        }
        level.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_gives_as_many_as_the_rate() {
        let bucket = Bucket::new(10);
        let mut now = bucket.level.lock().unwrap().at;
        let pass = |now| (0..100).filter(|_| bucket.take_at(now).is_ok()).count();
        assert_eq!(pass(now), 10);
        assert_eq!(pass(now), 0);
        now += Duration::from_millis(500);
        assert_eq!(pass(now), 5);
        assert_eq!(pass(now - Duration::from_secs(1)), 0, "nothing is gained by an older instant");
        now += Duration::from_secs(3600);
        assert_eq!(pass(now), 10, "quiet hours do not add up");
        let wait = bucket.take_at(now).unwrap_err();
        assert!(bucket.take_at(now + wait / 2).is_err());
        assert!(bucket.take_at(now + wait).is_ok(), "what it says is long enough");
    }
}
