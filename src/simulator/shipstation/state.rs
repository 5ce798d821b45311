//! What the simulated ShipStation knows: orders with their parcels, products, inventory, and how callers behaved.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::convert;
use super::gate::Windows;
use super::journey::Scan;
use super::webhooks::Webhook;
use crate::simulator::contract::Violation;

/// Which of the two interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `ssapi.shipstation.com`.
    V1,
    /// `api.shipstation.com/v2`.
    V2,
}

/// What was written, in the words of whoever wrote it last. It is replaced whole: what was left out is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// In whose words.
    pub api: Api,
    /// The body as it came.
    pub body: Map<String, Value>,
}

/// What left the warehouse: a label bought in ShipStation, or a mere note that something was shipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parcel {
    /// `shipmentId` and `label_id`, or `fulfillmentId`.
    pub id: u64,
    /// Whether it has a label of ShipStation's. Without one it is a fulfillment, and no list of shipments shows it.
    pub label: bool,
    /// Its tracking number.
    pub tracking_number: String,
    /// The carrier's code.
    pub carrier: String,
    /// The service's code.
    pub service: String,
    /// What the label cost, in cents.
    pub cents: u64,
    /// The day it leaves.
    pub ship_date: Date,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was voided.
    pub voided_at: Option<Timestamp>,
    /// What is in it: the place of the item in the order, and how many.
    pub items: Vec<(usize, u64)>,
    /// The batch that its label was made in; a label that was made alone is a batch of its own.
    pub batch: u64,
    /// Whether it goes to the customer; a return label comes back.
    pub outbound: bool,
    /// Whether a fulfillment provider shipped it.
    pub provider: bool,
    /// Where the carrier has seen it, oldest first.
    pub scans: Vec<Scan>,
    /// When the carrier means to deliver it, if it has said another day than its service promises.
    pub promised: Option<Date>,
}

/// An order, which V2 calls a shipment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// `orderId`; `se-<id>` in V2.
    pub id: u64,
    /// `orderKey`; `external_shipment_id` in V2.
    pub key: String,
    /// `orderNumber`; `shipment_number` in V2.
    pub number: String,
    /// `orderStatus`.
    pub status: String,
    /// The store it was put into when it was created.
    pub store: u64,
    /// What was written last.
    pub content: Content,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed, by anybody.
    pub modified_at: Timestamp,
    /// From when on searches see it.
    pub visible_at: Timestamp,
    /// How often it was written.
    pub writes: u64,
    /// Deleted orders stay in the books and are shown to nobody.
    pub deleted: bool,
    /// What left the warehouse.
    pub parcels: Vec<Parcel>,
    /// The import that it came with, or that made it ready to ship: all that one call created.
    pub import: String,
    /// Whether it was split, or split off.
    pub split: bool,
    /// The order that it was split off.
    pub parent: Option<u64>,
}

impl Order {
    /// Whether it may no longer be changed.
    pub fn is_locked(&self) -> bool {
        matches!(self.status.as_str(), "shipped" | "cancelled")
    }

    /// The parcels that were not voided and go to the customer.
    pub fn live_parcels(&self) -> impl Iterator<Item = &Parcel> {
        self.parcels.iter().filter(|parcel| parcel.voided_at.is_none() && parcel.outbound)
    }

    /// The order in words that are the same for every system.
    pub fn placed(&self) -> Placed {
        Placed {
            key: self.key.clone(),
            number: self.number.clone(),
            status: self.status.clone(),
            content: convert::words(self),
            tracking: self.live_parcels().map(|parcel| parcel.tracking_number.clone()).collect(),
            delivered: self
                .live_parcels()
                .filter(|parcel| parcel.delivered_at().is_some())
                .map(|parcel| parcel.tracking_number.clone())
                .collect(),
            writes: self.writes,
        }
    }
}

/// An order in words that are the same for every system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The sender's own key for it.
    pub key: String,
    /// The number that people know.
    pub number: String,
    /// `awaiting_shipment`, `shipped` and so on.
    pub status: String,
    /// What arrived: `name`, `city`, `lines`, …
    pub content: BTreeMap<String, String>,
    /// The tracking numbers of what was shipped and not voided.
    pub tracking: Vec<String>,
    /// Those of them that were delivered.
    pub delivered: Vec<String>,
    /// How often it was written.
    pub writes: u64,
}

/// A product with its whole resource, as V1 writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stocked {
    /// `productId`.
    pub id: u64,
    /// Its SKU.
    pub sku: String,
    /// The resource's own fields.
    pub body: Map<String, Value>,
    /// When it joined.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
}

/// An inventory warehouse, or a location in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// `se-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// For a location: its warehouse.
    pub warehouse: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// How much of a SKU lies at a location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// The SKU.
    pub sku: String,
    /// The location.
    pub location: String,
    /// How many.
    pub on_hand: i64,
}

/// Everything the simulated ShipStation knows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// Every order ever made, in order.
    pub orders: Vec<Order>,
    /// The catalogue.
    pub products: Vec<Stocked>,
    /// Inventory warehouses.
    pub inventory_warehouses: Vec<Room>,
    /// Inventory locations.
    pub inventory_locations: Vec<Room>,
    /// What lies where.
    pub levels: Vec<Level>,
    /// How often somebody told a quantity.
    pub inventory_changes: u64,
    /// Who wants to be told.
    pub webhooks: Vec<Webhook>,
    /// Keys of orders that turn the page that holds them into a 500.
    pub poisoned: BTreeSet<String>,
    /// Orders that were written again.
    pub updates: u64,
    /// Edits of locked orders that were refused.
    pub refused_edits: u64,
    /// Edits of locked orders that were answered with 200 and changed nothing.
    pub ignored_edits: u64,
    /// Creates of an external id that was taken.
    pub identifier_conflicts: u64,
    /// V1's calls by window.
    pub v1_windows: Windows,
    /// V2's calls by window.
    pub v2_windows: Windows,
    /// How often a call was turned away for its key.
    pub unauthorized: u64,
    /// Requests that broke the contract; at most the first 500.
    pub contract_violations: Vec<Violation>,
    /// How many there were in all.
    pub violations: u64,
}

/// The counts that matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Orders that are there.
    pub orders: usize,
    /// How many are in which status.
    pub by_status: BTreeMap<String, usize>,
    /// Keys that more than one order has.
    pub doubled_keys: Vec<String>,
    /// Numbers that more than one order has.
    pub doubled_numbers: Vec<String>,
    /// How often orders were written again.
    pub updates: u64,
    /// Edits of locked orders that were refused.
    pub refused_edits: u64,
    /// Edits of locked orders that were ignored.
    pub ignored_edits: u64,
    /// Creates of an external id that was taken.
    pub identifier_conflicts: u64,
    /// Labels that were not voided.
    pub labels: usize,
    /// Fulfillments that were not voided.
    pub fulfillments: usize,
    /// Parcels that were voided.
    pub voided: usize,
    /// Parcels that were delivered.
    pub delivered: usize,
    /// How often somebody told a quantity.
    pub inventory_changes: u64,
    /// The most V1 calls in one window.
    pub v1_most_calls: u64,
    /// V1 calls that met 429.
    pub v1_throttled: u64,
    /// The most V2 calls in one window.
    pub v2_most_calls: u64,
    /// V2 calls that met 429.
    pub v2_throttled: u64,
    /// Calls turned away for their key.
    pub unauthorized: u64,
    /// Violations of the contract.
    pub contract_violations: u64,
}

impl State {
    /// What lies where: by SKU and the inventory warehouse's name.
    pub fn inventory(&self) -> BTreeMap<(String, String), i64> {
        let mut found = BTreeMap::new();
        for level in &self.levels {
            let location = self.inventory_locations.iter().find(|room| room.id == level.location);
            let warehouse = location.and_then(|room| room.warehouse.as_ref());
            let name = self.inventory_warehouses.iter().find(|room| Some(&room.id) == warehouse);
            let name = name.map_or_else(|| level.location.clone(), |room| room.name.clone());
            *found.entry((level.sku.clone(), name)).or_default() += level.on_hand;
        }
        found
    }

    /// The counts that matter.
    pub fn summary(&self) -> Summary {
        let live: Vec<&Order> = self.orders.iter().filter(|order| !order.deleted).collect();
        let mut by_status: BTreeMap<String, usize> = BTreeMap::new();
        for order in &live {
            *by_status.entry(order.status.clone()).or_default() += 1;
        }
        let parcels = || live.iter().flat_map(|order| &order.parcels);
        let sent = || live.iter().flat_map(|order| order.live_parcels());
        let shipped = |label| sent().filter(|parcel| parcel.label == label).count();
        Summary {
            orders: live.len(),
            by_status,
            doubled_keys: doubled(live.iter().map(|order| order.key.as_str())),
            doubled_numbers: doubled(live.iter().map(|order| order.number.as_str())),
            updates: self.updates,
            refused_edits: self.refused_edits,
            ignored_edits: self.ignored_edits,
            identifier_conflicts: self.identifier_conflicts,
            labels: shipped(true),
            fulfillments: shipped(false),
            voided: parcels().filter(|parcel| parcel.voided_at.is_some()).count(),
            delivered: sent().filter(|parcel| parcel.delivered_at().is_some()).count(),
            inventory_changes: self.inventory_changes,
            v1_most_calls: self.v1_windows.most(),
            v1_throttled: self.v1_windows.throttled,
            v2_most_calls: self.v2_windows.most(),
            v2_throttled: self.v2_windows.throttled,
            unauthorized: self.unauthorized,
            contract_violations: self.violations,
        }
    }
}

fn doubled<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    names.for_each(|name| *seen.entry(name).or_default() += 1);
    seen.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name.to_owned()).collect()
}
