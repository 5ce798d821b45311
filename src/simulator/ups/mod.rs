//! UPS's JSON REST interfaces: tokens, address validation, rating, transit times, shipping, label recovery, void,
//! tracking, pickups.
//!
//! Facts are UPS's: its OpenAPI files (kept in `tests/contracts/ups`, against which every request is
//! checked), exchanges recorded against its test environment (`tests/samples/ups`), and codes from its
//! guides. Two creates are two shipments here as there: UPS has no idempotency key. How long a new shipment
//! stays invisible to look-ups is unpublished, hence an option.
//!
//! Parcels live: [`Ups::advance`] lets something happen to one, and what happens is told three ways, by tracking, by pushes
//! to whoever subscribed, and by Quantum View.
//!
//! Start with [`Ups::start`]. In reading order: [`options`], [`state`], [`route`], [`token`], [`address`],
//! [`rate`], [`transit`], [`ship`] with [`check`] and [`size`], [`void`], [`recover`], [`pickup`]; then parcels' lives:
//! [`event`], [`life`], [`track`], [`alert`] with [`payload`] and [`webhook`], [`quantum`] with [`quantum_record`]; beside
//! them [`answer`], [`services`], [`number`], [`label`], [`vendor`] (the contracts) and [`ledger`].

pub mod address;
pub mod alert;
pub mod answer;
pub mod check;
pub mod control;
pub mod event;
pub mod label;
pub mod ledger;
pub mod life;
pub mod number;
pub mod options;
pub mod payload;
pub mod pickup;
pub mod quantum;
pub mod quantum_record;
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
pub mod webhook;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;

use super::delivery::{Carriage, Carried};
use super::push::{Manner, Outbox, Patience};
use super::serve::{self, Running};
use super::system::{Desk, lock};
pub use alert::Subscription;
pub use event::{Event, Happening, Scan, Status};
pub use options::{Lists, Options};
pub use pickup::Pickup;
use quantum::Entry;
pub use state::{Parcel, Shipment, State, Summary};
pub use webhook::Webhook;

/// A simulated UPS that is serving.
pub type Handle = Running<Ups>;

/// The simulated UPS.
#[derive(Debug)]
pub struct Ups {
    options: Options,
    desk: Desk,
    book: Mutex<state::Book>,
    outbox: Arc<Outbox>,
    /// Where v2 pushes.
    caller: Mutex<Option<Arc<webhook::Caller>>>,
    /// Within which time of its event a push is sent.
    spread: Mutex<Duration>,
    /// How often Quantum View is still to fail, and how many seconds of patience it asks for.
    tired: Mutex<(u32, u32)>,
    /// When parcels came one scan further last.
    lived: Mutex<Option<Timestamp>>,
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
            book.refile();
        }
        let desk = Desk::new(options.clock.clone(), options.latency);
        let patience = Patience { retries: options.push_retries.clone(), ..Patience::default() };
        Ok(Self {
            outbox: Arc::new(Outbox::new(Manner { seed: options.seed, ..Manner::default() }, patience)),
            caller: Mutex::new(options.webhook.clone().map(webhook::Caller::new)),
            spread: Mutex::default(),
            tired: Mutex::default(),
            lived: Mutex::default(),
            options,
            desk,
            book: Mutex::new(book),
        })
    }

    /// Starts serving on `listener`.
    ///
    /// # Errors
    /// When the ledger cannot be read, or the listener has no address.
    #[allow(clippy::unused_async, reason = "starting is a step that waits, for callers")]
    pub async fn start(options: Options, listener: TcpListener) -> io::Result<Handle> {
        let ups = Arc::new(Self::new(options)?);
        let (outbox, clock, living) = (Arc::clone(&ups.outbox), ups.options.clock.clone(), Arc::clone(&ups));
        let running = serve::serve(ups, listener, None)?;
        Ok(running.also(outbox.run(clock, move || living.live())))
    }

    /// Its clock, faults and log.
    pub fn controls(&self) -> &Desk {
        &self.desk
    }

    /// What is pushed: how it goes, and how it went.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// How it was set up.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Everything it knows.
    pub fn state(&self) -> State {
        lock(&self.book).state()
    }

    /// Its parcels, and what it has told of them: of shipments that were not voided.
    pub fn carriage(&self) -> Carriage {
        let heard = self.outbox.heard();
        let book = lock(&self.book);
        let mut carriage = Carriage {
            pushed: self.outbox.counts().acknowledged,
            polled: book.said.len() as u64,
            ..Carriage::default()
        };
        for (shipment, booked) in book.state.shipments.iter().enumerate() {
            for (parcel, package) in booked.packages.iter().enumerate() {
                let number = &package.tracking_number;
                let told = package.latest().is_some_and(|event| {
                    let entry = Entry { shipment, parcel, event };
                    book.said.contains(&entry) || heard.contains(&webhook::about(number, event))
                });
                let delivered = package.scan() == Scan::Delivered;
                if package.voided_at.is_none() {
                    carriage.parcels.insert(number.clone(), Carried { delivered, told });
                }
            }
        }
        carriage
    }

    /// The counts that matter.
    pub fn summary(&self) -> Summary {
        self.state().summary()
    }
}
