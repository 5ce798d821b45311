//! What steps can do beside calling: rows of tables, lists, refusals that are gone on after, reports, and the time itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ml_connector::base::ManualClock;
use ml_connector::engine::command::{Command, Reply};
use ml_connector::store::RecordState;
use serde_json::{Value, json};

use crate::small::{Small, nothing};

const SYSTEM: &str = "limits: { retry: { first: 1ms, max: 5ms, attempts: 3 } }\ntypes: { row: { id: text, of?: text, parts: [text] } }\nstreams:\n  orders: &stream\n    record: row\n    key: id\n    request: { method: GET, path: /orders }\n    answer: { rows: [any] }\n    records: \"$.rows[*]\"\n    paging: single\n    cursor: none\n  places: { <<: *stream, request: { method: GET, path: /places } }\noperations:\n  part:\n    effect: read\n    input: { name: text }\n    request: { method: GET, path: \"/parts/{{ input.name }}\" }\n    answer: { price: integer, message?: text }\n    result: { price: \"{{ answer.price }}\" }\nanswers:\n  - { when: \"{{ status == 404 }}\", class: absent }\nerror: { type: { message?: text }, message: \"{{ error.message }}\" }\n";

fn flow(name: &str, stream: &str, steps: &str) -> String {
    format!(
        "  {name}:\n    title: Flow {name}\n    source: {{ poll: {{ stream: shop.{stream}, every: 15m }} }}\n    record: row\n    key: \"{{{{ row.id }}}}\"\n    idempotency_key: \"{{{{ row.id }}}}\"\n    steps:\n{steps}"
    )
}

fn rows(rows: &[Value]) -> (u16, Value) {
    (200, json!({ "rows": rows }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_gives_a_list_and_a_refusal_need_not_end_a_record() {
    let steps = "      - id: prices\n        for_each: \"{{ row.parts }}\"\n        as: part\n        steps:\n          - { id: asked, call: shop.part, with: { name: \"{{ part }}\" }, on_refusal: go_on, refusal: why }\n        give: { part: \"{{ part }}\", price: \"{{ asked.price }}\", why: \"{{ why.message }}\" }\n      - for_each: \"{{ prices }}\"\n        as: one\n        steps: [{ link: { told: \"{{ one.part }}:{{ one.price | or_else(0) | text }}:{{ one.why | or_else('fine') }}\" } }]\n      - check: \"{{ prices | where('price is none') | length == 0 }}\"\n        otherwise: { report: \"Parts without a price: {{ prices | where('price is none') | each('part') | join(', ') }}\" }\n";
    let small = Small::new(SYSTEM, &("flows:\n".to_owned() + &flow("orders", "orders", steps)), |seen| {
        match seen.path.as_str() {
            "/orders" => rows(&[json!({ "id": "1", "parts": ["a", "b", "c"] })]),
            "/parts/b" => nothing(),
            _ => (200, json!({ "price": 7 })),
        }
    })
    .await;
    small.run_well().await;
    let shown = small.show("1").await;
    assert_eq!(shown.record.state, RecordState::Done, "{shown:#?}");
    let told: Vec<_> = shown.links.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(told, ["a:7:fine", "b:0:there is no such thing", "c:7:fine"]);
    let notices: Vec<_> = shown.record.notices.iter().map(|notice| notice.message.as_str()).collect();
    assert_eq!(notices, ["Parts without a price: b"]);
    assert_eq!(small.status().await.notices, 1);
    // It is told once.
    small.run_well().await;
    assert_eq!(small.show("1").await.record.notices.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_may_end_a_record_as_done_without_telling_anybody() {
    let steps = "      - check: \"{{ row.parts is not empty }}\"\n        otherwise: { done: \"Row {{ row.id }} has no parts\" }\n      - link: { told: \"{{ row.id }}\" }\n";
    let small = Small::new(SYSTEM, &("flows:\n".to_owned() + &flow("orders", "orders", steps)), |_| {
        rows(&[json!({ "id": "1", "parts": [] })])
    })
    .await;
    small.run_well().await;
    let shown = small.show("1").await;
    assert_eq!((shown.record.state, shown.links.len()), (RecordState::Done, 0), "{shown:#?}");
    assert_eq!(shown.record.reason.unwrap().message, "Row 1 has no parts");
    assert_eq!(shown.record.notices.len(), 0);
}

/// The first try of the last part fails, so that the record is worked on twice.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_and_refused_is_known_when_a_record_goes_on() {
    let steps = "      - id: prices\n        for_each: \"{{ row.parts }}\"\n        as: part\n        steps:\n          - { id: asked, call: shop.part, with: { name: \"{{ part }}\" }, on_refusal: go_on, refusal: why }\n        give: \"{{ part }}:{{ why.message | or_else('fine') }}\"\n      - for_each: \"{{ prices }}\"\n        as: one\n        steps: [{ link: { told: \"{{ one }}\" } }]\n";
    let asked = Arc::new(AtomicUsize::new(0));
    let small = Small::new(
        SYSTEM,
        &("flows:\n".to_owned() + &flow("orders", "orders", steps)),
        move |seen| match seen.path.as_str() {
            "/orders" => rows(&[json!({ "id": "1", "parts": ["a", "b"] })]),
            "/parts/a" => nothing(),
            _ if asked.fetch_add(1, Ordering::SeqCst) == 0 => (503, json!({})),
            _ => (200, json!({ "price": 7 })),
        },
    )
    .await;
    small.run_well().await;
    assert_eq!((small.seen("/parts/a").len(), small.seen("/parts/b").len()), (1, 2));
    let told: Vec<_> = small.show("1").await.links.into_iter().map(|(_, value)| value).collect();
    assert_eq!(told, ["a:there is no such thing", "b:fine"]);
}

const TABLE: &str = "tables:\n  places: { type: { name: text }, keep: 24h }\nflows:\n";

fn with_places() -> String {
    let fills = "      - put: { places: { key: \"{{ row.id }}\", value: { name: \"{{ row.of | or_else('') }}\" } } }\n";
    let reads = "      - link: { place: \"{{ (row.of | or_else('') | lookup(tables.places)).name }}\" }\n";
    TABLE.to_owned() + &flow("orders", "orders", reads) + &flow("places", "places", fills)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_waits_for_the_tables_that_it_reads() {
    let small = Small::new(SYSTEM, &with_places(), |seen| match seen.path.as_str() {
        "/orders" => rows(&[json!({ "id": "1", "of": "B", "parts": [] })]),
        _ => {
            std::thread::sleep(Duration::from_millis(100));
            rows(&[
                json!({ "id": "A", "of": "Austin", "parts": [] }),
                json!({ "id": "B", "of": "Boston", "parts": [] }),
            ])
        }
    })
    .await;
    small.run_well().await;
    assert_eq!(small.show("small/orders/1").await.links, [("place".to_owned(), "Boston".to_owned())]);
    assert_eq!(
        small.rows("small/places"),
        [("A".to_owned(), json!({ "name": "Austin" })), ("B".to_owned(), json!({ "name": "Boston" }))]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_whose_tables_are_never_filled_is_given_up_and_says_why() {
    let small = Small::new(SYSTEM, &with_places(), |seen| match seen.path.as_str() {
        "/orders" => rows(&[json!({ "id": "1", "of": "B", "parts": [] })]),
        _ => (400, json!({ "message": "not today" })),
    })
    .await
    .hurried(1000);
    let summary = small.run().await;
    let waits = summary.troubles.iter().find(|(flow, _)| flow == "small/orders").unwrap();
    assert!(waits.1.contains("waits for small/places"), "{summary:?}");
    assert_eq!(small.show("small/orders/1").await.record.state, RecordState::Received);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_replaced_seen_at_once_and_go_when_they_are_old() {
    let clock = ManualClock::at("2026-11-20T12:00:00Z".parse().unwrap());
    let small = Small::new(SYSTEM, &with_places(), |seen| match seen.path.as_str() {
        "/orders" => rows(&[json!({ "id": "1", "of": "B", "parts": [] })]),
        _ => rows(&[json!({ "id": "B", "of": "Boston", "parts": [] })]),
    })
    .await
    .on(&clock);
    small.run_well().await;
    clock.advance(Duration::from_secs(12 * 3600));
    small.script(|seen| match seen.path.as_str() {
        "/orders" => rows(&[json!({ "id": "2", "of": "C", "parts": [] })]),
        _ => rows(&[json!({ "id": "C", "of": "Chicago", "parts": [] })]),
    });
    small.run_well().await;
    assert_eq!(small.show("small/orders/2").await.links[0].1, "Chicago");
    assert_eq!(small.rows("small/places").len(), 2);
    clock.advance(Duration::from_secs(12 * 3600 + 1));
    small.run_well().await;
    let left: Vec<_> = small.rows("small/places").into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, ["C"], "what was put a day ago is gone");
}

fn by_the_clock(schedule: &str) -> String {
    let fills = "      - put: { places: { key: \"{{ row.id }}\", value: { name: x } } }\n";
    let steps =
        "      - link: { at: \"{{ run.at }}\", count: \"{{ tables.places | values | length | text }}\" }\n";
    TABLE.to_owned()
        + &flow("places", "places", fills)
        + &format!(
            "  report:\n    title: Report\n    source: {{ schedule: {schedule} }}\n    record: run\n    key: \"{{{{ run.date }}}}\"\n    idempotency_key: \"{{{{ run.date }}}}\"\n    steps:\n{steps}"
        )
}

fn places(_: &crate::small::Seen) -> (u16, Value) {
    rows(&[json!({ "id": "A", "parts": [] }), json!({ "id": "B", "parts": [] })])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_until_idle_tells_the_time_once_after_all_else() {
    let clock = ManualClock::at("2026-11-20T03:30:00Z".parse().unwrap());
    let mapping = by_the_clock("{ cron: \"0 18 * * *\", zone: America/New_York }");
    let small = Small::new(SYSTEM, &mapping, places).await.on(&clock);
    for _ in 0..2 {
        small.run_well().await;
        let shown = small.show("small/report/2026-11-19").await;
        assert_eq!(shown.record.state, RecordState::Done);
        assert_eq!(
            shown.links,
            [("at".to_owned(), "2026-11-19T22:30:00-05:00".to_owned()), ("count".to_owned(), "2".to_owned())]
        );
    }
    assert_eq!(small.audit("timer.fired").len(), 2, "the second is known and makes no record");
    clock.advance(Duration::from_secs(86_400));
    small.run_well().await;
    assert_eq!(small.show("small/report/2026-11-20").await.record.state, RecordState::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_time_that_was_missed_is_made_up_for_once() {
    let clock = ManualClock::at("2026-11-16T12:00:00Z".parse().unwrap());
    let mapping = by_the_clock("{ cron: \"0 18 * * *\", zone: UTC }");
    let small = Small::new(SYSTEM, &mapping, places).await.on(&clock);
    let report = |status: &ml_connector::engine::command::Status| status.flows[1].next_poll;
    let at = |text: &str| Some(text.parse().unwrap());
    small
        .running(async |running| {
            running.until(|status| report(status) == at("2026-11-16T18:00:00Z")).await;
            clock.set("2026-11-16T18:00:00Z".parse().unwrap());
            running.until(|status| report(status) == at("2026-11-17T18:00:00Z")).await;
            running.done(3).await;
        })
        .await;
    // Three evenings pass without an engine.
    clock.set("2026-11-19T20:00:00Z".parse().unwrap());
    small
        .running(async |running| {
            running.until(|status| report(status) == at("2026-11-20T18:00:00Z")).await;
            running.done(1).await;
        })
        .await;
    small
        .running(async |running| running.until(|status| report(status) == at("2026-11-20T18:00:00Z")).await)
        .await;
    let records = small.records().await;
    let reports: Vec<_> =
        records.iter().filter(|record| record.id.flow() == "report").map(|record| record.id.key()).collect();
    assert_eq!(reports, ["2026-11-16", "2026-11-19"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_fired_by_hand_like_a_poll() {
    let clock = ManualClock::at("2026-11-16T12:00:00Z".parse().unwrap());
    let small = Small::new(SYSTEM, &by_the_clock("{ every: 24h }"), places).await.on(&clock);
    small
        .running(async |running| {
            running.done(3).await;
            clock.advance(Duration::from_secs(13 * 3600));
            let poll = Command::Poll { flow: Some("small/report".to_owned()) };
            assert!(matches!(running.engine.command(poll).await, Reply::Accepted));
            running.done(4).await;
        })
        .await;
    assert_eq!(small.show("small/report/2026-11-17").await.record.state, RecordState::Done);
}
