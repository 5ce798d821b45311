//! What became of what carriers told: whether each order is as far in its ERP as its parcels are, judged from both
//! sides' own books and from nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::due::Due;

/// A parcel as whoever carries it knows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Whether it has arrived.
    pub delivered: bool,
    /// Whether somebody was told of the last thing that happened to it: a push was acknowledged, or an answer said so.
    pub told: bool,
}

/// What a carrier knows and has told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carriage {
    /// Parcels by tracking number.
    pub parcels: BTreeMap<String, Carried>,
    /// Things that it pushed and that were acknowledged, each counted once.
    pub pushed: u64,
    /// Things that it said when it was asked, each counted once.
    pub polled: u64,
}

/// The count over both sides. The lists name orders; all of them are empty when everything went well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliveries {
    /// Orders all of whose parcels have arrived, and which are delivered in the ERP.
    pub delivered: usize,
    /// See [`Carriage::pushed`].
    pub pushed: u64,
    /// See [`Carriage::polled`].
    pub polled: u64,
    /// How often the ERP was told again what it had been told, and had confirmed.
    pub write_backs_doubled: u64,
    /// Orders all of whose parcels have arrived, but which are not delivered in the ERP.
    pub undelivered: Vec<String>,
    /// Those of them for which the carrier has told of every parcel: somebody heard it and forgot.
    pub lost: Vec<String>,
    /// Orders that are delivered in the ERP before their parcels have arrived.
    pub early: Vec<String>,
}

impl Deliveries {
    /// Whether everything went well.
    pub fn is_clean(&self) -> bool {
        self.write_backs_doubled == 0 && self.lists().iter().all(|(_, orders)| orders.is_empty())
    }

    /// What went wrong, each kind with its name for people.
    pub fn lists(&self) -> [(&'static str, &[String]); 3] {
        [
            ("arrived, and the ERP does not know", &self.undelivered),
            ("arrival told and forgotten", &self.lost),
            ("delivered in the ERP before it arrived", &self.early),
        ]
    }
}

/// Compares what an ERP's orders say with what became of their parcels. An order with a parcel that nobody follows (one that
/// was only marked as shipped) cannot be known to have arrived.
pub fn deliveries(orders: &[Due], carriage: &Carriage, write_backs_doubled: u64) -> Deliveries {
    let Carriage { parcels, pushed, polled } = carriage;
    let mut found =
        Deliveries { pushed: *pushed, polled: *polled, write_backs_doubled, ..Deliveries::default() };
    for order in orders {
        let followed = order.tracking.iter().map(|number| parcels.get(number)).collect::<Option<Vec<_>>>();
        let followed = followed.filter(|parcels| !parcels.is_empty()).unwrap_or_default();
        let arrived = !followed.is_empty() && followed.iter().all(|parcel| parcel.delivered);
        match (arrived, order.delivered) {
            (true, true) => found.delivered += 1,
            (true, false) => {
                found.undelivered.push(order.number.clone());
                if followed.iter().all(|parcel| parcel.told) {
                    found.lost.push(order.number.clone());
                }
            }
            (false, true) => found.early.push(order.number.clone()),
            (false, false) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::expectation::Expectation;

    fn order(number: &str, tracking: &[&str], delivered: bool) -> Due {
        Due {
            number: number.into(),
            key: number.into(),
            expectation: Expectation::Ships,
            tracking: tracking.iter().map(|number| (*number).to_owned()).collect(),
            content: BTreeMap::new(),
            status: String::new(),
            delivered,
        }
    }

    fn judge(orders: &[Due], doubled: u64) -> Deliveries {
        let parcel = |number: &str, delivered, told| (number.to_owned(), Carried { delivered, told });
        let parcels = [
            parcel("1ZA", true, true),
            parcel("1ZB", true, false),
            parcel("1ZC", false, true),
            parcel("1ZD", true, true),
        ];
        deliveries(orders, &Carriage { parcels: parcels.into(), pushed: 3, polled: 2 }, doubled)
    }

    #[test]
    fn an_order_has_arrived_with_its_last_parcel() {
        let found = judge(
            &[order("1", &["1ZA", "1ZD"], true), order("2", &["1ZA", "1ZC"], false), order("3", &[], false)],
            0,
        );
        assert!(found.is_clean(), "{found:?}");
        assert_eq!((found.delivered, found.pushed, found.polled), (1, 3, 2));
    }

    #[test]
    fn what_was_told_and_is_not_there_is_lost() {
        let found = judge(&[order("1", &["1ZA", "1ZD"], false), order("2", &["1ZA", "1ZB"], false)], 0);
        assert_eq!((found.undelivered.len(), found.lost.as_slice()), (2, &["1".to_owned()][..]));
        assert!(!found.is_clean());
    }

    #[test]
    fn what_is_delivered_too_early_or_told_twice_is_wrong() {
        assert_eq!(judge(&[order("1", &["1ZA", "1ZC"], true)], 0).early, ["1"]);
        assert_eq!(judge(&[order("1", &["1ZX"], true)], 0).early, ["1"], "nobody follows this parcel");
        assert!(!judge(&[], 1).is_clean());
    }
}
