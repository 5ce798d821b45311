//! ShipStation: V1 (`ssapi.shipstation.com`) and V2 (`api.shipstation.com/v2`), here on one port.
//!
//! Both show the same books: a V1 order is a V2 shipment (`se-<orderId>`), a V1 shipment is a V2 label, and what was only
//! marked as shipped is a fulfillment in both (docs.shipstation.com/orders/legacy-migration). They differ in almost
//! everything else, and awkwardly: V1 upserts by `orderKey`, V2 refuses a second `external_shipment_id`; V1 writes Pacific
//! times without an offset, V2 writes UTC; V1 counts 40 calls a minute and says so on every answer, V2 counts 200 and says so
//! when it is too late. Requests are checked against `tests/contracts/shipstation`. What no public source tells (how an edit
//! of a shipped order is refused, above all) is an option.
//!
//! Both push: V1 unsigned, V2 with an RSA signature, and both little more than an address to look at. What happens is told
//! to whoever subscribed ([`webhooks`], `news`, [`keys`]) by a task that runs beside the server.
//!
//! Start with [`ShipStation::start`]. In reading order: [`options`], [`state`], [`books`], `parcels`, [`gate`], [`route`], [`pacific`],
//! [`v1`], [`v2`], [`warehouse`] (what people do), [`journey`] (what carriers do), [`control`]; beside them [`convert`] (one order in both languages),
//! [`reference`](mod@reference) (carriers, warehouses, stores) and [`vendor`] (the contracts).

pub mod books;
pub mod control;
pub mod convert;
pub mod gate;
pub mod journey;
pub mod keys;
mod news;
pub mod options;
pub mod pacific;
mod parcels;
pub mod reference;
pub mod route;
pub mod state;
pub mod v1;
pub mod v2;
pub mod vendor;
pub mod warehouse;
pub mod webhooks;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::net::TcpListener;

use super::delivery::{Carriage, Carried};
use super::push::Outbox;
use super::serve::{self, Running};
use super::system::{Desk, lock};
pub use journey::Stage;
pub use options::{Conflicts, Locked, Options, Product, StatusCodes, Transit};
pub use state::{Api, Order, Parcel, Placed, State, Summary};

/// A simulated ShipStation that is serving.
pub type Handle = Running<ShipStation>;

/// The simulated ShipStation.
#[derive(Debug)]
pub struct ShipStation {
    options: Options,
    desk: Desk,
    books: Mutex<books::Books>,
    outbox: Arc<Outbox>,
    keys: Arc<keys::Keys>,
    /// Where it serves; nowhere before it does.
    url: OnceLock<String>,
}

impl ShipStation {
    /// ShipStation without a server, for tests that call [`System::act`](super::system::System::act) themselves.
    pub fn new(options: Options) -> Self {
        let desk = Desk::new(options.clock.clone(), options.latency);
        let books = Mutex::new(books::Books::new(&options));
        let outbox = Arc::new(Outbox::new(options.pushing, options.patience.clone()));
        Self { options, desk, books, outbox, keys: Arc::default(), url: OnceLock::new() }
    }

    /// Starts serving on `listener`.
    ///
    /// # Errors
    /// When the listener has no address.
    #[allow(clippy::unused_async, reason = "starting is a step that waits, for callers")]
    pub async fn start(options: Options, listener: TcpListener) -> io::Result<Handle> {
        let running = serve::serve(Arc::new(Self::new(options)), listener, None)?;
        let station = running.system.clone();
        let _ = station.url.set(running.url());
        let (outbox, time) = (station.outbox.clone(), station.desk.clock.clone());
        Ok(running.also(outbox.run(time, move || station.live())))
    }

    /// Its clock, faults and log.
    pub fn controls(&self) -> &Desk {
        &self.desk
    }

    /// How it was set up.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What it pushes, and how that goes.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The keys that V2 signs with.
    pub fn keys(&self) -> &keys::Keys {
        &self.keys
    }

    /// Switches a subscription off, as somebody could in the settings; whether there is one.
    pub fn deactivate(&self, webhook: u64) -> bool {
        let webhooks = &mut lock(&self.books).state.webhooks;
        let found = webhooks.iter_mut().find(|known| known.id == webhook);
        found.is_some_and(|webhook| std::mem::replace(&mut webhook.active, false))
    }

    /// Everything it knows.
    pub fn state(&self) -> State {
        self.catch_up().state.clone()
    }

    /// What it knows of parcels with a label, and whom it has told of them.
    pub fn carriage(&self) -> Carriage {
        let heard = self.outbox.heard();
        let books = self.catch_up();
        let live = books.state.orders.iter().flat_map(|order| &order.parcels);
        let live = live.filter(|parcel| parcel.label && parcel.outbound && parcel.voided_at.is_none());
        let carried = |parcel: &state::Parcel| {
            let seen = parcel.scans.len();
            let pushed = news::about(news::TRACKED, &news::tracked_at(parcel.id), Some(seen));
            let told = books.said.contains(&(parcel.id, seen)) || heard.contains(&pushed);
            (parcel.tracking_number.clone(), Carried { delivered: parcel.delivered_at().is_some(), told })
        };
        Carriage {
            parcels: live.map(carried).collect(),
            pushed: self.outbox.counts().acknowledged,
            polled: books.said.len() as u64,
        }
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

    /// The books, after the warehouse has shipped and the carriers have moved what they do by themselves, and after that was
    /// told.
    fn catch_up(&self) -> std::sync::MutexGuard<'_, books::Books> {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        books.ship_what_is_due(&self.options, now);
        books.move_what_is_due(&self.options, now);
        self.tell(&mut books);
        books
    }

    /// Lets time pass, and says when something happens next by itself.
    fn live(&self) -> Option<jiff::Timestamp> {
        let books = self.catch_up();
        books.next_shipping(&self.options).into_iter().chain(books.next_scan(&self.options)).min()
    }

    /// The beginning of addresses that its pushes point at: its own, or the vendor's while it serves nowhere.
    fn host(&self, api: Api) -> &str {
        match (self.url.get(), api) {
            (Some(url), _) => url,
            // V1's calls are answered by numbered hosts (recorded).
            (None, Api::V1) => "https://ssapi6.shipstation.com",
            (None, Api::V2) => "https://api.shipstation.com",
        }
    }
}
