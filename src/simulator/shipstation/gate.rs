//! Who may come in, and how often: keys, and calls counted in fixed windows of a minute.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ShipStation;
use super::state::Api;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::lock;

/// The length of a window, in seconds.
const WINDOW: i64 = 60;

/// Calls counted by the window they fell into.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Windows {
    /// All calls by when their window began, those that met 429 included.
    pub calls: BTreeMap<Timestamp, u64>,
    /// Calls that met 429.
    pub throttled: u64,
}

/// What the gate says of a call.
#[derive(Debug, Clone, Copy)]
pub struct Pass {
    limit: u64,
    remaining: u64,
    /// Seconds until the next window; never an instant (live values in joecampo/laravel-shipstation PR 19).
    reset: i64,
    open: bool,
}

impl Windows {
    /// The most calls that one window saw.
    pub fn most(&self) -> u64 {
        self.calls.values().copied().max().unwrap_or_default()
    }

    fn enter(&mut self, now: Timestamp, limit: u64) -> Pass {
        let begun = now.as_second().div_euclid(WINDOW) * WINDOW;
        let window = Timestamp::from_second(begun).unwrap_or(now);
        let count = self.calls.entry(window).or_default();
        *count += 1;
        let open = *count <= limit;
        let pass = Pass {
            limit,
            remaining: limit.saturating_sub(*count),
            reset: begun + WINDOW - now.as_second(),
            open,
        };
        self.throttled += u64::from(!open);
        pass
    }
}

impl Pass {
    /// V1 says on every answer how much is left.
    pub fn on(self, answer: Answer) -> Answer {
        answer
            .with("x-rate-limit-limit", self.limit.to_string())
            .with("x-rate-limit-remaining", self.remaining.to_string())
            .with("x-rate-limit-reset", self.reset.to_string())
    }

    /// Whether the call may go on.
    pub fn is_open(self) -> bool {
        self.open
    }

    /// Seconds until the next window.
    pub fn reset(self) -> i64 {
        self.reset
    }
}

impl ShipStation {
    pub(super) fn enter(&self, api: Api) -> Pass {
        let now = self.desk.clock.now();
        let state = &mut lock(&self.books).state;
        match api {
            Api::V1 => state.v1_windows.enter(now, self.options.v1_calls),
            Api::V2 => state.v2_windows.enter(now, self.options.v2_calls),
        }
    }

    pub(super) fn knows(&self, api: Api, call: &Call) -> bool {
        let known = match api {
            Api::V1 => {
                let expected = format!("{}:{}", self.options.api_key, self.options.api_secret);
                call.header("authorization")
                    .and_then(|header| header.strip_prefix("Basic "))
                    .and_then(|encoded| STANDARD.decode(encoded.trim()).ok())
                    .is_some_and(|given| given == expected.as_bytes())
            }
            Api::V2 => call.header("api-key") == Some(self.options.v2_api_key.as_str()),
        };
        lock(&self.books).state.unauthorized += u64::from(!known);
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_fixed_and_counted() {
        let mut windows = Windows::default();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let last = (0..3).map(|_| windows.enter(at("2026-11-20T15:00:38Z"), 2)).last().unwrap();
        assert!(!last.is_open());
        assert_eq!((last.remaining, last.reset), (0, 22));
        assert!(windows.enter(at("2026-11-20T15:01:00Z"), 2).is_open());
        assert_eq!((windows.most(), windows.throttled), (3, 1));
    }
}
