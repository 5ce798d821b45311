//! V2's shipments, labels and fulfillments, and both interfaces over the same books.

use std::time::Duration;

use super::*;
use crate::simulator::shipstation::{Conflicts, Locked};

fn create(site: &Site, item: &Value) -> Answer {
    site.send("POST", "/v2/shipments", Some(&json!({ "shipments": [item] })))
}

#[test]
fn a_second_create_of_an_external_id_is_a_conflict() {
    let site = site(|_| {});
    let made = create(&site, &shipment("SO-1-1")).value();
    let made = &made["shipments"][0];
    assert_eq!(
        (made["shipment_status"].as_str(), made["shipment_number"].as_str()),
        (Some("pending"), Some("SO-1-1"))
    );
    assert_eq!(made["created_at"], "2026-11-20T18:15:30.627Z");
    let again = create(&site, &shipment("SO-1-1"));
    assert_eq!((again.status, code(&again).as_str()), (400, "identifier_conflict"));
    assert_eq!((site.station.summary().orders, site.station.summary().identifier_conflicts), (1, 1));
    assert_eq!(site.get("/v2/shipments/external_shipment_id/SO-1-1")["shipment_id"], made["shipment_id"]);
    let nowhere = site.send("GET", "/v2/shipments/external_shipment_id/SO-2", None);
    assert_eq!((nowhere.status, code(&nowhere).as_str()), (404, "invalid_identifier"));
    site.is_clean();
}

#[test]
fn the_conflict_may_hide_in_a_200() {
    let site = site(|options| options.conflicts = Conflicts::InAnswer);
    create(&site, &shipment("SO-1"));
    let call = Call::new(
        "POST",
        "/v2/shipments",
        Some(&json!({ "shipments": [shipment("SO-1"), shipment("SO-2")] })),
    );
    let answer = site.station.act(&call.with("api-key", "sim-v2-key"), None);
    let body = answer.value();
    assert_eq!((answer.status, &body["has_errors"]), (200, &json!(true)));
    assert!(body["shipments"][0].get("shipment_id").is_none());
    assert_eq!(body["shipments"][1]["errors"], json!([]));
    assert_eq!(site.station.summary().orders, 2);
}

#[test]
fn long_external_ids_are_cut() {
    let site = site(|_| {});
    let long = "x".repeat(60);
    let made = create(&site, &shipment(&long)).value();
    assert_eq!(made["shipments"][0]["external_shipment_id"].as_str().map(str::len), Some(50));
    assert_eq!(site.send("GET", &format!("/v2/shipments/external_shipment_id/{long}"), None).status, 404);
}

#[test]
fn a_new_shipment_is_found_after_the_lag() {
    let site = site(|options| options.visibility_lag = Duration::from_secs(5));
    create(&site, &shipment("SO-1"));
    assert_eq!(site.send("GET", "/v2/shipments/external_shipment_id/SO-1", None).status, 404);
    // It is taken all the same.
    assert_eq!(code(&create(&site, &shipment("SO-1"))), "identifier_conflict");
    site.clock.advance(Duration::from_secs(5));
    assert_eq!(site.send("GET", "/v2/shipments/external_shipment_id/SO-1", None).status, 200);
    assert_eq!(
        site.struck("GET", "/v2/shipments/external_shipment_id/SO-1", None, Some(Fault::LookupLies)).status,
        404
    );
}

#[test]
fn what_a_shipment_needs_is_asked_for() {
    let site = site(|_| {});
    for (wrong, wanted) in [
        (without(shipment("A"), "ship_to"), "field_value_required"),
        (without(shipment("A"), "ship_from"), "field_value_required"),
        (with(without(shipment("A"), "ship_from"), "warehouse_id", json!("se-1")), "invalid_identifier"),
        (with(shipment("A"), "shipment_status", json!("shipped")), "invalid_field_value"),
        (with(shipment("A"), "colour", json!("red")), "invalid_field_value"),
        (with(shipment("A"), "packages", json!([{}])), "field_value_required"),
    ] {
        let answer = create(&site, &wrong);
        assert_eq!((answer.status, code(&answer).as_str()), (400, wanted), "{}", answer.value());
    }
    assert_eq!(code(&site.send("POST", "/v2/shipments", None)), "request_body_required");
    assert!(site.station.orders().is_empty());
    let from_warehouse = with(without(shipment("A"), "ship_from"), "warehouse_id", json!("se-14265"));
    assert_eq!(
        create(&site, &from_warehouse).value()["shipments"][0]["ship_from"]["city_locality"],
        "Austin"
    );
}

fn full(site: &Site, id: &str) -> Value {
    let mut view = site.get(&format!("/v2/shipments/{id}"));
    view["ship_to"]["address_line2"] = json!("Floor 2");
    view
}

#[test]
fn an_update_replaces_the_whole_object_while_pending() {
    let site = site(|_| {});
    let made = create(&site, &with(shipment("SO-1"), "internal_notes", json!("Fragile"))).value();
    let id = made["shipments"][0]["shipment_id"].as_str().unwrap().to_owned();
    let target = format!("/v2/shipments/{id}");
    let changed = site.send("PUT", &target, Some(&full(&site, &id))).value();
    assert_eq!(
        (changed["ship_to"]["address_line2"].as_str(), changed["internal_notes"].as_str()),
        (Some("Floor 2"), Some("Fragile"))
    );
    // What is left out is gone, and a part alone is refused.
    let cleared = site.send("PUT", &target, Some(&without(full(&site, &id), "internal_notes"))).value();
    assert!(cleared.get("internal_notes").is_none());
    let part = json!({ "ship_to": full(&site, &id)["ship_to"] });
    assert_eq!(code(&site.send("PUT", &target, Some(&part))), "field_value_required");
    assert_eq!(
        code(&site.send(
            "PUT",
            &target,
            Some(&with(full(&site, &id), "external_shipment_id", json!("SO-2")))
        )),
        "field_conflict"
    );
    let before = full(&site, &id);
    site.station.ship("SO-1", 1).unwrap();
    assert_eq!(site.get(&target)["shipment_status"], "label_purchased");
    assert_eq!(code(&site.send("PUT", &target, Some(&before))), "invalid_status");
    assert_eq!(code(&site.send("PUT", &format!("{target}/cancel"), None)), "invalid_status");
    site.station.void("SO-1", None).unwrap();
    assert_eq!(site.send("PUT", &format!("{target}/cancel"), None).status, 204);
    assert_eq!(site.get(&target)["shipment_status"], "cancelled");
    site.is_clean();
}

#[test]
fn a_locked_shipment_may_say_yes_and_do_nothing() {
    let site = site(|options| options.locked = Locked::Ignore);
    let made = create(&site, &shipment("SO-1")).value();
    let id = made["shipments"][0]["shipment_id"].as_str().unwrap().to_owned();
    site.station.ship("SO-1", 1).unwrap();
    let answer = site.send("PUT", &format!("/v2/shipments/{id}"), Some(&full(&site, &id)));
    assert_eq!(answer.status, 200);
    assert!(answer.value()["ship_to"].get("address_line2").is_none());
}

#[test]
fn v1_orders_are_v2_shipments_and_back() {
    let site = site(|_| {});
    let id = site.create(&order("SO-1"))["orderId"].clone();
    let seen = site.get("/v2/shipments/external_shipment_id/erp:SO-1");
    assert_eq!(seen["shipment_id"], json!(format!("se-{id}")));
    assert_eq!(
        (seen["shipment_number"].as_str(), seen["ship_to"]["city_locality"].as_str()),
        (Some("SO-1"), Some("Austin"))
    );
    assert_eq!(
        (&seen["items"][0]["unit_price"], &seen["items"][0]["external_order_item_id"]),
        (&json!(9.99), &json!("10"))
    );
    create(&site, &shipment("SO-2"));
    let back = site.get("/orders?orderNumber=SO-2")["orders"][0].clone();
    assert_eq!((back["orderKey"].as_str(), back["shipTo"]["city"].as_str()), (Some("SO-2"), Some("Austin")));
    assert_eq!((&back["orderTotal"], &back["weight"]["value"]), (&json!(19.98), &json!(16.0)));
    let words: Vec<_> =
        site.station.orders().into_iter().map(|placed| placed.content["lines"].clone()).collect();
    assert_eq!(words, ["ABC-1x2@W1", "ABC-1x2"]);
    site.is_clean();
}

#[test]
fn shipments_are_listed_by_when_they_changed_with_links() {
    let site = site(|_| {});
    for number in 1..=5 {
        create(&site, &shipment(&format!("SO-{number}")));
        site.clock.advance(Duration::from_secs(60));
    }
    let page = site.get("/v2/shipments?sort_by=modified_at&sort_dir=asc&page_size=2");
    assert_eq!(
        (page["shipments"][0]["shipment_number"].as_str(), &page["total"], &page["pages"]),
        (Some("SO-1"), &json!(5), &json!(3))
    );
    assert_eq!(page["links"]["prev"], json!({}));
    let next = page["links"]["next"]["href"]
        .as_str()
        .unwrap()
        .strip_prefix("https://api.shipstation.com")
        .unwrap()
        .to_owned();
    assert_eq!(site.get(&next)["shipments"][0]["shipment_number"], "SO-3");
    let last = site.get("/v2/shipments?page_size=2&page=3");
    assert_eq!((last["links"]["next"].clone(), last["shipments"].as_array().unwrap().len()), (json!({}), 1));
    assert_eq!(site.get("/v2/shipments?page=9")["shipments"], json!([]));
    // Unasked, the newest come first.
    assert_eq!(site.get("/v2/shipments")["shipments"][0]["shipment_number"], "SO-5");
    let since = site.get("/v2/shipments?modified_at_start=2026-11-20T18:18:30.627Z&sort_dir=asc");
    assert_eq!((&since["total"], &since["shipments"][0]["shipment_number"]), (&json!(2), &json!("SO-4")));
    assert_eq!(site.get("/v2/shipments?shipment_status=cancelled")["total"], 0);
    assert_eq!(site.get("/v2/shipments?external_shipment_id=SO-3")["total"], 1);
    assert_eq!(site.send("GET", "/v2/shipments?modified_at_start=yesterday", None).status, 400);
}

#[test]
fn labels_and_fulfillments_are_apart() {
    let site = site(|_| {});
    for number in ["SO-1", "SO-2"] {
        site.create(&order(number));
    }
    let numbers = site.station.ship("erp:SO-1", 2).unwrap();
    let labels = site.get("/v2/labels?sort_dir=asc");
    assert_eq!((&labels["total"], &labels["labels"][0]["tracking_number"]), (&json!(2), &json!(numbers[0])));
    assert_eq!(labels["labels"][0]["external_shipment_id"], "erp:SO-1");
    let id = labels["labels"][0]["label_id"].as_str().unwrap().to_owned();
    assert_eq!(site.send("PUT", &format!("/v2/labels/{id}/void"), None).value()["approved"], true);
    assert_eq!(site.get(&format!("/v2/labels/{id}"))["status"], "voided");
    assert_eq!(site.get("/v2/labels?label_status=voided")["total"], 1);
    let shipment = site.get("/v2/shipments/external_shipment_id/erp:SO-2")["shipment_id"].clone();
    let mark = json!({ "fulfillments": [{ "shipment_id": shipment, "tracking_number": "T-1", "carrier_code": "ups" }] });
    assert_eq!(site.send("POST", "/v2/fulfillments", Some(&mark)).value()["has_errors"], false);
    let unknown = json!({ "fulfillments": [{ "shipment_id": "se-1", "tracking_number": "T-1", "carrier_code": "ups" }] });
    assert_eq!(site.send("POST", "/v2/fulfillments", Some(&unknown)).value()["has_errors"], true);
    let found = site.get("/v2/fulfillments?create_date_start=2026-11-20T00:00:00Z");
    assert_eq!((&found["total"], &found["fulfillments"][0]["tracking_number"]), (&json!(1), &json!("T-1")));
    assert_eq!(site.get("/v2/labels")["total"], 2);
}

#[test]
fn the_warehouse_ships_by_itself_when_told() {
    let site = site(|options| options.ship_after = Some(Duration::from_secs(600)));
    let count = 40;
    (0..count).for_each(|number| drop(site.create(&order(&format!("SO-{number}")))));
    site.station.cancel("erp:SO-0").unwrap();
    assert_eq!(site.station.summary().labels, 0);
    site.clock.advance(Duration::from_secs(3600));
    let summary = site.station.summary();
    assert_eq!((summary.by_status["shipped"], summary.by_status["cancelled"]), (count - 1, 1));
    assert!(summary.fulfillments > 0 && summary.labels > count - 1 - summary.fulfillments, "{summary:?}");
    // They are stamped when they were shipped, not when somebody looked.
    assert_eq!(site.get("/shipments")["shipments"][0]["createDate"], "2026-11-20T10:25:30.627");
}
