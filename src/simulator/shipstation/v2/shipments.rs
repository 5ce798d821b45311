//! V2's shipments, which are V1's orders.

use serde_json::{Map, Value, json};

use super::filter::{backwards, between, envelope, page, same};
use super::{missing, refusal};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::Fault;
use crate::simulator::shipstation::books::{Books, Refusal, text};
use crate::simulator::shipstation::options::Conflicts;
use crate::simulator::shipstation::reference::{self, MANUAL_STORE};
use crate::simulator::shipstation::route::lies;
use crate::simulator::shipstation::state::{Api, Content, Order};
use crate::simulator::shipstation::{ShipStation, convert};
use crate::simulator::system::lock;

/// External ids are cut to this length, without a word.
const LONGEST_ID: usize = 50;

impl ShipStation {
    /// Not an upsert: an external id that is taken is an error.
    pub(in crate::simulator::shipstation) fn create_shipments(&self, body: &Value) -> Answer {
        let mut books = lock(&self.books);
        books.begin_import();
        let given: Vec<Map<String, Value>> = body["shipments"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .cloned()
            .collect();
        if let Some(answer) = given.iter().find_map(incomplete) {
            return answer;
        }
        let mut made = Vec::new();
        let mut errors = false;
        for mut item in given {
            let key = text(&item, "external_shipment_id")
                .map(|key| key.chars().take(LONGEST_ID).collect::<String>());
            if let Some(key) = &key
                && books.by_key(key).is_some()
            {
                books.state.identifier_conflicts += 1;
                let said = format!("A shipment with external_shipment_id '{key}' already exists");
                if self.options.conflicts == Conflicts::Refused {
                    return refusal(400, "business_rules", "identifier_conflict", &said);
                }
                errors = true;
                item.insert("errors".into(), json!([said]));
                made.push(Value::Object(item));
                continue;
            }
            let index = self.make(&mut books, item, key);
            let mut view = convert::to_v2(&books.state.orders[index]);
            view["errors"] = json!([]);
            view["address_validation"] = Value::Null;
            made.push(view);
        }
        Answer::json(200, &json!({ "has_errors": errors, "shipments": made }))
    }

    fn make(&self, books: &mut Books, item: Map<String, Value>, key: Option<String>) -> usize {
        let now = self.desk.clock.now();
        let key = key.unwrap_or_else(|| books.own_key());
        // Without a number of its own it goes by its external id (vendor's OpenAPI file).
        let number = text(&item, "shipment_number").unwrap_or_else(|| key.clone());
        let store = text(&item, "store_id").and_then(|id| id.parse().ok()).unwrap_or(MANUAL_STORE);
        let status = if item.get("shipment_status") == Some(&json!("cancelled")) {
            "cancelled"
        } else {
            "awaiting_shipment"
        };
        books.add(
            Content { api: Api::V2, body: item },
            key,
            number,
            status.to_owned(),
            store,
            &self.options,
            now,
        )
    }

    pub(in crate::simulator::shipstation) fn list_shipments_v2(
        &self,
        call: &Call,
        fault: Option<Fault>,
    ) -> Answer {
        let now = self.desk.clock.now();
        let books = lock(&self.books);
        let mut rows: Vec<(&Order, Value)> = books
            .state
            .orders
            .iter()
            .filter(|order| !order.deleted && order.visible_at <= now && !lies(fault))
            .filter(|order| {
                between(call, "created_at", Some(order.created_at))
                    && between(call, "modified_at", Some(order.modified_at))
            })
            .filter(|order| {
                same(call, "shipment_status", convert::status(order))
                    && same(call, "store_id", &order.store.to_string())
            })
            .filter(|order| {
                same(call, "shipment_number", &order.number) && same(call, "external_shipment_id", &order.key)
            })
            // Undocumented: it stands in what webhooks point at (recorded).
            .filter(|order| same(call, "import_batch_id", &order.import))
            .map(|order| (order, convert::to_v2(order)))
            .filter(|(_, view)| contains(call, "ship_to_name", &[&view["ship_to"]["name"]]))
            .filter(|(_, view)| {
                let items: Vec<&Value> = view["items"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .flat_map(|item| [&item["sku"], &item["name"]])
                    .collect();
                contains(call, "item_keyword", &items)
            })
            .collect();
        let by_creation = call.parameter("sort_by") == Some("created_at");
        rows.sort_by_key(|(order, _)| {
            (if by_creation { order.created_at } else { order.modified_at }, order.id)
        });
        if backwards(call, true) {
            rows.reverse();
        }
        let total = rows.len();
        let rows = rows.drain(page(call, total)).map(|(_, view)| view).collect();
        envelope(call, "shipments", total, rows, fault)
    }

    pub(in crate::simulator::shipstation) fn shipment(&self, id: &str) -> Answer {
        let mut books = lock(&self.books);
        match find(&mut books, id) {
            Some(index) => Answer::json(200, &convert::to_v2(&books.state.orders[index])),
            None => missing("shipment"),
        }
    }

    pub(in crate::simulator::shipstation) fn external(&self, key: &str, fault: Option<Fault>) -> Answer {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        match books.by_key(key).filter(|order| !order.deleted && order.visible_at <= now && !lies(fault)) {
            Some(order) => Answer::json(200, &convert::to_v2(order)),
            None => missing("shipment"),
        }
    }

    /// Replaces the whole object. One page of the vendor's says that all fields are optional, its toolkit that partial
    /// payloads fail: here what a shipment needs must be there, and what else is left out is cleared.
    pub(in crate::simulator::shipstation) fn update_shipment(&self, id: &str, body: &Value) -> Answer {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let Some(index) = find(&mut books, id) else { return missing("shipment") };
        let mut given = body.as_object().cloned().unwrap_or_default();
        if given.get("shipment_id").is_some_and(|given| given != id) {
            return refusal(
                400,
                "validation",
                "identifiers_must_match",
                "The shipment_id does not match the one of the path.",
            );
        }
        if text(&given, "external_shipment_id").is_some_and(|key| key != books.state.orders[index].key) {
            return refusal(
                400,
                "business_rules",
                "field_conflict",
                "The external_shipment_id is immutable.",
            );
        }
        for name in ["items", "packages"] {
            if !given.contains_key(name) {
                return required(name);
            }
        }
        if let Some(answer) = incomplete(&given) {
            return answer;
        }
        for read_only in [
            "shipment_id",
            "created_at",
            "modified_at",
            "shipment_status",
            "tags",
            "total_weight",
            "batch_ids",
        ] {
            given.remove(read_only);
        }
        match books.rewrite(index, Content { api: Api::V2, body: given }, &self.options, now) {
            Ok(()) => Answer::json(200, &convert::to_v2(&books.state.orders[index])),
            Err(Refusal::Locked(text)) => refusal(400, "business_rules", "invalid_status", &text),
            Err(Refusal::Missing | Refusal::Field(..)) => missing("shipment"),
        }
    }

    pub(in crate::simulator::shipstation) fn cancel_shipment(&self, id: &str) -> Answer {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let Some(index) = find(&mut books, id) else { return missing("shipment") };
        let order = &mut books.state.orders[index];
        if order.live_parcels().next().is_some() {
            return refusal(
                400,
                "business_rules",
                "invalid_status",
                "The label of the shipment needs to be voided first.",
            );
        }
        if order.status != "cancelled" {
            (order.status, order.modified_at) = ("cancelled".into(), now);
        }
        Answer::empty(204)
    }
}

/// An order by its `se-` id.
pub(super) fn find(books: &mut Books, id: &str) -> Option<usize> {
    let id = convert::number_of(&json!(id))?;
    books.state.orders.iter().position(|order| order.id == id && !order.deleted)
}

/// What the vendor asks for in prose: where it goes and where it starts.
fn incomplete(item: &Map<String, Value>) -> Option<Answer> {
    if !item.get("ship_to").is_some_and(Value::is_object) {
        return Some(required("ship_to"));
    }
    let from = item.get("ship_from").is_some_and(Value::is_object);
    let warehouse = item.get("warehouse_id").filter(|id| !id.is_null());
    match warehouse {
        Some(id)
            if !reference::WAREHOUSES
                .iter()
                .any(|warehouse| convert::number_of(id) == Some(warehouse.id)) =>
        {
            Some(refusal(400, "validation", "invalid_identifier", "The warehouse_id is unknown."))
        }
        None if !from => Some(refusal(
            400,
            "validation",
            "field_value_required",
            "Either ship_from or warehouse_id must be set.",
        )),
        _ => None,
    }
}

fn required(name: &str) -> Answer {
    refusal(400, "validation", "field_value_required", &format!("{name} is required."))
}

pub(super) fn contains(call: &Call, name: &str, values: &[&Value]) -> bool {
    call.parameter(name).is_none_or(|wanted| {
        let wanted = wanted.to_lowercase();
        values.iter().filter_map(|value| value.as_str()).any(|value| value.to_lowercase().contains(&wanted))
    })
}
