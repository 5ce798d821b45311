//! What people do in ShipStation itself: they ship, mark, void, cancel and hold orders; and one order that has gone bad.

use super::ShipStation;
use super::books::Books;
use super::{convert, pacific, reference};
use crate::simulator::system::lock;

impl ShipStation {
    /// Ships an order in `parcels` parcels, each with a label and a tracking number of its own.
    ///
    /// # Errors
    /// When there is no such order, or it is not open.
    pub fn ship(&self, order_key: &str, parcels: usize) -> Result<Vec<String>, String> {
        let mut books = lock(&self.books);
        let index = open(&books, order_key)?;
        Ok(books.ship(index, parcels, self.desk.clock.now()))
    }

    /// Marks an order as shipped, without a label: `GET /shipments` never shows it.
    ///
    /// # Errors
    /// When there is no such order, or it is not open.
    pub fn mark_as_shipped(&self, order_key: &str, tracking_number: &str) -> Result<(), String> {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let index = open(&books, order_key)?;
        let service = reference::service_for(&convert::to_v1(&books.state.orders[index]));
        books.add_parcel(
            index,
            false,
            tracking_number.to_owned(),
            service,
            Vec::new(),
            pacific::shown(now).date(),
            now,
        );
        Ok(())
    }

    /// Voids the parcel with that number, or all; an order of which nothing is left under way is open again.
    ///
    /// # Errors
    /// When there is no such order or nothing to void.
    pub fn void(&self, order_key: &str, tracking_number: Option<&str>) -> Result<usize, String> {
        let mut books = lock(&self.books);
        let index = known(&books, order_key)?;
        match books.void(index, tracking_number, self.desk.clock.now()) {
            0 => Err(format!("order {order_key} has no such parcel under way")),
            count => Ok(count),
        }
    }

    /// Cancels an open order.
    ///
    /// # Errors
    /// When there is no such order, or it is not open.
    pub fn cancel(&self, order_key: &str) -> Result<(), String> {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let index = open(&books, order_key)?;
        let order = &mut books.state.orders[index];
        (order.status, order.modified_at) = ("cancelled".into(), now);
        Ok(())
    }

    /// From now on every page of `GET /orders` that holds this order is a 500, until it is `cured`.
    pub fn poison(&self, order_key: &str) {
        lock(&self.books).state.poisoned.insert(order_key.to_owned());
    }

    /// The order can be read again.
    pub fn cure(&self, order_key: &str) {
        lock(&self.books).state.poisoned.remove(order_key);
    }
}

fn known(books: &Books, key: &str) -> Result<usize, String> {
    let found = books.state.orders.iter().position(|order| order.key == key && !order.deleted);
    found.ok_or_else(|| format!("there is no order {key}"))
}

fn open(books: &Books, key: &str) -> Result<usize, String> {
    let index = known(books, key)?;
    let order = &books.state.orders[index];
    if order.is_locked() { Err(format!("order {key} is {}", order.status)) } else { Ok(index) }
}
