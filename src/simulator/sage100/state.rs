//! What the simulated Sage 100 tells of itself: every order, the records that are open, and the counts that matter.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::books::HISTORY;
use super::package::Package;
use crate::simulator::contract::Violation;
use crate::simulator::due::Due;
use crate::simulator::expectation::Expectation;

/// Somebody has a record open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Who.
    pub user: String,
    /// For how many more writes; without it, until it is unlocked.
    pub attempts: Option<u32>,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderState {
    /// Its number.
    pub number: String,
    /// Its date.
    pub order_date: String,
    /// The table it is in.
    pub table: String,
    /// What should become of it.
    pub expectation: Expectation,
    /// The tracking numbers written to it, in order.
    pub tracking: Vec<String>,
    /// How often numbers were really written, and not just repeated.
    pub writes: u32,
    /// The parcels that were written one by one.
    #[serde(default)]
    pub packages: Vec<Package>,
    /// The shipment's status as it stands in the order's own field.
    #[serde(default)]
    pub status: String,
    /// Whether that says that all of it was delivered.
    #[serde(default)]
    pub delivered: bool,
    /// The status of each parcel that was told of.
    #[serde(default)]
    pub package_statuses: BTreeMap<String, String>,
    /// How often a status was really written.
    #[serde(default)]
    pub status_writes: u64,
    /// Its header as the agent shows it.
    pub record: Value,
}

/// Everything the simulated Sage 100 knows of orders, locks and callers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The company code.
    pub company: String,
    /// Every order, open and completed.
    pub orders: Vec<OrderState>,
    /// How many records each table has.
    pub tables: BTreeMap<String, usize>,
    /// The records that somebody has open.
    pub locks: BTreeMap<String, Lock>,
    /// How often a write met a lock.
    pub locked_out: u64,
    /// How often a write repeated numbers that were there already.
    pub repeated_writes: u64,
    /// How often a write would have replaced other numbers.
    pub conflicting_writes: u64,
    /// How often an order was changed by the web services.
    #[serde(default)]
    pub web_updates: u64,
    /// How many columns and lists of lines such a change made empty, for a client that did not send them back.
    #[serde(default)]
    pub web_lost: u64,
    /// Members that the web services skipped, for coming out of order or in another namespace.
    #[serde(default)]
    pub web_ignored: u64,
    /// Order numbers that were given out.
    #[serde(default)]
    pub numbers_burnt: u64,
    /// Statuses and parcels that were written again just as they were, without need.
    #[serde(default)]
    pub write_backs_doubled: u64,
    /// Requests that broke the contract.
    pub contract_violations: Vec<Violation>,
}

/// The counts that matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Orders in all.
    pub orders: usize,
    /// Orders that should ship.
    pub should_ship: usize,
    /// Orders that should be set aside.
    pub should_park: usize,
    /// Orders with tracking numbers.
    pub with_tracking: usize,
    /// Orders that have moved to the history.
    pub completed: usize,
    /// Orders whose tracking numbers were written more than once.
    pub written_twice: usize,
    /// Orders of which Sage knows that all was delivered.
    #[serde(default)]
    pub delivered: usize,
    /// Statuses and parcels that were written again just as they were, without need.
    #[serde(default)]
    pub write_backs_doubled: u64,
    /// Writes that met a lock.
    pub locked_out: u64,
    /// Violations of the contract.
    pub contract_violations: usize,
}

impl State {
    /// Its orders, as UPS should come to have them.
    pub fn due(&self) -> Vec<Due> {
        self.orders
            .iter()
            .map(|order| Due {
                number: order.number.clone(),
                key: order.number.clone(),
                expectation: order.expectation,
                tracking: order.tracking.clone(),
                content: BTreeMap::new(),
                status: order.status.clone(),
                delivered: order.delivered,
            })
            .collect()
    }

    /// The counts that matter.
    pub fn summary(&self) -> Summary {
        let count =
            |test: &dyn Fn(&OrderState) -> bool| self.orders.iter().filter(|order| test(order)).count();
        Summary {
            orders: self.orders.len(),
            should_ship: count(&|order| order.expectation == Expectation::Ships),
            should_park: count(&|order| matches!(order.expectation, Expectation::Parked(_))),
            with_tracking: count(&|order| !order.tracking.is_empty()),
            completed: count(&|order| order.table == HISTORY),
            written_twice: count(&|order| order.writes > 1),
            delivered: count(&|order| order.delivered),
            write_backs_doubled: self.write_backs_doubled,
            locked_out: self.locked_out,
            contract_violations: self.contract_violations.len(),
        }
    }
}
