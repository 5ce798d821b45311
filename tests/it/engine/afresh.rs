//! What a run asks again when it goes on after it was broken off, so that nothing is written back that is out of date.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ml_connector::store::RecordState;
use serde_json::{Value, json};

use crate::small::{Answer, Seen, Small};

const SYSTEM: &str = r#"
limits: { concurrency: 4, retry: { first: 1ms, max: 5ms, attempts: 500 }, breaker: { failures: 1000, pause: 1s, max: 1s } }
types:
  order: { id: text }
  event: { id: text, of: text }
streams:
  orders: &stream
    record: order
    key: id
    request: { method: GET, path: /orders }
    answer: { rows: [any] }
    records: "$.rows[*]"
    paging: single
    cursor: none
  events: { <<: *stream, record: event, request: { method: GET, path: /events } }
operations:
  sheet:
    effect: read
    input: { of: text }
    request: { method: GET, path: /sheet, query: { of: "{{ input.of }}" } }
    answer: { events: [text] }
    result: { events: "{{ answer.events }}" }
  add:
    effect: idempotent
    input: { of: text, event: text }
    request: { method: POST, path: /add, json: "{{ input }}" }
    answer: { all: [text] }
    result: { all: "{{ answer.all }}" }
  write:
    effect: idempotent
    input: { event: text, sheet: [text], all: [text] }
    request: { method: POST, path: /write, json: "{{ input }}" }
    answer: any
  book:
    effect:
      create:
        reference: "{{ input.id }}"
        lookup: { operation: booked, with: { id: "{{ input.id }}" } }
        late_effect: 0s
        lookup_lag: 0s
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

const ORDERS: &str = r#"
  orders:
    title: Orders
    source: { poll: { stream: shop.orders, every: 15m } }
    record: order
    key: "{{ order.id }}"
    idempotency_key: "{{ order.id }}"
    steps:
      - link: { order: "{{ order.id }}" }
"#;

/// Events are added to their order, whose sheet is read, changed and sent back whole. `{{ HOLD }}` and `{{ BOOK }}` stand for
/// steps that only some tests want.
const EVENTS: &str = r#"
  events:
    title: Events
    source: { poll: { stream: shop.events, every: 15m } }
    record: event
    key: "{{ event.id }}"
    idempotency_key: "{{ event.id }}"
    steps:
      HOLD
      - id: added
        call: shop.add
        with: { of: "{{ event.of }}", event: "{{ event.id }}" }
      - id: sheet
        call: shop.sheet
        with: { of: "{{ event.of }}" }
      BOOK
      - id: next
        for_each: "{{ sheet.events | append([event.id]) | unique }}"
        as: one
        steps: [{ set: { name: "{{ one }}" } }]
        give: "{{ name }}"
      - set: { whole: "{{ next }}" }
      - call: shop.write
        with: { event: "{{ event.id }}", sheet: "{{ whole }}", all: "{{ added.all }}" }
"#;

const HOLD: &str = "- { id: order, find: { order: \"{{ event.of }}\" } }";
const ASIDE: &str = "- { id: aside, call: shop.sheet, with: { of: aside } }";
const BOOK: &str = "- { call: shop.book, with: { id: \"{{ event.id }}\" } }";

/// What the shop has.
#[derive(Default)]
struct Books {
    added: Mutex<Vec<String>>,
    sheet: Mutex<Vec<String>>,
    /// What was written last, but for the sheet.
    all: Mutex<Value>,
    bookings: AtomicUsize,
}

impl Books {
    fn answer(&self, seen: &Seen, events: &[&str]) -> Answer {
        let rows = |ids: &[&str]| ids.iter().map(|id| json!({ "id": id, "of": "o1" })).collect::<Vec<_>>();
        match seen.path.as_str() {
            "/orders" => (200, json!({ "rows": rows(&["o1"]) })),
            "/events" => (200, json!({ "rows": rows(events) })),
            "/sheet" => (200, json!({ "events": *self.sheet.lock().unwrap() })),
            "/add" => {
                let (mut added, event) = (self.added.lock().unwrap(), text(seen, "event"));
                if !added.contains(&event) {
                    added.push(event);
                }
                (200, json!({ "all": *added }))
            }
            "/write" => {
                *self.sheet.lock().unwrap() = serde_json::from_value(seen.body["sheet"].clone()).unwrap();
                *self.all.lock().unwrap() = seen.body["all"].clone();
                (200, json!({}))
            }
            // The first answer is lost.
            "/book" if self.bookings.fetch_add(1, Ordering::SeqCst) == 0 => (500, json!({})),
            "/book" => (200, json!({ "id": "b" })),
            "/booked" => (200, json!({ "rows": [{ "id": "b" }] })),
            other => panic!("{other}"),
        }
    }

    /// The sheet without regard to order.
    fn sheet(&self) -> Vec<String> {
        let mut sheet = self.sheet.lock().unwrap().clone();
        sheet.sort();
        sheet
    }
}

fn text(seen: &Seen, name: &str) -> String {
    seen.body[name].as_str().unwrap().to_owned()
}

/// A world with these steps in place of `HOLD` and `BOOK`.
async fn shop(hold: &str, book: &str, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Small {
    let events = EVENTS.replace("HOLD", hold).replace("BOOK", book);
    Small::new(SYSTEM, &format!("flows:{ORDERS}{events}"), script).await
}

/// Events of one order: the first one's write is put off until the second one has written. Whatever the first one read and
/// was told before that is out of date.
#[tokio::test(flavor = "multi_thread")]
async fn who_had_to_let_go_of_an_order_begins_anew_with_it() {
    for (status, acts) in [(423, false), (500, true)] {
        let books = Arc::new(Books::default());
        let (shop_books, others) = (Arc::clone(&books), AtomicUsize::new(0));
        let first: Mutex<Option<String>> = Mutex::new(None);
        let small = shop(HOLD, "", move |seen| {
            if seen.path == "/write" {
                let event = text(seen, "event");
                let first = first.lock().unwrap().get_or_insert(event.clone()).clone();
                let of_others = others.fetch_add(usize::from(event != first), Ordering::SeqCst);
                if event == first && of_others == 0 {
                    if acts {
                        shop_books.answer(seen, &[]);
                    }
                    return (status, json!({ "message": "not now" }));
                }
            }
            shop_books.answer(seen, &["e1", "e2"])
        })
        .await;
        small.run_well().await;
        assert!(small.records().await.iter().all(|record| record.state == RecordState::Done));
        assert_eq!(books.sheet(), ["e1", "e2"], "{status}");
        assert_eq!(books.all.lock().unwrap().as_array().unwrap().len(), 2, "{status}");
    }
}

/// Without a record that is held: what a person changed in the sheet meanwhile stays. What was written is not written anew.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_changed_before_a_write_was_taken_is_not_written_over() {
    let books = Arc::new(Books::default());
    let (shop_books, tries) = (Arc::clone(&books), AtomicUsize::new(0));
    let small = shop("", ASIDE, move |seen| {
        if seen.path == "/write" && tries.fetch_add(1, Ordering::SeqCst) < 3 {
            *shop_books.sheet.lock().unwrap() = vec!["by hand".to_owned()];
            return (423, json!({ "message": "somebody has it open" }));
        }
        shop_books.answer(seen, &["e1"])
    })
    .await;
    small.run_well().await;
    assert_eq!(books.sheet(), ["by hand", "e1"]);
    let counts = ["/add", "/sheet", "/write"].map(|path| small.seen(path).len());
    // What is no part of the write was read once.
    assert_eq!(counts, [1, 4 + 1, 4]);
}

/// Answers to what is asked again are no progress: attempts are those of the call that fails.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_again_gives_up_all_the_same() {
    for hold in [HOLD, ""] {
        let books = Arc::new(Books::default());
        let script_books = Arc::clone(&books);
        let events = EVENTS.replace("HOLD", hold).replace("BOOK", "");
        let system = SYSTEM.replace("attempts: 500", "attempts: 4");
        let small = Small::new(&system, &format!("flows:{ORDERS}{events}"), move |seen| match &*seen.path {
            "/write" => (423, json!({ "message": "somebody has it open" })),
            _ => script_books.answer(seen, &["e1"]),
        })
        .await;
        small.run_well().await;
        let record = small.show("small/events/e1").await.record;
        assert_eq!(record.state, RecordState::Parked, "{record:#?}");
        assert!(record.reason.unwrap().message.contains("gave up after 4 attempts"));
        assert_eq!(small.seen("/write").len(), 4);
    }
}

/// What an effect was sent after is not asked again: it went out because of that.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_known_when_an_effect_was_sent_stays_known() {
    for hold in [HOLD, ""] {
        let books = Arc::new(Books::default());
        let script_books = Arc::clone(&books);
        let small = shop(hold, BOOK, move |seen| script_books.answer(seen, &["e1"])).await;
        small.run_well().await;
        let counts = ["/add", "/sheet", "/book", "/write"].map(|path| small.seen(path).len());
        assert_eq!(counts, [1, 1, 1, 1]);
        assert_eq!(small.show("small/events/e1").await.record.state, RecordState::Done);
    }
}

/// Events are rows of a table, and all that are there are booked in one loop, which notes each.
const ROWS: &str = r#"
tables:
  booked: { type: { id: text, booked: boolean }, docs: Events. }
flows:
  events:
    title: Events
    source: { poll: { stream: shop.events, every: 15m } }
    record: event
    key: "{{ event.id }}"
    idempotency_key: "{{ event.id }}"
    steps:
      - put: { booked: { key: "{{ event.id }}", value: { id: "{{ event.id }}", booked: false } } }
  orders:
    title: Orders
    source: { poll: { stream: shop.orders, every: 15m } }
    record: order
    key: "{{ order.id }}"
    idempotency_key: "{{ order.id }}"
    steps:
      - set: { open: "{{ tables.booked | values | where('not booked') }}" }
      - for_each: "{{ open }}"
        as: one
        key: "{{ KEY }}"
        steps:
          - { call: shop.book, with: { id: "{{ one.id }}" } }
          - put: { booked: { key: "{{ one.id }}", value: { id: "{{ one.id }}", booked: true } } }
"#;

/// What was made for the items before it is not in the list any more when one of them is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn an_item_with_a_key_is_never_taken_for_another() {
    let (booked, failed) = (Arc::new(Mutex::new(Vec::new())), AtomicUsize::new(0));
    let books = Arc::clone(&booked);
    let mapping = ROWS.replace("KEY", "one.id ~ '[%]'");
    let small = Small::new(SYSTEM, &mapping, move |seen| match seen.path.as_str() {
        "/book" if text(seen, "id") == "e2" && failed.fetch_add(1, Ordering::SeqCst) == 0 => (500, json!({})),
        "/book" => {
            books.lock().unwrap().push(text(seen, "id"));
            (200, json!({ "id": "b" }))
        }
        "/booked" => (200, json!({ "rows": [] })),
        _ => Books::default().answer(seen, &["e1", "e2", "e3"]),
    })
    .await;
    small.run_well().await;
    assert_eq!(*booked.lock().unwrap(), ["e1", "e2", "e3"]);
    let shown = small.show("small/orders/o1").await;
    assert_eq!(shown.record.state, RecordState::Done);
    let steps: Vec<&str> = shown.effects.iter().map(|effect| effect.step.as_str()).collect();
    assert_eq!(steps, ["e1", "e2", "e3"].map(|id| format!("step2[{id}%5B%25%5D].step1")));
}

/// Two items of one key, or one without any, would be one.
#[tokio::test(flavor = "multi_thread")]
async fn items_that_their_keys_do_not_tell_apart_wait_for_a_person() {
    for (key, problem) in [("'same'", "item 2 of the list is `same`"), ("''", "item 1 of the list is empty")]
    {
        let mapping = ROWS.replace("KEY", key);
        let small = Small::new(SYSTEM, &mapping, |seen| Books::default().answer(seen, &["e1", "e2"])).await;
        small.run_well().await;
        let record = small.show("small/orders/o1").await.record;
        assert_eq!(record.state, RecordState::Parked);
        assert!(record.reason.as_ref().unwrap().message.contains(problem), "{record:#?}");
        assert_eq!(small.seen("/book").len(), 0);
    }
}

/// What two items make is two things, though somebody gave both one reference.
#[tokio::test(flavor = "multi_thread")]
async fn items_of_one_reference_are_each_made() {
    const EACH: &str = r#"- { for_each: "{{ ['a', 'b'] }}", as: one, steps: [{ call: shop.book, with: { id: "{{ event.id }}" } }] }"#;
    // None of the answers is lost.
    let books = Books { bookings: AtomicUsize::new(1), ..Books::default() };
    let small = shop("", EACH, move |seen| books.answer(seen, &["e1"])).await;
    small.run_well().await;
    let shown = small.show("small/events/e1").await;
    assert_eq!((shown.record.state, shown.effects.len()), (RecordState::Done, 2));
    assert_eq!(small.seen("/book").len(), 2);
}
