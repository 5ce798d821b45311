//! Writing: a payload is put into the view property by property, in the order in which it stands.
//!
//! The order matters as it does in the view: putting a key begins a new record, so what stood before it is lost;
//! putting a customer fills in the addresses, putting an item fills in the line.

use serde_json::{Map, Value, json};

use super::Sage300;
use super::books::{Books, Part, Record, midnight};
use super::model::{self, CUSTOMERS, ITEMS, Kind, ORDERS, Property, Resource, SHIP_VIAS, TRACKING, resource};
use super::route::{Refusal, refuse};
use super::shipments::settle;
use crate::simulator::exchange::Answer;
use crate::simulator::faults::Strike;

/// What a caller sends in place of a key that Sage shall make.
const NEW: &str = "*** NEW ***";

impl Sage300 {
    /// `POST`: a new record; the answer is the record with the keys that Sage made.
    pub(super) fn insert(
        &self,
        books: &mut Books,
        resource: &Resource,
        payload: &Value,
    ) -> Result<Answer, Refusal> {
        let payload = object(payload)?;
        let mut record = resource.template();
        put(books, resource.properties, resource.keys, &mut record, payload)?;
        match resource.name {
            ORDERS => return self.new_order(books, record),
            TRACKING => return self.new_shipment(books, record),
            _ => {}
        }
        let key = key_of(resource, &record)?;
        if books.record(resource.name, &key).is_some() {
            return Err(duplicate(resource));
        }
        self.maintained(&mut record);
        books.put(resource, record.clone());
        Ok(Answer::json(201, &Value::Object(self.entity(resource, &record))))
    }

    /// `PUT`: replaces a record; what is not sent goes back to its default. Without an answer's body.
    pub(super) fn replace(
        &self,
        books: &mut Books,
        resource: &'static Resource,
        key: &[Part],
        payload: &Value,
    ) -> Result<Answer, Refusal> {
        let old = books.record(resource.name, key).ok_or_else(Refusal::no_record)?;
        let mut record = resource.template();
        for name in resource.keys {
            record.insert((*name).to_owned(), old.get(*name).cloned().unwrap_or_default());
        }
        self.change(books, resource, key, record, payload)?;
        Ok(Answer::empty(204))
    }

    /// `PATCH`: changes what is sent.
    pub(super) fn update(
        &self,
        books: &mut Books,
        resource: &'static Resource,
        key: &[Part],
        payload: &Value,
        strike: Option<&Strike>,
    ) -> Result<Answer, Refusal> {
        let record = books.record(resource.name, key).cloned().ok_or_else(Refusal::no_record)?;
        let record = if resource.name == TRACKING {
            self.change_shipment(books, key, payload, strike)?
        } else {
            self.change(books, resource, key, record, payload)?
        };
        Ok(Answer::json(200, &Value::Object(self.entity(resource, &record))))
    }

    /// `DELETE`.
    pub(super) fn delete(
        &self,
        books: &mut Books,
        resource: &Resource,
        key: &[Part],
    ) -> Result<Answer, Refusal> {
        books.remove(resource.name, key).map(|_| Answer::empty(204)).ok_or_else(Refusal::no_record)
    }

    pub(super) fn change(
        &self,
        books: &mut Books,
        resource: &'static Resource,
        key: &[Part],
        mut record: Record,
        payload: &Value,
    ) -> Result<Record, Refusal> {
        let mut payload = object(payload)?.clone();
        let moved = resource
            .keys
            .iter()
            .any(|name| payload.get(*name).is_some_and(|value| Some(value) != record.get(*name)));
        if moved {
            return Err(refuse(400, "InvalidPayload", "The key of a record cannot be changed."));
        }
        payload.retain(|name, _| !resource.keys.contains(&name.as_str()));
        put(books, resource.properties, &[], &mut record, &payload)?;
        self.maintained(&mut record);
        if let Some(place) = books.record_mut(resource.name, key) {
            *place = record.clone();
        }
        Ok(record)
    }

    fn maintained(&self, record: &mut Record) {
        if record.contains_key("DateLastMaintained") {
            record.insert("DateLastMaintained".into(), midnight(self.desk.clock.now()));
        }
    }

    fn new_order(&self, books: &mut Books, mut order: Record) -> Result<Answer, Refusal> {
        let key = books.next_uniquifier();
        let numbered = order.get("OrderNumber").and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = if numbered.is_empty() || numbered == NEW {
            format!("ORD{:06}", key % 1_000_000)
        } else {
            numbered
        };
        if books.order(&number).is_some() {
            return Err(refuse(409, "RecordDuplicate", format!("Order number {number} already exists.")));
        }
        let customer = order.get("CustomerNumber").and_then(Value::as_str).unwrap_or_default();
        if books.record(CUSTOMERS, &Part::text(customer)).is_none() {
            return Err(refuse(400, "RecordInvalid", format!("Customer number {customer} does not exist.")));
        }
        order.insert("OrderUniquifier".into(), json!(key));
        order.insert("OrderNumber".into(), json!(number));
        let today = midnight(self.desk.clock.now());
        for name in ["OrderDate", "PostingDate", "ExpectedShipDate"] {
            if order.get(name).is_none_or(Value::is_null) {
                order.insert(name.to_owned(), today.clone());
            }
        }
        let mut shipped = false;
        if let Some(Value::Array(lines)) = order.get_mut("OrderDetails") {
            for (index, line) in lines.iter_mut().enumerate() {
                line["OrderUniquifier"] = json!(key);
                line["LineNumber"] = json!((index + 1) * 32);
                shipped |= line["QuantityShipped"].as_f64().is_some_and(|quantity| quantity > 0.0);
            }
        }
        let lines = order.get("OrderDetails").and_then(Value::as_array).map_or(0, Vec::len);
        order.insert("NumberOfLinesOnOrder".into(), json!(lines));
        if shipped {
            // A quantity shipped in the order itself makes its shipment at once.
            order.insert("LastShipmentNumber".into(), json!(books.next_shipment()));
            settle(&mut order);
        }
        if let Some(orders) = resource(ORDERS) {
            books.put(orders, order.clone());
            books.judge(&number);
            return Ok(Answer::json(201, &Value::Object(self.entity(orders, &order))));
        }
        Err(refuse(500, "InternalServerError", "There is no Order Entry."))
    }
}

pub(super) fn object(payload: &Value) -> Result<&Map<String, Value>, Refusal> {
    payload.as_object().ok_or_else(|| refuse(400, "InvalidPayload", "The payload is not a valid entity."))
}

pub(super) fn duplicate(resource: &Resource) -> Refusal {
    refuse(409, "RecordDuplicate", format!("A record with this key is already in {}.", resource.name))
}

pub(super) fn key_of(resource: &Resource, record: &Record) -> Result<Vec<Part>, Refusal> {
    let part = |name: &&str| match record.get(*name).and_then(Value::as_str) {
        Some("") | None => Err(refuse(400, "RecordInvalid", format!("{name} cannot be blank."))),
        Some(text) => Ok(Part::Text(text.to_owned())),
    };
    resource.keys.iter().map(part).collect()
}

/// Puts a payload's properties into a record, one after another.
fn put(
    books: &Books,
    properties: &'static [Property],
    keys: &[&str],
    record: &mut Record,
    payload: &Map<String, Value>,
) -> Result<(), Refusal> {
    let mut begun: Vec<&str> = Vec::new();
    for (name, value) in payload.iter().filter(|(name, _)| !name.starts_with('@')) {
        let Some(property) = model::property(properties, name) else {
            return Err(refuse(400, "InvalidPayload", format!("The property '{name}' does not exist.")));
        };
        let value = read(books, property, value)?;
        if keys.contains(&property.name) {
            // The view begins a new record: of what was put before, only other keys stay.
            let kept: Vec<(String, Value)> = record
                .iter()
                .filter(|(name, _)| begun.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            *record = model::template(properties);
            record.extend(kept);
            begun.push(property.name);
        }
        record.insert(property.name.to_owned(), value);
        fill_in(books, property.name, record)?;
    }
    Ok(())
}

/// What the view fills in when a property is put.
fn fill_in(books: &Books, name: &str, record: &mut Record) -> Result<(), Refusal> {
    let found = |table: &str, key: &Value| {
        books.record(table, &Part::text(key.as_str().unwrap_or_default())).cloned()
    };
    match name {
        "CustomerNumber" if record.contains_key("ShipToName") => {
            let Some(customer) = found(CUSTOMERS, &record["CustomerNumber"]) else { return Ok(()) };
            for kind in ["BillTo", "ShipTo"] {
                record.insert(format!("{kind}Name"), customer["CustomerName"].clone());
                for field in [
                    "AddressLine1",
                    "AddressLine2",
                    "City",
                    "StateProvince",
                    "ZipPostalCode",
                    "Country",
                    "PhoneNumber",
                ] {
                    record.insert(format!("{kind}{field}"), customer[field].clone());
                }
            }
            record.insert("ShipViaCode".into(), customer["ShipViaCode"].clone());
        }
        "ShipViaCode" if record.contains_key("ShipViaDescription") => {
            let via = found(SHIP_VIAS, &record["ShipViaCode"]);
            let description = via.map(|via| via["Name"].clone()).unwrap_or_else(|| json!(""));
            record.insert("ShipViaDescription".into(), description);
        }
        "Item" if record.contains_key("OrderUnitPrice") => {
            let Some(item) = found(ITEMS, &record["Item"]) else {
                let message = format!("Item {} does not exist.", record["Item"]);
                return Err(refuse(400, "RecordInvalid", message));
            };
            record.insert("Description".into(), item["Description"].clone());
            record.insert("StockItem".into(), item["StockItem"].clone());
            record.insert("OrderUnitOfMeasure".into(), item["StockingUnitOfMeasure"].clone());
            record.insert("OrderUnitConversion".into(), json!(1));
            // A new item begins the line anew.
            record.insert("QuantityOrdered".into(), json!(0));
        }
        _ => {}
    }
    Ok(())
}

/// A value as its property takes it.
fn read(books: &Books, property: &Property, value: &Value) -> Result<Value, Refusal> {
    let wrong = || {
        let message = format!("The value of '{}' is not of its type.", property.name);
        refuse(400, "InvalidPayload", message)
    };
    Ok(match (property.kind, value) {
        (Kind::Text(most), Value::String(text)) => {
            if text.chars().count() > most {
                let message = format!("'{}' holds at most {most} characters.", property.name);
                return Err(refuse(400, "RecordInvalid", message));
            }
            value.clone()
        }
        (Kind::Number, Value::Number(_)) | (Kind::Flag, Value::Bool(_)) | (Kind::Day, Value::Null) => {
            value.clone()
        }
        (Kind::Choice(words), Value::String(word)) if words.contains(&word.as_str()) => value.clone(),
        (Kind::Day, Value::String(text)) => midnight(text.parse().map_err(|_| wrong())?),
        (Kind::Details(properties), Value::Array(items)) => {
            let mut details = Vec::new();
            for item in items {
                let mut detail = model::template(properties);
                put(books, properties, &[], &mut detail, item.as_object().ok_or_else(wrong)?)?;
                details.push(Value::Object(detail));
            }
            Value::Array(details)
        }
        _ => return Err(wrong()),
    })
}
