//! What happened to the orders, judged from both systems' own books and from nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::due::Due;
use super::expectation::Expectation;

/// What the other side of an ERP has for one order: a carrier's live shipment, a platform's order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// What the other side calls it.
    pub id: String,
    /// The references it carries.
    pub references: Vec<String>,
    /// The tracking numbers of all its live parcels; none while it has not left.
    pub tracking: Vec<String>,
    /// What arrived, for sides that hold orders and while it has not left; compared with [`Due::content`].
    pub content: Option<BTreeMap<String, String>>,
}

/// The count over both systems. The lists name orders; all of them are empty when everything went well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Orders in all.
    pub orders: usize,
    /// Orders that the other side has.
    pub shipped: usize,
    /// Orders that it should have.
    pub expected_to_ship: usize,
    /// Orders that should be set aside for a person.
    pub parked_expected: usize,
    /// Orders that are not for the other side, or not ready.
    pub not_selected: usize,
    /// Orders that the other side has more than once.
    pub duplicates: Vec<String>,
    /// Orders that it should have but has not, or whose tracking numbers never reached the ERP.
    pub lost: Vec<String>,
    /// Orders that it should not have but has, and what it has that belongs to no order.
    pub wrongly_shipped: Vec<String>,
    /// Orders that have left, but without tracking numbers in the ERP.
    pub write_back_missing: Vec<String>,
    /// Orders whose tracking numbers in the ERP are not those of their parcels.
    pub write_back_wrong: Vec<String>,
    /// Orders that have not left and are not at the other side as they are in the ERP now.
    pub differing: Vec<String>,
    /// Items whose quantities differ.
    pub quantities: Vec<String>,
}

impl Verdict {
    /// Whether every order ended as it should.
    pub fn is_clean(&self) -> bool {
        self.lists().iter().all(|(_, orders)| orders.is_empty())
    }

    /// What went wrong, each kind with its name for people.
    pub fn lists(&self) -> [(&'static str, &[String]); 7] {
        [
            ("sent twice", &self.duplicates),
            ("lost", &self.lost),
            ("sent but should not have been", &self.wrongly_shipped),
            ("tracking never written", &self.write_back_missing),
            ("wrong tracking written", &self.write_back_wrong),
            ("not as it is in the ERP", &self.differing),
            ("quantity differs", &self.quantities),
        ]
    }

    /// Compares quantities, by item and place.
    pub fn compare_quantities<K: Ord + std::fmt::Debug>(
        &mut self,
        erp: &BTreeMap<K, String>,
        other: &BTreeMap<K, String>,
    ) {
        let keys: BTreeSet<&K> = erp.keys().chain(other.keys()).collect();
        self.quantities = keys
            .into_iter()
            .filter(|key| erp.get(key) != other.get(key))
            .map(|key| {
                format!("{key:?} is {:?} in the ERP and {:?} at the other side", erp.get(key), other.get(key))
            })
            .collect();
    }
}

/// Compares an ERP's books with the other side's. What the other side has belongs to the order whose key one of its
/// references is, or begins with before a `-`.
pub fn verdict(orders: &[Due], sent: &[Sent]) -> Verdict {
    let keys: BTreeSet<&str> = orders.iter().map(|order| order.key.as_str()).collect();
    let mut live: BTreeMap<&str, Vec<&Sent>> = BTreeMap::new();
    for sent in sent {
        let owners: BTreeSet<&str> =
            sent.references.iter().map(|reference| owner(reference, &keys)).collect();
        if owners.is_empty() {
            live.entry("").or_default().push(sent);
        }
        for owner in owners {
            live.entry(owner).or_default().push(sent);
        }
    }
    let mut found = Verdict { orders: orders.len(), ..Verdict::default() };
    for order in orders {
        let sent = live.remove(order.key.as_str()).unwrap_or_default();
        count(&mut found, order, &sent);
    }
    for (reference, sent) in live {
        found.wrongly_shipped.extend(sent.iter().map(|sent| format!("{reference} ({})", sent.id)));
    }
    found
}

/// The longest key that the reference is, or begins with before a `-`; the reference itself when there is none.
fn owner<'a>(reference: &'a str, keys: &BTreeSet<&'a str>) -> &'a str {
    let ends = reference.match_indices('-').map(|(at, _)| at).chain([reference.len()]);
    ends.map(|end| &reference[..end]).rfind(|start| keys.contains(start)).unwrap_or(reference)
}

fn count(found: &mut Verdict, order: &Due, sent: &[&Sent]) {
    let number = || order.number.clone();
    if !sent.is_empty() {
        found.shipped += 1;
    }
    if sent.len() > 1 {
        found.duplicates.push(number());
    }
    let left = sent.iter().any(|sent| !sent.tracking.is_empty());
    match order.expectation {
        Expectation::Ships => {
            found.expected_to_ship += 1;
            if sent.is_empty() || left && order.tracking.is_empty() {
                found.lost.push(number());
            }
        }
        Expectation::Parked(_) => found.parked_expected += 1,
        Expectation::NotSelected => found.not_selected += 1,
    }
    if order.expectation != Expectation::Ships && !sent.is_empty() {
        found.wrongly_shipped.push(number());
    }
    if let Some(difference) = sent.iter().find_map(|sent| difference(order, sent.content.as_ref()?)) {
        found.differing.push(format!("{}: {difference}", order.number));
    }
    let written: BTreeSet<&str> = order.tracking.iter().map(String::as_str).collect();
    if written.is_empty() {
        if left {
            found.write_back_missing.push(number());
        }
        return;
    }
    let right =
        sent.iter().any(|sent| sent.tracking.iter().map(String::as_str).collect::<BTreeSet<_>>() == written);
    if !right {
        found.write_back_wrong.push(number());
    }
}

fn difference(order: &Due, arrived: &BTreeMap<String, String>) -> Option<String> {
    let differs = order.content.iter().find(|(field, value)| arrived.get(*field) != Some(value))?;
    Some(format!(
        "{} is {:?} in the ERP and {:?} at the other side",
        differs.0,
        differs.1,
        arrived.get(differs.0)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::expectation::Reason;

    fn order(number: &str, expectation: Expectation, tracking: &[&str]) -> Due {
        Due {
            number: number.into(),
            key: number.into(),
            expectation,
            tracking: tracking.iter().map(|number| (*number).to_owned()).collect(),
            content: BTreeMap::from([("name".to_owned(), "X".to_owned())]),
            status: String::new(),
            delivered: false,
        }
    }

    fn shipment(id: &str, reference: &str) -> Sent {
        Sent { id: id.into(), references: vec![reference.into()], tracking: vec![id.into()], content: None }
    }

    fn judge(orders: Vec<Due>, shipments: Vec<Sent>) -> Verdict {
        verdict(&orders, &shipments)
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
    fn a_second_live_shipment_is_a_duplicate() {
        let orders = vec![order("0010001", Expectation::Ships, &["1Z1"])];
        let sent = vec![shipment("1Z1", "0010001-2026-11-20"), shipment("1Z2", "0010001-2026-11-21")];
        assert_eq!(judge(orders, sent).duplicates, ["0010001"]);
    }

    #[test]
    fn keys_may_have_dashes_and_begin_alike() {
        let orders = vec![
            order("SO-1", Expectation::Ships, &["1Z1"]),
            order("SO-1-A", Expectation::Ships, &["1Z2"]),
            order("SO", Expectation::NotSelected, &[]),
        ];
        let sent = vec![shipment("1Z1", "SO-1-2026-11-20"), shipment("1Z2", "SO-1-A")];
        let found = judge(orders, sent);
        assert!(found.is_clean(), "{found:?}");
    }

    #[test]
    fn an_order_that_has_not_left_needs_no_tracking_but_must_be_as_it_is_now() {
        let sent = |name: &str| Sent {
            tracking: Vec::new(),
            content: Some(BTreeMap::from([("name".to_owned(), name.to_owned())])),
            ..shipment("77", "0010001")
        };
        let orders = || vec![order("0010001", Expectation::Ships, &[])];
        assert!(judge(orders(), vec![sent("X")]).is_clean());
        assert_eq!(judge(orders(), vec![sent("Y")]).differing.len(), 1);
    }

    #[test]
    fn quantities_must_be_the_same_on_both_sides() {
        let quantities = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(item, quantity)| ((*item).to_owned(), (*quantity).to_owned())).collect()
        };
        let mut found = Verdict::default();
        found.compare_quantities(&quantities(&[("A", "1")]), &quantities(&[("A", "1")]));
        assert!(found.is_clean());
        found.compare_quantities(&quantities(&[("A", "1"), ("B", "2")]), &quantities(&[("A", "3")]));
        assert_eq!(found.quantities.len(), 2);
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
        let gone = judge(vec![order("0010001", Expectation::Ships, &["1Z1"])], vec![]);
        assert_eq!((gone.lost.len(), gone.write_back_wrong.len()), (1, 1));
    }

    #[test]
    fn what_should_not_ship_is_named() {
        let parked = order("0010002", Expectation::Parked(Reason::UnknownAddress), &[]);
        let found = judge(
            vec![parked],
            vec![shipment("1Z1", "0010002-2026-11-20"), shipment("1Z2", "77-2026-11-20")],
        );
        assert_eq!(found.wrongly_shipped, ["0010002", "77-2026-11-20 (1Z2)"]);
        assert!(!found.is_clean());
    }
}
