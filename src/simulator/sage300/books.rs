//! The company's books: the records of every resource, and what should become of each order.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::model::{self, CUSTOMERS, ITEMS, ORDERS, QUANTITIES, Resource, TRACKING};
use super::state::{OrderState, State, Tracking};
use crate::simulator::due::Due;
use crate::simulator::expectation::{Expectation, Reason};
use crate::simulator::write_backs::WriteBacks;

/// A value of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Number(i64),
    Text(String),
}

impl Part {
    fn of(value: &Value) -> Self {
        match value {
            Value::Number(number) => Self::Number(number.as_i64().unwrap_or_default()),
            other => Self::Text(other.as_str().unwrap_or_default().to_owned()),
        }
    }

    /// A key of one text.
    pub(super) fn text(text: &str) -> Vec<Self> {
        vec![Self::Text(text.to_owned())]
    }
}

/// A record, with its properties in the model's order.
pub(super) type Record = Map<String, Value>;
type Table = BTreeMap<Vec<Part>, Record>;

/// The books.
#[derive(Debug)]
pub(super) struct Books {
    company: String,
    tables: BTreeMap<&'static str, Table>,
    expectations: BTreeMap<i64, Expectation>,
    pub(super) repeated_shipments: u64,
    pub(super) write_backs: WriteBacks,
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) cold_starts: u64,
    pub(super) last_call: Option<Timestamp>,
    last_shipment: u32,
    last_invoice: u32,
}

impl Books {
    pub(super) fn new(company: &str) -> Self {
        Self {
            company: company.to_owned(),
            tables: model::RESOURCES.iter().map(|resource| (resource.name, Table::new())).collect(),
            expectations: BTreeMap::new(),
            repeated_shipments: 0,
            write_backs: WriteBacks::default(),
            refused: BTreeMap::new(),
            cold_starts: 0,
            last_call: None,
            last_shipment: 0,
            last_invoice: 0,
        }
    }

    /// The records of a resource, in the order of their keys.
    pub(super) fn records(&self, name: &str) -> impl Iterator<Item = &Record> {
        self.tables.get(name).into_iter().flat_map(BTreeMap::values)
    }

    pub(super) fn count(&self, name: &str) -> usize {
        self.tables.get(name).map_or(0, BTreeMap::len)
    }

    pub(super) fn record(&self, name: &str, key: &[Part]) -> Option<&Record> {
        self.tables.get(name)?.get(key)
    }

    pub(super) fn record_mut(&mut self, name: &'static str, key: &[Part]) -> Option<&mut Record> {
        self.tables.get_mut(name)?.get_mut(key)
    }

    pub(super) fn remove(&mut self, name: &'static str, key: &[Part]) -> Option<Record> {
        self.tables.get_mut(name)?.remove(key)
    }

    /// Puts a record in, in place of one with the same key.
    pub(super) fn put(&mut self, resource: &Resource, record: Record) {
        let key =
            resource.keys.iter().map(|key| Part::of(record.get(*key).unwrap_or(&Value::Null))).collect();
        self.tables.entry(resource.name).or_default().insert(key, record);
    }

    /// The order of that number.
    pub(super) fn order(&self, number: &str) -> Option<&Record> {
        self.records(ORDERS).find(|order| order.get("OrderNumber").and_then(Value::as_str) == Some(number))
    }

    pub(super) fn order_mut(&mut self, number: &str) -> Option<&mut Record> {
        let key = uniquifier(self.order(number)?);
        self.record_mut(ORDERS, &[Part::Number(key)])
    }

    pub(super) fn next_uniquifier(&self) -> i64 {
        let last =
            self.tables.get(ORDERS).and_then(|orders| orders.keys().next_back()).and_then(|key| key.first());
        match last {
            // Drafts and quotes take numbers too, so there are gaps.
            Some(Part::Number(last)) => last + 2,
            _ => 10_021_600,
        }
    }

    pub(super) fn next_shipment(&mut self) -> String {
        self.last_shipment += 1;
        format!("SH{:06}", self.last_shipment)
    }

    pub(super) fn next_invoice(&mut self) -> (u32, String) {
        self.last_invoice += 1;
        (self.last_invoice, format!("IN{:06}", self.last_invoice))
    }

    /// Changes an order as a person in Order Entry would. No stamp is kept that would show it.
    pub(super) fn edit(&mut self, number: &str, set: &Map<String, Value>) -> Result<(), String> {
        let order = self.order_mut(number).ok_or_else(|| format!("there is no order {number}"))?;
        let unknown = set.keys().find(|name| !order.contains_key(*name));
        if let Some(name) = unknown {
            return Err(format!("an order has no property {name}"));
        }
        for (name, value) in set {
            // What is given as text, on a command line, is read as what is there.
            let value = match (order.get(name), value.as_str()) {
                (Some(Value::Bool(_)), Some(text)) => json!(text == "true"),
                (Some(Value::Number(_)), Some(text)) => json!(text.parse::<f64>().unwrap_or_default()),
                _ => value.clone(),
            };
            order.insert(name.clone(), value);
        }
        let lines = order.get("OrderDetails").and_then(Value::as_array).map_or(0, Vec::len);
        order.insert("NumberOfLinesOnOrder".into(), json!(lines));
        self.judge(number);
        Ok(())
    }

    /// Judges what should become of an order as it is now. What has shipped stays as it was judged.
    pub(super) fn judge(&mut self, number: &str) {
        let Some(order) = self.order(number) else { return };
        let key = uniquifier(order);
        let shipped = self.shipments(number).next().is_some();
        if !shipped || !self.expectations.contains_key(&key) {
            let expectation = self.expected(order);
            self.expectations.insert(key, expectation);
        }
    }

    fn expected(&self, order: &Record) -> Expectation {
        let order = Value::Object(order.clone());
        let complete = text(&order, "OrderCompleted").starts_with("Complete");
        if text(&order, "OrderType") != "Active" || complete || text(&order, "ShipViaCode") == "PICKUP" {
            return Expectation::NotSelected;
        }
        if physical(&order).next().is_none() {
            return Expectation::NotSelected;
        }
        match self.ship_to(&order).street.is_empty() {
            true => Expectation::Parked(Reason::UnknownAddress),
            false => Expectation::Ships,
        }
    }

    /// Where an order goes: the customer's own address where the order names none.
    fn ship_to(&self, order: &Value) -> ShipTo {
        let customer = self
            .record(CUSTOMERS, &Part::text(text(order, "CustomerNumber")))
            .map(|customer| Value::Object(customer.clone()))
            .unwrap_or_default();
        let own = !text(order, "ShipToAddressLine1").is_empty();
        let field = |order_field: &str, customer_field: &str| {
            if own { text(order, order_field) } else { text(&customer, customer_field) }.to_owned()
        };
        let name = match text(order, "ShipToName") {
            "" => text(&customer, "CustomerName"),
            name => name,
        };
        ShipTo {
            name: name.to_owned(),
            street: field("ShipToAddressLine1", "AddressLine1"),
            city: field("ShipToCity", "City"),
            state: field("ShipToStateProvince", "StateProvince"),
            postal_code: field("ShipToZipPostalCode", "ZipPostalCode"),
        }
    }

    /// The shipments of an order, voided ones too.
    fn shipments(&self, number: &str) -> impl Iterator<Item = Tracking> {
        let of = |record: &Record, name: &str| {
            record.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let day = |record: &Record, name: &str| {
            record.get(name).and_then(Value::as_str).map(|date| date.chars().take(10).collect::<String>())
        };
        self.records(TRACKING).filter(move |record| of(record, "OrderNumber") == number).map(move |record| {
            Tracking {
                number: of(record, "TrackingNumber"),
                status: of(record, "Status"),
                ship_date: day(record, "ShipDate"),
                delivery: of(record, "DeliveryStatus"),
                estimated: day(record, "EstimatedDelivery"),
                delivered: day(record, "DeliveredOn"),
                exception: record.get("HasException") == Some(&json!(true)),
                carrier: of(record, "Carrier"),
                shipment: of(record, "ShipmentNumber"),
            }
        })
    }

    pub(super) fn state(&self) -> State {
        let order = |record: &Record| {
            let number = record.get("OrderNumber").and_then(Value::as_str).unwrap_or_default().to_owned();
            let uniquifier = uniquifier(record);
            OrderState {
                uniquifier,
                order_date: record
                    .get("OrderDate")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .chars()
                    .take(10)
                    .collect(),
                expectation: self.expectations.get(&uniquifier).copied().unwrap_or(Expectation::NotSelected),
                tracking: self.shipments(&number).collect(),
                record: Value::Object(record.clone()),
                number,
            }
        };
        State {
            company: self.company.clone(),
            orders: self.records(ORDERS).map(order).collect(),
            records: self.tables.iter().map(|(name, table)| ((*name).to_owned(), table.len())).collect(),
            repeated_shipments: self.repeated_shipments,
            write_backs_doubled: self.write_backs.doubled(),
            refused: self.refused.clone(),
            cold_starts: self.cold_starts,
        }
    }

    pub(super) fn due(&self) -> Vec<Due> {
        let due = |order: OrderState| {
            let to = self.ship_to(&order.record);
            let mut lines: Vec<String> = physical(&order.record)
                .map(|line| {
                    format!("{}x{}@{}", text(line, "Item"), line["QuantityOrdered"], text(line, "Location"))
                })
                .collect();
            lines.sort();
            let held = order.record["OnHold"].as_bool().unwrap_or_default();
            let content = [
                ("name", to.name),
                ("street", to.street),
                ("city", to.city),
                ("state", to.state),
                ("postal_code", to.postal_code),
                ("lines", lines.join("; ")),
                ("hold", held.to_string()),
            ];
            Due {
                key: order.number.clone(),
                expectation: order.expectation,
                tracking: order.shipped().map(|shipment| shipment.number.clone()).collect(),
                content: content.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                status: order.shipped().last().map(|shipment| shipment.delivery.clone()).unwrap_or_default(),
                delivered: order.is_delivered(),
                number: order.number,
            }
        };
        self.state().orders.into_iter().map(due).collect()
    }

    /// What lies where: the quantities on hand of items in stock, at locations that may hold them.
    pub(super) fn inventory(&self) -> BTreeMap<(String, String), i64> {
        let stocked = |number: &str| {
            self.record(ITEMS, &Part::text(number))
                .is_some_and(|item| item.get("StockItem") == Some(&json!(true)))
        };
        self.records(QUANTITIES)
            .map(|record| Value::Object(record.clone()))
            .filter(|record| record["Allowed"] == json!(true) && stocked(text(record, "ItemNumber")))
            .map(|record| {
                let at = (text(&record, "ItemNumber").to_owned(), text(&record, "Location").to_owned());
                (at, record["QuantityOnHand"].as_f64().unwrap_or_default() as i64)
            })
            .collect()
    }
}

#[derive(Debug)]
struct ShipTo {
    name: String,
    street: String,
    city: String,
    state: String,
    postal_code: String,
}

/// A text property of a record.
pub(super) fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record[name].as_str().unwrap_or_default()
}

/// An order's lines that are things.
pub(super) fn physical(order: &Value) -> impl Iterator<Item = &Value> {
    order["OrderDetails"].as_array().into_iter().flatten().filter(|line| {
        text(line, "LineType") == "Item"
            && line["QuantityOrdered"].as_f64().is_some_and(|quantity| quantity > 0.0)
    })
}

/// An order's key.
pub(super) fn uniquifier(order: &Record) -> i64 {
    order.get("OrderUniquifier").and_then(Value::as_i64).unwrap_or_default()
}

/// The day of an instant, as the API shows days.
pub(super) fn midnight(instant: Timestamp) -> Value {
    json!(format!("{}T00:00:00Z", instant.to_zoned(TimeZone::UTC).date()))
}
