//! What a sender points at is read with our credentials: all of it, nowhere else, and later when it cannot be read now.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ml_connector::base::{ManualClock, RecordId};
use ml_connector::engine::RunOptions;
use ml_connector::store::{Batch, Event, EventState, RecordState, Store, Write};
use serde_json::{Value, json};

use super::shop::{POINTED, count, event, kept, lay, parcel, put, shop, silent};
use crate::small::{Answer, Seen, Small, nothing};

const CHAINED: &str = "webhook/shop/chained";

/// Five parcels in pages of two.
fn pages(seen: &Seen) -> Answer {
    let first = (seen.number("page") - 1) * seen.number("size");
    let parcels: Vec<Value> =
        (first..5.min(first + seen.number("size"))).map(|n| parcel(&format!("1Z{n}"), "new", 1)).collect();
    (200, json!({ "parcels": parcels }))
}

fn at(small: &Small, inbox: &str, name: &str, path: &str) -> Event {
    event(inbox, name, &json!({ "url": format!("{}{path}", small.url) }), small.clock.now())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_are_read_with_what_the_stream_asks_of_each() {
    let small = shop(pages).await;
    lay(&small, [at(&small, POINTED, "one", "/parcels?batchId=7&Page=9&STORE=other")]).await;
    small.run_well().await;
    let records = count(&small, "parcels").await;
    assert_eq!(records, 5);
    let asked = small.seen("/parcels");
    let queries: Vec<Vec<(String, String)>> = asked.iter().map(|seen| seen.query.clone()).collect();
    let expected = |page: &str| {
        [("batchId", "7"), ("store", "main"), ("page", page), ("size", "2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    };
    assert_eq!(queries, [expected("1"), expected("2"), expected("3")], "the cursor has no part in it");
    assert_eq!(kept(&small, POINTED, "one").unwrap().state, EventState::Taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_followed_on_the_same_terms() {
    let small = shop(|seen| match seen.text("at") {
        None => (200, json!({ "parcels": [parcel("1Z1", "new", 1)], "next": "?at=2" })),
        Some("2") => (200, json!({ "parcels": [parcel("1Z2", "new", 1)], "next": "/other?at=3" })),
        Some("3") => (200, json!({ "parcels": [parcel("1Z3", "new", 1)], "next": null })),
        Some(_) => {
            (200, json!({ "parcels": [parcel("1Z9", "new", 1)], "next": "https://evil.example.com/x" }))
        }
    })
    .await;
    lay(&small, [at(&small, CHAINED, "good", "/linked"), at(&small, CHAINED, "evil", "/linked?at=9")]).await;
    small.run_well().await;
    assert_eq!(count(&small, "parcels").await, 3);
    assert_eq!(kept(&small, CHAINED, "good").unwrap().state, EventState::Taken);
    let evil = kept(&small, CHAINED, "evil").unwrap();
    assert_eq!(evil.state, EventState::Parked);
    let reason = evil.reason.unwrap();
    assert!(reason.contains("the next page cannot be read: the URL leads to a host"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_followed_is_parked_and_nobody_is_asked() {
    let small = silent().await;
    let now = small.clock.now();
    let port = small.url.rsplit(':').next().unwrap().to_owned();
    let urls = [
        ("elsewhere", "https://evil.example.com/parcels".to_owned()),
        ("plain", "http://localhost/parcels".to_owned()),
        ("port", format!("https://localhost:{port}/parcels")),
        ("user", format!("http://me@127.0.0.1:{port}/parcels")),
        ("address", "https://127.0.0.1/parcels".to_owned()),
        ("dot", "https://localhost./parcels".to_owned()),
        // The name is right, but it leads into our own network.
        ("closed", "https://localhost/parcels".to_owned()),
        ("none", "parcels".to_owned()),
    ];
    lay(&small, urls.clone().map(|(name, url)| event(POINTED, name, &json!({ "url": url }), now))).await;
    small.run_well().await;
    for (name, url) in urls {
        let event = kept(&small, POINTED, name).unwrap();
        assert_eq!(event.state, EventState::Parked, "{url}");
    }
    let reason = kept(&small, POINTED, "closed").unwrap().reason.unwrap();
    assert!(reason.contains("which is not an address of the open network"), "{reason}");
    assert_eq!(small.seen("/parcels").len(), 0);
    assert_eq!(small.records().await, []);
}

/// On a clock that only the test moves: the waits double, and after three days it is a person's.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_now_is_tried_again_and_in_the_end_parked() {
    let clock = ManualClock::at("2026-11-20T12:00:00Z".parse().unwrap());
    let small = shop(|_| (404, json!({ "message": "not yet" }))).await.on(&clock);
    lay(&small, [at(&small, POINTED, "one", "/parcels?batchId=7")]).await;
    let (engine, store) = small.engine();
    let options = RunOptions::default();
    let stop = options.stop.clone();
    let running = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.run(options).await }
    });
    let mut waits = Vec::new();
    let mut last = store.event(POINTED, "one").unwrap().unwrap();
    while last.state == EventState::Waiting {
        let now = loop {
            let now = store.event(POINTED, "one").unwrap().unwrap();
            if now.version != last.version {
                break now;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        let wait =
            Duration::try_from(now.due.duration_since(ml_connector::base::Clock::now(&clock))).unwrap();
        waits.push(wait.as_secs());
        clock.advance(wait);
        last = now;
    }
    stop.cancel();
    running.await.unwrap().unwrap();
    drop(engine);
    store.close().unwrap();
    assert_eq!(waits[..11], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!((last.state, waits.last()), (EventState::Parked, Some(&0)));
    assert!(last.due.duration_since(last.received).as_secs() >= 3 * 86_400);
    assert!(last.reason.as_ref().unwrap().contains("answered 404"), "{last:?}");
    assert_eq!(small.seen("/parcels").len(), waits.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_runs_until_idle_waits_for_what_comes_soon() {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let small = shop(move |seen| match counted.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => (503, json!({})),
        _ => pages(seen),
    })
    .await
    .hurried(50);
    lay(&small, [at(&small, POINTED, "one", "/parcels")]).await;
    small.run_well().await;
    assert_eq!(count(&small, "parcels").await, 5);
    // Twice it was asked in vain; in between the shop may have counted as down.
    assert!((2..=4).contains(&kept(&small, POINTED, "one").unwrap().attempts));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_runs_until_idle_does_not_wait_for_days() {
    let small = shop(|_| nothing()).await.hurried(200);
    lay(&small, [at(&small, POINTED, "one", "/parcels")]).await;
    let summary = small.run().await;
    let (inbox, trouble) = &summary.troubles[0];
    assert_eq!((inbox.as_str(), summary.troubles.len()), (POINTED, 1));
    assert!(trouble.contains("answered 404"), "{trouble}");
    let event = kept(&small, POINTED, "one").unwrap();
    assert_eq!((event.state, event.attempts), (EventState::Waiting, 6));
}

/// Somebody points at the same place again while it is being read: what was read may be old, so it is read once more.
#[tokio::test(flavor = "multi_thread")]
async fn a_pointer_that_comes_again_while_it_is_followed_is_followed_again() {
    let small = Arc::new(shop(|_| nothing()).await);
    let (engine, store) = small.engine();
    let (writer, url) = (Arc::clone(&store), format!("{}/parcels", small.url));
    let again = Arc::new(AtomicU32::new(0));
    let times = Arc::clone(&again);
    let handle = tokio::runtime::Handle::current();
    let now = small.clock.now();
    small.script(move |seen| match seen.path.as_str() {
        "/write" => (200, json!({})),
        _ if times.fetch_add(1, Ordering::SeqCst) == 0 => {
            // As the intake does with a notice that comes while its event waits.
            let event = event(POINTED, "one", &json!({ "url": url }), now);
            let writes = vec![Write::Event { event: Box::new(event), expected: 1 }];
            let writer = Arc::clone(&writer);
            let committed = std::thread::spawn({
                let handle = handle.clone();
                move || handle.block_on(async move { writer.commit(Batch { writes }).await })
            });
            committed.join().unwrap().unwrap();
            (200, json!({ "parcels": [parcel("1Z1", "old", 1)] }))
        }
        _ => (200, json!({ "parcels": [parcel("1Z1", "new", 2)] })),
    });
    put(&store, [at(&small, POINTED, "one", "/parcels")]).await;
    let summary = engine.run(RunOptions { until_idle: true, ..RunOptions::default() }).await.unwrap();
    assert_eq!(summary.troubles, []);
    let event = store.event(POINTED, "one").unwrap().unwrap();
    assert_eq!((event.state, event.version), (EventState::Taken, 3));
    let record = store.record(&RecordId::new("small", "parcels", "1Z1")).unwrap().unwrap();
    assert_eq!((record.state, &record.source["status"]), (RecordState::Done, &json!("new")));
    assert_eq!(again.load(Ordering::SeqCst), 2);
}
