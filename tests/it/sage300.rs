//! Sage 300 and ShipStation, end to end against both simulators.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ml_connector::simulator::due::Due;
use ml_connector::simulator::expectation::Expectation;
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::sage300::{self, Orders, Sage300};
use ml_connector::simulator::shipstation::{self, Locked, Placed, Product, ShipStation};
use ml_connector::store::{Record, RecordState};
use serde_json::{Value, json};

use crate::home::{Home, at_home, listener};
use crate::world::Hurried;

const MAPPING: &str = "sage300-shipstation";
/// How a week's trouble looks at each side.
const API: &str = "/Sage300WebApi/*";

/// Both simulators, and a configuration that points at them.
struct Pair {
    home: Home,
    sage: sage300::Handle,
    station: shipstation::Handle,
}

at_home!(Pair);

impl Pair {
    async fn new(orders: Orders, change: impl FnOnce(&mut shipstation::Options)) -> Self {
        let clock = Hurried::shared(100);
        let options = sage300::Options {
            orders,
            clock: Arc::clone(&clock),
            cold_start: Duration::from_millis(50),
            ..sage300::Options::default()
        };
        let sage = Sage300::start(options, listener().await).await.unwrap();
        let mut options = shipstation::Options {
            clock: Arc::clone(&clock),
            visibility_lag: Duration::ZERO,
            v1_calls: 100_000,
            v2_calls: 100_000,
            ..shipstation::Options::default()
        };
        // The catalogue, as an import of the items would have made it.
        options.products = sage
            .system
            .records("ICItems")
            .iter()
            .map(|item| Product {
                sku: item["ItemNumber"].as_str().unwrap().to_owned(),
                name: "imported".to_owned(),
                cents: 100,
                ounces: 0.0,
            })
            .collect();
        change(&mut options);
        let station = ShipStation::start(options, listener().await).await.unwrap();
        let pair = Self { home: Home::new(clock), sage, station };
        pair.write_config();
        let keys = pair.station.system.options().clone();
        pair.set_secrets([
            // As a person would write them: the connector raises them.
            ("sage.user", "webapi"),
            ("sage.password", "sim-password"),
            ("v1.api_key", &*keys.api_key),
            ("v1.api_secret", &keys.api_secret),
            ("v2.api_key", &keys.v2_api_key),
        ]);
        pair
    }

    fn write_config(&self) {
        let (sage, station) = (self.sage.url(), self.station.url());
        // Time runs fast here, and calls with it.
        let text = format!(
            "connections:\n\
             \x20 sage:\n    system: sage300\n    settings: {{ base_url: {sage}, company: SAMLTD, timeout: 10m }}\n\
             \x20 v1:\n    system: shipstation-v1\n    settings: {{ base_url: {station}, rate_limit: 100000, timeout: 10m }}\n\
             \x20 v2:\n    system: shipstation-v2\n    settings: {{ base_url: {station}, rate_limit: 100000, timeout: 10m }}\n\
             mappings:\n  {MAPPING}:\n    connections: {{ erp: sage, v1: v1, v2: v2 }}\n\
             \x20   settings:\n      ship_from: {{ \"2\": Austin }}\n      new_locations: {{ Austin: AUS }}\n\
             \x20   flows:\n      orders: {{ full: 1s }}\n      customers: {{ full: 1s }}\n      fulfillments: {{ full: 1s }}\n"
        );
        self.write("ml-connector.yaml", &text);
    }

    /// Runs until idle, and nothing is in trouble.
    async fn run_well(&self) {
        assert_eq!(self.run().await.troubles, []);
    }

    async fn records(&self, flow: &str, state: RecordState) -> Vec<Record> {
        let records = self.home.records(&[state]).await.into_iter();
        records.filter(|record| record.id.flow().ends_with(flow)).collect()
    }

    fn edit(&self, number: &str, set: Value) {
        self.sage.system.edit_order(number, set.as_object().unwrap()).unwrap();
    }

    /// The orders that Sage says should be at ShipStation.
    fn due(&self) -> Vec<Due> {
        let due = self.sage.system.orders().into_iter();
        due.filter(|due| due.expectation == Expectation::Ships).collect()
    }

    /// ShipStation's orders by Sage's number, cancelled ones left out.
    fn placed(&self) -> BTreeMap<String, Vec<Placed>> {
        let mut placed: BTreeMap<String, Vec<Placed>> = BTreeMap::new();
        for order in self.station.system.orders().into_iter().filter(|order| order.status != "cancelled") {
            placed.entry(order.number.clone()).or_default().push(order);
        }
        placed
    }

    /// A number that should be at ShipStation, with one location.
    fn some(&self, skip: usize) -> String {
        let placed = self.placed();
        let mut one = self.due().into_iter().filter(|due| {
            placed
                .get(&due.number)
                .is_some_and(|orders| orders.len() == 1 && orders[0].status == "awaiting_shipment")
        });
        one.nth(skip).unwrap().number
    }

    fn order(&self, number: &str) -> sage300::OrderState {
        self.sage.system.state().orders.into_iter().find(|order| order.number == number).unwrap()
    }

    fn heal(&self) {
        self.sage.system.controls().switch_off(None);
        self.station.system.controls().switch_off(None);
    }

    /// Every order is at ShipStation as Sage has it, once, and no other is.
    fn assert_aligned(&self) {
        let (due, placed) = (self.due(), self.placed());
        let wanted: BTreeSet<&str> = due.iter().map(|due| due.number.as_str()).collect();
        let there: BTreeSet<&str> = placed.keys().map(String::as_str).collect();
        assert_eq!(wanted, there, "lost or wrong");
        for due in &due {
            let orders = &placed[&due.number];
            for name in ["name", "street", "city", "state", "postal_code"] {
                for order in orders {
                    assert_eq!(due.content[name], order.content[name], "{name} of {}", order.key);
                }
            }
            let mut lines: Vec<&str> =
                orders.iter().flat_map(|order| order.content["lines"].split("; ")).collect();
            lines.sort_unstable();
            assert_eq!(due.content["lines"], lines.join("; "), "{}", due.number);
            // Each location's part is an order of its own.
            for order in orders {
                let place = order.key.rsplit('-').next().unwrap();
                assert!(
                    order.content["lines"].split("; ").all(|line| line.ends_with(&format!("@{place}"))),
                    "{order:?}"
                );
            }
        }
        let summary = self.station.system.summary();
        assert_eq!(summary.doubled_keys, [""; 0]);
        assert_eq!(self.station.system.state().contract_violations, []);
    }

    /// Every parcel under way is in Sage, once.
    fn assert_written_back(&self) {
        for due in self.sage.system.orders() {
            let shipped: BTreeSet<String> = self
                .station
                .system
                .orders()
                .into_iter()
                .filter(|order| order.number == due.number)
                .flat_map(|order| order.tracking)
                .collect();
            let written: BTreeSet<String> = due.tracking.iter().cloned().collect();
            assert_eq!(written.len(), due.tracking.len(), "twice");
            assert_eq!(written, shipped, "{}", due.number);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_go_out_and_shipments_come_back() {
    let pair = Pair::new(Orders { count: 60, ..Orders::default() }, |_| {}).await;
    pair.run_well().await;
    pair.assert_aligned();
    let parked = pair.records("orders", RecordState::Parked).await;
    let expected = pair.sage.system.summary().should_park;
    assert_eq!(parked.len(), expected, "{parked:#?}");

    // Warehouses and codes, in both directions.
    assert_eq!(pair.sage.system.locations().get("AUS").map(String::as_str), Some("Austin"));
    assert_eq!(pair.sage.system.ship_vias()["UPSGND"], "UPS® Ground");
    assert_eq!(pair.sage.system.ship_vias()["UPSNDA"], "UPS Next Day Air®");
    let named: BTreeMap<String, String> = pair.sage.system.locations();
    let inventory: BTreeMap<(String, String), i64> = pair
        .sage
        .system
        .inventory()
        .into_iter()
        .map(|((item, location), quantity)| ((item, named[&location].clone()), quantity))
        .collect();
    assert_eq!(pair.station.system.inventory(), inventory);
    let changes = pair.station.system.summary().inventory_changes;

    // Everything ships: most with one label, some with two, some only marked.
    for (index, order) in pair.station.system.orders().into_iter().enumerate() {
        match (order.status.as_str(), index % 5) {
            ("awaiting_shipment", 0) => drop(pair.station.system.ship(&order.key, 2).unwrap()),
            ("awaiting_shipment", 1) => {
                pair.station.system.mark_as_shipped(&order.key, &format!("MARK{index:06}")).unwrap();
            }
            ("awaiting_shipment", _) => drop(pair.station.system.ship(&order.key, 1).unwrap()),
            _ => {}
        }
    }
    pair.run_well().await;
    pair.assert_written_back();
    for due in pair.due() {
        let order = pair.order(&due.number);
        let held = due.content["hold"] == "true";
        let complete = order.record["OrderCompleted"].as_str().unwrap().starts_with("Complete");
        assert_eq!(complete, !held, "{}: {:#?}", due.number, order.record);
        assert_eq!(order.tracking.is_empty(), held);
    }
    // Shipping changed no order at ShipStation, and no quantity was told twice.
    pair.assert_aligned();
    assert_eq!(pair.station.system.summary().refused_edits, 0);
    assert_eq!(pair.station.system.summary().inventory_changes, changes);
    assert!(pair.sage.system.day_end_processing() > 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_follow_until_the_order_has_shipped() {
    for locked in [Locked::Refuse("The order can not be modified.".into()), Locked::Ignore] {
        let pair =
            Pair::new(Orders { count: 20, ..Orders::default() }, |options| options.locked = locked).await;
        pair.run_well().await;
        let (moved, held, closed, late) = (pair.some(0), pair.some(1), pair.some(2), pair.some(3));
        // The line goes to another location: what was sent for the first is cancelled.
        let mut lines = pair.order(&moved).record["OrderDetails"].clone();
        let place = if lines[0]["Location"] == "1" { "3" } else { "1" };
        for line in lines.as_array_mut().unwrap() {
            line["Location"] = json!(place);
        }
        pair.edit(&moved, json!({ "OrderDetails": lines, "ShipToName": "Dock 4", "ShipToAddressLine1": "1 New St", "ShipToCity": "Boston" }));
        pair.edit(&held, json!({ "OnHold": true }));
        pair.sage.system.complete(&closed).unwrap();
        pair.run_well().await;
        pair.assert_aligned();
        let of = |number: &str| {
            pair.station
                .system
                .orders()
                .into_iter()
                .filter(|order| order.number == number)
                .collect::<Vec<_>>()
        };
        let statuses: BTreeSet<String> = of(&moved).into_iter().map(|order| order.status).collect();
        assert_eq!(statuses, ["awaiting_shipment", "cancelled"].map(str::to_owned).into());
        assert_eq!(of(&held)[0].status, "on_hold");
        assert_eq!(of(&closed)[0].status, "cancelled");

        pair.station.system.ship(&of(&late)[0].key, 1).unwrap();
        let before = of(&late);
        pair.edit(&late, json!({ "ShipToName": "Too Late Inc." }));
        pair.run_well().await;
        assert_eq!(of(&late)[0].content, before[0].content);
        let done = pair.records("orders", RecordState::Done).await;
        let told = done.iter().find(|record| record.id.key() == late).unwrap();
        assert!(format!("{told:?}").contains("after ShipStation had shipped"), "{told:#?}");
        // Said once.
        let edits = pair.station.system.summary();
        pair.run_well().await;
        let again = pair.station.system.summary();
        assert_eq!((edits.refused_edits, edits.ignored_edits), (again.refused_edits, again.ignored_edits));
    }
}

/// One location's part has shipped, and the answer to the edit of the other one is lost.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_comes_too_late_for_one_part_is_told_whatever_the_other_waits_for() {
    let pair = Pair::new(Orders { count: 20, ..Orders::default() }, |_| {}).await;
    pair.run_well().await;
    let parted: Vec<_> = pair.placed().into_iter().filter(|(_, parts)| parts.len() == 2).collect();
    for (turn, (number, parts)) in parted.iter().take(2).enumerate() {
        let (shipped, open) = (&parts[turn].key, &parts[1 - turn].key);
        pair.station.system.ship(shipped, 1).unwrap();
        let lost = Rule::every(Fault::ActThenDrop).on("POST", "/orders/createorders").times(2);
        pair.station.system.controls().switch_on(lost).unwrap();
        pair.edit(number, json!({ "OrderComment": "Handle with care" }));
        pair.run_well().await;
        let state = pair.station.system.state();
        let notes = |key: &String| {
            let order = state.orders.iter().find(|order| order.key == *key).unwrap();
            order.content.body.get("internalNotes") == Some(&json!("Handle with care"))
        };
        assert_eq!((notes(open), notes(shipped)), (true, false));
        let notices = pair.show(&format!("{MAPPING}/orders/{number}")).await.record.notices;
        assert!(notices.iter().any(|notice| notice.message.contains(shipped)), "{notices:#?}");
    }
    assert_eq!(parted.len().min(2), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_shipped_from_a_location_is_told_when_its_lines_move() {
    for locked in [Locked::Refuse("The order can not be modified.".into()), Locked::Ignore] {
        let pair =
            Pair::new(Orders { count: 20, ..Orders::default() }, |options| options.locked = locked).await;
        pair.run_well().await;
        let number = pair.some(0);
        let key = pair.placed()[&number][0].key.clone();
        let mut lines = pair.order(&number).record["OrderDetails"].clone();
        let first = lines.clone();
        let place = if lines[0]["Location"] == "1" { "3" } else { "1" };
        lines.as_array_mut().unwrap().iter_mut().for_each(|line| line["Location"] = json!(place));
        let told = async || {
            let done = pair.records("orders", RecordState::Done).await;
            let record = done.into_iter().find(|record| record.id.key() == number).unwrap();
            record.notices.into_iter().filter(|notice| notice.message.contains(&key)).count()
        };
        // There and back: what was cancelled cannot be opened again, and people must know.
        pair.edit(&number, json!({ "OrderDetails": lines }));
        pair.run_well().await;
        assert_eq!(told().await, 0);
        pair.edit(&number, json!({ "OrderDetails": first }));
        pair.run_well().await;
        assert_eq!(told().await, 1);

        let number = pair.some(1);
        let key = pair.placed()[&number][0].key.clone();
        let mut lines = pair.order(&number).record["OrderDetails"].clone();
        let place = if lines[0]["Location"] == "1" { "3" } else { "1" };
        lines.as_array_mut().unwrap().iter_mut().for_each(|line| line["Location"] = json!(place));
        pair.station.system.ship(&key, 1).unwrap();
        pair.edit(&number, json!({ "OrderDetails": lines }));
        pair.run_well().await;
        let done = pair.records("orders", RecordState::Done).await;
        let record = done.into_iter().find(|record| record.id.key() == number).unwrap();
        assert!(record.notices.iter().any(|notice| notice.message.contains(&key)), "{record:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_quantities_and_voids_follow() {
    let pair = Pair::new(Orders { count: 25, ..Orders::default() }, |_| {}).await;
    pair.run_well().await;
    pair.sage.system.set_stock("A1-105/0", "2", 4711).unwrap();
    let number = pair.some(0);
    let customer = pair.order(&number).record["CustomerNumber"].as_str().unwrap().to_owned();
    let set = json!({ "CustomerName": "Renamed Ltd", "Email": "new@example.com" });
    pair.sage.system.edit_customer(&customer, set.as_object().unwrap()).unwrap();
    let changes = pair.station.system.summary().inventory_changes;
    pair.run_well().await;
    assert_eq!(pair.station.system.summary().inventory_changes, changes + 1);
    let there = pair.station.system.inventory();
    assert_eq!(there[&("A1-105/0".to_owned(), "Warehouse - Los Angeles".to_owned())], 4711);
    let orders = pair.station.system.state().orders;
    let order = orders.iter().find(|order| order.number == number).unwrap();
    assert_eq!(order.content.body["billTo"]["name"], "Renamed Ltd");

    let key = order.key.clone();
    let tracking = pair.station.system.ship(&key, 1).unwrap();
    pair.run_well().await;
    assert_eq!(pair.order(&number).tracking[0].number, tracking[0]);
    pair.station.system.void(&key, None).unwrap();
    pair.run_well().await;
    let order = pair.order(&number);
    assert_eq!(order.tracking[0].status, "Voided");
    assert_eq!(order.record["OrderCompleted"], "IncompleteNotIncluded");
    pair.station.system.ship(&key, 1).unwrap();
    pair.run_well().await;
    pair.assert_written_back();
    assert_eq!(pair.order(&number).record["OrderCompleted"], "CompleteNotIncluded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_day_loses_and_doubles_nothing() {
    let pair = Pair::new(Orders { count: 60, seed: 7, ..Orders::default() }, |_| {}).await;
    let sage = pair.sage.system.controls();
    let station = pair.station.system.controls();
    let random = |fault: Fault, method: &str, path: &str, rate| {
        let mut rule = Rule::every(fault).on(method, path).at_random(rate, 11);
        if method == "*" {
            rule.method = None;
        }
        rule
    };
    for rule in [
        random(Fault::ActThenDrop, "POST", API, 0.1),
        random(Fault::DuplicatePage, "GET", API, 0.05),
        random(Fault::PoolBusy, "*", API, 0.05),
        random(Fault::NoLicence, "*", API, 0.03),
        random(Fault::Status503, "*", API, 0.05),
        random(Fault::TruncatedBody, "GET", API, 0.03),
    ] {
        sage.switch_on(rule).unwrap();
    }
    for rule in [
        random(Fault::ActThenDrop, "POST", "/orders/*", 0.3),
        random(Fault::ActThenStatus500, "POST", "/*", 0.1),
        random(Fault::Status429, "*", "/*", 0.05),
        random(Fault::Status503, "*", "/*", 0.05),
    ] {
        station.switch_on(rule).unwrap();
    }
    pair.run().await;
    pair.heal();
    pair.run_well().await;
    pair.assert_aligned();
    for order in pair.station.system.orders() {
        if order.status == "awaiting_shipment" {
            pair.station.system.ship(&order.key, 1).unwrap();
        }
    }
    sage.switch_on(random(Fault::ActThenDrop, "POST", API, 0.3)).unwrap();
    sage.switch_on(random(Fault::RecordLock, "POST", API, 0.2)).unwrap();
    pair.run().await;
    pair.heal();
    pair.run_well().await;
    pair.assert_written_back();
    assert!(pair.sage.system.state().repeated_shipments > 0, "answers were lost, so some were repeated");
    let twice = pair.station.system.inventory();
    assert_eq!(twice.values().sum::<i64>(), pair.sage.system.inventory().values().sum::<i64>());
}
