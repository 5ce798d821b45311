//! V2's inventory: what lies where, told one SKU a call, and the warehouses and locations it lies in.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::filter::{envelope, page, same};
use super::{missing, refusal};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::Fault;
use crate::simulator::shipstation::ShipStation;
use crate::simulator::shipstation::books::Books;
use crate::simulator::shipstation::state::{Level, Room};
use crate::simulator::system::lock;

/// Which of the two kinds of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Inventory warehouses; not those that parcels start from.
    Warehouse,
    /// Locations in them.
    Location,
}

impl Kind {
    /// The kind behind the first part of a path.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "inventory_warehouses" => Some(Self::Warehouse),
            "inventory_locations" => Some(Self::Location),
            _ => None,
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Warehouse => "inventory_warehouse_id",
            Self::Location => "inventory_location_id",
        }
    }

    fn all(self, books: &Books) -> &Vec<Room> {
        match self {
            Self::Warehouse => &books.state.inventory_warehouses,
            Self::Location => &books.state.inventory_locations,
        }
    }

    fn all_mut(self, books: &mut Books) -> &mut Vec<Room> {
        match self {
            Self::Warehouse => &mut books.state.inventory_warehouses,
            Self::Location => &mut books.state.inventory_locations,
        }
    }

    fn view(self, room: &Room) -> Value {
        let mut view = json!({ self.id(): room.id, "name": room.name });
        if let Some(warehouse) = &room.warehouse {
            view["inventory_warehouse_id"] = json!(warehouse);
        }
        view["created_at"] = json!(room.created_at.to_string());
        view["updated_at"] = json!(room.updated_at.to_string());
        view
    }
}

impl ShipStation {
    /// By location, or added up by warehouse.
    pub(in crate::simulator::shipstation) fn list_inventory(
        &self,
        call: &Call,
        fault: Option<Fault>,
    ) -> Answer {
        let books = lock(&self.books);
        let by_warehouse = call.parameter("group_by") == Some("warehouse");
        let mut found: BTreeMap<(String, String, String), i64> = BTreeMap::new();
        for level in &books.state.levels {
            let warehouse = warehouse_of(&books, &level.location);
            let asked = same(call, "sku", &level.sku)
                && same(call, "inventory_warehouse_id", &warehouse)
                && same(call, "inventory_location_id", &level.location);
            if asked {
                let location = if by_warehouse { String::new() } else { level.location.clone() };
                *found.entry((level.sku.clone(), warehouse, location)).or_default() += level.on_hand;
            }
        }
        let rows: Vec<Value> = found
            .into_iter()
            .map(|((sku, warehouse, location), on_hand)| {
                let mut row = json!({
                    "sku": sku, "on_hand": on_hand, "allocated": 0, "available": on_hand,
                    "average_cost": { "amount": 0.0, "currency": "usd" }, "inventory_warehouse_id": warehouse,
                });
                if !location.is_empty() {
                    row["inventory_location_id"] = json!(location);
                }
                row
            })
            .collect();
        envelope(call, "inventory", rows.len(), rows[page(call, rows.len())].to_vec(), fault)
    }

    /// One SKU a call. `adjust` sets what is on hand; `increment` and `decrement` do what they say each time they come.
    pub(in crate::simulator::shipstation) fn change_inventory(&self, body: &Value) -> Answer {
        let mut books = lock(&self.books);
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (sku, location, quantity) =
            (text("sku"), text("inventory_location_id"), body["quantity"].as_i64().unwrap_or_default());
        if !books.state.inventory_locations.iter().any(|room| room.id == location) {
            return refusal(400, "validation", "invalid_identifier", "The inventory_location_id is unknown.");
        }
        if !books.state.products.iter().any(|product| product.sku == sku) {
            return refusal(
                400,
                "validation",
                "invalid_field_value",
                &format!("There is no product with the sku '{sku}'."),
            );
        }
        let current = books.state.levels.iter().find(|level| level.sku == sku && level.location == location);
        let current = current.map_or(0, |level| level.on_hand);
        let on_hand = match body["transaction_type"].as_str() {
            Some("increment") => current + quantity,
            Some("decrement") => current - quantity,
            Some("adjust") => quantity,
            // `modify` moves or re-prices what is there.
            _ => current,
        };
        if on_hand < 0 || quantity < 0 {
            return refusal(400, "validation", "invalid_field_value", "The quantity can not be below zero.");
        }
        books.state.levels.retain(|level| level.sku != sku || level.location != location);
        let place = match (body["transaction_type"].as_str(), body["new_inventory_location_id"].as_str()) {
            (Some("modify"), Some(place)) => place.to_owned(),
            _ => location,
        };
        books.state.levels.push(Level { sku, location: place, on_hand });
        books.state.inventory_changes += 1;
        Answer::empty(204)
    }

    pub(in crate::simulator::shipstation) fn rooms(
        &self,
        kind: Kind,
        call: &Call,
        fault: Option<Fault>,
    ) -> Answer {
        let books = lock(&self.books);
        let all = kind.all(&books);
        let name = match kind {
            Kind::Warehouse => "inventory_warehouses",
            Kind::Location => "inventory_locations",
        };
        let rows = all[page(call, all.len())].iter().map(|room| kind.view(room)).collect();
        envelope(call, name, all.len(), rows, fault)
    }

    /// Two of the same name are two.
    pub(in crate::simulator::shipstation) fn create_room(&self, kind: Kind, body: &Value) -> Answer {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let warehouse =
            body["inventory_warehouse_id"].as_str().map(str::to_owned).filter(|_| kind == Kind::Location);
        if kind == Kind::Location
            && !books.state.inventory_warehouses.iter().any(|room| Some(&room.id) == warehouse.as_ref())
        {
            return refusal(
                400,
                "validation",
                "invalid_identifier",
                "The inventory_warehouse_id is unknown.",
            );
        }
        let room = books.add_room(body["name"].as_str().unwrap_or_default(), warehouse, now);
        Answer::json(200, &kind.view(&room))
    }

    pub(in crate::simulator::shipstation) fn room(&self, kind: Kind, id: &str) -> Answer {
        let books = lock(&self.books);
        match kind.all(&books).iter().find(|room| room.id == id) {
            Some(room) => Answer::json(200, &kind.view(room)),
            None => missing(kind.id()),
        }
    }

    pub(in crate::simulator::shipstation) fn update_room(
        &self,
        kind: Kind,
        id: &str,
        body: &Value,
    ) -> Answer {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        match kind.all_mut(&mut books).iter_mut().find(|room| room.id == id) {
            Some(room) => {
                room.name = body["name"].as_str().unwrap_or(&room.name).to_owned();
                room.updated_at = now;
                Answer::empty(204)
            }
            None => missing(kind.id()),
        }
    }

    /// What still lies there must be given up in so many words.
    pub(in crate::simulator::shipstation) fn delete_room(&self, kind: Kind, id: &str, call: &Call) -> Answer {
        let mut books = lock(&self.books);
        if !kind.all(&books).iter().any(|room| room.id == id) {
            return missing(kind.id());
        }
        let inside =
            |books: &Books, level: &Level| level.location == id || warehouse_of(books, &level.location) == id;
        let levels: Vec<Level> =
            books.state.levels.iter().filter(|level| !inside(&books, level)).cloned().collect();
        if levels.len() < books.state.levels.len() && call.parameter("remove_inventory") != Some("1") {
            return refusal(
                400,
                "business_rules",
                "warehouse_conflict",
                "There is still inventory; set remove_inventory=1.",
            );
        }
        books.state.levels = levels;
        books.state.inventory_locations.retain(|room| room.id != id && room.warehouse.as_deref() != Some(id));
        books.state.inventory_warehouses.retain(|room| room.id != id);
        Answer::empty(204)
    }
}

fn warehouse_of(books: &Books, location: &str) -> String {
    let room = books.state.inventory_locations.iter().find(|room| room.id == location);
    room.and_then(|room| room.warehouse.clone()).unwrap_or_default()
}
