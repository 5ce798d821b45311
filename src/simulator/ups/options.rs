//! How the simulated UPS is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::webhook::Webhook;
use crate::base::{Clock, SystemClock};

/// How lists are written. UPS collapsed lists of one to an object for years; from v2409 on it promises not to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lists {
    /// Lists are lists, as v2409 promises.
    #[default]
    Kept,
    /// A list of one is an object, as in the older versions.
    Collapsed,
    /// Now this, now that, as reported after UPS changed versions overnight (api-documentation issue 155).
    Mixed,
}

/// How the simulated UPS is set up; `Options::default()` suits most.
#[derive(Debug, Clone)]
pub struct Options {
    /// What numbers and tokens are made from.
    pub seed: u64,
    /// The client id of the app.
    pub client_id: String,
    /// The secret of the app.
    pub client_secret: String,
    /// The account that ships and pays, six characters.
    pub account: String,
    /// How long a token lives.
    pub token_life: Duration,
    /// How many tokens a day are given out; UPS publishes no figure.
    pub tokens_a_day: Option<u64>,
    /// How long a new shipment stays invisible to look-ups; UPS publishes no figure.
    pub visibility_lag: Duration,
    /// Refuse requests that break the contract; otherwise they are only recorded.
    pub strict: bool,
    /// Whether lists of one are written as objects.
    pub lists: Lists,
    /// Whether the account has prices of its own, below the published ones.
    pub negotiated: bool,
    /// Behave as the test environment does: only addresses in NY and CA are known.
    pub test_environment: bool,
    /// How long every answer takes, in real time.
    pub latency: Duration,
    /// How often every parcel comes one scan further by itself; without it nothing happens but what is asked for.
    pub scan_every: Option<Duration>,
    /// Where Track Alert v2 pushes, as set in UPS's portal; nowhere without it.
    pub webhook: Option<Webhook>,
    /// After which pauses a push is tried again. UPS documents no retry, so that a push that fails is lost.
    pub push_retries: Vec<Duration>,
    /// Files on a page of Quantum View; UPS publishes no figure.
    pub quantum_page: usize,
    /// Whether files of Quantum View count as read once they were given; UPS does not say.
    pub reading_marks: bool,
    /// A file that keeps the shipments over restarts.
    pub ledger: Option<PathBuf>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            client_id: "sim-client".into(),
            client_secret: "sim-secret".into(),
            account: "A1B2C3".into(),
            token_life: Duration::from_secs(14_399),
            tokens_a_day: None,
            visibility_lag: Duration::from_millis(300),
            strict: true,
            lists: Lists::Kept,
            negotiated: true,
            test_environment: false,
            latency: Duration::ZERO,
            scan_every: None,
            webhook: None,
            push_retries: Vec::new(),
            quantum_page: 100,
            reading_marks: true,
            ledger: None,
            clock: SystemClock::shared(),
        }
    }
}
