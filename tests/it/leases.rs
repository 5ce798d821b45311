//! A year of parcels that are watched by subscriptions of two weeks, on a clock that only the test moves: the engine is
//! restarted in the middle of things, and now and then the other side is down for hours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ml_connector::base::{Clock, ManualClock};
use ml_connector::engine::command::{Command, Reply, Status};
use ml_connector::engine::{Engine, RunOptions};
use ml_connector::store::RecordState;
use ml_connector::store::Store;
use ml_connector::store::redb::RedbStore;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::small::{Answer, Seen, Small};

/// The other side forgets a number after so long.
const LEASE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A parcel that did not arrive by then is not watched any more.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(60 * 24);

/// What is shipped is watched after so long at the latest: the next poll, an outage, and the pauses between attempts.
const UNKNOWN: SignedDuration = SignedDuration::from_hours(36);

/// How long a parcel is listed after it arrived.
const LISTED: SignedDuration = SignedDuration::from_hours(7 * 24);

const PARCELS: usize = 200;

const SYSTEM: &str = r#"
limits: { concurrency: 4, retry: { first: 1m, max: 30m, attempts: 1000 }, breaker: { failures: 3, pause: 5m, max: 30m } }
types:
  parcel: { number: text, delivered: boolean }
streams:
  parcels:
    record: parcel
    key: number
    request: { method: GET, path: /parcels }
    answer: { rows: [any] }
    records: "$.rows[*]"
    paging: single
    cursor: none
operations:
  watch:
    effect: idempotent
    input: { number: text }
    batch: { most: 100, wait: 1s, items: "$[*]", match: { input: "{{ input.number }}", item: "{{ item.number }}" } }
    request: { method: POST, path: /watch, json: { for_each: "{{ inputs }}", as: one, give: "{{ one.number }}" } }
    answer: [{ number: text }]
    result: {}
"#;

const MAPPING: &str = r#"
settings:
  renew: { type: duration, default: 13d }
flows:
  parcels:
    title: Parcels
    source: { poll: { stream: shop.parcels, every: 12h } }
    record: parcel
    key: "{{ parcel.number }}"
    idempotency_key: "{{ parcel.number }}"
    on_change: { after_done: repeat }
    steps:
      - tell: { watch: { number: "{{ parcel.number }}", delivered: "{{ parcel.delivered }}" } }
  watch:
    title: Watch
    source: { told: { record: { number: text, delivered: boolean } } }
    record: parcel
    key: "{{ parcel.number }}"
    idempotency_key: "{{ parcel.number }}"
    on_change: { after_done: repeat }
    steps:
      - check: "{{ not parcel.delivered }}"
        otherwise: { done: It was delivered }
      - call: shop.watch
        with: { number: "{{ parcel.number }}" }
    again: { after: "{{ settings.renew }}", give_up: 60d }
"#;

/// Numbers that come out the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A parcel, as it really is.
struct Parcel {
    number: String,
    shipped: Timestamp,
    delivered: Timestamp,
}

/// The other side's books.
struct Books {
    clock: ManualClock,
    parcels: Vec<Parcel>,
    down: bool,
    /// Until when each number is watched.
    leases: BTreeMap<String, Timestamp>,
    /// How many numbers each call had.
    calls: Vec<usize>,
    /// Numbers that were watched although the engine knew that they were delivered.
    needless: Vec<String>,
    /// Numbers that the last list said were delivered, and those that the engine has taken to heart.
    said: BTreeSet<String>,
    known: BTreeSet<String>,
}

impl Books {
    fn answer(&mut self, seen: &Seen) -> Answer {
        let now = self.clock.now();
        if self.down {
            return (503, json!({ "message": "closed for repairs" }));
        }
        match seen.path.as_str() {
            "/parcels" => {
                // Those that arrived a week ago are not listed any more.
                let recent = |parcel: &&Parcel| parcel.shipped <= now && now < parcel.delivered + LISTED;
                let shipped = self.parcels.iter().filter(recent);
                let delivered = |parcel: &Parcel| parcel.delivered <= now;
                let row =
                    |parcel: &Parcel| json!({ "number": parcel.number, "delivered": delivered(parcel) });
                let rows: Vec<Value> = shipped.map(row).collect();
                let said = self.parcels.iter().filter(|parcel| delivered(parcel));
                self.said = said.map(|parcel| parcel.number.clone()).collect();
                (200, json!({ "rows": rows }))
            }
            _ => {
                let numbers: Vec<String> = serde_json::from_value(seen.body.clone()).unwrap();
                self.calls.push(numbers.len());
                for number in &numbers {
                    if self.known.contains(number) {
                        self.needless.push(number.clone());
                    }
                    self.leases.insert(number.clone(), now + LEASE);
                }
                (200, numbers.iter().map(|number| json!({ "number": number })).collect())
            }
        }
    }

    /// Parcels that are on their way, known for longer than an outage lasts, and not watched.
    fn forgotten(&self) -> Vec<String> {
        let now = self.clock.now();
        let alive = |parcel: &&Parcel| {
            parcel.shipped + UNKNOWN < now && now < parcel.delivered && now < parcel.shipped + GIVE_UP
        };
        let watched = |parcel: &&Parcel| self.leases.get(&parcel.number).is_some_and(|until| *until > now);
        let forgotten = self.parcels.iter().filter(alive).filter(|parcel| !watched(parcel));
        forgotten.map(|parcel| parcel.number.clone()).collect()
    }
}

/// An engine at work, as a start of the program makes one.
struct Start {
    engine: Arc<Engine>,
    store: Arc<RedbStore>,
    stop: CancellationToken,
    run: JoinHandle<()>,
}

impl Start {
    fn of(small: &Small) -> Self {
        let (engine, store) = small.engine();
        let stop = CancellationToken::new();
        let options = RunOptions { stop: stop.clone(), ..RunOptions::default() };
        let running = Arc::clone(&engine);
        let run = tokio::spawn(async move { drop(running.run(options).await.unwrap()) });
        Self { engine, store, stop, run }
    }

    async fn end(self) {
        self.stop.cancel();
        self.run.await.unwrap();
        drop(self.engine);
        self.store.close().unwrap();
    }

    async fn status(&self) -> Status {
        match self.engine.command(Command::Status).await {
            Reply::Status(status) => *status,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until all that can be done now is done: nothing is in flight, to be taken, due, or to be read. What waits for
    /// company gets the seconds that it waits for.
    async fn settle(&self, clock: &ManualClock) {
        let (mut last, mut still) = (None, 0);
        let settled = async {
            while !self.at_rest(clock.now()).await {
                let in_flight: u64 = self.status().await.flows.iter().map(|flow| flow.in_flight).sum();
                let seen = Some((in_flight, *self.engine.progress().borrow()));
                still = if seen == last { still + 1 } else { 0 };
                last = seen;
                if still == 10 {
                    still = 0;
                    clock.advance(Duration::from_secs(1));
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), settled).await.expect("it comes to rest");
    }

    /// Looked at in the order in which work is handed on, so that none is missed on its way.
    async fn at_rest(&self, now: Timestamp) -> bool {
        let status = self.status().await;
        let flow = |name: &str| status.flows.iter().find(|flow| flow.flow == name).unwrap();
        let resting = |name: &str| {
            let flow = flow(name);
            flow.in_flight == 0
                && (flow.trouble.is_some() || self.store.due(name, now, 1).unwrap().is_empty())
        };
        flow("small/parcels").next_poll.is_some_and(|next| next > now)
            && resting("small/parcels")
            && self.store.next_event_due("told/small/watch", None).unwrap().is_none()
            && resting("small/watch")
    }
}

/// So many days, with leases that are renewed after `renew`.
async fn watch_parcels(renew: &str, seed: u64, days: i64) {
    let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let clock = ManualClock::at(begin);
    let mut chance = Chance(seed);
    let parcels = (0..PARCELS).map(|index| {
        // Parcels are shipped together, and on one day very many; a few never arrive.
        let day = if index < 120 { 60 } else { chance.below(days as u64 / 6 - 3) * 6 };
        let shipped = begin + SignedDuration::from_mins((day * 24 * 60 + 10 * 60) as i64);
        let days = match index {
            _ if index % 25 == 0 => 400,
            0..120 => 15 + chance.below(30),
            _ => 2 + chance.below(40),
        };
        let delivered = shipped + SignedDuration::from_hours(days as i64 * 24);
        Parcel { number: format!("1Z{index:04}"), shipped, delivered }
    });
    let books = Books {
        clock: clock.clone(),
        parcels: parcels.collect(),
        down: false,
        leases: BTreeMap::new(),
        calls: Vec::new(),
        needless: Vec::new(),
        said: BTreeSet::new(),
        known: BTreeSet::new(),
    };
    let books = Arc::new(Mutex::new(books));
    let shop = Arc::clone(&books);
    let small = Small::new(SYSTEM, MAPPING, move |seen| shop.lock().unwrap().answer(seen)).await.on(&clock);
    small.configure(&format!(
        "mappings:\n  small: {{ connections: {{ shop: shop }}, settings: {{ renew: {renew} }} }}\n"
    ));
    let mut start = Start::of(&small);
    let mut turn = begin;
    while clock.now() < begin + SignedDuration::from_hours(days * 24) {
        start.settle(&clock).await;
        let now = clock.now();
        {
            let mut books = books.lock().unwrap();
            assert_eq!(books.forgotten(), Vec::<String>::new(), "{now}, renewed after {renew}");
            books.known = books.said.clone();
            // Now and then it is down for some hours.
            if now >= turn {
                books.down = !books.down;
                let hours = if books.down { 1 + chance.below(4) } else { 48 + chance.below(240) };
                turn = now + SignedDuration::from_hours(hours as i64);
            }
        }
        // While it is down, time goes slowly: what waits for it comes as soon as it is up.
        let longest = if books.lock().unwrap().down { 60 } else { 660 };
        clock.advance(Duration::from_secs(60 * (60 + chance.below(longest))));
        if chance.below(50) == 0 {
            // In the middle of what this moment brings; and it stays away for a while.
            start.end().await;
            clock.advance(Duration::from_secs(3600 * chance.below(4)));
            start = Start::of(&small);
        }
    }
    start.settle(&clock).await;
    start.end().await;
    {
        let books = books.lock().unwrap();
        assert_eq!(books.needless, Vec::<String>::new(), "what was delivered is not watched any more");
        assert_eq!(books.calls.iter().max(), Some(&100), "numbers are gathered, up to a hundred");
        let watched: usize = books.calls.iter().sum();
        assert!(watched > PARCELS + PARCELS / 2 && books.calls.len() * 3 < watched, "{:?}", books.calls);
    }
    let records = small.records().await;
    assert_eq!(records.len(), PARCELS * 2);
    for record in records.iter().filter(|record| record.id.flow() == "watch") {
        assert_eq!(record.state, RecordState::Done, "{record:#?}");
        let delivered = record.source["delivered"] == true;
        let young = record.received + GIVE_UP > clock.now();
        assert!(!(delivered && record.again.is_some()), "{record:#?}");
        assert!(delivered || !young || record.again.is_some(), "{record:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_parcel_is_forgotten_in_a_year_of_leases_that_are_renewed_late() {
    watch_parcels("13d", 7, 366).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_parcel_is_forgotten_in_half_a_year_of_leases_that_are_renewed_early() {
    watch_parcels("10d", 11, 183).await;
}
