//! REST: pages, conditions, details, edits and the deployment's own class.

use super::*;
use crate::simulator::sagex3::rest::Entity;

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
fn quotes_in_keys_are_doubled() {
    let key = |text: &str| Entity::parse(text).and_then(|entity| entity.key);
    assert_eq!(key("ITMMASTER('6\"')").as_deref(), Some("6\""));
    assert_eq!(key("ITMMASTER('O''RING')").as_deref(), Some("O'RING"));
    assert_eq!(key("ITMMASTER(\"6\"\"\")").as_deref(), Some("6\""));
    for wrong in ["ITMMASTER('O'RING')", "ITMMASTER('O'''')", "ITMMASTER('A\")", "ITMMASTER(')"] {
        assert_eq!(Entity::parse(wrong), None, "{wrong}");
    }
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
