//! How the simulated Sage X3 is set up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::generate::Orders;
use crate::base::{Clock, SystemClock};
use crate::simulator::wire::Tls;

/// How a record that does not exist is answered: Sage's help and its api-guide contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missing {
    /// 404 with `$diagnoses`.
    #[default]
    NotFound,
    /// 200 with `$diagnoses` that say `721 : Record does not exist`.
    Diagnosed,
}

/// How the simulated Sage X3 is set up; `Options::default()` suits most.
#[derive(Debug, Clone)]
pub struct Options {
    /// The Syracuse endpoint of the folder.
    pub endpoint: String,
    /// The user of REST and SOAP (Basic), five characters as in `UPDUSR`.
    pub user: String,
    /// The user's password.
    pub password: String,
    /// The pool of Classic web services.
    pub pool: String,
    /// The connected application's client id: 32 hexadecimal digits.
    pub client_id: String,
    /// The connected application's secret; it signs tokens, and asks the gateway for them.
    pub client_secret: String,
    /// The Syracuse user that a signed token must name.
    pub subject: String,
    /// The audience that a signed token must name, byte for byte.
    pub audience: String,
    /// The refresh token of the first pairing.
    pub refresh_token: String,
    /// How long an access token of the gateway lives.
    pub token_life: Duration,
    /// How long a refresh token of the gateway lives.
    pub refresh_life: Duration,
    /// How REST answers for a record that does not exist.
    pub missing: Missing,
    /// The most rows that REST gives at once, whatever `count` asks for.
    pub most_rows: usize,
    /// Whether GraphQL knows `after`, `cursor` and `pageInfo`: no page of Sage's shows them for X3.
    pub cursors: bool,
    /// GraphQL fields that the user may not read: null, with an error beside the data.
    pub denied: BTreeSet<String>,
    /// Whether SOAP answers name the type of every element, as RPC/encoded services do.
    pub typed: bool,
    /// Serve with TLS.
    pub tls: Option<Tls>,
    /// The orders to begin with.
    pub orders: Orders,
    /// How long every answer takes, in real time.
    pub latency: Duration,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            endpoint: "SEED".into(),
            user: "WSUPS".into(),
            password: "sim-password".into(),
            pool: "WSPOOL".into(),
            client_id: "5d1c7f0a9be24c6f8a31e2b4c5d60718".into(),
            client_secret: "sim-secret".into(),
            subject: "WSUPS".into(),
            audience: "xtrem".into(),
            refresh_token: "sim-refresh".into(),
            token_life: Duration::from_secs(300),
            refresh_life: Duration::from_secs(30 * 86_400),
            missing: Missing::NotFound,
            most_rows: 100,
            cursors: false,
            denied: BTreeSet::new(),
            typed: true,
            tls: None,
            orders: Orders::default(),
            latency: Duration::ZERO,
            clock: SystemClock::shared(),
        }
    }
}
