//! Writing: a payload is put into the view property by property, in the order in which it stands.
//!
//! The order matters as it does in the view: putting a key begins a new record, so what stood before it is lost;
//! putting a customer fills in the addresses, putting an item fills in the line.

use serde_json::{Map, Value, json};

use super::Sage300;
use super::books::{Books, Part, Record, midnight, text, uniquifier};
use super::model::{
    self, CUSTOMERS, INVOICES, ITEMS, Kind, ORDERS, Property, Resource, SHIP_VIAS, TRACKING, resource,
};
use super::route::{Refusal, refuse};
use crate::simulator::exchange::Answer;

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
    ) -> Result<Answer, Refusal> {
        let record = books.record(resource.name, key).cloned().ok_or_else(Refusal::no_record)?;
        let record = if resource.name == TRACKING {
            self.change_shipment(books, key, payload)?
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

    fn change(
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

    /// A shipment by the partner's view: it makes the order's shipment in Order Entry, and keeps the tracking number.
    fn new_shipment(&self, books: &mut Books, mut shipment: Record) -> Result<Answer, Refusal> {
        let view = resource(TRACKING).ok_or_else(Refusal::no_resource)?;
        let key = key_of(view, &shipment)?;
        if books.record(TRACKING, &key).is_some() {
            books.repeated_shipments += 1;
            return Err(duplicate(view));
        }
        let number = shipment["OrderNumber"].as_str().unwrap_or_default().to_owned();
        if books.order(&number).is_none() {
            return Err(refuse(404, "RecordNotFound", format!("Order {number} cannot be found.")));
        }
        shipment.insert("ShipmentNumber".into(), json!(books.next_shipment()));
        if shipment["ShipDate"].is_null() {
            shipment.insert("ShipDate".into(), midnight(self.desk.clock.now()));
        }
        let at = shipment["ShipmentNumber"].clone();
        if let Some(order) = books.order_mut(&number) {
            ship(order, &Value::Object(shipment.clone()), 1.0);
            order.insert("LastShipmentNumber".into(), at);
            note(order, &shipment);
        }
        books.put(view, shipment.clone());
        Ok(Answer::json(201, &Value::Object(self.entity(view, &shipment))))
    }

    /// Voiding a shipment takes its quantities back; nothing else of it can be changed but what describes it.
    fn change_shipment(&self, books: &mut Books, key: &[Part], payload: &Value) -> Result<Record, Refusal> {
        let view = resource(TRACKING).ok_or_else(Refusal::no_resource)?;
        let old = books.record(TRACKING, key).cloned().ok_or_else(Refusal::no_record)?;
        let sent = object(payload)?;
        if sent.contains_key("ShipmentDetails") {
            return Err(refuse(
                400,
                "RecordInvalid",
                "The quantities of a shipment cannot be changed; void it.",
            ));
        }
        let record = self.change(books, view, key, old.clone(), payload)?;
        if old["Status"] != record["Status"] {
            let sign = if record["Status"] == "Voided" { -1.0 } else { 1.0 };
            let number = record["OrderNumber"].as_str().unwrap_or_default().to_owned();
            if let Some(order) = books.order_mut(&number) {
                ship(order, &Value::Object(record.clone()), sign);
            }
        }
        Ok(record)
    }

    /// Day-end processing: shipments that are not invoiced become invoices.
    pub(super) fn day_end(&self, books: &mut Books) -> usize {
        let Some(invoices) = resource(INVOICES) else { return 0 };
        let waiting: Vec<Record> = books
            .records(ORDERS)
            .filter(|order| order["LastShipmentNumber"] != "" && order["LastInvoiceNumber"] == "")
            .cloned()
            .collect();
        for order in &waiting {
            let (key, number) = books.next_invoice();
            let mut invoice = invoices.template();
            let mut set = |name: &str, value: Value| invoice.insert(name.to_owned(), value);
            set("InvoiceUniquifier", json!(key));
            set("InvoiceNumber", json!(number));
            // Invoices bear the order's posting date, so their dates go up and down with their numbers.
            set("InvoiceDate", order["PostingDate"].clone());
            set("CustomerNumber", order["CustomerNumber"].clone());
            set("OrderNumber", order["OrderNumber"].clone());
            set("ShipmentNumber", order["LastShipmentNumber"].clone());
            set("InvoiceTotal", order["OrderTotal"].clone());
            books.put(invoices, invoice);
            if let Some(order) = books.record_mut(ORDERS, &[Part::Number(uniquifier(order))]) {
                order.insert("LastInvoiceNumber".into(), json!(number));
            }
        }
        waiting.len()
    }
}

/// Adds a shipment's quantities to the order's lines, or takes them away. A shipment without details is of all that is open.
fn ship(order: &mut Record, shipment: &Value, sign: f64) {
    let details = shipment["ShipmentDetails"].as_array().cloned().unwrap_or_default();
    if let Some(Value::Array(lines)) = order.get_mut("OrderDetails") {
        for line in lines {
            let number = |value: &Value| value.as_f64().unwrap_or_default();
            let (ordered, before) = (number(&line["QuantityOrdered"]), number(&line["QuantityShipped"]));
            let own = details.iter().filter(|detail| match number(&detail["LineNumber"]) {
                0.0 => detail["Item"] == line["Item"],
                named => named == number(&line["LineNumber"]),
            });
            let quantity = if details.is_empty() {
                if sign > 0.0 { ordered - before } else { before }
            } else {
                own.map(|detail| number(&detail["QuantityShipped"])).sum()
            };
            line["QuantityShipped"] = json!((before + sign * quantity).clamp(0.0, ordered));
        }
    }
    settle(order);
}

/// An order is complete when all of it has shipped.
fn settle(order: &mut Record) {
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let lines = order.get("OrderDetails").and_then(Value::as_array);
    let open = lines.into_iter().flatten().any(|line| {
        text(line, "LineType") == "Item"
            && number(&line["QuantityShipped"]) < number(&line["QuantityOrdered"])
    });
    let word = if open { "IncompleteNotIncluded" } else { "CompleteNotIncluded" };
    order.insert("OrderCompleted".into(), json!(word));
}

/// The newest shipment is noted in the order's optional fields too, where Order Entry shows it.
fn note(order: &mut Record, shipment: &Record) {
    let date: String =
        shipment["ShipDate"].as_str().unwrap_or_default().chars().take(10).filter(|c| *c != '-').collect();
    let fields = [("TRACKING", shipment["TrackingNumber"].as_str().unwrap_or_default()), ("SHIPDATE", &date)];
    let Some(Value::Array(held)) = order.get_mut("OrderOptionalFields") else { return };
    for (name, value) in fields {
        held.retain(|field| field["OptionalField"] != name);
        held.push(json!({ "OptionalField": name, "Value": value, "OrderOptionalFieldType": "Text" }));
    }
}

fn object(payload: &Value) -> Result<&Map<String, Value>, Refusal> {
    payload.as_object().ok_or_else(|| refuse(400, "InvalidPayload", "The payload is not a valid entity."))
}

fn duplicate(resource: &Resource) -> Refusal {
    refuse(409, "RecordDuplicate", format!("A record with this key is already in {}.", resource.name))
}

fn key_of(resource: &Resource, record: &Record) -> Result<Vec<Part>, Refusal> {
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
