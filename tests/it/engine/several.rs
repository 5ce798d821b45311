//! Flows of several sources: each is read by its own schedule, and what they tell of one record becomes one content.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use ml_connector::base::ManualClock;
use ml_connector::engine::RunOptions;
use ml_connector::engine::command::{Command, Reply, SourceStatus, Status};
use ml_connector::store::RecordState;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::small::{Answer, Running, Seen, Small};

const SYSTEM: &str = r#"
limits: { concurrency: 2, retry: { first: 1ms, max: 5ms, attempts: 3 } }
types:
  fact: { id: text, rank: integer, status: text, estimated?: text }
streams:
  told:
    record: fact
    key: id
    request: { method: GET, path: /told }
    answer: { rows: [any] }
    records: "$.rows[*]"
    paging: single
    cursor: none
  found:
    record: fact
    key: id
    request: { method: GET, path: /found }
    answer: { names: [text], rank: integer }
    records: { for_each: "{{ answer.names }}", as: name, give: { id: "{{ name }}", rank: "{{ answer.rank }}", status: found, estimated: soon } }
    paging: single
    cursor: none
operations:
  write:
    effect: idempotent
    input: { fact: fact }
    request: { method: POST, path: /write, json: "{{ input.fact }}" }
    answer: any
"#;

const FLOW: &str = r#"
flows:
  facts:
    title: Facts
    source:
      - poll: { stream: shop.told, every: 15m }
      - poll: { stream: shop.found, every: 1h, full: 24h }
    record: fact
    key: "{{ fact.id }}"
    idempotency_key: "{{ fact.id }}"
    merge: { by: "{{ fact.rank }}", keep: [estimated] }
    on_change: { after_done: repeat }
    steps:
      - call: shop.write
        with: { fact: "{{ fact }}" }
"#;

fn fact(id: &str, rank: u32) -> Value {
    json!({ "id": id, "rank": rank, "status": format!("status {rank}") })
}

fn told(rows: &[Value]) -> Answer {
    (200, json!({ "rows": rows }))
}

fn found(names: &[&str], rank: u32) -> Answer {
    (200, json!({ "names": names, "rank": rank }))
}

async fn small(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Small {
    Small::new(SYSTEM, FLOW, script).await
}

fn sources(status: &Status) -> &[SourceStatus] {
    &status.flows[0].sources
}

fn at(time: &str) -> Option<Timestamp> {
    Some(time.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_source_is_read_by_its_own_schedule() {
    let clock = ManualClock::at("2026-11-20T10:00:00Z".parse().unwrap());
    let small = small(|seen| match seen.path.as_str() {
        "/told" => told(&[fact("a", 1)]),
        "/found" => found(&["b", "c"], 1),
        _ => (200, json!({})),
    })
    .await
    .on(&clock);
    small
        .running(async |running| {
            running.done(3).await;
            let next = |told: &'static str, found: &'static str| {
                move |status: &Status| {
                    let next: Vec<_> = sources(status).iter().map(|source| source.next_poll).collect();
                    next == [at(told), at(found)]
                }
            };
            running.until(next("2026-11-20T10:15:00Z", "2026-11-20T11:00:00Z")).await;
            clock.advance(Duration::from_secs(15 * 60));
            running.until(next("2026-11-20T10:30:00Z", "2026-11-20T11:00:00Z")).await;
            running.engine.command(Command::Poll { flow: None }).await;
            running.until(|_| small.seen("/told").len() == 3 && small.seen("/found").len() == 2).await;
        })
        .await;
    let status = small.status().await;
    let flow = &status.flows[0];
    assert_eq!(flow.schedule, "every 15m, every 1h");
    let names: Vec<_> = flow.sources.iter().map(|source| source.source.as_deref().unwrap()).collect();
    assert_eq!(names, ["shop.told", "shop.found"]);
    assert!(flow.sources.iter().all(|source| source.polled == at("2026-11-20T10:15:00Z")));
    assert_eq!(flow.sources[1].full, at("2026-11-20T10:15:00Z"), "{flow:#?}");
}

/// A store that was written when the flow had one source goes on where it was.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_source_keeps_the_cursor_that_the_flow_had() {
    let small = small(|seen| match seen.path.as_str() {
        "/told" => told(&[]),
        "/found" => found(&[], 1),
        _ => (200, json!({})),
    })
    .await;
    small.run_well().await;
    let (_, store) = small.engine();
    let polled = |name: &str| ml_connector::store::Store::cursor(&*store, name).unwrap().is_some();
    assert!(polled("small/facts") && polled("small/facts/shop.found"));
    assert!(!polled("small/facts/shop.told"));
    store.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_in_trouble_leaves_the_others_alone() {
    let down = Arc::new(AtomicBool::new(true));
    let shop = Arc::clone(&down);
    let small = small(move |seen| match seen.path.as_str() {
        "/told" => told(&[fact("a", 1)]),
        "/found" if shop.load(Ordering::SeqCst) => (200, json!({ "message": "no list today" })),
        "/found" => found(&["b"], 1),
        _ => (200, json!({})),
    })
    .await
    .hurried(1_000);
    small
        .running(async |running| {
            running.done(1).await;
            running.until(|status| sources(status)[1].trouble.is_some()).await;
            let Reply::Status(status) = running.engine.command(Command::Status).await else { panic!() };
            assert_eq!(sources(&status)[0].trouble, None);
            assert!(status.flows[0].trouble.is_some(), "a person sees it at the flow");
            down.store(false, Ordering::SeqCst);
            running.done(2).await;
            running.until(|status| status.flows[0].trouble.is_none()).await;
        })
        .await;
    // One that runs until idle gives the source up and does the rest.
    down.store(true, Ordering::SeqCst);
    small.script(|seen| match seen.path.as_str() {
        "/told" => told(&[fact("a", 1), fact("n", 1)]),
        "/found" => (200, json!({ "message": "no list today" })),
        _ => (200, json!({})),
    });
    let summary = small.run().await;
    assert_eq!(summary.troubles.len(), 1, "{summary:#?}");
    assert_eq!(small.show("n").await.record.state, RecordState::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_off_is_not_read() {
    let small = small(|seen| match seen.path.as_str() {
        "/told" => told(&[fact("a", 1)]),
        "/found" => found(&["b"], 1),
        _ => (200, json!({})),
    })
    .await;
    let off = "    flows: { facts: { sources: { shop.told: { enabled: false } } } }\n";
    small.configure(&format!("mappings:\n  small:\n    connections: {{ shop: shop }}\n{off}"));
    small.run_well().await;
    assert_eq!((small.seen("/told").len(), small.seen("/found").len()), (0, 1));
    let status = small.status().await;
    assert_eq!(sources(&status).iter().map(|source| source.enabled).collect::<Vec<_>>(), [false, true]);
    assert_eq!(sources(&status)[0].source.as_deref(), Some("shop.told"));
}

/// Whatever comes first, and however often: the one that is later counts, with what only the other has.
#[tokio::test(flavor = "multi_thread")]
async fn tellings_of_several_sources_become_one_content() {
    let rows = Arc::new(Mutex::new(vec![fact("a", 5), fact("a", 2), fact("a", 3)]));
    let shop = Arc::clone(&rows);
    let small = small(move |seen| match seen.path.as_str() {
        "/told" => told(&shop.lock().unwrap()),
        "/found" => found(&["a"], 4),
        _ => (200, json!({})),
    })
    .await;
    small.run_well().await;
    let wanted = json!({ "id": "a", "rank": 5, "status": "status 5", "estimated": "soon" });
    assert_eq!(small.show("a").await.record.source, wanted);
    let written = small.seen("/write").len();
    assert_eq!(small.seen("/write").last().unwrap().body, wanted);
    // What is late, or was told already, changes nothing and writes nothing.
    rows.lock().unwrap().push(fact("a", 1));
    small.run_well().await;
    small.run_well().await;
    assert_eq!(small.seen("/write").len(), written);
    // What is later than all counts, whatever it leaves out.
    rows.lock().unwrap().push(fact("a", 9));
    small.run_well().await;
    let record = small.show("a").await.record;
    assert_eq!(record.source["status"], "status 9");
    assert_eq!(record.source["estimated"], "soon");
    assert_eq!(small.seen("/write").len(), written + 1);
}

/// A telling that comes while a record is being worked on, waits or is parked is merged with what is known then.
#[tokio::test(flavor = "multi_thread")]
async fn tellings_are_merged_in_whatever_state_the_record_is() {
    for (status, state) in [(200, RecordState::Done), (503, RecordState::Waiting), (400, RecordState::Parked)]
    {
        let clock = ManualClock::at("2026-11-20T10:00:00Z".parse().unwrap());
        let rows = Arc::new(Mutex::new(vec![fact("a", 5)]));
        let shop = Arc::clone(&rows);
        let answer = Arc::new(Mutex::new(status));
        let answers = Arc::clone(&answer);
        let small = small(move |seen| match seen.path.as_str() {
            "/told" => told(&shop.lock().unwrap()),
            "/found" => found(&[], 4),
            _ => (*answers.lock().unwrap(), json!({ "message": "so it is" })),
        })
        .await
        .on(&clock);
        let came = |status: &Status| status.counts.iter().any(|count| count.state == state);
        small.running(async |running| running.until(came).await).await;
        // Late, with something that is lacked; then late without anything.
        *rows.lock().unwrap() = vec![
            json!({ "id": "a", "rank": 3, "status": "late", "estimated": "E3" }),
            json!({ "id": "a", "rank": 2, "status": "later", "estimated": "E2" }),
            fact("a", 1),
        ];
        *answer.lock().unwrap() = 200;
        clock.advance(Duration::from_secs(120));
        let done = |status: &Status| status.counts.iter().all(|count| count.state == RecordState::Done);
        small
            .running(async |running: Running| {
                running.until(|_| small.seen("/told").len() >= 2).await;
                running.until(|_| small.seen("/write").last().unwrap().body["estimated"] == "E3").await;
                running.until(done).await;
            })
            .await;
        let record = small.show("a").await.record;
        let wanted = json!({ "id": "a", "rank": 5, "status": "status 5", "estimated": "E3" });
        assert_eq!((&record.source, record.pending), (&wanted, None), "from {state:?}");
        assert_eq!(small.seen("/write").last().unwrap().body, wanted);
    }
}

/// What cannot be read must not take the place of what is known.
#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_telling_is_parked_beside_the_record() {
    let rows = Arc::new(Mutex::new(vec![fact("a", 5)]));
    let shop = Arc::clone(&rows);
    let small = small(move |seen| match seen.path.as_str() {
        "/told" => told(&shop.lock().unwrap()),
        "/found" => found(&[], 4),
        _ => (200, json!({})),
    })
    .await;
    small.run_well().await;
    rows.lock().unwrap().push(json!({ "id": "a", "rank": "soon" }));
    small.run_well().await;
    let records = small.records().await;
    let states: Vec<_> = records.iter().map(|record| (record.id.key().to_owned(), record.state)).collect();
    assert_eq!(states[0], ("a".to_owned(), RecordState::Done), "{records:#?}");
    assert!(states[1].0.starts_with("unreadable-") && states[1].1 == RecordState::Parked, "{records:#?}");
    assert_eq!(records[0].source["rank"], 5);
}

/// An engine that is held back goes on reading; once it is released it reads all once more and ends when all is done.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_held_back_ends_only_when_it_is_released() {
    let clock = ManualClock::at("2026-11-20T10:00:00Z".parse().unwrap());
    let rows = Arc::new(Mutex::new(vec![fact("a", 1)]));
    let shop = Arc::clone(&rows);
    let small = small(move |seen| match seen.path.as_str() {
        "/told" => told(&shop.lock().unwrap()),
        "/found" => found(&[], 4),
        _ => (200, json!({})),
    })
    .await
    .on(&clock);
    let (engine, store) = small.engine();
    let hold = CancellationToken::new();
    let options = RunOptions { until_idle: true, hold: Some(hold.clone()), ..RunOptions::default() };
    let run = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.run(options).await }
    });
    let running = Running { engine: Arc::clone(&engine) };
    running.done(1).await;
    running.until(|status| sources(status)[0].next_poll == at("2026-11-20T10:15:00Z")).await;
    rows.lock().unwrap().push(fact("b", 1));
    clock.advance(Duration::from_secs(15 * 60));
    running.done(2).await;
    assert!(!run.is_finished(), "it was not released");
    rows.lock().unwrap().push(fact("c", 1));
    hold.cancel();
    let summary = run.await.unwrap().unwrap();
    assert!(!summary.stopped);
    drop((engine, running));
    store.close().unwrap();
    assert_eq!(small.show("c").await.record.state, RecordState::Done);
}
