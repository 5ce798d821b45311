//! A world with the simulators of Sage 100 and ShipStation, and an engine between them.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ml_connector::base::{Clock, Secret, clock};
use ml_connector::diagnostics::{Sources, human};
use ml_connector::engine::command::{Command, Reply};
use ml_connector::engine::{Engine, Parts, RunOptions, RunSummary};
use ml_connector::simulator::exchange::{Answer, Call};
use ml_connector::simulator::sage100::{self, Sage100};
use ml_connector::simulator::shipstation::{self, ShipStation};
use ml_connector::simulator::system::System;
use ml_connector::spec;
use ml_connector::store::redb::RedbStore;
use ml_connector::store::{AuditEntry, AuditQuery, Record, RecordQuery, Store};
use ml_connector::vault::{MasterKey, Vault};
use serde_json::{Value, json};
use tokio::net::TcpListener;

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
    directory: tempfile::TempDir,
    pub clock: Arc<Driven>,
    pub sage: sage100::Handle,
    pub station: shipstation::Handle,
}

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
        let shop = Self { directory: tempfile::tempdir().unwrap(), clock, sage, station };
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
        MasterKey::generate_file(&shop.directory.path().join("master.key")).unwrap();
        let secrets = [
            ("erp.api_key", "sim-key"),
            ("v1.api_key", "sim-key"),
            ("v1.api_secret", "sim-secret"),
            ("v2.api_key", "sim-v2-key"),
        ];
        for (name, value) in secrets {
            shop.vault().set(name, &Secret::new(value), shop.clock.now()).unwrap();
        }
        shop
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.directory.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn vault(&self) -> Vault {
        let path: PathBuf = self.directory.path().to_owned();
        Vault::open(&path, MasterKey::from_file(&path.join("master.key")).unwrap()).unwrap()
    }

    fn engine(&self) -> (Arc<Engine>, Arc<RedbStore>) {
        let mut sources = Sources::default();
        let (config, findings) = spec::load_config(self.directory.path(), &mut sources);
        let told = human::render(&findings, &sources, false);
        let config = Arc::new(config.unwrap_or_else(|| panic!("{told}")));
        let store = Arc::new(RedbStore::open(&config.state, self.clock.now()).unwrap());
        let engine = Engine::new(Parts {
            config,
            store: store.clone(),
            vault: Arc::new(self.vault()),
            clock: self.clock.clone(),
            epoch: store.epoch(),
            restored: store.opening().older,
        });
        (engine.unwrap(), store)
    }

    /// Runs a fresh engine until nothing is left to do.
    pub async fn run(&self) -> RunSummary {
        let (engine, store) = self.engine();
        let summary = engine.run(RunOptions { until_idle: true, ..RunOptions::default() }).await.unwrap();
        drop(engine);
        store.close().unwrap();
        summary
    }

    /// Runs until idle; nothing may be in trouble, and ShipStation was never asked too often or wrongly.
    pub async fn run_well(&self) {
        let summary = self.run().await;
        assert_eq!(summary.troubles, []);
        let counts = self.station.system.summary();
        assert_eq!((counts.v1_throttled, counts.v2_throttled), (0, 0), "{counts:#?}");
        assert_eq!(counts.contract_violations, 0, "{:#?}", self.station.system.state().contract_violations);
    }

    async fn command(&self, command: Command) -> Reply {
        let (engine, store) = self.engine();
        let reply = engine.command(command).await;
        drop(engine);
        store.close().unwrap();
        reply
    }

    /// All records, by id.
    pub async fn records(&self) -> Vec<Record> {
        match self.command(Command::Records(RecordQuery::default())).await {
            Reply::Records(mut records) => {
                records.sort_by(|one, other| one.id.cmp(&other.id));
                records
            }
            other => panic!("{other:?}"),
        }
    }

    /// Audit entries of this kind, with what belongs to them.
    pub fn audit(&self, event: &str) -> Vec<AuditEntry> {
        let (_, store) = self.engine();
        let query = AuditQuery { event: Some(event.to_owned()), bodies: true, ..AuditQuery::default() };
        let entries = store.audit(&query).unwrap();
        store.close().unwrap();
        entries
    }

    /// The rows of a table, by key.
    pub fn rows(&self, table: &str) -> Vec<(String, Value)> {
        let (_, store) = self.engine();
        let rows = store
            .rows(&format!("shop/{table}"))
            .unwrap()
            .into_iter()
            .map(|row| (row.key, row.value))
            .collect();
        store.close().unwrap();
        rows
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

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}
