//! A world with the simulators of Sage 100 and ShipStation, and an engine between them.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ml_connector::base::{Clock, clock};
use ml_connector::simulator::exchange::{Answer, Call};
use ml_connector::simulator::sage100::{self, Sage100};
use ml_connector::simulator::shipstation::{self, ShipStation};
use ml_connector::simulator::system::System;
use ml_connector::store::Record;
use serde_json::{Value, json};

use crate::home::{Home, at_home, listener};

/// A clock that runs so many times faster than the wall's, and can be set.
#[derive(Debug)]
pub struct Driven {
    times: u32,
    since: Mutex<(Timestamp, Instant)>,
}

impl Driven {
    fn at(start: &str, times: u32) -> Arc<Self> {
        Arc::new(Self { times, since: Mutex::new((start.parse().unwrap(), Instant::now())) })
    }

    pub fn set(&self, instant: Timestamp) {
        *self.since.lock().unwrap() = (instant, Instant::now());
    }
}

impl Clock for Driven {
    fn now(&self) -> Timestamp {
        let (began, since) = *self.since.lock().unwrap();
        clock::add(began, since.elapsed() * self.times)
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let left = clock::between(self.now(), instant) / self.times;
        Box::pin(tokio::time::sleep(left.min(Duration::from_secs(3600)) + Duration::from_millis(1)))
    }
}

/// The world.
pub struct Shop {
    home: Home,
    pub clock: Arc<Driven>,
    pub sage: sage100::Handle,
    pub station: shipstation::Handle,
}

at_home!(Shop);

impl Shop {
    /// A world in which it is `start`, with so many orders in Sage, and a mapping called `shop` between the roles `erp`, `v1`
    /// and `v2`, whose head is written already.
    pub async fn new(
        start: &str,
        orders: usize,
        settings: &str,
        mapping: &str,
        change: impl FnOnce(&mut shipstation::Options),
    ) -> Self {
        let clock = Driven::at(start, 20);
        let orders = sage100::Orders { count: orders, ..crate::world::none() };
        let options = sage100::Options { clock: clock.clone(), orders, ..sage100::Options::default() };
        let sage = Sage100::start(options, listener().await).await.unwrap();
        let mut options = shipstation::Options {
            clock: clock.clone(),
            visibility_lag: Duration::ZERO,
            ..shipstation::Options::default()
        };
        change(&mut options);
        let station = ShipStation::start(options, listener().await).await.unwrap();
        let shop = Self { home: Home::new(clock.clone()), clock, sage, station };
        let (erp, url) = (shop.sage.url(), shop.station.url());
        let config = format!(
            "connections:\n  erp: {{ system: sage100, settings: {{ agent_url: \"{erp}\", company: ABC }} }}\n\
             \x20 v1: {{ system: shipstation-v1, settings: {{ base_url: \"{url}\", {settings} }} }}\n\
             \x20 v2: {{ system: shipstation-v2, settings: {{ base_url: \"{url}\", warehouse_id: se-17977, late_effect: 2s, lookup_lag: 2s }} }}\n\
             mappings:\n  shop: {{ connections: {{ erp: erp, v1: v1, v2: v2 }} }}\n"
        );
        shop.write("ml-connector.yaml", &config);
        let head =
            "mapping: shop\ntitle: Shop\nsystems: { erp: sage100, v1: shipstation-v1, v2: shipstation-v2 }\n";
        shop.write("mappings/shop.yaml", &format!("{head}{mapping}"));
        shop.set_secrets([
            ("erp.api_key", "sim-key"),
            ("v1.api_key", "sim-key"),
            ("v1.api_secret", "sim-secret"),
            ("v2.api_key", "sim-v2-key"),
        ]);
        shop
    }

    /// Runs until idle; nothing may be in trouble, and ShipStation was never asked too often or wrongly.
    pub async fn run_well(&self) {
        let summary = self.run().await;
        assert_eq!(summary.troubles, []);
        let counts = self.station.system.summary();
        assert_eq!((counts.v1_throttled, counts.v2_throttled), (0, 0), "{counts:#?}");
        assert_eq!(counts.contract_violations, 0, "{:#?}", self.station.system.state().contract_violations);
    }

    /// All records, by id.
    pub async fn records(&self) -> Vec<Record> {
        self.home.records(&[]).await
    }

    /// The rows of a table, by key.
    pub fn rows(&self, table: &str) -> Vec<(String, Value)> {
        self.home.rows(&format!("shop/{table}"))
    }

    /// Asks ShipStation's V1 directly, as another program would.
    pub fn ask(&self, method: &str, target: &str, body: Option<&Value>) -> Answer {
        let basic = format!("Basic {}", STANDARD.encode("sim-key:sim-secret"));
        self.station.system.act(&Call::new(method, target, body).with("authorization", &basic), None)
    }

    /// Writes an order into ShipStation, as another program would.
    pub fn write_order(&self, number: &str) {
        let order = json!({
            "orderNumber": number, "orderKey": number, "orderDate": "2026-01-15 08:46:27", "orderStatus": "awaiting_shipment",
            "billTo": { "name": "Jane Doe" }, "shipTo": { "name": "Jane Doe", "city": "Austin", "country": "US" },
            "items": [{ "sku": "A", "name": "Widget", "quantity": 2 }],
        });
        let answer = self.ask("POST", "/orders/createorder", Some(&order));
        assert_eq!(answer.status, 200, "{}", answer.value());
    }

    /// How often an operation was asked for, by anybody but [`ask`](Self::ask).
    pub fn asked(&self, endpoint: &str) -> usize {
        self.station.system.controls().requests().iter().filter(|entry| entry.endpoint == endpoint).count()
    }
}
