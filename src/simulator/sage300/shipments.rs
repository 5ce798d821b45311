//! The partner's view of shipments, and day-end processing: how what was shipped reaches Order Entry.

use serde_json::{Value, json};

use super::Sage300;
use super::books::{Books, Part, Record, midnight, text, uniquifier};
use super::model::{INVOICES, ORDERS, TRACKING, resource};
use super::route::{Refusal, refuse};
use super::write::{duplicate, key_of, object};
use crate::simulator::exchange::Answer;
use crate::simulator::faults::Strike;

impl Sage300 {
    /// A shipment by the partner's view: it makes the order's shipment in Order Entry, and keeps the tracking number.
    pub(super) fn new_shipment(&self, books: &mut Books, mut shipment: Record) -> Result<Answer, Refusal> {
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
        if shipment["ShipDate"].is_null() {
            shipment.insert("ShipDate".into(), midnight(self.desk.clock.now()));
        }
        // One that is voided already is kept, and ships nothing.
        if shipment["Status"] != "Voided" {
            shipment.insert("ShipmentNumber".into(), json!(books.next_shipment()));
            if let Some(order) = books.order_mut(&number) {
                ship(order, &Value::Object(shipment.clone()), 1.0);
                order.insert("LastShipmentNumber".into(), shipment["ShipmentNumber"].clone());
                note(order, &shipment);
            }
        }
        books.put(view, shipment.clone());
        Ok(Answer::json(201, &Value::Object(self.entity(view, &shipment))))
    }

    /// Voiding a shipment takes its quantities back; nothing else of it can be changed but what describes it, and where it is.
    pub(super) fn change_shipment(
        &self,
        books: &mut Books,
        key: &[Part],
        payload: &Value,
        strike: Option<&Strike>,
    ) -> Result<Record, Refusal> {
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
        let of = |name: &str| record[name].as_str().unwrap_or_default();
        let name = format!("{}/{}", of("OrderNumber"), of("TrackingNumber"));
        books.write_backs.note(&name, old != record, strike);
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
pub(super) fn settle(order: &mut Record) {
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
