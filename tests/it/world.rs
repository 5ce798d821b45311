//! A world to test in: the simulators of Sage 100 and UPS, a configuration directory that points at them, and an engine.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ml_connector::base::{Clock, SystemClock, clock, crash};
use ml_connector::engine::command::{Command, Order, Ordered, Reply, Selection, Truth};
use ml_connector::simulator::faults::Rule;
use ml_connector::simulator::sage100::{self, Orders, Sage100};
use ml_connector::simulator::ups::{self, Ups};
use ml_connector::simulator::verdict::{Verdict, verdict};
use ml_connector::store::{Record, RecordState};
use serde_json::Value;

use crate::home::{Home, at_home, listener};

/// What a test wants of its world.
pub struct Wishes {
    pub orders: Orders,
    pub ups: ups::Options,
    pub sage: sage100::Options,
    /// UPS settings that differ from the usual: YAML lines below `settings:`.
    pub ups_settings: &'static str,
    /// Sage settings that differ from the usual: YAML lines below `settings:`.
    pub sage_settings: &'static str,
    /// What comes beside Sage's `settings:`, such as `auth:`.
    pub sage_connection: &'static str,
    /// How much faster than the wall's the clock of engine and simulators runs. Processes of their own have only the wall's.
    pub hurry: u32,
}

impl Wishes {
    /// So many orders, all of which should ship.
    pub fn plain(count: usize) -> Self {
        Self::with(Orders { count, ..none() })
    }

    /// These orders.
    pub fn with(orders: Orders) -> Self {
        Self {
            orders,
            ups: ups::Options { visibility_lag: Duration::from_millis(20), ..ups::Options::default() },
            sage: sage100::Options::default(),
            ups_settings: RECREATE,
            sage_settings: "",
            sage_connection: "",
            hurry: 100,
        }
    }

    /// The same, with these UPS settings.
    pub fn ups_settings(self, ups_settings: &'static str) -> Self {
        Self { ups_settings, ..self }
    }

    /// The same, on the wall's clock, with answers that are not waited for long: for programs of their own.
    pub fn unhurried(self) -> Self {
        Self { hurry: 1, ups_settings: HASTY, ..self }
    }
}

/// Both times are known, so what cannot be found may be sent again.
pub const RECREATE: &str = "      late_effect: 200ms\n      lookup_lag: 200ms\n      when_absent: recreate\n";
/// The same for a program that nobody hurries.
pub const HASTY: &str =
    "      timeout: 3s\n      late_effect: 2s\n      lookup_lag: 500ms\n      when_absent: recreate\n";
/// A person is asked.
pub const PARK: &str = "      late_effect: 200ms\n      lookup_lag: 200ms\n      when_absent: park\n";

/// Orders of which none is special.
pub fn none() -> Orders {
    Orders {
        unknown_address: 0.0,
        ambiguous_address: 0.0,
        refused_service: 0.0,
        weightless: 0.0,
        heavy: 0.0,
        canada: 0.0,
        not_ready: 0.0,
        not_ups: 0.0,
        ..Orders::default()
    }
}

/// Paths of the two systems, as rules name them.
pub mod path {
    pub const ADDRESS: &str = "/api/addressvalidation/*";
    pub const RATE: &str = "/api/rating/*";
    pub const SHIP: &str = "/api/shipments/*/ship";
    pub const LOOKUP: &str = "/api/labels/*";
    pub const LIST: &str = "/v1/ABC/tables/SO_SalesOrderHeader";
    pub const TRACKING: &str = "/v1/ABC/sales-orders/*/tracking";
}

/// The wall's clock, so many times faster: a minute of waiting takes no minute.
#[derive(Debug)]
pub struct Hurried {
    times: u32,
    began: Timestamp,
    since: Instant,
}

impl Hurried {
    pub fn shared(times: u32) -> Arc<dyn Clock> {
        Self::from(SystemClock.now(), times)
    }

    /// One that shows `began` now.
    pub fn from(began: Timestamp, times: u32) -> Arc<dyn Clock> {
        Arc::new(Self { times, began, since: Instant::now() })
    }
}

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        clock::add(self.began, self.since.elapsed() * self.times)
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let left = clock::between(self.now(), instant) / self.times;
        // Longer than any test; a year divided is still a year for tokio.
        Box::pin(tokio::time::sleep(left.min(Duration::from_secs(3600)) + Duration::from_millis(1)))
    }
}

/// The world.
pub struct World {
    pub home: Home,
    pub sage: sage100::Handle,
    pub ups: ups::Handle,
}

at_home!(World);

impl World {
    /// Starts the simulators and writes the configuration.
    pub async fn new(wishes: Wishes) -> Self {
        let clock = if wishes.hurry > 1 { Hurried::shared(wishes.hurry) } else { SystemClock::shared() };
        let sage_options =
            sage100::Options { orders: wishes.orders, clock: Arc::clone(&clock), ..wishes.sage };
        let sage = Sage100::start(sage_options, listener().await).await.unwrap();
        let ups_options = ups::Options { clock: Arc::clone(&clock), ..wishes.ups };
        let ups = Ups::start(ups_options, listener().await).await.unwrap();
        let world = Self { home: Home::new(clock), sage, ups };
        world.write_config(wishes.sage_settings, wishes.sage_connection, wishes.ups_settings);
        let options = world.ups.system.options().clone();
        if let Some(key) = world.sage.system.options().api_key.clone() {
            world.set_secret("sage.api_key", &key);
        }
        world.set_secret("ups.client_id", &options.client_id);
        world.set_secret("ups.client_secret", &options.client_secret);
        world
    }

    pub fn set_secret(&self, name: &str, value: &str) {
        self.set_secrets([(name, value)]);
    }

    /// Writes `ml-connector.yaml`.
    fn write_config(&self, sage_settings: &str, sage_connection: &str, ups_settings: &str) {
        let (sage, ups) = (self.sage.url(), self.ups.url());
        let text = format!(
            "connections:\n\
             \x20 sage:\n    system: sage100\n{sage_connection}    settings:\n      agent_url: {sage}\n      company: ABC\n\
             {sage_settings}\
             \x20 ups:\n    system: ups\n    settings:\n      base_url: {ups}\n      account: A1B2C3\n\
             \x20     rate_limit: 1000000\n{ups_settings}\
             \x20     shipper: {{ name: Demo Shipper, lines: [1 Warehouse Way], city: Louisville, state: KY, \
             postal_code: \"40213\", country: US, phone: \"5025550100\" }}\n\
             mappings:\n  sage100-ups:\n    connections: {{ erp: sage, carrier: ups }}\n"
        );
        self.write("ml-connector.yaml", &text);
    }

    /// Gives the configuration its own copy of a shipped file (`systems/ups.yaml`, say) with some texts replaced.
    pub fn own(&self, file: &str, changes: &[(&str, &str)]) {
        let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("mappings").join(file);
        let mut text = std::fs::read_to_string(shipped).unwrap();
        // Its own tests are of the mapping as it is.
        if let Some(tests) = text.find("\n# What this mapping does with") {
            text.truncate(tests);
        }
        for (old, new) in changes {
            assert!(text.contains(old), "{file} does not say `{old}` any more");
            text = text.replace(old, new);
        }
        let own = self.path().join("mappings").join(file);
        std::fs::create_dir_all(own.parent().unwrap()).unwrap();
        std::fs::write(own, text).unwrap();
    }

    /// What failed is tried again soon: for programs of their own, which cannot be hurried.
    pub fn own_hasty_systems(&self) {
        let soon = "retry: { first: 20ms, max: 200ms, attempts: 12 }";
        let retry = "retry: { first: 1s, max: 5m, attempts: 8 }";
        // Nobody waits long for company, either.
        // Who is killed three times over one order has not sent it in vain three times.
        let attempts = ("        attempts: 3", "        attempts: 30");
        self.own("systems/ups.yaml", &[(retry, soon), ("      wait: 2s", "      wait: 100ms"), attempts]);
        self.own("systems/sage100.yaml", &[("retry: { first: 1s, max: 5m, attempts: 12 }", soon)]);
    }

    /// The program itself, about to work on this configuration.
    pub fn program(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_ml-connector"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path())
            .env_remove(crash::VARIABLE)
            .kill_on_drop(true);
        command
    }

    /// Runs until idle; nothing may be in trouble, and every order must have ended as it should.
    pub async fn run_well(&self) {
        let summary = self.run().await;
        assert_eq!(summary.troubles, []);
        self.assert_clean();
    }

    /// Every order ended as it should, by the simulators' books.
    pub fn assert_clean(&self) {
        let verdict = self.verdict();
        assert!(verdict.is_clean(), "{verdict:#?}");
        assert_eq!(verdict.shipped, verdict.expected_to_ship, "{verdict:#?}");
    }

    /// The orders' numbers.
    pub fn numbers(&self) -> Vec<String> {
        self.sage.system.state().orders.into_iter().map(|order| order.number).collect()
    }

    /// Changes an order as a person at Sage would.
    pub fn edit(&self, number: &str, set: Value) {
        self.sage.system.edit_order(number, set.as_object().unwrap(), None).unwrap();
    }

    /// Switches all faults off.
    pub fn heal(&self) {
        self.ups.system.controls().switch_off(None);
        self.sage.system.controls().switch_off(None);
    }

    /// How often an operation of UPS was asked for.
    pub fn asked(&self, endpoint: &str) -> usize {
        self.ups.system.controls().requests().iter().filter(|entry| entry.endpoint == endpoint).count()
    }

    /// What both systems' books say.
    pub fn verdict(&self) -> Verdict {
        verdict(&self.sage.system.state().due(), &self.ups.system.state().sent())
    }

    /// Switches a fault of UPS on.
    pub fn ups_fault(&self, rule: Rule) {
        self.ups.system.controls().switch_on(rule).unwrap();
    }

    /// Switches a fault of Sage on.
    pub fn sage_fault(&self, rule: Rule) {
        self.sage.system.controls().switch_on(rule).unwrap();
    }

    /// The orders' records in a state.
    pub async fn records(&self, state: RecordState) -> Vec<Record> {
        self.records_of("ship_orders", &[state]).await
    }

    /// Gives an order about one record.
    pub async fn order(&self, command: Command) -> Ordered {
        match self.command(command).await {
            Reply::Ordered(mut told) => told.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// Resolves one record's doubt.
    pub async fn resolve(&self, text: &str, truth: Truth) -> Ordered {
        self.order(Command::Resolve { order: order(text), truth }).await
    }

    /// The state of one record.
    pub async fn state(&self, text: &str) -> RecordState {
        self.show(text).await.record.state
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
