//! ShipStation as the platform of a pair: its simulator, the connections to it, and the warehouse that ships.

use std::collections::BTreeMap;

use super::ending;
use super::stage::{Leg, Wishes, all_told, listener};
use crate::cli::outcome::Trouble;
use crate::simulator::delivery::Carriage;
use crate::simulator::shipstation::{self, Placed, Product, ShipStation, Stage as Scan};
use crate::simulator::verdict::Sent;

/// Every so-manieth parcel meets with something out of the normal on its way.
const TROUBLED: usize = 8;

/// A ShipStation simulator of one pair's own.
pub struct Platform {
    /// What the connections' names begin with.
    name: &'static str,
    handle: shipstation::Handle,
}

impl Platform {
    /// Starts the simulator, whose catalogue has `products` as an import of the ERP's items would have made it, and whose
    /// `rooms` are inventory warehouses with their locations.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn set(
        name: &'static str,
        products: Vec<Product>,
        rooms: Vec<(String, Vec<String>)>,
        wishes: &Wishes,
    ) -> Result<Self, Trouble> {
        // A minute's budget would take a minute to wait for: the demo is not about that.
        let options = shipstation::Options {
            seed: wishes.seed,
            products,
            inventory_warehouses: rooms,
            v1_calls: 100_000,
            v2_calls: 100_000,
            ..shipstation::Options::default()
        };
        let handle = ShipStation::start(options, listener().await?).await.map_err(Trouble::cannot_start)?;
        handle.system.outbox().set_manner(wishes.manner());
        wishes.faults.disturb_shipstation(handle.system.controls(), wishes.seed)?;
        Ok(Self { name, handle })
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.handle.address.to_string()
    }

    /// The connections to V1 and V2, as they stand below `connections:`.
    pub fn connections(&self) -> String {
        let keys = format!("      jwks_url: {}/jwks\n", self.handle.url());
        let connection = |version: &str| {
            format!(
                "  {name}-{version}:\n    system: shipstation-{version}\n    settings:\n      base_url: {}\n      account: {name}\n      \
                 # The simulator's own figures.\n      rate_limit: 100000\n      timeout: 5s\n      late_effect: 1s\n      lookup_lag: 1s\n      when_absent: recreate\n",
                self.handle.url(),
                name = self.name,
            )
        };
        // Only V2 has places to make.
        format!("{}{}      place_when_absent: recreate\n{keys}", connection("v1"), connection("v2"))
    }

    /// What the vault must hold for it.
    pub fn credentials(&self) -> Vec<(String, String)> {
        let options = self.handle.system.options();
        let credential = |name: &str, value: &str| (format!("{}-{name}", self.name), value.to_owned());
        vec![
            credential("v1.api_key", &options.api_key),
            credential("v1.api_secret", &options.api_secret),
            credential("v1.webhook_secret", &format!("{}-webhook-secret", self.name)),
            credential("v2.api_key", &options.v2_api_key),
        ]
    }

    /// The warehouse works: of five orders three are shipped, now and then in two parcels, and one is only marked as shipped.
    pub fn ship(&self) {
        let open =
            self.handle.system.orders().into_iter().filter(|order| order.status == "awaiting_shipment");
        for (at, order) in open.enumerate() {
            // An order that the simulator will not ship (it was just changed) stays open, which is no lie.
            let _ = match at % 5 {
                0 | 1 => self.handle.system.ship(&order.key, 1 + usize::from(at % 7 == 0)).map(|_| ()),
                2 => self.handle.system.ship(&order.key, 1).map(|_| ()),
                3 => self.handle.system.mark_as_shipped(&order.key, &format!("94001{at:017}")),
                _ => Ok(()),
            };
        }
    }

    /// Parcels travel, and whoever wants to hear of it hears.
    pub async fn carry(&self, leg: Leg) {
        let shipstation = &self.handle.system;
        let orders = shipstation.orders().into_iter();
        for (at, number) in orders.flat_map(|order| order.tracking).enumerate() {
            let scans: &[Scan] = match leg {
                Leg::Collected => &[Scan::Accepted, Scan::InTransit],
                Leg::Underway if at % TROUBLED == 0 => &[Scan::Exception],
                Leg::Underway => &[Scan::OutForDelivery],
                Leg::Delivered => &[Scan::Delivered],
                Leg::Still => &[],
            };
            // Nobody follows a parcel that was only marked as shipped, or voided.
            scans.iter().for_each(|scan| drop(shipstation.scan(&number, *scan)));
        }
        all_told(shipstation.outbox()).await;
    }

    /// What it knows of parcels, and has told.
    pub fn carriage(&self) -> Carriage {
        self.handle.system.carriage()
    }

    /// The ids of its inventory locations.
    pub fn locations(&self) -> Vec<String> {
        self.handle.system.state().inventory_locations.into_iter().map(|location| location.id).collect()
    }

    /// The numbers of orders that have left.
    pub fn shipped(&self) -> Vec<String> {
        let left = self.handle.system.orders().into_iter().filter(|order| !order.tracking.is_empty());
        left.map(|order| order.number).collect()
    }

    /// What it has of the ERP's orders, each under its number.
    pub fn sent(&self) -> Vec<Sent> {
        self.placed().map(|order| sent(&order.number.clone(), vec![order])).collect()
    }

    /// The same for an ERP whose orders are split by place: the parts of an order count together.
    pub fn sent_in_parts(&self) -> Vec<Sent> {
        let mut parts: BTreeMap<String, Vec<Placed>> = BTreeMap::new();
        self.placed().for_each(|order| parts.entry(order.number.clone()).or_default().push(order));
        parts.into_iter().map(|(number, parts)| sent(&number, parts)).collect()
    }

    fn placed(&self) -> impl Iterator<Item = Placed> {
        self.handle.system.orders().into_iter().filter(|order| order.status != "cancelled")
    }

    /// Quantities by item and place.
    pub fn inventory(&self) -> BTreeMap<(String, String), String> {
        let inventory = self.handle.system.inventory().into_iter();
        inventory.map(|(key, quantity)| (key, quantity.to_string())).collect()
    }

    /// What it saw, for people.
    pub fn saw(&self) -> String {
        let (state, desk) = (self.handle.system.state(), self.handle.system.controls().summary());
        ending::saw_shipstation(&state, self.shipped().len(), &desk)
    }

    /// Stops the simulator.
    pub async fn stop(self) {
        self.handle.stop().await;
    }
}

fn sent(number: &str, parts: Vec<Placed>) -> Sent {
    let keys: Vec<&str> = parts.iter().map(|part| part.key.as_str()).collect();
    let tracking: Vec<String> = parts.iter().flat_map(|part| part.tracking.clone()).collect();
    let mut lines: Vec<&str> = parts
        .iter()
        .filter_map(|part| part.content.get("lines"))
        .flat_map(|lines| lines.split("; "))
        .collect();
    lines.sort_unstable();
    let content = parts.first().filter(|_| tracking.is_empty()).map(|part| {
        let mut content = part.content.clone();
        content.insert("lines".to_owned(), lines.join("; "));
        content
    });
    Sent { id: keys.join(" "), references: vec![number.to_owned()], tracking, content }
}
