//! Calls that many records share: batches, kept answers, and connections that are used in turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ml_connector::store::RecordState;
use serde_json::{Value, json};

use crate::small::{Seen, Small};

/// A stream of orders, and an operation that takes many of them.
fn system(limits: &str) -> String {
    format!(
        "limits: {{ concurrency: 2, retry: {{ first: 1ms, max: 5ms, attempts: 3 }}{limits} }}\n\
         types:\n  order: {{ id: text, kind?: text }}\n  result: {{ key?: text, success: boolean, number?: integer, error?: text }}\n\
         streams:\n  orders:\n    record: order\n    key: id\n    request: {{ method: GET, path: /orders }}\n\
         \x20   answer: {{ rows: [any] }}\n    records: \"$.rows[*]\"\n    paging: single\n    cursor: none\n\
         operations:\n  upsert:\n    effect: idempotent\n    input: {{ order: order }}\n    batch:\n      most: 4\n      wait: 300ms\n\
         \x20     items: \"$.results[*]\"\n      match: {{ input: \"{{{{ input.order.id }}}}\", item: \"{{{{ item.key }}}}\" }}\n\
         \x20     answers: [{{ when: \"{{{{ not item.success }}}}\", class: reject }}]\n      message: \"{{{{ item.error }}}}\"\n\
         \x20   request: {{ method: POST, path: /upsert, json: {{ for_each: \"{{{{ inputs }}}}\", as: one, give: \"{{{{ one.order }}}}\" }} }}\n\
         \x20   answer: {{ results: [result] }}\n    result: {{ number: \"{{{{ item.number }}}}\" }}\n\
         \x20 look:\n    effect: read\n    input: {{ kind: text }}\n    request: {{ method: GET, path: /look, query: {{ kind: \"{{{{ input.kind }}}}\" }} }}\n\
         \x20   answer: {{ name: text }}\n    result: {{ name: \"{{{{ answer.name }}}}\" }}\n"
    )
}

fn flow(steps: &str) -> String {
    format!(
        "flows:\n  send:\n    title: Send\n    source: {{ poll: {{ stream: shop.orders, every: 15m }} }}\n    record: order\n    key: \"{{{{ order.id }}}}\"\n    idempotency_key: \"{{{{ order.id }}}}\"\n    steps:\n{steps}"
    )
}

const UPSERT: &str = "      - { id: sent, call: shop.upsert, with: { order: \"{{ order }}\" } }\n      - link: { number: \"{{ sent.number | text | or_else('none') }}\" }\n";

fn orders(count: usize) -> Value {
    json!({ "rows": (0..count).map(|id| json!({ "id": format!("o{id}"), "kind": "k" })).collect::<Vec<_>>() })
}

fn ids(seen: &Seen) -> Vec<String> {
    let orders = seen.body.as_array().into_iter().flatten();
    orders.map(|order| order["id"].as_str().unwrap().to_owned()).collect()
}

/// What the shop says of a batch: in no order, nothing of `o3`, and `o5` is refused.
fn accepted(seen: &Seen) -> Value {
    let one = |id: &String| match id.as_str() {
        "o5" => json!({ "key": id, "success": false, "error": "no such item" }),
        _ => json!({ "key": id, "success": true, "number": id[1..].parse::<u64>().unwrap() + 100 }),
    };
    json!({ "results": ids(seen).iter().rev().filter(|id| *id != "o3").map(one).collect::<Vec<_>>() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_an_outcome_for_each_of_its_records() {
    let small = Small::new(&system(""), &flow(UPSERT), |seen| match seen.path.as_str() {
        "/orders" => (200, orders(8)),
        _ => (200, accepted(seen)),
    })
    .await;
    small.run_well().await;
    let first: usize = small.seen("/upsert").iter().take(2).map(|seen| ids(seen).len()).sum();
    assert_eq!(first, 8, "batches are full");
    for record in small.records().await {
        let reason = record.reason.map(|reason| reason.message).unwrap_or_default();
        match record.id.key() {
            "o3" => {
                assert_eq!(record.state, RecordState::Parked, "nothing is ever said of it");
                assert!(reason.contains("gave up after 3 attempts"), "{reason}");
            }
            "o5" => assert_eq!((record.state, reason.as_str()), (RecordState::Parked, "no such item")),
            id => {
                assert_eq!(record.state, RecordState::Done, "{id}: {reason}");
                let shown = small.show(id).await;
                let number = (id[1..].parse::<u64>().unwrap() + 100).to_string();
                assert_eq!(shown.links, [("number".to_owned(), number)]);
            }
        }
    }
    // Each record's trail shows its own item, and the request that it shared.
    let told = small.audit("call.answered");
    let of = |id: &str| {
        told.iter().find(|entry| entry.record.as_ref().is_some_and(|record| record.key() == id)).unwrap()
    };
    let (one, other) = (of("o0"), of("o1"));
    assert_eq!(one.facts["batch"], 4);
    assert_eq!(one.body.as_ref().unwrap()["answer"]["item"]["key"], "o0");
    assert_eq!(one.body.as_ref().unwrap()["request"]["input"]["order"]["id"], "o0");
    assert!(!one.body.as_ref().unwrap().to_string().contains("o1"), "{one:#?}");
    let shared = told.iter().filter(|entry| entry.facts["request_id"] == one.facts["request_id"]).count();
    assert_eq!(shared, 4, "{other:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_refused_whole_is_halved_down_to_the_bad_one() {
    let small = Small::new(&system(""), &flow(UPSERT), |seen| match seen.path.as_str() {
        "/orders" => (200, orders(4)),
        _ if ids(seen).iter().any(|id| id == "o2") => (400, json!({ "message": "o2 is bad" })),
        _ => (200, json!({ "results": ids(seen).iter().map(|id| json!({ "key": id, "success": true, "number": 1 })).collect::<Vec<_>>() })),
    })
    .await;
    small.run_well().await;
    let states: Vec<_> = small.records().await.iter().map(|record| record.state).collect();
    use RecordState::{Done, Parked};
    assert_eq!(states, [Done, Done, Parked, Done]);
    let mut sizes: Vec<_> = small.seen("/upsert").iter().map(|seen| ids(seen).len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 2, 2, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_fails_is_tried_again_by_each_record() {
    let failed = Arc::new(AtomicUsize::new(0));
    let small = Small::new(&system(""), &flow(UPSERT), move |seen| match seen.path.as_str() {
        "/orders" => (200, orders(3)),
        _ if failed.fetch_add(1, Ordering::SeqCst) == 0 => (503, json!({})),
        _ => (200, json!({ "results": ids(seen).iter().map(|id| json!({ "key": id, "success": true, "number": 1 })).collect::<Vec<_>>() })),
    })
    .await;
    small.run_well().await;
    assert!(small.records().await.iter().all(|record| record.state == RecordState::Done));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_is_asked_for_once() {
    let steps = "      - { id: kind, call: shop.look, with: { kind: \"{{ order.kind | or_else('') }}\" }, cache: 1h }\n      - link: { kind: \"{{ kind.name }}\" }\n";
    let small = Small::new(&system(""), &flow(steps), |seen| match seen.path.as_str() {
        "/orders" => (200, orders(20)),
        _ => (200, json!({ "name": "Known" })),
    })
    .await;
    small.run_well().await;
    assert_eq!(small.seen("/look").len(), 1);
    assert!(small.records().await.iter().all(|record| record.state == RecordState::Done));
    assert_eq!(small.show("o7").await.links, [("kind".to_owned(), "Known".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_used_in_turns_serves_one_record_at_a_time() {
    let look = |id: &str| {
        format!("      - {{ id: {id}, call: shop.look, with: {{ kind: \"{{{{ order.id }}}}\" }} }}\n")
    };
    let steps = look("first") + &look("second");
    let small = Small::new(&system(", take_turns: true"), &flow(&steps), |seen| match seen.path.as_str() {
        "/orders" => (200, orders(6)),
        _ => {
            std::thread::sleep(Duration::from_millis(5));
            (200, json!({ "name": "x" }))
        }
    })
    .await;
    small.run_well().await;
    let asked: Vec<_> =
        small.seen("/look").iter().map(|seen| seen.text("kind").unwrap().to_owned()).collect();
    assert_eq!(asked.len(), 12);
    assert!(asked.chunks(2).all(|pair| pair[0] == pair[1]), "{asked:?}");
    let status = small.status().await;
    assert_eq!(status.flows[0].turns, ["shop"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_uses_of_a_mapping_are_two_companies() {
    let steps =
        "      - put: { seen: { key: \"{{ order.id }}\", value: { name: \"{{ settings.name }}\" } } }\n";
    let mapping = "settings:\n  name: { type: text }\ntables:\n  seen: { type: { name: text } }\n".to_owned()
        + &flow(steps);
    let small = Small::new(&system(""), &mapping, |_| (200, orders(2))).await;
    small.configure(
        "mappings:\n  abc: { mapping: small, connections: { shop: shop }, settings: { name: A } }\n  xyz: { mapping: small, connections: { shop: shop }, settings: { name: X } }\n",
    );
    small.run_well().await;
    let ids: Vec<_> = small.records().await.iter().map(|record| record.id.to_string()).collect();
    assert_eq!(ids, ["abc/send/o0", "abc/send/o1", "xyz/send/o0", "xyz/send/o1"]);
    assert_eq!(small.rows("abc/seen")[0].1, json!({ "name": "A" }));
    assert_eq!(small.rows("xyz/seen")[0].1, json!({ "name": "X" }));
    let flows: Vec<_> = small.status().await.flows.into_iter().map(|flow| flow.flow).collect();
    assert_eq!(flows, ["abc/send", "xyz/send"]);
}

/// The system is away for an hour: nothing is parked by it, it is hardly asked, and all goes on when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_an_hour_parks_nothing() {
    let steps = "      - { id: one, call: shop.look, with: { kind: \"{{ order.id }}\" } }\n";
    let small = Small::new(&system(""), &flow(steps), |_| (200, orders(5))).await.hurried(2000);
    let (clock, began) = (Arc::clone(&small.clock), small.clock.now());
    let back = ml_connector::base::clock::add(began, Duration::from_secs(3600));
    small.script(move |seen| match seen.path.as_str() {
        "/orders" => (200, orders(5)),
        _ if clock.now() < back => (500, json!({ "message": "out of order" })),
        _ => (200, json!({ "name": "x" })),
    });
    small.running(async |running| running.done(5).await).await;
    let records = small.records().await;
    assert!(records.iter().all(|record| record.state == RecordState::Done), "{records:#?}");
    let asked = small.seen("/look").len();
    assert!(asked < 40, "it was asked {asked} times");
    assert!(small.clock.now() > back);
}

/// A record over which the system breaks is parked in the end, as long as others get through.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_over_which_the_system_breaks_is_parked() {
    let steps = "      - { id: one, call: shop.look, with: { kind: \"{{ order.id }}\" } }\n";
    let polled = Arc::new(AtomicUsize::new(0));
    let small = Small::new(&system(""), &flow(steps), move |seen| match (seen.path.as_str(), seen.text("kind")) {
        ("/orders", _) => (200, orders(polled.fetch_add(1, Ordering::SeqCst) + 2)),
        (_, Some("o1")) => (500, json!({ "message": "cannot convert" })),
        _ => (200, json!({ "name": "x" })),
    })
    .await
    .hurried(20_000);
    small.running(async |running| {
        running.until(|status| status.counts.iter().any(|count| count.state == RecordState::Parked)).await;
    })
    .await;
    let parked = small.show("o1").await.record;
    assert_eq!(parked.state, RecordState::Parked);
    assert!(parked.reason.unwrap().message.contains("gave up after 3 attempts"));
}

/// A session is kept for as long as there is work, and given back when there is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_given_back_when_nobody_works() {
    let auth = "auth:\n  session:\n    logon: { method: POST, path: /logon, json: { key: \"{{ secret.key }}\" } }\n    credentials: { key: key }\n    token: \"{{ answer }}\"\n    carry: { query: UserId }\n    logoff: { method: POST, path: /logoff, query: { UserId: \"{{ token }}\" } }\n";
    let steps = "      - { id: one, call: shop.look, with: { kind: \"{{ order.id }}\" } }\n";
    let sessions = Arc::new(AtomicUsize::new(0));
    let small = Small::new(&(auth.to_owned() + &system(", take_turns: true")), &flow(steps), move |seen| {
        match (seen.path.as_str(), seen.text("UserId")) {
            ("/logon", _) => (200, json!(format!("s{}", sessions.fetch_add(1, Ordering::SeqCst)))),
            ("/logoff", _) => (200, json!("ok")),
            (_, None) => (401, json!({})),
            ("/orders", _) => (200, orders(6)),
            _ => (200, json!({ "name": "x" })),
        }
    })
    .await;
    let count = |path: &str| small.seen(path).len();
    small
        .running(async |running| {
            running.done(6).await;
            // Not only at the end: nothing is to be done until the next poll.
            running.until(|_| count("/logoff") == 1).await;
            assert_eq!(count("/logon"), 1, "one session for a poll and six records");
        })
        .await;
    assert_eq!((count("/logon"), count("/logoff")), (1, 1));
    small.run_well().await;
    assert_eq!((count("/logon"), count("/logoff")), (2, 2));
}
