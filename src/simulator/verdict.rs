//! What happened to the orders, judged from both systems' own books and from nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::expectation::Expectation;
use super::sage100::{self, OrderState};
use super::ups::{self, Shipment};

/// The count over both systems. The lists name orders; all of them are empty when everything went well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Orders in all.
    pub orders: usize,
    /// Orders with a live shipment.
    pub shipped: usize,
    /// Orders that should ship.
    pub expected_to_ship: usize,
    /// Orders that should be set aside for a person.
    pub parked_expected: usize,
    /// Orders that are not for UPS, or not ready.
    pub not_selected: usize,
    /// Orders with more than one live shipment.
    pub duplicates: Vec<String>,
    /// Orders that should ship but have no live shipment, or whose tracking numbers never reached Sage.
    pub lost: Vec<String>,
    /// Orders that should not ship but did, and references of live shipments that belong to no order.
    pub wrongly_shipped: Vec<String>,
    /// Orders with a live shipment but without tracking numbers in Sage.
    pub write_back_missing: Vec<String>,
    /// Orders whose tracking numbers in Sage are not those of their live shipment.
    pub write_back_wrong: Vec<String>,
}

impl Verdict {
    /// Whether every order ended as it should.
    pub fn is_clean(&self) -> bool {
        [
            &self.duplicates,
            &self.lost,
            &self.wrongly_shipped,
            &self.write_back_missing,
            &self.write_back_wrong,
        ]
        .iter()
        .all(|orders| orders.is_empty())
    }
}

/// Compares Sage's books with UPS's. A shipment belongs to the order whose number its reference begins with:
/// `{SalesOrderNo}` or `{SalesOrderNo}-{anything}`.
pub fn verdict(sage: &sage100::State, ups: &ups::State) -> Verdict {
    let mut live: BTreeMap<&str, Vec<&Shipment>> = BTreeMap::new();
    for shipment in ups.shipments.iter().filter(|shipment| shipment.is_live()) {
        let owners: BTreeSet<&str> =
            shipment.references.iter().map(|reference| order_of(reference)).collect();
        if owners.is_empty() {
            live.entry("").or_default().push(shipment);
        }
        for owner in owners {
            live.entry(owner).or_default().push(shipment);
        }
    }
    let mut found = Verdict { orders: sage.orders.len(), ..Verdict::default() };
    for order in &sage.orders {
        let shipments = live.remove(order.number.as_str()).unwrap_or_default();
        count(&mut found, order, &shipments);
    }
    for (reference, shipments) in live {
        found
            .wrongly_shipped
            .extend(shipments.iter().map(|shipment| format!("{reference} ({})", shipment.id)));
    }
    found
}

fn order_of(reference: &str) -> &str {
    reference.split('-').next().unwrap_or(reference)
}

fn count(found: &mut Verdict, order: &OrderState, shipments: &[&Shipment]) {
    let number = || order.number.clone();
    if !shipments.is_empty() {
        found.shipped += 1;
    }
    if shipments.len() > 1 {
        found.duplicates.push(number());
    }
    match order.expectation {
        Expectation::Ships => {
            found.expected_to_ship += 1;
            if shipments.is_empty() || order.tracking.is_empty() {
                found.lost.push(number());
            }
        }
        Expectation::Parked(_) => found.parked_expected += 1,
        Expectation::NotSelected => found.not_selected += 1,
    }
    if order.expectation != Expectation::Ships && !shipments.is_empty() {
        found.wrongly_shipped.push(number());
    }
    let written: BTreeSet<&str> = order.tracking.iter().map(String::as_str).collect();
    if written.is_empty() {
        if !shipments.is_empty() {
            found.write_back_missing.push(number());
        }
        return;
    }
    let right = shipments
        .iter()
        .any(|shipment| shipment.tracking_numbers().into_iter().collect::<BTreeSet<_>>() == written);
    if !right {
        found.write_back_wrong.push(number());
    }
}
