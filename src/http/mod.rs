//! The only door out: clients, TLS, limits, redaction and what the network can do to a request.
//!
//! Two clients a connection: one for reads and idempotent calls, which keeps connections open, and one for effects
//! that must happen once, which never re-uses a connection, never follows a redirect and never repeats anything.
//! No retry lives here: the engine decides what may be sent again.
//!
//! Reading order: [`client`] sends, [`guard`] says where to, [`pointer`] where a URL from outside may lead and `global`
//! at which addresses, `failure` says what a failure proves, `connect` knows when a connection stood, `encode` writes
//! text into URLs, `header_name` is a name that an author wrote, [`limit`], `pace` and `queue` hold back, [`breaker`]
//! knows when a system is down, [`backoff`] is arithmetic, [`redact`] hides.

pub mod backoff;
pub mod breaker;
pub mod client;
mod connect;
mod encode;
mod failure;
mod global;
pub mod guard;
mod header_name;
pub mod limit;
#[cfg(test)]
pub(crate) mod loopback;
mod pace;
pub mod pointer;
mod queue;
pub mod redact;
#[cfg(test)]
mod tests;

pub use breaker::{Breaker, BreakerOptions, Sign};
pub use client::{Client, ClientError, ClientOptions, Kind};
pub use encode::percent_encoded;
pub use guard::authority;
pub use header_name::HeaderName;
pub use limit::{LimitOptions, Limiter, Limiters, Permit, RateHeaders, RateLimit, retry_after};
pub use redact::Redactor;

use std::time::Duration;

use bytes::Bytes;

/// A request, ready to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The method.
    pub method: http::Method,
    /// The whole URL.
    pub url: url::Url,
    /// The headers; values may hold credentials, so they are never logged as they are.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Option<Bytes>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The status.
    pub status: http::StatusCode,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body, at most the client's limit.
    pub body: Bytes,
    /// How long it took in all.
    pub elapsed: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It was never sent: no address, no connection, no TLS, or the request was invalid. Nothing can have happened.
    #[error("{reason}")]
    NotSent {
        /// What stood in the way, for a person.
        reason: String,
        /// Whether it may work later (a refused connection) or not before somebody changes something (a bad URL).
        permanent: bool,
    },
    /// It was sent, wholly or in part, and no whole answer came back. Anything can have happened.
    #[error("{reason}")]
    Unknown {
        /// What broke, for a person.
        reason: String,
    },
}
