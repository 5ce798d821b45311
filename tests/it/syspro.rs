//! SYSPRO and UPS: orders ship once, and their tracking numbers are in SYSPRO, whatever becomes of sessions and answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ml_connector::base::Secret;
use ml_connector::engine::RunSummary;
use ml_connector::simulator::expectation::{Expectation, Reason};
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::syspro::{self, Orders, Syspro};
use ml_connector::simulator::ups::{self, Ups};
use ml_connector::store::{Record, RecordState};
use serde_json::{Map, json};

use crate::home::{Home, at_home, listener};
use crate::world::Hurried;

const POST: &str = "/SYSPROWCFService/Rest/Transaction/Post";

/// SYSPRO, UPS and a configuration that points at them.
struct Site {
    home: Home,
    syspro: syspro::Handle,
    ups: ups::Handle,
}

at_home!(Site);

/// So many orders of which none is special.
pub fn plain(count: usize) -> Orders {
    Orders {
        count,
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

impl Site {
    /// `settings` are the mapping's, as YAML.
    async fn new(orders: Orders, options: syspro::Options, settings: &str) -> Self {
        let clock = Hurried::shared(100);
        let options = syspro::Options { orders, clock: Arc::clone(&clock), ..options };
        let syspro = Syspro::start(options, listener().await).await.unwrap();
        let lag = Duration::from_millis(20);
        let options =
            ups::Options { clock: Arc::clone(&clock), visibility_lag: lag, ..ups::Options::default() };
        let ups = Ups::start(options, listener().await).await.unwrap();
        let site = Self { home: Home::new(clock), syspro, ups };
        site.configure(settings);
        site
    }

    fn configure(&self, settings: &str) {
        let (url, ups) = (self.syspro.url(), self.ups.url());
        let text = format!(
            "connections:\n\
             \x20 enet:\n    system: syspro\n    settings: {{ rest_url: {url}/SYSPROWCFService/Rest, company: EDU1 }}\n\
             \x20 odata:\n    system: syspro-odata\n    settings: {{ base_url: {url}/SYSPRO8Odata/SYSPROOData, page_size: 25 }}\n\
             \x20 ups:\n    system: ups\n    settings:\n      base_url: {ups}\n      account: A1B2C3\n\
             \x20     rate_limit: 1000000\n      late_effect: 200ms\n      lookup_lag: 200ms\n      when_absent: recreate\n\
             \x20     shipper: {{ name: Demo Shipper, lines: [1 Warehouse Way], city: Louisville, state: KY, \
             postal_code: \"40213\", country: US, phone: \"5025550100\" }}\n\
             mappings:\n  syspro-ups:\n    connections: {{ erp: odata, enet: enet, carrier: ups }}\n    settings: {settings}\n"
        );
        self.write("ml-connector.yaml", &text);
        let (syspro, ups) = (self.syspro.system.options(), self.ups.system.options());
        self.set_secrets([
            ("enet.operator", &*syspro.operator),
            ("enet.operator_password", &syspro.operator_password),
            ("enet.company_password", &syspro.company_password),
            ("odata.operator", &syspro.operator),
            ("odata.operator_password", &syspro.operator_password),
            ("ups.client_id", &ups.client_id),
            ("ups.client_secret", &ups.client_secret),
        ]);
    }

    /// Runs a fresh engine until nothing is left to do, and gives its orders' records.
    async fn run(&self) -> (RunSummary, Vec<Record>) {
        let summary = tokio::time::timeout(Duration::from_secs(120), self.home.run()).await.unwrap();
        (summary, self.records_of("ship_orders", &[]).await)
    }

    async fn run_well(&self) -> Vec<Record> {
        let (summary, records) = self.run().await;
        assert_eq!(summary.troubles, []);
        self.assert_clean(&records);
        records
    }

    fn live(&self) -> BTreeMap<String, Vec<Vec<String>>> {
        let mut live: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
        for shipment in self.ups.system.state().shipments.iter().filter(|shipment| shipment.is_live()) {
            let numbers = shipment.tracking_numbers().into_iter().map(str::to_owned).collect();
            live.entry(shipment.references[0].clone()).or_default().push(numbers);
        }
        live
    }

    /// By the books of both: every order that should ship has one shipment, whose numbers are in SYSPRO; no other has any.
    fn assert_clean(&self, records: &[Record]) {
        let mut live = self.live();
        for due in self.syspro.system.orders() {
            let shipments = live.remove(&due.key).unwrap_or_default();
            let told = records
                .iter()
                .find(|record| record.id.key() == due.number)
                .map(|record| (record.state, &record.reason));
            if due.expectation == Expectation::Ships {
                assert_eq!(shipments.len(), 1, "{due:?} {told:?}");
                assert_eq!(due.tracking, shipments[0], "{due:?} {told:?}");
            } else {
                assert!(shipments.is_empty() && due.tracking.is_empty(), "{due:?} {told:?}");
            }
        }
        assert!(live.is_empty(), "shipments without an order: {live:?}");
    }

    fn syspro_fault(&self, rule: Rule) {
        self.syspro.system.controls().switch_on(rule).unwrap();
    }

    fn state(&self, number: &str) -> syspro::OrderState {
        self.syspro.system.state().orders.into_iter().find(|order| order.number == number).unwrap()
    }
}

fn count(records: &[Record], state: RecordState) -> usize {
    records.iter().filter(|record| record.state == state).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_ship_and_syspro_shows_numbers_status_and_cost() {
    let orders = Orders { count: 60, ..Orders::default() };
    let site = Site::new(orders, syspro::Options::default(), "{ status_after: '8' }").await;
    let records = site.run_well().await;
    let expected = |expectation| {
        site.syspro.system.orders().iter().filter(|order| order.expectation == expectation).count()
    };
    assert_eq!(count(&records, RecordState::Done), expected(Expectation::Ships));
    let parked: usize =
        [Reason::UnknownAddress, Reason::AmbiguousAddress, Reason::ServiceRefused, Reason::NoWeight]
            .map(|reason| expected(Expectation::Parked(reason)))
            .iter()
            .sum();
    assert_eq!((count(&records, RecordState::Parked), parked > 3), (parked, true));
    let state = site.syspro.system.state();
    for order in state.orders.iter().filter(|order| order.expectation == Expectation::Ships) {
        assert_eq!((order.status.as_str(), order.custom["ShipmentStatus"].as_str()), ("8", "SHIPPED"));
        assert!(order.custom["ShipmentCost"].parse::<f64>().unwrap() > 0.0, "{order:?}");
        let instructions = order.record["SpecialInstrs"].as_str().unwrap();
        let more = order.tracking.len() - 1;
        let shown =
            if more == 0 { order.tracking[0].clone() } else { format!("{} +{more}", order.tracking[0]) };
        assert_eq!(instructions, shown);
        // The form, the instructions and the status, each once.
        assert_eq!(order.writes, 3, "{order:?}");
    }
    assert!(state.orders.iter().any(|order| order.tracking.len() > 1), "some have several parcels");
    assert_eq!(state.rejected, Vec::<String>::new());
    assert_eq!(
        (state.dropped.len(), state.open_sessions),
        (0, 0),
        "nothing dropped, and logged off at the end"
    );
    // Whoever runs again finds nothing to do, and writes nothing.
    let before = site.syspro.system.state().orders;
    site.run_well().await;
    assert_eq!(site.syspro.system.state().orders, before);
    assert_eq!(site.ups.system.summary().created, count(&records, RecordState::Done));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_log_on_and_answers_that_are_lost_change_nothing() {
    let site = Site::new(Orders { count: 60, ..Orders::default() }, syspro::Options::default(), "{}").await;
    let [any_odata, any_enet] = ["/SYSPRO8Odata/*", "/SYSPROWCFService/Rest/*"];
    site.syspro_fault(Rule::every(Fault::TokenExpired).on("GET", POST).at_random(0.1, 3));
    site.syspro_fault(Rule::every(Fault::RecordLock).on("GET", POST).at_random(0.08, 1));
    site.syspro_fault(Rule::every(Fault::ActThenDrop).on("GET", POST).at_random(0.05, 2));
    site.syspro_fault(Rule::every(Fault::TruncatedBody).on("GET", POST).at_random(0.03, 4));
    site.syspro_fault(Rule::every(Fault::Status500).on("GET", any_enet).at_random(0.02, 5));
    site.syspro_fault(Rule::every(Fault::Status503).on("GET", any_odata).at_random(0.03, 6));
    site.syspro_fault(Rule::every(Fault::HtmlError).on("GET", any_odata).at_random(0.02, 7));
    for (fault, rate, seed) in [(Fault::ActThenDrop, 0.05, 8), (Fault::Status503, 0.03, 9)] {
        let rule = Rule::every(fault).on("POST", "/api/shipments/*/ship").at_random(rate, seed);
        site.ups.system.controls().switch_on(rule).unwrap();
    }
    // Somebody logs on as our operator, again and again.
    let system = Arc::clone(&site.syspro.system);
    let person = tokio::spawn(async move {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            system.human_logon();
        }
    });
    let (summary, _) = site.run().await;
    assert_eq!(summary.troubles, []);
    person.await.unwrap();
    site.syspro.system.controls().switch_off(None);
    site.ups.system.controls().switch_off(None);
    let records = site.run_well().await;
    let shipped =
        site.syspro.system.orders().iter().filter(|due| due.expectation == Expectation::Ships).count();
    assert_eq!(count(&records, RecordState::Done), shipped, "nobody was asked for what passes by itself");
    let counts = site.syspro.system.state().sessions;
    assert!(counts.turned_away > 0 && counts.evicted + counts.logons > 3, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_corrected_or_printed_late_ships_then() {
    let orders = Orders { unknown_address: 0.3, not_ready: 0.2, ..plain(20) };
    let site = Site::new(orders, syspro::Options::default(), "{ write_to: [custom_form] }").await;
    let records = site.run_well().await;
    // The youngest: polls read the last days, and older orders only when they read everything.
    let parked = records.iter().filter(|record| record.state == RecordState::Parked);
    let youngest = parked.max_by_key(|record| record.source["OrderDate"].as_str().unwrap().to_owned());
    let parked = youngest.unwrap().id.key().to_owned();
    let mended = Map::from_iter([("ShipAddress1".to_owned(), json!("12 Main St"))]);
    site.syspro.system.edit_order(&parked, &mended).unwrap();
    let open =
        site.syspro.system.state().orders.into_iter().find(|order| order.status == "1").unwrap().number;
    site.syspro.system.print_delivery_note(&open).unwrap();
    site.run_well().await;
    let site_state = site.state(&parked);
    assert_eq!((site_state.expectation, site_state.tracking.len()), (Expectation::Ships, 1));
    assert_eq!(site.state(&open).tracking.len(), 1);
    assert_eq!(site.state(&open).record["SpecialInstrs"], "", "only the form was to be written");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_syspro_drops_without_a_word_is_noticed() {
    // A custom form without the field, and instructions that somebody else wrote.
    let options = syspro::Options { unlicensed: vec!["COMTFM".to_owned()], ..syspro::Options::default() };
    let site = Site::new(plain(3), options, "{}").await;
    let (summary, records) = site.run().await;
    assert_eq!(summary.troubles, []);
    let reasons: BTreeSet<String> =
        records.iter().map(|record| record.reason.clone().unwrap().message).collect();
    assert!(reasons.iter().all(|reason| reason.contains("e.net exception 100000")), "{reasons:?}");
    assert_eq!((count(&records, RecordState::Parked), site.live().len()), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn instructions_that_somebody_wrote_stay() {
    let site = Site::new(plain(2), syspro::Options::default(), "{}").await;
    let number = site.syspro.system.orders()[0].number.clone();
    let written = Map::from_iter([("SpecialInstrs".to_owned(), json!("Ring twice"))]);
    site.syspro.system.edit_order(&number, &written).unwrap();
    site.run_well().await;
    let order = site.state(&number);
    assert_eq!(
        (order.record["SpecialInstrs"].as_str(), order.tracking.is_empty()),
        (Some("Ring twice"), false)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_logon_stops_the_flow_and_nothing_is_shown_of_the_password() {
    let site = Site::new(plain(2), syspro::Options::default(), "{}").await;
    site.vault()
        .set("enet.operator_password", &Secret::new("wrong-canary-password"), site.clock.now())
        .unwrap();
    let (summary, records) = site.run().await;
    let told = format!("{:?} {records:?}", summary.troubles);
    assert!(told.contains("Invalid operator password") && !told.contains("canary"), "{told}");
    assert_eq!(count(&records, RecordState::Done), 0);
}
