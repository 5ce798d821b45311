//! The company's books: orders with their lines, items, custom form, and what should become of each order.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::generate::SHIP_VIA;
use super::session::Counts;
use crate::simulator::due::Due;
use crate::simulator::expectation::{self, Expectation};
use crate::simulator::write_backs::WriteBacks;

/// The field of the custom form that holds a shipment's status, unless a site calls it otherwise.
pub const STATUS_FIELD: &str = "ShipmentStatus";
/// What is in it once all of the order was delivered.
pub const DELIVERED: &str = "DELIVERED";

/// One order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderState {
    /// Its number, as the database has it.
    pub number: String,
    /// Its date.
    pub order_date: String,
    /// Its status.
    pub status: String,
    /// What should become of it.
    pub expectation: Expectation,
    /// The tracking numbers in its custom form or special instructions.
    pub tracking: Vec<String>,
    /// The custom form's fields.
    pub custom: BTreeMap<String, String>,
    /// The shipment's status, as the custom form shows it.
    #[serde(default)]
    pub shipment: String,
    /// Whether that says that all of it was delivered.
    #[serde(default)]
    pub delivered: bool,
    /// How often a shipment's status was really written.
    #[serde(default)]
    pub status_writes: u64,
    /// How often it was really changed over e.net.
    pub writes: u32,
    /// How often a write changed nothing.
    pub repeated: u32,
    /// Its row of SorMaster.
    pub record: Value,
}

/// Everything the simulated SYSPRO knows of orders and callers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The company.
    pub company: String,
    /// Every order.
    pub orders: Vec<OrderState>,
    /// Dispatch notes that were posted.
    pub dispatch_notes: Vec<Value>,
    /// What happened to sessions.
    pub sessions: Counts,
    /// Sessions that are open.
    pub open_sessions: usize,
    /// Elements that SORTOI did not know and dropped, by name.
    pub dropped: BTreeMap<String, u64>,
    /// Documents that were rejected, with the reason.
    pub rejected: Vec<String>,
    /// Statuses of shipments that were written again just as they were, without need.
    #[serde(default)]
    pub write_backs_doubled: u64,
}

/// The counts that matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Orders in all.
    pub orders: usize,
    /// Orders that should ship.
    pub should_ship: usize,
    /// Orders that should be set aside.
    pub should_park: usize,
    /// Orders with tracking numbers.
    pub with_tracking: usize,
    /// Orders that are complete or ready to invoice.
    pub completed: usize,
    /// Orders of which SYSPRO knows that all was delivered.
    #[serde(default)]
    pub delivered: usize,
    /// Statuses of shipments that were written again just as they were, without need.
    #[serde(default)]
    pub write_backs_doubled: u64,
    /// Documents that were rejected.
    pub rejected: usize,
    /// What happened to sessions.
    pub sessions: Counts,
}

impl State {
    /// The counts that matter.
    pub fn summary(&self) -> Summary {
        let count =
            |test: &dyn Fn(&OrderState) -> bool| self.orders.iter().filter(|order| test(order)).count();
        Summary {
            orders: self.orders.len(),
            should_ship: count(&|order| order.expectation == Expectation::Ships),
            should_park: count(&|order| matches!(order.expectation, Expectation::Parked(_))),
            with_tracking: count(&|order| !order.tracking.is_empty()),
            completed: count(&|order| ["8", "9"].contains(&order.status.as_str())),
            delivered: count(&|order| order.delivered),
            write_backs_doubled: self.write_backs_doubled,
            rejected: self.rejected.len(),
            sessions: self.sessions.clone(),
        }
    }
}

/// An order in the books.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// Its row of SorMaster, without the row version.
    pub(super) fields: Map<String, Value>,
    pub(super) lines: Vec<Map<String, Value>>,
    /// Its row of `CusSorMaster+`.
    pub(super) custom: BTreeMap<String, String>,
    pub(super) expectation: Expectation,
    /// Moves with every change of the row.
    pub(super) version: u64,
    pub(super) writes: u32,
    pub(super) repeated: u32,
}

/// The books.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) orders: BTreeMap<String, Order>,
    pub(super) items: BTreeMap<String, Map<String, Value>>,
    pub(super) customers: BTreeMap<String, Map<String, Value>>,
    pub(super) dispatch_notes: Vec<Map<String, Value>>,
    pub(super) dropped: BTreeMap<String, u64>,
    pub(super) rejected: Vec<String>,
    pub(super) write_backs: WriteBacks,
    version: u64,
}

/// A day as OData writes it.
pub(super) fn day_text(day: Date) -> String {
    format!("{day}T00:00:00Z")
}

/// A key as the database has it: all digits are filled up with zeros.
pub(super) fn padded(key: &str) -> String {
    let key = key.trim();
    if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("{:0>15}", key.trim_start_matches('0'))
    } else {
        key.to_owned()
    }
}

impl Books {
    pub(super) fn new() -> Self {
        Self {
            orders: BTreeMap::new(),
            items: BTreeMap::new(),
            customers: BTreeMap::new(),
            dispatch_notes: Vec::new(),
            dropped: BTreeMap::new(),
            rejected: Vec::new(),
            write_backs: WriteBacks::default(),
            version: 2_000,
        }
    }

    pub(super) fn add(&mut self, number: &str, fields: Map<String, Value>, lines: Vec<Map<String, Value>>) {
        self.version += 1;
        let expectation = self.judge(&fields, &lines);
        let (custom, version) = (BTreeMap::new(), self.version);
        let order = Order { fields, lines, custom, expectation, version, writes: 0, repeated: 0 };
        self.orders.insert(number.to_owned(), order);
    }

    /// The order with this number, however it is filled up.
    pub(super) fn order(&self, number: &str) -> Option<&Order> {
        self.orders.get(&padded(number))
    }

    /// Changes columns of an order, which moves its row version; says whether anything changed.
    pub(super) fn change(&mut self, number: &str, set: &Map<String, Value>) -> bool {
        self.version += 1;
        let version = self.version;
        let Some(order) = self.orders.get_mut(&padded(number)) else { return false };
        let changed = set.iter().any(|(name, value)| order.fields.get(name) != Some(value));
        if changed {
            order.fields.extend(set.clone());
            order.version = version;
        }
        changed
    }

    /// Judges an order anew, as after a person changed it.
    pub(super) fn judge_again(&mut self, number: &str) {
        let Some(order) = self.order(number) else { return };
        if !tracking(order).is_empty() {
            return;
        }
        let expectation = self.judge(&order.fields, &order.lines);
        if let Some(order) = self.orders.get_mut(&padded(number)) {
            order.expectation = expectation;
        }
    }

    /// What should become of an order, in the words in which every ERP's orders are judged.
    fn judge(&self, fields: &Map<String, Value>, lines: &[Map<String, Value>]) -> Expectation {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let ship_via = SHIP_VIA.iter().find(|(code, _)| *code == text("ShippingInstrsCod"));
        let order = json!({
            "OrderType": "S",
            "OrderStatus": if text("OrderStatus") == "4" { "O" } else { "C" },
            "ShipVia": ship_via.map_or("", |(_, words)| words),
            "ShipToAddress1": text("ShipAddress1"),
            "ShipToAddress2": text("ShipAddress2"),
            "ShipToCity": text("ShipAddress3"),
            "ShipToState": text("ShipAddress4"),
            "ShipToZipCode": text("ShipPostalCode"),
            "ShipToCountryCode": text("ShipAddress5"),
        });
        let line = |line: &Map<String, Value>| {
            let code = line.get("MStockCode").and_then(Value::as_str).unwrap_or_default();
            let mass = self.items.get(code).map_or(Value::Null, |item| item["Mass"].clone());
            json!({ "QuantityOrdered": line.get("MShipQty"), "UnitWeight": mass })
        };
        let merchandise: Vec<Value> =
            lines.iter().filter(|line| line.get("LineType") == Some(&json!("1"))).map(line).collect();
        order.as_object().map_or(Expectation::NotSelected, |order| expectation::of(order, &merchandise, "US"))
    }

    /// The orders in words that are the same for every ERP.
    pub(super) fn due(&self) -> Vec<Due> {
        let due = |(number, order): (&String, &Order)| {
            let date = order.fields["OrderDate"].as_str().unwrap_or_default();
            Due {
                number: number.clone(),
                key: format!("{number}-{}", date.get(..10).unwrap_or_default()),
                expectation: order.expectation,
                tracking: tracking(order),
                content: BTreeMap::new(),
                status: order.shipment().to_owned(),
                delivered: order.shipment() == DELIVERED,
            }
        };
        self.orders.iter().map(due).collect()
    }

    pub(super) fn states(&self) -> Vec<OrderState> {
        let state = |(number, order): (&String, &Order)| OrderState {
            number: number.clone(),
            order_date: order.fields["OrderDate"].as_str().unwrap_or_default().to_owned(),
            status: order.fields["OrderStatus"].as_str().unwrap_or_default().to_owned(),
            expectation: order.expectation,
            tracking: tracking(order),
            custom: order.custom.clone(),
            shipment: order.shipment().to_owned(),
            delivered: order.shipment() == DELIVERED,
            status_writes: self.write_backs.of(number).changes,
            writes: order.writes,
            repeated: order.repeated,
            record: Value::Object(order.row()),
        };
        self.orders.iter().map(state).collect()
    }
}

impl Order {
    /// Its row of SorMaster as OData gives it: the row version is binary.
    pub(super) fn row(&self) -> Map<String, Value> {
        let mut row = self.fields.clone();
        row.insert("TimeStamp".into(), json!(STANDARD.encode(self.version.to_be_bytes())));
        row
    }

    /// The shipment's status, as the custom form shows it.
    fn shipment(&self) -> &str {
        self.custom.get(STATUS_FIELD).map(String::as_str).unwrap_or_default()
    }

    /// A column as text.
    pub(super) fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The tracking numbers that a person at SYSPRO finds at an order: in the custom form, else in the special instructions.
fn tracking(order: &Order) -> Vec<String> {
    let form = order.custom.get("TrackingNo").map(String::as_str).unwrap_or_default();
    let text = if form.is_empty() { order.text("SpecialInstrs") } else { form };
    text.split([' ', ',']).filter(|part| part.starts_with("1Z")).map(str::to_owned).collect()
}
