//! What a pair brings to the demo: its simulators, its part of the configuration, and what people do meanwhile.

use std::future::Future;
use std::pin::Pin;

use tokio::net::TcpListener;

use crate::cli::outcome::Trouble;
use crate::simulator::due::Due;
use crate::simulator::verdict::Verdict;

/// A pair's part of a configuration directory.
#[derive(Debug, Default)]
pub struct Piece {
    /// What stands below `connections:`, indented by two.
    pub connections: String,
    /// What stands below `mappings:`, indented by two.
    pub mapping: String,
    /// What the vault must hold: (`connection.credential`, value).
    pub credentials: Vec<(String, String)>,
}

/// What the simulators' books say at the end.
#[derive(Debug, Default)]
pub struct Judged {
    /// Both sides' books together.
    pub verdict: Verdict,
    /// The orders as the ERP has them.
    pub orders: Vec<Due>,
    /// What each simulator saw, for people.
    pub saw: Vec<String>,
}

/// A pair's simulators, running.
pub trait Stage: Send + Sync {
    /// The mapping.
    fn pair(&self) -> &'static str;

    /// The flows whose records are orders.
    fn order_flows(&self) -> &'static [&'static str];

    /// Where the simulators listen.
    fn addresses(&self) -> String;

    /// Its part of the configuration.
    fn piece(&self) -> Piece;

    /// What people at the ERP and in the warehouse do before act `act` (from 1); `false` when there is no such act.
    fn act(&self, act: usize) -> bool {
        let _ = act;
        false
    }

    /// Compares both sides' books.
    fn judge(&self) -> Judged;

    /// Stops the simulators.
    fn stop(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// A port of this machine for a simulator.
///
/// # Errors
/// When there is none.
pub async fn listener() -> Result<TcpListener, Trouble> {
    TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| {
        Trouble::cannot_start(format!("no port of this machine can be listened at: {error}"))
    })
}

/// A connection to the UPS simulator, as it stands below `connections:`.
pub fn ups_connection(name: &str, url: &str, account: &str) -> String {
    format!(
        "  {name}:\n    system: ups\n    settings:\n      base_url: {url}\n      account: {account}\n      \
         shipper: {{ name: Demo Shop, phone: \"9495550100\", lines: [26601 Aliso Creek Rd], city: Irvine, state: CA, postal_code: \"92618\", country: US }}\n      \
         # The simulator's own figures: it shows a shipment at once, and never books one late by a second.\n      \
         rate_limit: 600000\n      timeout: 5s\n      late_effect: 1s\n      lookup_lag: 1s\n      when_absent: recreate\n"
    )
}
