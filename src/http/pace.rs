//! When the next call may start: a token bucket, holds that the other side asked for, and slowing down when it only
//! says "too many". Pure arithmetic over instants that it is given.
//!
//! Slowing is additive increase, multiplicative decrease: a refusal without a hint halves the rate and takes the burst
//! away, every answer after that gives back one part in [`STEPS`] of the declared rate, and once it is whole again the
//! burst returns. Refusals of calls that were under way at the same time count once.

use std::time::Duration;

use jiff::Timestamp;

use super::limit::RateLimit;
use crate::base::clock::{add, between};

/// Calls a second that are assumed where none are declared and the other side says "too many".
const ASSUMED: f64 = 10.0;

/// The rate never falls below one part in so many of the declared one, nor below one call a minute.
const SLOWEST: f64 = 64.0;

/// Answers that it takes to get from nothing to the declared rate.
const STEPS: f64 = 200.0;

/// Refusals within this time of the last one are of calls that were already under way.
const SAME_REFUSAL: Duration = Duration::from_secs(1);

/// The longest hold that is believed.
pub(super) const LONGEST_HOLD: Duration = Duration::from_secs(15 * 60);

/// See the file's head.
#[derive(Debug)]
pub(super) struct Pace {
    /// Calls a second; `None` is as fast as they come.
    declared: Option<f64>,
    /// Calls that may start at once after a pause.
    burst: f64,
    /// Calls a second while slowed down.
    slowed: Option<f64>,
    /// When the bucket is full again, in the sense of the generic cell rate algorithm.
    full: Timestamp,
    held_until: Timestamp,
    refused_at: Option<Timestamp>,
}

impl Pace {
    /// At most `calls` start in any stretch of `per`: a tenth of them may start at once, and the rest is spread.
    pub(super) fn new(rate: Option<RateLimit>) -> Self {
        let calls = rate.map_or(1.0, |rate| f64::from(rate.calls.get()));
        let burst = (calls / 10.0).floor().max(1.0);
        let declared = rate.map(|rate| (calls - burst + 1.0) / rate.per.as_secs_f64().max(0.001));
        Self {
            declared,
            burst,
            slowed: None,
            full: Timestamp::MIN,
            held_until: Timestamp::MIN,
            refused_at: None,
        }
    }

    /// The earliest instant at which a call may start.
    pub(super) fn earliest(&mut self, now: Timestamp) -> Timestamp {
        let (interval, tolerance) = self.spacing();
        // Neither can be further away than this, unless the clock was set back.
        self.full = self.full.min(add(now, interval + tolerance));
        self.held_until = self.held_until.min(add(now, LONGEST_HOLD));
        let bucket = self.full.checked_sub(tolerance).unwrap_or(Timestamp::MIN);
        bucket.max(self.held_until)
    }

    /// A call starts now.
    pub(super) fn take(&mut self, now: Timestamp) {
        let (interval, _) = self.spacing();
        self.full = add(self.full.max(now), interval);
    }

    /// No call starts before `until`.
    pub(super) fn hold(&mut self, until: Timestamp) {
        self.held_until = self.held_until.max(until);
    }

    /// Until when no call starts because the other side asked for it.
    pub(super) fn held(&self, now: Timestamp) -> Option<Timestamp> {
        (self.held_until > now).then_some(self.held_until)
    }

    /// The other side said "too many" without saying for how long.
    pub(super) fn refused(&mut self, now: Timestamp) {
        if self.refused_at.is_some_and(|at| at <= now && between(at, now) < SAME_REFUSAL) {
            return;
        }
        self.refused_at = Some(now);
        let ceiling = self.declared.unwrap_or(ASSUMED);
        let slowest = (ceiling / SLOWEST).max(1.0 / 60.0).min(ceiling);
        self.slowed = Some((self.slowed.unwrap_or(ceiling) / 2.0).max(slowest));
        let (interval, _) = self.spacing();
        self.full = add(now, interval);
        self.hold(add(now, SAME_REFUSAL));
    }

    /// The other side answered something else.
    pub(super) fn accepted(&mut self) {
        let ceiling = self.declared.unwrap_or(ASSUMED);
        self.slowed = self.slowed.map(|rate| rate + ceiling / STEPS).filter(|rate| *rate < ceiling);
    }

    /// The time between calls, and how much of it may have been saved up.
    fn spacing(&self) -> (Duration, Duration) {
        match (self.slowed, self.declared) {
            (Some(rate), _) => (Duration::from_secs_f64(1.0 / rate), Duration::ZERO),
            (None, Some(rate)) => {
                let interval = Duration::from_secs_f64(1.0 / rate);
                (interval, interval.mul_f64(self.burst - 1.0))
            }
            (None, None) => (Duration::ZERO, Duration::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn pace(calls: u32, per: u64) -> Pace {
        Pace::new(Some(RateLimit { calls: NonZeroU32::new(calls).unwrap(), per: Duration::from_secs(per) }))
    }

    /// Starts calls as early as allowed and gives the seconds at which they started.
    fn starts(pace: &mut Pace, from: Timestamp, calls: usize) -> Vec<f64> {
        let mut now = from;
        let mut starts = Vec::new();
        for _ in 0..calls {
            now = now.max(pace.earliest(now));
            pace.take(now);
            starts.push(between(from, now).as_secs_f64());
        }
        starts
    }

    #[test]
    fn no_stretch_of_time_sees_more_calls_than_declared() {
        for (calls, per) in [(1, 1), (3, 1), (10, 1), (25, 7), (600, 60), (250, 86_400)] {
            let starts = starts(&mut pace(calls, per), Timestamp::UNIX_EPOCH, 3 * calls as usize + 20);
            for window in starts.windows(calls as usize + 1) {
                let took = window[calls as usize] - window[0];
                assert!(took >= per as f64 - 1e-3, "{calls}/{per}: {took}");
            }
            // Nor is the declared rate wasted.
            let average = starts.len() as f64 / (starts[starts.len() - 1] + per as f64 / calls as f64);
            assert!(average >= 0.85 * f64::from(calls) / per as f64, "{calls}/{per}: {average}");
        }
    }

    #[test]
    fn without_a_rate_calls_start_at_once() {
        assert_eq!(starts(&mut Pace::new(None), Timestamp::UNIX_EPOCH, 3), [0.0; 3]);
    }

    #[test]
    fn a_refusal_halves_the_rate_once_and_answers_bring_it_back() {
        let start = Timestamp::UNIX_EPOCH;
        let mut pace = pace(10, 1);
        for _ in 0..8 {
            pace.refused(start);
        }
        assert_eq!(starts(&mut pace, add(start, Duration::from_secs(1)), 3), [0.0, 0.2, 0.4]);
        pace.refused(add(start, Duration::from_secs(9)));
        assert_eq!(pace.slowed, Some(2.5));
        for _ in 0..500 {
            pace.accepted();
        }
        assert_eq!(pace.slowed, None);
    }

    #[test]
    fn refusals_never_stop_it_altogether() {
        let mut now = Timestamp::UNIX_EPOCH;
        for mut pace in [pace(600, 60), pace(2, 86_400), Pace::new(None)] {
            for _ in 0..50 {
                now = add(now, Duration::from_secs(5));
                pace.refused(now);
            }
            let (interval, _) = pace.spacing();
            assert!(interval <= Duration::from_secs(60).max(Duration::from_secs(43_200)), "{interval:?}");
            assert!(pace.earliest(now) > now);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let late = add(Timestamp::UNIX_EPOCH, Duration::from_secs(86_400));
        let mut pace = pace(60, 60);
        starts(&mut pace, late, 10);
        pace.hold(add(late, Duration::from_secs(5)));
        let early = Timestamp::UNIX_EPOCH;
        assert!(between(early, pace.earliest(early)) <= LONGEST_HOLD);
    }
}
