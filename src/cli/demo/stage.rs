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
