//! Cursors and pages: what a source is asked, and what is read of one that breaks over some of its rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ml_connector::base::ManualClock;
use ml_connector::store::RecordState;
use serde_json::{Value, json};

use crate::small::{Answer, Seen, Small, nothing};

/// A flow that does nothing but read.
const READS: &str = "flows:\n  read:\n    title: Read\n    source: { poll: { stream: shop.rows, every: 15m } }\n    record: row\n    key: \"{{ row.id }}\"\n    idempotency_key: \"{{ row.id }}\"\n    steps: [{ set: { seen: \"{{ row.id }}\" } }]\n";

/// A stream of rows with these ways to page and to find new ones.
fn stream(query: &str, paging: &str, cursor: &str) -> String {
    format!(
        "limits: {{ retry: {{ first: 1ms, max: 1ms, attempts: 3 }} }}\n\
         types: {{ row: {{ id: integer, day?: text }} }}\n\
         streams:\n  rows:\n    record: row\n    key: id\n\
         \x20   request: {{ method: GET, path: /rows, query: {query} }}\n\
         \x20   answer: {{ rows: [any], next?: text, mark?: text }}\n    records: \"$.rows[*]\"\n\
         \x20   paging: {paging}\n    cursor: {cursor}\n"
    )
}

const OFFSET: &str = "{ skip: \"{{ page.offset }}\", size: \"{{ page.size }}\" }";

/// Rows `from` to `to`, of which some cannot be given.
fn rows(seen: &Seen, count: usize, poison: &[usize]) -> Answer {
    let (from, size) = (seen.number("skip"), seen.number("size"));
    let wanted = from..(from + size).min(count);
    if poison.iter().any(|row| wanted.contains(row)) {
        return (500, json!({ "message": "cannot convert value" }));
    }
    (200, json!({ "rows": wanted.map(|id| json!({ "id": id })).collect::<Vec<Value>>() }))
}

async fn ids(small: &Small) -> Vec<usize> {
    let mut ids: Vec<usize> =
        small.records().await.iter().map(|record| record.id.key().parse().unwrap()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_given_is_left_out_and_told() {
    let system = stream(OFFSET, "{ offset: { size: 20, halve: true } }", "none");
    let small = Small::new(&system, READS, |seen| rows(seen, 50, &[33])).await;
    small.run_well().await;
    assert_eq!(ids(&small).await, (0..50).filter(|id| *id != 33).collect::<Vec<_>>());
    let audit = small.audit("poll.row_skipped");
    assert_eq!(audit.len(), 1, "{audit:#?}");
    assert_eq!((&audit[0].facts["row"], &audit[0].facts["status"]), (&json!("row 34"), &json!(500)));
    let flow = small.status().await.flows.remove(0);
    assert_eq!(flow.skipped.len(), 1);
    assert_eq!(flow.skipped[0].page, "row 34");
    // Repaired at the source, the next poll that reads everything has it, and nobody is told any more.
    small.script(|seen| rows(seen, 50, &[]));
    small.run_well().await;
    assert_eq!(ids(&small).await.len(), 50);
    assert!(small.status().await.flows[0].skipped.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_down_loses_no_row() {
    let system = stream(OFFSET, "{ offset: { size: 8, halve: true } }", "none");
    let small = Small::new(&system, READS, |seen| match seen.number("skip") {
        0 => rows(seen, 30, &[]),
        _ => (500, json!({})),
    })
    .await
    .hurried(1000);
    let summary = small.run().await;
    assert!(summary.troubles[0].1.contains("rows in a row fail"), "{summary:?}");
    assert_eq!(small.status().await.flows[0].polled, None);
    small.script(|seen| rows(seen, 30, &[]));
    small.run_well().await;
    assert_eq!(ids(&small).await.len(), 30);
}

/// A pool that restarts answers 503 for a while: no row is left out for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_says_nothing_of_its_rows() {
    let system = stream(OFFSET, "{ offset: { size: 4, halve: true } }", "none");
    let left = Arc::new(AtomicUsize::new(7));
    let small = Small::new(&system, READS, move |seen| {
        let down = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if down.is_ok() { (503, json!({})) } else { rows(seen, 10, &[]) }
    })
    .await
    .hurried(1000);
    // The first engine may lose its patience.
    small.run().await;
    small.run_well().await;
    assert_eq!(small.audit("poll.row_skipped").len(), 0);
    assert_eq!(ids(&small).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_end_with_an_empty_one_where_short_ones_mean_nothing() {
    let system = stream(
        "{ page: \"{{ page.number }}\", size: \"{{ page.size }}\" }",
        "{ number: { first: 0, size: 10, until: empty } }",
        "none",
    );
    let small = Small::new(&system, READS, |seen| {
        // Rows that the caller may not see leave gaps.
        let page = seen.number("page");
        let ids = if page < 3 { vec![page * 10, page * 10 + 4] } else { Vec::new() };
        (200, json!({ "rows": ids.iter().map(|id| json!({ "id": id })).collect::<Vec<Value>>() }))
    })
    .await;
    small.run_well().await;
    assert_eq!(ids(&small).await, [0, 4, 10, 14, 20, 24]);
    assert_eq!(small.seen("/rows").len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_followed_as_they_are_and_never_elsewhere() {
    let system = stream("{ top: 2 }", "{ link: { next: \"{{ answer.next }}\" } }", "none");
    for (link, fine) in [
        ("/rows?skiptoken=a%20b", true),
        ("SELF/rows?skiptoken=a%20b", true),
        ("http://127.0.0.1:9/rows", false),
        ("https://example.com/rows", false),
        ("http://user@127.0.0.1/rows", false),
    ] {
        let small = Small::new(&system, READS, |_| nothing()).await.hurried(1000);
        let link = link.replace("SELF", &small.url);
        small.script(move |seen| match seen.text("skiptoken") {
            None => (200, json!({ "rows": [{ "id": 1 }], "next": link })),
            Some(_) => (200, json!({ "rows": [{ "id": 2 }] })),
        });
        let summary = small.run().await;
        assert_eq!(summary.troubles.is_empty(), fine, "{summary:?}");
        if fine {
            assert_eq!(ids(&small).await, [1, 2]);
            let followed = &small.seen("/rows")[1];
            assert_eq!((followed.text("skiptoken"), followed.text("top")), (Some("a b"), None));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_cursor_reads_back_and_a_full_poll_reads_all() {
    let clock = ManualClock::at("2026-11-20T12:00:00Z".parse().unwrap());
    let system =
        stream("{ since?: \"{{ cursor.day }}\" }", "single", "{ day: { field: day, back: 3, zone: UTC } }");
    let mapping = READS.replace("every: 15m", "every: 15m, full: 24h");
    let small = Small::new(&system, &mapping, |_| {
        (200, json!({ "rows": [{ "id": 1, "day": "2026-11-19" }, { "id": 2, "day": "2099-01-01" }] }))
    })
    .await
    .on(&clock);
    let asked = |small: &Small| {
        small.seen("/rows").iter().map(|seen| seen.text("since").map(str::to_owned)).collect::<Vec<_>>()
    };
    small.run_well().await;
    small.run_well().await;
    assert_eq!(asked(&small), [None, Some("2026-11-17".to_owned())], "never after today");
    clock.advance(Duration::from_secs(23 * 3600));
    small.run_well().await;
    clock.advance(Duration::from_secs(3600));
    small.run_well().await;
    let status = small.status().await;
    assert_eq!(status.flows[0].full.map(|at| at.to_string()), Some("2026-11-21T12:00:00Z".to_owned()));
    small.run_well().await;
    assert_eq!(asked(&small)[2..], [Some("2026-11-17".to_owned()), None, Some("2026-11-18".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_tokens_go_on_where_they_were() {
    let keyset = stream("{ above?: \"{{ cursor.key }}\" }", "single", "{ keyset: { field: id, back: 2 } }");
    let small = Small::new(&keyset, READS, |seen| {
        let above = seen.number("above");
        (200, json!({ "rows": [{ "id": above + 1 }, { "id": above + 10 }] }))
    })
    .await;
    small.run_well().await;
    small.run_well().await;
    let asked: Vec<_> = small.seen("/rows").iter().map(|seen| seen.number("above")).collect();
    assert_eq!(asked, [0, 8]);

    let token =
        stream("{ mark?: \"{{ cursor.token }}\" }", "single", "{ token: { next: \"{{ answer.mark }}\" } }");
    let small = Small::new(&token, READS, |seen| match seen.text("mark") {
        None => (200, json!({ "rows": [{ "id": 1 }], "mark": "m1" })),
        Some("m1") => (200, json!({ "rows": [] })),
        other => (400, json!({ "message": other })),
    })
    .await;
    for _ in 0..3 {
        small.run_well().await;
    }
    let asked: Vec<_> = small.seen("/rows").iter().map(|seen| seen.text("mark").map(str::to_owned)).collect();
    assert_eq!(
        asked,
        [None, Some("m1".to_owned()), Some("m1".to_owned())],
        "an answer without a mark keeps it"
    );
    assert!(small.records().await.iter().all(|record| record.state == RecordState::Done));
}
