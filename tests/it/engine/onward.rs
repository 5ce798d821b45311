//! Records that lead to others: flows that are told, records that are found by a link, and those that come again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ml_connector::base::{Clock, ManualClock};
use ml_connector::engine::command::{Command, Reply, Status};
use ml_connector::store::{Record, RecordState};
use serde_json::{Value, json};

use crate::small::{Answer, Running, Seen, Small};
use crate::world::order;

const SYSTEM: &str = r#"
limits: { concurrency: 4, retry: { first: 1ms, max: 5ms, attempts: 3 } }
types:
  order: { id: text, numbers?: [text], size?: integer }
  event: { id: text, number: text, rank?: integer }
streams:
  orders:
    record: order
    key: id
    request: { method: GET, path: /orders }
    answer: { rows: [any] }
    records: "$.rows[*]"
    paging: single
    cursor: none
  events:
    record: event
    key: id
    request: { method: GET, path: /events }
    answer: { rows: [any] }
    records: "$.rows[*]"
    paging: single
    cursor: none
operations:
  note:
    effect: idempotent
    input: { of: text, what?: text }
    request: { method: POST, path: /note, json: "{{ input }}" }
    answer: any
  watch:
    effect: idempotent
    input: { number: text }
    batch: { most: 100, wait: 50ms, items: "$[*]", match: { input: "{{ input.number }}", item: "{{ item.number }}" } }
    request: { method: POST, path: /watch, json: { for_each: "{{ inputs }}", as: one, give: "{{ one.number }}" } }
    answer: [{ number: text }]
    result: {}
  book:
    effect:
      create:
        reference: "{{ input.id }}"
        lookup: { operation: booked, with: { id: "{{ input.id }}" } }
        late_effect: 1s
        lookup_lag: 1s
        when_absent: recreate
        attempts: 3
        give_up: 30m
        refused: "{{ status == 400 }}"
        untouched: "{{ status == 429 }}"
    input: { id: text }
    request: { method: POST, path: /book, json: { id: "{{ input.id }}" } }
    answer: { id: text }
    result: { id: "{{ answer.id }}" }
  booked:
    effect: read
    input: { id: text }
    request: { method: GET, path: /booked, query: { id: "{{ input.id }}" } }
    answer: { rows: [{ id: text }] }
    result: { found: { for_each: "{{ answer.rows }}", as: one, give: { id: "{{ one.id }}" } } }
"#;

/// Orders link their numbers and tell that they are to be watched.
const ORDERS: &str = r#"
  orders:
    title: Orders
    source: { poll: { stream: shop.orders, every: 15m } }
    record: order
    key: "{{ order.id }}"
    idempotency_key: "{{ order.id }}"
    steps:
      - for_each: "{{ order.numbers | or_else([]) }}"
        as: number
        steps:
          - link: { number: "{{ number }}" }
          - tell: { watch: { number: "{{ number }}" } }
      - call: shop.note
        with: { of: "{{ order.id }}" }
"#;

/// Numbers are watched, for two weeks at a time.
const WATCH: &str = r#"
  watch:
    title: Watch
    source: { told: { record: { number: text, delivered?: boolean } } }
    record: parcel
    key: "{{ parcel.number }}"
    idempotency_key: "{{ parcel.number }}"
    on_change: { after_done: repeat }
    steps:
      - check: "{{ not (parcel.delivered | or_else(false)) }}"
        otherwise: { done: It was delivered }
      - call: shop.watch
        with: { number: "{{ parcel.number }}" }
    again: { after: 13d, give_up: 60d }
"#;

/// Events find their order.
const EVENTS: &str = r#"
  events:
    title: Events
    source: { poll: { stream: shop.events, every: 15m } }
    record: event
    key: "{{ event.id }}"
    idempotency_key: "{{ event.id }}"
    steps:
      - id: found
        find: { number: "{{ event.number }}" }
        wait: 1h
        otherwise: { park: "No order has the number {{ event.number }}" }
      - call: shop.note
        with: { of: "{{ found.key }}", what: "{{ event.id }} of {{ found.flow }}, {{ found.idempotency_key }}" }
"#;

fn mapping(flows: &[&str]) -> String {
    format!("flows:{}", flows.concat())
}

fn rows(rows: Vec<Value>) -> Answer {
    (200, json!({ "rows": rows }))
}

fn watched(seen: &Seen) -> Vec<String> {
    let numbers = seen.body.as_array().into_iter().flatten();
    numbers.map(|number| number.as_str().unwrap().to_owned()).collect()
}

fn accepted(seen: &Seen) -> Answer {
    (200, watched(seen).into_iter().map(|number| json!({ "number": number })).collect())
}

/// What the shop has, as a test changes it.
#[derive(Default)]
struct Books {
    orders: Mutex<Vec<Value>>,
    events: Mutex<Vec<Value>>,
    /// What `/note` is answered with instead of 200.
    refusal: AtomicU16,
}

impl Books {
    fn answer(&self, seen: &Seen) -> Answer {
        match seen.path.as_str() {
            "/orders" => rows(self.orders.lock().unwrap().clone()),
            "/events" => rows(self.events.lock().unwrap().clone()),
            "/watch" => accepted(seen),
            "/book" => (200, json!({ "id": seen.body["id"] })),
            _ => match self.refusal.load(Ordering::SeqCst) {
                0 => (200, json!({})),
                status => (status, json!({ "message": "not now" })),
            },
        }
    }
}

async fn shop(flows: &[&str], books: &Arc<Books>) -> Small {
    let books = Arc::clone(books);
    Small::new(SYSTEM, &mapping(flows), move |seen| books.answer(seen)).await
}

fn parcel(id: &str, numbers: &[&str]) -> Value {
    json!({ "id": id, "numbers": numbers })
}

fn event(id: &str, number: &str) -> Value {
    json!({ "id": id, "number": number })
}

fn ten() -> ManualClock {
    ManualClock::at("2026-11-20T10:00:00Z".parse().unwrap())
}

const DAY: Duration = Duration::from_secs(86_400);

fn count(status: &Status, flow: &str, state: RecordState) -> u64 {
    let mut counts = status.counts.iter();
    counts.find(|count| count.flow == flow && count.state == state).map_or(0, |count| count.count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_nobody_looks_for_keeps_no_engine_going() {
    let books = Arc::new(Books::default());
    *books.orders.lock().unwrap() = vec![parcel("A", &["1"])];
    let shop = shop(&[ORDERS, WATCH, EVENTS], &books).await;
    tokio::time::timeout(Duration::from_secs(20), shop.run_well()).await.expect("it never ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_becomes_records_of_the_other_flow_once() {
    let books = Arc::new(Books::default());
    *books.orders.lock().unwrap() = vec![parcel("o1", &["n1", "n2"]), parcel("o2", &["n3"])];
    books.refusal.store(503, Ordering::SeqCst);
    // However long it takes until somebody looks, no order may have lost its last attempt by then.
    let system = SYSTEM.replacen("attempts: 3", "attempts: 1000", 1);
    let answers = Arc::clone(&books);
    let small = Small::new(&system, &mapping(&[ORDERS, WATCH]), move |seen| answers.answer(seen)).await;
    let small = small.hurried(1_000);
    small
        .running(async |running| {
            // What was told stays told when a later step has to wait, and is not told again when it goes on.
            running.until(|status| count(status, "small/watch", RecordState::Done) == 3).await;
            running.until(|status| count(status, "small/orders", RecordState::Waiting) == 2).await;
            books.refusal.store(0, Ordering::SeqCst);
            running.until(|status| count(status, "small/orders", RecordState::Done) == 2).await;
        })
        .await;
    assert_eq!(small.audit("record.told").len(), 3);
    let mut numbers: Vec<String> = small.seen("/watch").iter().flat_map(watched).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ["n1", "n2", "n3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_runs_until_idle_works_on_what_was_told() {
    let books = Arc::new(Books::default());
    *books.orders.lock().unwrap() = vec![parcel("o1", &["n1", "n2"])];
    let small = shop(&[ORDERS, WATCH], &books).await;
    small.run_well().await;
    let states: Vec<_> =
        small.records().await.iter().map(|record| (record.id.key().to_owned(), record.state)).collect();
    let done = |key: &str| (key.to_owned(), RecordState::Done);
    assert_eq!(states, [done("o1"), done("n1"), done("n2")]);
}

/// What does not fit the other flow's records stops the teller, which says why, and nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_not_told() {
    let books = Arc::new(Books::default());
    *books.orders.lock().unwrap() =
        vec![json!({ "id": "o1", "extra": [{ "number": "n1" }, { "nummer": "n2" }] }), parcel("o2", &["n3"])];
    let flow = ORDERS.replace(
        "      - call: shop.note",
        "      - tell: { watch: \"{{ order.extra }}\" }\n      - call: shop.note",
    );
    let system = SYSTEM.replace("size?: integer", "extra?: any");
    let mapping = mapping(&[&flow, WATCH]);
    let answers = Arc::clone(&books);
    let small = Small::new(&system, &mapping, move |seen| answers.answer(seen)).await;
    small.run_well().await;
    let record = small.show("o1").await.record;
    assert_eq!(record.state, RecordState::Parked);
    let message = record.reason.unwrap().message;
    assert!(
        message.contains("what `watch` is told does not fit its records") && message.contains("number"),
        "{message}"
    );
    assert_eq!(small.show("small/watch/n3").await.record.state, RecordState::Done);
    assert_eq!(small.audit("record.told").len(), 1, "of a list that does not fit, nothing is told");
}

/// A record of an engine at work.
async fn record(running: &Running, text: &str) -> Record {
    match running.engine.command(Command::Show { text: text.to_owned() }).await {
        Reply::Shown(shown) => shown.record,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_waits_for_its_order_and_goes_on_when_it_comes() {
    let clock = ten();
    let books = Arc::new(Books::default());
    *books.events.lock().unwrap() = vec![event("e1", "n1")];
    let small = shop(&[ORDERS, WATCH, EVENTS], &books).await.on(&clock);
    small
        .running(async |running| {
            let mut waits = Vec::new();
            for _ in 0..8 {
                let waiting = |status: &Status| count(status, "small/events", RecordState::Waiting) == 1;
                running.until(waiting).await;
                let before = clock.now();
                let due = loop {
                    let due = record(&running, "e1").await.due;
                    if due > before {
                        break due;
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                };
                waits.push(due.duration_since(before).as_secs());
                clock.set(due);
            }
            assert_eq!(waits, [1, 1, 2, 4, 8, 16, 32, 60], "each as long as it has waited, a minute at most");
            let waiting = record(&running, "e1").await;
            assert_eq!(waiting.attempts, 0);
            assert!(waiting.reason.unwrap().message.contains("number n1"));
            *books.orders.lock().unwrap() = vec![parcel("o1", &["n1"])];
            running.engine.command(Command::Poll { flow: None }).await;
            running.until(|status| count(status, "small/orders", RecordState::Done) == 1).await;
            clock.advance(Duration::from_secs(60));
            running.until(|status| count(status, "small/events", RecordState::Done) == 1).await;
        })
        .await;
    let notes: Vec<_> = small.seen("/note").iter().map(|seen| seen.body.clone()).collect();
    assert_eq!(notes[1], json!({ "of": "o1", "what": "e1 of orders, o1" }));
    let waits = small.audit("record.waiting");
    assert_eq!(waits.len(), 1, "a wait that goes on is told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_order_never_comes_is_parked_and_a_person_may_try_it_again() {
    let clock = ten();
    let books = Arc::new(Books::default());
    *books.events.lock().unwrap() = vec![event("e1", "n1"), event("e2", "n2")];
    let small = shop(&[ORDERS, WATCH, EVENTS], &books).await.on(&clock);
    let parked = |many| move |status: &Status| count(status, "small/events", RecordState::Parked) == many;
    small
        .running(async |running| {
            running.until(|status| count(status, "small/events", RecordState::Waiting) == 2).await;
            clock.advance(Duration::from_secs(3599));
            tokio::time::sleep(Duration::from_millis(50)).await;
            running.until(|status| count(status, "small/events", RecordState::Waiting) == 2).await;
            clock.advance(Duration::from_secs(1));
            running.until(parked(2)).await;
            let reason = record(&running, "e1").await.reason.unwrap();
            assert_eq!(reason.message, "No order has the number n1");
            // It comes too late, which only a person knows.
            *books.orders.lock().unwrap() = vec![parcel("o1", &["n1"])];
            running.engine.command(Command::Poll { flow: None }).await;
            running.until(|status| count(status, "small/orders", RecordState::Done) == 1).await;
            running.engine.command(Command::Resume(order("e1"))).await;
            running.until(|status| count(status, "small/events", RecordState::Done) == 1).await;
            // One that is resumed in vain waits anew.
            running.engine.command(Command::Resume(order("e2"))).await;
            running.until(|status| count(status, "small/events", RecordState::Waiting) == 1).await;
            clock.advance(Duration::from_secs(3600));
            running.until(parked(1)).await;
        })
        .await;
}

/// A record that can only wait for another one does not hold an engine that runs until idle; one whose record came does.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_what_may_never_come_is_at_rest() {
    let books = Arc::new(Books::default());
    *books.events.lock().unwrap() = vec![event("e1", "n1"), event("e2", "n2")];
    *books.orders.lock().unwrap() = vec![parcel("o2", &["n2"])];
    let small = shop(&[ORDERS, WATCH, EVENTS], &books).await;
    small.run_well().await;
    let state = async |key: &str| small.show(&format!("small/events/{key}")).await.record.state;
    assert_eq!((state("e1").await, state("e2").await), (RecordState::Waiting, RecordState::Done));
    *books.orders.lock().unwrap() = vec![parcel("o1", &["n1"])];
    small.run_well().await;
    assert_eq!(state("e1").await, RecordState::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_events_of_one_order_are_never_worked_on_at_once() {
    let books = Arc::new(Books::default());
    *books.orders.lock().unwrap() = vec![parcel("o1", &["n1", "n2"]), parcel("o2", &["n3"])];
    let small = shop(&[ORDERS, WATCH, EVENTS], &books).await.hurried(100);
    small.run_well().await;
    let numbers = ["n1", "n2", "n3"];
    *books.events.lock().unwrap() =
        (0..18).map(|number| event(&format!("e{number}"), numbers[number % 3])).collect();
    let at_once: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    let most = Arc::new(AtomicUsize::new(0));
    let others = Arc::new(AtomicUsize::new(0));
    let (books, counted, highest, all) =
        (Arc::clone(&books), Arc::clone(&at_once), Arc::clone(&most), Arc::clone(&others));
    small.script(move |seen| {
        if seen.path == "/note" {
            let of = seen.body["of"].as_str().unwrap().to_owned();
            let now = {
                let mut counted = counted.lock().unwrap();
                *counted.entry(of.clone()).or_default() += 1;
                all.fetch_max(counted.values().sum(), Ordering::SeqCst);
                counted[&of]
            };
            highest.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(10));
            *counted.lock().unwrap().get_mut(&of).unwrap() -= 1;
        }
        books.answer(seen)
    });
    small
        .running(async |running| {
            running.until(|status| count(status, "small/events", RecordState::Done) == 18).await;
        })
        .await;
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert!(others.load(Ordering::SeqCst) > 1, "events of different orders are");
}

/// A clock that shows so many days after ten o'clock, and goes on as fast as batches need.
fn after(small: Small, days: i64) -> Small {
    small.hurried_from(20, ten().now() + jiff::SignedDuration::from_hours(24 * days))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_watched_comes_again_until_it_is_given_up() {
    let books = Arc::new(Books::default());
    *books.orders.lock().unwrap() = vec![parcel("o1", &["n1"])];
    let mut small = shop(&[ORDERS, WATCH], &books).await;
    // Each renewal by a start of its own.
    for round in 0..6_i64 {
        small = after(small, 14 * round);
        small.run_well().await;
        assert_eq!(small.seen("/watch").len() as i64, round + 1);
        let record = small.show("small/watch/n1").await.record;
        assert_eq!(record.state, RecordState::Done);
        // After sixty days nobody waits for it any more; the round of the seventieth is its last.
        let days = record.again.map(|again| again.duration_since(ten().now()).as_hours() / 24);
        assert_eq!(days, (round < 5).then_some(14 * round + 13), "round {round}");
        small = after(small, 14 * round + 12);
        small.run_well().await;
        assert_eq!(small.seen("/watch").len() as i64, round + 1, "it is not time yet");
    }
    small = after(small, 200);
    small.run_well().await;
    assert_eq!((small.seen("/watch").len(), small.audit("record.again").len()), (6, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_delivered_is_watched_no_more() {
    let books = Arc::new(Books::default());
    *books.orders.lock().unwrap() = vec![parcel("o1", &["n1"])];
    let told = "number: \"{{ number }}\", delivered: \"{{ (order.size | or_else(0)) == 1 }}\" } }";
    let flow = ORDERS.replace("number: \"{{ number }}\" } }", told);
    let repeat = "    on_change: { after_done: repeat }\n    steps:\n      - for_each";
    let flow = flow.replace("    steps:\n      - for_each", repeat);
    let small = after(shop(&[&flow, WATCH], &books).await, 0);
    small.run_well().await;
    assert!(small.show("small/watch/n1").await.record.again.is_some());
    *books.orders.lock().unwrap() = vec![json!({ "id": "o1", "numbers": ["n1"], "size": 1 })];
    let small = after(small, 1);
    small.run_well().await;
    let record = small.show("small/watch/n1").await.record;
    assert_eq!((record.state, record.again), (RecordState::Done, None), "{record:#?}");
    let small = after(small, 30);
    small.run_well().await;
    assert_eq!(small.seen("/watch").len(), 1);
}

/// An effect that was made is not made again, whatever comes again.
#[tokio::test(flavor = "multi_thread")]
async fn what_must_happen_once_happens_once_in_a_record_that_comes_again() {
    let clock = ten();
    let books = Arc::new(Books::default());
    *books.orders.lock().unwrap() = vec![parcel("o1", &[])];
    let flow = ORDERS.replace(
        "      - call: shop.note",
        "      - call: shop.book\n        with: { id: \"{{ order.id }}\" }\n      - call: shop.note",
    ) + "    again: { after: 1d }\n";
    let small = shop(&[&flow, WATCH], &books).await.on(&clock);
    for round in 1..=3 {
        small.run_well().await;
        assert_eq!((small.seen("/note").len(), small.seen("/book").len()), (round, 1));
        clock.advance(DAY);
    }
    assert_eq!(small.show("o1").await.effects.len(), 1);
}

/// All that fell due while no engine ran is asked for in full calls.
#[tokio::test(flavor = "multi_thread")]
async fn many_that_come_again_at_once_fill_their_calls() {
    let books = Arc::new(Books::default());
    let numbers: Vec<String> = (0..450).map(|number| format!("n{number:03}")).collect();
    let names: Vec<&str> = numbers.iter().map(String::as_str).collect();
    *books.orders.lock().unwrap() = vec![parcel("o1", &names)];
    let system = SYSTEM.replace("wait: 50ms", "wait: 10s");
    let answers = Arc::clone(&books);
    let mapping = mapping(&[ORDERS, WATCH]);
    let small = Small::new(&system, &mapping, move |seen| answers.answer(seen)).await;
    let began = ten().now();
    let small = small.hurried_from(20, began);
    small.run_well().await;
    let sizes = |small: &Small, from: usize| {
        let seen = small.seen("/watch");
        let mut sizes: Vec<usize> = seen[from..].iter().map(|seen| watched(seen).len()).collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes(&small, 0).iter().sum::<usize>(), 450);
    let calls = small.seen("/watch").len();
    let small = small.hurried_from(20, began + 20 * jiff::SignedDuration::from_hours(24));
    small.run_well().await;
    let sizes = sizes(&small, calls);
    let full = sizes.iter().filter(|size| **size == 100).count();
    assert_eq!((sizes.iter().sum::<usize>(), full), (450, 4), "{sizes:?}");
}
