//! Who is told of what, and how.

use std::time::Duration;

use super::*;
use crate::simulator::push::Manner;
use crate::simulator::shipstation::{Stage, StatusCodes, Transit};

const HERE: &str = "https://hooks.example.com/hooks/ss/ship_notify/secret";

fn subscribe(site: &Site, event: &str) -> u64 {
    let body =
        json!({ "target_url": HERE, "event": event, "store_id": null, "friendly_name": "ml-connector" });
    let answer = site.send("POST", "/webhooks/subscribe", Some(&body));
    assert_eq!(answer.status, 200, "{}", answer.value());
    answer.value()["id"].as_u64().unwrap()
}

fn subscribe_v2(site: &Site, event: &str) -> Answer {
    let body = json!({ "name": "ml-connector", "event": event, "url": HERE });
    site.send("POST", "/v2/environment/webhooks", Some(&body))
}

/// What waits to be pushed: events, and where they point, without the host.
fn pushed(site: &Site) -> Vec<(String, String)> {
    site.station
        .outbox()
        .waiting()
        .into_iter()
        .map(|(_, push)| {
            assert_eq!(push.to, HERE);
            let body: Value = serde_json::from_slice(&push.body).unwrap();
            let url = body["resource_url"].as_str().unwrap();
            assert!(url.len() <= 200, "{url}");
            let target = url.splitn(4, '/').nth(3).unwrap();
            (body["resource_type"].as_str().unwrap().to_owned(), format!("/{target}"))
        })
        .collect()
}

fn events(site: &Site) -> Vec<String> {
    pushed(site).into_iter().map(|(event, _)| event).collect()
}

#[test]
fn v1_subscriptions_are_made_listed_and_ended() {
    let site = site(|_| {});
    let (first, second) = (subscribe(&site, "SHIP_NOTIFY"), subscribe(&site, "SHIP_NOTIFY"));
    assert_ne!(first, second, "V1 takes the same twice");
    let list = site.get("/webhooks");
    let hook = &list["webhooks"][0];
    assert_eq!((&hook["WebHookID"], &hook["Url"]), (&json!(first), &json!(HERE)));
    assert_eq!((&hook["HookType"], &hook["Active"]), (&json!("SHIP_NOTIFY"), &json!(true)));
    assert!(site.station.deactivate(first));
    assert_eq!(site.get("/webhooks")["webhooks"][0]["Active"], false);
    assert_eq!(site.send("DELETE", &format!("/webhooks/{first}"), None).status, 200);
    assert_eq!(site.send("DELETE", &format!("/webhooks/{first}"), None).status, 404);
    let unknown = json!({ "target_url": HERE, "event": "LABEL_NOTIFY" });
    assert_eq!(site.send("POST", "/webhooks/subscribe", Some(&unknown)).status, 400);
    assert_eq!(site.get("/webhooks")["webhooks"].as_array().map(Vec::len), Some(1));
}

#[test]
fn v2_subscriptions_are_one_for_an_event_and_an_address() {
    let site = site(|_| {});
    let made = subscribe_v2(&site, "label_created_v2").value();
    let id = made["webhook_id"].as_str().unwrap().to_owned();
    let again = subscribe_v2(&site, "label_created_v2");
    assert_eq!((again.status, code(&again).as_str()), (409, "webhook_event_type_conflict"));
    assert_eq!(subscribe_v2(&site, "track_event_v2").status, 200);
    let list = site.get("/v2/environment/webhooks");
    assert_eq!(list.as_array().map(Vec::len), Some(2), "a bare list: {list}");
    let target = format!("/v2/environment/webhooks/{id}");
    assert_eq!(site.send("PUT", &target, Some(&json!({ "url": "https://example.com/x" }))).status, 204);
    assert_eq!(site.get(&target)["url"], "https://example.com/x");
    assert_eq!(site.send("DELETE", &target, None).status, 204);
    assert_eq!(site.send("GET", &target, None).status, 404);
    assert_eq!(site.get("/webhooks")["webhooks"], json!([]), "V1 shows its own alone");
    site.is_clean();
}

#[test]
fn labels_are_told_one_by_one_or_a_batch_at_once_and_nothing_else_is() {
    let site = site(|_| {});
    subscribe(&site, "SHIP_NOTIFY");
    (1..=5).for_each(|number| drop(site.create(&order(&format!("SO-{number}")))));
    site.station.ship("erp:SO-1", 2).unwrap();
    assert_eq!(events(&site).len(), 2);
    let numbers = site.station.ship_batch(&["erp:SO-2", "erp:SO-3"]).unwrap();
    let told = pushed(&site);
    assert_eq!(told.len(), 3);
    assert!(told[2].1.ends_with("&includeShipmentItems=False"), "{told:?}");
    let page = site.get(&told[2].1);
    let found: Vec<_> =
        page["shipments"].as_array().unwrap().iter().map(|row| &row["trackingNumber"]).collect();
    assert_eq!(found, [&json!(numbers[0]), &json!(numbers[1])]);
    assert!(page["shipments"][0]["shipmentItems"].is_null());
    // No edits, voids, cancels, marks, nor what comes back.
    site.create(&with(order("SO-4"), "internalNotes", json!("Fragile")));
    site.station.void("erp:SO-1", None).unwrap();
    site.station.cancel("erp:SO-4").unwrap();
    site.station.mark_as_shipped("erp:SO-5", "T-1").unwrap();
    site.station.return_label("erp:SO-2").unwrap();
    assert_eq!(events(&site).len(), 3);
}

#[test]
fn orders_are_told_an_import_at_once_and_not_before_they_are_paid() {
    let site = site(|_| {});
    subscribe(&site, "ORDER_NOTIFY");
    let unpaid = with(order("SO-3"), "orderStatus", json!("awaiting_payment"));
    let orders = json!([order("SO-1"), order("SO-2"), unpaid]);
    assert_eq!(site.send("POST", "/orders/createorders", Some(&orders)).status, 200);
    let told = pushed(&site);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.starts_with("/orders?storeID=123456&importBatch="), "{told:?}");
    assert_eq!(site.get(&told[0].1)["total"], 3);
    site.create(&order("SO-1"));
    assert_eq!(events(&site).len(), 1, "an edit is not told");
    site.create(&order("SO-3"));
    assert_eq!(events(&site).len(), 2, "a payment is");
    assert_eq!(site.get(&pushed(&site)[1].1)["orders"][0]["orderNumber"], "SO-3");
}

#[test]
fn fulfillments_are_told_of_providers_in_v1_and_of_all_in_v2() {
    let site = site(|_| {});
    subscribe(&site, "FULFILLMENT_SHIPPED");
    assert_eq!(subscribe_v2(&site, "fulfillment_shipped_v2").status, 200);
    site.create(&order("SO-1"));
    site.station.mark_as_shipped("erp:SO-1", "T-1").unwrap();
    assert_eq!(events(&site), ["FULFILLMENT_SHIPPED_V2"]);
    site.create(&with(order("SO-2"), "orderStatus", json!("pending_fulfillment")));
    assert!(site.station.fulfil("erp:SO-1", "T-2").is_err());
    site.station.fulfil("erp:SO-2", "T-2").unwrap();
    assert_eq!(events(&site)[1..], ["FULFILLMENT_SHIPPED", "FULFILLMENT_SHIPPED_V2"]);
    let told = pushed(&site);
    assert_eq!(site.get(&told[1].1)["fulfillments"][0]["trackingNumber"], "T-2");
    let page = site.get(&told[2].1);
    assert_eq!((&page["total"], &page["fulfillments"][0]["tracking_number"]), (&json!(1), &json!("T-2")));
}

#[test]
fn v2_tells_of_imports_and_labels() {
    let site = site(|_| {});
    for event in ["shipment_created_v2", "label_created_v2"] {
        assert_eq!(subscribe_v2(&site, event).status, 200);
    }
    let body = json!({ "shipments": [shipment("A"), shipment("B")] });
    assert_eq!(site.send("POST", "/v2/shipments", Some(&body)).status, 200);
    let numbers = site.station.ship("A", 1).unwrap();
    let told = pushed(&site);
    assert_eq!(events(&site), ["SHIPMENT_CREATED_V2", "LABEL_CREATED_V2"]);
    assert_eq!(site.get(&told[0].1)["total"], 2);
    let labels = site.get(&told[1].1);
    assert_eq!((&labels["total"], &labels["labels"][0]["tracking_number"]), (&json!(1), &json!(numbers[0])));
}

#[test]
fn a_parcel_travels_and_every_scan_is_told_with_what_was_seen() {
    let site = site(|_| {});
    assert_eq!(subscribe_v2(&site, "track_event_v2").status, 200);
    site.create(&order("SO-1"));
    let number = site.station.ship("erp:SO-1", 1).unwrap().remove(0);
    let label = |site: &Site| site.get("/v2/labels")["labels"][0].clone();
    assert_eq!(label(&site)["tracking_status"], "in_transit");
    site.station.scan(&number, Stage::Exception).unwrap();
    assert_eq!(label(&site)["tracking_status"], "error");
    site.clock.advance(Duration::from_secs(3600));
    site.station.promise(&number, "2026-11-30".parse().unwrap()).unwrap();
    site.station.scan(&number, Stage::Delivered).unwrap();
    assert!(site.station.scan(&number, Stage::InTransit).is_err(), "it has arrived");
    assert_eq!(label(&site)["tracking_status"], "delivered");
    let data: Vec<Value> = site
        .station
        .outbox()
        .waiting()
        .iter()
        .map(|(_, push)| serde_json::from_slice::<Value>(&push.body).unwrap()["data"].clone())
        .collect();
    let codes: Vec<&Value> = data.iter().map(|data| &data["status_code"]).collect();
    assert_eq!(codes, ["CARRIER_DELAYS", "IN_TRANSIT", "DELIVERED"]);
    assert_eq!(data[1]["estimated_delivery_date"], "2026-11-30T00:00:00Z");
    assert_eq!(
        (&data[1]["actual_delivery_date"], data[1]["events"].as_array().map(Vec::len)),
        (&Value::Null, Some(2))
    );
    assert_eq!(data[2]["actual_delivery_date"], "2026-11-20T19:15:30.627Z");
    let id = label(&site)["label_id"].as_str().unwrap().to_owned();
    assert_eq!(site.get(&format!("/v2/labels/{id}/track")), data[2]);
    assert_eq!(site.station.orders()[0].delivered, [number]);
}

#[test]
fn parcels_travel_by_themselves_and_are_late_now_and_then() {
    let transit = Transit {
        seen_after: Duration::from_secs(60),
        delivered_after: Duration::from_secs(600),
        delayed: 1,
    };
    let site = site(|options| {
        (options.transit, options.status_codes) = (Some(transit), StatusCodes::Letters);
    });
    assert_eq!(subscribe_v2(&site, "track_event_v2").status, 200);
    for number in ["SO-1", "SO-2"] {
        site.create(&order(number));
    }
    site.station.ship("erp:SO-1", 1).unwrap();
    site.station.mark_as_shipped("erp:SO-2", "T-1").unwrap();
    site.clock.advance(Duration::from_secs(600));
    assert_eq!(site.station.summary().delivered, 2);
    let status = |push: &std::sync::Arc<crate::simulator::push::Push>| {
        serde_json::from_slice::<Value>(&push.body).unwrap()["data"]["status_code"].clone()
    };
    let told: Vec<Value> = site.station.outbox().waiting().iter().map(|(_, push)| status(push)).collect();
    assert_eq!(told, ["IT", "EX", "IT", "DE"], "what was only marked is tracked by nobody");
    let marked = site.get("/v2/fulfillments")["fulfillments"][0].clone();
    assert_eq!(marked["delivered_at"], "2026-11-20T18:25:30.627Z");
    assert_eq!(site.get("/fulfillments")["fulfillments"][0]["deliveryDate"], "2026-11-20T10:25:30.627");
}

#[test]
fn labels_and_fulfillments_are_found_by_all_that_the_contract_names() {
    let site = site(|_| {});
    for number in ["SO-1", "SO-2", "SO-3"] {
        site.create(&order(number));
    }
    let number = site.station.ship("erp:SO-1", 1).unwrap().remove(0);
    site.clock.advance(Duration::from_secs(60));
    site.station.ship("erp:SO-2", 1).unwrap();
    site.station.mark_as_shipped("erp:SO-3", "T-1").unwrap();
    let labels = |query: &str| site.get(&format!("/v2/labels?{query}"))["total"].as_u64().unwrap();
    assert_eq!((labels("warehouse_id=se-17977"), labels("warehouse_id=se-14265")), (2, 0));
    assert_eq!((labels("carrier_id=se-12347"), labels("carrier_id=se-12345")), (2, 0));
    assert_eq!((labels(&format!("tracking_number={number}")), labels("rate_id=se-1")), (1, 0));
    // By when they changed, they can be sorted and not filtered.
    site.clock.advance(Duration::from_secs(60));
    site.station.scan(&number, Stage::Delivered).unwrap();
    let first =
        |by: &str| site.get(&format!("/v2/labels?sort_by={by}"))["labels"][0]["tracking_number"].clone();
    assert_eq!(
        (first("modified_at") == number.as_str(), first("created_at") == number.as_str()),
        (true, false)
    );
    let marks = |query: &str| site.get(&format!("/v2/fulfillments?{query}"))["total"].as_u64().unwrap();
    assert_eq!((marks("fulfillment_provider_code=external"), marks("ship_to_country_code=CA")), (1, 0));
    assert_eq!((marks("ship_to_name=jane"), marks("order_source_id=123456")), (1, 1));
    assert_eq!(
        (marks("ship_date_end=2026-11-19T00:00:00Z"), marks("ship_date_start=2026-11-20T00:00:00Z")),
        (0, 1)
    );
    assert_eq!(marks("sort_by=shipped_at&sort_dir=desc"), 1);
}

#[test]
fn silence_is_silence() {
    let site = site(|options| options.pushing = Manner { on: false, ..Manner::default() });
    subscribe(&site, "SHIP_NOTIFY");
    site.create(&order("SO-1"));
    site.station.ship("erp:SO-1", 1).unwrap();
    assert!(events(&site).is_empty());
    assert_eq!(site.station.outbox().counts().withheld, 1);
}

#[test]
fn a_subscription_to_one_store_hears_of_no_other() {
    let site = site(|_| {});
    let body = json!({ "target_url": HERE, "event": "SHIP_NOTIFY", "store_id": 25_748 });
    assert_eq!(site.send("POST", "/webhooks/subscribe", Some(&body)).status, 200);
    site.create(&order("SO-1"));
    site.station.ship("erp:SO-1", 1).unwrap();
    assert!(events(&site).is_empty());
}

/// Hears what is pushed to a listener on this machine.
async fn receiver()
-> (String, tokio::sync::mpsc::UnboundedReceiver<(axum::http::HeaderMap, axum::body::Bytes)>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/ss/track_event", listener.local_addr().unwrap());
    let (sender, heard) = tokio::sync::mpsc::unbounded_channel();
    let app = axum::Router::new().fallback(move |headers: axum::http::HeaderMap, body: axum::body::Bytes| {
        sender.send((headers, body)).unwrap();
        async { axum::http::StatusCode::OK }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, heard)
}

#[tokio::test]
async fn a_station_that_serves_pushes_by_itself_signed_and_points_at_itself() {
    let (url, mut heard) = receiver().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let transit =
        Transit { seen_after: Duration::ZERO, delivered_after: Duration::from_millis(50), delayed: 0 };
    let options =
        Options { transit: Some(transit), ship_after: Some(Duration::from_millis(20)), ..Options::default() };
    let running = ShipStation::start(options, listener).await.unwrap();
    let station = running.system.clone();
    let body = json!({ "event": "track_event_v2", "url": url });
    let call = Call::new("POST", "/v2/environment/webhooks", Some(&body)).with("api-key", "sim-v2-key");
    assert_eq!(station.act(&call, None).status, 200);
    let body = json!({ "shipments": [with(shipment("SO-1"), "items", json!([]))] });
    let call = Call::new("POST", "/v2/shipments", Some(&body)).with("api-key", "sim-v2-key");
    assert_eq!(station.act(&call, None).status, 200);
    loop {
        let (headers, body) = heard.recv().await.unwrap();
        let event: Value = serde_json::from_slice(&body).unwrap();
        let here = format!("{}/v2/labels/se-", running.url());
        assert!(event["resource_url"].as_str().unwrap().starts_with(&here), "{event}");
        let signed = ["key-id", "signature"].map(|name| format!("x-shipengine-rsa-sha256-{name}"));
        assert!(signed.iter().all(|name| headers.contains_key(name.as_str())), "{headers:?}");
        if event["data"]["status_code"] == "DELIVERED" {
            break;
        }
    }
    running.stop().await;
}
