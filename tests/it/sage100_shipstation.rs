//! Sage 100 and ShipStation, end to end: orders and quantities over, parcels back, against both simulators' books.

mod hour;
mod people;
mod texts;
mod twice;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ml_connector::base::{Clock, clock};
use ml_connector::engine::command::Shown;
use ml_connector::simulator::expectation::Expectation;
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::sage100::{self, Orders, Sage100};
use ml_connector::simulator::shipstation::{self, Locked, Placed, ShipStation};
use ml_connector::store::RecordState;
use serde_json::{Value, json};

use crate::home::{Home, listener};
use crate::world::none;

/// A clock that runs fast and can be moved forward, for all of engine and simulators.
#[derive(Debug)]
struct Steered {
    began: Timestamp,
    since: Instant,
    times: u32,
    skipped: AtomicU64,
}

impl Steered {
    fn at(began: &str, times: u32) -> Arc<Self> {
        Arc::new(Self {
            began: began.parse().unwrap(),
            since: Instant::now(),
            times,
            skipped: AtomicU64::new(0),
        })
    }

    fn skip(&self, duration: Duration) {
        self.skipped.fetch_add(duration.as_secs(), Ordering::SeqCst);
    }
}

impl Clock for Steered {
    fn now(&self) -> Timestamp {
        let skipped = Duration::from_secs(self.skipped.load(Ordering::SeqCst));
        clock::add(self.began, self.since.elapsed() * self.times + skipped)
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let left = clock::between(self.now(), instant) / self.times;
        Box::pin(tokio::time::sleep(left.min(Duration::from_secs(3600)) + Duration::from_millis(1)))
    }
}

/// What a test wants.
struct Wishes {
    orders: usize,
    began: &'static str,
    times: u32,
    locked: Locked,
    /// Lines below the mapping's `settings:`.
    settings: &'static str,
    /// Where the configuration and its store lie.
    directory: PathBuf,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            orders: 12,
            began: "2026-11-18T15:00:00Z",
            times: 200,
            locked: Locked::Refuse("The order can not be modified.".into()),
            settings: "",
            directory: std::env::temp_dir(),
        }
    }
}

/// Both simulators and a configuration that points at them.
struct Pair<C = Steered> {
    home: Home,
    sage: sage100::Handle,
    ship: shipstation::Handle,
    clock: Arc<C>,
}

impl<C> Deref for Pair<C> {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.home
    }
}

impl Pair {
    async fn new(wishes: Wishes) -> Self {
        Self::on(Steered::at(wishes.began, wishes.times), wishes).await
    }
}

impl<C: Clock + 'static> Pair<C> {
    async fn on(clock: Arc<C>, wishes: Wishes) -> Self {
        let orders = Orders { count: wishes.orders, days: 2, ..none() };
        let options = sage100::Options { orders, clock: clock.clone(), ..sage100::Options::default() };
        let sage = Sage100::start(options, listener().await).await.unwrap();
        let options = shipstation::Options {
            locked: wishes.locked,
            visibility_lag: Duration::from_millis(300),
            inventory_warehouses: vec![("001".into(), vec!["A".into()]), ("002".into(), vec!["B".into()])],
            clock: clock.clone(),
            ..shipstation::Options::default()
        };
        let ship = ShipStation::start(options, listener().await).await.unwrap();
        let pair = Self { home: Home::within(&wishes.directory, clock.clone()), sage, ship, clock };
        pair.configure(wishes.settings);
        pair
    }

    fn configure(&self, settings: &str) {
        let (sage, ship) = (self.sage.url(), self.ship.url());
        let rooms = self.ship.system.state().inventory_locations;
        let text = format!(
            "connections:\n  \
               sage: {{ system: sage100, settings: {{ agent_url: {sage}, company: ABC }} }}\n  \
               web: {{ system: sage100-soap, settings: {{ url: {sage}/ebusinesswebservices, company: ABC }} }}\n  \
               v1: {{ system: shipstation-v1, settings: {{ base_url: {ship} }} }}\n  \
               v2: {{ system: shipstation-v2, settings: {{ base_url: {ship}, warehouse_id: se-17977 }} }}\n\
             mappings:\n  sage100-shipstation:\n    \
               connections: {{ erp: sage, web: web, shop: v1, stock: v2 }}\n    \
               settings:\n      locations: {{ \"001\": {}, \"002\": {} }}\n{settings}",
            rooms[0].id, rooms[1].id
        );
        self.write("ml-connector.yaml", &text);
        let (sage, ship) = (self.sage.system.options().clone(), self.ship.system.options().clone());
        self.set_secrets([
            ("sage.api_key", &*sage.api_key.unwrap()),
            ("web.username", &sage.web_user),
            ("web.password", &sage.web_password),
            ("v1.api_key", &ship.api_key),
            ("v1.api_secret", &ship.api_secret),
            ("v2.api_key", &ship.v2_api_key),
        ]);
    }

    async fn run_well(&self) {
        let summary = self.run().await;
        assert_eq!(summary.troubles, []);
        let left = self.records(&[RecordState::Parked, RecordState::InDoubt, RecordState::Waiting]).await;
        assert!(left.is_empty(), "{left:#?}");
    }

    async fn show(&self, flow: &str, key: &str) -> Shown {
        self.home.show(&format!("sage100-shipstation/{flow}/{key}")).await
    }

    /// The orders that are for ShipStation, by number.
    fn due(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let due = self.sage.system.orders().into_iter();
        due.filter(|due| due.expectation == Expectation::Ships).map(|due| (due.number, due.content)).collect()
    }

    fn placed(&self) -> BTreeMap<String, Placed> {
        let placed: Vec<Placed> = self.ship.system.orders();
        let count = placed.len();
        let by_key: BTreeMap<String, Placed> =
            placed.into_iter().map(|order| (order.key.clone(), order)).collect();
        assert_eq!(by_key.len(), count, "an order is there twice");
        by_key
    }

    /// Every order is there once, and says what Sage says.
    fn assert_orders_equal(&self) {
        let (due, placed) = (self.due(), self.placed());
        assert_eq!(due.keys().collect::<Vec<_>>(), placed.keys().collect::<Vec<_>>());
        for (number, content) in &due {
            self.assert_same(number, content, &placed[number].content);
        }
        assert_eq!(self.ship.system.state().contract_violations, []);
        assert_eq!(self.sage.system.state().contract_violations, []);
    }

    fn assert_same(&self, number: &str, sage: &BTreeMap<String, String>, ship: &BTreeMap<String, String>) {
        for (name, value) in sage {
            assert_eq!(ship.get(name), Some(value), "{name} of {number}: {ship:#?}");
        }
    }

    /// Every parcel that left is in Sage once, with its order and invoice, and nothing else is.
    fn assert_parcels_equal(&self) {
        let (sage, placed) = (self.sage.system.state(), self.placed());
        for order in &sage.orders {
            let shipped: BTreeSet<&String> =
                placed.get(&order.number).into_iter().flat_map(|placed| &placed.tracking).collect();
            let written: BTreeSet<&String> = order.tracking.iter().collect();
            assert_eq!(written, shipped, "order {}", order.number);
            assert_eq!(written.len(), order.tracking.len(), "a number twice in order {}", order.number);
            assert_eq!(order.packages.len(), order.tracking.len());
            for package in &order.packages {
                assert_eq!(package.writes, 1, "{package:#?}");
                assert!(!package.carrier.is_empty() && package.ship_date.len() == 10, "{package:#?}");
                let delivery = &package.fields["UDF_EST_DELIVERY"];
                assert!(*delivery >= package.ship_date, "{package:#?}");
            }
        }
        assert_eq!((sage.web_lost, sage.web_ignored), (0, 0), "the web services lost something");
    }

    /// Every product has in every warehouse what Sage says.
    fn assert_quantities_equal(&self) {
        let known: BTreeSet<String> =
            self.ship.system.state().products.into_iter().map(|product| product.sku).collect();
        assert!(!known.is_empty());
        let mut sage = self.sage.system.inventory();
        sage.retain(|(sku, _), _| known.contains(sku));
        assert_eq!(self.ship.system.inventory(), sage);
    }

    fn edit(&self, number: &str, set: Value) {
        self.sage.system.edit_order(number, set.as_object().unwrap(), None).unwrap();
    }

    fn record(&self, number: &str) -> Value {
        let state = self.sage.system.state();
        state.orders.into_iter().find(|order| order.number == number).unwrap().record
    }
}

fn address(street: &str) -> Value {
    json!({ "ShipToAddress1": street, "ShipToAddress2": "", "ShipToCity": "Austin", "ShipToState": "TX", "ShipToZipCode": "78701" })
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_orders_go_over_ship_in_parts_and_come_back_once() {
    let pair = Pair::new(Wishes { orders: 60, ..Wishes::default() }).await;
    let ship = |fault, method: &str, path: &str, times| {
        pair.ship.system.controls().switch_on(Rule::every(fault).on(method, path).times(times)).unwrap();
    };
    let sage = |fault, method: &str, path: &str, rate, times| {
        let rule = Rule::every(fault).on(method, path).at_random(rate, 7).times(times);
        pair.sage.system.controls().switch_on(rule).unwrap();
    };
    ship(Fault::ActThenDrop, "POST", "/orders/createorders", 1);
    ship(Fault::Status500, "POST", "/orders/createorders", 1);
    ship(Fault::Status429, "GET", "/shipments", 1);
    sage(Fault::DuplicatePage, "GET", "/v1/ABC/tables/*", 1.0, 2);
    sage(Fault::Status503, "GET", "/v1/ABC/tables/CI_Item/*", 0.2, 3);
    sage(Fault::RecordLock, "PUT", "/v1/ABC/sales-orders/*", 0.2, 6);
    sage(Fault::NoLicence, "PUT", "/v1/ABC/sales-orders/*", 0.1, 3);
    sage(Fault::ActThenDrop, "PUT", "/v1/ABC/sales-orders/*", 0.1, 3);
    let soap = |fault, times| {
        let mut rule =
            Rule::every(fault).on("POST", "/ebusinesswebservices/*").at_random(0.3, 3).times(times);
        rule.contains = Some("UpdateSalesOrder".into());
        pair.sage.system.controls().switch_on(rule).unwrap();
    };
    soap(Fault::RecordLock, 4);
    soap(Fault::Status500, 3);
    pair.run_well().await;
    pair.assert_orders_equal();
    let due = pair.due();
    assert_eq!(due.len(), 60);
    // A hundred a call: far fewer calls than orders.
    let calls = pair.ship.system.controls().requests();
    let upserts = calls.iter().filter(|entry| entry.path.ends_with("/createorders")).count();
    assert!((2..=20).contains(&upserts), "{upserts}");
    // Prices and accounts come from the item master.
    let state = pair.ship.system.state();
    let body = &state.orders[0].content.body;
    assert!(body["items"][0]["unitPrice"].as_f64().unwrap() > 0.0, "{body:#?}");
    assert_eq!(body["advancedOptions"]["customField2"], "400-02-00");
    // Twelve items are asked for about once, and not once a line.
    let asked = pair.sage.system.controls().requests();
    let asked = asked.iter().filter(|entry| entry.path.contains("/tables/CI_Item/")).count();
    assert!(asked <= 12 + 3, "{asked}");

    let numbers: Vec<String> = due.keys().cloned().collect();
    // Some are invoiced before they ship, some are even posted.
    for number in &numbers[..6] {
        pair.sage.system.invoice(number, false).unwrap();
    }
    for number in &numbers[6..9] {
        pair.sage.system.invoice(number, true).unwrap();
    }
    for (at, number) in numbers.iter().enumerate() {
        match at % 5 {
            0 => drop(pair.ship.system.ship(number, 3).unwrap()),
            1 => pair.ship.system.mark_as_shipped(number, &format!("MARKED{at:04}")).unwrap(),
            _ => drop(pair.ship.system.ship(number, 1).unwrap()),
        }
    }
    pair.clock.skip(Duration::from_secs(900));
    pair.run_well().await;
    pair.assert_parcels_equal();
    let state = pair.sage.system.state();
    assert!(state.locked_out >= 3, "{}", state.locked_out);
    // The order itself by the web services; those that were posted are not on file there.
    for number in &numbers[10..] {
        let record = pair.record(number);
        let order = state.orders.iter().find(|order| order.number == *number).unwrap();
        let known = record["UDF_TRACKING"].as_str().unwrap_or_default();
        assert!(order.tracking.iter().all(|tracking| known.contains(tracking.as_str())), "{record:#?}");
        assert_eq!(record["ShipExpireDate"].as_str(), Some(order.packages[0].ship_date.as_str()));
    }
    // The invoices: open ones and posted ones.
    let invoiced = |table: &str| state.tables[table];
    assert_eq!((invoiced("SO_InvoiceHeader"), invoiced("AR_InvoiceHistoryHeader")), (6, 3));
    let parcels = |range: std::ops::Range<usize>| -> usize {
        let of = |number: &String| {
            state.orders.iter().find(|order| order.number == *number).unwrap().tracking.len()
        };
        numbers[range].iter().map(of).sum()
    };
    assert_eq!(state.tables["SO_InvoiceTracking"], parcels(0..6));
    assert_eq!(state.tables["AR_InvoiceHistoryTracking"], parcels(6..9));
    // Once more: nothing is left to do.
    let writes = state.web_updates;
    pair.clock.skip(Duration::from_secs(900));
    pair.run_well().await;
    pair.assert_parcels_equal();
    assert_eq!(pair.sage.system.state().web_updates, writes);
    assert_eq!(pair.ship.system.summary().doubled_keys, Vec::<String>::new());
}

async fn edits(locked: Locked) {
    let pair = Pair::new(Wishes { orders: 6, locked, ..Wishes::default() }).await;
    pair.run_well().await;
    let numbers: Vec<String> = pair.due().into_keys().collect();
    // Before it ships: the address, a line, and the hold.
    pair.clock.skip(Duration::from_secs(60));
    pair.edit(&numbers[0], address("12 New St"));
    pair.edit(&numbers[1], json!({ "OrderStatus": "H" }));
    pair.run_well().await;
    pair.assert_same(&numbers[0], &pair.due()[&numbers[0]], &pair.placed()[&numbers[0]].content);
    assert_eq!(pair.placed()[&numbers[1]].status, "on_hold");
    pair.edit(&numbers[1], json!({ "OrderStatus": "O" }));
    pair.run_well().await;
    assert_eq!(pair.placed()[&numbers[1]].status, "awaiting_shipment");
    pair.assert_orders_equal();
    // Afterwards: people are told, and nothing changes.
    pair.ship.system.ship(&numbers[2], 1).unwrap();
    pair.ship.system.cancel(&numbers[3]).unwrap();
    let before = pair.placed();
    for number in &numbers[2..4] {
        pair.edit(number, address("99 Too Late Rd"));
    }
    pair.clock.skip(Duration::from_secs(900));
    pair.run_well().await;
    for number in &numbers[2..4] {
        assert_eq!(pair.placed()[number], before[number]);
        let shown = pair.show("orders", number).await;
        assert_eq!(shown.record.state, RecordState::Done);
        let told: Vec<&str> = shown.record.notices.iter().map(|notice| notice.message.as_str()).collect();
        assert!(told.iter().any(|told| told.contains("the change was not sent")), "{told:#?}");
    }
    assert_eq!(pair.ship.system.summary().doubled_keys, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_reach_open_orders_and_are_reported_for_shipped_ones() {
    edits(Locked::Refuse("No.".into())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shipstation_that_ignores_edits_in_silence_is_seen_through() {
    edits(Locked::Ignore).await;
}

/// The answer to an order is lost, and by the time ShipStation can be asked again it has shipped.
#[tokio::test(flavor = "multi_thread")]
async fn parcels_of_an_order_whose_answer_was_lost_come_back() {
    let pair = Pair::new(Wishes { orders: 2, ..Wishes::default() }).await;
    let number = pair.due().into_keys().next().unwrap();
    let fault = |fault, times| {
        let rule = Rule::every(fault).on("POST", "/orders/createorders").times(times);
        pair.ship.system.controls().switch_on(rule).unwrap();
    };
    fault(Fault::ActThenDrop, 1);
    fault(Fault::Status500, 5);
    let shipped = async {
        while !pair.placed().contains_key(&number) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        pair.ship.system.ship(&number, 1).unwrap();
    };
    tokio::join!(pair.run_well(), shipped);
    pair.clock.skip(Duration::from_secs(900));
    pair.run_well().await;
    assert_eq!(pair.placed()[&number].status, "shipped");
    pair.assert_parcels_equal();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_bulk_jobs_change_is_found_by_the_full_compare() {
    let pair = Pair::new(Wishes::default()).await;
    pair.run_well().await;
    let number = pair.due().into_keys().next().unwrap();
    // The oldest order, unstamped: out of the overlap's reach.
    pair.clock.skip(Duration::from_secs(3600));
    let set = address("7 Bulk Ave");
    assert_eq!(pair.sage.system.bulk_edit(std::slice::from_ref(&number), set.as_object().unwrap()), 1);
    pair.run_well().await;
    assert_ne!(pair.placed()[&number].content["street"], "7 Bulk Ave", "it was seen without a full compare");
    pair.clock.skip(Duration::from_secs(24 * 3600));
    pair.run_well().await;
    assert_eq!(pair.placed()[&number].content["street"], "7 Bulk Ave");
    pair.assert_orders_equal();
}

#[tokio::test(flavor = "multi_thread")]
async fn quantities_are_equal_and_only_changes_are_sent() {
    let pair = Pair::new(Wishes { orders: 3, ..Wishes::default() }).await;
    pair.run_well().await;
    pair.assert_quantities_equal();
    let told = pair.ship.system.summary().inventory_changes;
    let mut known: Vec<String> =
        pair.ship.system.state().products.into_iter().map(|product| product.sku).collect();
    assert!(told as usize >= known.len() * 2, "each product in each warehouse");
    let (first, second) = (known.remove(0), known.remove(0));
    // A batch update, which stamps nothing; a receipt, whose answer is lost; and nothing else.
    pair.sage.system.move_stock(&first, "001", 7, false).unwrap();
    pair.sage.system.move_stock(&second, "002", 1234, true).unwrap();
    let lost = Rule::every(Fault::ActThenDrop).on("POST", "/v2/inventory").times(1);
    pair.ship.system.controls().switch_on(lost).unwrap();
    pair.clock.skip(Duration::from_secs(3600));
    pair.run_well().await;
    pair.assert_quantities_equal();
    let changes = pair.ship.system.summary().inventory_changes - told;
    assert!((2..=3).contains(&changes), "{changes}");
    // Sold before it came.
    pair.sage.system.move_stock(&first, "001", -3, false).unwrap();
    pair.clock.skip(Duration::from_secs(3600));
    pair.run_well().await;
    assert_eq!(pair.ship.system.inventory()[&(first, "001".to_owned())], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_products_quantities_come_with_its_first_order() {
    let pair = Pair::new(Wishes { orders: 1, ..Wishes::default() }).await;
    pair.run_well().await;
    let known = pair.ship.system.state().products.len();
    pair.clock.skip(Duration::from_secs(900));
    pair.sage.system.add_orders(12);
    pair.run_well().await;
    assert!(pair.ship.system.state().products.len() > known);
    pair.assert_quantities_equal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voided_label_is_taken_off_the_order_and_its_invoice() {
    let pair = Pair::new(Wishes { orders: 4, ..Wishes::default() }).await;
    pair.run_well().await;
    let numbers: Vec<String> = pair.due().into_keys().collect();
    pair.sage.system.invoice(&numbers[0], false).unwrap();
    let tracking = pair.ship.system.ship(&numbers[0], 2).unwrap();
    pair.clock.skip(Duration::from_secs(900));
    pair.run_well().await;
    pair.assert_parcels_equal();
    assert_eq!(pair.sage.system.state().tables["SO_InvoiceTracking"], 2);
    pair.ship.system.void(&numbers[0], Some(&tracking[0])).unwrap();
    // This one is voided before anybody saw it.
    pair.ship.system.ship(&numbers[1], 1).unwrap();
    pair.ship.system.void(&numbers[1], None).unwrap();
    pair.clock.skip(Duration::from_secs(900));
    pair.run_well().await;
    pair.assert_parcels_equal();
    assert_eq!(pair.sage.system.state().tables["SO_InvoiceTracking"], 1);
    assert_eq!(pair.record(&numbers[0])["UDF_TRACKING"], tracking[1].as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn shipments_of_v2_take_the_orders_when_told() {
    let pair = Pair::new(Wishes { orders: 8, settings: "      api: v2\n", ..Wishes::default() }).await;
    let drop = Rule::every(Fault::ActThenDrop).on("POST", "/v2/shipments").times(2);
    pair.ship.system.controls().switch_on(drop).unwrap();
    pair.run_well().await;
    let (due, placed) = (pair.due(), pair.placed());
    assert_eq!(due.keys().collect::<Vec<_>>(), placed.keys().collect::<Vec<_>>());
    for (number, content) in &due {
        assert_eq!(placed[number].content["name"], content["name"]);
        assert_eq!(placed[number].content["lines"], content["lines"]);
    }
    let numbers: Vec<String> = due.into_keys().collect();
    pair.clock.skip(Duration::from_secs(60));
    pair.edit(&numbers[0], address("12 New St"));
    pair.run_well().await;
    assert_eq!(pair.placed()[&numbers[0]].content["street"], "12 New St");
    pair.ship.system.ship(&numbers[0], 2).unwrap();
    pair.edit(&numbers[0], address("99 Too Late Rd"));
    pair.clock.skip(Duration::from_secs(900));
    pair.run_well().await;
    assert_eq!(pair.placed()[&numbers[0]].content["street"], "12 New St");
    assert!(!pair.show("orders", &numbers[0]).await.record.notices.is_empty());
    pair.assert_parcels_equal();
    assert_eq!(pair.ship.system.state().contract_violations, []);
}
