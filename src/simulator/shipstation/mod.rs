//! ShipStation: V1 (`ssapi.shipstation.com`) and V2 (`api.shipstation.com/v2`), here on one port.
//!
//! Both show the same books: a V1 order is a V2 shipment (`se-<orderId>`), a V1 shipment is a V2 label, and what was only
//! marked as shipped is a fulfillment in both (docs.shipstation.com/orders/legacy-migration). They differ in almost
//! everything else, and awkwardly: V1 upserts by `orderKey`, V2 refuses a second `external_shipment_id`; V1 writes Pacific
//! times without an offset, V2 writes UTC; V1 counts 40 calls a minute and says so on every answer, V2 counts 200 and says so
//! when it is too late. Requests are checked against `tests/contracts/shipstation`. What no public source tells (how an edit
//! of a shipped order is refused, above all) is an option.
//!
//! Start with [`ShipStation::start`]. In reading order: [`options`], [`state`], [`books`], [`gate`], [`route`], [`pacific`],
//! [`v1`], [`v2`], [`warehouse`] (what people do), [`control`]; beside them [`convert`] (one order in both languages),
//! [`reference`](mod@reference) (carriers, warehouses, stores) and [`vendor`] (the contracts).

pub mod books;
pub mod control;
pub mod convert;
pub mod gate;
pub mod options;
pub mod pacific;
pub mod reference;
pub mod route;
pub mod state;
pub mod v1;
pub mod v2;
pub mod vendor;
pub mod warehouse;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;

use super::serve::{self, Running};
use super::system::{Desk, lock};
pub use options::{Conflicts, Locked, Options, Product};
pub use state::{Api, Order, Parcel, Placed, State, Summary};

/// A simulated ShipStation that is serving.
pub type Handle = Running<ShipStation>;

/// The simulated ShipStation.
#[derive(Debug)]
pub struct ShipStation {
    options: Options,
    desk: Desk,
    books: Mutex<books::Books>,
}

impl ShipStation {
    /// ShipStation without a server, for tests that call [`System::act`](super::system::System::act) themselves.
    pub fn new(options: Options) -> Self {
        let desk = Desk::new(options.clock.clone(), options.latency);
        let books = Mutex::new(books::Books::new(&options));
        Self { options, desk, books }
    }

    /// Starts serving on `listener`.
    ///
    /// # Errors
    /// When the listener has no address.
    #[allow(clippy::unused_async, reason = "starting is a step that waits, for callers")]
    pub async fn start(options: Options, listener: TcpListener) -> io::Result<Handle> {
        serve::serve(Arc::new(Self::new(options)), listener, None)
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
        self.catch_up().state.clone()
    }

    /// The counts that matter.
    pub fn summary(&self) -> Summary {
        self.state().summary()
    }

    /// Its orders in words that are the same for every system; deleted ones are left out.
    pub fn orders(&self) -> Vec<Placed> {
        self.catch_up().state.orders.iter().filter(|order| !order.deleted).map(Order::placed).collect()
    }

    /// What lies where: by SKU and the inventory warehouse's name.
    pub fn inventory(&self) -> BTreeMap<(String, String), i64> {
        lock(&self.books).state.inventory()
    }

    /// The books, after the warehouse has shipped what it ships by itself.
    fn catch_up(&self) -> std::sync::MutexGuard<'_, books::Books> {
        let mut books = lock(&self.books);
        books.ship_what_is_due(&self.options, self.desk.clock.now());
        books
    }
}
