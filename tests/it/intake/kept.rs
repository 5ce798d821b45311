//! What is genuine is committed before it is acknowledged, once, whatever the sender repeats and however slow the store is.

use std::time::Duration;

use futures_util::future::join_all;
use ml_connector::base::Secret;
use ml_connector::store::{Event, EventState, Store};
use serde_json::Value;
use tokio::net::TcpStream;

use super::caller::{Answer, Push, ask};
use super::gate::{Gate, Wishes, start};
use super::shop::{
    PATH_SECRET, PUSH_ID, PUSH_SECRET, body, issued, keyed, pointed, shared, signed, standard, standard_as,
};

fn only(events: &[Event]) -> &Event {
    match events {
        [event] => event,
        other => panic!("{} events", other.len()),
    }
}

#[tokio::test]
async fn every_kind_of_proof_lets_its_sender_in() {
    let gate = Gate::new().await;
    let pushes = [
        ("shared", shared("1")),
        ("issued", issued("2", &gate.token().await)),
        ("pointed", pointed("https://ssapi6.shipstation.com/shipments?batchId=190671332")),
        ("signed", signed("3", gate.now(), &gate.key)),
        ("keyed", keyed("4")),
        ("standard", standard("5", gate.now())),
    ];
    for (webhook, push) in pushes {
        let answer = gate.send(&push).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{webhook}");
        let inbox = format!("webhook/shop/{webhook}");
        let due = gate.store.events_due(&inbox, gate.now(), 10).unwrap();
        let event = only(&due);
        assert_eq!(
            (event.state, event.received, event.attempts),
            (EventState::Waiting, gate.now(), 0),
            "{webhook}"
        );
        assert_eq!(event.body, push.body, "{webhook}: it is kept as it came");
        assert_eq!(gate.webhook(webhook).await.accepted, 1);
    }
    gate.close().await;
}

#[tokio::test]
async fn what_is_repeated_is_acknowledged_and_kept_once() {
    let gate = Gate::new().await;
    let push = signed("1", gate.now(), &gate.key);
    for _ in 0..3 {
        assert_eq!(gate.status(&push).await, 200);
    }
    only(&gate.events());
    gate.clock.advance(Duration::from_secs(301));
    assert_eq!(gate.status(&push).await, 400, "after the window it is no repetition, but a replay");
    // The same event, said with other bytes: what the system's file calls its id counts.
    let token = gate.token().await;
    let first = issued("2", &token);
    let again = first.clone().saying(r#"{ "at": "2026-11-20T12:00:00Z", "parcel": "2", "more": true }"#);
    let other = first.clone().saying(r#"{ "at": "2026-11-20T13:00:00Z", "parcel": "2" }"#);
    for push in [&first, &again, &other] {
        assert_eq!(gate.status(push).await, 200);
    }
    let issued = gate.webhook("issued").await;
    assert_eq!((issued.accepted, issued.duplicates), (2, 1));
    assert_eq!(gate.events().len(), 3);
    gate.close().await;
}

/// What is behind a pointer may have changed since it was followed.
#[tokio::test]
async fn a_pointer_is_kept_again_once_it_was_followed() {
    let gate = Gate::new().await;
    let push = pointed(&format!("{}/parcels", gate.shop));
    assert_eq!((gate.status(&push).await, gate.status(&push).await), (200, 200));
    let first = only(&gate.events()).clone();
    let counted = gate.webhook("pointed").await;
    assert_eq!((counted.accepted, counted.duplicates), (1, 1));
    gate.take(&first).await;
    assert_eq!(gate.status(&push).await, 200);
    let again = only(&gate.events()).clone();
    assert_eq!((again.state, &again.name), (EventState::Waiting, &first.name));
    assert_eq!(gate.webhook("pointed").await.accepted, 2);
    gate.close().await;
}

#[tokio::test]
async fn what_was_taken_is_not_taken_again() {
    let gate = Gate::new().await;
    let push = shared("1");
    assert_eq!(gate.status(&push).await, 200);
    gate.take(only(&gate.events())).await;
    assert_eq!(gate.status(&push).await, 200);
    assert_eq!(only(&gate.events()).state, EventState::Taken);
    gate.close().await;
}

#[tokio::test]
async fn credentials_are_rotated_without_a_restart() {
    let gate = Gate::new().await;
    let old = gate.token().await;
    let vault = gate.home.vault();
    vault.rotate("shop.push_secret", &Secret::new("next-of-hunter2"), gate.now()).unwrap();
    for (parcel, secret) in [("1", PUSH_SECRET), ("2", "next-of-hunter2")] {
        assert_eq!(gate.status(&shared(parcel).but("credential", secret)).await, 200, "{parcel}");
    }
    assert_eq!(gate.status(&issued("1", &old)).await, 200);
    assert!(vault.remove_previous("shop.push_secret").unwrap());
    assert_eq!(gate.status(&shared("3")).await, 401);
    assert_eq!(gate.status(&issued("2", &old)).await, 401, "it dies with the secret it was given for");
    vault.remove("shop.push_secret").unwrap();
    let answer = gate.send(&shared("4")).await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("5")),
        "that is our fault, not the sender's"
    );
    assert!(gate.logs.text().contains("ml-connector secret set shop.push_secret"), "{}", gate.logs.text());
    gate.close().await;
}

/// The sender says by its id what is the same; two messages may well have the same words.
#[tokio::test]
async fn messages_of_standard_webhooks_are_known_by_their_ids() {
    let gate = Gate::new().await;
    for (id, parcel) in [("msg_1", "1"), ("msg_1", "1"), ("msg_2", "1"), ("msg_3", "2"), ("msg_3", "1")] {
        assert_eq!(gate.status(&standard_as(id, parcel, gate.now())).await, 200, "{id} {parcel}");
    }
    let counted = gate.webhook("standard").await;
    assert_eq!((counted.accepted, counted.duplicates), (3, 2));
    gate.close().await;
}

async fn token(gate: &Gate, push: Push) -> Answer {
    gate.send(&push.at("/token/shop")).await
}

#[tokio::test]
async fn tokens_are_given_for_the_right_id_and_secret_alone() {
    use base64::Engine as _;
    let gate = Gate::new().await;
    let basic = |id: &str, secret: &str| {
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}")))
    };
    let form = |id: &str, secret: &str| {
        Push::to("", format!("grant_type=client_credentials&client_id={id}&client_secret={secret}"))
    };
    let grant = Push::to("", "grant_type=client_credentials");
    for push in
        [form(PUSH_ID, PUSH_SECRET), grant.clone().with("authorization", &basic(PUSH_ID, PUSH_SECRET))]
    {
        let answer = token(&gate, push).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
        let given: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(
            (given["token_type"].as_str(), given["expires_in"].as_u64()),
            (Some("Bearer"), Some(3600))
        );
        assert_eq!(gate.status(&issued("1", given["access_token"].as_str().unwrap())).await, 200);
    }
    for (push, status, error) in [
        (form(PUSH_ID, "hunter3"), 401, "invalid_client"),
        (form("hunter3", PUSH_SECRET), 401, "invalid_client"),
        (form("", ""), 401, "invalid_client"),
        (grant.clone(), 401, "invalid_client"),
        (grant.clone().with("authorization", &basic(PUSH_ID, "hunter3")), 401, "invalid_client"),
        (grant.with("authorization", &basic("", "")), 401, "invalid_client"),
        (Push::to("", ""), 400, "unsupported_grant_type"),
        (Push::to("", "grant_type=password"), 400, "unsupported_grant_type"),
    ] {
        let answer = token(&gate, push).await;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((answer.status, body["error"].as_str()), (status, Some(error)));
    }
    let large = token(&gate, Push::to("", "x".repeat(10_000))).await;
    assert_eq!((large.status, large.body.as_str()), (413, ""));
    let logged = gate.logs.text();
    assert!(logged.contains("the client id or secret is wrong"), "{logged}");
    assert!(!logged.contains("hunter"), "{logged}");
    gate.close().await;
}

/// That we have no credentials for a sender is our fault, not the sender's, and said once.
#[tokio::test]
async fn without_credentials_no_token_is_given_and_the_log_is_not_filled() {
    let gate = Gate::new().await;
    let wanted = format!("grant_type=client_credentials&client_id={PUSH_ID}&client_secret={PUSH_SECRET}");
    for _ in 0..3 {
        assert_eq!(token(&gate, Push::to("", wanted.replace("hunter2", "hunter3"))).await.status, 401);
    }
    let refused = gate.webhook("issued").await.refused;
    assert_eq!(refused["the client id or secret is wrong"], 3, "{refused:?}");
    gate.home.vault().remove("shop.push_id").unwrap();
    for _ in 0..20 {
        let answer = token(&gate, Push::to("", wanted.clone())).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    }
    let logged = gate.logs.text();
    assert_eq!(logged.matches("ml-connector secret set shop.push_id").count(), 1, "{logged}");
    gate.close().await;
}

/// A commit that takes too long is not acknowledged; if it is made after all, the repetition is known.
#[tokio::test]
async fn a_slow_store_is_no_acknowledgement() {
    let gate = Gate::new().await;
    gate.store.let_through(false);
    let push = shared("1");
    let answer = gate.send(&push).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert_eq!(gate.events(), []);
    gate.store.let_through(true);
    while gate.events().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(gate.status(&push).await, 200);
    only(&gate.events());
    let counted = gate.webhook("shared").await;
    assert_eq!((counted.accepted, counted.duplicates, counted.busy), (0, 1, 1));
    gate.close().await;
}

#[tokio::test]
async fn a_store_that_is_closed_acknowledges_nothing() {
    let gate = Gate::new().await;
    gate.store.close();
    assert_eq!(gate.status(&shared("1")).await, 503);
    gate.close().await;
}

/// Two thousand at once: all are kept, many in one commit; a fresh start finds every one that was acknowledged.
#[tokio::test]
async fn a_flood_of_genuine_pushes_is_kept_whole() {
    let gate = Gate::wishing(Wishes { intake: "  rate: 100000\n".to_owned(), ..Wishes::default() }).await;
    let address = gate.address;
    let senders = (0..100).map(|sender| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut acknowledged = Vec::new();
        for number in 0..20 {
            let parcel = format!("{sender}-{number}");
            let answer = ask(&mut stream, &shared(&parcel)).await.unwrap();
            assert_eq!(answer.status, 200, "{parcel}");
            // Every fifth is repeated.
            if number % 5 == 0 {
                assert_eq!(ask(&mut stream, &shared(&parcel)).await.unwrap().status, 200);
            }
            acknowledged.push(body(&parcel));
        }
        acknowledged
    });
    let acknowledged: Vec<Vec<u8>> = join_all(senders).await.into_iter().flatten().collect();
    assert_eq!(acknowledged.len(), 2000);
    let counted = gate.webhook("shared").await;
    assert_eq!((counted.accepted, counted.duplicates, counted.busy), (2000, 400, 0));
    assert!(gate.store.most_at_once() > 20, "commits wait for each other: {}", gate.store.most_at_once());
    gate.stop.cancel();
    gate.serving.await.unwrap();
    drop(gate.engine);
    gate.store.close();
    drop(gate.store);
    let (_, store) = start(&gate.home);
    let now = ml_connector::base::Clock::now(&gate.clock);
    let kept = store.events_due("webhook/shop/shared", now, 10_000).unwrap();
    let mut kept: Vec<Vec<u8>> = kept.into_iter().map(|event| event.body).collect();
    let mut acknowledged = acknowledged;
    kept.sort_unstable();
    acknowledged.sort_unstable();
    assert!(kept == acknowledged, "{} kept, {} acknowledged", kept.len(), acknowledged.len());
}

#[tokio::test]
async fn the_end_of_the_address_is_nowhere_in_the_log() {
    let gate = Gate::new().await;
    assert_eq!(gate.status(&pointed("https://ssapi.shipstation.com/shipments?batchId=1")).await, 200);
    gate.store.let_through(false);
    assert_eq!(gate.status(&pointed("https://ssapi.shipstation.com/shipments?batchId=2")).await, 503);
    assert!(!gate.logs.text().contains(PATH_SECRET), "{}", gate.logs.text());
    gate.store.let_through(true);
    gate.close().await;
}
