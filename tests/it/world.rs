//! A world to test in: the simulators of Sage 100 and UPS, a configuration directory that points at them, and an engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ml_connector::base::{Clock, Secret, SystemClock};
use ml_connector::diagnostics::Sources;
use ml_connector::engine::command::{Command, Order, Ordered, Reply, Selection, Shown, Status, Truth};
use ml_connector::engine::{Engine, Parts, RunOptions, RunSummary};
use ml_connector::simulator::faults::Rule;
use ml_connector::simulator::sage100::{self, Orders, Sage100};
use ml_connector::simulator::ups::{self, Ups};
use ml_connector::simulator::verdict::{Verdict, verdict};
use ml_connector::spec;
use ml_connector::store::redb::RedbStore;
use ml_connector::store::{Record, RecordQuery, RecordState, Store};
use ml_connector::vault::{MasterKey, Vault};
use tokio::net::TcpListener;

/// What a test wants of its world.
pub struct Wishes {
    pub orders: Orders,
    pub ups: ups::Options,
    pub sage: sage100::Options,
    /// UPS settings that differ from the usual: YAML lines below `settings:`.
    pub ups_settings: &'static str,
}

impl Wishes {
    /// So many orders, all of which should ship.
    pub fn plain(count: usize) -> Self {
        let orders = Orders {
            count,
            unknown_address: 0.0,
            ambiguous_address: 0.0,
            refused_service: 0.0,
            weightless: 0.0,
            canada: 0.0,
            not_ready: 0.0,
            not_ups: 0.0,
            ..Orders::default()
        };
        Self::with(orders)
    }

    /// These orders.
    pub fn with(orders: Orders) -> Self {
        Self {
            orders,
            ups: ups::Options { visibility_lag: Duration::from_millis(20), ..ups::Options::default() },
            sage: sage100::Options::default(),
            ups_settings: "      timeout: 2s\n      late_effect: 200ms\n      lookup_lag: 200ms\n      when_absent: recreate\n",
        }
    }
}

/// The world.
pub struct World {
    pub directory: tempfile::TempDir,
    pub sage: sage100::Handle,
    pub ups: ups::Handle,
    pub clock: Arc<dyn Clock>,
}

impl World {
    /// Starts the simulators and writes the configuration.
    pub async fn new(wishes: Wishes) -> Self {
        let sage_options = sage100::Options { orders: wishes.orders, ..wishes.sage };
        let sage = Sage100::start(sage_options, listener().await).await.unwrap();
        let ups = Ups::start(wishes.ups, listener().await).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let world = Self { directory, sage, ups, clock: SystemClock::shared() };
        world.write_config(wishes.ups_settings);
        MasterKey::generate_file(&world.path().join("master.key")).unwrap();
        let vault = world.vault();
        let now = world.clock.now();
        vault.set("sage.api_key", &Secret::new("sim-key"), now).unwrap();
        vault.set("ups.client_id", &Secret::new("sim-client"), now).unwrap();
        vault.set("ups.client_secret", &Secret::new("sim-secret"), now).unwrap();
        world
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    pub fn vault(&self) -> Vault {
        let key = MasterKey::from_file(&self.path().join("master.key")).unwrap();
        Vault::open(&self.path(), key).unwrap()
    }

    /// Writes `ml-connector.yaml`.
    pub fn write_config(&self, ups_settings: &str) {
        let (sage, ups) = (self.sage.url(), self.ups.url());
        let text = format!(
            "connections:\n\
             \x20 sage:\n    system: sage100\n    settings:\n      agent_url: {sage}\n      company: ABC\n\
             \x20 ups:\n    system: ups\n    settings:\n      base_url: {ups}\n      account: A1B2C3\n\
             \x20     rate_limit: 100000\n{ups_settings}\
             \x20     shipper: {{ name: Demo Shipper, lines: [1 Warehouse Way], city: Louisville, state: KY, \
             postal_code: \"40213\", country: US, phone: \"5025550100\" }}\n\
             mappings:\n  sage100-ups:\n    connections: {{ erp: sage, carrier: ups }}\n"
        );
        std::fs::write(self.path().join("ml-connector.yaml"), text).unwrap();
    }

    /// Opens the store and makes an engine, as a start of the program does.
    pub fn engine(&self) -> (Arc<Engine>, Arc<RedbStore>) {
        let mut sources = Sources::default();
        let (config, findings) = spec::load_config(&self.path(), &mut sources);
        let told = ml_connector::diagnostics::human::render(&findings, &sources, false);
        let config = config.unwrap_or_else(|| panic!("{told}"));
        let store = Arc::new(RedbStore::open(&config.state, self.clock.now()).unwrap());
        let engine = Engine::new(Parts {
            config: Arc::new(config),
            store: store.clone(),
            vault: Arc::new(self.vault()),
            clock: Arc::clone(&self.clock),
            epoch: store.epoch(),
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

    /// What both systems' books say.
    pub fn verdict(&self) -> Verdict {
        verdict(&self.sage.system.state(), &self.ups.system.state())
    }

    /// Switches a fault of UPS on.
    pub fn ups_fault(&self, rule: Rule) {
        self.ups.system.controls().switch_on(rule).unwrap();
    }

    /// Switches a fault of Sage on.
    pub fn sage_fault(&self, rule: Rule) {
        self.sage.system.controls().switch_on(rule).unwrap();
    }

    /// Gives a command to an engine that is not running.
    pub async fn command(&self, command: Command) -> Reply {
        let (engine, store) = self.engine();
        let reply = engine.command(command).await;
        drop(engine);
        store.close().unwrap();
        reply
    }

    /// The records in a state.
    pub async fn records(&self, state: RecordState) -> Vec<Record> {
        let query = RecordQuery { states: vec![state], ..RecordQuery::default() };
        match self.command(Command::Records(query)).await {
            Reply::Records(records) => records,
            other => panic!("{other:?}"),
        }
    }

    /// One record with all that belongs to it.
    pub async fn show(&self, text: &str) -> Shown {
        match self.command(Command::Show { text: text.to_owned() }).await {
            Reply::Shown(shown) => *shown,
            other => panic!("{other:?}"),
        }
    }

    /// How everything stands.
    pub async fn status(&self) -> Status {
        match self.command(Command::Status).await {
            Reply::Status(status) => *status,
            other => panic!("{other:?}"),
        }
    }

    /// Resolves one record's doubt.
    pub async fn resolve(&self, text: &str, truth: Truth) -> Ordered {
        match self.command(Command::Resolve { order: order(text), truth }).await {
            Reply::Ordered(mut told) => told.remove(0),
            other => panic!("{other:?}"),
        }
    }
}

/// An order about one record.
pub fn order(text: &str) -> Order {
    Order {
        which: Selection::Named(vec![text.to_owned()]),
        operator: "tester".to_owned(),
        reason: "a test".to_owned(),
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}
