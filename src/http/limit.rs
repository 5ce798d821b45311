//! Holds a connection's calls to what the other side bears: so many at once, so many in a time, none while it asks for
//! a pause, and fewer while it says that few are left. All flows of a connection share one limiter, and so do the
//! connections of an account; they are served in turn.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::pace::{LONGEST_HOLD, Pace, Told};
use super::queue::Queue;
use crate::base::Clock;
use crate::base::clock::{add, between};

/// The shortest pause that is made when one is asked for.
const SHORTEST_HOLD: Duration = Duration::from_secs(1);

/// No limit is over a time of thirty years: so many seconds are counted from 1970.
const SINCE_1970: f64 = 1e9;

/// A number of calls in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The most calls.
    pub calls: NonZeroU32,
    /// The time they are spread over.
    pub per: Duration,
}

/// The headers in which answers say how much of the rate is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateHeaders {
    /// How many calls the time allows. Fewer than declared lower the rate.
    pub limit: Option<HeaderName>,
    /// How many calls are left in this time.
    pub remaining: HeaderName,
    /// How many seconds it is until the next time begins, or when that is in seconds since 1970.
    pub reset: HeaderName,
}

/// What a connection's calls are held to.
#[derive(Debug, Clone)]
pub struct LimitOptions {
    /// The most calls at once.
    pub concurrency: NonZeroU32,
    /// The most calls in a time, where the other side has such a limit.
    pub rate: Option<RateLimit>,
    /// Where answers say how much of it is left.
    pub headers: Option<RateHeaders>,
}

/// The limiters of an engine: connections of one system with the same account share one.
#[derive(Debug)]
pub struct Limiters {
    clock: Arc<dyn Clock>,
    known: Mutex<BTreeMap<(String, String), Limiter>>,
}

impl Limiters {
    /// None yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, known: Mutex::default() }
    }

    /// The limiter of this account with this system. Whoever asks first says how it is set.
    pub fn of(&self, system: &str, account: &str, options: LimitOptions) -> Limiter {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let limiter = known.entry((system.to_owned(), account.to_owned()));
        limiter.or_insert_with(|| Limiter::new(options, Arc::clone(&self.clock))).clone()
    }

    /// A limiter of its own.
    pub fn own(&self, options: LimitOptions) -> Limiter {
        Limiter::new(options, Arc::clone(&self.clock))
    }
}

/// A connection's limits. Clones share them.
#[derive(Debug, Clone)]
pub struct Limiter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    calls: Arc<Semaphore>,
    under_way: Arc<AtomicU32>,
    queue: Queue,
    headers: Option<RateHeaders>,
    pace: Mutex<Pace>,
    clock: Arc<dyn Clock>,
}

/// The right to make one call; give it back by dropping it when the call is over.
#[derive(Debug)]
#[must_use = "the call counts as over once the permit is dropped"]
pub struct Permit {
    _call: Option<OwnedSemaphorePermit>,
    _under_way: UnderWay,
}

/// Counts a call as under way until it is dropped.
#[derive(Debug)]
struct UnderWay(Arc<AtomicU32>);

impl UnderWay {
    fn one(count: &Arc<AtomicU32>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Limiter {
    /// A limiter with a full bucket.
    pub fn new(options: LimitOptions, clock: Arc<dyn Clock>) -> Self {
        let most = usize::try_from(options.concurrency.get()).unwrap_or(Semaphore::MAX_PERMITS);
        let most = most.min(Semaphore::MAX_PERMITS);
        Self {
            shared: Arc::new(Shared {
                calls: Arc::new(Semaphore::new(most)),
                under_way: Arc::default(),
                queue: Queue::default(),
                headers: options.headers,
                pace: Mutex::new(Pace::new(options.rate)),
                clock,
            }),
        }
    }

    /// Waits in line until a call of `who`, a flow, may start: callers are served in turn, and in order within one.
    /// Dropping the future gives the place up and costs nothing.
    pub async fn enter(&self, who: &str) -> Permit {
        let place = self.shared.queue.join(who);
        place.turn().await;
        // The semaphore is never closed, so there always is a permit.
        let call = Arc::clone(&self.shared.calls).acquire_owned().await.ok();
        loop {
            match self.start() {
                Ok(()) => return Permit { _call: call, _under_way: UnderWay::one(&self.shared.under_way) },
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
    /// speed up again; and where answers say how many calls are left, that is believed.
    pub fn observe(&self, status: StatusCode, headers: &HeaderMap) {
        let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let now = self.shared.clock.now();
        let told = self.shared.headers.as_ref().and_then(|names| names.read(headers, now));
        if let Some(told) = &told {
            // Calls that are under way may not have been counted there yet.
            let under_way = self.shared.under_way.load(Ordering::SeqCst);
            self.pace(|pace| pace.told(told, under_way, now));
        }
        match (retry_after(headers, now), told) {
            (Some(pause), _) if busy => self.hold_until(add(now, pause)),
            (None, Some(told)) if status == StatusCode::TOO_MANY_REQUESTS && told.remaining == 0 => {
                self.hold_until(told.resets.max(add(now, SHORTEST_HOLD)));
            }
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

impl RateHeaders {
    /// What an answer tells; `None` when it does not say it whole.
    fn read(&self, headers: &HeaderMap, now: Timestamp) -> Option<Told> {
        let number = |name: &HeaderName| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
        let whole = |number: f64| (number >= 0.0).then_some(number as u32);
        let reset = number(&self.reset).filter(|seconds| *seconds >= 0.0)?;
        let resets = if reset > SINCE_1970 {
            Timestamp::from_second(reset as i64).ok()?
        } else {
            // Whole seconds may have been rounded down.
            add(now, Duration::try_from_secs_f64(reset + 1.0).ok()?)
        };
        Some(Told {
            limit: self.limit.as_ref().and_then(number).and_then(whole),
            remaining: number(&self.remaining).and_then(whole)?,
            resets: resets.min(add(now, LONGEST_HOLD)),
        })
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
mod tests;
