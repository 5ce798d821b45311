//! Holds a connection's calls to what the other side bears: so many at once, so many in a time, none while it asks for
//! a pause. All flows of a connection share one limiter and wait in line.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use tokio::sync::{Mutex as Line, OwnedSemaphorePermit, Semaphore};

use super::pace::{LONGEST_HOLD, Pace};
use crate::base::Clock;
use crate::base::clock::{add, between};

/// The shortest pause that is made when one is asked for.
const SHORTEST_HOLD: Duration = Duration::from_secs(1);

/// A number of calls in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The most calls.
    pub calls: NonZeroU32,
    /// The time they are spread over.
    pub per: Duration,
}

/// What a connection's calls are held to.
#[derive(Debug, Clone, Copy)]
pub struct LimitOptions {
    /// The most calls at once.
    pub concurrency: NonZeroU32,
    /// The most calls in a time, where the other side has such a limit.
    pub rate: Option<RateLimit>,
}

/// A connection's limits. Clones share them.
#[derive(Debug, Clone)]
pub struct Limiter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    calls: Arc<Semaphore>,
    // First come, first served: whoever holds it is the next to start.
    line: Line<()>,
    pace: Mutex<Pace>,
    clock: Arc<dyn Clock>,
}

/// The right to make one call; give it back by dropping it when the call is over.
#[derive(Debug)]
#[must_use = "the call counts as over once the permit is dropped"]
pub struct Permit {
    _call: Option<OwnedSemaphorePermit>,
}

impl Limiter {
    /// A limiter with a full bucket.
    pub fn new(options: LimitOptions, clock: Arc<dyn Clock>) -> Self {
        let calls = usize::try_from(options.concurrency.get()).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            shared: Arc::new(Shared {
                calls: Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS))),
                line: Line::new(()),
                pace: Mutex::new(Pace::new(options.rate)),
                clock,
            }),
        }
    }

    /// Waits in line until a call may start. Dropping the future gives the place up and costs nothing.
    pub async fn enter(&self) -> Permit {
        // The semaphore is never closed, so there always is a permit.
        let call = Arc::clone(&self.shared.calls).acquire_owned().await.ok();
        let _turn = self.shared.line.lock().await;
        loop {
            match self.start() {
                Ok(()) => return Permit { _call: call },
                // A pause may have been added meanwhile, so look again afterwards.
                Err(earliest) => self.shared.clock.sleep_until(earliest).await,
            }
        }
    }

    /// Starts no call before `until`, at most 15 minutes from now.
    pub fn hold_until(&self, until: Timestamp) {
        let latest = add(self.shared.clock.now(), LONGEST_HOLD);
        self.pace(|pace| pace.hold(until.min(latest)));
    }

    /// Until when no call starts because a pause was asked for.
    pub fn held_until(&self) -> Option<Timestamp> {
        let now = self.shared.clock.now();
        self.pace(|pace| pace.held(now))
    }

    /// Learns from an answer: `Retry-After` is obeyed, 429 without it slows all calls down, anything else lets them
    /// speed up again.
    pub fn observe(&self, status: StatusCode, headers: &HeaderMap) {
        let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let now = self.shared.clock.now();
        match retry_after(headers, now) {
            Some(pause) if busy => self.hold_until(add(now, pause)),
            _ if status == StatusCode::TOO_MANY_REQUESTS => self.pace(|pace| pace.refused(now)),
            _ if status.is_server_error() => {}
            _ => self.pace(Pace::accepted),
        }
    }

    /// Starts a call now, or says when that may be.
    fn start(&self) -> Result<(), Timestamp> {
        let now = self.shared.clock.now();
        self.pace(|pace| {
            let earliest = pace.earliest(now);
            if earliest > now {
                return Err(earliest);
            }
            pace.take(now);
            Ok(())
        })
    }

    fn pace<T>(&self, work: impl FnOnce(&mut Pace) -> T) -> T {
        work(&mut self.shared.pace.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The pause that an answer asks for: seconds or a date, at least one second and at most 15 minutes.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds is long in any case.
        text.parse().map_or(LONGEST_HOLD, Duration::from_secs)
    } else {
        // Against the other side's own clock where it shows it, since ours may differ.
        let theirs = headers.get(DATE).and_then(|date| instant(date.to_str().ok()?)).unwrap_or(now);
        between(theirs, instant(text)?)
    };
    Some(pause.clamp(SHORTEST_HOLD, LONGEST_HOLD))
}

fn instant(date: &str) -> Option<Timestamp> {
    rfc2822::parse(date).ok().map(|date| date.timestamp())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::base::ManualClock;

    fn limiter(concurrency: u32, rate: Option<(u32, u64)>) -> (Limiter, ManualClock) {
        let clock = ManualClock::at("2026-11-03T10:00:00Z".parse().unwrap());
        let rate = rate.map(|(calls, per)| RateLimit {
            calls: NonZeroU32::new(calls).unwrap(),
            per: Duration::from_secs(per),
        });
        let options = LimitOptions { concurrency: NonZeroU32::new(concurrency).unwrap(), rate };
        (Limiter::new(options, Arc::new(clock.clone())), clock)
    }

    fn enter(limiter: &Limiter) -> Option<Permit> {
        limiter.enter().now_or_never()
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn so_many_at_once() {
        let (limiter, _) = limiter(2, None);
        let first = enter(&limiter).unwrap();
        let _second = enter(&limiter).unwrap();
        assert!(enter(&limiter).is_none());
        drop(first);
        assert!(enter(&limiter).is_some());
    }

    #[test]
    fn so_many_in_a_time_and_in_the_order_they_came() {
        let (limiter, clock) = limiter(100, Some((1, 10)));
        drop(enter(&limiter).unwrap());
        let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(limiter.enter())).collect();
        for first in 0..5 {
            assert!(waiting.iter_mut().skip(first).all(|call| call.now_or_never().is_none()));
            clock.advance(Duration::from_secs(10));
            // Later ones are polled first and still have to wait.
            assert!(waiting.iter_mut().skip(first + 1).rev().all(|call| call.now_or_never().is_none()));
            assert!((&mut waiting[first]).now_or_never().is_some(), "{first}");
        }
    }

    #[test]
    fn one_who_gives_up_leaves_no_gap() {
        let (limiter, clock) = limiter(1, Some((1, 10)));
        drop(enter(&limiter).unwrap());
        let mut impatient = Box::pin(limiter.enter());
        assert!((&mut impatient).now_or_never().is_none());
        drop(impatient);
        clock.advance(Duration::from_secs(10));
        assert!(enter(&limiter).is_some());
    }

    #[test]
    fn a_pause_that_is_asked_for_is_made_by_all() {
        let (limiter, clock) = limiter(8, None);
        let mut waiting = Box::pin({
            limiter.observe(StatusCode::TOO_MANY_REQUESTS, &headers(&[("retry-after", "30")]));
            limiter.enter()
        });
        assert!((&mut waiting).now_or_never().is_none());
        // The pause is extended while one waits.
        limiter.observe(StatusCode::SERVICE_UNAVAILABLE, &headers(&[("retry-after", "60")]));
        clock.advance(Duration::from_secs(30));
        assert!((&mut waiting).now_or_never().is_none());
        assert_eq!(limiter.held_until(), Some(add(clock.now(), Duration::from_secs(30))));
        clock.advance(Duration::from_secs(30));
        assert!((&mut waiting).now_or_never().is_some());
        assert_eq!(limiter.held_until(), None);
    }

    #[test]
    fn too_many_without_a_hint_slows_down_for_a_while() {
        let (limiter, clock) = limiter(8, None);
        limiter.observe(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new());
        assert!(enter(&limiter).is_none());
        clock.advance(Duration::from_secs(1));
        assert!(enter(&limiter).is_some());
        assert!(enter(&limiter).is_none());
        for _ in 0..200 {
            limiter.observe(StatusCode::OK, &HeaderMap::new());
        }
        assert!(enter(&limiter).is_some() && enter(&limiter).is_some());
        limiter.observe(StatusCode::BAD_GATEWAY, &HeaderMap::new());
        assert!(enter(&limiter).is_some());
    }

    #[test]
    fn every_way_to_write_a_pause_is_read() {
        let now: Timestamp = "2026-11-03T10:00:00Z".parse().unwrap();
        let seconds =
            |fields: &[(&'static str, &str)]| retry_after(&headers(fields), now).map(|pause| pause.as_secs());
        for (text, expected) in [
            ("30", Some(30)),
            ("0", Some(1)),
            ("999999", Some(900)),
            ("99999999999999999999999999", Some(900)),
            ("Tue, 03 Nov 2026 10:02:00 GMT", Some(120)),
            ("Tue, 03 Nov 2020 10:02:00 GMT", Some(1)),
            ("Tue, 03 Nov 2099 10:02:00 GMT", Some(900)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(seconds(&[("retry-after", text)]), expected, "{text}");
        }
        let skewed =
            [("retry-after", "Tue, 03 Nov 2026 11:00:10 GMT"), ("date", "Tue, 03 Nov 2026 11:00:00 GMT")];
        assert_eq!(seconds(&skewed), Some(10));
        assert_eq!(seconds(&[]), None);
    }
}
