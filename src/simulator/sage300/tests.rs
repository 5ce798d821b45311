//! The simulated Sage 300, quirk by quirk.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Options, Sage300};
use crate::base::ManualClock;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::expectation::{Expectation, Reason};
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::system::System;

fn site(change: impl FnOnce(&mut Options)) -> Sage300 {
    let clock = ManualClock::at("2026-11-20T18:15:30Z".parse().unwrap());
    let mut options = Options { clock: Arc::new(clock), ..Options::default() };
    change(&mut options);
    Sage300::new(options)
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

fn call(method: &str, target: &str, body: Option<&Value>) -> Call {
    let target = format!("/Sage300WebApi/v1.0/-/SAMLTD/{target}");
    Call::new(method, &target, body)
        .with("authorization", &basic("WEBAPI:SIM-PASSWORD"))
        .with("content-type", "application/json")
}

fn send(sage: &Sage300, method: &str, target: &str, body: Option<&Value>) -> Answer {
    sage.act(&call(method, target, body), None)
}

fn get(sage: &Sage300, target: &str) -> Value {
    let answer = send(sage, "GET", target, None);
    assert_eq!(answer.status, 200, "{target}: {}", answer.value());
    answer.value()
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.value()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn column(page: &Value, name: &str) -> Vec<Value> {
    page["value"].as_array().unwrap().iter().map(|record| record[name].clone()).collect()
}

fn an_order(sage: &Sage300) -> Value {
    let orders = sage.state().orders;
    orders.into_iter().find(|order| order.expectation == Expectation::Ships).unwrap().record
}

#[test]
fn the_same_seed_gives_the_same_books() {
    let state = |seed| site(|options| options.orders.seed = seed).state();
    assert_eq!(state(1), state(1));
    assert_ne!(state(1), state(2));
}

#[test]
fn every_kind_of_order_occurs_and_is_judged() {
    let sage = site(|options| options.orders.count = 200);
    let count = |wanted| sage.state().orders.iter().filter(|order| order.expectation == wanted).count();
    assert_eq!(count(Expectation::Parked(Reason::UnknownAddress)), 4);
    assert_eq!(count(Expectation::NotSelected), 3 * 4 + 6 + 4);
    let several = |order: &Value| {
        let lines = order["OrderDetails"].as_array().unwrap().clone();
        let things = lines.into_iter().filter(|line| line["LineType"] == "Item");
        things.map(|line| line["Location"].to_string()).collect::<BTreeSet<_>>().len() > 1
    };
    assert_eq!(sage.state().orders.iter().filter(|order| several(&order.record)).count(), 40);
    for due in sage.orders().iter().filter(|due| due.expectation == Expectation::Ships) {
        assert!(!due.content["street"].is_empty() && !due.content["name"].is_empty(), "{due:?}");
    }
}

#[test]
fn credentials_are_compared_as_they_are() {
    let sage = site(|_| {});
    let with = |credentials: &str| {
        let call = Call::new("GET", "/Sage300WebApi/v1.0/-/SAMLTD/OE/OEOrders", None)
            .with("content-type", "application/json")
            .with("authorization", &basic(credentials));
        sage.act(&call, None)
    };
    assert_eq!(with("WEBAPI:SIM-PASSWORD").status, 200);
    for wrong in ["webapi:SIM-PASSWORD", "WEBAPI:sim-password", "WEBAPI:", ""] {
        assert_eq!(refusal(&with(wrong)), (401, "Unauthorized".to_owned()), "{wrong}");
    }
    let admin = |allowed| {
        let sage = site(|options| {
            options.user = "ADMIN".into();
            options.allow_admin = allowed;
        });
        let call = call("GET", "OE/OEOrders", None).with("authorization", &basic("ADMIN:SIM-PASSWORD"));
        sage.act(&call, None).status
    };
    assert_eq!((admin(false), admin(true)), (403, 200));
}

#[test]
fn what_is_not_there_or_not_allowed_says_so_by_its_code() {
    let sage = site(|options| options.modules.retain(|module| module != "AR"));
    let bare = Call::new("GET", "/Sage300WebApi/v1.0/-/SAMLTD/OE/OEOrders", None)
        .with("authorization", &basic("WEBAPI:SIM-PASSWORD"));
    assert_eq!(refusal(&sage.act(&bare, None)), (500, "InternalServerError".to_owned()));
    let told = |method: &str, target: &str| refusal(&send(&sage, method, target, Some(&json!({}))));
    for (method, target, status, code) in [
        ("GET", "AR/ARCustomers", 403, "Forbidden"),
        ("GET", "OE/OEShipments", 404, "ResourceNotFound"),
        ("GET", "IC/OEOrders", 404, "ResourceNotFound"),
        ("GET", "OE/OEOrders(7)", 404, "RecordNotFound"),
        ("GET", "OE/OEOrders('7')", 400, "InvalidEntityKey"),
        ("GET", "OE/OEShipViaCodes('O''N')", 404, "RecordNotFound"),
        ("GET", "OE/OEShipViaCodes('O'N')", 400, "InvalidEntityKey"),
        ("PATCH", "OE/OEOrders(7)", 405, "MethodNotAllowed"),
        ("PUT", "OE/OEOrders(7)", 405, "MethodNotAllowed"),
        ("DELETE", "OE/OEOrders(7)", 405, "MethodNotAllowed"),
        ("POST", "OE/OEInvoices", 405, "MethodNotAllowed"),
        ("PATCH", "IC/ICLocationDetails(ItemNumber='A1-105',Location='1')", 405, "MethodNotAllowed"),
        ("DELETE", "XX/XXShipmentTracking(OrderNumber='x',TrackingNumber='y')", 405, "MethodNotAllowed"),
        ("POST", "OE/OEOrders('$process')", 400, "InvalidAction"),
        ("PATCH", "OE/OEShipViaCodes", 400, "InvalidEntityKey"),
    ] {
        assert_eq!(told(method, target), (status, code.to_owned()), "{method} {target}");
    }
    let answer = send(&sage, "GET", "OE/OEOrders(7)", None).value();
    assert_eq!(answer["error"]["message"]["value"], "A Record cannot be found for the specified entity key");
    assert_eq!(sage.state().refused["MethodNotAllowed"], 6);
}

#[test]
fn pages_are_of_a_hundred_and_their_link_forgets_the_query() {
    let sage = site(|options| options.orders.count = 230);
    let page = get(&sage, "OE/OEOrders?$top=1000&$count=true&$select=OrderNumber,OrderDate");
    assert_eq!(page["@odata.count"], 230);
    assert_eq!(column(&page, "OrderNumber").len(), 100);
    assert_eq!(page["value"][0].as_object().unwrap().len(), 2);
    assert_eq!(page["@odata.nextLink"], "http://localhost/Sage300WebApi/v1.0/-/SAMLTD/OE/OEOrders?$skip=100");
    let dates: Vec<String> =
        column(&page, "OrderDate").iter().map(|date| date.as_str().unwrap().to_owned()).collect();
    assert!(dates.iter().all(|date| date.ends_with("T00:00:00Z")));
    let mut sorted = dates.clone();
    sorted.sort();
    assert_ne!(dates, sorted, "dates go up and down with numbers");
    let last = get(&sage, "OE/OEOrders?$skip=200");
    assert_eq!((column(&last, "OrderNumber").len(), last.get("@odata.nextLink")), (30, None));
    let few = get(&sage, "OE/OEOrders?$top=5");
    assert_eq!((column(&few, "OrderNumber").len(), few.get("@odata.nextLink")), (5, None));
    assert_eq!(column(&get(&sage, "OE/OEOrders?$skip=999"), "OrderNumber").len(), 0);
    let large = site(|options| {
        options.orders.count = 230;
        options.page_size = 1000;
    });
    assert_eq!(column(&get(&large, "OE/OEOrders"), "OrderNumber").len(), 230);
}

#[test]
fn queries_are_taken_at_their_word() {
    let sage = site(|_| {});
    let filtered =
        get(&sage, "OE/OEOrders?$filter=OrderDate%20ge%202026-11-18T00:00:00Z%20and%20OnHold%20eq%20false");
    let dates = column(&filtered, "OrderDate");
    assert!(!dates.is_empty() && dates.len() < 50);
    assert!(dates.iter().all(|date| date.as_str().unwrap() >= "2026-11-18"));
    let item = get(&sage, "IC/ICItems?$filter=ItemNumber%20eq%20'A1-105/0'");
    assert_eq!(column(&item, "Description"), ["Halogen desk lamp"]);
    for wrong in [
        "$orderby=OrderDate",
        "$expand=OrderDetails",
        "$skip=1&$skip=2",
        "$top=x",
        "$select=Nothing",
        "$unheard=1",
        "$filter=OrderDate%20ge%20datetime'2026-11-18T00:00:00'",
    ] {
        let answer = send(&sage, "GET", &format!("OE/OEOrders?{wrong}"), None);
        assert_eq!(refusal(&answer), (400, "InvalidParameters".to_owned()), "{wrong}");
    }
    // IIS decodes the path before it is taken apart.
    assert_eq!(send(&sage, "GET", "IC/ICItems('A1-105%2F0')", None).status, 404);
    let quantity = get(&sage, "AR/ARCustomers('1100')");
    assert_eq!(quantity["CustomerName"], "American Business Futures");
}

#[test]
fn an_edit_shows_in_the_order_and_in_no_stamp() {
    let sage = site(|_| {});
    let order = an_order(&sage);
    let number = order["OrderNumber"].as_str().unwrap();
    sage.edit_order(number, json!({ "ShipToCity": "Elsewhere" }).as_object().unwrap()).unwrap();
    let key = &order["OrderUniquifier"];
    let mut after = get(&sage, &format!("OE/OEOrders({key})"));
    assert_eq!(after["ShipToCity"], "Elsewhere");
    after["ShipToCity"] = order["ShipToCity"].clone();
    after.as_object_mut().unwrap().shift_remove("@odata.context");
    assert_eq!(after, order);
    assert!(sage.edit_order("NONE", &serde_json::Map::new()).is_err());
    assert!(sage.edit_order(number, json!({ "Nothing": 1 }).as_object().unwrap()).is_err());
    sage.complete(number).unwrap();
    let state = sage.state();
    let order = state.orders.iter().find(|order| order.number == number).unwrap();
    assert_eq!(order.expectation, Expectation::NotSelected);
}

#[test]
fn the_order_of_a_payload_matters() {
    let sage = site(|_| {});
    let line = json!({ "Item": "A1-105/0", "QuantityOrdered": 2, "Location": "1" });
    let good = json!({
        "OrderNumber": "*** NEW ***", "CustomerNumber": "1100", "ShipToName": "Dock 4", "OrderDetails": [line],
    });
    let made = send(&sage, "POST", "OE/OEOrders", Some(&good));
    assert_eq!(made.status, 201, "{}", made.value());
    let made = made.value();
    assert_eq!(
        (made["ShipToName"].as_str(), made["OrderDetails"][0]["QuantityOrdered"].as_i64()),
        (Some("Dock 4"), Some(2))
    );
    assert_eq!(
        (made["OrderDetails"][0]["LineNumber"].as_i64(), made["BillToName"].as_str()),
        (Some(32), Some("American Business Futures"))
    );
    let line = json!({ "QuantityOrdered": 2, "Item": "A1-105/0" });
    let swapped = json!({ "ShipToName": "Dock 4", "CustomerNumber": "1100", "OrderDetails": [line] });
    let made = send(&sage, "POST", "OE/OEOrders", Some(&swapped)).value();
    assert_eq!(made["ShipToName"], "American Business Futures");
    assert_eq!(made["OrderDetails"][0]["QuantityOrdered"], 0);
    // What stands before a key is lost.
    let code = json!({ "Name": "Lost", "ShipViaCode": "NEW1" });
    assert_eq!(send(&sage, "POST", "OE/OEShipViaCodes", Some(&code)).value()["Name"], "");
    for wrong in [
        json!({ "CustomerNumber": "NONE" }),
        json!({ "CustomerNumber": "1100", "OrderDetails": [{ "Item": "NONE" }] }),
    ] {
        assert_eq!(refusal(&send(&sage, "POST", "OE/OEOrders", Some(&wrong))).1, "RecordInvalid");
    }
    for wrong in
        [json!({ "Nothing": 1 }), json!([]), json!({ "OnHold": "false" }), json!({ "OrderType": "Odd" })]
    {
        assert_eq!(refusal(&send(&sage, "POST", "OE/OEOrders", Some(&wrong))).1, "InvalidPayload", "{wrong}");
    }
}

#[test]
fn codes_can_be_made_changed_and_removed() {
    let sage = site(|_| {});
    let code = json!({ "ShipViaCode": "DHLEXP", "Name": "DHL Express" });
    let made = send(&sage, "POST", "OE/OEShipViaCodes", Some(&code));
    assert_eq!(
        (made.status, made.value()["DateLastMaintained"].as_str()),
        (201, Some("2026-11-20T00:00:00Z"))
    );
    assert_eq!(
        refusal(&send(&sage, "POST", "OE/OEShipViaCodes", Some(&code))),
        (409, "RecordDuplicate".to_owned())
    );
    let at = "OE/OEShipViaCodes('DHLEXP')";
    let changed = send(&sage, "PATCH", at, Some(&json!({ "Comment": "by air" })));
    assert_eq!((changed.status, changed.value()["Name"].as_str()), (200, Some("DHL Express")));
    let replaced = send(&sage, "PUT", at, Some(&json!({ "Comment": "by sea" })));
    assert_eq!((replaced.status, replaced.body.len()), (204, 0));
    assert_eq!(get(&sage, at)["Name"], "", "PUT replaces all");
    assert_eq!(send(&sage, "PATCH", at, Some(&json!({ "ShipViaCode": "OTHER" }))).status, 400);
    assert_eq!(send(&sage, "DELETE", at, None).status, 204);
    assert_eq!(send(&sage, "DELETE", at, None).status, 404);
    let long = json!({ "ShipViaCode": "TOOLONG", "Name": "x" });
    assert_eq!(refusal(&send(&sage, "POST", "OE/OEShipViaCodes", Some(&long))).1, "RecordInvalid");
    let template = send(&sage, "POST", "OE/OEShipViaCodes('$template')", Some(&json!({})));
    assert_eq!((template.status, template.value()["ShipViaCode"].as_str()), (200, Some("")));
}

#[test]
fn a_shipment_is_written_once_and_completes_its_order_with_the_last() {
    let sage = site(|options| options.orders.several_locations = 1.0);
    let order = an_order(&sage);
    let number = order["OrderNumber"].as_str().unwrap().to_owned();
    let lines: Vec<Value> = order["OrderDetails"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["LineType"] == "Item")
        .cloned()
        .collect();
    let detail = |line: &Value| json!({ "LineNumber": line["LineNumber"], "QuantityShipped": line["QuantityOrdered"] });
    let shipment = |tracking: &str, lines: &[Value]| {
        json!({
            "OrderNumber": number, "TrackingNumber": tracking, "Carrier": "ups", "ShipDate": "2026-11-20T00:00:00Z",
            "ShipmentDetails": lines.iter().map(detail).collect::<Vec<_>>(),
        })
    };
    let post = |body: &Value| send(&sage, "POST", "XX/XXShipmentTracking", Some(body));
    let first = shipment("1Z1", &lines[..1]);
    assert_eq!(post(&first).value()["ShipmentNumber"], "SH000001");
    let seen = || sage.state().orders.into_iter().find(|order| order.number == number).unwrap();
    assert_eq!(seen().record["OrderCompleted"], "IncompleteNotIncluded");
    assert_eq!(refusal(&post(&first)), (409, "RecordDuplicate".to_owned()));
    assert_eq!(sage.state().repeated_shipments, 1);
    assert_eq!(post(&shipment("1Z2", &lines[1..])).status, 201);
    assert_eq!(seen().record["OrderCompleted"], "CompleteNotIncluded");
    assert_eq!(seen().record["LastShipmentNumber"], "SH000002");
    assert_eq!(
        seen().record["OrderOptionalFields"][0],
        json!({ "OptionalField": "TRACKING", "Value": "1Z2", "OrderOptionalFieldType": "Text" })
    );
    assert_eq!(seen().expectation, Expectation::Ships, "what has shipped stays judged");
    let at = format!("XX/XXShipmentTracking(OrderNumber='{number}',TrackingNumber='1Z2')");
    assert_eq!(send(&sage, "PATCH", &at, Some(&json!({ "Status": "Voided" }))).status, 200);
    assert_eq!(seen().record["OrderCompleted"], "IncompleteNotIncluded");
    assert_eq!(
        seen().tracking.iter().map(|shipment| shipment.status.as_str()).collect::<Vec<_>>(),
        ["Shipped", "Voided"]
    );
    let dues = sage.orders();
    assert_eq!(dues.iter().find(|due| due.number == number).unwrap().tracking, ["1Z1"]);
    assert_eq!(
        refusal(&post(&json!({ "OrderNumber": "NONE", "TrackingNumber": "1Z9" }))),
        (404, "RecordNotFound".to_owned())
    );
    assert_eq!(sage.day_end_processing(), 1);
    let invoices = get(&sage, &format!("OE/OEInvoices?$filter=OrderNumber%20eq%20'{number}'"));
    assert_eq!(column(&invoices, "InvoiceNumber"), ["IN000001"]);
    // One that was voided before Sage heard of it ships nothing.
    let voided = json!({ "OrderNumber": number, "TrackingNumber": "1Z3", "Status": "Voided" });
    assert_eq!(post(&voided).value()["ShipmentNumber"], "");
    assert_eq!(seen().record["OrderCompleted"], "IncompleteNotIncluded");
    let nobody = site(|options| options.tracking_endpoint = None);
    assert_eq!(send(&nobody, "GET", "XX/XXShipmentTracking", None).status, 404);
}

#[test]
fn faults_speak_sages_words() {
    let sage = site(|_| {});
    let struck = |fault| {
        let strike = Strike { fault, delay: None, retry_after: None, attempts: 1 };
        refusal(&sage.act(&call("GET", "OE/OEOrders", None), Some(&strike)))
    };
    assert_eq!(struck(Fault::PoolBusy), (429, "TooManyRequests".to_owned()));
    assert_eq!(struck(Fault::NoLicence), (409, "SessionError".to_owned()));
    assert_eq!(struck(Fault::RecordLock), (423, "SessionError".to_owned()));
    let strike = Strike { fault: Fault::DuplicatePage, delay: None, retry_after: None, attempts: 1 };
    let page = sage.act(&call("GET", "OE/OEOrders?$skip=10&$top=10", None), Some(&strike)).value();
    assert!(page["@odata.nextLink"].as_str().unwrap().ends_with("?$skip=10"));
}

#[test]
fn an_idle_application_starts_slowly() {
    let clock = ManualClock::at("2026-11-20T18:15:30Z".parse().unwrap());
    let sage = Sage300::new(Options { clock: Arc::new(clock.clone()), ..Options::default() });
    let call = call("GET", "OE/OEOrders", None);
    assert_eq!(sage.waits(&call), sage.options().cold_start);
    assert!(sage.waits(&call).is_zero());
    clock.advance(std::time::Duration::from_secs(21 * 60));
    assert_eq!(sage.waits(&call), sage.options().cold_start);
    assert_eq!(sage.state().cold_starts, 2);
}

#[test]
fn quantities_and_customers_can_change() {
    let sage = site(|_| {});
    let before = sage.inventory();
    assert_eq!(before.len(), 10 * 3);
    sage.set_stock("A1-105/0", "2", 77).unwrap();
    assert_eq!(sage.inventory()[&("A1-105/0".to_owned(), "2".to_owned())], 77);
    let shown =
        get(&sage, "IC/ICLocationDetails?$filter=ItemNumber%20eq%20'A1-105/0'%20and%20Location%20eq%20'2'");
    assert_eq!(column(&shown, "QuantityOnHand"), [json!(77)]);
    assert!(sage.set_stock("NONE", "2", 1).is_err());
    sage.edit_customer("1100", json!({ "CustomerName": "Renamed" }).as_object().unwrap()).unwrap();
    let changed = get(&sage, "AR/ARCustomers?$filter=DateLastMaintained%20ge%202026-11-20T00:00:00Z");
    assert_eq!(column(&changed, "CustomerName"), ["Renamed"]);
    assert_eq!(sage.ship_vias()["UPSGND"], "UPS Ground");
    assert_eq!(sage.locations()["1"], "Central warehouse - Seattle");
    assert_eq!(sage.add_orders(3).len(), 3);
}
