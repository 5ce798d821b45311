//! V2's labels (V1's shipments) and fulfillments (what was only marked as shipped).

use serde_json::{Value, json};

use super::filter::{backwards, between, envelope, page, same};
use super::missing;
use super::shipments::find;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::Fault;
use crate::simulator::shipstation::reference;
use crate::simulator::shipstation::route::lies;
use crate::simulator::shipstation::state::{Order, Parcel};
use crate::simulator::shipstation::{ShipStation, convert, pacific};
use crate::simulator::system::lock;

impl ShipStation {
    /// Nothing tells when a label was changed, so a void is found only by reading again.
    pub(in crate::simulator::shipstation) fn list_labels(&self, call: &Call, fault: Option<Fault>) -> Answer {
        let books = lock(&self.books);
        let mut rows: Vec<(&Order, &Parcel)> = parcels(&books.state.orders, true)
            .filter(|(order, parcel)| {
                !lies(fault)
                    && between(call, "created_at", Some(parcel.created_at))
                    && is_asked(call, order, parcel)
            })
            .filter(|(_, parcel)| {
                same(call, "label_status", label_status(parcel))
                    && same(call, "service_code", &parcel.service)
            })
            .collect();
        let by_change = call.parameter("sort_by") == Some("modified_at");
        rows.sort_by_key(|(_, parcel)| {
            (parcel.voided_at.filter(|_| by_change).unwrap_or(parcel.created_at), parcel.id)
        });
        if backwards(call, true) {
            rows.reverse();
        }
        let total = rows.len();
        let rows = rows[page(call, total)].iter().map(|(order, parcel)| label(order, parcel)).collect();
        envelope(call, "labels", total, rows, fault)
    }

    pub(in crate::simulator::shipstation) fn label(&self, id: &str) -> Answer {
        let books = lock(&self.books);
        match parcels(&books.state.orders, true).find(|(_, parcel)| format!("se-{}", parcel.id) == id) {
            Some((order, parcel)) => Answer::json(200, &label(order, parcel)),
            None => missing("label"),
        }
    }

    pub(in crate::simulator::shipstation) fn void_label_v2(&self, id: &str, refused: bool) -> Answer {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let found = parcels(&books.state.orders, true).find(|(_, parcel)| format!("se-{}", parcel.id) == id);
        let Some((order, parcel)) = found else { return missing("label") };
        let said = |approved: bool, message: &str| json!({ "approved": approved, "message": message });
        if refused || parcel.voided_at.is_some() {
            let mut body = said(false, "The label could not be voided.");
            body["reason_code"] = json!(if refused { "contact_carrier" } else { "label_already_voided" });
            return Answer::json(200, &body);
        }
        let (id, number) = (order.id, parcel.tracking_number.clone());
        if let Some(index) = books.state.orders.iter().position(|order| order.id == id) {
            books.void(index, Some(&number), now);
        }
        Answer::json(200, &said(true, "This label has been voided."))
    }

    pub(in crate::simulator::shipstation) fn list_fulfillments_v2(
        &self,
        call: &Call,
        fault: Option<Fault>,
    ) -> Answer {
        let books = lock(&self.books);
        let mut rows: Vec<(&Order, &Parcel)> = parcels(&books.state.orders, false)
            .filter(|(order, parcel)| !lies(fault) && is_asked(call, order, parcel))
            .filter(|(_, parcel)| between(call, "create_date", Some(parcel.created_at)))
            .filter(|(order, parcel)| {
                same(call, "shipment_number", &order.number)
                    && same(call, "fulfillment_id", &format!("se-{}", parcel.id))
            })
            .collect();
        rows.sort_by_key(|(_, parcel)| (parcel.created_at, parcel.id));
        if backwards(call, false) {
            rows.reverse();
        }
        let total = rows.len();
        let rows = rows[page(call, total)].iter().map(|(order, parcel)| fulfillment(order, parcel)).collect();
        envelope(call, "fulfillments", total, rows, fault)
    }

    /// Marks shipments as shipped; each has its own outcome.
    pub(in crate::simulator::shipstation) fn create_fulfillments(&self, body: &Value) -> Answer {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let mut made = Vec::new();
        for item in body["fulfillments"].as_array().into_iter().flatten() {
            let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
            let found = find(&mut books, &text("shipment_id"))
                .filter(|index| books.state.orders[*index].status != "cancelled");
            let Some(index) = found else {
                made.push(json!({ "shipment_id": item["shipment_id"], "errors": ["The shipment was not found or is cancelled."] }));
                continue;
            };
            let date = item["ship_date"]
                .as_str()
                .and_then(pacific::read)
                .unwrap_or_else(|| pacific::shown(now))
                .date();
            let id = books.add_parcel(
                index,
                false,
                text("tracking_number"),
                (text("carrier_code"), String::new()),
                Vec::new(),
                date,
                now,
            );
            let order = &books.state.orders[index];
            made.extend(
                order.parcels.iter().find(|parcel| parcel.id == id).map(|parcel| fulfillment(order, parcel)),
            );
        }
        let errors = made.iter().any(|item| item.get("errors").is_some());
        Answer::json(200, &json!({ "has_errors": errors, "fulfillments": made }))
    }
}

fn parcels(orders: &[Order], label: bool) -> impl Iterator<Item = (&Order, &Parcel)> {
    orders
        .iter()
        .filter(|order| !order.deleted)
        .flat_map(|order| order.parcels.iter().map(move |parcel| (order, parcel)))
        .filter(move |(_, parcel)| parcel.label == label)
}

fn is_asked(call: &Call, order: &Order, parcel: &Parcel) -> bool {
    same(call, "shipment_id", &format!("se-{}", order.id))
        && same(call, "external_shipment_id", &order.key)
        && same(call, "tracking_number", &parcel.tracking_number)
}

fn label_status(parcel: &Parcel) -> &'static str {
    if parcel.voided_at.is_some() { "voided" } else { "completed" }
}

fn money(cents: u64) -> Value {
    json!({ "currency": "usd", "amount": cents as f64 / 100.0 })
}

fn label(order: &Order, parcel: &Parcel) -> Value {
    let id = format!("se-{}", parcel.id);
    let carrier = reference::carrier(&parcel.carrier).map(|carrier| format!("se-{}", carrier.id));
    let view = convert::to_v2(order);
    json!({
        "label_id": id,
        "status": label_status(parcel),
        "shipment_id": format!("se-{}", order.id),
        "external_shipment_id": order.key,
        "ship_date": format!("{}T00:00:00Z", parcel.ship_date),
        "created_at": parcel.created_at.to_string(),
        "shipment_cost": money(parcel.cents),
        "insurance_cost": money(0),
        "tracking_number": parcel.tracking_number,
        "is_return_label": false,
        "rma_number": null,
        "is_international": view["ship_to"]["country_code"] != "US",
        "batch_id": format!("se-{}", parcel.id % 900_000 + 100_000),
        "carrier_id": carrier.unwrap_or_else(|| "se-1".to_owned()),
        "service_code": parcel.service,
        "package_code": "package",
        "voided": parcel.voided_at.is_some(),
        "voided_at": parcel.voided_at.map(|at| at.to_string()),
        "label_format": "pdf",
        "label_layout": "4x6",
        "trackable": true,
        "carrier_code": parcel.carrier,
        "tracking_status": "in_transit",
        "label_download": { "href": format!("https://api.shipstation.com/v2/downloads/10/{id}/label.pdf") },
        "ship_to": view["ship_to"],
        "packages": [{ "package_id": 1, "package_code": "package", "weight": view["total_weight"], "tracking_number": parcel.tracking_number, "sequence": 1 }],
    })
}

fn fulfillment(order: &Order, parcel: &Parcel) -> Value {
    json!({
        "fulfillment_id": format!("se-{}", parcel.id),
        "shipment_id": format!("se-{}", order.id),
        "shipment_number": order.number,
        "user_id": null,
        "tracking_number": parcel.tracking_number,
        "created_at": parcel.created_at.to_string(),
        "ship_date": format!("{}T00:00:00Z", parcel.ship_date),
        "voided_at": parcel.voided_at.map(|at| at.to_string()),
        "delivered_at": null,
        "fulfillment_carrier_friendly_name": parcel.carrier,
        "fulfillment_provider_id": null,
        "fulfillment_provider_friendly_name": null,
        "fulfillment_provider_code": "external",
        "fulfillment_service_code": null,
        "fulfillment_fee": money(0),
        "void_requested": parcel.voided_at.is_some(),
        "voided": parcel.voided_at.is_some(),
        "order_source_notified": true,
        "notification_error_message": null,
        "ship_to": convert::to_v2(order)["ship_to"],
    })
}
