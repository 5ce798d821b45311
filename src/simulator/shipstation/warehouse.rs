//! What people do in ShipStation itself, and carriers with its parcels: they choose, split, ship, mark, void, cancel and scan; and
//! one order that has gone bad.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::ShipStation;
use super::books::Books;
use super::journey::Stage;
use super::parcels::Leaving;
use super::state::{Content, Order};
use super::{convert, pacific, reference};
use crate::simulator::system::lock;

impl ShipStation {
    /// Ships an order in `parcels` parcels, each with a label and a tracking number of its own.
    ///
    /// # Errors
    /// When there is no such order, or it is not open.
    pub fn ship(&self, order_key: &str, parcels: usize) -> Result<Vec<String>, String> {
        self.change(|books, now| {
            let index = open(books, order_key)?;
            Ok(books.ship(index, parcels, None, now))
        })
    }

    /// Ships orders in one batch, a parcel each; they are told of together.
    ///
    /// # Errors
    /// When one of them is not there or not open; then none is shipped.
    pub fn ship_batch(&self, order_keys: &[&str]) -> Result<Vec<String>, String> {
        self.change(|books, now| {
            let orders: Vec<usize> =
                order_keys.iter().map(|key| open(books, key)).collect::<Result<_, _>>()?;
            let batch = books.new_batch();
            Ok(orders.into_iter().flat_map(|index| books.ship(index, 1, Some(batch), now)).collect())
        })
    }

    /// Makes a label by which an order's goods come back; gives its tracking number. Nobody is told.
    ///
    /// # Errors
    /// When there is no such order.
    pub fn return_label(&self, order_key: &str) -> Result<String, String> {
        self.change(|books, now| {
            let index = known(books, order_key)?;
            let by = reference::service_for(&convert::to_v1(&books.state.orders[index]));
            let number = books.tracking_number(&by.0);
            let ship_date = pacific::shown(now).date();
            let leaving = Leaving {
                label: true,
                number: number.clone(),
                by,
                ship_date,
                returned: true,
                ..Leaving::default()
            };
            books.add_parcel(index, leaving, now);
            Ok(number)
        })
    }

    /// Marks an order as shipped, without a label: `GET /shipments` never shows it.
    ///
    /// # Errors
    /// When there is no such order, or it is not open.
    pub fn mark_as_shipped(&self, order_key: &str, tracking_number: &str) -> Result<(), String> {
        self.leave(order_key, tracking_number, false)
    }

    /// A fulfillment provider ships an order that waits for it (`pending_fulfillment`).
    ///
    /// # Errors
    /// When there is no such order, or it does not wait for a provider.
    pub fn fulfil(&self, order_key: &str, tracking_number: &str) -> Result<(), String> {
        let status = self.orders().into_iter().find(|order| order.key == order_key).map(|order| order.status);
        match status.as_deref() {
            Some("pending_fulfillment") => self.leave(order_key, tracking_number, true),
            _ => Err(format!("order {order_key} does not wait for a fulfillment provider")),
        }
    }

    fn leave(&self, order_key: &str, tracking_number: &str, provider: bool) -> Result<(), String> {
        self.change(|books, now| {
            let index = open(books, order_key)?;
            let by = reference::service_for(&convert::to_v1(&books.state.orders[index]));
            let (number, ship_date) = (tracking_number.to_owned(), pacific::shown(now).date());
            books.add_parcel(index, Leaving { number, by, ship_date, provider, ..Leaving::default() }, now);
            Ok(())
        })
    }

    /// Voids the parcel with that number, or all; an order of which nothing is left under way is open again.
    ///
    /// # Errors
    /// When there is no such order or nothing to void.
    pub fn void(&self, order_key: &str, tracking_number: Option<&str>) -> Result<usize, String> {
        self.change(|books, now| {
            let index = known(books, order_key)?;
            match books.void(index, tracking_number, now) {
                0 => Err(format!("order {order_key} has no such parcel under way")),
                count => Ok(count),
            }
        })
    }

    /// Somebody chooses something for an open order: fields of the order in the words that it was written in, and its
    /// `orderStatus`. Fields of objects are set one by one.
    ///
    /// # Errors
    /// When there is no such order, or it is not open.
    pub fn choose(&self, order_key: &str, fields: &Map<String, Value>) -> Result<(), String> {
        self.change(|books, now| {
            let index = open(books, order_key)?;
            let order = &mut books.state.orders[index];
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("orderStatus", status) => order.status = status.as_str().unwrap_or_default().to_owned(),
                    (_, Value::Object(inner)) => {
                        let whole = order.content.body.entry(name).or_insert_with(|| json!({}));
                        inner.iter().for_each(|(name, value)| whole[name] = value.clone());
                    }
                    _ => drop(order.content.body.insert(name.clone(), value.clone())),
                }
            }
            order.modified_at = now;
            Ok(())
        })
    }

    /// Splits an open order: its last item, or half of its only one, becomes an order of its own with the same number, which
    /// names the first as its parent; gives its key. What key such an order gets is not published: here one of ShipStation's.
    ///
    /// # Errors
    /// When there is no such order, it is not open, or there is nothing to split.
    pub fn split(&self, order_key: &str) -> Result<String, String> {
        self.change(|books, now| {
            let index = open(books, order_key)?;
            let whole = books.state.orders[index].clone();
            let (stays, leaves) = divided(&whole).ok_or_else(|| format!("order {order_key} is one piece"))?;
            let with = |items: Vec<Value>| {
                let mut content: Content = whole.content.clone();
                content.body.insert("items".to_owned(), Value::Array(items));
                content
            };
            let key = books.own_key();
            let options = &self.options;
            let (number, status) = (whole.number.clone(), whole.status.clone());
            books.begin_import();
            let child = books.add(with(leaves), key.clone(), number, status, whole.store, options, now);
            books.state.orders[child].parent = Some(whole.id);
            books.state.orders[child].split = true;
            let first = &mut books.state.orders[index];
            (first.content, first.split, first.modified_at) = (with(stays), true, now);
            Ok(key)
        })
    }

    /// Cancels an open order.
    ///
    /// # Errors
    /// When there is no such order, or it is not open.
    pub fn cancel(&self, order_key: &str) -> Result<(), String> {
        self.change(|books, now| {
            let index = open(books, order_key)?;
            let order = &mut books.state.orders[index];
            (order.status, order.modified_at) = ("cancelled".into(), now);
            Ok(())
        })
    }

    /// The carrier sees a parcel with a label.
    ///
    /// # Errors
    /// When no live parcel has that number, or it was delivered.
    pub fn scan(&self, tracking_number: &str, stage: Stage) -> Result<(), String> {
        self.change(|books, now| books.scan(tracking_number, stage, now))
    }

    /// The carrier names another day of delivery for a parcel with a label.
    ///
    /// # Errors
    /// When no live parcel has that number, or it was delivered.
    pub fn promise(&self, tracking_number: &str, day: jiff::civil::Date) -> Result<(), String> {
        self.change(|books, now| books.promise(tracking_number, day, now))
    }

    /// The carriers deliver everything that is under way; gives how many parcels.
    pub fn deliver_all(&self) -> usize {
        let marks = self.options.marks_arrive;
        self.change(|books, now| Ok(books.deliver_all(marks, now))).unwrap_or_default()
    }

    /// Does something to the books and tells of it whom it concerns.
    fn change<T>(&self, act: impl FnOnce(&mut Books, Timestamp) -> Result<T, String>) -> Result<T, String> {
        let mut books = lock(&self.books);
        let done = act(&mut books, self.desk.clock.now());
        self.tell(&mut books);
        done
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

/// The items that stay with an order, and those that leave it.
fn divided(order: &Order) -> Option<(Vec<Value>, Vec<Value>)> {
    let mut items = order.content.body.get("items")?.as_array()?.clone();
    let mut last = items.pop()?;
    if items.is_empty() {
        let quantity = last["quantity"].as_u64().filter(|quantity| *quantity > 1)?;
        let mut half = last.clone();
        half["quantity"] = json!(quantity / 2);
        last["quantity"] = json!(quantity - quantity / 2);
        items.push(half);
    }
    Some((items, vec![last]))
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
