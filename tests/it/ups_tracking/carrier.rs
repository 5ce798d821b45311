//! UPS, simulated, and an engine that follows its parcels in the way that a test chooses.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use ml_connector::base::{Clock, clock};
use ml_connector::engine::command::Command;
use ml_connector::engine::{Engine, EngineError, RunOptions, RunSummary};
use ml_connector::server::intake;
use ml_connector::simulator::exchange::Call;
use ml_connector::simulator::post::post;
use ml_connector::simulator::system::System;
use ml_connector::simulator::ups::{self, Ups, Webhook};
use ml_connector::store::redb::RedbStore;
use ml_connector::store::{Record, RecordQuery};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::home::{Home, at_home, listener};

/// How parcels are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Pushed by Track Alert v2.
    V2,
    /// Pushed by Track Alert v1.
    V1,
    /// Asked for by number.
    Track,
    /// Polled from Quantum View.
    Poll,
    /// Pushed, with polls beneath.
    All,
}

impl Way {
    fn pushes(self) -> bool {
        matches!(self, Self::V2 | Self::V1 | Self::All)
    }

    fn setting(self) -> &'static str {
        match self {
            Self::V2 | Self::All => "v2",
            Self::V1 => "v1",
            Self::Track | Self::Poll => "'off'",
        }
    }

    fn mapping(self) -> String {
        let mut flows = NEWS.to_owned();
        if self == Self::Track {
            flows = flows.replace("    record: event\n", "      - told: {}\n    record: event\n");
            flows += LABELS;
            flows += LOOK;
        }
        if self.pushes() {
            flows += WATCH;
        }
        format!("mapping: parcels\ntitle: Parcels\nsystems: {{ carrier: ups }}\nflows:\n{flows}")
    }

    fn sources(self) -> String {
        let used = |source: &str| match source {
            "track_alert" => matches!(self, Self::V2 | Self::All),
            "track_alert_v1" => self == Self::V1,
            _ => matches!(self, Self::Poll | Self::All),
        };
        ["track_alert", "track_alert_v1", "quantum_view"]
            .into_iter()
            .map(|source| format!("          carrier.{source}: {{ enabled: {} }}\n", used(source)))
            .collect()
    }
}

/// One record a parcel: what was told of it last.
const NEWS: &str = r#"
  news:
    title: What happened to parcels
    source:
      - webhook: carrier.track_alert
      - webhook: carrier.track_alert_v1
      - poll: { stream: carrier.quantum_view, every: 1m }
    record: event
    key: "{{ event.tracking_number }}"
    idempotency_key: "{{ event.tracking_number }}"
    merge: { by: "{{ [event.rank, event.at] }}", keep: [estimated, delivered] }
    steps:
      - set: { known: true }
"#;

/// Everything of Quantum View, event by event: what to do with a parcel begins there.
const LABELS: &str = r#"
  labels:
    title: Parcels there are
    source: { poll: { stream: carrier.quantum_view, every: 1m } }
    record: event
    key: "{{ event.tracking_number }} {{ event.status }} {{ event.local }}"
    idempotency_key: "{{ event.tracking_number }} {{ event.status }} {{ event.local }}"
    steps:
      - tell: { look: { tracking_number: "{{ event.tracking_number }}", last: "{{ event.status }}" } }
"#;

const WATCH: &str = r#"
  watch:
    title: Parcels that are watched
    source: { poll: { stream: carrier.quantum_view, every: 1m } }
    record: event
    key: "{{ event.tracking_number }}"
    idempotency_key: "{{ event.tracking_number }}"
    merge: { by: "{{ 0 - event.rank }}", keep: [location] }
    on_change: { watch: "{{ event.tracking_number }}" }
    steps:
      - id: subscription
        call: carrier.subscribe
        with: { tracking_number: "{{ event.tracking_number }}" }
"#;

const LOOK: &str = r#"
  look:
    title: Parcels that are looked at
    source: { told: { record: { tracking_number: text(35), last: text } } }
    record: parcel
    key: "{{ parcel.tracking_number }}"
    idempotency_key: "{{ parcel.tracking_number }}"
    steps:
      - id: seen
        call: carrier.track
        with: { tracking_number: "{{ parcel.tracking_number }}" }
      - tell: { news: "{{ seen.events }}" }
"#;

/// The wall's clock, so many times as fast, which can be set forward.
#[derive(Debug)]
pub struct Hasty {
    times: u32,
    began: Instant,
    start: Mutex<Timestamp>,
}

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        clock::add(*self.start.lock().unwrap(), self.began.elapsed() * self.times)
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let left = clock::between(self.now(), instant) / self.times;
        Box::pin(tokio::time::sleep(left.min(Duration::from_secs(3_600)) + Duration::from_millis(1)))
    }
}

/// The world.
pub struct Carrier {
    home: Home,
    pub clock: Arc<Hasty>,
    pub ups: ups::Handle,
    address: SocketAddr,
}

at_home!(Carrier);

impl Carrier {
    pub async fn new(way: Way, change: impl FnOnce(&mut ups::Options)) -> Self {
        Self::at_pace(20, way, change).await
    }

    /// One in which time passes so many times as fast as outside.
    pub async fn at_pace(times: u32, way: Way, change: impl FnOnce(&mut ups::Options)) -> Self {
        let start = Mutex::new("2026-11-20T15:00:00Z".parse().unwrap());
        let clock = Arc::new(Hasty { times, began: Instant::now(), start });
        // A port that was free a moment ago.
        let address = listener().await.local_addr().unwrap();
        let mut options = ups::Options {
            clock: clock.clone(),
            visibility_lag: Duration::ZERO,
            webhook: Some(Webhook {
                url: format!("http://{address}/hooks/ups/track_alert"),
                token_url: format!("http://{address}/token/ups"),
                client_id: "ups-pushes".into(),
                client_secret: "secret-of-pushes".into(),
            }),
            ..ups::Options::default()
        };
        change(&mut options);
        let ups = Ups::start(options, listener().await).await.unwrap();
        let carrier = Self { home: Home::new(clock.clone()), clock, ups, address };
        carrier.configure(way);
        carrier
    }

    fn configure(&self, way: Way) {
        let (url, setting, address) = (self.ups.url(), way.setting(), self.address);
        let shipper = "{ name: Company, lines: [10 Lovely Street], city: Raleigh, state: NC, postal_code: \"27615\", country: US }";
        self.write(
            "ml-connector.yaml",
            &format!(
                "connections:\n  ups:\n    system: ups\n    settings: {{ base_url: \"{url}\", account: A1B2C3, \
                 track_alert: {setting}, shipper: {shipper} }}\n\
                 mappings:\n  parcels:\n    connections: {{ carrier: ups }}\n    flows:\n      news:\n        sources:\n{}\
                 intake:\n  listen: {address}\n  url: http://{address}\n",
                way.sources()
            ),
        );
        self.write("mappings/parcels.yaml", &way.mapping());
        self.set_secrets([
            ("ups.client_id", "sim-client"),
            ("ups.client_secret", "sim-secret"),
            ("ups.push_client_id", "ups-pushes"),
            ("ups.push_client_secret", "secret-of-pushes"),
            ("ups.push_credential", "credential-of-pushes"),
        ]);
    }

    /// Books a parcel, as another program would.
    pub fn book(&self, reference: &str) -> String {
        let place = |line: &str, city: &str, state: &str, code: &str| json!({ "AddressLine": [line], "City": city, "StateProvinceCode": state, "PostalCode": code, "CountryCode": "US" });
        let body = json!({ "ShipmentRequest": {
            "Request": { "RequestOption": "nonvalidate" },
            "Shipment": {
                "Shipper": { "Name": "Company", "ShipperNumber": "A1B2C3", "Address": place("10 Lovely Street", "Raleigh", "NC", "27615") },
                "ShipTo": { "Name": "Jane Doe", "Address": place("7007 Sea World Dr", "Orlando", "FL", "32821") },
                "PaymentInformation": { "ShipmentCharge": [{ "Type": "01", "BillShipper": { "AccountNumber": "A1B2C3" } }] },
                "Service": { "Code": "03" },
                "Package": [{
                    "Packaging": { "Code": "02" },
                    "PackageWeight": { "UnitOfMeasurement": { "Code": "LBS", "Description": "Pounds" }, "Weight": "8.0" },
                    "ReferenceNumber": [{ "Value": reference }],
                }],
            },
            "LabelSpecification": { "LabelImageFormat": { "Code": "GIF" }, "LabelStockSize": { "Height": "6", "Width": "4" } },
        }});
        let basic = format!("Basic {}", STANDARD.encode("sim-client:sim-secret"));
        let mut token = Call::new("POST", "/security/v1/oauth/token", None).with("authorization", &basic);
        token.body = "grant_type=client_credentials".into();
        let token = self.ups.system.act(&token, None).value()["access_token"].as_str().unwrap().to_owned();
        let call = Call::new("POST", "/api/shipments/v2409/ship", Some(&body))
            .with("authorization", &format!("Bearer {token}"));
        let booked = self.ups.system.act(&call, None).value();
        let id = &booked["ShipmentResponse"]["ShipmentResults"]["ShipmentIdentificationNumber"];
        id.as_str().unwrap_or_else(|| panic!("{booked}")).to_owned()
    }

    /// From now on neither look-ups nor subscriptions know this parcel.
    pub fn hide(&self, number: &str) {
        let call = Call::new("POST", "/_sim", None);
        assert_eq!(self.ups.system.control(&call, &["shipments", number, "hide"]).unwrap().status, 204);
    }

    /// Lets so much time pass at once.
    pub fn pass(&self, time: SignedDuration) {
        let mut start = self.clock.start.lock().unwrap();
        *start += time;
    }

    /// Runs until idle; nothing may be in trouble, and UPS was asked as its contracts want it.
    pub async fn run_well(&self) {
        let summary = self.run().await;
        assert_eq!(summary.troubles, []);
        self.well();
    }

    fn well(&self) {
        let state = self.ups.system.state();
        assert_eq!(state.contract_violations, []);
    }

    /// The records of a flow.
    pub async fn of(&self, flow: &str) -> Vec<Record> {
        let mut records = self.records(&[]).await;
        records.retain(|record| record.id.flow() == flow);
        records
    }

    /// How often an operation was asked for.
    pub fn asked(&self, endpoint: &str) -> usize {
        self.ups.system.controls().requests().iter().filter(|entry| entry.endpoint == endpoint).count()
    }

    /// Starts an engine with its intake, which goes on until it is ended.
    pub async fn start(&self) -> Running<'_> {
        let (engine, store) = self.engine();
        let intake = intake::bind(self.config().intake.as_ref().unwrap()).await.unwrap();
        let (stop, hold) = (CancellationToken::new(), CancellationToken::new());
        let serving = tokio::spawn(intake::serve(Arc::clone(&engine), intake, stop.clone()));
        let options =
            RunOptions { until_idle: true, hold: Some(hold.clone()), stop: CancellationToken::new() };
        let working = tokio::spawn({
            let engine = Arc::clone(&engine);
            async move { engine.run(options).await }
        });
        Running { carrier: self, engine, store, stop, hold, serving, working }
    }
}

/// An engine at work.
pub struct Running<'a> {
    carrier: &'a Carrier,
    engine: Arc<Engine>,
    store: Arc<RedbStore>,
    stop: CancellationToken,
    hold: CancellationToken,
    serving: JoinHandle<()>,
    working: JoinHandle<Result<RunSummary, EngineError>>,
}

impl Running<'_> {
    /// Waits until something is so.
    pub async fn until(&self, so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !so() {
            if begun.elapsed() > Duration::from_secs(30) {
                let records = self.engine.command(Command::Records(RecordQuery::default())).await;
                panic!("{records:#?}\n{:#?}", self.carrier.ups.system.outbox().told());
            }
            assert!(!self.working.is_finished(), "the engine has ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Pushes something with this token, as UPS would; gives the status of the answer.
    pub async fn push(&self, token: &str, body: &Value) -> u16 {
        let headers = [("authorization".to_owned(), format!("Bearer {token}"))];
        let to = format!("http://{}/hooks/ups/track_alert", self.carrier.address);
        let limit = Duration::from_secs(10);
        post(&to, &headers, body.to_string().as_bytes(), limit).await.unwrap().status
    }

    /// Lets it poll once more, work off what there is, and end.
    pub async fn end(self) {
        self.hold.cancel();
        let summary =
            tokio::time::timeout(Duration::from_secs(60), self.working).await.unwrap().unwrap().unwrap();
        assert_eq!(summary.troubles, []);
        self.stop.cancel();
        self.serving.await.unwrap();
        drop(self.engine);
        self.store.close().unwrap();
        self.carrier.well();
    }
}

/// What a step of a record gave.
pub trait Results {
    fn result(&self, step: &str) -> Value;
}

impl Results for Record {
    fn result(&self, step: &str) -> Value {
        let found = self.results.iter().find(|result| result.step == step);
        found.unwrap_or_else(|| panic!("{self:#?}")).value.clone()
    }
}
