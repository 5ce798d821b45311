//! The simulated Sage 100, quirk by quirk.

mod soap;
mod status;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::books::{HISTORY, OPEN};
use super::route::contract;
use super::{Options, Orders, Sage100};
use crate::base::ManualClock;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::expectation::{Expectation, Reason};
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::system::System;

struct Site {
    sage: Sage100,
    clock: ManualClock,
}

fn site(change: impl FnOnce(&mut Options)) -> Site {
    let clock = ManualClock::at("2026-11-20T18:15:30Z".parse().unwrap());
    let mut options = Options { clock: Arc::new(clock.clone()), ..Options::default() };
    change(&mut options);
    Site { sage: Sage100::new(options).unwrap(), clock }
}

impl Site {
    /// Every answer is held against the contract.
    fn send(&self, method: &str, target: &str, body: Option<&Value>) -> Answer {
        self.struck(method, target, body, None)
    }

    fn struck(&self, method: &str, target: &str, body: Option<&Value>, strike: Option<&Strike>) -> Answer {
        let call = Call::new(method, target, body).with("x-api-key", "sim-key").with("x-request-id", "r-1");
        let answer = self.sage.act(&call, strike);
        assert_eq!(answer.header("x-request-id"), Some("r-1"));
        let wrong =
            contract().as_ref().unwrap().check_answer(method, &call.path, answer.status, &answer.value());
        assert!(wrong.is_empty(), "{method} {target}: {wrong:?}");
        answer
    }

    fn all(&self, query: &str) -> Vec<Value> {
        self.rest(query, String::new())
    }

    fn rest(&self, query: &str, mut after: String) -> Vec<Value> {
        let mut records = Vec::new();
        for _ in 0..200 {
            let page = self.send("GET", &format!("/v1/ABC/tables/{OPEN}?{query}{after}"), None).value();
            records.extend(page["records"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return records,
            }
        }
        panic!("the pages do not end");
    }

    fn write(&self, number: &str, numbers: &[&str]) -> Answer {
        let packages: Vec<Value> = numbers.iter().map(|number| json!({ "tracking_id": number })).collect();
        let body = json!({ "packages": packages, "ship_via": "UPS GROUND", "freight_amount": 12.5 });
        self.send("PUT", &format!("/v1/ABC/sales-orders/{number}/tracking"), Some(&body))
    }

    fn open_order(&self) -> String {
        let state = self.sage.state();
        state.orders.iter().find(|order| order.expectation == Expectation::Ships).unwrap().number.clone()
    }
}

fn code(answer: &Answer) -> String {
    answer.value()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

fn numbers(records: &[Value]) -> Vec<String> {
    records.iter().map(|record| record["SalesOrderNo"].as_str().unwrap().to_owned()).collect()
}

fn strike(fault: Fault) -> Strike {
    Strike { fault, delay: None, retry_after: None, attempts: 2 }
}

#[test]
fn the_same_seed_gives_the_same_books() {
    let state = |seed| site(|options| options.orders.seed = seed).sage.state();
    assert_eq!(state(1), state(1));
    assert_ne!(state(1), state(2));
}

#[test]
fn every_kind_of_order_occurs_and_is_judged() {
    let state = site(|options| options.orders.count = 400).sage.state();
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for order in &state.orders {
        *found.entry(format!("{:?}", order.expectation)).or_default() += 1;
    }
    for reason in [Reason::UnknownAddress, Reason::AmbiguousAddress, Reason::ServiceRefused, Reason::NoWeight]
    {
        assert!(found.contains_key(&format!("{:?}", Expectation::Parked(reason))), "{found:?}");
    }
    let parked: usize =
        state.orders.iter().filter(|order| matches!(order.expectation, Expectation::Parked(_))).count();
    assert_eq!((parked, found["NotSelected"]), (6 + 6 + 8 + 4, 3 * 8 + 2 * 12));
    let states: std::collections::BTreeSet<&str> =
        state.orders.iter().filter_map(|order| order.record["ShipToState"].as_str()).collect();
    assert!(states.len() > 20);
}

#[test]
fn pages_come_in_the_order_of_changes_and_miss_nothing() {
    let site = site(|options| options.orders.count = 120);
    let records = site.all("limit=7&include=Lines");
    assert_eq!(records.len(), 120);
    let stamp = |record: &Value| {
        (
            record["DateUpdated"].as_str().unwrap().to_owned(),
            record["TimeUpdated"].as_str().unwrap().parse::<f64>().unwrap(),
        )
    };
    assert!(records.windows(2).all(|pair| stamp(&pair[0]) <= stamp(&pair[1])));
    assert!(records.windows(2).any(|pair| stamp(&pair[0]) == stamp(&pair[1])), "stamps shared by import");
    let text = |record: &Value| record["TimeUpdated"].as_str().unwrap().to_owned();
    let trap =
        |pair: &[Value]| pair[0]["DateUpdated"] == pair[1]["DateUpdated"] && text(&pair[0]) > text(&pair[1]);
    assert!(records.windows(2).any(trap), "text order differs from time");
    let line = &records[0]["Lines"][0];
    assert!(line["UnitWeight"].is_number() && line["QuantityOrdered"].is_number());
}

#[test]
fn changes_since_a_stamp_include_that_stamp() {
    let site = site(|_| {});
    let records = site.all("limit=100");
    let last = records.last().unwrap();
    let (date, time) = (last["DateUpdated"].as_str().unwrap(), last["TimeUpdated"].as_str().unwrap());
    let newest = site.all(&format!("changed_since_date={date}&changed_since_time={time}"));
    assert!(numbers(&newest).contains(&last["SalesOrderNo"].as_str().unwrap().to_owned()));
    assert!(newest.len() < 5);
    // Compared as numbers: 9.5 is before 13.2, whatever the texts say.
    site.sage.edit_order(&site.open_order(), &Map::new(), None).unwrap();
    assert_eq!(
        site.all("changed_since_date=2026-11-20&changed_since_time=9.5").last().unwrap()["TimeUpdated"],
        "13.25833"
    );
    for query in [
        "changed_since_time=9.5",
        "changed_since_date=20.11.2026",
        "changed_since_date=2026-11-20&changed_since_time=9:30",
        "after=x",
        "limit=0",
    ] {
        let answer = site.send("GET", &format!("/v1/ABC/tables/{OPEN}?{query}"), None);
        assert_eq!((answer.status, code(&answer).as_str()), (400, "invalid_request"), "{query}");
    }
    let answer = site.send("GET", "/v1/ABC/tables/SO_InvoiceTracking?changed_since_date=2026-11-20", None);
    assert_eq!(answer.status, 400);
}

#[test]
fn rows_that_change_between_pages_drift_to_the_end() {
    let site = site(|_| {});
    let page = site.send("GET", &format!("/v1/ABC/tables/{OPEN}?limit=10"), None).value();
    let seen = numbers(page["records"].as_array().unwrap());
    site.sage.edit_order(&seen[0], &Map::from_iter([("ShipToName".into(), json!("New"))]), None).unwrap();
    let rest = site.rest("limit=10", format!("&after={}", page["next"].as_str().unwrap()));
    assert_eq!(numbers(&rest).last(), Some(&seen[0]));
    assert_eq!(rest.len(), 41);
}

#[test]
fn bulk_jobs_leave_stamps_alone() {
    let site = site(|_| {});
    let number = site.open_order();
    site.clock.advance(Duration::from_secs(60));
    let before = site.all("limit=100");
    assert_eq!(
        site.sage.bulk_edit(
            std::slice::from_ref(&number),
            &Map::from_iter([("ShipVia".into(), json!("UPS RED"))])
        ),
        1
    );
    let after = site.all("limit=100");
    assert_eq!(numbers(&before), numbers(&after));
    let shown = after.iter().find(|record| record["SalesOrderNo"] == number.as_str()).unwrap();
    assert_eq!(shown["ShipVia"], "UPS RED");
}

#[test]
fn a_limited_scan_says_so_and_goes_on() {
    let site = site(|options| options.scan_limit = Some(20));
    let page =
        site.send("GET", &format!("/v1/ABC/tables/{OPEN}?changed_since_date=2026-11-20"), None).value();
    assert_eq!((&page["scan_limit_reached"], page["records"].as_array().unwrap().len()), (&json!(true), 0));
    assert!(page["next"].is_string());
    assert_eq!(site.all("limit=100").len(), 50);
}

#[test]
fn a_duplicated_page_comes_twice() {
    let site = site(|_| {});
    let target = format!("/v1/ABC/tables/{OPEN}?limit=10");
    let first = site.struck("GET", &target, None, Some(&strike(Fault::DuplicatePage))).value();
    let again =
        site.send("GET", &format!("{target}&after={}", first["next"].as_str().unwrap()), None).value();
    assert_eq!(first["records"], again["records"]);
    let next = site.send("GET", &format!("{target}&after={}", again["next"].as_str().unwrap()), None).value();
    assert_ne!(again["records"], next["records"]);
}

#[test]
fn writing_twice_changes_nothing_and_other_numbers_are_refused() {
    let site = site(|_| {});
    let number = site.open_order();
    site.clock.advance(Duration::from_secs(3600));
    assert_eq!(site.write(&number, &["1Z1", "1Z2"]).value(), json!({ "written": 2 }));
    let order = site.send("GET", &format!("/v1/ABC/tables/{OPEN}/{number}"), None).value();
    assert_eq!(
        (&order["TrackingID"], &order["FreightAmt"], &order["TimeUpdated"]),
        (&json!("1Z1"), &json!(12.5), &json!("14.25833"))
    );
    assert_eq!(numbers(&site.all("limit=100")).last(), Some(&number));
    assert_eq!(site.write(&number, &["1Z2", "1Z1"]).value(), json!({ "written": 0, "unchanged": true }));
    let other = site.write(&number, &["1Z3"]);
    assert_eq!((other.status, code(&other).as_str()), (409, "tracking_differs"));
    let state = site.sage.state();
    assert_eq!((state.repeated_writes, state.conflicting_writes), (1, 1));
    assert_eq!(site.write("9999999", &["1Z3"]).status, 404);
    assert_eq!(site.write(&number, &[&"x".repeat(31)]).status, 400);
    assert_eq!(site.sage.state().contract_violations.len(), 1);
}

#[test]
fn locks_stop_writes_and_not_reads() {
    let site = site(|_| {});
    let number = site.open_order();
    site.sage.lock_order(&number, "jgarcia", None);
    let locked = site.write(&number, &["1Z1"]);
    assert_eq!((locked.status, locked.value()["error"]["locked_by"].as_str()), (423, Some("jgarcia")));
    assert_eq!(site.send("GET", &format!("/v1/ABC/tables/{OPEN}/{number}"), None).status, 200);
    site.sage.unlock_order(&number);
    site.sage.lock_order(&number, "jgarcia", Some(2));
    let statuses: Vec<u16> = (0..3).map(|_| site.write(&number, &["1Z1"]).status).collect();
    assert_eq!(statuses, [423, 423, 200]);
    assert_eq!(site.sage.state().locked_out, 3);
}

#[test]
fn records_lock_at_random_for_some_attempts() {
    let site = site(|_| {});
    let number = site.open_order();
    let body = json!({ "packages": [{ "tracking_id": "1Z1" }] });
    let target = format!("/v1/ABC/sales-orders/{number}/tracking");
    assert_eq!(site.struck("PUT", &target, Some(&body), Some(&strike(Fault::RecordLock))).status, 423);
    assert_eq!((site.write(&number, &["1Z1"]).status, site.write(&number, &["1Z1"]).status), (423, 200));
}

#[test]
fn licences_and_sessions_run_out() {
    let site = site(|_| {});
    let number = site.open_order();
    site.sage.licence_free(false);
    let refused = site.write(&number, &["1Z1"]);
    assert_eq!((refused.status, code(&refused).as_str()), (503, "no_licence"));
    assert_eq!(site.send("GET", &format!("/v1/ABC/tables/{OPEN}"), None).status, 200);
    site.sage.licence_free(true);
    let busy = site.struck("GET", &format!("/v1/ABC/tables/{OPEN}"), None, Some(&strike(Fault::PoolBusy)));
    assert_eq!((busy.status, code(&busy).as_str()), (429, "pool_busy"));
}

#[test]
fn invoiced_orders_move_to_the_history() {
    let site = site(|_| {});
    let number = site.open_order();
    let invoice = site.sage.invoice(&number, false).unwrap();
    site.write(&number, &["1Z1", "1Z2"]);
    let row = site.send("GET", &format!("/v1/ABC/tables/SO_InvoiceTracking/{invoice}~0002"), None).value();
    assert_eq!(row["TrackingID"], "1Z2");
    assert!(row.get("DateUpdated").is_none());
    site.sage.invoice(&number, true).unwrap();
    assert_eq!(site.send("GET", &format!("/v1/ABC/tables/{OPEN}/{number}"), None).status, 404);
    let moved = site.send("GET", &format!("/v1/ABC/tables/{HISTORY}/{number}?include=Lines"), None).value();
    assert_eq!((&moved["OrderStatus"], &moved["TrackingID"]), (&json!("C"), &json!("1Z1")));
    assert!(!moved["Lines"].as_array().unwrap().is_empty());
    assert_eq!(site.write(&number, &["1Z2", "1Z1"]).value()["unchanged"], true);
    assert_eq!(
        site.send("GET", &format!("/v1/ABC/tables/AR_InvoiceHistoryTracking/{invoice}~000000~0001"), None)
            .status,
        200
    );
}

#[test]
fn numbers_that_come_after_the_invoice_is_posted_go_to_the_histories() {
    let site = site(|_| {});
    let number = site.open_order();
    let invoice = site.sage.invoice(&number, true).unwrap();
    site.clock.advance(Duration::from_secs(3600));
    assert_eq!(site.write(&number, &["1Z1", "1Z2"]).value(), json!({ "written": 2 }));
    let row = site.record("AR_InvoiceHistoryTracking", &format!("{invoice}~000000~0002"));
    assert_eq!((&row["TrackingID"], &row["HeaderSeqNo"]), (&json!("1Z2"), &json!("000000")));
    let order = site.record(HISTORY, &number);
    assert_eq!((&order["TrackingID"], &order["TimeUpdated"]), (&json!("1Z1"), &json!("14.25833")));
    assert_eq!(site.write(&number, &["1Z3"]).status, 409);
}

#[test]
fn keys_and_companies_are_checked() {
    let site = site(|_| {});
    let keyless = site.sage.act(&Call::new("GET", "/v1/ABC", None), None);
    assert_eq!((keyless.status, code(&keyless).as_str()), (401, "invalid_key"));
    assert_eq!(code(&site.send("GET", "/v1/XYZ", None)), "company_not_allowed");
    assert_eq!(site.send("GET", "/v1/ABC", None).value()["company"], "ABC");
    assert_eq!(site.send("GET", "/v1/ABC/tables/SY_User", None).status, 404);
    for table in ["AR_Customer", "CI_Item", "IM_ItemWarehouse", "SO_InvoiceHeader"] {
        assert_eq!(site.send("GET", &format!("/v1/ABC/tables/{table}?limit=3"), None).status, 200);
    }
}

#[test]
fn a_corrected_order_is_judged_anew() {
    let site = site(|_| {});
    let state = site.sage.state();
    let bad = state
        .orders
        .iter()
        .find(|order| order.expectation == Expectation::Parked(Reason::UnknownAddress))
        .unwrap();
    site.sage
        .edit_order(&bad.number, &Map::from_iter([("ShipToAddress1".into(), json!("12 Main St"))]), None)
        .unwrap();
    let state = site.sage.state();
    let mended = state.orders.iter().find(|order| order.number == bad.number).unwrap();
    assert_eq!(mended.expectation, Expectation::Ships);
    let added = site.sage.add_orders(3);
    assert_eq!(site.sage.state().orders.len(), 53);
    assert_eq!(numbers(&site.all("limit=10"))[50..], added);
}

#[test]
fn orders_can_start_empty() {
    let site = site(|options| options.orders = Orders { count: 0, ..Orders::default() });
    assert!(site.all("limit=10").is_empty());
}

impl Site {
    fn package(&self, method: &str, number: &str, id: &str, day: &str) -> Answer {
        let body = json!({
            "carrier": "ups", "service": "ups_ground", "ship_date": "2026-11-20",
            "invoice_fields": [{ "name": "UDF_DELIVERY_DATE", "value": day }],
        });
        let target = format!("/v1/ABC/sales-orders/{number}/packages/{id}");
        self.send(method, &target, (method == "PUT").then_some(&body))
    }

    fn record(&self, table: &str, key: &str) -> Value {
        self.send("GET", &format!("/v1/ABC/tables/{table}/{key}"), None).value()
    }
}

#[test]
fn parcels_are_written_one_by_one_wherever_the_invoice_is() {
    let site = site(|_| {});
    let number = site.open_order();
    assert_eq!(site.package("PUT", &number, "1Z1", "2026-11-24").value()["written"], 1);
    assert_eq!(site.package("PUT", &number, "1Z1", "2026-11-24").value()["unchanged"], true);
    // Invoiced now: the invoice gets what is there, and then what comes.
    let invoice = site.sage.invoice(&number, false).unwrap();
    assert_eq!(site.record("SO_InvoiceTracking", &format!("{invoice}~0001"))["StarshipShipVia"], "ups");
    let second = site.package("PUT", &number, "1Z2", "2026-11-25").value();
    assert_eq!((&second["invoice"], &second["posted"]), (&json!(invoice), &json!(false)));
    assert_eq!(second["tracking_ids"], json!(["1Z1", "1Z2"]));
    assert_eq!(site.record("SO_InvoiceHeader", &invoice)["UDF_DELIVERY_DATE"], "2026-11-25");
    // Posted: everything has moved, and a third parcel follows it.
    site.sage.invoice(&number, true).unwrap();
    let third = site.package("PUT", &number, "1Z3", "2026-11-26").value();
    assert_eq!((&third["written"], &third["posted"]), (&json!(1), &json!(true)));
    let row = site.record("AR_InvoiceHistoryTracking", &format!("{invoice}~000000~0003"));
    assert_eq!(
        (&row["TrackingID"], &row["RecordKey"]),
        (&json!("1Z3"), &json!(format!("{invoice}~000000~0003")))
    );
    assert_eq!(
        site.record("AR_InvoiceHistoryHeader", &format!("{invoice}~000000"))["UDF_DELIVERY_DATE"],
        "2026-11-26"
    );
    assert_eq!(
        site.record("SO_ARInvoiceHistoryLink", &format!("{number}~{invoice}~000000"))["InvoiceNo"],
        invoice.as_str()
    );
    // A label is voided.
    assert_eq!(site.package("DELETE", &number, "1Z2", "").value()["tracking_ids"], json!(["1Z1", "1Z3"]));
    assert_eq!(site.package("DELETE", &number, "1Z2", "").value()["written"], 0);
    assert_eq!(
        site.record("AR_InvoiceHistoryTracking", &format!("{invoice}~000000~0002"))["TrackingID"],
        "1Z3"
    );
    let state = site.sage.state();
    let order = state.orders.iter().find(|order| order.number == number).unwrap();
    assert_eq!(order.packages.iter().map(|package| package.writes).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(site.package("PUT", "9999999", "1Z9", "2026-11-24").status, 404);
    site.sage.lock_order(&number, "jgarcia", Some(1));
    assert_eq!(site.package("PUT", &number, "1Z4", "2026-11-24").status, 423);
}

#[test]
fn stock_moves_with_and_without_a_stamp() {
    let site = site(|_| {});
    site.clock.advance(Duration::from_secs(3600));
    let changed = || {
        let target = "/v1/ABC/tables/IM_ItemWarehouse?changed_since_date=2026-11-20&changed_since_time=13.9";
        site.send("GET", target, None).value()["records"].as_array().unwrap().len()
    };
    site.sage.move_stock("6652", "001", 7, false).unwrap();
    assert_eq!(
        (changed(), site.record("IM_ItemWarehouse", "6652~001")["QuantityOnHand"].as_i64()),
        (0, Some(7))
    );
    site.sage.move_stock("6652", "002", 3, true).unwrap();
    assert_eq!(changed(), 1);
    assert_eq!(site.sage.inventory()[&("6652".to_owned(), "001".to_owned())], 7);
    let item = site.record("CI_Item", "6652");
    assert_eq!(item["StandardUnitPrice"], 41.99);
    let account = site.record("GL_Account", item["SalesIncomeAcctKey"].as_str().unwrap());
    assert_eq!(account["Account"], "400-02-00");
    assert!(site.sage.move_stock("6652", "999", 3, true).is_err());
    assert_eq!(site.sage.orders().len(), 50);
}
