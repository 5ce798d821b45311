//! What leaves the warehouse: parcels with a label or without, voided ones, and what the warehouse ships by itself.

use jiff::Timestamp;
use jiff::civil::Date;

use super::books::Books;
use super::news::News;
use super::options::Options;
use super::state::Parcel;
use super::{convert, pacific, reference};
use crate::base::clock;

/// What leaves the warehouse, before it has an id.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaving {
    /// Whether it has a label of ShipStation's.
    pub label: bool,
    /// Its tracking number.
    pub number: String,
    /// The carrier's and the service's code.
    pub by: (String, String),
    /// What is in it: the place of the item in the order, and how many.
    pub items: Vec<(usize, u64)>,
    /// The day it leaves.
    pub ship_date: Date,
    /// The batch that its label is made in; one of its own without it.
    pub batch: Option<u64>,
    /// Whether it comes back from the customer.
    pub returned: bool,
    /// Whether a fulfillment provider shipped it.
    pub provider: bool,
}

impl Books {
    /// Puts an order into `parcels` parcels, each with a label; gives their tracking numbers.
    pub(super) fn ship(
        &mut self,
        index: usize,
        parcels: usize,
        batch: Option<u64>,
        now: Timestamp,
    ) -> Vec<String> {
        let view = convert::to_v1(&self.state.orders[index]);
        let by = reference::service_for(&view);
        let items = view["items"].as_array().map(Vec::len).unwrap_or_default();
        let quantity = |item: usize| view["items"][item]["quantity"].as_u64().unwrap_or(1);
        let parcels = parcels.max(1);
        let mut numbers = Vec::new();
        for parcel in 0..parcels {
            // Every item goes into the parcels in turn; what does not divide evenly goes first.
            let share = |item| {
                quantity(item) / parcels as u64 + u64::from((quantity(item) % parcels as u64) > parcel as u64)
            };
            let items = (0..items).map(|item| (item, share(item))).filter(|(_, share)| *share > 0).collect();
            let number = self.tracking_number(&by.0);
            numbers.push(number.clone());
            let ship_date = pacific::shown(now).date();
            let leaving = Leaving {
                label: true,
                number,
                by: by.clone(),
                items,
                ship_date,
                batch,
                ..Leaving::default()
            };
            self.add_parcel(index, leaving, now);
        }
        numbers
    }

    /// A parcel leaves, or a label for one that comes back is made; gives its id.
    pub(super) fn add_parcel(&mut self, index: usize, leaving: Leaving, now: Timestamp) -> u64 {
        self.next_parcel += 1 + self.dice.below(9);
        let cents = if leaving.label { 493 + self.dice.below(2_000) } else { 0 };
        let batch = leaving.batch.unwrap_or_else(|| self.new_batch());
        let order = &mut self.state.orders[index];
        let id = self.next_parcel;
        let (carrier, service) = leaving.by;
        order.parcels.push(Parcel {
            id,
            label: leaving.label,
            tracking_number: leaving.number,
            carrier,
            service,
            cents,
            ship_date: leaving.ship_date,
            created_at: now,
            voided_at: None,
            items: leaving.items,
            batch,
            outbound: !leaving.returned,
            provider: leaving.provider,
            scans: Vec::new(),
            promised: None,
        });
        if leaving.returned {
            // Nothing is told of what comes back.
            return id;
        }
        (order.status, order.modified_at) = ("shipped".into(), now);
        let (store, order) = (order.store, order.id);
        self.hear(match leaving.label {
            true => News::Labelled { batch, store },
            false => News::Fulfilled { parcel: id, order, store, provider: leaving.provider },
        });
        id
    }

    pub(super) fn tracking_number(&mut self, carrier: &str) -> String {
        let serial = self.dice.draw();
        match carrier {
            "ups" => format!("1ZA1B2C303{:08}", serial % 100_000_000),
            "fedex" => format!("{:012}", 780_000_000_000 + serial % 9_999_999_999),
            _ => format!("94001{:017}", serial % 100_000_000_000_000_000),
        }
    }

    /// Voids parcels of an order, all without a number. An order of which nothing is left under way is open again.
    pub(super) fn void(&mut self, index: usize, number: Option<&str>, now: Timestamp) -> usize {
        let order = &mut self.state.orders[index];
        let chosen = order.parcels.iter_mut().filter(|parcel| {
            parcel.voided_at.is_none() && number.is_none_or(|number| parcel.tracking_number == number)
        });
        let mut count = 0;
        for parcel in chosen {
            parcel.voided_at = Some(now);
            count += 1;
        }
        if count > 0 {
            order.modified_at = now;
            if order.live_parcels().next().is_none() && order.status == "shipped" {
                order.status = "awaiting_shipment".into();
            }
        }
        count
    }

    /// Ships what has waited long enough: most in one parcel, some in two, some by hand and only marked.
    pub(super) fn ship_what_is_due(&mut self, options: &Options, now: Timestamp) {
        let Some(after) = options.ship_after else { return };
        for index in 0..self.state.orders.len() {
            let order = &self.state.orders[index];
            let due = clock::add(order.modified_at, after);
            if order.deleted || order.status != "awaiting_shipment" || due > now {
                continue;
            }
            match order.id % 10 {
                0 => self.mark(index, due),
                remainder => {
                    self.ship(index, if remainder < 3 { 2 } else { 1 }, None, due);
                }
            }
        }
    }

    /// An order leaves by hand: it is only marked as shipped.
    fn mark(&mut self, index: usize, now: Timestamp) {
        let by = reference::service_for(&convert::to_v1(&self.state.orders[index]));
        let (number, ship_date) = (self.tracking_number(&by.0), pacific::shown(now).date());
        self.add_parcel(index, Leaving { number, by, ship_date, ..Leaving::default() }, now);
    }

    /// When the warehouse ships the next order by itself.
    pub(super) fn next_shipping(&self, options: &Options) -> Option<Timestamp> {
        let after = options.ship_after?;
        let open =
            self.state.orders.iter().filter(|order| !order.deleted && order.status == "awaiting_shipment");
        open.map(|order| clock::add(order.modified_at, after)).min()
    }
}
