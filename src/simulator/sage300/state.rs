//! What of the books tests and people see: orders with what has come back, and counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::books::text;
use crate::simulator::expectation::Expectation;

/// What stands in `DeliveryStatus` once a parcel has arrived.
pub const DELIVERED: &str = "delivered";

/// A shipment of the partner's view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracking {
    /// The tracking number.
    pub number: String,
    /// `Shipped` or `Voided`.
    pub status: String,
    /// The day on which it was shipped, `yyyy-mm-dd`.
    pub ship_date: Option<String>,
    /// The carrier, as written.
    pub carrier: String,
    /// The number that Order Entry gave the shipment.
    pub shipment: String,
    /// Where the parcel is, as written; empty if nothing was.
    pub delivery: String,
    /// The day on which it should arrive, `yyyy-mm-dd`.
    pub estimated: Option<String>,
    /// The day on which it arrived.
    pub delivered: Option<String>,
    /// Whether something was wrong on its way last.
    pub exception: bool,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderState {
    /// Its number, as people know it.
    pub number: String,
    /// Its key.
    pub uniquifier: i64,
    /// Its date, `yyyy-mm-dd`.
    pub order_date: String,
    /// What should become of it.
    pub expectation: Expectation,
    /// The shipments written to it, voided ones included.
    pub tracking: Vec<Tracking>,
    /// The order as the API shows it.
    pub record: Value,
}

impl OrderState {
    /// The shipments that were not voided.
    pub fn shipped(&self) -> impl Iterator<Item = &Tracking> {
        self.tracking.iter().filter(|shipment| shipment.status == "Shipped")
    }

    /// Whether all that was shipped is known to have arrived.
    pub fn is_delivered(&self) -> bool {
        self.shipped().next().is_some() && self.shipped().all(|shipment| shipment.delivery == DELIVERED)
    }
}

/// Everything the simulated Sage 300 knows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The company.
    pub company: String,
    /// Every order.
    pub orders: Vec<OrderState>,
    /// How many records each resource has.
    pub records: BTreeMap<String, usize>,
    /// How often a shipment was posted that was there already.
    pub repeated_shipments: u64,
    /// How often which error code was answered.
    pub refused: BTreeMap<String, u64>,
    /// How often a shipment was written just as it was.
    pub write_backs_doubled: u64,
    /// How often a call met an application that IIS had stopped.
    pub cold_starts: u64,
}

/// The counts that matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Orders in all.
    pub orders: usize,
    /// Orders that should be carried on and ship.
    pub should_ship: usize,
    /// Orders that should be set aside.
    pub should_park: usize,
    /// Orders with a shipment that is not voided.
    pub with_tracking: usize,
    /// Orders that are complete.
    pub completed: usize,
    /// Shipments that were posted although they were there.
    pub repeated_shipments: u64,
    /// How often a shipment was written just as it was.
    pub write_backs_doubled: u64,
    /// Orders all of whose shipments are known to have arrived.
    pub delivered: usize,
    /// Calls that were refused.
    pub refused: u64,
}

impl State {
    /// The counts that matter.
    pub fn summary(&self) -> Summary {
        let count =
            |test: &dyn Fn(&OrderState) -> bool| self.orders.iter().filter(|order| test(order)).count();
        Summary {
            orders: self.orders.len(),
            should_ship: count(&|order| order.expectation == Expectation::Ships),
            should_park: count(&|order| matches!(order.expectation, Expectation::Parked(_))),
            with_tracking: count(&|order| order.shipped().next().is_some()),
            completed: count(&|order| text(&order.record, "OrderCompleted").starts_with("Complete")),
            repeated_shipments: self.repeated_shipments,
            write_backs_doubled: self.write_backs_doubled,
            delivered: count(&OrderState::is_delivered),
            refused: self.refused.values().sum(),
        }
    }
}
