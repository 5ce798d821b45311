//! V2's labels (V1's shipments) and fulfillments (what was only marked as shipped).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::filter::{backwards, between, envelope, page, same};
use super::missing;
use super::shipments::{contains, find};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::Fault;
use crate::simulator::shipstation::parcels::Leaving;
use crate::simulator::shipstation::reference;
use crate::simulator::shipstation::route::lies;
use crate::simulator::shipstation::state::{Order, Parcel};
use crate::simulator::shipstation::{ShipStation, convert, journey, pacific};
use crate::simulator::system::lock;

impl ShipStation {
    /// A list can be sorted by when labels were changed, but neither filtered by it nor does a label say it: voids and
    /// deliveries are found only by reading again.
    pub(in crate::simulator::shipstation) fn list_labels(&self, call: &Call, fault: Option<Fault>) -> Answer {
        let mut books = lock(&self.books);
        let mut rows: Vec<(&Order, &Parcel)> = parcels(&books.state.orders, true)
            .filter(|(order, parcel)| {
                !lies(fault)
                    && between(call, "created_at", Some(parcel.created_at))
                    && is_asked(call, order, parcel)
            })
            .filter(|(_, parcel)| {
                same(call, "label_status", label_status(parcel))
                    && same(call, "service_code", &parcel.service)
                    && same(call, "carrier_id", &carrier_id(parcel))
            })
            .filter(|(order, parcel)| {
                same(call, "batch_id", &format!("se-{}", parcel.batch))
                    && same(call, "warehouse_id", &warehouse_id(order))
                    // No label here was bought at a rate that was asked for before.
                    && call.parameter("rate_id").is_none()
            })
            .collect();
        let by_change = call.parameter("sort_by") == Some("modified_at");
        rows.sort_by_key(|(_, parcel)| {
            (if by_change { parcel.modified_at() } else { parcel.created_at }, parcel.id)
        });
        if backwards(call, true) {
            rows.reverse();
        }
        let total = rows.len();
        let shown = &rows[page(call, total)];
        let said: Vec<(u64, usize)> =
            shown.iter().map(|(_, parcel)| (parcel.id, parcel.scans.len())).collect();
        let rows = shown.iter().map(|(order, parcel)| label(order, parcel)).collect();
        books.said.extend(said);
        envelope(call, "labels", total, rows, fault)
    }

    pub(in crate::simulator::shipstation) fn label(&self, id: &str) -> Answer {
        let books = lock(&self.books);
        match parcels(&books.state.orders, true).find(|(_, parcel)| format!("se-{}", parcel.id) == id) {
            Some((order, parcel)) => Answer::json(200, &label(order, parcel)),
            None => missing("label"),
        }
    }

    /// Where a label's parcel is.
    pub(in crate::simulator::shipstation) fn track_label(&self, id: &str) -> Answer {
        let mut books = lock(&self.books);
        let found = parcels(&books.state.orders, true).find(|(_, parcel)| format!("se-{}", parcel.id) == id);
        let Some((order, parcel)) = found else { return missing("label") };
        let said = (parcel.id, parcel.scans.len());
        let answer = journey::tracking(order, parcel, parcel.scans.len(), self.options.status_codes);
        books.said.insert(said);
        Answer::json(200, &answer)
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
            .filter(|(_, parcel)| {
                between(call, "create_date", Some(parcel.created_at))
                    && between(call, "ship_date", Some(midnight(parcel)))
            })
            .filter(|(order, parcel)| {
                same(call, "shipment_number", &order.number)
                    && same(call, "fulfillment_id", &format!("se-{}", parcel.id))
                    && same(call, "batch_id", &format!("se-{}", parcel.batch))
                    && same(call, "order_source_id", &order.store.to_string())
                    && same(call, "fulfillment_provider_code", provider(parcel))
            })
            .filter(|(order, _)| {
                let to = &convert::to_v2(order)["ship_to"];
                contains(call, "ship_to_name", &[&to["name"]])
                    && same(call, "ship_to_country_code", to["country_code"].as_str().unwrap_or_default())
            })
            .collect();
        rows.sort_by_key(|(_, parcel)| match call.parameter("sort_by") {
            Some("modified_at") => (parcel.modified_at(), parcel.id),
            Some("shipped_at") => (midnight(parcel), parcel.id),
            _ => (parcel.created_at, parcel.id),
        });
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
            let leaving = Leaving {
                number: text("tracking_number"),
                by: (text("carrier_code"), String::new()),
                ship_date: date,
                ..Leaving::default()
            };
            let id = books.add_parcel(index, leaving, now);
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

fn carrier_id(parcel: &Parcel) -> String {
    let carrier = reference::carrier(&parcel.carrier).map(|carrier| format!("se-{}", carrier.id));
    carrier.unwrap_or_else(|| "se-1".to_owned())
}

fn warehouse_id(order: &Order) -> String {
    convert::to_v2(order)["warehouse_id"].as_str().unwrap_or_default().to_owned()
}

/// Whoever ships by himself, or marks as shipped, is `external` (recorded).
fn provider(parcel: &Parcel) -> &'static str {
    if parcel.provider { "fulfillment_house" } else { "external" }
}

fn midnight(parcel: &Parcel) -> Timestamp {
    parcel.ship_date.to_zoned(TimeZone::UTC).map(|day| day.timestamp()).unwrap_or(parcel.created_at)
}

fn label_status(parcel: &Parcel) -> &'static str {
    if parcel.voided_at.is_some() { "voided" } else { "completed" }
}

fn money(cents: u64) -> Value {
    json!({ "currency": "usd", "amount": cents as f64 / 100.0 })
}

fn label(order: &Order, parcel: &Parcel) -> Value {
    let id = format!("se-{}", parcel.id);
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
        "is_return_label": !parcel.outbound,
        "rma_number": null,
        "is_international": view["ship_to"]["country_code"] != "US",
        "batch_id": format!("se-{}", parcel.batch),
        "carrier_id": carrier_id(parcel),
        "service_code": parcel.service,
        "package_code": "package",
        "voided": parcel.voided_at.is_some(),
        "voided_at": parcel.voided_at.map(|at| at.to_string()),
        "label_format": "pdf",
        "label_layout": "4x6",
        "trackable": true,
        "carrier_code": parcel.carrier,
        "tracking_status": parcel.tracking_status(),
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
        "delivered_at": parcel.delivered_at().map(|at| at.to_string()),
        "fulfillment_carrier_friendly_name": parcel.carrier,
        "fulfillment_provider_id": null,
        "fulfillment_provider_friendly_name": null,
        "fulfillment_provider_code": provider(parcel),
        "fulfillment_service_code": null,
        "fulfillment_fee": money(0),
        "void_requested": parcel.voided_at.is_some(),
        "voided": parcel.voided_at.is_some(),
        "order_source_notified": true,
        "notification_error_message": null,
        "ship_to": convert::to_v2(order)["ship_to"],
    })
}
