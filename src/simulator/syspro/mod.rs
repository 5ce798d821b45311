//! SYSPRO, by its e.net service over REST and its OData service, on one port.
//!
//! What callers meet is SYSPRO's (public clients and help pages): everything over e.net is a GET with XML in the query,
//! a refused logon is a 200 that begins `ERROR`, an operator has one session and the newest wins, SORTOI drops elements
//! that it does not know and says nothing of the order when all went well, numbers come padded with blanks and keys
//! padded with zeros or not, and OData only reads, without any stamp of the last change. What is not public is made up
//! and said so where it stands: the words for a session that is no more, the shape of custom forms in SORQRY's answer.
//!
//! Start with [`Syspro::start`]. In reading order: [`options`], [`session`], [`books`], [`route`], [`enet`], [`query`] and
//! [`post`] (the business objects), [`xml`], [`odata`] with [`filter`], [`control`]; beside them [`generate`].

pub mod books;
pub mod control;
pub mod enet;
pub mod filter;
pub mod generate;
pub mod odata;
pub mod options;
pub mod post;
pub mod query;
pub mod route;
pub mod session;
pub mod xml;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::due::Due;
pub use super::orders::Orders;
use super::serve::{self, Running};
use super::system::{Desk, lock};
pub use books::{OrderState, State, Summary};
pub use options::Options;

/// A simulated SYSPRO that is serving.
pub type Handle = Running<Syspro>;

/// The simulated SYSPRO.
#[derive(Debug)]
pub struct Syspro {
    options: Options,
    zone: TimeZone,
    desk: Desk,
    site: Mutex<Site>,
}

/// What changes.
#[derive(Debug)]
struct Site {
    books: books::Books,
    sessions: session::Sessions,
}

impl Syspro {
    /// SYSPRO without a server, filled with generated orders.
    ///
    /// # Errors
    /// When the time zone is unknown.
    pub fn new(options: Options) -> io::Result<Self> {
        let zone = TimeZone::get(&options.zone).map_err(io::Error::other)?;
        let desk = Desk::new(options.clock.clone(), options.latency);
        let mut books = books::Books::new();
        generate::fill(&mut books, &options.orders, &zone, desk.clock.now());
        let sessions = session::Sessions::new(options.orders.seed);
        Ok(Self { options, zone, desk, site: Mutex::new(Site { books, sessions }) })
    }

    /// Starts serving on `listener`.
    ///
    /// # Errors
    /// When the time zone is unknown.
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

    /// Everything it knows of orders and callers.
    pub fn state(&self) -> State {
        let site = lock(&self.site);
        State {
            company: self.options.company.clone(),
            orders: site.books.states(),
            dispatch_notes: site.books.dispatch_notes.iter().cloned().map(Value::Object).collect(),
            sessions: site.sessions.counts.clone(),
            open_sessions: site.sessions.len(),
            dropped: site.books.dropped.clone(),
            rejected: site.books.rejected.clone(),
            write_backs_doubled: site.books.write_backs.doubled(),
        }
    }

    /// The counts that matter.
    pub fn summary(&self) -> Summary {
        self.state().summary()
    }

    /// The orders in words that are the same for every ERP.
    pub fn orders(&self) -> Vec<Due> {
        lock(&self.site).books.due()
    }

    /// Adds `count` generated orders, numbered on from the last, whose delivery notes are printed today.
    pub fn add_orders(&self, count: usize) -> Vec<String> {
        let orders = Orders { count, days: 0, ..self.options.orders.clone() };
        generate::fill(&mut lock(&self.site).books, &orders, &self.zone, self.desk.clock.now())
    }

    /// Changes an order as a person at SYSPRO would, which moves its row version and no date. What should become of an
    /// order without tracking numbers is judged anew.
    ///
    /// # Errors
    /// When there is no such order.
    pub fn edit_order(&self, number: &str, set: &Map<String, Value>) -> Result<(), String> {
        let mut site = lock(&self.site);
        if site.books.order(number).is_none() {
            return Err(format!("there is no order {number}"));
        }
        site.books.change(number, set);
        site.books.judge_again(number);
        Ok(())
    }

    /// Prints an order's delivery note, which makes it ready to ship.
    ///
    /// # Errors
    /// When there is no such order.
    pub fn print_delivery_note(&self, number: &str) -> Result<(), String> {
        let printed = json!(books::day_text(self.today()));
        let set = [("OrderStatus", json!("4")), ("DateLastDocPrt", printed), ("DeliveryNote", json!("1"))];
        self.edit_order(number, &set.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Somebody logs on with the operator that the caller uses, which ends the caller's session.
    pub fn human_logon(&self) {
        let now = self.desk.clock.now();
        lock(&self.site).sessions.open(&self.options.operator, now);
    }

    /// Whether a licence is free for one more user.
    pub fn licence_free(&self, free: bool) {
        lock(&self.site).sessions.licence_free = free;
    }

    fn today(&self) -> Date {
        self.desk.clock.now().to_zoned(self.zone.clone()).date()
    }
}
