//! Writing orders in V1: the upsert, alone and by the hundred, and what else changes one.

use serde_json::{Map, Value, json};

use super::message;
use crate::simulator::exchange::Answer;
use crate::simulator::shipstation::books::{Books, Refusal};
use crate::simulator::shipstation::parcels::Leaving;
use crate::simulator::shipstation::{ShipStation, convert, pacific, reference};
use crate::simulator::system::lock;

/// The statuses that an order can be written in.
const STATUSES: &[&str] = &[
    "awaiting_payment",
    "awaiting_shipment",
    "pending_fulfillment",
    "shipped",
    "on_hold",
    "cancelled",
    "rejected_fulfillment",
];

impl ShipStation {
    pub(in crate::simulator::shipstation) fn create_order(&self, body: &Value) -> Answer {
        let mut books = lock(&self.books);
        books.begin_import();
        match self.write(&mut books, body) {
            Ok(index) => Answer::json(200, &convert::to_v1(&books.state.orders[index])),
            Err(Refusal::Locked(text)) => message(400, &text),
            Err(Refusal::Missing) => message(404, "The requested order was not found."),
            Err(Refusal::Field(field, text)) => {
                let state = Map::from_iter([(format!("apiOrder.{field}"), json!([text]))]);
                Answer::json(400, &json!({ "Message": "The request is invalid.", "ModelState": state }))
            }
        }
    }

    /// Each order has its own outcome, inside a 200.
    pub(in crate::simulator::shipstation) fn create_orders(&self, body: &Value) -> Answer {
        let mut books = lock(&self.books);
        books.begin_import();
        let results: Vec<Value> = body
            .as_array()
            .into_iter()
            .flatten()
            .map(|order| {
                let (found, error) = match self.write(&mut books, order) {
                    Ok(index) => (Some(&books.state.orders[index]), None),
                    Err(Refusal::Locked(text)) => (None, Some(text)),
                    Err(Refusal::Missing) => (None, Some("The requested order was not found.".to_owned())),
                    Err(Refusal::Field(_, text)) => (None, Some(text)),
                };
                json!({
                    "orderId": found.map(|order| order.id),
                    "orderNumber": order["orderNumber"],
                    "orderKey": found.map_or_else(|| order["orderKey"].clone(), |order| json!(order.key)),
                    "success": error.is_none(),
                    "errorMessage": error,
                })
            })
            .collect();
        let errors = results.iter().any(|result| result["success"] == json!(false));
        Answer::json(200, &json!({ "hasErrors": errors, "results": results }))
    }

    fn write(&self, books: &mut Books, order: &Value) -> Result<usize, Refusal> {
        let order = order.as_object().cloned().unwrap_or_default();
        check(&order)?;
        books.upsert(order, &self.options, self.desk.clock.now())
    }

    /// Marks an order as shipped without a label: a fulfillment. Nothing tells that the same was marked before, so marking
    /// twice is two fulfillments.
    pub(in crate::simulator::shipstation) fn mark(&self, body: &Value) -> Answer {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let id = body["orderId"].as_u64();
        let Some(index) = books.state.orders.iter().position(|order| Some(order.id) == id && !order.deleted)
        else {
            return message(404, "The requested order was not found.");
        };
        if books.state.orders[index].status == "cancelled" {
            return message(400, "A cancelled order can not be marked as shipped.");
        }
        let date =
            body["shipDate"].as_str().and_then(pacific::read).unwrap_or_else(|| pacific::shown(now)).date();
        let number = body["trackingNumber"].as_str().unwrap_or_default().to_owned();
        let carrier = body["carrierCode"].as_str().unwrap_or_default().to_owned();
        let (_, service) = reference::service_for(&convert::to_v1(&books.state.orders[index]));
        let leaving = Leaving { number, by: (carrier, service), ship_date: date, ..Leaving::default() };
        books.add_parcel(index, leaving, now);
        let order = &books.state.orders[index];
        Answer::json(200, &json!({ "orderId": order.id, "orderNumber": order.number }))
    }

    pub(in crate::simulator::shipstation) fn hold(&self, body: &Value, hold: bool) -> Answer {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let Some(order) = body["orderId"].as_u64().and_then(|id| books.by_id(id)) else {
            return message(404, "The requested order was not found.");
        };
        let (from, to) =
            if hold { ("awaiting_shipment", "on_hold") } else { ("on_hold", "awaiting_shipment") };
        if order.status != from {
            return Answer::json(
                200,
                &json!({ "success": false, "message": format!("The order is not {from}.") }),
            );
        }
        (order.status, order.modified_at) = (to.to_owned(), now);
        if hold {
            order.content.body.insert("holdUntilDate".into(), body["holdUntilDate"].clone());
        }
        let text = if hold { "held until the given date" } else { "released from hold" };
        Answer::json(
            200,
            &json!({ "success": true, "message": format!("The requested order has been {text}.") }),
        )
    }

    /// A soft delete: the order is shown to nobody any more.
    pub(in crate::simulator::shipstation) fn delete_order(&self, id: &str) -> Answer {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        match id.parse().ok().and_then(|id| books.by_id(id)) {
            Some(order) => {
                (order.deleted, order.modified_at) = (true, now);
                Answer::json(
                    200,
                    &json!({ "success": true, "message": "The requested order has been deleted." }),
                )
            }
            None => message(404, "The requested order was not found."),
        }
    }

    pub(in crate::simulator::shipstation) fn void_label(&self, body: &Value, refused: bool) -> Answer {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let id = body["shipmentId"].as_u64();
        let place = books.state.orders.iter().enumerate().find_map(|(index, order)| {
            let parcel = order.parcels.iter().find(|parcel| parcel.label && Some(parcel.id) == id)?;
            Some((index, parcel.tracking_number.clone(), parcel.voided_at.is_some()))
        });
        let Some((index, number, voided)) = place else {
            return message(404, "The requested shipment was not found.");
        };
        if refused || voided {
            return Answer::json(
                200,
                &json!({ "approved": false, "message": "The label could not be voided." }),
            );
        }
        books.void(index, Some(&number), now);
        Answer::json(200, &json!({ "approved": true, "message": "Label voided successfully" }))
    }
}

/// What the contract leaves to prose: known statuses, readable dates, items with names.
fn check(order: &Map<String, Value>) -> Result<(), Refusal> {
    let text = |name: &str| order.get(name).and_then(Value::as_str);
    for (name, field) in [
        ("orderNumber", "The orderNumber field is required."),
        ("orderDate", "The orderDate field is required."),
        ("orderStatus", "The orderStatus field is required."),
    ] {
        if text(name).is_none_or(|text| text.trim().is_empty()) {
            return Err(Refusal::Field(name, field.to_owned()));
        }
    }
    for name in ["billTo", "shipTo"] {
        if !order.get(name).is_some_and(Value::is_object) {
            return Err(Refusal::Field(name, format!("The {name} field is required.")));
        }
    }
    for name in ["orderDate", "paymentDate", "shipByDate"] {
        if text(name).is_some_and(|text| pacific::read(text).is_none()) {
            return Err(Refusal::Field(
                name,
                format!("The value '{}' is not valid.", text(name).unwrap_or_default()),
            ));
        }
    }
    if text("orderStatus").is_some_and(|status| !STATUSES.contains(&status)) {
        return Err(Refusal::Field("orderStatus", "The orderStatus is not valid.".into()));
    }
    let items = order.get("items").and_then(Value::as_array);
    match items.into_iter().flatten().find(|item| item["name"].as_str().is_none()) {
        Some(_) => Err(Refusal::Field("items.name", "The name field is required.".into())),
        None => Ok(()),
    }
}
