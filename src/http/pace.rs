//! When the next call may start: a token bucket, holds that the other side asked for, slowing down when it only says
//! "too many", and spreading what it says is left. Pure arithmetic over instants that it is given.
//!
//! Whatever happens, no more calls than declared start in any stretch of their time: each start moves [`Pace::full`] on
//! by at least the declared interval, a start needs `full` to be no further away than the declared burst, and nothing
//! moves `full` back but a clock that was set back.
//!
//! What an answer tells of its window (so many left, so long) is spread over it as soon as that is slower than declared:
//! others may use the same account. With nothing left, nothing starts before the window ends.
//!
//! Slowing is additive increase, multiplicative decrease: a refusal without a hint halves the rate and takes the burst
//! away, every answer after that gives back one part in [`STEPS`] of the declared rate, and once it is whole again the
//! burst returns. Refusals of calls that were under way at the same time count once.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;

use super::limit::RateLimit;
use crate::base::clock::{add, between};

/// Calls a second that are assumed where none are declared and the other side says "too many".
const ASSUMED: f64 = 40.0;

/// The rate never falls below one part in so many of the declared one, nor below one call a minute.
const SLOWEST: f64 = 64.0;

/// Answers that it takes to get from nothing to the declared rate.
const STEPS: f64 = 50.0;

/// Refusals within this time of the last one are of calls that were already under way.
const SAME_REFUSAL: Duration = Duration::from_secs(1);

/// The longest hold that is believed.
pub(super) const LONGEST_HOLD: Duration = Duration::from_secs(15 * 60);

/// Two ends of a window that are so close are of one window: they are told in whole seconds, on the way.
const SAME_WINDOW: Duration = Duration::from_secs(2);

/// What an answer tells of the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// The calls of a window.
    pub(super) limit: Option<u32>,
    /// The calls that are left in this one.
    pub(super) remaining: u32,
    /// When the next window begins.
    pub(super) resets: Timestamp,
}

/// What we believe of the other side's window.
#[derive(Debug, Clone, Copy)]
struct Window {
    remaining: u32,
    resets: Timestamp,
    /// The next call, if what is left is to last.
    next: Timestamp,
}

/// See the file's head.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Option<RateLimit>,
    /// What is kept to; `None` is as fast as they come. Never faster than [`Pace::rate`] says.
    shape: Option<Shape>,
    window: Option<Window>,
    limit: Option<u32>,
    /// Calls a second while slowed down.
    slowed: Option<f64>,
    /// When the bucket is full again, in the sense of the generic cell rate algorithm.
    full: Timestamp,
    held_until: Timestamp,
    refused_at: Option<Timestamp>,
}

impl Pace {
    /// At most `calls` start in any stretch of `per`.
    pub(super) fn new(rate: Option<RateLimit>) -> Self {
        Self {
            rate,
            shape: rate.map(Shape::of),
            window: None,
            limit: None,
            slowed: None,
            full: Timestamp::MIN,
            held_until: Timestamp::MIN,
            refused_at: None,
        }
    }

    /// The earliest instant at which a call may start.
    pub(super) fn earliest(&mut self, now: Timestamp) -> Timestamp {
        let (interval, tolerance) = self.spacing();
        // None can be further away than this, unless the clock was set back.
        self.full = self.full.min(add(now, interval + self.longest()));
        self.held_until = self.held_until.min(add(now, LONGEST_HOLD));
        self.window =
            self.window.filter(|window| window.resets > now && between(now, window.resets) <= LONGEST_HOLD);
        let bucket = self.full.checked_sub(tolerance).unwrap_or(Timestamp::MIN);
        let window = self.window.map_or(Timestamp::MIN, |window| match window.remaining {
            0 => window.resets,
            _ => window.next.min(window.resets),
        });
        bucket.max(self.held_until).max(window)
    }

    /// A call starts now.
    pub(super) fn take(&mut self, now: Timestamp) {
        let (interval, _) = self.spacing();
        self.full = add(self.full.max(now), interval);
        if let Some(mut window) = self.window {
            window.remaining = window.remaining.saturating_sub(1);
            self.window = Some(self.spread(window, now));
        }
    }

    /// An answer told how much is left, not knowing of `under_way` calls perhaps.
    pub(super) fn told(&mut self, told: &Told, under_way: u32, now: Timestamp) {
        self.relimit(told.limit);
        let mut remaining = told.remaining.saturating_sub(under_way);
        if let Some(known) = self.window.filter(|known| known.resets > now) {
            let apart = between(known.resets, told.resets);
            if apart.is_zero() && between(told.resets, known.resets) > SAME_WINDOW {
                // Of the window before this one: it was long under way.
                return;
            }
            if apart <= SAME_WINDOW {
                // Answers overtake each other; within a window there is only ever less.
                remaining = remaining.min(known.remaining);
            }
        }
        let window = Window { remaining, resets: told.resets, next: Timestamp::MIN };
        self.window = Some(self.spread(window, now));
    }

    /// Says when the next call may start if what is left is to last, where that is later than declared.
    fn spread(&self, window: Window, now: Timestamp) -> Window {
        let share = between(now, window.resets) / window.remaining.saturating_add(1);
        let unhurried = match (self.shape, self.limit) {
            (Some(shape), _) => share <= shape.interval,
            (None, Some(limit)) => window.remaining >= limit / 2,
            (None, None) => false,
        };
        Window { next: if unhurried { Timestamp::MIN } else { add(now, share) }, ..window }
    }

    /// The other side allows fewer calls than we were told, or as many again.
    fn relimit(&mut self, limit: Option<u32>) {
        if limit.is_none() || limit == self.limit {
            return;
        }
        self.limit = limit;
        let fewer = self.rate.zip(limit.and_then(NonZeroU32::new));
        let rate = fewer.map(|(rate, limit)| RateLimit { calls: rate.calls.min(limit), ..rate });
        // No more may be saved up than declared: longer times between calls would make it more.
        let longest = self.longest();
        let shape = rate.or(self.rate).map(Shape::of);
        self.shape = shape.map(|shape| Shape { tolerance: shape.tolerance.min(longest), ..shape });
        self.slowed = self.slowed.filter(|slowed| *slowed < self.ceiling());
    }

    /// How far away `full` may be when a call starts, at most.
    fn longest(&self) -> Duration {
        self.rate.map_or(Duration::ZERO, |rate| Shape::of(rate).tolerance)
    }

    /// Calls a second that slowing down begins with and ends at.
    fn ceiling(&self) -> f64 {
        self.shape.map_or(ASSUMED, |shape| shape.rate)
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
        let ceiling = self.ceiling();
        let slowest = (ceiling / SLOWEST).max(1.0 / 60.0).min(ceiling);
        self.slowed = Some((self.slowed.unwrap_or(ceiling) / 2.0).max(slowest));
        let (interval, _) = self.spacing();
        self.full = self.full.max(add(now, interval));
        self.hold(add(now, SAME_REFUSAL));
    }

    /// The other side answered something else.
    pub(super) fn accepted(&mut self) {
        let ceiling = self.ceiling();
        self.slowed = self.slowed.map(|rate| rate + ceiling / STEPS).filter(|rate| *rate < ceiling);
    }

    /// The time between calls, and how much of it may have been saved up.
    fn spacing(&self) -> (Duration, Duration) {
        match (self.slowed, self.shape) {
            (Some(rate), _) => (Duration::from_secs_f64(1.0 / rate), Duration::ZERO),
            (None, Some(shape)) => (shape.interval, shape.tolerance),
            (None, None) => (Duration::ZERO, Duration::ZERO),
        }
    }
}

/// How calls are spread so that they keep to a rate: a tenth of them may start at once, the rest one by one.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// Calls a second.
    rate: f64,
    /// The time between calls, rounded up, so that many of them are never too short.
    interval: Duration,
    /// How much of it may have been saved up.
    tolerance: Duration,
}

impl Shape {
    fn of(rate: RateLimit) -> Self {
        let calls = rate.calls.get();
        let burst = (calls / 10).max(1);
        let per = rate.per.max(Duration::from_millis(1));
        let nanos = per.as_nanos().div_ceil(u128::from(calls - burst + 1));
        let interval = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let tolerance = interval.saturating_mul(burst - 1);
        Self { rate: f64::from(calls - burst + 1) / per.as_secs_f64(), interval, tolerance }
    }
}

#[cfg(test)]
mod tests {
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
