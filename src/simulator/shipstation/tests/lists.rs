//! V1's lists: filters, pages, Pacific times, and the order that poisons its page.

use std::time::Duration;

use super::*;

fn keys(page: &Value) -> Vec<String> {
    page["orders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| order["orderKey"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn orders_are_filtered_sorted_and_paged() {
    let site = site(|_| {});
    for number in ["SO-1", "SO-10", "SO-2"] {
        site.create(&order(number));
        site.clock.advance(Duration::from_secs(60));
    }
    // The first is changed last.
    site.create(&with(order("SO-1"), "customerNotes", json!("x")));
    assert_eq!(keys(&site.get("/orders?orderNumber=SO-1")), ["erp:SO-1", "erp:SO-10"]);
    assert_eq!(
        keys(&site.get("/orders?sortBy=ModifyDate&sortDir=ASC")),
        ["erp:SO-10", "erp:SO-2", "erp:SO-1"]
    );
    assert_eq!(
        keys(&site.get("/orders?sortBy=CreateDate&sortDir=DESC")),
        ["erp:SO-2", "erp:SO-10", "erp:SO-1"]
    );
    let second = site.get("/orders?pageSize=2&page=2");
    assert_eq!(
        (keys(&second), &second["total"], &second["pages"]),
        (vec!["erp:SO-2".to_owned()], &json!(3), &json!(2))
    );
    assert_eq!(keys(&site.get("/orders?pageSize=2&page=3")), Vec::<String>::new());
    assert_eq!(site.send("GET", "/orders?pageSize=501", None).status, 400);
    for query in [
        "customerName=jane",
        "itemKeyword=widg",
        "storeId=123456",
        "orderStatus=awaiting_shipment",
        "orderDateStart=2026-01-15&orderDateEnd=2026-01-16",
    ] {
        assert_eq!(site.get(&format!("/orders?{query}"))["total"], 3, "{query}");
    }
    for query in [
        "customerName=joe",
        "itemKeyword=gizmo",
        "storeId=1",
        "orderStatus=shipped",
        "paymentDateStart=2026-01-01",
    ] {
        assert_eq!(site.get(&format!("/orders?{query}"))["total"], 0, "{query}");
    }
}

#[test]
fn times_are_pacific_in_filters_and_answers() {
    let site = site(|_| {});
    site.create(&order("SO-1"));
    assert_eq!(site.get("/orders")["orders"][0]["modifyDate"], "2026-11-20T10:15:30.627");
    for (start, found) in [
        ("2026-11-20 10:15:30", 1),
        ("2026-11-20 10:15:31", 0),
        ("2026-11-20T18:15:30Z", 1),
        ("2026-11-20T18:15:31-00:00", 0),
        ("2026-11-20", 1),
    ] {
        assert_eq!(site.get(&format!("/orders?modifyDateStart={start}"))["total"], found, "{start}");
    }
    assert_eq!(site.send("GET", "/orders?modifyDateStart=yesterday", None).status, 400);
}

#[test]
fn the_repeated_hour_hides_its_second_round() {
    let site = site(|_| {});
    // 01:50 in the first round, 01:10 in the second.
    site.clock.set("2026-11-01T08:50:00Z".parse().unwrap());
    site.create(&order("SO-1"));
    site.clock.set("2026-11-01T09:10:00Z".parse().unwrap());
    site.create(&order("SO-2"));
    assert_eq!(keys(&site.get("/orders?modifyDateStart=2026-11-01 01:50:00")), ["erp:SO-1"]);
    assert_eq!(keys(&site.get("/orders?modifyDateStart=2026-11-01 00:50:00")), ["erp:SO-1", "erp:SO-2"]);
}

#[test]
fn a_poisoned_order_takes_its_page_with_it() {
    let site = site(|_| {});
    (0..10).for_each(|number| drop(site.create(&order(&format!("SO-{number}")))));
    site.station.poison("erp:SO-6");
    assert_eq!(site.send("GET", "/orders", None).status, 500);
    let status = |page: usize, size: usize| {
        site.send("GET", &format!("/orders?page={page}&pageSize={size}"), None).status
    };
    assert_eq!((status(1, 5), status(2, 5)), (200, 500));
    assert_eq!((status(6, 1), status(7, 1), status(8, 1)), (200, 500, 200));
    let answer = site.send("GET", "/orders", None).value();
    assert!(answer["Message"].is_string() && answer["ExceptionMessage"].is_string(), "{answer}");
    site.station.cure("erp:SO-6");
    assert_eq!(status(2, 5), 200);
}

#[test]
fn shipments_hide_what_was_only_marked() {
    let site = site(|_| {});
    for number in ["SO-1", "SO-2"] {
        site.create(&order(number));
    }
    let numbers = site.station.ship("erp:SO-1", 2).unwrap();
    site.station.mark_as_shipped("erp:SO-2", "BY-HAND").unwrap();
    let list = site.get("/shipments?includeShipmentItems=true");
    assert_eq!((&list["total"], &list["pages"]), (&json!(2), &json!(0)));
    assert_eq!(list["shipments"][0]["trackingNumber"], json!(numbers[0]));
    assert_eq!(list["shipments"][0]["shipDate"], "2026-11-20");
    assert_eq!(list["shipments"][1]["shipmentItems"][0]["quantity"], 1);
    assert_eq!(site.get("/shipments")["shipments"][0]["shipmentItems"], Value::Null);
    let marked = site.get("/fulfillments");
    assert_eq!(
        (&marked["total"], &marked["fulfillments"][0]["trackingNumber"]),
        (&json!(1), &json!("BY-HAND"))
    );
    site.is_clean();
}

#[test]
fn voids_are_found_by_when_they_were_voided() {
    let site = site(|_| {});
    site.create(&order("SO-1"));
    let numbers = site.station.ship("erp:SO-1", 2).unwrap();
    site.clock.advance(Duration::from_secs(3600));
    assert_eq!(site.get("/shipments?voidDateStart=2026-11-01")["total"], 0);
    site.station.void("erp:SO-1", Some(&numbers[1])).unwrap();
    let voided = site.get("/shipments?voidDateStart=2026-11-20 11:00:00");
    assert_eq!(
        (&voided["total"], &voided["shipments"][0]["voidDate"]),
        (&json!(1), &json!("2026-11-20T11:15:30.627"))
    );
    // Nothing but the void date tells: by creation it is as old as before.
    assert_eq!(site.get("/shipments?createDateStart=2026-11-20 11:00:00")["total"], 0);
    assert_eq!(site.station.orders()[0].status, "shipped");
    let id = site.get("/shipments")["shipments"][0]["shipmentId"].clone();
    let void = json!({ "shipmentId": id });
    assert_eq!(site.send("POST", "/shipments/voidlabel", Some(&void)).value()["approved"], true);
    assert_eq!(site.send("POST", "/shipments/voidlabel", Some(&void)).value()["approved"], false);
    assert_eq!(site.station.orders()[0].status, "awaiting_shipment");
}

#[test]
fn what_an_account_has_comes_as_bare_lists() {
    let site = site(|_| {});
    assert_eq!(site.get("/warehouses")[0]["warehouseName"], "Main warehouse");
    assert_eq!(site.get("/warehouses/14265")["warehouseName"], "Austin");
    assert_eq!(site.get("/stores").as_array().unwrap().len(), 2);
    assert_eq!(site.get("/stores?showInactive=true").as_array().unwrap().len(), 3);
    let carriers = site.get("/carriers");
    assert_eq!(
        (carriers[0]["code"].as_str(), carriers[0]["nickname"].as_str()),
        (Some("stamps_com"), Some("null"))
    );
    assert_eq!(site.get("/carriers/listservices?carrierCode=ups")[0]["code"], "ups_ground");
    assert_eq!(site.send("GET", "/carriers/listservices?carrierCode=dhl", None).status, 400);
    assert_eq!(site.send("GET", "/v1/orders", None).status, 404);
}

#[test]
fn products_are_learned_from_orders_and_replaced_whole() {
    let site = site(|_| {});
    site.create(&with(
        order("SO-1"),
        "items",
        json!([{ "sku": "NEW-1", "name": "Gadget", "quantity": 1, "unitPrice": 5 }]),
    ));
    let found = site.get("/products?sku=NEW-1")["products"][0].clone();
    assert_eq!((found["name"].as_str(), found["price"].as_f64()), (Some("Gadget"), Some(5.0)));
    let target = format!("/products/{}", found["productId"]);
    let change =
        json!({ "productId": found["productId"], "sku": "NEW-1", "name": "Better gadget", "active": true });
    assert_eq!(site.send("PUT", &target, Some(&change)).value()["success"], true);
    let changed = site.get(&target);
    assert_eq!((changed["name"].as_str(), &changed["price"]), (Some("Better gadget"), &Value::Null));
    assert_eq!(site.send("PUT", &target, Some(&with(change, "sku", json!("X")))).status, 400);
    assert_eq!(site.get("/products?startDate=2026-11-21")["total"], 0);
    assert_eq!(site.get("/products?sortBy=SKU&sortDir=DESC")["products"][0]["sku"], "NEW-1");
}

#[test]
fn customers_come_with_orders_that_name_them() {
    let site = site(|_| {});
    site.create(&order("SO-1"));
    site.create(&with(order("SO-2"), "customerUsername", json!("C100")));
    let found = site.get("/customers?stateCode=TX");
    assert_eq!(
        (&found["total"], &found["customers"][0]["marketplaceUsernames"][0]["username"]),
        (&json!(1), &json!("C100"))
    );
}

#[test]
fn faults_that_lists_play_themselves() {
    let site = site(|_| {});
    (0..3).for_each(|number| drop(site.create(&order(&format!("SO-{number}")))));
    let twice = site.struck("GET", "/orders", None, Some(Fault::DuplicatePage)).value();
    assert_eq!(keys(&twice), ["erp:SO-0", "erp:SO-1", "erp:SO-2", "erp:SO-0"]);
    assert_eq!(site.struck("GET", "/orders", None, Some(Fault::LookupLies)).value()["total"], 0);
}
