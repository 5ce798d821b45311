//! UPS's JSON REST interfaces: tokens, address validation, rating, transit times, shipping, label recovery, void,
//! tracking, pickups.
//!
//! Facts are UPS's: its OpenAPI files (kept in `tests/contracts/ups`, against which every request is
//! checked), exchanges recorded against its test environment (`tests/samples/ups`), and codes from its
//! guides. Two creates are two shipments here as there: UPS has no idempotency key. How long a new shipment
//! stays invisible to look-ups is unpublished, hence an option.
//!
//! Start with [`Ups::start`]. In reading order: [`options`], [`state`], [`route`], [`token`], [`address`],
//! [`rate`], [`transit`], [`ship`] with [`check`] and [`size`], [`void`], [`recover`], [`track`], [`pickup`]; beside them
//! [`answer`], [`services`], [`number`], [`label`], [`vendor`] (the contracts) and [`ledger`].

pub mod address;
pub mod answer;
pub mod check;
pub mod control;
pub mod label;
pub mod ledger;
pub mod number;
pub mod options;
pub mod pickup;
pub mod rate;
pub mod recover;
pub mod route;
pub mod services;
pub mod ship;
pub mod size;
pub mod state;
pub mod token;
pub mod track;
pub mod transit;
pub mod vendor;
pub mod void;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;

use super::serve::{self, Running};
use super::system::{Desk, lock};
pub use options::{Lists, Options};
pub use pickup::Pickup;
pub use state::{Parcel, Shipment, State, Summary};

/// A simulated UPS that is serving.
pub type Handle = Running<Ups>;

/// The simulated UPS.
#[derive(Debug)]
pub struct Ups {
    options: Options,
    desk: Desk,
    book: Mutex<state::Book>,
}

impl Ups {
    /// UPS without a server, for tests that call [`System::act`](super::system::System::act) themselves.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn new(options: Options) -> io::Result<Self> {
        let mut book = state::Book::new(options.seed);
        if let Some(path) = &options.ledger {
            for shipment in ledger::read(path)? {
                book.restore(shipment);
            }
        }
        let desk = Desk::new(options.clock.clone(), options.latency);
        Ok(Self { options, desk, book: Mutex::new(book) })
    }

    /// Starts serving on `listener`.
    ///
    /// # Errors
    /// When the ledger cannot be read, or the listener has no address.
    #[allow(clippy::unused_async, reason = "starting is a step that waits, for callers")]
    pub async fn start(options: Options, listener: TcpListener) -> io::Result<Handle> {
        serve::serve(Arc::new(Self::new(options)?), listener, None)
    }

    /// Its clock, faults and log.
    pub fn controls(&self) -> &Desk {
        &self.desk
    }

    /// How it was set up.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Everything it knows.
    pub fn state(&self) -> State {
        lock(&self.book).state()
    }

    /// The counts that matter.
    pub fn summary(&self) -> Summary {
        self.state().summary()
    }
}
