//! The pair Sage 300 and ShipStation: orders, quantities and reference data go out, and what left comes back.

use std::future::Future;
use std::pin::Pin;

use serde_json::{Map, json};

use super::ending;
use super::platform::Platform;
use super::stage::{Judged, Leg, Piece, Stage, Wishes, listener};
use crate::cli::outcome::Trouble;
use crate::simulator::expectation::Expectation;
use crate::simulator::{delivery, sage300, shipstation, verdict};

/// Both simulators, running.
pub struct Sage300Shipstation {
    sage300: sage300::Handle,
    shipstation: Platform,
}

impl Sage300Shipstation {
    /// Starts the simulators.
    ///
    /// # Errors
    /// When they cannot listen.
    pub async fn set(wishes: &Wishes) -> Result<Self, Trouble> {
        let Wishes { orders: count, seed, faults, .. } = *wishes;
        let orders = sage300::Orders { seed, count, ..sage300::Orders::default() };
        let options = sage300::Options { orders, ..sage300::Options::default() };
        let sage300 =
            sage300::Sage300::start(options, listener().await?).await.map_err(Trouble::cannot_start)?;
        faults.disturb_sage300(sage300.system.controls(), seed)?;
        let items = sage300.system.records("ICItems");
        let products = items
            .iter()
            .filter_map(|item| item["ItemNumber"].as_str())
            .map(|sku| shipstation::Product {
                sku: sku.to_owned(),
                name: "imported".to_owned(),
                cents: 100,
                ounces: 0.0,
            })
            .collect();
        Ok(Self { sage300, shipstation: Platform::set("shipstation-c", products, Vec::new(), wishes).await? })
    }

    /// Somebody in Sage gives every `nth` of these orders another recipient.
    fn edit(&self, numbers: impl Iterator<Item = String>, nth: usize, name: &str) {
        let set = Map::from_iter([("ShipToName".to_owned(), json!(name))]);
        for number in numbers.step_by(nth) {
            // An order that Sage has completed meanwhile cannot be changed any more.
            let _ = self.sage300.system.edit_order(&number, &set);
        }
    }
}

impl Stage for Sage300Shipstation {
    fn pair(&self) -> &'static str {
        "sage300-shipstation"
    }

    fn order_flows(&self) -> &'static [&'static str] {
        &["orders"]
    }

    fn addresses(&self) -> String {
        format!("{} and {}", self.sage300.address, self.shipstation.address())
    }

    fn piece(&self) -> Piece {
        let sage300 = self.sage300.system.options();
        let connections = format!(
            "  sage300:\n    system: sage300\n    settings:\n      base_url: {}\n      company: {}\n      \
             # The simulator answers at once, or not at all.\n      timeout: 5s\n{}",
            self.sage300.url(),
            sage300.company,
            self.shipstation.connections(),
        );
        // Nothing in Sage 300 tells when an order was changed, so between two acts all are read.
        let mapping = "  sage300-shipstation:\n    connections: { erp: sage300, v1: shipstation-c-v1, v2: shipstation-c-v2 }\n    \
             settings:\n      ship_from: { \"2\": Austin }\n      new_locations: { Austin: AUS }\n    \
             flows:\n      orders: { full: 1s }\n      customers: { full: 1s }\n      \
             # This pair is told nothing: it asks.\n      \
             shipments: { sources: { v1.item_ship_notify: { enabled: false } } }\n      \
             fulfillments: { full: 1s, sources: { v1.fulfillment_shipped: { enabled: false } } }\n      \
             tracking: { sources: { v2.track_event: { enabled: false } } }\n"
            .to_owned();
        let mut credentials = self.shipstation.credentials();
        credentials.extend([
            ("sage300.user".to_owned(), sage300.user.clone()),
            ("sage300.password".to_owned(), sage300.password.clone()),
        ]);
        Piece { connections, mapping, credentials }
    }

    fn act(&self, act: usize) -> bool {
        match act {
            0 => {}
            1 => {
                let orders = self.sage300.system.orders().into_iter();
                let due = orders.filter(|order| order.expectation == Expectation::Ships);
                self.edit(due.map(|order| order.number), 10, "Changed Before Shipping");
            }
            2 => self.shipstation.ship(),
            3 => self.edit(self.shipstation.shipped().into_iter(), 9, "Changed Too Late"),
            _ => return false,
        }
        true
    }

    fn carry(&self, leg: Leg) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.shipstation.carry(leg))
    }

    fn judge(&self) -> Judged {
        let orders = self.sage300.system.orders();
        let mut verdict = verdict::verdict(&orders, &self.shipstation.sent_in_parts());
        // ShipStation knows Sage's locations by their names.
        let names = self.sage300.system.locations();
        let named = |code: String| names.get(&code).cloned().unwrap_or(code);
        let inventory = self.sage300.system.inventory().into_iter();
        let inventory =
            inventory.map(|((item, code), quantity)| ((item, named(code)), quantity.to_string())).collect();
        verdict.compare_quantities(&inventory, &self.shipstation.inventory());
        let saw = vec![
            ending::saw("Sage 300", &orders, &self.sage300.system.controls().summary()),
            self.shipstation.saw(),
        ];
        let doubled = self.sage300.system.state().write_backs_doubled;
        let deliveries = delivery::deliveries(&orders, &self.shipstation.carriage(), doubled);
        Judged { verdict, deliveries, orders, saw }
    }

    fn stop(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            self.sage300.stop().await;
            self.shipstation.stop().await;
        })
    }
}
