//! The simulated Sage X3, quirk by quirk.

mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::options::Missing;
use super::route::SOAP;
use super::{Options, Orders, SageX3};
use crate::base::ManualClock;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::expectation::{Expectation, Reason};
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::system::System;

struct Site {
    x3: SageX3,
    clock: ManualClock,
}

fn site(change: impl FnOnce(&mut Options)) -> Site {
    let clock = ManualClock::at("2026-11-20T18:15:30.750Z".parse().unwrap());
    let mut options = Options { clock: Arc::new(clock.clone()), ..Options::default() };
    change(&mut options);
    Site { x3: SageX3::new(options), clock }
}

fn basic() -> String {
    format!("Basic {}", STANDARD.encode("WSUPS:sim-password"))
}

fn plain(method: &str, target: &str, body: Option<&Value>) -> Call {
    Call::new(method, target, body).with("host", "x3.example.com:8124").with("authorization", &basic())
}

fn strike(fault: Fault) -> Strike {
    Strike { fault, delay: None, retry_after: None, attempts: 2 }
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

impl Site {
    fn rest(&self, method: &str, target: &str, body: Option<&Value>) -> Answer {
        self.x3.act(&plain(method, &format!("/api1/x3/erp/SEED/{target}"), body), None)
    }

    /// Every row of a query, link by link.
    fn all(&self, target: &str) -> Vec<Value> {
        let mut target = format!("/api1/x3/erp/SEED/{target}");
        let mut rows = Vec::new();
        for _ in 0..100 {
            let answer = self.x3.act(&plain("GET", &target, None), None);
            assert_eq!(answer.status, 200, "{}", answer.value());
            let body = answer.value();
            rows.extend(body["$resources"].as_array().unwrap().clone());
            match body["$links"]["$next"]["$url"].as_str() {
                Some(next) => target = next.strip_prefix("http://x3.example.com:8124").unwrap().to_owned(),
                None => return rows,
            }
        }
        panic!("the pages do not end");
    }

    fn soap(&self, operation: &str, pool: &str, name: &str, key: &str, object: &str) -> Answer {
        let text = format!(
            "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:wss=\"http://www.adonix.com/WSS\">\
             <soapenv:Body><wss:{operation}><callContext><codeLang>ENG</codeLang><poolAlias>{pool}</poolAlias>\
             <requestConfig>adxwss.optreturn=JSON</requestConfig></callContext><publicName>{name}</publicName>\
             <objectKeys><keys><key>SOHNUM</key><value>{key}</value></keys></objectKeys>\
             <objectXml><![CDATA[{object}]]></objectXml></wss:{operation}></soapenv:Body></soapenv:Envelope>"
        );
        let mut call = plain("POST", SOAP, None).with("content-type", "text/xml; charset=utf-8");
        call.body = text.into_bytes().into();
        self.x3.act(&call, None)
    }

    fn graphql(&self, token: &str, query: &str, variables: Value) -> Answer {
        let body = json!({ "query": query, "variables": variables });
        let call = Call::new("POST", "/xtrem/api", Some(&body))
            .with("authorization", &format!("Bearer {token}"))
            .with("content-type", "application/json")
            .with("x-xtrem-endpoint", "SEED");
        self.x3.act(&call, None)
    }

    fn jwt(&self, change: impl FnOnce(&mut Value), secret: &str) -> String {
        let now = self.x3.desk.clock.now().as_second();
        let mut claims = json!({
            "iss": self.x3.options.client_id, "sub": "WSUPS", "aud": "xtrem", "iat": now, "exp": now + 300,
        });
        change(&mut claims);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "typ": "JWT" })), part(&claims));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()).as_ref());
        format!("{signed}.{signature}")
    }

    fn token(&self, form: &str) -> Answer {
        let mut call = Call::new("POST", "/v1/token", None);
        call.body = form.to_owned().into_bytes().into();
        self.x3.act(&call, None)
    }

    fn refresh(&self, token: &str) -> Answer {
        let client = &self.x3.options.client_id;
        self.token(&format!(
            "grant_type=refresh_token&client_id={client}&client_secret=sim-secret&refresh_token={token}"
        ))
    }
}

fn said(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[test]
fn the_same_seed_gives_the_same_books() {
    let state = |seed| site(|options| options.orders.seed = seed).x3.state();
    assert_eq!(state(1), state(1));
    assert_ne!(state(1), state(2));
}

#[test]
fn every_kind_of_order_occurs_and_is_judged() {
    let site = site(|options| (options.orders.count, options.orders.purchases) = (300, 100));
    let count = |dues: Vec<crate::simulator::due::Due>| {
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for due in dues {
            *found.entry(format!("{:?}", due.expectation)).or_default() += 1;
        }
        found
    };
    let sales = count(site.x3.orders());
    for reason in [Reason::UnknownAddress, Reason::AmbiguousAddress, Reason::ServiceRefused, Reason::NoWeight]
    {
        assert!(sales.contains_key(&format!("{:?}", Expectation::Parked(reason))), "{sales:?}");
    }
    assert_eq!(sales["NotSelected"], 3 * 6 + 2 * 9);
    let purchases = count(site.x3.purchase_orders());
    assert_eq!(purchases["NotSelected"], 3 * 2 + 2 * 3);
    assert!(purchases["Ships"] > 80, "{purchases:?}");
    let blocked =
        |name: &str, value: i64| site.x3.state().orders.iter().any(|order| order.record[name] == value);
    assert!(blocked("CDTSTA", 2) && blocked("HLDSTA", 2) && blocked("ORDSTA", 2) && blocked("DLVSTA", 3));
}

#[test]
fn pages_follow_links_and_miss_nothing() {
    let site = site(|options| (options.orders.count, options.most_rows) = (130, 25));
    let rows = site.all("SORDER?representation=SORDER.$query&count=500&orderBy=UPDDATTIM%20asc,SOHNUM%20asc");
    let place = |row: &Value| {
        (row["UPDDATTIM"].as_str().unwrap().to_owned(), row["SOHNUM"].as_str().unwrap().to_owned())
    };
    assert!(rows.windows(2).all(|two| place(&two[0]) < place(&two[1])));
    assert_eq!(rows.iter().map(|row| row["$key"].to_string()).collect::<BTreeSet<_>>().len(), 130);
    assert!(
        rows.windows(2).any(|two| two[0]["UPDDATTIM"] == two[1]["UPDDATTIM"]),
        "orders of the same second"
    );
    let first = site.rest("GET", "SORDER?representation=SORDER.$query", None).value();
    assert_eq!((&first["$itemsPerPage"], first["$resources"].as_array().unwrap().len()), (&json!(20), 20));
    // The facet lacks what the details have, and `$etag` is the stamp.
    let row = &first["$resources"][0];
    assert!(row.get("BPDNAM").is_none() && row.get("SOHSOQ").is_none() && row["$etag"] == row["UPDDATTIM"]);
    let keyed = site.all("SORDER?representation=SORDER.$query&count=100&key=gt.SONNA0110100");
    assert_eq!(keyed.len(), 30);
    let none = site.rest("GET", "SORDER?representation=SORDER.$query&where=SOHNUM%20eq%20'x'", None).value();
    assert_eq!((none["$resources"].clone(), none["$links"].get("$next")), (json!([]), None));
}

#[test]
fn a_page_may_lead_to_itself() {
    let site = site(|_| {});
    let call = plain("GET", "/api1/x3/erp/SEED/SORDER?representation=SORDER.$query&count=5", None);
    let page = site.x3.act(&call, Some(&strike(Fault::DuplicatePage))).value();
    let next = page["$links"]["$next"]["$url"].as_str().unwrap();
    let again =
        site.x3.act(&plain("GET", next.strip_prefix("http://x3.example.com:8124").unwrap(), None), None);
    assert_eq!(again.value()["$resources"], page["$resources"]);
}

#[test]
fn what_is_asked_wrongly_is_refused() {
    let site = site(|_| {});
    for (target, status) in [
        ("SORDER", 400),
        ("SORDER?representation=PORDER.$query", 400),
        ("NOSUCH?representation=NOSUCH.$query", 404),
        ("SORDER?representation=SORDER.$lookup", 400),
        ("SORDER?representation=SORDER.$query&where=NOSUCH%20eq%201", 500),
        ("SORDER?representation=SORDER.$query&where=BPTNUM%20eq%20'UPS'", 500),
        ("SORDER?representation=SORDER.$query&where=ORDSTA%20is%201", 400),
        ("SORDER?representation=SORDER.$query&orderBy=BPTNUM", 500),
        ("SORDER?representation=SORDER.$query&orderBy=ORDDAT;SOHNUM", 500),
        ("SORDER?representation=SORDER.$query&count=x", 400),
        ("SORDER?representation=SORDER.$query&key=after.x", 400),
        ("SORDER('NOSUCH')?representation=SORDER.$details", 404),
    ] {
        let answer = site.rest("GET", target, None);
        assert_eq!(answer.status, status, "{target}: {}", said(&answer));
        assert_eq!(answer.value()["$diagnoses"][0]["$severity"], "error");
    }
    let body = json!({ "CUSORDREF": "x" });
    let target = "SORDER('SONNA0110001')?representation=SORDER.$edit";
    assert!(said(&site.rest("PUT", target, Some(&body))).contains("Classic"));
    assert_eq!(site.rest("PATCH", target, Some(&body)).status, 405);
    let call = Call::new("GET", "/api1/x3/erp/SEED/SORDER?representation=SORDER.$query", None);
    assert_eq!(site.x3.act(&call, None).status, 401);
    let other = self::site(|options| options.missing = Missing::Diagnosed);
    let missing = other.rest("GET", "SORDER('NOSUCH')?representation=SORDER.$details", None);
    assert_eq!(
        (missing.status, missing.value()["$diagnoses"][0]["$message"].clone()),
        (200, json!("721 : Record does not exist"))
    );
}

#[test]
fn details_have_lines_quantities_and_no_tracking() {
    let site = site(|_| {});
    for target in ["SORDER('SONNA0110001')", "SORDER(%22SONNA0110001%22)"] {
        let order = site.rest("GET", &format!("{target}?representation=SORDER.$details"), None).value();
        assert_eq!(order["SOHSOP"].as_array().unwrap().len(), order["SOHSOQ"].as_array().unwrap().len());
        assert!(order["SOHSOP"][0].get("QTY").is_none() && order["SOHSOQ"][0]["QTY"].is_u64());
        assert!(
            order["BPDADDLIG"].as_array().unwrap().len() == 3
                && [json!(1), json!(2)].contains(&order["ORDSTA"])
        );
        assert!(!order.to_string().contains("TRACK"));
    }
    let purchase = site.rest("GET", "PORDER('PONA0110001')?representation=PORDER.$details", None).value();
    assert!(purchase["POHPOQ"][0]["QTYUOM"].is_u64() && purchase["BPONAM"][0].is_string());
    let item = site.rest("GET", "ITMMASTER('CD100')?representation=ITMMASTER.$details", None).value();
    assert_eq!((item["ITMWEI"].clone(), item["WEU"].clone()), (json!(0.4), json!("KG")));
    let customer = site.x3.state().orders[0].record["BPCORD"].as_str().unwrap().to_owned();
    let address = format!("BPADDRESS('1~{customer}~A01')?representation=BPADDRESS.$details");
    assert_eq!(site.rest("GET", &address, None).value()["TEL"].as_array().unwrap().len(), 5);
}

#[test]
fn edits_stamp_and_two_in_a_second_are_told_apart_only_by_content() {
    let site = site(|_| {});
    site.clock.advance(Duration::from_secs(60));
    let etag = || {
        let order = site.rest("GET", "SORDER('SONNA0110001')?representation=SORDER.$details", None).value();
        (order["$etag"].as_str().unwrap().to_owned(), order["BPDCTY"].as_str().unwrap().to_owned())
    };
    site.x3.edit_order("SONNA0110001", object(&json!({ "BPDCTY": "ONE" })), None).unwrap();
    let first = etag();
    site.clock.advance(Duration::from_millis(200));
    site.x3.edit_order("SONNA0110001", object(&json!({ "BPDCTY": "TWO" })), None).unwrap();
    let second = etag();
    assert_eq!((first.0.as_str(), second.0.as_str()), ("2026-11-20T18:16:30Z", "2026-11-20T18:16:30Z"));
    assert_eq!((first.1.as_str(), second.1.as_str()), ("ONE", "TWO"));
    let since = "SORDER?representation=SORDER.$query&where=UPDDATTIM%20ge%20@2026-11-20T18:16:30Z@";
    assert_eq!(site.all(since).len(), 1);
    assert!(site.x3.edit_order("SONNA0110001", object(&json!({ "NOSUCH": 1 })), None).is_err());
    site.x3.edit_order("SONNA0110001", object(&json!({ "ORDSTA": "2" })), None).unwrap();
    assert_eq!(site.x3.orders()[0].expectation, Expectation::NotSelected);
}

#[test]
fn the_deployments_own_class_takes_tracking() {
    let site = site(|_| {});
    let edit = "YSOT('SONNA0110001')?representation=YSOT.$edit";
    let create = "YSOT?representation=YSOT.$create";
    let body = json!({ "SOHNUM": "SONNA0110001", "COURIER": "UPS", "TRACKNO": "1Z1 1Z2" });
    assert_eq!(site.rest("PUT", edit, Some(&body)).status, 404);
    let made = site.rest("POST", create, Some(&body));
    assert_eq!((made.status, made.header("location").is_some()), (201, true));
    // 201 is not success as long as there are diagnoses.
    let twice = site.rest("POST", create, Some(&body));
    assert_eq!(
        (twice.status, twice.value()["$diagnoses"][0]["$message"].clone()),
        (201, json!("SONNA0110001 : Record already exists"))
    );
    let changed = site.rest("PUT", edit, Some(&json!({ "TRACKNO": "1Z3" })));
    assert_eq!((changed.status, changed.value()["COURIER"].clone()), (200, json!("UPS")));
    site.rest("PUT", edit, Some(&json!({ "TRACKNO": "1Z3" })));
    let order = &site.x3.state().orders[0];
    assert_eq!((order.tracking.clone(), order.writes), (vec!["1Z3".to_owned()], 2));
    assert_eq!(site.x3.state().counts.repeated_writes, 1);
    for (body, status) in [(json!({ "NOSUCH": "1" }), 500), (json!({ "TRACKNO": 1 }), 400), (json!([]), 400)]
    {
        assert_eq!(site.rest("PUT", edit, Some(&body)).status, status);
    }
    let orphan = json!({ "SOHNUM": "NOSUCH", "TRACKNO": "1Z1" });
    assert!(said(&site.rest("POST", create, Some(&orphan))).contains("$diagnoses"));
    let call = plain("PUT", &format!("/api1/x3/erp/SEED/{edit}"), Some(&json!({ "TRACKNO": "1Z4" })));
    let locked = site.x3.act(&call, Some(&strike(Fault::RecordLock)));
    assert!(locked.status == 500 && said(&locked).contains("MJONE"));
}

#[test]
fn soap_modifies_what_is_published() {
    let site = site(|_| {});
    site.clock.advance(Duration::from_secs(5));
    let object = "<PARAM><GRP ID=\"SOH0_1\"><FLD NAME=\"YTRACKNO\" TYPE=\"Char\">1Z1</FLD></GRP></PARAM>";
    let done = site.soap("modify", "WSPOOL", "WSSOH", "SONNA0110001", object);
    assert_eq!(done.status, 200);
    assert!(said(&done).contains("<status xsi:type=\"xsd:int\">1</status>"), "{}", said(&done));
    assert!(said(&done).contains("\"YTRACKNO\":\"1Z1\"") && said(&done).contains("modifyReturn"));
    let order = &site.x3.state().orders[0];
    assert_eq!((order.tracking.clone(), order.writes), (vec!["1Z1".to_owned()], 1));
    assert_eq!(
        (order.record["UPDDATTIM"].clone(), order.record["UPDUSR"].clone()),
        (json!("2026-11-20T18:15:35Z"), json!("WSUPS"))
    );
    site.soap("modify", "WSPOOL", "WSSOH", "SONNA0110001", object);
    assert_eq!(site.x3.state().orders[0].writes, 1);
    let read = site.soap("read", "WSPOOL", "WSSOH", "SONNA0110001", "");
    assert!(said(&read).contains("\"SOHNUM\":\"SONNA0110001\""));
    let described = said(&site.soap("getDescription", "WSPOOL", "WSSOH", "", ""));
    assert!(described.contains("YTRACKNO") && described.contains("getDescriptionReturn"), "{described}");
    for (operation, pool, name, key, object, message) in [
        (
            "modify",
            "OTHER",
            "WSSOH",
            "SONNA0110001",
            object,
            "No classic web service pool match to &apos;OTHER",
        ),
        ("modify", "", "WSSOH", "SONNA0110001", object, "No classic web service pool match"),
        ("modify", "WSPOOL", "NOSUCH", "SONNA0110001", object, "Unknown public name"),
        ("modify", "WSPOOL", "WSSOH", "NOSUCH", object, "Record does not exist"),
        ("modify", "WSPOOL", "WSSOH", "SONNA0110001", "<PARAM><GRP ID=\"SOH9_1\"/></PARAM>", "Unknown group"),
        (
            "modify",
            "WSPOOL",
            "WSSOH",
            "SONNA0110001",
            &object.replace("YTRACKNO", "ORDDAT"),
            "not available for input",
        ),
        ("delete", "WSPOOL", "WSSOH", "SONNA0110001", "", "not published"),
    ] {
        let refused = site.soap(operation, pool, name, key, object);
        let text = said(&refused).replace('\'', "&apos;");
        assert_eq!(refused.status, 200);
        assert!(text.contains(message) && text.contains(">0</status>"), "{text}");
    }
    let lost = site.soap("nosuch", "WSPOOL", "WSSOH", "SONNA0110001", "");
    assert!(lost.status == 500 && said(&lost).contains("Fault"));
    site.x3.accept_web_services(false);
    let none = site.soap("modify", "WSPOOL", "WSSOH", "SONNA0110001", object);
    assert!(none.status == 500 && said(&none).contains("No web services accepted"));
    site.x3.accept_web_services(true);
    site.x3.lock_order("SONNA0110001", "MJONE", Some(1));
    assert!(
        said(&site.soap("modify", "WSPOOL", "WSSOH", "SONNA0110001", object)).contains("in use by MJONE")
    );
    assert!(said(&site.soap("modify", "WSPOOL", "WSSOH", "SONNA0110001", object)).contains(">1</status>"));
}

const LIST: &str = "query q($first: Int, $filter: String, $orderBy: String) { x3Sales { salesOrder { query(first: $first, filter: $filter, orderBy: $orderBy) { edges { node { _id orderDate orderStatus linesAmountExcludingTax _updateStamp soldToCustomer { code { code } } } } } } } }";

#[test]
fn graphql_lists_reads_and_nests() {
    let site = site(|_| {});
    let token = site.jwt(|_| {}, "sim-secret");
    let list = site.graphql(&token, LIST, json!({})).value();
    let edges = list["data"]["x3Sales"]["salesOrder"]["query"]["edges"].as_array().unwrap().clone();
    assert_eq!((edges.len(), list["extensions"].clone()), (20, json!({ "diagnoses": [] })));
    let node = &edges[0]["node"];
    assert!(
        node["linesAmountExcludingTax"].is_string()
            && ["open", "closed"].contains(&node["orderStatus"].as_str().unwrap())
    );
    assert!(
        node["_updateStamp"].as_str().unwrap().ends_with(".000Z")
            && node["soldToCustomer"]["code"]["code"].is_string()
    );
    // Keyset paging with what is known: an order, `_gte`, and the last row once more.
    let mut seen = BTreeSet::new();
    let mut last = String::new();
    loop {
        let filter = format!("[{{_updateStamp:{{_gte:'2026-01-05T10:00:00Z'}}}},{{_id:{{_gte:'{last}'}}}}]");
        let page =
            site.graphql(&token, LIST, json!({ "first": 7, "filter": filter, "orderBy": "{_id:1}" })).value();
        let ids: Vec<String> = page["data"]["x3Sales"]["salesOrder"]["query"]["edges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|edge| edge["node"]["_id"].as_str().unwrap().to_owned())
            .collect();
        last = ids.last().unwrap().clone();
        let count = ids.len();
        seen.extend(ids);
        if count < 7 {
            break;
        }
    }
    assert_eq!(seen.len(), 50);
    let read = "query d($id: Id!) { x3Purchasing { purchaseOrder { read(_id: $id) { _id receiptStatus isClosed purchaseOrderLines { query { edges { node { lineNumber product { code description1 } quantityInOrderUnitOrdered orderUnit { code } } } } } } } } }";
    let order = site.graphql(&token, read, json!({ "id": "PONA0110001" })).value();
    let order = &order["data"]["x3Purchasing"]["purchaseOrder"]["read"];
    let line = &order["purchaseOrderLines"]["query"]["edges"][0]["node"];
    assert!(
        order["isClosed"].is_boolean()
            && line["quantityInOrderUnitOrdered"].as_str().unwrap().ends_with(".000")
    );
    let none = site.graphql(&token, read, json!({ "id": "NOSUCH" }));
    assert_eq!(
        (none.status, none.value()["data"]["x3Purchasing"]["purchaseOrder"]["read"].clone()),
        (200, Value::Null)
    );
}

#[test]
fn graphql_refuses_what_no_source_shows() {
    let site = site(|_| {});
    let token = site.jwt(|_| {}, "sim-secret");
    let of = |inner: &str| format!("{{ x3Sales {{ salesOrder {{ {inner} }} }} }}");
    for (query, message) in [
        (
            "{ x3Sale { a } }".to_owned(),
            "Cannot query field \"x3Sale\" on type \"sageQuery\". Did you mean \"x3Sales\"?",
        ),
        (
            of("query { edges { node { trackingNumber } } }"),
            "Cannot query field \"trackingNumber\" on type \"SalesOrder\".",
        ),
        (of("query(after: \"x\") { edges { node { _id } } }"), "Unknown argument \"after\""),
        (of("query { pageInfo { endCursor } }"), "Cannot query field \"pageInfo\""),
        (of("query(first: $n) { edges { node { _id } } }"), "Variable \"$n\" is not defined."),
        (
            of("query(filter: \"{_id:{_like:'x'}}\") { edges { node { _id } } }"),
            "Unknown filter operator _like",
        ),
        (of("query { edges { node } }"), "must have a selection"),
        ("mutation { x3Sales { salesOrder { update(data: {}) { _id } } } }".to_owned(), "sageMutation"),
        (
            "query q($n: Int!) { x3Sales { salesOrder { query(first: $n) { edges { node { _id } } } } } }"
                .to_owned(),
            "was not provided",
        ),
    ] {
        let answer = site.graphql(&token, &query, json!({}));
        let said = answer.value()["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == 400 && said.contains(message), "{query}: {said}");
        assert_eq!(answer.value()["extensions"], json!({}));
    }
    let cursors = self::site(|options| options.cursors = true);
    let token = cursors.jwt(|_| {}, "sim-secret");
    let query = of("query(first: 3) { edges { cursor node { _id } } pageInfo { endCursor hasNextPage } }");
    let page =
        cursors.graphql(&token, &query, json!({})).value()["data"]["x3Sales"]["salesOrder"]["query"].clone();
    assert_eq!(
        (page["pageInfo"]["hasNextPage"].clone(), page["pageInfo"]["endCursor"].clone()),
        (json!(true), page["edges"][2]["cursor"].clone())
    );
}

#[test]
fn graphql_answers_data_and_errors_together() {
    let site = site(|options| options.denied = BTreeSet::from(["linesAmountExcludingTax".to_owned()]));
    let token = site.jwt(|_| {}, "sim-secret");
    let answer = site.graphql(&token, LIST, json!({ "first": 3 }));
    let body = answer.value();
    assert_eq!((answer.status, body["errors"].as_array().unwrap().len()), (200, 1));
    let node = &body["data"]["x3Sales"]["salesOrder"]["query"]["edges"][2]["node"];
    assert!(node["linesAmountExcludingTax"].is_null() && node["_id"].is_string());
}

#[test]
fn signed_tokens_are_checked_claim_by_claim() {
    let site = site(|_| {});
    let try_one = |token: String| {
        let answer = site.graphql(
            &token,
            "{ x3Sales { salesOrder { query { edges { node { _id } } } } } }",
            json!({}),
        );
        (answer.status, if answer.status == 200 { String::new() } else { said(&answer) })
    };
    assert_eq!(try_one(site.jwt(|_| {}, "sim-secret")).0, 200);
    let old = |claims: &mut Value| claims["exp"] = json!(claims["iat"].as_i64().unwrap() - 1);
    for (token, code) in [
        (site.jwt(|claims| claims["iss"] = json!("x"), "sim-secret"), 41),
        (site.jwt(|claims| claims["sub"] = json!("x"), "sim-secret"), 42),
        (site.jwt(|claims| claims["aud"] = json!("xtrem/"), "sim-secret"), 45),
        (site.jwt(|_| {}, "other"), 50),
        (site.jwt(old, "sim-secret"), 50),
    ] {
        assert_eq!(try_one(token), (401, format!("Error {code}: Invalid token")));
    }
    assert_eq!(try_one("nonsense".into()), (401, "{\"message\":\"Unauthorised\"}".into()));
}

#[test]
fn the_gateway_rotates_refresh_tokens() {
    let site = site(|_| {});
    let first = site.refresh("sim-refresh").value();
    let (access, refresh) =
        (first["access_token"].as_str().unwrap(), first["refresh_token"].as_str().unwrap());
    assert_eq!((first["expires_in"].clone(), refresh == "sim-refresh"), (json!(300), false));
    let query = "{ x3Sales { salesOrder { query { edges { node { _id } } } } } }";
    assert_eq!(site.graphql(access, query, json!({})).status, 200);
    site.clock.advance(Duration::from_secs(301));
    assert_eq!(site.graphql(access, query, json!({})).status, 401);
    let second = site.refresh(refresh).value();
    let access = second["access_token"].as_str().unwrap();
    assert_eq!(site.graphql(access, query, json!({})).status, 200);
    // A token that was used before ends everything.
    assert_eq!(site.refresh(refresh).status, 403);
    assert_eq!(site.graphql(access, query, json!({})).status, 401);
    assert_eq!(site.refresh(second["refresh_token"].as_str().unwrap()).status, 403);
    assert!(site.x3.state().chain.ended);
    let again = site.x3.pair();
    assert_eq!(site.refresh(&again).status, 200);
    site.clock.advance(Duration::from_secs(31 * 86_400));
    let current = site.x3.state().chain.current;
    assert_eq!(site.refresh(&current).status, 403);
    let client = &site.x3.options.client_id;
    for (form, status) in [
        (String::new(), 400),
        (format!("grant_type=password&client_id={client}&client_secret=sim-secret"), 400),
        (format!("grant_type=refresh_token&client_id={client}&client_secret=sim-secret"), 400),
        ("grant_type=refresh_token&client_id=x&client_secret=y&refresh_token=z".to_owned(), 404),
    ] {
        assert_eq!(site.token(&form).status, status, "{form}");
    }
}

#[test]
fn only_plain_orders_are_made_where_they_are_asked_for() {
    let site = site(|options| options.orders = Orders::plain(30, 10));
    assert!(
        site.x3
            .orders()
            .iter()
            .chain(&site.x3.purchase_orders())
            .all(|due| due.expectation == Expectation::Ships)
    );
    assert_eq!(site.x3.add_orders(2), ["SONNA0110031", "SONNA0110032"]);
    assert_eq!(site.x3.add_purchase_orders(1), ["PONA0110011"]);
    assert_eq!((site.x3.summary().orders, site.x3.summary().purchase_orders), (32, 11));
}
