//! What a pair brings to the demo: its simulators, its part of the configuration, and what people do meanwhile.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::cli::faults::Faults;
use crate::cli::outcome::Trouble;
use crate::simulator::delivery::Deliveries;
use crate::simulator::due::Due;
use crate::simulator::push::{Manner, Outbox};
use crate::simulator::verdict::Verdict;

/// The act in which carriers collect what was shipped in those before.
const FIRST_LEG: usize = 4;

/// The legs of a journey, act by act.
const LEGS: [Leg; 4] = [Leg::Collected, Leg::Underway, Leg::Delivered, Leg::Still];

/// How many acts there are, the first of all being number 0.
pub const ACTS: usize = FIRST_LEG + LEGS.len();

/// How often it is looked whether all is told.
const BEAT: Duration = Duration::from_millis(20);

/// What a demo is to be like.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// How many orders each ERP holds.
    pub orders: usize,
    /// What everything made up is made from.
    pub seed: u64,
    /// How badly simulators behave.
    pub faults: Faults,
    /// What senders are to put before `/hooks/…` and `/token/…`.
    pub intake: String,
}

impl Wishes {
    /// One of ten pushes is lost, and one of ten comes twice.
    pub fn manner(&self) -> Manner {
        Manner { on: true, drop: 0.1, double: 0.1, seed: self.seed }
    }
}

/// How far parcels travel in one act, while the engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    /// The carrier fetches them, and they leave its first building.
    Collected,
    /// Most are out for delivery; some meet with something out of the normal.
    Underway,
    /// All arrive.
    Delivered,
    /// Nothing moves: what was told and not heard is found by asking.
    Still,
}

impl Leg {
    /// What happens in an act.
    pub fn of(act: usize) -> Option<Self> {
        act.checked_sub(FIRST_LEG).and_then(|leg| LEGS.get(leg).copied())
    }
}

/// Returns when everything that is to be told has been told, or lost.
pub async fn all_told(outbox: &Outbox) {
    while !outbox.is_idle() {
        tokio::time::sleep(BEAT).await;
    }
}

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
    /// The same for what carriers told.
    pub deliveries: Deliveries,
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

    /// What carriers do while the engine runs; returns when they have told of it.
    fn carry(&self, leg: Leg) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

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
