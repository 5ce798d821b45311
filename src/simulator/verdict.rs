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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::simulator::expectation::Reason;
    use crate::simulator::places::Address;
    use crate::simulator::ups::Parcel;

    fn order(number: &str, expectation: Expectation, tracking: &[&str]) -> OrderState {
        OrderState {
            number: number.into(),
            order_date: "2026-11-20".into(),
            table: "SO_SalesOrderHeader".into(),
            expectation,
            tracking: tracking.iter().map(|number| (*number).to_owned()).collect(),
            writes: 1,
            packages: Vec::new(),
            record: Value::Null,
        }
    }

    fn shipment(id: &str, reference: &str) -> Shipment {
        let at = "2026-11-20T15:00:00Z".parse().unwrap();
        Shipment {
            id: id.into(),
            references: vec![reference.into()],
            account: "A1B2C3".into(),
            service: "03".into(),
            name: "X".into(),
            ship_from: Address::default(),
            ship_to: Address::default(),
            packages: vec![Parcel {
                tracking_number: id.into(),
                weight: "1.0".into(),
                dimensions: Vec::new(),
                voided_at: None,
            }],
            label_format: "GIF".into(),
            cents: 1,
            transaction: None,
            created_at: at,
            visible_at: at,
            voided_at: None,
        }
    }

    fn judge(orders: Vec<OrderState>, shipments: Vec<Shipment>) -> Verdict {
        verdict(
            &sage100::State { orders, ..sage100::State::default() },
            &ups::State { shipments, ..ups::State::default() },
        )
    }

    #[test]
    fn all_well_is_clean() {
        let found = judge(
            vec![
                order("0010001", Expectation::Ships, &["1Z1"]),
                order("0010002", Expectation::Parked(Reason::NoWeight), &[]),
                order("0010003", Expectation::NotSelected, &[]),
            ],
            vec![shipment("1Z1", "0010001-2026-11-20")],
        );
        assert!(found.is_clean(), "{found:?}");
        assert_eq!(
            (found.orders, found.shipped, found.expected_to_ship, found.parked_expected, found.not_selected),
            (3, 1, 1, 1, 1)
        );
    }

    #[test]
    fn a_second_live_shipment_is_a_duplicate_and_a_voided_one_is_not() {
        let orders = || vec![order("0010001", Expectation::Ships, &["1Z1"])];
        let (first, mut second) =
            (shipment("1Z1", "0010001-2026-11-20"), shipment("1Z2", "0010001-2026-11-21"));
        assert_eq!(judge(orders(), vec![first.clone(), second.clone()]).duplicates, ["0010001"]);
        second.voided_at = Some(second.created_at);
        assert!(judge(orders(), vec![first, second]).is_clean());
    }

    #[test]
    fn losses_are_found_on_either_side() {
        let never = judge(vec![order("0010001", Expectation::Ships, &[])], vec![]);
        assert_eq!((never.lost.len(), never.write_back_missing.len()), (1, 0));
        let untold = judge(
            vec![order("0010001", Expectation::Ships, &[])],
            vec![shipment("1Z1", "0010001-2026-11-20")],
        );
        assert_eq!(
            (untold.lost, untold.write_back_missing),
            (vec!["0010001".to_owned()], vec!["0010001".to_owned()])
        );
        let wrong = judge(
            vec![order("0010001", Expectation::Ships, &["1Z9"])],
            vec![shipment("1Z1", "0010001-2026-11-20")],
        );
        assert_eq!(wrong.write_back_wrong, ["0010001"]);
        let mut voided = shipment("1Z1", "0010001-2026-11-20");
        voided.voided_at = Some(voided.created_at);
        let gone = judge(vec![order("0010001", Expectation::Ships, &["1Z1"])], vec![voided]);
        assert_eq!((gone.lost.len(), gone.write_back_wrong.len()), (1, 1));
    }

    #[test]
    fn what_should_not_ship_is_named() {
        let parked = order("0010002", Expectation::Parked(Reason::UnknownAddress), &[]);
        let found = judge(
            vec![parked],
            vec![shipment("1Z1", "0010002-2026-11-20"), shipment("1Z2", "77-2026-11-20")],
        );
        assert_eq!(found.wrongly_shipped, ["0010002", "77 (1Z2)"]);
        assert!(!found.is_clean());
    }

    #[test]
    fn states_survive_the_wire() {
        let state = ups::State { shipments: vec![shipment("1Z1", "R")], ..ups::State::default() };
        let text = json!(state).to_string();
        assert_eq!(serde_json::from_str::<ups::State>(&text).unwrap(), state);
    }
}
