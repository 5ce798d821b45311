//! Sage 100, by the local agent that stands in front of its Business Object Interface, and by its own web services.
//!
//! The HTTP contract is the project's own, `schemas/sage100-agent.openapi.yaml`; the behaviour behind it is
//! Sage's: stamps of local time as a day and decimal hours in text, bulk jobs that leave stamps alone, lines
//! without stamps, record locks, licences, completed orders that move to another table.
//!
//! Start with [`Sage100::start`]. In reading order: [`options`], [`stamp`], [`table`], [`books`], [`state`], [`route`],
//! [`page`], [`tracking`], [`package`], [`status`], [`soap`] with [`entity`] and [`xml`], [`control`]; beside them [`generate`] with [`catalogue`].

pub mod books;
pub mod catalogue;
pub mod control;
pub mod entity;
pub mod generate;
pub mod options;
pub mod package;
pub mod page;
pub mod route;
pub mod soap;
pub mod stamp;
pub mod state;
pub mod status;
pub mod table;
pub mod tracking;
pub mod xml;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::due::Due;
use super::expectation::Expectation;
pub use super::orders::Orders;
use super::serve::{self, Running};
use super::system::{Desk, Pool, lock};
pub use options::Options;
pub use package::Package;
use stamp::Stamp;
pub use state::{Lock, OrderState, State, Summary};

/// A simulated Sage 100 that is serving.
pub type Handle = Running<Sage100>;

/// The simulated Sage 100 with its agent.
#[derive(Debug)]
pub struct Sage100 {
    options: Options,
    zone: TimeZone,
    desk: Desk,
    pool: Pool,
    books: Mutex<books::Books>,
}

impl Sage100 {
    /// Sage 100 without a server, filled with generated orders.
    ///
    /// # Errors
    /// When the time zone is unknown.
    pub fn new(options: Options) -> io::Result<Self> {
        let zone = TimeZone::get(&options.zone).map_err(io::Error::other)?;
        let desk = Desk::new(options.clock.clone(), options.latency);
        let pool = Pool {
            sessions: Arc::new(tokio::sync::Semaphore::new(options.sessions)),
            wait: options.session_wait,
        };
        let mut books = books::Books::new(&options.company);
        generate::fill(&mut books, &options.orders, &zone, desk.clock.now());
        Ok(Self { options, zone, desk, pool, books: Mutex::new(books) })
    }

    /// Starts serving on `listener`.
    ///
    /// # Errors
    /// When the time zone is unknown, or the TLS files cannot be used.
    #[allow(clippy::unused_async, reason = "starting is a step that waits, for callers")]
    pub async fn start(options: Options, listener: TcpListener) -> io::Result<Handle> {
        let tls = options.tls.clone();
        serve::serve(Arc::new(Self::new(options)?), listener, tls.as_ref())
    }

    /// Its clock, faults and log.
    pub fn controls(&self) -> &Desk {
        &self.desk
    }

    /// How it was set up.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Everything it knows of orders, locks and callers.
    pub fn state(&self) -> State {
        lock(&self.books).state()
    }

    /// The counts that matter.
    pub fn summary(&self) -> Summary {
        self.state().summary()
    }

    /// Adds `count` generated orders, numbered on from the last, stamped now.
    pub fn add_orders(&self, count: usize) -> Vec<String> {
        let now = self.desk.clock.now();
        let orders = Orders { count, days: 0, ..self.options.orders.clone() };
        generate::fill(&mut lock(&self.books), &orders, &self.zone, now)
    }

    /// Changes an open order as a person at Sage would, which stamps it. Without `expect`, what should become
    /// of an order without tracking numbers is judged anew.
    ///
    /// # Errors
    /// When there is no such open order.
    pub fn edit_order(
        &self,
        number: &str,
        set: &Map<String, Value>,
        expect: Option<Expectation>,
    ) -> Result<(), String> {
        let stamp = self.stamp();
        lock(&self.books).edit(number, set, Some(stamp), expect)
    }

    /// Changes orders as a bulk job would, which leaves their stamps alone; gives how many.
    pub fn bulk_edit(&self, numbers: &[String], set: &Map<String, Value>) -> usize {
        let mut books = lock(&self.books);
        numbers.iter().filter(|number| books.edit(number, set, None, None).is_ok()).count()
    }

    /// Invoices an order; with `post`, posts the invoice too, and the order moves to the history.
    ///
    /// # Errors
    /// When there is no such open order.
    pub fn invoice(&self, number: &str, post: bool) -> Result<String, String> {
        let stamp = self.stamp();
        lock(&self.books).invoice(number, post, stamp)
    }

    /// Every order in words that are the same for every ERP.
    pub fn orders(&self) -> Vec<Due> {
        lock(&self.books).due()
    }

    /// What lies where, by item and warehouse.
    pub fn inventory(&self) -> BTreeMap<(String, String), i64> {
        lock(&self.books).inventory()
    }

    /// Goods move: by a person, which stamps the record, or by a batch update, which does not.
    ///
    /// # Errors
    /// When there is no such item in that warehouse.
    pub fn move_stock(&self, item: &str, warehouse: &str, on_hand: i64, stamped: bool) -> Result<(), String> {
        let stamp = stamped.then(|| self.stamp());
        let set = Map::from_iter([("QuantityOnHand".to_owned(), json!(on_hand))]);
        match lock(&self.books).table("IM_ItemWarehouse").change(&format!("{item}~{warehouse}"), &set, stamp)
        {
            true => Ok(()),
            false => Err(format!("there is no {item} in warehouse {warehouse}")),
        }
    }

    /// Changes an item's master record, as a person or as an import that leaves the stamp alone.
    ///
    /// # Errors
    /// When there is no such item.
    pub fn edit_item(&self, item: &str, set: &Map<String, Value>, stamped: bool) -> Result<(), String> {
        let stamp = stamped.then(|| self.stamp());
        match lock(&self.books).table("CI_Item").change(item, set, stamp) {
            true => Ok(()),
            false => Err(format!("there is no item {item}")),
        }
    }

    /// Somebody opens an order: writes meet 423, `attempts` times or until it is unlocked.
    pub fn lock_order(&self, number: &str, user: &str, attempts: Option<u32>) {
        lock(&self.books).locks.insert(number.to_owned(), Lock { user: user.to_owned(), attempts });
    }

    /// They close it again.
    pub fn unlock_order(&self, number: &str) {
        lock(&self.books).locks.remove(number);
    }

    /// Whether a licence is free for writes.
    pub fn licence_free(&self, free: bool) {
        lock(&self.books).licence_free = free;
    }

    fn stamp(&self) -> Stamp {
        Stamp::at(self.desk.clock.now(), &self.zone)
    }
}
