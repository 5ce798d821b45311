//! The pair Sage 100 and ShipStation: orders and quantities go out, and what left comes back.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use serde_json::{Map, json};

use super::ending;
use super::platform::Platform;
use super::stage::{Judged, Leg, Piece, Stage, Wishes, listener};
use crate::cli::outcome::Trouble;
use crate::simulator::due::Due;
use crate::simulator::expectation::Expectation;
use crate::simulator::sage100::catalogue;
use crate::simulator::{delivery, sage100, shipstation, verdict};

/// The warehouses of Sage, each with one location in ShipStation.
const WAREHOUSES: [&str; 2] = ["001", "002"];

/// Both simulators, running.
pub struct Sage100Shipstation {
    sage100: sage100::Handle,
    shipstation: Platform,
}

impl Sage100Shipstation {
    /// Starts the simulators.
    ///
    /// # Errors
    /// When they cannot listen.
    pub async fn set(wishes: &Wishes) -> Result<Self, Trouble> {
        let Wishes { orders: count, seed, faults, .. } = *wishes;
        let orders = sage100::Orders { seed, count, ..sage100::Orders::default() };
        let options = sage100::Options { orders, ..sage100::Options::default() };
        let sage100 =
            sage100::Sage100::start(options, listener().await?).await.map_err(Trouble::cannot_start)?;
        faults.disturb_sage100(sage100.system.controls(), seed)?;
        let rooms = WAREHOUSES.map(|name| (name.to_owned(), vec![format!("{name}-A")])).into();
        let shipstation = Platform::set("shipstation-a", products(), rooms, wishes).await?;
        Ok(Self { sage100, shipstation })
    }

    /// The orders, as ShipStation should come to have them: it takes whatever is ready, by whichever carrier it goes.
    fn due(&self) -> Vec<Due> {
        let state = self.sage100.system.state();
        let ready: BTreeMap<&str, bool> =
            state.orders.iter().map(|order| (order.number.as_str(), ready(&order.record))).collect();
        let mut orders = self.sage100.system.orders();
        for order in &mut orders {
            order.expectation = match ready.get(order.number.as_str()) {
                Some(true) => Expectation::Ships,
                _ => Expectation::NotSelected,
            };
        }
        orders
    }

    /// Somebody in Sage gives every `nth` of these orders another recipient.
    fn edit(&self, numbers: impl Iterator<Item = String>, nth: usize, name: &str) {
        let set = Map::from_iter([("ShipToName".to_owned(), json!(name))]);
        for number in numbers.step_by(nth) {
            // An order that Sage has closed meanwhile cannot be changed any more.
            let _ = self.sage100.system.edit_order(&number, &set, None);
        }
    }
}

fn ready(record: &serde_json::Value) -> bool {
    let is =
        |field: &str, values: &[&str]| record[field].as_str().is_some_and(|value| values.contains(&value));
    is("OrderType", &["S", "B"]) && is("OrderStatus", &["N", "O", "H"])
}

/// The items of the simulated Sage 100.
fn products() -> Vec<shipstation::Product> {
    let items = catalogue::ITEMS.iter().chain(catalogue::HEAVY).chain(catalogue::WEIGHTLESS);
    items
        .map(|(sku, name, pounds, cents)| shipstation::Product {
            sku: (*sku).to_owned(),
            name: (*name).to_owned(),
            cents: *cents,
            ounces: pounds.parse::<f64>().unwrap_or_default() * 16.0,
        })
        .collect()
}

impl Stage for Sage100Shipstation {
    fn pair(&self) -> &'static str {
        "sage100-shipstation"
    }

    fn order_flows(&self) -> &'static [&'static str] {
        &["orders"]
    }

    fn addresses(&self) -> String {
        format!("{} and {}", self.sage100.address, self.shipstation.address())
    }

    fn piece(&self) -> Piece {
        let (sage100, url) = (self.sage100.system.options(), self.sage100.url());
        let connections = format!(
            "  sage100-b:\n    system: sage100\n    settings:\n      agent_url: {url}\n      company: {company}\n      time_zone: {}\n  \
             sage100-b-soap:\n    system: sage100-soap\n    settings:\n      url: {url}/ebusinesswebservices\n      company: {company}\n{}",
            sage100.zone,
            self.shipstation.connections(),
            company = sage100.company,
        );
        let locations: Vec<String> = WAREHOUSES
            .iter()
            .zip(self.shipstation.locations())
            .map(|(warehouse, id)| format!("\"{warehouse}\": {id}"))
            .collect();
        let mapping = format!(
            "  sage100-shipstation:\n    \
             connections: {{ erp: sage100-b, web: sage100-b-soap, shop: shipstation-a-v1, stock: shipstation-a-v2 }}\n    \
             settings:\n      locations: {{ {} }}\n",
            locations.join(", ")
        );
        let mut credentials = self.shipstation.credentials();
        credentials.extend([
            ("sage100-b.api_key".to_owned(), sage100.api_key.clone().unwrap_or_default()),
            ("sage100-b-soap.username".to_owned(), sage100.web_user.clone()),
            ("sage100-b-soap.password".to_owned(), sage100.web_password.clone()),
        ]);
        Piece { connections, mapping, credentials }
    }

    fn act(&self, act: usize) -> bool {
        match act {
            0 => {}
            1 => {
                let due = self.due().into_iter().filter(|order| order.expectation == Expectation::Ships);
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
        let orders = self.due();
        let mut verdict = verdict::verdict(&orders, &self.shipstation.sent());
        let inventory = self.sage100.system.inventory().into_iter();
        let inventory = inventory.map(|(key, quantity)| (key, quantity.to_string())).collect();
        verdict.compare_quantities(&inventory, &self.shipstation.inventory());
        let saw = vec![
            ending::saw("Sage 100", &orders, &self.sage100.system.controls().summary()),
            self.shipstation.saw(),
        ];
        let doubled = self.sage100.system.state().write_backs_doubled;
        let deliveries = delivery::deliveries(&orders, &self.shipstation.carriage(), doubled);
        Judged { verdict, deliveries, orders, saw }
    }

    fn stop(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            self.sage100.stop().await;
            self.shipstation.stop().await;
        })
    }
}
