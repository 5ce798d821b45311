//! Subscriptions to events, and what is pushed.

use super::*;
use crate::simulator::contract::Contract;
use crate::simulator::push::Manner;
use crate::simulator::ups::{Scan, Webhook};

const V2: &str = "/api/track/v2/subscription/standard/package";
const V1: &str = "/api/track/v1/subscription/standard/package";

fn wish(numbers: &[String]) -> Value {
    json!({ "locale": "en_US", "countryCode": "US", "trackingNumberList": numbers })
}

fn wish_v1(numbers: &[String]) -> Value {
    let mut wish = wish(numbers);
    wish["destination"] =
        json!({ "url": "https://hooks.example.com/ups", "credentialType": "Bearer", "credential": "secret" });
    wish
}

fn webhook(address: &str) -> Webhook {
    Webhook {
        url: format!("{address}/hooks/ups"),
        token_url: format!("{address}/token"),
        client_id: "app".into(),
        client_secret: "secret".into(),
    }
}

/// What waits to be pushed.
fn pushed(desk: &Desk) -> Vec<Value> {
    let waiting = desk.ups.outbox().waiting().into_iter();
    waiting.map(|(_, push)| serde_json::from_slice(&push.body).unwrap()).collect()
}

#[test]
fn some_numbers_are_taken_and_some_are_not() {
    let desk = ups(|_| {});
    let number = desk.parcel("R-1");
    let mixed = [number.clone(), "1Z12345$8".into(), "1Z12345E0205271688".into()];
    let answer = desk.send("POST", V2, Some(&wish(&mixed)));
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.value(),
        json!({ "validTrackingNumbers": [number], "invalidTrackingNumbers": mixed[1..] })
    );
    let none = desk.send("POST", V2, Some(&wish(&mixed[1..])));
    assert_eq!((none.status, code(&none).as_str()), (400, "VSS210"));
    assert_eq!(none.value()["invalidTrackingNumbers"], json!(mixed[1..]));
    assert_eq!(desk.ups.summary().contract_violations, 0, "{:?}", desk.ups.state().contract_violations);
}

#[test]
fn subscriptions_are_refused_with_their_codes() {
    let desk = ups(|_| {});
    let numbers = [desk.parcel("R-1")];
    let refused = |path: &str, body: &Value| code(&desk.send("POST", path, Some(body)));
    let many: Vec<String> = (0..101).map(|_| numbers[0].clone()).collect();
    assert_eq!(refused(V2, &wish(&many)), "VSS220");
    assert_eq!(code(&desk.send("POST", V2, None)), "VSS110");
    assert_eq!(refused(V2, &json!({ "locale": "en_US" })), "VSS200");
    assert_eq!(refused(V2, &changed(wish(&numbers), "/locale", json!(""))), "VSS300");
    assert_eq!(refused(V2, &changed(wish(&numbers), "/locale", json!("de_DE"))), "VSS310");
    assert_eq!(refused(V2, &changed(wish(&numbers), "/countryCode", json!("USA"))), "VSS400");
    assert_eq!(refused(&V2.replace("standard", "grand"), &wish(&numbers)), "VSS930");
    assert_eq!(refused(V1, &wish(&numbers)), "VSS500");
    let at = |path: &str, value: &str| refused(V1, &changed(wish_v1(&numbers), path, json!(value)));
    assert_eq!(at("/destination/url", ""), "VSS600");
    assert_eq!(at("/destination/url", "http://hooks.example.com"), "VSS600");
    assert_eq!(at("/destination/credential", ""), "VSS700");
    assert_eq!(at("/destination/credentialType", ""), "VSS800");
    assert_eq!(code(&desk.send("GET", V2, None)), "405");
    let small = ups(|options| options.test_environment = true);
    assert_eq!(code(&small.send("POST", V2, Some(&wish(&numbers)))), "VSS215");
}

#[test]
fn a_subscription_lives_fourteen_days_and_tells_no_history() {
    let desk = ups(|options| options.webhook = Some(webhook("http://127.0.0.1:9")));
    let number = desk.parcel("R-1");
    desk.ups.advance(&number, Scan::PickedUp).unwrap();
    let from = desk.clock.now();
    desk.send("POST", V2, Some(&wish(std::slice::from_ref(&number))));
    assert!(pushed(&desk).is_empty());
    desk.ups.advance(&number, Scan::InTransit).unwrap();
    desk.clock.advance(Duration::from_secs(14 * 86_400 - 1));
    desk.ups.advance(&number, Scan::Exception).unwrap();
    assert_eq!(pushed(&desk).len(), 2);
    desk.clock.advance(Duration::from_secs(1));
    desk.ups.advance(&number, Scan::OutForDelivery).unwrap();
    assert_eq!(pushed(&desk).len(), 2);
    let until = desk.clock.now();
    desk.clock.advance(Duration::from_secs(60));
    desk.send("POST", V2, Some(&wish(std::slice::from_ref(&number))));
    desk.ups.advance(&number, Scan::Delivered).unwrap();
    assert_eq!(pushed(&desk).len(), 3);
    let now = desk.clock.now();
    assert_eq!(desk.ups.state().unwatched(&number, from, now), [(until, now)]);
    assert_eq!(desk.ups.summary().subscriptions, 2);
}

#[test]
fn pushes_are_flat_and_now_and_then_unlucky() {
    let desk = ups(|_| {});
    let number = desk.parcel("R-1");
    desk.send("POST", V1, Some(&wish_v1(std::slice::from_ref(&number))));
    desk.clock.set("2026-11-21T01:00:05Z".parse().unwrap());
    desk.ups.deliver(&number).unwrap();
    let waiting = desk.ups.outbox().waiting();
    let headers = &waiting[0].1.headers;
    assert!(headers.contains(&("credential".to_owned(), "secret".to_owned())));
    assert!(headers.contains(&("user-agent".to_owned(), "UPSPubSubTrackingService".to_owned())));
    assert_eq!(waiting[0].1.to, "https://hooks.example.com/ups");
    let told = pushed(&desk);
    assert_eq!(told.len(), 5);
    let picked = &told[0];
    assert_eq!(
        (&picked["localActivityDate"], &picked["localActivityTime"]),
        (&json!("20261120"), &json!("200005"))
    );
    assert_eq!(
        (&picked["gmtActivityDate"], &picked["gmtActivityTime"]),
        (&json!("20261121"), &json!("010005"))
    );
    assert!(picked.get("gmtOffset").is_none());
    assert_eq!(picked["activityStatus"]["descriptionCode"], 5);
    assert!(told[1].get("actualDeliveryDate").is_none());
    assert_eq!((&told[2]["actualDeliveryDate"], &told[2]["gmtOffset"]), (&json!(""), &json!("-05.00")));
    assert_eq!(told[3]["trackingNumber"], format!(" {number}"));
    assert_eq!(told[4]["actualDeliveryTime"], "200005");
    assert_eq!(told[4]["activityStatus"]["type"], "D");
}

/// Blanks and unlucky forms aside, a push is what the contract's webhook takes.
#[test]
fn pushes_keep_to_the_contracts_shape() {
    let yaml = include_str!("../../../../tests/contracts/ups/UPSTrackAlert.yaml");
    let document: Value = serde_yaml::from_str(yaml).unwrap();
    let shape = &document["components"]["schemas"]["TrackingEventRequest"]["properties"];
    assert!(Contract::parse(yaml, "").is_ok());
    let desk = ups(|options| options.webhook = Some(webhook("http://127.0.0.1:9")));
    let number = desk.parcel("R-1");
    desk.send("POST", &V2.replace("standard", "enhanced"), Some(&wish(std::slice::from_ref(&number))));
    desk.ups.deliver(&number).unwrap();
    for push in pushed(&desk) {
        for (field, value) in push.as_object().unwrap() {
            assert!(shape.get(field).is_some(), "{field}");
            let parts = value.as_object().into_iter().flatten().map(|(part, _)| part);
            for part in parts.filter(|part| *part != "descriptionCode") {
                assert!(shape[field]["properties"].get(part).is_some(), "{field}.{part}");
            }
        }
    }
}

#[test]
fn what_is_not_preferred_is_not_pushed() {
    let desk = ups(|options| options.webhook = Some(webhook("http://127.0.0.1:9")));
    let number = desk.parcel("R-1");
    let mut wish = wish(std::slice::from_ref(&number));
    wish["eventPreferences"] = json!(["D"]);
    desk.send("POST", &V2.replace("standard", "enhanced"), Some(&wish));
    desk.ups.deliver(&number).unwrap();
    let told = pushed(&desk);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["receivedBy"], "DOE");
}

#[test]
fn pushes_overtake_each_other_within_the_spread() {
    let desk = ups(|options| options.webhook = Some(webhook("http://127.0.0.1:9")));
    desk.ups.set_spread(Duration::from_secs(600));
    let numbers: Vec<String> = (0..20).map(|index| desk.parcel(&format!("R-{index}"))).collect();
    desk.send("POST", V2, Some(&wish(&numbers)));
    numbers.iter().for_each(|number| drop(desk.ups.advance(number, Scan::PickedUp).unwrap()));
    let told: Vec<String> =
        pushed(&desk).iter().map(|push| push["trackingNumber"].as_str().unwrap().trim().to_owned()).collect();
    assert_eq!(told.len(), 20);
    assert_ne!(told, numbers);
    let latest = desk.ups.outbox().waiting().last().unwrap().0;
    assert!(latest <= desk.clock.now() + jiff::SignedDuration::from_secs(600));
    desk.ups.outbox().set_manner(Manner { on: false, ..Manner::default() });
    desk.ups.advance(&numbers[0], Scan::InTransit).unwrap();
    assert_eq!(desk.ups.outbox().counts().withheld, 1);
}

/// A receiver that gives tokens as the customer's endpoint does, and hears pushes.
async fn receiver() -> (String, tokio::sync::mpsc::UnboundedReceiver<(String, axum::http::HeaderMap)>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, heard) = tokio::sync::mpsc::unbounded_channel();
    let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
        let sender = sender.clone();
        async move {
            sender.send((request.uri().to_string(), request.headers().clone())).unwrap();
            axum::Json(json!({ "access_token": "T", "token_type": "Bearer", "expires_in": 3600 }))
        }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, heard)
}

#[tokio::test]
async fn v2_fetches_a_token_once_and_calls_with_it() {
    let (address, mut heard) = receiver().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options =
        Options { visibility_lag: Duration::ZERO, webhook: Some(webhook(&address)), ..Options::default() };
    let running = Ups::start(options, listener).await.unwrap();
    let token = token(&running.system).value()["access_token"].as_str().unwrap().to_owned();
    let send = |path: &str, body: &Value| {
        let call = Call::new("POST", path, Some(body))
            .with("authorization", &format!("Bearer {token}"))
            .with("transid", "t")
            .with("transactionsrc", "s");
        running.system.act(&call, None).value()
    };
    let booked = send("/api/shipments/v2409/ship", &shipment("R-1"));
    let number = booked["ShipmentResponse"]["ShipmentResults"]["ShipmentIdentificationNumber"]
        .as_str()
        .unwrap()
        .to_owned();
    send(V2, &wish(std::slice::from_ref(&number)));
    running.system.advance(&number, Scan::PickedUp).unwrap();
    let (path, headers) = heard.recv().await.unwrap();
    assert_eq!(
        (path.as_str(), &headers["authorization"]),
        (
            "/token",
            &format!("Basic {}", STANDARD.encode("app:secret")).parse::<axum::http::HeaderValue>().unwrap()
        )
    );
    let (path, headers) = heard.recv().await.unwrap();
    assert_eq!((path.as_str(), headers["x-api-key"].to_str().unwrap()), ("/hooks/ups", "app"));
    assert_eq!(
        (&headers["authorization"], &headers["user-agent"]),
        (
            &"Bearer T".parse::<axum::http::HeaderValue>().unwrap(),
            &"UPSPubSubTrackingService".parse::<axum::http::HeaderValue>().unwrap()
        )
    );
    running.system.advance(&number, Scan::InTransit).unwrap();
    assert_eq!(heard.recv().await.unwrap().0, "/hooks/ups");
    while !running.system.outbox().is_idle() {
        tokio::task::yield_now().await;
    }
    let carriage = running.system.carriage();
    assert_eq!((carriage.pushed, carriage.polled), (2, 0));
    assert!(carriage.parcels[&number].told && !carriage.parcels[&number].delivered);
    running.stop().await;
}
