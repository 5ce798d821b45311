//! One clock for the whole engine, which tests can drive by hand.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

/// Where every room gets the time from, and how it waits.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The current instant.
    fn now(&self) -> Timestamp;

    /// Completes once [`Clock::now`] has reached `instant`; at once if it already has.
    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Completes after `duration` of this clock's time.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.sleep_until(add(self.now(), duration))
    }
}

/// `instant + duration`, held at the end of time instead of overflowing.
pub fn add(instant: Timestamp, duration: Duration) -> Timestamp {
    instant.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// `instant - duration`, held at the beginning of time instead of overflowing.
pub fn before(instant: Timestamp, duration: Duration) -> Timestamp {
    instant.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

/// `later - earlier`, zero when `later` is not later.
pub fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The wall clock behind the trait that every room takes.
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        // The wall clock can be set back while we wait, so look again instead of trusting one long sleep.
        Box::pin(async move {
            loop {
                let left = between(SystemClock.now(), instant);
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(Duration::from_secs(60))).await;
            }
        })
    }
}

/// A clock that moves only when a test moves it.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: Arc<watch::Sender<Timestamp>>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn at(start: Timestamp) -> Self {
        Self { now: Arc::new(watch::Sender::new(start)) }
    }

    /// Moves the clock forward and wakes everyone whose time has come.
    pub fn advance(&self, duration: Duration) {
        self.now.send_modify(|now| *now = add(*now, duration));
    }

    /// Sets the clock, backwards too: wall clocks do jump.
    pub fn set(&self, instant: Timestamp) {
        self.now.send_replace(instant);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            // The sender lives in every clone of the clock; if all are gone nobody can wait on it any more.
            let _ = now.wait_for(|now| *now >= instant).await;
        })
    }
}
