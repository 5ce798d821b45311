//! V1's orders: the upsert, what it clears, what it refuses, and by the hundred.

use super::*;
use crate::simulator::shipstation::Locked;

#[test]
fn the_same_key_is_the_same_order() {
    let site = site(|_| {});
    let first = site.create(&order("SO-1"));
    let again = site.create(&with(order("SO-1"), "customerNotes", json!("Ring twice")));
    assert_eq!(first["orderId"], again["orderId"]);
    assert_eq!(again["customerNotes"], "Ring twice");
    assert_eq!(again["orderTotal"], 19.98);
    assert_eq!(again["orderDate"], "2026-01-15T08:46:27.0000000");
    assert_eq!(again["createDate"], "2026-11-20T10:15:30.627");
    let summary = site.station.summary();
    assert_eq!((summary.orders, summary.updates), (1, 1));
    assert!(summary.doubled_keys.is_empty() && summary.doubled_numbers.is_empty());
    site.is_clean();
}

#[test]
fn without_a_key_every_try_is_another_order() {
    let site = site(|_| {});
    let keyless = without(order("SO-1"), "orderKey");
    let (first, second) = (site.create(&keyless), site.create(&keyless));
    assert_ne!(first["orderId"], second["orderId"]);
    assert_eq!(first["orderKey"].as_str().unwrap().len(), 32);
    assert_eq!(site.station.summary().doubled_numbers, ["SO-1"]);
    // By its id it can be written again.
    let id = with(keyless, "orderId", first["orderId"].clone());
    assert_eq!(site.create(&id)["orderKey"], first["orderKey"]);
    assert_eq!(site.station.summary().orders, 2);
    let stranger = with(order("SO-9"), "orderId", json!(4));
    assert_eq!(site.send("POST", "/orders/createorder", Some(&stranger)).status, 404);
}

#[test]
fn what_is_left_out_is_cleared() {
    let site = site(|_| {});
    site.create(&with(order("SO-1"), "internalNotes", json!("Fragile")));
    let again = site.create(&without(order("SO-1"), "items"));
    assert_eq!((&again["internalNotes"], &again["items"]), (&Value::Null, &json!([])));
    // Only the store stays: it can be said on creation alone.
    let moved = site.create(&with(
        order("SO-1"),
        "advancedOptions",
        json!({ "storeId": 22766, "customField1": "x" }),
    ));
    assert_eq!(moved["advancedOptions"]["storeId"], 123_456);
    assert_eq!(moved["advancedOptions"]["customField1"], "x");
}

#[test]
fn what_was_split_off_has_the_number_and_names_its_parent() {
    let site = site(|_| {});
    let first = site.create(&order("SO-1"));
    let key = site.station.split("erp:SO-1").unwrap();
    let orders = site.get("/orders?orderNumber=SO-1");
    let (whole, part) = (&orders["orders"][0], &orders["orders"][1]);
    assert_eq!((&whole["orderKey"], &part["orderKey"]), (&json!("erp:SO-1"), &json!(key)));
    assert_eq!(part["advancedOptions"]["parentId"], first["orderId"].to_string());
    assert_eq!(whole["advancedOptions"]["parentId"], Value::Null);
    let quantity = |order: &Value| order["items"][0]["quantity"].as_u64().unwrap();
    assert_eq!(quantity(whole) + quantity(part), quantity(&first));
    for order in [whole, part] {
        assert_eq!(order["advancedOptions"]["mergedOrSplit"], true);
    }
    site.station.ship(&key, 1).unwrap();
    assert_eq!(site.get("/shipments")["shipments"][0]["orderKey"], json!(key));
    assert_eq!(site.get("/orders?orderStatus=awaiting_shipment")["orders"][0]["orderKey"], "erp:SO-1");
    // One that is a single piece stays whole.
    assert!(site.station.split("erp:SO-1").is_err());
}

#[test]
fn what_people_choose_is_there_until_a_write_leaves_it_out() {
    let site = site(|_| {});
    site.create(&order("SO-1"));
    let chosen = json!({ "orderStatus": "on_hold", "packageCode": "package", "advancedOptions": { "billToAccount": "1A2B3C" } });
    site.station.choose("erp:SO-1", chosen.as_object().unwrap()).unwrap();
    let shown = site.get("/orders")["orders"][0].clone();
    assert_eq!((&shown["orderStatus"], &shown["packageCode"]), (&json!("on_hold"), &json!("package")));
    assert_eq!(shown["advancedOptions"]["billToAccount"], "1A2B3C");
    assert_eq!(site.create(&order("SO-1"))["packageCode"], Value::Null);
}

#[test]
fn missing_fields_are_named_as_the_model_binder_does() {
    let site = site(|_| {});
    let answer = site.send("POST", "/orders/createorder", Some(&json!({ "orderKey": "k" })));
    assert_eq!(answer.status, 400);
    let body = answer.value();
    assert_eq!(body["Message"], "The request is invalid.");
    for field in ["orderNumber", "orderDate", "orderStatus", "billTo", "shipTo"] {
        assert_eq!(
            body["ModelState"][format!("apiOrder.{field}")],
            json!([format!("The {field} field is required.")])
        );
    }
    let nameless = with(order("SO-1"), "items", json!([{ "sku": "A", "name": null, "quantity": 1 }]));
    for (wrong, field) in [
        (with(order("SO-1"), "orderNumber", Value::Null), "apiOrder.orderNumber"),
        (with(order("SO-1"), "orderDate", json!("15/01/2026")), "apiOrder.orderDate"),
        (with(order("SO-1"), "orderStatus", json!("open")), "apiOrder.orderStatus"),
        (with(order(&"x".repeat(51)), "orderKey", json!("k")), "apiOrder.orderNumber"),
        (with(order("SO-1"), "shipTo", json!("Austin")), "apiOrder.shipTo"),
        (nameless, "apiOrder.items.name"),
        (with(order("SO-1"), "advancedOptions", json!({ "storeId": 1 })), "apiOrder.advancedOptions.storeId"),
    ] {
        let answer = site.send("POST", "/orders/createorder", Some(&wrong));
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.value()["ModelState"].get(field).is_some(), "{field}: {}", answer.value());
    }
    assert!(site.station.orders().is_empty());
    assert!(site.station.summary().contract_violations > 0);
}

#[test]
fn shipped_and_cancelled_orders_are_locked() {
    let site = site(|options| options.locked = Locked::Refuse("no more".into()));
    site.create(&order("SO-1"));
    site.create(&order("SO-2"));
    site.station.ship("erp:SO-1", 1).unwrap();
    site.station.cancel("erp:SO-2").unwrap();
    for number in ["SO-1", "SO-2"] {
        let answer = site.send(
            "POST",
            "/orders/createorder",
            Some(&with(order(number), "customerNotes", json!("late"))),
        );
        assert_eq!((answer.status, answer.value()["Message"].as_str()), (400, Some("no more")));
    }
    assert_eq!((site.station.summary().refused_edits, site.station.summary().updates), (2, 0));
    // Voiding the label opens the order again.
    site.station.void("erp:SO-1", None).unwrap();
    assert_eq!(site.create(&with(order("SO-1"), "customerNotes", json!("late")))["customerNotes"], "late");
}

#[test]
fn a_locked_order_may_say_yes_and_do_nothing() {
    let site = site(|options| options.locked = Locked::Ignore);
    site.create(&order("SO-1"));
    site.station.ship("erp:SO-1", 1).unwrap();
    let again = site.create(&with(order("SO-1"), "customerNotes", json!("late")));
    assert_eq!((again["orderStatus"].as_str(), &again["customerNotes"]), (Some("shipped"), &Value::Null));
    assert_eq!((site.station.summary().ignored_edits, site.station.summary().refused_edits), (1, 0));
}

#[test]
fn each_order_of_a_batch_has_its_own_outcome() {
    let site = site(|options| options.locked = Locked::Refuse("no more".into()));
    site.create(&order("SO-1"));
    site.station.ship("erp:SO-1", 1).unwrap();
    let elsewhere = with(order("SO-3"), "advancedOptions", json!({ "storeId": 1 }));
    let answer =
        site.send("POST", "/orders/createorders", Some(&json!([order("SO-1"), order("SO-2"), elsewhere])));
    assert_eq!(answer.status, 200);
    let body = answer.value();
    assert_eq!(body["hasErrors"], true);
    let outcome = |index: usize| {
        (body["results"][index]["success"].clone(), body["results"][index]["errorMessage"].clone())
    };
    assert_eq!(outcome(0), (json!(false), json!("no more")));
    assert_eq!(outcome(1), (json!(true), Value::Null));
    assert_eq!(outcome(2), (json!(false), json!("There is no store 1.")));
    assert_eq!(body["results"][1]["orderKey"], "erp:SO-2");
    site.is_clean();
    // What the model binder does not understand fails the call as a whole, and more than a hundred do too.
    let broken = json!([order("SO-5"), without(order("SO-6"), "shipTo")]);
    let answer = site.send("POST", "/orders/createorders", Some(&broken));
    assert_eq!(answer.status, 400);
    assert!(answer.value()["ModelState"].get("apiOrders[1].shipTo").is_some(), "{}", answer.value());
    let many: Vec<Value> = (0..101).map(|number| order(&format!("M-{number}"))).collect();
    assert_eq!(site.send("POST", "/orders/createorders", Some(&json!(many))).status, 400);
    assert_eq!(site.station.summary().orders, 2);
    let most = json!(many[..100]);
    assert_eq!(site.send("POST", "/orders/createorders", Some(&most)).value()["hasErrors"], false);
    assert_eq!(site.station.summary().orders, 102);
}

#[test]
fn marking_twice_is_two_fulfillments() {
    let site = site(|_| {});
    let id = site.create(&order("SO-1"))["orderId"].clone();
    let mark =
        json!({ "orderId": id, "carrierCode": "ups", "shipDate": "2026-11-20", "trackingNumber": "1Z1" });
    for _ in 0..2 {
        assert_eq!(site.send("POST", "/orders/markasshipped", Some(&mark)).value()["orderNumber"], "SO-1");
    }
    assert_eq!(site.get(&format!("/orders/{id}"))["orderStatus"], "shipped");
    assert_eq!(site.get("/shipments")["total"], 0);
    let found = site.get("/fulfillments?trackingNumber=1Z1");
    assert_eq!(found["total"], 2);
    assert_eq!(found["fulfillments"][0]["shipDate"], "2026-11-20T00:00:00");
    assert_eq!(
        site.send("POST", "/orders/markasshipped", Some(&with(mark, "orderId", json!(1)))).status,
        404
    );
    site.is_clean();
}

#[test]
fn orders_are_held_released_and_deleted() {
    let site = site(|_| {});
    let id = site.create(&order("SO-1"))["orderId"].clone();
    let hold = json!({ "orderId": id, "holdUntilDate": "2026-12-01" });
    assert_eq!(site.send("POST", "/orders/holduntil", Some(&hold)).value()["success"], true);
    let held = site.get(&format!("/orders/{id}"));
    assert_eq!(
        (held["orderStatus"].as_str(), held["holdUntilDate"].as_str()),
        (Some("on_hold"), Some("2026-12-01"))
    );
    assert_eq!(site.station.orders()[0].content["hold"], "true");
    assert_eq!(
        site.send("POST", "/orders/restorefromhold", Some(&json!({ "orderId": id }))).value()["success"],
        true
    );
    assert_eq!(site.send("DELETE", &format!("/orders/{id}"), None).value()["success"], true);
    assert_eq!(site.send("GET", &format!("/orders/{id}"), None).status, 404);
    assert_eq!(site.get("/orders")["total"], 0);
    // The key makes a new order again.
    assert_ne!(site.create(&order("SO-1"))["orderId"], id);
}

#[test]
fn an_order_in_words() {
    let site = site(|_| {});
    let body = with(order("SO-1"), "advancedOptions", json!({ "customField2": "W7" }));
    site.create(&body);
    let placed = &site.station.orders()[0];
    assert_eq!(
        (placed.key.as_str(), placed.number.as_str(), placed.status.as_str()),
        ("erp:SO-1", "SO-1", "awaiting_shipment")
    );
    for (name, word) in [
        ("name", "Jane Doe"),
        ("street", "4009 Marathon Blvd"),
        ("lines", "ABC-1x2@W1"),
        ("custom_field2", "W7"),
        ("hold", "false"),
    ] {
        assert_eq!(placed.content[name], word);
    }
}
