//! How the simulated Sage 100 is set up.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{Clock, SystemClock};
use crate::simulator::orders::Orders;
use crate::simulator::wire::Tls;

/// How the simulated Sage 100 is set up; `Options::default()` suits most.
#[derive(Debug, Clone)]
pub struct Options {
    /// The company code, three characters.
    pub company: String,
    /// The company's name.
    pub company_name: String,
    /// The key that callers must show; `None` where a client certificate says enough.
    pub api_key: Option<String>,
    /// The user of the web services; letters of any size.
    pub web_user: String,
    /// Their password.
    pub web_password: String,
    /// Serve with TLS, and let in whom its authority vouches for.
    pub tls: Option<Tls>,
    /// The zone of the server's clock, in which records are stamped.
    pub zone: String,
    /// The orders to begin with.
    pub orders: Orders,
    /// How many records the agent looks at in one call; `None` for as many as it takes.
    pub scan_limit: Option<usize>,
    /// How many sessions the agent's pool has.
    pub sessions: usize,
    /// How long a call waits for a session before it meets 429, in real time.
    pub session_wait: Duration,
    /// How long every answer takes, in real time.
    pub latency: Duration,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            company: "ABC".into(),
            company_name: "American Business and Computers".into(),
            api_key: Some("sim-key".into()),
            web_user: "web".into(),
            web_password: "sim-password".into(),
            tls: None,
            zone: "America/New_York".into(),
            orders: Orders::default(),
            scan_limit: None,
            sessions: 3,
            session_wait: Duration::from_secs(30),
            latency: Duration::ZERO,
            clock: SystemClock::shared(),
        }
    }
}
