//! How the simulated Sage 300 is set up.

use std::sync::Arc;
use std::time::Duration;

use super::generate::Orders;
use crate::base::{Clock, SystemClock};

/// How the simulated Sage 300 is set up; `Options::default()` suits most.
#[derive(Debug, Clone)]
pub struct Options {
    /// The company's database, such as the sample company `SAMLTD`.
    pub company: String,
    /// The user, who signs in with every call. Sage holds it in capitals and compares it as it is.
    pub user: String,
    /// The password, in capitals too.
    pub password: String,
    /// Lets `ADMIN` in: `AllowWebApiAccessForAdmin` in both web.config files.
    pub allow_admin: bool,
    /// The modules for which the user has the right `Sage 300 Web API`.
    pub modules: Vec<String>,
    /// The rows of a page whatever `$top` asks: `PageSize` in web.config.
    pub page_size: usize,
    /// Where the partner's view of shipments is served, as `MODULE/Resource`; `None` where none was installed.
    pub tracking_endpoint: Option<String>,
    /// The orders to begin with.
    pub orders: Orders,
    /// How many calls the site works on at the same time.
    pub sessions: usize,
    /// How long a call waits for its turn before it meets 429, in real time.
    pub session_wait: Duration,
    /// After how long without a call IIS stops the application.
    pub idle_after: Duration,
    /// How long the first call to a stopped application takes, in real time.
    pub cold_start: Duration,
    /// How long every answer takes, in real time.
    pub latency: Duration,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            company: "SAMLTD".into(),
            user: "WEBAPI".into(),
            password: "SIM-PASSWORD".into(),
            allow_admin: false,
            modules: ["AR", "IC", "OE", "XX"].map(str::to_owned).into(),
            page_size: 100,
            tracking_endpoint: Some("XX/XXShipmentTracking".into()),
            orders: Orders::default(),
            sessions: 8,
            session_wait: Duration::from_secs(30),
            idle_after: Duration::from_secs(20 * 60),
            cold_start: Duration::from_millis(500),
            latency: Duration::ZERO,
            clock: SystemClock::shared(),
        }
    }
}
