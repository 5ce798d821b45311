//! A shop that pushes parcels, or only says where they are; and what its engine makes of them.

use jiff::Timestamp;
use ml_connector::store::redb::RedbStore;
use ml_connector::store::{Batch, Event, EventState, Store, Write};
use serde_json::{Value, json};

use crate::small::{Answer, Seen, Small, nothing};

pub const PUSHED: &str = "webhook/shop/pushed";
pub const POINTED: &str = "webhook/shop/pointed";
pub const TOLD: &str = "told/small/watch";

pub const SYSTEM: &str = r#"
limits: { timeout: 5s, retry: { attempts: 3, first: 1s, max: 1s } }
types:
  parcel: { number: text(40), status: text(40), at: number }
operations:
  write:
    effect: idempotent
    input: { number: text(40), status: text(40) }
    request: { method: POST, path: /write, json: { number: "{{ input.number }}", status: "{{ input.status }}" } }
    answer: any
    result: {}
streams:
  parcels:
    record: parcel
    key: number
    request:
      method: GET
      path: /parcels
      query: { "since?": "{{ cursor.at }}", store: main, page: "{{ page.number }}", size: "{{ page.size }}" }
    answer: { parcels: [any] }
    records: "$.parcels[*]"
    paging: { number: { size: 2 } }
    cursor: { timestamp: { field: at, zone: UTC, overlap: 1m } }
  linked:
    record: parcel
    key: number
    request: { method: GET, path: /linked }
    answer: { parcels: [any], next?: text }
    records: "$.parcels[*]"
    paging: { link: { next: "{{ answer.next }}" } }
    cursor: none
webhooks:
  pushed:
    proof: { header: { header: x-push, credential: key } }
    body: { parcels: [parcel] }
    record: parcel
    give: { for_each: "{{ body.parcels }}", as: one, give: { number: "{{ one.number }}", status: "{{ one.status }}", at: "{{ one.at }}" } }
  pointed:
    proof: { header: { header: x-push, credential: key } }
    body: { url: text(200) }
    pointer: { url: "{{ body.url }}", hosts: ['^localhost$'], stream: parcels }
  chained:
    proof: { header: { header: x-push, credential: key } }
    body: { url: text(200) }
    pointer: { url: "{{ body.url }}", hosts: ['^localhost$'], stream: linked }
"#;

/// Every parcel is written once for each of its states; the second flow only notes it, and `watch` is told of each.
pub const MAPPING: &str = r#"
flows:
  parcels:
    title: Parcels
    source:
      - webhook: shop.pushed
      - webhook: shop.pointed
      - webhook: shop.chained
    record: parcel
    key: "{{ parcel.number }}"
    idempotency_key: "{{ parcel.number }}"
    on_change: { after_done: repeat }
    merge: { by: "{{ parcel.at }}" }
    steps:
      - id: written
        call: shop.write
        with: { number: "{{ parcel.number }}", status: "{{ parcel.status }}" }
      - tell: { watch: { number: "{{ parcel.number }}", status: "{{ parcel.status }}", at: "{{ parcel.at }}" } }
  seen:
    title: Seen
    source: { webhook: shop.pushed }
    record: parcel
    key: "{{ parcel.number }}"
    idempotency_key: "{{ parcel.number }}"
    steps: [{ set: { seen: "{{ parcel.number }}" } }]
  watch:
    title: Watched
    source: { told: { record: { number: text(40), status: text(40), at: number } } }
    record: parcel
    key: "{{ parcel.number }}"
    idempotency_key: "{{ parcel.number }}"
    on_change: { after_done: repeat }
    steps: [{ set: { seen: "{{ parcel.number }}" } }]
"#;

/// The shop with its mapping; what it is asked is answered by `script`, but that every write works.
pub async fn shop(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Small {
    Small::new(SYSTEM, MAPPING, move |seen| match seen.path.as_str() {
        "/write" => (200, json!({})),
        _ => script(seen),
    })
    .await
}

/// One that is never asked for parcels.
pub async fn silent() -> Small {
    shop(|_| nothing()).await
}

/// A parcel as the shop has it.
pub fn parcel(number: &str, status: &str, at: i64) -> Value {
    json!({ "number": number, "status": status, "at": at })
}

/// What the shop pushes of parcels.
pub fn push(parcels: &[Value]) -> Value {
    json!({ "parcels": parcels })
}

/// An event as the intake keeps it.
pub fn event(inbox: &str, name: &str, body: &Value, at: Timestamp) -> Event {
    Event {
        inbox: inbox.to_owned(),
        name: name.to_owned(),
        version: 0,
        received: at,
        due: at,
        attempts: 0,
        state: EventState::Waiting,
        reason: None,
        body: body.to_string().into_bytes(),
    }
}

/// Puts events into a store.
pub async fn put(store: &RedbStore, events: impl IntoIterator<Item = Event>) {
    let writes = events.into_iter().map(|event| Write::Event { event: Box::new(event), expected: 0 });
    store.commit(Batch { writes: writes.collect() }).await.unwrap();
}

/// Puts events where the next start finds them.
pub async fn lay(small: &Small, events: impl IntoIterator<Item = Event>) {
    let config = small.config();
    let store = RedbStore::open(&config.state, small.clock.now()).unwrap();
    put(&store, events).await;
    store.close().unwrap();
}

/// The event of this name, after a run.
pub fn kept(small: &Small, inbox: &str, name: &str) -> Option<Event> {
    let config = small.config();
    let store = RedbStore::open(&config.state, small.clock.now()).unwrap();
    let event = store.event(inbox, name).unwrap();
    store.close().unwrap();
    event
}

/// How many records a flow has.
pub async fn count(small: &Small, flow: &str) -> usize {
    small.records().await.iter().filter(|record| record.id.flow() == flow).count()
}
