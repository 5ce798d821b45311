//! When another system counts as down. Pure logic over instants that it is given.
//!
//! So many failures in a row (no connection, no answer in time, an answer of 500 or above) open the breaker: nothing is
//! asked for a pause. Then one call may try, the probe: if it is answered, all go on; if not, the next pause is twice as
//! long. Anything below 500 is an answer, refusals too: the system is there.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;

use super::{SendError, backoff};
use crate::base::clock::{add, between};

/// How a breaker is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// After so many failures in a row the system counts as down; at least one.
    pub failures: u32,
    /// The first pause; doubles each time.
    pub pause: Duration,
    /// The longest pause.
    pub max: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self { failures: 5, pause: Duration::from_secs(30), max: Duration::from_secs(15 * 60) }
    }
}

/// Whether another system counts as down; see the file's head.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// It answers; so many failures in a row since it last did.
    Closed { failures: u32 },
    /// It does not; this is the so manieth pause, which ends then.
    Open { pauses: u32, until: Timestamp },
    /// One call tries; if nothing is heard of it, another may from then on.
    Probing { pauses: u32, until: Timestamp },
}

/// What came of a call, as far as it tells whether the system is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It answered.
    Up,
    /// It did not answer, or said that it cannot.
    Down,
    /// The call says nothing of it: it was ours that could not be sent.
    Nothing,
}

impl Sign {
    /// What an answer tells.
    pub fn of_status(status: StatusCode) -> Self {
        if status.is_server_error() { Self::Down } else { Self::Up }
    }

    /// What a failure tells.
    pub fn of_failure(failure: &SendError) -> Self {
        match failure {
            // A host that we may not reach, a certificate that nobody trusts: no pause makes that better.
            SendError::NotSent { permanent: true, .. } => Self::Nothing,
            SendError::NotSent { permanent: false, .. } | SendError::Unknown { .. } => Self::Down,
        }
    }
}

impl Breaker {
    /// A breaker of a system that is not known to be down.
    pub fn new(options: BreakerOptions) -> Self {
        Self { options, state: State::Closed { failures: 0 } }
    }

    /// Asks to make a call now. While the system counts as down only one call in a pause is let through, the probe, and
    /// whoever makes it must tell with [`Breaker::note`] what came of it.
    ///
    /// # Errors
    /// Until when nothing may be asked.
    pub fn admit(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        match self.believed(now) {
            State::Closed { .. } => Ok(()),
            State::Open { until, .. } | State::Probing { until, .. } if now < until => Err(until),
            State::Open { pauses, .. } | State::Probing { pauses, .. } => {
                // A probe of which nothing is heard must not keep everybody out for ever.
                self.state = State::Probing { pauses, until: add(now, self.pause(pauses)) };
                Ok(())
            }
        }
    }

    /// Until when nothing may be asked, if the system counts as down; changes nothing.
    pub fn down(&self, now: Timestamp) -> Option<Timestamp> {
        match self.believed(now) {
            State::Open { until, .. } | State::Probing { until, .. } if now < until => Some(until),
            _ => None,
        }
    }

    /// Says what came of a call. Gives the end of the pause that begins with it, if one does.
    pub fn note(&mut self, sign: Sign, now: Timestamp) -> Option<Timestamp> {
        match (sign, self.state) {
            (Sign::Up, _) => self.state = State::Closed { failures: 0 },
            (Sign::Nothing, State::Probing { pauses, .. }) => {
                // The probe told nothing; the next call is one.
                self.state = State::Open { pauses, until: now };
            }
            (Sign::Nothing, _) => {}
            (Sign::Down, State::Closed { failures }) => {
                let failures = failures.saturating_add(1);
                self.state = State::Closed { failures };
                if failures >= self.options.failures {
                    return Some(self.open(1, now));
                }
            }
            // Calls that were under way when it opened say nothing new.
            (Sign::Down, State::Open { .. }) => {}
            (Sign::Down, State::Probing { pauses, .. }) => {
                return Some(self.open(pauses.saturating_add(1), now));
            }
        }
        None
    }

    fn open(&mut self, pauses: u32, now: Timestamp) -> Timestamp {
        let until = add(now, self.pause(pauses));
        self.state = State::Open { pauses, until };
        until
    }

    fn pause(&self, pauses: u32) -> Duration {
        backoff::delay(pauses, self.options.pause, self.options.max, 1.0)
    }

    /// The state, but for an end that is further away than any pause: the clock was set back.
    fn believed(&self, now: Timestamp) -> State {
        let sane = |until: Timestamp| if between(now, until) > self.options.max { now } else { until };
        match self.state {
            State::Open { pauses, until } => State::Open { pauses, until: sane(until) },
            State::Probing { pauses, until } => State::Probing { pauses, until: sane(until) },
            closed => closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn at(seconds: u64) -> Timestamp {
        add(START, Duration::from_secs(seconds))
    }

    fn breaker(failures: u32) -> Breaker {
        Breaker::new(BreakerOptions { failures, ..BreakerOptions::default() })
    }

    /// A breaker that opened at the start.
    fn opened() -> Breaker {
        let mut breaker = breaker(1);
        assert_eq!(breaker.note(Sign::Down, START), Some(at(30)));
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_starts_the_count_anew() {
        let mut breaker = breaker(3);
        for _ in 0..5 {
            assert_eq!(breaker.note(Sign::Down, START), None);
            assert_eq!(breaker.note(Sign::Down, START), None);
            breaker.note(Sign::Up, START);
        }
        for opened in [None, None, Some(at(30))] {
            assert_eq!((breaker.admit(START), breaker.down(START)), (Ok(()), None));
            assert_eq!(breaker.note(Sign::Down, START), opened);
        }
        assert_eq!(breaker.admit(at(29)), Err(at(30)));
        assert_eq!(breaker.down(at(29)), Some(at(30)));
    }

    #[test]
    fn one_probe_at_a_time() {
        let mut breaker = opened();
        assert_eq!(breaker.down(at(30)), None);
        assert_eq!(breaker.admit(at(30)), Ok(()));
        for _ in 0..5 {
            assert!(breaker.admit(at(31)).is_err());
        }
        assert!(breaker.down(at(31)).is_some());
        breaker.note(Sign::Up, at(32));
        assert_eq!((breaker.admit(at(32)), breaker.admit(at(32))), (Ok(()), Ok(())));
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut breaker = opened();
        let mut now = at(30);
        for pause in [60, 120, 240, 480, 900, 900] {
            assert_eq!(breaker.admit(now), Ok(()));
            let until = breaker.note(Sign::Down, now).unwrap();
            assert_eq!(between(now, until).as_secs(), pause);
            now = until;
        }
        assert_eq!(breaker.admit(now), Ok(()));
        breaker.note(Sign::Up, now);
        assert_eq!(
            breaker.note(Sign::Down, now),
            Some(add(now, Duration::from_secs(30))),
            "from the first again"
        );
    }

    #[test]
    fn calls_that_were_under_way_make_no_pause_longer() {
        let mut breaker = opened();
        for _ in 0..20 {
            assert_eq!(breaker.note(Sign::Down, at(1)), None);
        }
        assert_eq!(breaker.admit(at(29)), Err(at(30)));
        // But an answer to one of them shows that it is there.
        breaker.note(Sign::Up, at(2));
        assert_eq!(breaker.admit(at(2)), Ok(()));
    }

    #[test]
    fn a_probe_that_is_lost_or_tells_nothing_keeps_nobody_out() {
        let mut breaker = opened();
        breaker.admit(at(30)).unwrap();
        let until = breaker.admit(at(31)).unwrap_err();
        assert_eq!(breaker.admit(until), Ok(()));
        breaker.note(Sign::Nothing, until);
        assert_eq!(breaker.admit(until), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let mut breaker = breaker(1);
        breaker.note(Sign::Down, at(1_000_000));
        assert_eq!((breaker.down(START), breaker.admit(START)), (None, Ok(())));
    }

    #[test]
    fn only_what_tells_of_the_system_counts() {
        for (status, sign) in [
            (200, Sign::Up),
            (401, Sign::Up),
            (404, Sign::Up),
            (429, Sign::Up),
            (500, Sign::Down),
            (503, Sign::Down),
        ] {
            assert_eq!(Sign::of_status(StatusCode::from_u16(status).unwrap()), sign, "{status}");
        }
        let not_sent = |permanent| SendError::NotSent { reason: String::new(), permanent };
        assert_eq!(Sign::of_failure(&not_sent(true)), Sign::Nothing);
        assert_eq!(Sign::of_failure(&not_sent(false)), Sign::Down);
        assert_eq!(Sign::of_failure(&SendError::Unknown { reason: String::new() }), Sign::Down);
    }

    proptest! {
        /// Whatever happens: it lets calls through again, and while it is open at most one call in a pause.
        #[test]
        fn it_never_closes_for_good_and_probes_are_rare(events in prop::collection::vec((0u8..4, 0u64..40), 1..200)) {
            let mut breaker = breaker(3);
            let (mut now, mut probes, mut row) = (START, Vec::new(), 0);
            for (event, seconds) in events {
                now = add(now, Duration::from_secs(seconds));
                match event {
                    0 => { breaker.note(Sign::Up, now); row = 0; probes.clear(); }
                    1 => { breaker.note(Sign::Down, now); row += 1; }
                    2 => { breaker.note(Sign::Nothing, now); probes.clear(); }
                    _ if breaker.admit(now).is_ok() && row >= 3 => probes.push(now),
                    _ => {}
                }
            }
            for pair in probes.windows(2) {
                prop_assert!(between(pair[0], pair[1]) >= Duration::from_secs(30));
            }
            let later = add(now, Duration::from_secs(15 * 60));
            prop_assert!(breaker.admit(later).is_ok());
        }
    }
}
