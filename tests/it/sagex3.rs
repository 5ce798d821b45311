//! Sage X3 and UPS, end to end: both kinds of orders, pickups, what people change, and GraphQL with both kinds of tokens.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ml_connector::base::{Clock, SystemClock, crash};
use ml_connector::simulator::due::Due;
use ml_connector::simulator::expectation::{Expectation, Reason};
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::sagex3::{self, Orders, SageX3};
use ml_connector::simulator::ups::{self, Ups};
use ml_connector::simulator::verdict::{Verdict, verdict};
use ml_connector::store::{Record, RecordState};
use serde_json::{Value, json};

use crate::home::{Home, at_home, listener};
use crate::small::{Answer, Seen, Small};
use crate::world::Hurried;

const SHIP: &str = "/api/shipments/*/ship";
const PICKUP: &str = "/api/pickupcreation/*";
const SOAP: &str = "/soap-generic/*";

/// A site in X3 with the carrier behind it, on a Friday in New York.
struct Site {
    home: Home,
    x3: sagex3::Handle,
    ups: ups::Handle,
}

at_home!(Site);

impl Site {
    /// With the shipped mapping and these settings of it: YAML lines below `settings:`.
    async fn new(orders: Orders, settings: &str) -> Self {
        let site = Self::empty(sagex3::Options { orders, ..sagex3::Options::default() }).await;
        site.configure(&format!(
            "mappings:\n  sagex3-ups:\n    connections: {{ erp: x3, erp_soap: x3-soap, carrier: ups }}\n    settings:\n      \
             sites: {{ NA011: {{ name: Demo Site, lines: [1 Warehouse Way], city: Irvine, state: CA, postal_code: \"92618\", \
             country: US, phone: \"9495550100\" }} }}\n{settings}"
        ));
        site
    }

    async fn empty(options: sagex3::Options) -> Self {
        Self::at(Hurried::from("2026-11-20T18:00:00Z".parse().unwrap(), 100), options).await
    }

    async fn at(clock: Arc<dyn Clock>, options: sagex3::Options) -> Self {
        let x3 = sagex3::Options { clock: Arc::clone(&clock), ..options };
        let x3 = SageX3::start(x3, listener().await).await.unwrap();
        let ups = ups::Options {
            clock: Arc::clone(&clock),
            visibility_lag: Duration::from_millis(20),
            ..ups::Options::default()
        };
        let ups = Ups::start(ups, listener().await).await.unwrap();
        let site = Self { home: Home::new(clock), x3, ups };
        let (known, carrier) = (site.x3.system.options().clone(), site.ups.system.options().clone());
        site.set_secrets([
            ("x3.username", &*known.user),
            ("x3.password", &known.password),
            ("x3-soap.username", &known.user),
            ("x3-soap.password", &known.password),
            ("x3-graphql.client_id", &known.client_id),
            ("x3-graphql.client_secret", &known.client_secret),
            ("x3-graphql.refresh_token", &known.refresh_token),
            ("ups.client_id", &carrier.client_id),
            ("ups.client_secret", &carrier.client_secret),
        ]);
        site
    }

    /// Writes `ml-connector.yaml` with all connections and these mappings. Time runs a hundred times faster, so that calls
    /// have five minutes to be answered in three seconds.
    fn configure(&self, mappings: &str) {
        let (x3, ups) = (self.x3.url(), self.ups.url());
        let text = format!(
            "connections:\n\
             \x20 x3:\n    system: sagex3\n    settings: {{ url: \"{x3}\", page_size: 15, timeout: 5m }}\n\
             \x20 x3-soap:\n    system: sagex3-soap\n    settings: {{ url: \"{x3}\", timeout: 5m }}\n\
             \x20 ups:\n    system: ups\n    settings:\n      base_url: {ups}\n      account: A1B2C3\n      \
             rate_limit: 1000000\n      timeout: 5m\n      late_effect: 200ms\n      lookup_lag: 200ms\n      when_absent: recreate\n      \
             shipper: {{ name: Demo Shipper, lines: [1 Warehouse Way], city: Irvine, state: CA, postal_code: \"92618\", \
             country: US, phone: \"9495550100\" }}\n{mappings}"
        );
        self.write("ml-connector.yaml", &text);
    }

    /// The program itself, about to run until idle.
    fn program(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_ml-connector"));
        command.args(["run", "--until-idle", "--config"]).arg(self.path());
        command.env_remove(crash::VARIABLE).kill_on_drop(true);
        command
    }

    async fn records(&self, state: RecordState) -> Vec<Record> {
        let mut records = self.home.records(&[state]).await;
        records.retain(|record| !["watch", "look", "tracking"].contains(&record.id.flow()));
        records
    }

    /// Orders of both kinds.
    fn dues(&self) -> Vec<Due> {
        let mut dues = self.x3.system.orders();
        dues.extend(self.x3.system.purchase_orders());
        dues
    }

    fn verdict(&self) -> Verdict {
        verdict(&self.dues(), &self.ups.system.state().sent())
    }

    fn assert_clean(&self) {
        let verdict = self.verdict();
        assert!(verdict.is_clean(), "{verdict:#?}");
        assert_eq!(verdict.shipped, verdict.expected_to_ship, "{verdict:#?}");
        let state = self.x3.system.state();
        let twice: Vec<_> =
            state.orders.iter().filter(|order| order.writes > 1).map(|order| &order.number).collect();
        assert!(twice.is_empty(), "tracking numbers were written more than once: {twice:?}");
    }

    fn edit(&self, number: &str, set: &Value) {
        self.x3.system.edit_order(number, set.as_object().unwrap(), None).unwrap();
    }

    fn x3_fault(&self, rule: Rule) {
        self.x3.system.controls().switch_on(rule).unwrap();
    }

    fn ups_fault(&self, rule: Rule) {
        self.ups.system.controls().switch_on(rule).unwrap();
    }

    fn asked(&self, endpoint: &str) -> usize {
        self.x3.system.controls().requests().iter().filter(|entry| entry.endpoint == endpoint).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_kinds_of_orders_ship_once_through_faults_and_are_fetched() {
    let site = Site::new(Orders { count: 60, purchases: 20, ..Orders::default() }, "").await;
    for (fault, rate) in
        [(Fault::ActThenDrop, 0.08), (Fault::ActThenStatus500, 0.05), (Fault::Status503, 0.05)]
    {
        site.ups_fault(Rule::every(fault).on("POST", SHIP).at_random(rate, 7));
    }
    site.ups_fault(Rule::every(Fault::ActThenDrop).on("POST", PICKUP).times(1));
    site.x3_fault(Rule::every(Fault::DuplicatePage).on("GET", "/api1/x3/erp/SEED/SORDER").times(1));
    site.x3_fault(Rule::every(Fault::RecordLock).on("POST", SOAP).at_random(0.1, 7));
    site.x3_fault(Rule::every(Fault::PoolBusy).on("POST", SOAP).at_random(0.05, 7));
    site.x3_fault(Rule::every(Fault::HtmlError).on("GET", "/api1/*").at_random(0.03, 7));
    site.x3_fault(Rule::every(Fault::TruncatedBody).on("GET", "/api1/*").at_random(0.02, 7));

    let summary = site.run().await;
    assert_eq!(summary.troubles, []);
    site.assert_clean();
    let verdict = site.verdict();
    assert_eq!(verdict.orders, 80);
    assert!(verdict.expected_to_ship > 55 && verdict.parked_expected >= 4, "{verdict:#?}");
    let parked = site.records(RecordState::Parked).await;
    assert_eq!(
        parked.len(),
        verdict.parked_expected,
        "{:#?}",
        parked.iter().map(|record| &record.reason).collect::<Vec<_>>()
    );

    // One pickup, for all parcels that start here and none that start at a supplier's.
    let state = site.ups.system.state();
    let ours = |shipment: &&ups::Shipment| shipment.references.iter().all(|text| text.starts_with("SON"));
    let parcels: usize =
        state.shipments.iter().filter(|one| one.is_live()).filter(ours).map(|one| one.packages.len()).sum();
    assert_eq!(state.pickups.len(), 1);
    assert_eq!(state.pickups[0].pieces.iter().map(|(_, count)| *count as usize).sum::<usize>(), parcels);
    assert_eq!(state.pickups[0].reference.as_deref(), Some("PICKUP-2026-11-20"));

    // Suppliers' parcels start at theirs and come to us.
    let theirs: Vec<_> =
        state.shipments.iter().filter(|shipment| shipment.is_live() && !ours(shipment)).collect();
    assert!(theirs.iter().all(|shipment| shipment.ship_to.postal_code == "92618"));
    assert!(theirs.iter().any(|shipment| shipment.ship_from.postal_code != "92618"));
    assert_eq!(
        (state.violations, site.x3.system.state().counts.mistaken.len()),
        (0, lies(&site)),
        "{:?}",
        site.x3.system.state().counts
    );

    // The next start finds nothing left to do, and books no second pickup.
    let (shipments, writes) = (state.shipments.len(), site.asked("soap.WSSOH.modify"));
    assert_eq!(site.run().await.troubles, []);
    let state = site.ups.system.state();
    assert_eq!((state.shipments.len(), state.pickups.len()), (shipments, 1));
    assert_eq!(site.asked("soap.WSSOH.modify"), writes);
    site.assert_clean();
}

/// The shipped mapping on the wall's clock, for programs of their own. The pickup is for the next day on which UPS comes.
async fn unhurried(orders: Orders) -> Site {
    let site =
        Site::at(SystemClock::shared(), sagex3::Options { orders, ..sagex3::Options::default() }).await;
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let own = |file: &str, old: &str, new: &str| {
        let text = std::fs::read_to_string(shipped.join(file)).unwrap();
        assert!(text.contains(old), "{file} does not say `{old}` any more");
        // Its own tests are of the mapping as it is.
        let text = text.split("\n# What this mapping does with").next().unwrap_or_default().replace(old, new);
        let file = site.path().join("mappings").join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    own(
        "systems/ups.yaml",
        "retry: { first: 1s, max: 5m, attempts: 8 }",
        "retry: { first: 20ms, max: 200ms, attempts: 12 }",
    );
    site.configure(
        "mappings:\n  sagex3-ups:\n    connections: { erp: x3, erp_soap: x3-soap, carrier: ups }\n",
    );
    let file = site.path().join("ml-connector.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let hasty = "timeout: 3s\n      late_effect: 2s\n      lookup_lag: 500ms";
    let text = text.replace("timeout: 5m\n      late_effect: 200ms\n      lookup_lag: 200ms", hasty);
    std::fs::write(file, text).unwrap();
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_may_die_while_it_books_the_pickup() {
    for label in [
        "effect.before_sending_commit",
        "effect.after_sending_commit",
        "effect.after_response",
        "effect.before_outcome_commit",
        "effect.after_outcome_commit",
    ] {
        let site = unhurried(Orders::plain(3, 0)).await;
        // Three shipments come before it.
        let died = site.program().env(crash::VARIABLE, format!("{label}:4")).output().await.unwrap();
        assert_eq!(died.status.signal(), Some(6), "{label}: {}", String::from_utf8_lossy(&died.stderr));
        let again = site.program().output().await.unwrap();
        assert!(again.status.success(), "{label}: {}", String::from_utf8_lossy(&again.stderr));
        let state = site.ups.system.state();
        assert_eq!((state.shipments.len(), state.pickups.len()), (3, 1), "{label}");
        let counted: u32 = state.pickups[0].pieces.iter().map(|(_, count)| count).sum();
        assert_eq!(
            counted as usize,
            state.shipments.iter().map(|one| one.packages.len()).sum::<usize>(),
            "{label}"
        );
        site.assert_clean();
        // Nothing is left to fetch, so another start books nothing.
        assert!(site.program().output().await.unwrap().status.success());
        assert_eq!(site.ups.system.state().pickups.len(), 1, "{label}");
    }
}

/// Refusals that are not the caller's mistake: a record that somebody has open.
fn lies(site: &Site) -> usize {
    site.x3.system.state().counts.mistaken.iter().filter(|text| text.contains("Record locked")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_pickup_is_booked_once_whatever_happens_to_its_answer() {
    for fault in [Fault::ActThenDrop, Fault::ActThenStatus500, Fault::TruncatedBody, Fault::DropBeforeActing]
    {
        let site = Site::new(Orders::plain(4, 0), "").await;
        site.ups_fault(Rule::every(fault).on("POST", PICKUP).times(1));
        site.run().await;
        site.run().await;
        let state = site.ups.system.state();
        assert_eq!((state.pickups.len(), state.pickups[0].asked), (1, 1), "{fault:?}");
        site.assert_clean();
        // Parcels that ship later on that day wait for the next one.
        site.x3.system.add_orders(2);
        site.run().await;
        assert_eq!(site.ups.system.state().pickups.len(), 1, "{fault:?}");
        site.assert_clean();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stamp_means_nothing_but_a_change_after_shipping_is_reported() {
    let site = Site::new(Orders::plain(3, 1), "").await;
    site.run().await;
    site.assert_clean();
    let shipped = site.ups.system.state().shipments.len();
    // X3 stamps the order when it is invoiced and when it is delivered.
    site.edit("SONNA0110001", &json!({ "INVSTA": 3 }));
    site.edit("SONNA0110002", &json!({ "BPDADDLIG": ["1 New Street", "", ""] }));
    site.run().await;
    assert_eq!(site.ups.system.state().shipments.len(), shipped);
    let quiet = site.show("SONNA0110001").await.record;
    assert_eq!((quiet.state, quiet.notices.len()), (RecordState::Done, 0), "{:?}", quiet.notices);
    let told = site.show("SONNA0110002").await.record;
    assert_eq!((told.state, told.notices.len()), (RecordState::Done, 1), "{told:?}");
    // And it is reported once, not each time that X3 stamps it.
    site.edit("SONNA0110002", &json!({ "INVSTA": 3 }));
    site.edit("SONNA0110002", &json!({ "DLVSTA": 3 }));
    site.run().await;
    assert_eq!(site.show("SONNA0110002").await.record.notices.len(), 1);
    assert_eq!(site.ups.system.state().shipments.len(), shipped);
    assert!(site.x3.system.state().orders.iter().all(|order| order.writes == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_correct_in_x3_is_tried_again_even_within_a_second() {
    let site = Site::new(Orders::plain(3, 0), "").await;
    site.edit("SONNA0110001", &json!({ "BPDADDLIG": ["5 Does Not Exist St", "", ""] }));
    site.edit("SONNA0110002", &json!({ "CDTSTA": 2 }));
    site.edit("SONNA0110003", &json!({ "BPTNUM": "FEDEX" }));
    let expected = |number: usize| site.x3.system.orders()[number].expectation;
    assert_eq!(expected(0), Expectation::Parked(Reason::UnknownAddress));
    site.run().await;
    assert_eq!(site.verdict().shipped, 0);
    assert_eq!(site.records(RecordState::Parked).await.len(), 1);
    assert_eq!(site.ups.system.state().pickups.len(), 0);
    // At a hundred times the speed of time, a second of X3's is ten milliseconds: these fall into few of them.
    site.edit("SONNA0110001", &json!({ "BPDADDLIG": ["5 Main St", "", ""] }));
    site.edit("SONNA0110002", &json!({ "CDTSTA": 1 }));
    site.edit("SONNA0110003", &json!({ "BPTNUM": "UPS" }));
    site.run().await;
    site.assert_clean();
    assert_eq!(site.verdict().shipped, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn tracking_goes_into_a_class_of_the_deployments_own() {
    let site = Site::new(Orders::plain(6, 2), "      tracking: custom_class\n").await;
    site.x3_fault(Rule::every(Fault::ActThenDrop).on("POST", "/api1/x3/erp/SEED/YSOT").times(2));
    assert_eq!(site.run().await.troubles, []);
    site.assert_clean();
    assert_eq!((site.verdict().shipped, site.asked("soap.WSSOH.modify")), (8, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn parcels_are_rated_by_size_and_suppliers_are_visited_where_that_is_wanted() {
    let settings = "      rate_by: dimensions\n      choose: cheapest\n      supplier_pickups: true\n";
    let site = Site::new(Orders::plain(4, 2), settings).await;
    assert_eq!(site.run().await.troubles, []);
    site.assert_clean();
    let state = site.ups.system.state();
    assert!(
        state
            .shipments
            .iter()
            .flat_map(|shipment| &shipment.packages)
            .all(|parcel| !parcel.dimensions.is_empty())
    );
    // The cheapest service inside the country is the one on the ground.
    assert!(state.shipments.iter().all(|shipment| shipment.service == "03"), "{:?}", state.shipments);
    assert_eq!(state.pickups.len(), 3);
}

/// A pickup for each supplier, of which some are asked for in vain or not heard of: each is booked once.
#[tokio::test(flavor = "multi_thread")]
async fn every_supplier_is_visited_once_whatever_happens_to_the_answers() {
    for (seed, fault) in [(1, Fault::DropBeforeActing), (2, Fault::ActThenDrop), (3, Fault::DropBeforeActing)]
    {
        let site = Site::new(Orders::plain(2, 4), "      supplier_pickups: true\n").await;
        site.ups_fault(Rule::every(fault).on("POST", PICKUP).at_random(0.5, seed).times(3));
        assert_eq!(site.run().await.troubles, []);
        site.assert_clean();
        let pickups = site.ups.system.state().pickups;
        let visited: BTreeSet<_> = pickups.iter().map(|pickup| pickup.reference.clone()).collect();
        assert_eq!((pickups.len(), visited.len()), (5, 5), "{fault:?}: {visited:?}");
    }
}

/// Purchase orders by GraphQL, each with its lines, so that both a stream and an operation are used.
const PROBE: &str = r#"
mapping: probe
title: Purchase orders are seen
systems: { erp: sagex3-graphql }
flows:
  purchases:
    title: See purchase orders
    source: { poll: { stream: erp.purchase_orders, every: 15m } }
    record: row
    select: "{{ row.isClosed == false }}"
    key: "{{ row._id }}"
    idempotency_key: "{{ row._id }}"
    steps:
      - id: fresh
        call: erp.purchase_order
        with: { number: "{{ row._id }}" }
      - check: "{{ fresh.lines | sum_of('quantityInOrderUnitOrdered') > 0 }}"
        otherwise: { park: "There is nothing in it" }
      - link: { line: "{{ row._id }}/{{ (fresh.lines | first).lineNumber | or_else(0) }}" }
  sales:
    title: See sales orders
    source: { poll: { stream: erp.sales_orders, every: 15m } }
    record: row
    key: "{{ row._id }}"
    idempotency_key: "{{ row._id }}"
    steps:
      - set: { amount: "{{ row.linesAmountExcludingTax }}" }
      - check: "{{ amount is not none and amount > 0 }}"
        otherwise: { park: "It is worth nothing" }
"#;

async fn graphql(auth: &str) -> Site {
    let orders = Orders::plain(45, 23);
    let site = Site::empty(sagex3::Options { orders, ..sagex3::Options::default() }).await;
    let mapping = site.path().join("mappings/probe.yaml");
    std::fs::create_dir_all(mapping.parent().unwrap()).unwrap();
    std::fs::write(mapping, PROBE).unwrap();
    let x3 = site.x3.url();
    // The connection stands behind the others, which nothing uses here.
    site.configure(&format!(
        "  x3-graphql:\n    system: sagex3-graphql\n    auth: {auth}\n    settings: {{ url: \"{x3}/xtrem\", user: WSUPS, page_size: 10, \
         token_url: \"{x3}/v1/token\" }}\nmappings:\n  probe:\n    connections: {{ erp: x3-graphql }}\n"
    ));
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn graphql_is_read_with_tokens_that_are_signed_here() {
    let site = graphql("signed_jwt").await;
    assert_eq!(site.run().await.troubles, []);
    assert_eq!(site.records(RecordState::Done).await.len(), 68);
    let state = site.x3.system.state();
    assert_eq!((state.counts.unauthorized, state.counts.mistakes), (0, 0), "{:?}", state.counts);
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_tokens_rotate_across_restarts_and_none_is_used_twice() {
    let site = graphql("oauth2_refresh_token").await;
    for round in 1..=4u64 {
        assert_eq!(site.run().await.troubles, [], "round {round}");
        let chain = site.x3.system.state().chain;
        assert_eq!((chain.ended, chain.reuses), (false, 0), "round {round}");
        assert!(chain.pairs >= round, "round {round}: {} pairs", chain.pairs);
        site.x3.system.add_purchase_orders(1);
        // Longer than a token lives: five minutes are three seconds here.
        tokio::time::sleep(Duration::from_millis(3_200)).await;
    }
    site.run().await;
    assert_eq!(site.records(RecordState::Done).await.len(), 72);
    // A person pairs anew: the new credential wins over what was kept.
    let fresh = site.x3.system.pair();
    site.set_secrets([("x3-graphql.refresh_token", &*fresh)]);
    site.x3.system.add_purchase_orders(1);
    tokio::time::sleep(Duration::from_millis(3_200)).await;
    assert_eq!(site.run().await.troubles, []);
    assert_eq!(site.records(RecordState::Done).await.len(), 73);
}

/// A server that gives three orders a page, whatever `first` asks for, and reads filters as strictly as JavaScript does.
fn three_a_page(seen: &Seen) -> Answer {
    let filter = seen.body["variables"]["filter"].as_str().unwrap_or_default();
    let from = filter.split_once("{_id:{_gte:'").and_then(|(_, rest)| rest.strip_suffix("'}}]"));
    let from = from.unwrap_or_default();
    if from.replace("\\'", "").contains('\'') {
        return (400, json!({ "errors": [{ "message": "The filter cannot be read" }] }));
    }
    let from = from.replace("\\'", "'");
    let numbers = (1..=8).map(|number| format!("O'N-{number}")).filter(|number| *number >= from);
    let node = |number: String| json!({ "node": { "_id": number, "linesAmountExcludingTax": "1.00", "_updateStamp": "2026-11-20T10:00:00.000Z" } });
    let edges: Vec<Value> = numbers.take(3).map(node).collect();
    (200, json!({ "data": { "x3Sales": { "salesOrder": { "query": { "edges": edges } } } } }))
}

#[tokio::test(flavor = "multi_thread")]
async fn graphql_pages_are_read_to_the_end_whatever_their_size_and_keys() {
    let small = Small::new("", "flows: {}", three_a_page).await;
    let sales = PROBE.split_once("  sales:").unwrap().1;
    let probe =
        format!("mapping: small\ntitle: Small\nsystems: {{ erp: sagex3-graphql }}\nflows:\n  sales:{sales}");
    small.write("mappings/small.yaml", &probe);
    let settings = format!("{{ url: \"{}\", user: WSUPS }}", small.url);
    small.write(
        "ml-connector.yaml",
        &format!(
            "connections:\n  x3: {{ system: sagex3-graphql, auth: signed_jwt, settings: {settings} }}\n\
             mappings:\n  small: {{ connections: {{ erp: x3 }} }}\n"
        ),
    );
    small.set_secrets([("x3.client_id", "client"), ("x3.client_secret", "secret")]);
    small.run_well().await;
    let records = small.records().await;
    let numbers: Vec<&str> = records.iter().map(|record| record.id.key()).collect();
    assert_eq!(numbers, ["O'N-1", "O'N-2", "O'N-3", "O'N-4", "O'N-5", "O'N-6", "O'N-7", "O'N-8"]);
}
