//! An ERP with UPS behind it, an engine that takes what is pushed, and what both sides' books say in the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ml_connector::base::Clock;
use ml_connector::engine::{Engine, RunOptions, RunSummary};
use ml_connector::server::intake;
use ml_connector::simulator::delivery::{Deliveries, deliveries};
use ml_connector::simulator::due::Due;
use ml_connector::simulator::expectation::Expectation;
use ml_connector::simulator::sage100::{self, Sage100};
use ml_connector::simulator::sagex3::{self, SageX3};
use ml_connector::simulator::syspro::{self, Syspro};
use ml_connector::simulator::ups::{self, Ups};
use ml_connector::store::redb::RedbStore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::home::{Home, at_home, listener};

const PUSH_ID: &str = "push-id";
const PUSH_SECRET: &str = "push-secret-of-the-test";

/// Which ERP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    Sage100,
    SageX3,
    Syspro,
}

/// How it is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    pub pair: Pair,
    pub orders: usize,
    /// How heavy some orders are, so that they need several parcels.
    pub heavy: f64,
    /// `v1` or `v2`, where UPS pushes.
    pub track_alert: Option<&'static str>,
    /// Settings of the mapping: YAML lines.
    pub settings: &'static str,
    /// What of the mapping's flows is otherwise: YAML lines.
    pub flows: &'static str,
}

/// The ERP.
pub enum Erp {
    Sage100(sage100::Handle),
    SageX3(sagex3::Handle),
    Syspro(syspro::Handle),
}

impl Erp {
    async fn start(setup: &Setup, clock: &Arc<dyn Clock>) -> Self {
        let (count, heavy, clock) = (setup.orders, setup.heavy, Arc::clone(clock));
        match setup.pair {
            Pair::Sage100 => {
                let orders = sage100::Orders { count, heavy, ..crate::world::none() };
                let options = sage100::Options { orders, clock, ..sage100::Options::default() };
                Self::Sage100(Sage100::start(options, listener().await).await.unwrap())
            }
            Pair::SageX3 => {
                let orders = sagex3::Orders { heavy, ..sagex3::Orders::plain(count, count / 4) };
                let options = sagex3::Options { orders, clock, ..sagex3::Options::default() };
                Self::SageX3(SageX3::start(options, listener().await).await.unwrap())
            }
            Pair::Syspro => {
                let orders = syspro::Orders { count, heavy, ..crate::syspro::plain(count) };
                let options = syspro::Options { orders, clock, ..syspro::Options::default() };
                Self::Syspro(Syspro::start(options, listener().await).await.unwrap())
            }
        }
    }

    /// Orders of all kinds.
    pub fn dues(&self) -> Vec<Due> {
        match self {
            Self::Sage100(sage) => sage.system.orders(),
            Self::SageX3(x3) => [x3.system.orders(), x3.system.purchase_orders()].concat(),
            Self::Syspro(syspro) => syspro.system.orders(),
        }
    }

    pub fn doubled(&self) -> u64 {
        match self {
            Self::Sage100(sage) => sage.system.state().write_backs_doubled,
            Self::SageX3(x3) => x3.system.state().write_backs_doubled,
            Self::Syspro(syspro) => syspro.system.state().write_backs_doubled,
        }
    }

    /// How often each order's status was really written.
    pub fn status_writes(&self) -> Vec<u64> {
        match self {
            Self::Sage100(sage) => {
                sage.system.state().orders.iter().map(|order| order.status_writes).collect()
            }
            Self::SageX3(x3) => {
                let state = x3.system.state();
                state.orders.iter().chain(&state.purchase_orders).map(|order| order.status_writes).collect()
            }
            Self::Syspro(syspro) => {
                syspro.system.state().orders.iter().map(|order| order.status_writes).collect()
            }
        }
    }

    fn connections(&self) -> String {
        match self {
            Self::Sage100(sage) => format!(
                "  erp: {{ system: sage100, settings: {{ agent_url: \"{}\", company: ABC }} }}\n",
                sage.url()
            ),
            Self::SageX3(x3) => format!(
                "  erp: {{ system: sagex3, settings: {{ url: \"{0}\", timeout: 5m }} }}\n  \
                 soap: {{ system: sagex3-soap, settings: {{ url: \"{0}\", timeout: 5m }} }}\n",
                x3.url()
            ),
            Self::Syspro(syspro) => format!(
                "  erp: {{ system: syspro-odata, settings: {{ base_url: \"{0}/SYSPRO8Odata/SYSPROOData\" }} }}\n  \
                 enet: {{ system: syspro, settings: {{ rest_url: \"{0}/SYSPROWCFService/Rest\", company: EDU1 }} }}\n",
                syspro.url()
            ),
        }
    }

    fn mapping(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Sage100(_) => ("sage100-ups", "{ erp: erp, carrier: ups }", ""),
            Self::SageX3(_) => (
                "sagex3-ups",
                "{ erp: erp, erp_soap: soap, carrier: ups }",
                "      sites: { NA011: { name: Demo Site, lines: [1 Warehouse Way], city: Irvine, state: CA, \
                 postal_code: \"92618\", country: US, phone: \"9495550100\" } }\n",
            ),
            Self::Syspro(_) => ("syspro-ups", "{ erp: erp, enet: enet, carrier: ups }", ""),
        }
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Sage100(sage) => {
                let key = sage.system.options().api_key.clone();
                key.map(|key| ("erp.api_key", key)).into_iter().collect()
            }
            Self::SageX3(x3) => {
                let known = x3.system.options();
                let names = ["erp.username", "soap.username", "erp.password", "soap.password"];
                let values = [&known.user, &known.user, &known.password, &known.password];
                names.into_iter().zip(values.into_iter().cloned()).collect()
            }
            Self::Syspro(syspro) => {
                let known = syspro.system.options();
                vec![
                    ("erp.operator", known.operator.clone()),
                    ("erp.operator_password", known.operator_password.clone()),
                    ("enet.operator", known.operator.clone()),
                    ("enet.operator_password", known.operator_password.clone()),
                    ("enet.company_password", known.company_password.clone()),
                ]
            }
        }
    }
}

/// The road from one to the other.
pub struct Road {
    pub home: Home,
    pub erp: Erp,
    pub ups: ups::Handle,
}

at_home!(Road);

impl Road {
    pub async fn new(clock: Arc<dyn Clock>, setup: &Setup) -> Self {
        let erp = Erp::start(setup, &clock).await;
        let options = ups::Options {
            clock: Arc::clone(&clock),
            visibility_lag: Duration::from_millis(20),
            push_retries: vec![Duration::from_secs(30); 20],
            ..ups::Options::default()
        };
        let ups = Ups::start(options, listener().await).await.unwrap();
        let road = Self { home: Home::new(clock), erp, ups };
        road.configure(setup).await;
        road
    }

    async fn configure(&self, setup: &Setup) {
        let (name, roles, more) = self.erp.mapping();
        let port = listener().await.local_addr().unwrap().port();
        let text = format!(
            "connections:\n{}  ups:\n    system: ups\n    settings:\n      base_url: {}\n      account: A1B2C3\n      \
             rate_limit: 1000000\n      timeout: 5m\n      late_effect: 200ms\n      lookup_lag: 200ms\n      \
             when_absent: recreate\n      track_alert: \"{}\"\n      \
             shipper: {{ name: Demo Shipper, lines: [1 Warehouse Way], city: Irvine, state: CA, postal_code: \"92618\", \
             country: US, phone: \"9495550100\" }}\n\
             mappings:\n  {name}:\n    connections: {roles}\n    settings:\n      track_alert: {}\n      \
             subscribe_again: 20s\n{more}{}{}\
             intake:\n  listen: 127.0.0.1:{port}\n  url: http://127.0.0.1:{port}\n",
            self.erp.connections(),
            self.ups.url(),
            setup.track_alert.unwrap_or("off"),
            setup.track_alert.is_some(),
            setup.settings,
            setup.flows,
        );
        self.write("ml-connector.yaml", &text);
        let known = self.ups.system.options();
        self.set_secrets([
            ("ups.client_id", &*known.client_id),
            ("ups.client_secret", &known.client_secret),
            ("ups.push_client_id", PUSH_ID),
            ("ups.push_client_secret", PUSH_SECRET),
            ("ups.push_credential", PUSH_SECRET),
        ]);
        self.set_secrets(self.erp.secrets().iter().map(|(name, value)| (*name, value.as_str())));
        let base = format!("http://127.0.0.1:{port}");
        self.ups.system.set_webhook((setup.track_alert == Some("v2")).then(|| ups::Webhook {
            url: format!("{base}/hooks/ups/track_alert"),
            token_url: format!("{base}/token/ups"),
            client_id: PUSH_ID.to_owned(),
            client_secret: PUSH_SECRET.to_owned(),
        }));
    }

    /// Starts the engine and its listener, which work until they are stopped or let go.
    pub async fn drive(&self) -> Driving {
        let (engine, store) = self.engine();
        let listener = intake::bind(engine_intake(&self.home).as_ref().unwrap()).await.unwrap();
        let closing = CancellationToken::new();
        let serving = tokio::spawn(intake::serve(Arc::clone(&engine), listener, closing.clone()));
        let (hold, stop) = (CancellationToken::new(), CancellationToken::new());
        let options = RunOptions { until_idle: true, hold: Some(hold.clone()), stop: stop.clone() };
        let running = Arc::clone(&engine);
        let run = tokio::spawn(async move { running.run(options).await.unwrap() });
        Driving { engine, store, run, serving, closing, hold, stop }
    }

    /// Waits until something holds, which it must come to.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < Duration::from_secs(60), "{what}: {:#?}", self.judged());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All parcels that UPS has.
    pub fn parcels(&self) -> Vec<String> {
        self.ups.system.state().statuses().into_keys().collect()
    }

    pub fn judged(&self) -> Deliveries {
        deliveries(&self.erp.dues(), &self.ups.system.carriage(), self.erp.doubled())
    }

    /// Until every order that should ship has shipped, and UPS watches every parcel where it is asked to.
    pub async fn shipped(&self, setup: &Setup) {
        self.until("shipping", |road| {
            let dues = road.erp.dues();
            let mut due = dues.iter().filter(|due| due.expectation == Expectation::Ships);
            due.all(|due| !due.tracking.is_empty())
        })
        .await;
        if setup.track_alert.is_some() {
            self.until("subscribing", |road| {
                let state = road.ups.system.state();
                let watched = |number: &String| state.subscriptions.iter().any(|one| one.number == *number);
                road.parcels().iter().all(watched)
            })
            .await;
        }
    }
}

fn engine_intake(home: &Home) -> Option<ml_connector::spec::model::Intake> {
    home.config().intake.clone()
}

/// An engine that works.
pub struct Driving {
    engine: Arc<Engine>,
    store: Arc<RedbStore>,
    run: JoinHandle<RunSummary>,
    serving: JoinHandle<()>,
    closing: CancellationToken,
    hold: CancellationToken,
    stop: CancellationToken,
}

impl Driving {
    /// Lets it finish what there is.
    pub async fn finish(self) -> RunSummary {
        self.hold.cancel();
        self.end().await
    }

    /// Stops it where it is.
    pub async fn stop(self) -> RunSummary {
        self.stop.cancel();
        self.end().await
    }

    async fn end(self) -> RunSummary {
        let summary = tokio::time::timeout(Duration::from_secs(60), self.run).await.unwrap().unwrap();
        self.closing.cancel();
        self.serving.await.unwrap();
        drop(self.engine);
        self.store.close().unwrap();
        summary
    }
}
