//! The folder's books: records by class and key, locks, and what should become of each order.

use std::collections::BTreeMap;

use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::dictionary::{self, CLASSES, ITMMASTER, PORDER, SORDER, YPOT, YSOT};
use super::gateway::Chain;
use super::judge;
use crate::base::json::sha256_hex;
use crate::simulator::expectation::Expectation;
use crate::simulator::faults::Strike;
use crate::simulator::write_backs::WriteBacks;

/// One record: its properties, its collections and `$uuid`. `UPDDATTIM` is its stamp.
pub type Record = Map<String, Value>;

/// The field that a deployment has added to SORDER and PORDER for tracking numbers; no representation carries it.
pub const CUSTOM_FIELD: &str = "YTRACKNO";
/// The field that it has added there for the shipment's status.
pub const STATUS_FIELD: &str = "YSHPSTA";
/// The property of the deployment's own classes that holds the same.
pub const STATUS_PROPERTY: &str = "SHPSTA";
/// What is in either once all of the order was delivered.
pub const DELIVERED: &str = "DELIVERED";

/// An instant as X3 stamps it: in whole seconds.
pub fn stamp(instant: Timestamp) -> String {
    let mode = jiff::TimestampRound::new().smallest(Unit::Second).mode(jiff::RoundMode::Trunc);
    instant.round(mode).unwrap_or(instant).to_string()
}

/// An identifier made from a text, in the form of a UUID.
pub fn uuid(text: &str) -> String {
    let hex = sha256_hex(text.as_bytes());
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
}

/// Somebody has a record open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Who.
    pub user: String,
    /// For how many more writes; without it, until it is unlocked.
    pub attempts: Option<u32>,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderState {
    /// Its number.
    pub number: String,
    /// Its date.
    pub order_date: String,
    /// What should become of it.
    pub expectation: Expectation,
    /// The tracking numbers written for it, in order.
    pub tracking: Vec<String>,
    /// How often numbers were really written, and not just repeated.
    pub writes: u32,
    /// The shipment's status, in the order's own field or in the deployment's own class.
    #[serde(default)]
    pub status: String,
    /// Whether that says that all of it was delivered.
    #[serde(default)]
    pub delivered: bool,
    /// How often a status was really written.
    #[serde(default)]
    pub status_writes: u64,
    /// What the deployment's own class says of its shipment.
    #[serde(default)]
    pub shipment: Value,
    /// Its record.
    pub record: Value,
}

/// How callers fared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Calls that were turned away for their credentials.
    pub unauthorized: u64,
    /// Writes that met a lock.
    pub locked_out: u64,
    /// Writes that repeated what was there already.
    pub repeated_writes: u64,
    /// Calls that asked for something that is not there: a class, a property, a field, a pool.
    pub mistakes: u64,
    /// What was wrong with them; the first hundred.
    pub mistaken: Vec<String>,
}

/// Everything the simulated Sage X3 knows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The sales orders.
    pub orders: Vec<OrderState>,
    /// The purchase orders.
    pub purchase_orders: Vec<OrderState>,
    /// How many records each class has.
    pub classes: BTreeMap<String, usize>,
    /// The records that somebody has open.
    pub locks: BTreeMap<String, Lock>,
    /// How callers fared.
    pub counts: Counts,
    /// Statuses that were written again just as they were, without need.
    #[serde(default)]
    pub write_backs_doubled: u64,
    /// The gateway's tokens.
    pub chain: Chain,
}

/// The counts that matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Sales orders in all.
    pub orders: usize,
    /// Purchase orders in all.
    pub purchase_orders: usize,
    /// Orders of both kinds that should ship.
    pub should_ship: usize,
    /// Orders of both kinds that should be set aside.
    pub should_park: usize,
    /// Orders with tracking numbers.
    pub with_tracking: usize,
    /// Orders whose tracking numbers were written more than once.
    pub written_twice: usize,
    /// Orders of which X3 knows that all was delivered.
    #[serde(default)]
    pub delivered: usize,
    /// Statuses that were written again just as they were, without need.
    #[serde(default)]
    pub write_backs_doubled: u64,
    /// How callers fared.
    pub counts: Counts,
}

impl State {
    /// The counts that matter.
    pub fn summary(&self) -> Summary {
        let all = || self.orders.iter().chain(&self.purchase_orders);
        Summary {
            orders: self.orders.len(),
            purchase_orders: self.purchase_orders.len(),
            should_ship: all().filter(|order| order.expectation == Expectation::Ships).count(),
            should_park: all().filter(|order| matches!(order.expectation, Expectation::Parked(_))).count(),
            with_tracking: all().filter(|order| !order.tracking.is_empty()).count(),
            written_twice: all().filter(|order| order.writes > 1).count(),
            delivered: all().filter(|order| order.delivered).count(),
            write_backs_doubled: self.write_backs_doubled,
            counts: self.counts.clone(),
        }
    }
}

/// The books behind all three interfaces.
#[derive(Debug)]
pub(super) struct Books {
    tables: BTreeMap<&'static str, BTreeMap<String, Record>>,
    expectations: BTreeMap<String, Expectation>,
    writes: BTreeMap<String, u32>,
    write_backs: WriteBacks,
    pub(super) locks: BTreeMap<String, Lock>,
    pub(super) counts: Counts,
    pub(super) chain: Chain,
    pub(super) web_services: bool,
    pub(super) pages: u64,
}

impl Books {
    pub(super) fn new(chain: Chain) -> Self {
        Self {
            tables: CLASSES.iter().map(|class| (class.name, BTreeMap::new())).collect(),
            expectations: BTreeMap::new(),
            writes: BTreeMap::new(),
            write_backs: WriteBacks::default(),
            locks: BTreeMap::new(),
            counts: Counts::default(),
            chain,
            web_services: true,
            pages: 0,
        }
    }

    pub(super) fn table(&mut self, class: &'static str) -> &mut BTreeMap<String, Record> {
        self.tables.entry(class).or_default()
    }

    pub(super) fn records(&self, class: &str) -> impl Iterator<Item = (&String, &Record)> {
        self.tables.get(class).into_iter().flatten()
    }

    pub(super) fn get(&self, class: &str, key: &str) -> Option<&Record> {
        self.tables.get(class)?.get(key)
    }

    /// Puts a record in, stamped.
    pub(super) fn put(&mut self, class: &'static str, mut record: Record, now: Timestamp) {
        let Some(description) = dictionary::class(class) else { return };
        let key = description.key_of(&record);
        record.insert("$uuid".into(), json!(uuid(&format!("{class} {key}"))));
        record.insert("UPDDATTIM".into(), json!(stamp(now)));
        self.table(class).insert(key, record);
    }

    /// Changes a record; with an instant and a user it is stamped. Says whether it was there.
    pub(super) fn change(
        &mut self,
        class: &'static str,
        key: &str,
        set: &Record,
        by: Option<(Timestamp, &str)>,
    ) -> bool {
        let Some(record) = self.table(class).get_mut(key) else { return false };
        record.extend(set.clone());
        if let Some((now, user)) = by {
            record.insert("UPDDATTIM".into(), json!(stamp(now)));
            record.insert("UPDUSR".into(), json!(user));
        }
        true
    }

    /// Notes that tracking numbers of an order were really written.
    pub(super) fn wrote(&mut self, number: &str) {
        *self.writes.entry(number.to_owned()).or_default() += 1;
    }

    /// Notes a write that names the shipment's status, before it is done.
    pub(super) fn wrote_status(&mut self, class: &str, key: &str, set: &Record, strike: Option<&Strike>) {
        if !set.contains_key(STATUS_FIELD) && !set.contains_key(STATUS_PROPERTY) {
            return;
        }
        let known = self.get(class, key);
        let changed = set.iter().any(|(name, value)| known.and_then(|known| known.get(name)) != Some(value));
        self.write_backs.note(key, changed, strike);
    }

    /// Notes what a caller got wrong.
    pub(super) fn mistake(&mut self, what: &str) {
        self.counts.mistakes += 1;
        if self.counts.mistaken.len() < 100 {
            self.counts.mistaken.push(what.to_owned());
        }
    }

    /// Judges anew what should become of an order, unless it has tracking numbers.
    pub(super) fn judge(&mut self, class: &str, number: &str) {
        if !self.tracking(class, number).is_empty() {
            return;
        }
        let Some(items) = self.tables.get(ITMMASTER) else { return };
        let judged = match self.get(class, number) {
            Some(order) if class == SORDER => judge::sales(order, items),
            Some(order) => judge::purchase(order, items),
            None => return,
        };
        self.expectations.insert(number.to_owned(), judged);
    }

    pub(super) fn expect(&mut self, number: &str, expectation: Expectation) {
        self.expectations.insert(number.to_owned(), expectation);
    }

    /// The tracking numbers of an order.
    pub(super) fn tracking(&self, class: &str, number: &str) -> Vec<String> {
        let numbers = self.added(class, number, CUSTOM_FIELD, "TRACKNO");
        numbers.split([' ', ',']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// What a deployment's own field of an order says, else its own class.
    fn added(&self, class: &str, number: &str, field: &str, property: &str) -> String {
        let text = |class: &str, name: &str| {
            self.get(class, number).and_then(|record| record.get(name)?.as_str().map(str::to_owned))
        };
        let of_field = text(class, field).filter(|text| !text.is_empty());
        of_field.or_else(|| text(own(class), property)).unwrap_or_default()
    }

    /// Who has the record open; each question by a write uses one of the lock's attempts up.
    pub(super) fn locked_by(&mut self, key: &str) -> Option<String> {
        let held = self.locks.get_mut(key)?;
        let user = held.user.clone();
        match &mut held.attempts {
            Some(0) => {
                self.locks.remove(key);
                return None;
            }
            Some(attempts) => *attempts -= 1,
            None => {}
        }
        self.counts.locked_out += 1;
        Some(user)
    }

    pub(super) fn state(&self) -> State {
        State {
            orders: self.orders(SORDER),
            purchase_orders: self.orders(PORDER),
            classes: self.tables.iter().map(|(name, table)| ((*name).to_owned(), table.len())).collect(),
            locks: self.locks.clone(),
            counts: self.counts.clone(),
            write_backs_doubled: self.write_backs.doubled(),
            chain: self.chain.clone(),
        }
    }

    fn orders(&self, class: &str) -> Vec<OrderState> {
        self.records(class).map(|(number, record)| self.order(class, number, record)).collect()
    }

    fn order(&self, class: &str, number: &str, record: &Record) -> OrderState {
        let status = self.added(class, number, STATUS_FIELD, STATUS_PROPERTY);
        OrderState {
            number: number.to_owned(),
            order_date: record.get("ORDDAT").and_then(Value::as_str).unwrap_or_default().to_owned(),
            expectation: self.expectations.get(number).copied().unwrap_or(Expectation::NotSelected),
            tracking: self.tracking(class, number),
            writes: self.writes.get(number).copied().unwrap_or_default(),
            delivered: status == DELIVERED,
            status,
            status_writes: self.write_backs.of(number).changes,
            shipment: self.get(own(class), number).cloned().map_or(Value::Null, Value::Object),
            record: Value::Object(record.clone()),
        }
    }
}

/// The deployment's own class for what ships orders of `class`.
fn own(class: &str) -> &'static str {
    if class == SORDER { YSOT } else { YPOT }
}
