//! V1's lists of orders, shipments and fulfillments.

use serde_json::Value;

use super::filter::{Window, envelope, page, same, sort, within};
use super::{failure, message, view};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::Fault;
use crate::simulator::shipstation::route::lies;
use crate::simulator::shipstation::state::{Order, Parcel};
use crate::simulator::shipstation::{ShipStation, convert, pacific};
use crate::simulator::system::lock;

impl ShipStation {
    pub(in crate::simulator::shipstation) fn list_orders(&self, call: &Call, fault: Option<Fault>) -> Answer {
        let windows =
            ["createDate", "modifyDate", "orderDate", "paymentDate"].map(|name| Window::of(call, name));
        let [Ok(created), Ok(modified), Ok(ordered), Ok(paid)] = windows else {
            return windows.into_iter().find_map(Result::err).unwrap_or_else(|| failure(500));
        };
        let now = self.desk.clock.now();
        let books = lock(&self.books);
        let seen = books
            .state
            .orders
            .iter()
            .filter(|order| !order.deleted && order.visible_at <= now && !lies(fault));
        let mut rows: Vec<(&Order, Value)> = seen
            .filter(|order| created.holds(Some(pacific::shown(order.created_at))))
            .filter(|order| modified.holds(Some(pacific::shown(order.modified_at))))
            .filter(|order| {
                same(call, "orderStatus", &order.status) && same(call, "storeId", &order.store.to_string())
            })
            .filter(|order| same(call, "importBatch", &order.import))
            // The number is not compared but begun with.
            .filter(|order| call.parameter("orderNumber").is_none_or(|start| order.number.starts_with(start)))
            .map(|order| (order, convert::to_v1(order)))
            .filter(|(_, view)| {
                ordered.holds(date(&view["orderDate"])) && paid.holds(date(&view["paymentDate"]))
            })
            .filter(|(_, view)| {
                within(call, "customerName", texts([&view["billTo"]["name"], &view["shipTo"]["name"]]))
            })
            .filter(|(_, view)| {
                let items = view["items"].as_array().into_iter().flatten();
                within(call, "itemKeyword", items.flat_map(|item| texts([&item["sku"], &item["name"]])))
            })
            .collect();
        sort(call, &mut rows, |(order, view), by| {
            let key = match by {
                Some("OrderDate") => view["orderDate"].as_str().unwrap_or_default().to_owned(),
                Some("ModifyDate") => pacific::shown(order.modified_at).to_string(),
                Some("CreateDate") => pacific::shown(order.created_at).to_string(),
                _ => String::new(),
            };
            (key, order.id)
        });
        let total = rows.len();
        let (_, _, range) = page(call, total);
        if rows[range.clone()].iter().any(|(order, _)| books.state.poisoned.contains(&order.key)) {
            return failure(500);
        }
        let rows = rows.drain(range).map(|(_, view)| view).collect();
        envelope(call, "orders", total, rows, fault)
    }

    pub(in crate::simulator::shipstation) fn one_order(&self, id: &str) -> Answer {
        let mut books = lock(&self.books);
        match id.parse().ok().and_then(|id| books.by_id(id)) {
            Some(order) => Answer::json(200, &convert::to_v1(order)),
            None => message(404, "The requested order was not found."),
        }
    }

    /// Labels only; what was marked as shipped is not here, and nothing tells when a row was changed.
    pub(in crate::simulator::shipstation) fn list_shipments(
        &self,
        call: &Call,
        fault: Option<Fault>,
    ) -> Answer {
        let with_items =
            call.parameter("includeShipmentItems").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        self.list_parcels(call, fault, "shipments", true, |order, parcel| {
            view::shipment(order, parcel, with_items)
        })
    }

    pub(in crate::simulator::shipstation) fn list_fulfillments(
        &self,
        call: &Call,
        fault: Option<Fault>,
    ) -> Answer {
        self.list_parcels(call, fault, "fulfillments", false, view::fulfillment)
    }

    fn list_parcels(
        &self,
        call: &Call,
        fault: Option<Fault>,
        name: &str,
        label: bool,
        show: impl Fn(&Order, &Parcel) -> Value,
    ) -> Answer {
        let windows = ["createDate", "shipDate", "voidDate"].map(|name| Window::of(call, name));
        let [Ok(created), Ok(shipped), Ok(voided)] = windows else {
            return windows.into_iter().find_map(Result::err).unwrap_or_else(|| failure(500));
        };
        let books = lock(&self.books);
        let orders = books.state.orders.iter().filter(|order| !order.deleted);
        let mut rows: Vec<(&Order, &Parcel)> = orders
            .flat_map(|order| order.parcels.iter().map(move |parcel| (order, parcel)))
            .filter(|(_, parcel)| parcel.label == label && !lies(fault))
            .filter(|(_, parcel)| created.holds(Some(pacific::shown(parcel.created_at))))
            .filter(|(_, parcel)| shipped.holds(Some(parcel.ship_date.at(0, 0, 0, 0))))
            .filter(|(_, parcel)| voided.holds(parcel.voided_at.map(pacific::shown)))
            .filter(|(order, _)| {
                same(call, "orderNumber", &order.number) && same(call, "orderId", &order.id.to_string())
            })
            .filter(|(order, _)| same(call, "storeId", &order.store.to_string()))
            .filter(|(_, parcel)| same(call, "trackingNumber", &parcel.tracking_number))
            .filter(|(_, parcel)| {
                same(call, "carrierCode", &parcel.carrier) && same(call, "serviceCode", &parcel.service)
            })
            .filter(|(_, parcel)| {
                same(call, "batchId", &parcel.batch.to_string())
                    && same(call, "fulfillmentId", &parcel.id.to_string())
            })
            .filter(|(order, _)| {
                let words = convert::words(order);
                let word = |name: &str| words.get(name).cloned().unwrap_or_default();
                same(call, "recipientCountryCode", &word("country"))
                    && within(call, "recipientName", [word("name")].iter().map(String::as_str))
            })
            .collect();
        sort(call, &mut rows, |(_, parcel), by| match by {
            Some("ShipDate") => (parcel.ship_date.to_string(), parcel.id),
            Some("CreateDate") => (pacific::shown(parcel.created_at).to_string(), parcel.id),
            _ => (String::new(), parcel.id),
        });
        let total = rows.len();
        let (_, _, range) = page(call, total);
        let rows = rows[range].iter().map(|(order, parcel)| show(order, parcel)).collect();
        envelope(call, name, total, rows, fault)
    }
}

fn date(value: &Value) -> Option<jiff::civil::DateTime> {
    value.as_str().and_then(pacific::read)
}

fn texts<const N: usize>(values: [&Value; N]) -> impl Iterator<Item = &str> {
    values.into_iter().filter_map(Value::as_str)
}
