//! Sage 300, by its OData web API.
//!
//! As the real one: Basic with user and password in capitals, `500` without a content type, pages of a hundred whatever
//! is asked, a next link that forgets the filter and names the wrong host, days instead of instants, orders without any
//! stamp of change, verbs that differ by resource, a payload whose order matters, and an application that IIS stops when
//! nobody asks. Shipments of existing orders cannot be written by the standard API; a partner's view (made with the Web
//! API wizard) is served where [`Options::tracking_endpoint`] says, and keeps one record for each order and tracking number.
//!
//! Of the faults, `pool_busy` is 429, `no_licence` 409 and `record_lock` 423, as sites with few sessions answer.
//!
//! Start with [`Sage300::start`]. In reading order: [`options`], `model` (what resources are made of), [`books`], `route`,
//! `query` with `filter`, `write`, [`control`]; beside them [`generate`].

pub mod books;
pub mod control;
mod filter;
pub mod generate;
mod model;
pub mod options;
mod query;
mod route;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::due::Due;
use super::serve::{self, Running};
use super::system::{Desk, Pool, lock};
use books::Part;
pub use books::{OrderState, State, Summary, Tracking};
pub use generate::Orders;
use model::{CUSTOMERS, LOCATIONS, QUANTITIES, SHIP_VIAS};
pub use options::Options;

/// A simulated Sage 300 that is serving.
pub type Handle = Running<Sage300>;

/// The simulated Sage 300.
#[derive(Debug)]
pub struct Sage300 {
    options: Options,
    desk: Desk,
    pool: Pool,
    books: Mutex<books::Books>,
}

impl Sage300 {
    /// Sage 300 without a server, filled with generated orders.
    pub fn new(options: Options) -> Self {
        let desk = Desk::new(options.clock.clone(), options.latency);
        let pool = Pool {
            sessions: Arc::new(tokio::sync::Semaphore::new(options.sessions)),
            wait: options.session_wait,
        };
        let mut books = books::Books::new(&options.company);
        generate::fill(&mut books, &options.orders, desk.clock.now());
        Self { options, desk, pool, books: Mutex::new(books) }
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

    /// Everything it knows of orders and callers.
    pub fn state(&self) -> State {
        lock(&self.books).state()
    }

    /// The counts that matter.
    pub fn summary(&self) -> Summary {
        self.state().summary()
    }

    /// The orders in words that are the same for every ERP. Their content: `name`, `street`, `city`, `state`,
    /// `postal_code`, `hold`, and `lines` as `ITEMxQUANTITY@LOCATION`, in order, joined by `; `.
    pub fn orders(&self) -> Vec<Due> {
        lock(&self.books).due()
    }

    /// The quantities on hand by item and location, of what is kept in stock.
    pub fn inventory(&self) -> BTreeMap<(String, String), i64> {
        lock(&self.books).inventory()
    }

    /// The records of a resource, such as `OEShipViaCodes`, as the API shows them.
    pub fn records(&self, resource: &str) -> Vec<Value> {
        lock(&self.books).records(resource).cloned().map(Value::Object).collect()
    }

    /// The ship-via codes with their names.
    pub fn ship_vias(&self) -> BTreeMap<String, String> {
        self.named(SHIP_VIAS, "ShipViaCode")
    }

    /// The locations with their names.
    pub fn locations(&self) -> BTreeMap<String, String> {
        self.named(LOCATIONS, "Location")
    }

    fn named(&self, resource: &str, key: &str) -> BTreeMap<String, String> {
        let text = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
        self.records(resource).iter().map(|record| (text(record, key), text(record, "Name"))).collect()
    }

    /// Adds `count` generated orders, numbered on from the last, dated today or a little before.
    pub fn add_orders(&self, count: usize) -> Vec<String> {
        let orders = Orders { count, days: 2, ..self.options.orders.clone() };
        generate::fill(&mut lock(&self.books), &orders, self.desk.clock.now())
    }

    /// Changes an order as a person in Order Entry would. Nothing that the API shows tells when.
    ///
    /// # Errors
    /// When there is no such order or property.
    pub fn edit_order(&self, number: &str, set: &Map<String, Value>) -> Result<(), String> {
        lock(&self.books).edit(number, set)
    }

    /// Changes many orders; gives how many.
    pub fn bulk_edit(&self, numbers: &[String], set: &Map<String, Value>) -> usize {
        let mut books = lock(&self.books);
        numbers.iter().filter(|number| books.edit(number, set).is_ok()).count()
    }

    /// Completes an order without shipping what is left of it, as when the rest is cancelled.
    ///
    /// # Errors
    /// When there is no such order.
    pub fn complete(&self, number: &str) -> Result<(), String> {
        let set = json!({ "OrderCompleted": "CompleteNotIncluded" });
        self.edit_order(number, set.as_object().unwrap_or(&Map::new()))
    }

    /// Changes a customer, which dates the record today.
    ///
    /// # Errors
    /// When there is no such customer.
    pub fn edit_customer(&self, number: &str, set: &Map<String, Value>) -> Result<(), String> {
        let today = books::midnight(self.desk.clock.now());
        let mut books = lock(&self.books);
        let customer = books
            .record_mut(CUSTOMERS, &Part::text(number))
            .ok_or_else(|| format!("there is no customer {number}"))?;
        customer.extend(set.clone());
        customer.insert("DateLastMaintained".into(), today);
        let orders: Vec<String> = books.state().orders.into_iter().map(|order| order.number).collect();
        orders.iter().for_each(|order| books.judge(order));
        Ok(())
    }

    /// Receives or issues stock: so much is on hand now.
    ///
    /// # Errors
    /// When the item is not kept at that location.
    pub fn set_stock(&self, item: &str, location: &str, quantity: i64) -> Result<(), String> {
        let key = [Part::Text(item.to_owned()), Part::Text(location.to_owned())];
        let mut books = lock(&self.books);
        let record = books
            .record_mut(QUANTITIES, &key)
            .ok_or_else(|| format!("item {item} is not kept at location {location}"))?;
        record.insert("QuantityOnHand".into(), json!(quantity));
        let committed = record["QuantityCommitted"].as_i64().unwrap_or_default();
        record.insert("QuantityAvailableToShip".into(), json!(quantity - committed));
        Ok(())
    }

    /// Day-end processing: gives how many invoices it made.
    pub fn day_end_processing(&self) -> usize {
        self.day_end(&mut lock(&self.books))
    }
}
