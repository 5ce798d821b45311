//! Sage X3, with the three interfaces of one server: REST (`api1`), GraphQL and the Classic web services (SOAP).
//!
//! What Sage documents and what clients of real systems have met is here: REST that lists every object and writes
//! only a deployment's own classes, stamps and `$etag`s of whole seconds, No and Yes that are 1 and 2, links that are
//! absolute, refusals inside a 200; GraphQL that answers data and errors together; SOAP whose failures are a 200 with
//! status 0. What nobody has documented is refused. There is no column for tracking numbers: a deployment adds a
//! field (`YTRACKNO`, by SOAP) or a class (`YSOT`, `YPOT`, by REST), and this one has both.
//!
//! Start with [`SageX3::start`]. In reading order: [`options`], [`dictionary`], [`books`], [`route`], [`rest`] with
//! [`filter`] and [`page`], [`gateway`], [`graphql`], [`soap`] with [`xml`], [`control`]; beside them [`generate`] with
//! [`catalogue`] and [`judge`].

pub mod books;
pub mod catalogue;
pub mod control;
pub mod dictionary;
pub mod filter;
pub mod gateway;
pub mod generate;
pub mod graphql;
pub mod judge;
pub mod options;
pub mod page;
pub mod rest;
pub mod route;
pub mod soap;
pub mod xml;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use tokio::net::TcpListener;

use super::due::Due;
use super::expectation::Expectation;
use super::serve::{self, Running};
use super::system::{Desk, lock};
pub use books::{Lock, OrderState, State, Summary};
pub use generate::Orders;
pub use options::{Missing, Options};

/// A simulated Sage X3 that is serving.
pub type Handle = Running<SageX3>;

/// The simulated Sage X3.
#[derive(Debug)]
pub struct SageX3 {
    options: Options,
    desk: Desk,
    books: Mutex<books::Books>,
}

impl SageX3 {
    /// Sage X3 without a server, filled with generated orders.
    pub fn new(options: Options) -> Self {
        let desk = Desk::new(options.clock.clone(), options.latency);
        let now = desk.clock.now();
        let mut books = books::Books::new(gateway::Chain::new(&options.refresh_token, now));
        generate::fill(&mut books, &options.orders, now);
        Self { options, desk, books: Mutex::new(books) }
    }

    /// Starts serving on `listener`.
    ///
    /// # Errors
    /// When the TLS files cannot be used.
    #[allow(clippy::unused_async, reason = "starting is a step that waits, for callers")]
    pub async fn start(options: Options, listener: TcpListener) -> io::Result<Handle> {
        let tls = options.tls.clone();
        serve::serve(Arc::new(Self::new(options)), listener, tls.as_ref())
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

    /// The sales orders, and what should become of them.
    pub fn orders(&self) -> Vec<Due> {
        self.state().orders.into_iter().map(due).collect()
    }

    /// The purchase orders, and what should become of them.
    pub fn purchase_orders(&self) -> Vec<Due> {
        self.state().purchase_orders.into_iter().map(due).collect()
    }

    /// Adds `count` generated sales orders, numbered on from the last, stamped now.
    pub fn add_orders(&self, count: usize) -> Vec<String> {
        let orders = Orders { count, purchases: 0, days: 0, ..self.options.orders.clone() };
        generate::fill(&mut lock(&self.books), &orders, self.desk.clock.now())
    }

    /// Adds `count` generated purchase orders, numbered on from the last, stamped now.
    pub fn add_purchase_orders(&self, count: usize) -> Vec<String> {
        let orders = Orders { count: 0, purchases: count, days: 0, ..self.options.orders.clone() };
        generate::fill(&mut lock(&self.books), &orders, self.desk.clock.now())
    }

    /// Changes a sales or purchase order as a person would, which stamps it. Without `expect`, what should become of an
    /// order without tracking numbers is judged anew. Texts are taken for what the property holds.
    ///
    /// # Errors
    /// When there is no such order, or a property is unknown or holds something else.
    pub fn edit_order(
        &self,
        number: &str,
        set: &Map<String, Value>,
        expect: Option<Expectation>,
    ) -> Result<(), String> {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let class = [dictionary::SORDER, dictionary::PORDER]
            .into_iter()
            .find(|class| books.get(class, number).is_some())
            .ok_or_else(|| format!("there is no order {number}"))?;
        let set = fitted(class, set)?;
        books.change(class, number, &set, Some((now, "MJONE")));
        match expect {
            Some(expectation) => books.expect(number, expectation),
            None => books.judge(class, number),
        }
        Ok(())
    }

    /// Somebody opens an order: writes are refused, `attempts` times or until it is unlocked.
    pub fn lock_order(&self, number: &str, user: &str, attempts: Option<u32>) {
        lock(&self.books).locks.insert(number.to_owned(), Lock { user: user.to_owned(), attempts });
    }

    /// They close it again.
    pub fn unlock_order(&self, number: &str) {
        lock(&self.books).locks.remove(number);
    }

    /// Whether the server has processes for Classic web services.
    pub fn accept_web_services(&self, accepted: bool) {
        lock(&self.books).web_services = accepted;
    }
}

fn due(order: OrderState) -> Due {
    Due {
        key: order.number.clone(),
        number: order.number,
        expectation: order.expectation,
        tracking: order.tracking,
        content: BTreeMap::new(),
        status: order.status,
        delivered: order.delivered,
    }
}

/// Properties as the class holds them: `2` for a local menu may come as text.
fn fitted(class: &'static str, set: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    let description = dictionary::class(class).ok_or_else(|| format!("there is no class {class}"))?;
    let mut fitted = Map::new();
    for (name, value) in set {
        let value = if description.collections.contains(&name.as_str()) {
            value.clone()
        } else {
            let property =
                description.property(name).ok_or_else(|| format!("{class} has no property {name}"))?;
            let value = match (property.kind, value) {
                (dictionary::Kind::Integer | dictionary::Kind::Decimal, Value::String(text)) => {
                    serde_json::from_str(text).unwrap_or_else(|_| value.clone())
                }
                (dictionary::Kind::Texts, Value::String(text)) => Value::from(vec![text.clone()]),
                _ => value.clone(),
            };
            if !property.kind.holds(&value) {
                return Err(format!("{name} cannot hold {value}"));
            }
            value
        };
        fitted.insert(name.clone(), value);
    }
    Ok(fitted)
}
