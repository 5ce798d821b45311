//! Where an edit meets work that has begun: an effect that was made or is on its way, a person, another source.

use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ml_connector::engine::command::{Command, Reply, Status};
use ml_connector::store::{EffectState, Record, RecordState};
use serde_json::{Value, json};

use crate::small::{Answer, Running, Seen, Small};

/// What is refused is refused at once, what is lost is looked up, and what was not there then is made again.
const SYSTEM: &str = r#"
limits: { concurrency: 4, retry: { first: 1ms, max: 5ms, attempts: 1000 }, breaker: { failures: 1000, pause: 1s, max: 1s } }
types:
  order: { id: text, day: text, size: integer, open?: boolean }
streams:
  orders:
    record: order
    key: id
    request: { method: GET, path: /orders }
    answer: { rows: [any] }
    records: "$.rows[*]"
    paging: single
    cursor: none
operations:
  price:
    effect: read
    input: { id: text }
    request: { method: GET, path: /price, query: { id: "{{ input.id }}" } }
    answer: { price: integer }
    result: { price: "{{ answer.price }}" }
  note:
    effect: idempotent
    input: { of: text, size: integer }
    request: { method: POST, path: /note, json: "{{ input }}" }
    answer: any
  book:
    effect:
      create:
        reference: "{{ input.reference }}"
        lookup: { operation: booked, with: { reference: "{{ input.reference }}" } }
        late_effect: 1s
        lookup_lag: 1s
        when_absent: recreate
        attempts: 3
        give_up: 30m
        refused: "{{ status == 400 }}"
        untouched: "{{ status == 429 }}"
    input: { reference: text, size: integer }
    request: { method: POST, path: /book, json: "{{ input }}" }
    answer: { id: text }
    result: { id: "{{ answer.id }}" }
  booked:
    effect: read
    input: { reference: text }
    request: { method: GET, path: /booked, query: { reference: "{{ input.reference }}" } }
    answer: { rows: [{ id: text }] }
    result: { found: { for_each: "{{ answer.rows }}", as: one, give: { id: "{{ one.id }}" } } }
"#;

const MAPPING: &str = r#"
flows:
  orders:
    title: Orders
    source: { poll: { stream: shop.orders, every: 15m } }
    record: order
    select: "{{ order.open | or_else(true) }}"
    key: "{{ order.id }}"
    idempotency_key: "{{ order.id }}-{{ order.day }}"
    on_change: { watch: "{{ order.size }}" }
    steps:
      - { id: price, call: shop.price, with: { id: "{{ order.id }}" } }
      - check: "{{ price.price < 10 }}"
        otherwise: { park: "It costs too much" }
      - call: shop.book
        with: { reference: "{{ idempotency_key }}", size: "{{ order.size }}" }
      - call: shop.note
        with: { of: "{{ order.id }}", size: "{{ order.size }}" }
"#;

/// What the shop has and says, as a test changes it.
struct Books {
    order: Mutex<Value>,
    price: AtomicUsize,
    /// What `/book` and `/note` are answered with.
    book: AtomicU16,
    note: AtomicU16,
}

impl Books {
    fn new() -> Arc<Self> {
        let order = Mutex::new(json!({ "id": "o1", "day": "d1", "size": 1 }));
        Arc::new(Self {
            order,
            price: AtomicUsize::new(1),
            book: AtomicU16::new(200),
            note: AtomicU16::new(200),
        })
    }

    fn answer(&self, seen: &Seen) -> Answer {
        let status = |status: &AtomicU16| status.load(Ordering::SeqCst);
        match seen.path.as_str() {
            "/orders" => (200, json!({ "rows": [*self.order.lock().unwrap()] })),
            "/price" => (200, json!({ "price": self.price.load(Ordering::SeqCst) })),
            "/booked" => (200, json!({ "rows": [] })),
            "/book" => (status(&self.book), json!({ "id": "b1", "message": "not so" })),
            _ => (status(&self.note), json!({ "message": "not now" })),
        }
    }

    /// The order is another one from now on.
    fn edit(&self, changes: Value) {
        let mut order = self.order.lock().unwrap();
        order.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    }
}

async fn shop(books: &Arc<Books>) -> Small {
    let books = Arc::clone(books);
    Small::new(SYSTEM, MAPPING, move |seen| books.answer(seen)).await
}

async fn record(running: &Running) -> Record {
    match running.engine.command(Command::Show { text: "small/orders/o1".to_owned() }).await {
        Reply::Shown(shown) => shown.record,
        other => panic!("{other:?}"),
    }
}

/// Polls, and waits until the record is as `wanted` says.
async fn poll_until(running: &Running, wanted: impl Fn(&Record) -> bool) {
    running.engine.command(Command::Poll { flow: None }).await;
    until(running, wanted).await;
}

async fn until(running: &Running, wanted: impl Fn(&Record) -> bool) {
    let comes = async {
        loop {
            let Reply::Status(status) = running.engine.command(Command::Status).await else {
                panic!("no status")
            };
            if known(&status) && wanted(&record(running).await) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(30), comes).await.is_err() {
        panic!("it never came to that: {:#?}", record(running).await);
    }
}

fn known(status: &Status) -> bool {
    status.counts.iter().any(|count| count.count > 0)
}

/// An order that was booked is not booked anew, nor judged anew, because an edit of it was taken back while its write-back
/// had to wait.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_is_taken_back_begins_nothing_anew() {
    for price in [1, 99] {
        take_an_edit_back(price).await;
    }
}

async fn take_an_edit_back(price: usize) {
    let books = Books::new();
    books.note.store(503, Ordering::SeqCst);
    let small = shop(&books).await.hurried(100);
    small
        .running(async |running| {
            until(&running, |record| record.state == RecordState::Waiting).await;
            books.price.store(price, Ordering::SeqCst);
            books.edit(json!({ "size": 2 }));
            poll_until(&running, |record| record.pending.is_some()).await;
            // Its day is no part of what is watched.
            books.edit(json!({ "size": 1, "day": "d2" }));
            poll_until(&running, |record| {
                record.pending.as_ref().is_none_or(|pending| pending.source["size"] == 1)
            })
            .await;
            books.note.store(200, Ordering::SeqCst);
            until(&running, |record| matches!(record.state, RecordState::Done | RecordState::Parked)).await;
        })
        .await;
    let shown = small.show("small/orders/o1").await;
    assert_eq!(shown.record.state, RecordState::Done, "{:#?}", shown.record);
    assert_eq!((small.seen("/book").len(), shown.effects.len()), (1, 1), "{:#?}", shown.effects);
    assert_eq!(shown.record.notices, []);
}

/// An order that is edited and no longer wanted while it is not known whether it was booked: once it is known that it was
/// not, it is left out.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_withdrawn_while_its_booking_is_unknown_is_left_out_when_it_was_refused() {
    let books = Books::new();
    books.book.store(500, Ordering::SeqCst);
    let small = shop(&books).await.hurried(20);
    small
        .running(async |running| {
            until(&running, |record| record.state == RecordState::Waiting).await;
            books.book.store(400, Ordering::SeqCst);
            books.edit(json!({ "size": 2, "open": false }));
            poll_until(&running, |record| record.pending.is_some()).await;
            let ended = [RecordState::Done, RecordState::Parked, RecordState::Skipped];
            until(&running, |record| ended.contains(&record.state)).await;
        })
        .await;
    let shown = small.show("small/orders/o1").await;
    assert_eq!(shown.effects[0].state, EffectState::Refused, "{:#?}", shown.effects);
    assert_eq!(shown.record.state, RecordState::Skipped, "{:#?}", shown.record);
    assert!(small.seen("/book").iter().all(|seen| seen.body["size"] == 1));
}

/// What was edited in the same way is tried again as it is now, under the name that it has now.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_edited_while_its_booking_is_unknown_is_booked_as_it_is_when_it_was_refused() {
    let books = Books::new();
    books.book.store(500, Ordering::SeqCst);
    let small = shop(&books).await.hurried(20);
    let (answers, refusals) = (Arc::clone(&books), AtomicUsize::new(0));
    small.script(move |seen| match seen.path.as_str() {
        "/book" if seen.body["size"] == 2 => (200, json!({ "id": "b2" })),
        "/book" if refusals.fetch_add(1, Ordering::SeqCst) > 0 => (400, json!({ "message": "not so" })),
        _ => answers.answer(seen),
    });
    small
        .running(async |running| {
            until(&running, |record| record.state == RecordState::Waiting).await;
            books.edit(json!({ "size": 2, "day": "d2" }));
            poll_until(&running, |record| record.pending.is_some()).await;
            until(&running, |record| matches!(record.state, RecordState::Done | RecordState::Parked)).await;
        })
        .await;
    let shown = small.show("small/orders/o1").await;
    assert_eq!((shown.record.state, shown.record.revision), (RecordState::Done, 2), "{:#?}", shown.record);
    assert_eq!(shown.record.idempotency_key, "o1-d2");
    let last = small.seen("/book").pop().unwrap();
    assert_eq!(last.body, json!({ "reference": "o1-d2", "size": 2 }));
}

/// An order that was booked and whose write-back is refused is tried again when it is edited; that it was edited after it was
/// booked is told all the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_behind_a_booking_is_told_whatever_becomes_of_the_write_back() {
    let books = Books::new();
    books.note.store(400, Ordering::SeqCst);
    let small = shop(&books).await.hurried(100);
    small
        .running(async |running| {
            until(&running, |record| record.state == RecordState::Parked).await;
            let notes = small.seen("/note").len();
            books.edit(json!({ "size": 2 }));
            poll_until(&running, |record| {
                record.state == RecordState::Parked && small.seen("/note").len() > notes
            })
            .await;
        })
        .await;
    books.note.store(200, Ordering::SeqCst);
    small.command(Command::Resume(crate::world::order("small/orders/o1"))).await;
    small.run_well().await;
    let shown = small.show("small/orders/o1").await;
    assert_eq!(
        (shown.record.state, small.seen("/book").len()),
        (RecordState::Done, 1),
        "{:#?}",
        shown.record
    );
    assert_eq!(shown.record.notices.len(), 1, "{:#?}", shown.record);
    assert_eq!(shown.record.notices[0].changes, json!([{ "field": "size", "from": 1, "to": 2 }]));
}

/// What was put off before anybody looked at it is looked up by the name that it had when it was sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_was_put_off_and_edited_is_looked_up_as_it_was_sent() {
    let books = Books::new();
    books.book.store(429, Ordering::SeqCst);
    let mapping = MAPPING.replace("{{ idempotency_key }}\"", "{{ idempotency_key }}-{{ order.size }}\"");
    let answers = Arc::clone(&books);
    let small = Small::new(SYSTEM, &mapping, move |seen| answers.answer(seen)).await.hurried(20);
    small
        .running(async |running| {
            until(&running, |record| record.state == RecordState::Waiting).await;
            // From now on it is booked, but nobody hears of it.
            let (answers, booked) = (Arc::clone(&books), Mutex::new(Vec::new()));
            small.script(move |seen| match seen.path.as_str() {
                "/book" if seen.body["size"] == 2 => {
                    booked.lock().unwrap().push(seen.body["reference"].clone());
                    (500, json!({}))
                }
                "/booked" => {
                    let asked = seen.text("reference").unwrap();
                    let found = booked.lock().unwrap().iter().filter(|one| *one == asked).count();
                    (200, json!({ "rows": vec![json!({ "id": "b2" }); found] }))
                }
                _ => answers.answer(seen),
            });
            books.edit(json!({ "size": 2 }));
            poll_until(&running, |record| record.source["size"] == 2).await;
            until(&running, |record| matches!(record.state, RecordState::Done | RecordState::InDoubt)).await;
        })
        .await;
    let shown = small.show("small/orders/o1").await;
    assert_eq!(shown.record.state, RecordState::Done, "{:#?}", shown.effects);
    assert_eq!(small.seen("/book").iter().filter(|seen| seen.body["size"] == 2).count(), 1);
    assert_eq!(shown.effects[0].reference.as_deref(), Some("o1-d1-2"));
}

/// What comes while a step is under way waits until the steps have ended: they see one content, and the newer one after it.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_a_step_runs_is_seen_after_it() {
    let books = Books::new();
    let repeat =
        MAPPING.replace("watch: \"{{ order.size }}\" }", "watch: \"{{ order.size }}\", after_done: repeat }");
    let answers = Arc::clone(&books);
    let small = Small::new(SYSTEM, &repeat, move |seen| answers.answer(seen)).await.hurried(20);
    let (begun, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (answers, began, may) = (Arc::clone(&books), Arc::clone(&begun), Arc::clone(&go));
    small.script(move |seen| {
        if seen.path == "/note" && began.fetch_add(1, Ordering::SeqCst) == 0 {
            // The tasks of this thread go on meanwhile on another one.
            tokio::task::block_in_place(|| {
                while may.load(Ordering::SeqCst) == 0 {
                    std::thread::sleep(Duration::from_millis(2));
                }
            });
        }
        answers.answer(seen)
    });
    small
        .running(async |running| {
            while begun.load(Ordering::SeqCst) == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            books.edit(json!({ "size": 2 }));
            let polls = small.seen("/orders").len();
            running.engine.command(Command::Poll { flow: None }).await;
            while small.seen("/orders").len() == polls {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(record(&running).await.source["size"], 1, "it was put under the steps");
            go.store(1, Ordering::SeqCst);
            until(&running, |record| record.state == RecordState::Done && record.revision == 2).await;
        })
        .await;
    let sizes: Vec<Value> = small.seen("/note").iter().map(|seen| seen.body["size"].clone()).collect();
    assert_eq!((sizes, small.seen("/book").len()), (vec![json!(1), json!(2)], 1));
}
