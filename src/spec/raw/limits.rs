//! How hard a system may be worked, as authors write it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::written::{AnyTree, Count, Written};

/// How hard a system may be worked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Limits")]
pub struct RawLimits {
    /// The most calls in a time, shared by all flows of a connection.
    pub rate: Option<RawRate>,
    /// The most calls at once; 4 unless it says otherwise.
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency: Option<u32>,
    /// How long one call may take; `60s` unless it says otherwise.
    #[schemars(example = &"60s")]
    pub timeout: Option<Written<String>>,
    /// How failed calls are repeated.
    pub retry: Option<RawRetry>,
    /// The headers in which answers say how much of the rate is left.
    pub headers: Option<RawRateHeaders>,
    /// Connections for which this yields the same share one rate; each has its own without it. A template over
    /// `settings`.
    #[schemars(example = &"{{ settings.account }}")]
    pub account: Option<Written<String>>,
    /// Whether a poll or a record uses the connection alone while the others wait, for systems that bear one session.
    #[serde(default)]
    pub take_turns: bool,
    /// When a system counts as down, and how long it is left alone then.
    pub breaker: Option<RawBreaker>,
}

/// A number of calls in a time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rate")]
pub struct RawRate {
    /// The number of calls, or a template over `settings` that yields it.
    #[schemars(required, with = "Count")]
    pub calls: Option<AnyTree>,
    /// The time they may be spread over.
    #[schemars(required, example = &"1m")]
    pub per: Option<Written<String>>,
}

/// Exponential backoff with full jitter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Retry")]
pub struct RawRetry {
    /// The upper bound of the first wait, which doubles with each attempt; `1s` unless it says otherwise.
    #[schemars(example = &"1s")]
    pub first: Option<Written<String>>,
    /// The upper bound of any wait; `5m` unless it says otherwise.
    #[schemars(example = &"5m")]
    pub max: Option<Written<String>>,
    /// After so many failed attempts the record is parked; 8 unless it says otherwise.
    #[schemars(range(min = 1, max = 1000))]
    pub attempts: Option<u32>,
}

/// The headers in which answers say how much of the rate is left.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RateHeaders")]
pub struct RawRateHeaders {
    /// How many calls the time allows.
    #[schemars(example = &"X-Rate-Limit-Limit")]
    pub limit: Option<Written<String>>,
    /// How many calls are left.
    #[schemars(required, example = &"X-Rate-Limit-Remaining")]
    pub remaining: Option<Written<String>>,
    /// How many seconds it is until the next time begins.
    #[schemars(required, example = &"X-Rate-Limit-Reset")]
    pub reset: Option<Written<String>>,
}

/// When a system counts as down: it could not be reached, was too slow, or answered with 5xx.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Breaker")]
pub struct RawBreaker {
    /// After so many failures in a row; 5 unless it says otherwise.
    #[schemars(range(min = 1, max = 1000))]
    pub failures: Option<u32>,
    /// How long it is left alone first, which doubles each time; `30s` unless it says otherwise.
    #[schemars(example = &"30s")]
    pub pause: Option<Written<String>>,
    /// The longest it is left alone; `15m` unless it says otherwise.
    #[schemars(example = &"15m")]
    pub max: Option<Written<String>>,
}
