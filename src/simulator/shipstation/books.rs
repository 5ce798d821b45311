//! The books behind the counter: finding and writing orders.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::convert;
use super::news::News;
use super::options::{Locked, Options, Product};
use super::reference;
use super::state::{Api, Content, Order, Room, State, Stocked};
use crate::base::clock;
use crate::simulator::contract::Violation;
use crate::simulator::dice::Dice;

/// Violations kept with their text; more are only counted.
const KEPT_VIOLATIONS: usize = 500;

/// Why an order was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is shipped or cancelled; the text is an option.
    Locked(String),
    /// There is no such order to update.
    Missing,
    /// A field says something that makes no sense: its name and why.
    Field(&'static str, String),
}

/// The books.
#[derive(Debug)]
pub struct Books {
    pub(super) state: State,
    by_key: HashMap<String, usize>,
    pub(super) dice: Dice,
    next_order: u64,
    pub(super) next_parcel: u64,
    next_room: u64,
    next_batch: u64,
    next_webhook: u64,
    seed: u64,
    import: String,
    /// What happened and was not told yet.
    pub(super) news: Vec<News>,
    /// What was said of parcels to whoever asked: the parcel's id, and how many of its scans were known then.
    pub(super) said: BTreeSet<(u64, usize)>,
}

impl Books {
    pub(super) fn new(options: &Options) -> Self {
        let mut books = Self {
            state: State::default(),
            by_key: HashMap::new(),
            dice: Dice::new(options.seed),
            // Ids of real accounts have nine digits and begin nowhere in particular.
            next_order: 190_000_000 + options.seed % 1000 * 10_000,
            next_parcel: 33_000_000 + options.seed % 1000 * 10_000,
            next_room: 5_000,
            next_batch: 190_671_000 + options.seed % 1000 * 1000,
            next_webhook: 12_345 + options.seed % 1000,
            seed: options.seed,
            import: String::new(),
            news: Vec::new(),
            said: BTreeSet::new(),
        };
        let now = options.clock.now();
        options.products.iter().for_each(|product| books.stock(product, now));
        for (name, locations) in &options.inventory_warehouses {
            let warehouse = books.add_room(name, None, now);
            for location in locations {
                books.add_room(location, Some(warehouse.id.clone()), now);
            }
        }
        books
    }

    pub(super) fn record(&mut self, violations: &[Violation]) {
        self.state.violations += violations.len() as u64;
        let room = KEPT_VIOLATIONS.saturating_sub(self.state.contract_violations.len());
        self.state.contract_violations.extend(violations.iter().take(room).cloned());
    }

    /// An order by its key, deleted or not: a key is given once.
    pub(super) fn by_key(&mut self, key: &str) -> Option<&mut Order> {
        let index = *self.by_key.get(key)?;
        self.state.orders.get_mut(index)
    }

    pub(super) fn by_id(&mut self, id: u64) -> Option<&mut Order> {
        self.state.orders.iter_mut().find(|order| order.id == id && !order.deleted)
    }

    /// Writes an order whole: what it says no more, it has no more. Found by `orderId` or by `orderKey`; one without either
    /// gets a key of ShipStation's own, so that sending it again makes another.
    pub(super) fn upsert(
        &mut self,
        body: Map<String, Value>,
        options: &Options,
        now: Timestamp,
    ) -> Result<usize, Refusal> {
        let key = text(&body, "orderKey");
        let found = match body.get("orderId").and_then(Value::as_u64) {
            Some(id) => {
                let found = self
                    .state
                    .orders
                    .iter()
                    .position(|order| order.id == id && !order.deleted)
                    .ok_or(Refusal::Missing)?;
                let own = &self.state.orders[found].key;
                if key.as_ref().is_some_and(|key| key != own) {
                    return Err(Refusal::Field("orderKey", "The orderKey can not be changed.".into()));
                }
                Some(found)
            }
            None => key.as_ref().and_then(|key| self.by_key.get(key).copied()),
        };
        let found = found.filter(|index| !self.state.orders[*index].deleted);
        match found {
            Some(index) => self.rewrite(index, Content { api: Api::V1, body }, options, now).map(|()| index),
            None => {
                let store = store(&body)?;
                let key = key.unwrap_or_else(|| self.own_key());
                let status = text(&body, "orderStatus").unwrap_or_default();
                let number = text(&body, "orderNumber").unwrap_or_default();
                Ok(self.add(Content { api: Api::V1, body }, key, number, status, store, options, now))
            }
        }
    }

    /// Replaces what an order says, unless it is locked.
    pub(super) fn rewrite(
        &mut self,
        index: usize,
        content: Content,
        options: &Options,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let order = &mut self.state.orders[index];
        if order.is_locked() {
            return match &options.locked {
                Locked::Ignore => {
                    self.state.ignored_edits += 1;
                    Ok(())
                }
                Locked::Refuse(text) => {
                    self.state.refused_edits += 1;
                    Err(Refusal::Locked(text.clone()))
                }
            };
        }
        let unpaid = order.status == "awaiting_payment";
        if content.api == Api::V1 {
            order.status = text(&content.body, "orderStatus").unwrap_or_default();
            order.number = text(&content.body, "orderNumber").unwrap_or_default();
        } else {
            order.number = text(&content.body, "shipment_number").unwrap_or_else(|| order.key.clone());
        }
        (order.content, order.modified_at) = (content, now);
        order.writes += 1;
        if unpaid && !matches!(order.status.as_str(), "awaiting_payment" | "cancelled") {
            order.import.clone_from(&self.import);
            let news = News::Ordered { import: order.import.clone(), store: order.store };
            self.hear(news);
        }
        self.state.updates += 1;
        self.learn_products(index, now);
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "each is a column of the order")]
    pub(super) fn add(
        &mut self,
        content: Content,
        key: String,
        number: String,
        status: String,
        store: u64,
        options: &Options,
        now: Timestamp,
    ) -> usize {
        self.next_order += 1 + self.dice.below(40);
        let index = self.state.orders.len();
        if status != "awaiting_payment" {
            self.hear(News::Ordered { import: self.import.clone(), store });
        }
        self.by_key.insert(key.clone(), index);
        self.state.orders.push(Order {
            id: self.next_order,
            key,
            number,
            status,
            store,
            content,
            created_at: now,
            modified_at: now,
            visible_at: clock::add(now, options.visibility_lag),
            writes: 1,
            deleted: false,
            parcels: Vec::new(),
            import: self.import.clone(),
            split: false,
            parent: None,
        });
        self.learn_products(index, now);
        index
    }

    /// What is created from now on belongs together: whoever wants to hear of orders is told of all of it at once.
    pub(super) fn begin_import(&mut self) {
        let (high, low) = (self.dice.draw(), self.dice.draw());
        self.import = format!(
            "{:08x}-{:04x}-4{:03x}-9{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        );
    }

    /// Notes that something happened; the same thing once.
    pub(super) fn hear(&mut self, news: News) {
        if !self.news.contains(&news) {
            self.news.push(news);
        }
    }

    pub(super) fn new_batch(&mut self) -> u64 {
        self.next_batch += 1 + self.dice.below(20);
        self.next_batch
    }

    pub(super) fn new_webhook(&mut self) -> u64 {
        self.next_webhook += 1;
        self.next_webhook
    }

    /// A key like those that ShipStation makes: 32 hexadecimal digits.
    pub(super) fn own_key(&mut self) -> String {
        format!("{:016x}{:016x}", self.dice.draw(), self.dice.draw())
    }

    pub(super) fn stock(&mut self, product: &Product, now: Timestamp) {
        let id = 7_500_000 + self.seed % 1000 * 1000 + self.state.products.len() as u64;
        let body = json!({
            "name": product.name, "price": product.cents as f64 / 100.0, "weightOz": product.ounces, "active": true,
        });
        let body = body.as_object().cloned().unwrap_or_default();
        self.state.products.push(Stocked {
            id,
            sku: product.sku.clone(),
            body,
            created_at: now,
            modified_at: now,
        });
    }

    /// Items of orders join the catalogue by themselves.
    fn learn_products(&mut self, index: usize, now: Timestamp) {
        let body = convert::to_v1(&self.state.orders[index]);
        for item in body["items"].as_array().into_iter().flatten() {
            let sku = item["sku"].as_str().unwrap_or_default();
            let known = self.state.products.iter().any(|product| product.sku == sku);
            if sku.is_empty() || known || item["adjustment"] == json!(true) {
                continue;
            }
            let cents = (item["unitPrice"].as_f64().unwrap_or_default() * 100.0).round().max(0.0) as u64;
            let name = item["name"].as_str().unwrap_or(sku).to_owned();
            self.stock(&Product { sku: sku.to_owned(), name, cents, ounces: 0.0 }, now);
        }
    }

    pub(super) fn add_room(&mut self, name: &str, warehouse: Option<String>, now: Timestamp) -> Room {
        self.next_room += 1;
        let room = Room {
            id: format!("se-{}", self.next_room),
            name: name.to_owned(),
            warehouse,
            created_at: now,
            updated_at: now,
        };
        let rooms = match room.warehouse {
            Some(_) => &mut self.state.inventory_locations,
            None => &mut self.state.inventory_warehouses,
        };
        rooms.push(room.clone());
        room
    }
}

/// A field as text; `None` for null and for blank text.
pub(super) fn text(body: &Map<String, Value>, name: &str) -> Option<String> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

fn store(body: &Map<String, Value>) -> Result<u64, Refusal> {
    match body.get("advancedOptions").and_then(|options| options.get("storeId")).and_then(Value::as_u64) {
        None => Ok(reference::MANUAL_STORE),
        Some(id) if reference::STORES.iter().any(|store| store.id == id) => Ok(id),
        Some(id) => Err(Refusal::Field("advancedOptions.storeId", format!("There is no store {id}."))),
    }
}
