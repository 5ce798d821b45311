//! A record for which several things took place: the latest is undone first, and one that cannot be undone is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use ml_connector::engine::command::{Command, Ordered, Reply};
use ml_connector::store::{EffectState, RecordState};
use serde_json::{Value, json};

use crate::small::{Answer, Seen, Small};
use crate::world::order;

const SYSTEM: &str = r#"
limits: { concurrency: 4, retry: { first: 1ms, max: 5ms, attempts: 3 } }
types:
  order: { id: text }
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
  book:
    effect:
      create:
        reference: "{{ input.reference }}"
        lookup: { operation: booked, with: { reference: "{{ input.reference }}" } }
        late_effect: 1s
        lookup_lag: 1s
        when_absent: park
        attempts: 1
        give_up: 30m
        refused: "{{ status == 400 }}"
        untouched: "{{ status == 429 }}"
        compensate: { operation: unbook, with: { id: "{{ result.id }}" } }
    input: { reference: text }
    request: { method: POST, path: /book, json: "{{ input }}" }
    answer: { id: text }
    result: { id: "{{ answer.id }}" }
  booked:
    effect: read
    input: { reference: text }
    request: { method: GET, path: /booked, query: { reference: "{{ input.reference }}" } }
    answer: { rows: [{ id: text }] }
    result: { found: { for_each: "{{ answer.rows }}", as: one, give: { id: "{{ one.id }}" } } }
  unbook:
    effect: idempotent
    input: { id: text }
    request: { method: DELETE, path: "/unbook/{{ input.id }}" }
    answer: any
"#;

const MAPPING: &str = r#"
flows:
  orders:
    title: Orders
    source: { poll: { stream: shop.orders, every: 15m } }
    record: order
    key: "{{ order.id }}"
    idempotency_key: "{{ order.id }}"
    steps:
      - { call: shop.book, with: { reference: "{{ order.id }}-first" } }
      - { call: shop.book, with: { reference: "{{ order.id }}-second" } }
"#;

/// A shop with one order; `unbook` is the status that its second booking's undo is answered with.
async fn shop(unbook: u16) -> (Small, Arc<AtomicU16>) {
    let unbook = Arc::new(AtomicU16::new(unbook));
    let answered = Arc::clone(&unbook);
    let script = move |seen: &Seen| -> Answer {
        match seen.path.as_str() {
            "/orders" => (200, json!({ "rows": [{ "id": "o1" }] })),
            "/book" => (200, json!({ "id": seen.body["reference"] })),
            "/unbook/o1-second" => (answered.load(Ordering::SeqCst), json!({ "message": "too late" })),
            _ => (200, Value::Null),
        }
    };
    let small = Small::new(SYSTEM, MAPPING, script).await;
    small.run_well().await;
    (small, unbook)
}

async fn undo(small: &Small) -> Ordered {
    told(small, Command::Undo(order("o1"))).await
}

async fn told(small: &Small, command: Command) -> Ordered {
    let Reply::Ordered(mut told) = small.command(command).await else { panic!("no orders") };
    told.remove(0)
}

async fn effects(small: &Small) -> Vec<EffectState> {
    small.show("o1").await.effects.iter().map(|effect| effect.state).collect()
}

fn asked(small: &Small) -> (usize, usize) {
    (small.seen("/unbook/o1-first").len(), small.seen("/unbook/o1-second").len())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_is_undone_first_and_a_refusal_stops_there() {
    let (small, unbook) = shop(400).await;
    let refused = undo(&small).await;
    assert_eq!(refused.state, Some(RecordState::Parked));
    let problem = refused.problem.unwrap();
    assert!(problem.contains("shop.book was not undone, and still stands"), "{problem}");
    assert!(problem.contains("What else is to be undone goes on with `ml-connector resume`"), "{problem}");
    assert_eq!(effects(&small).await, [EffectState::Undoing, EffectState::Confirmed]);
    assert_eq!(asked(&small), (0, 1));
    // Once the other side lets it go, another try undoes both.
    unbook.store(200, Ordering::SeqCst);
    assert_eq!(undo(&small).await.problem, None);
    assert_eq!(effects(&small).await, [EffectState::Undone, EffectState::Undone]);
    assert_eq!(asked(&small), (1, 2));
    assert_eq!(small.show("o1").await.record.state, RecordState::Discarded);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_undone_may_stand_while_the_rest_is_undone() {
    let (small, _) = shop(400).await;
    undo(&small).await;
    assert_eq!(told(&small, Command::Resume(order("o1"))).await.problem, None);
    small.run_well().await;
    assert_eq!(effects(&small).await, [EffectState::Undone, EffectState::Confirmed]);
    assert_eq!(asked(&small), (1, 1));
    let record = small.show("o1").await.record;
    let message = record.reason.unwrap().message;
    assert_eq!(record.state, RecordState::Discarded);
    assert_eq!(message, "undone for tester: a test; it cannot undo shop.book, which still stands");
}
