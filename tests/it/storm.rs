//! A storm of pushed events, with the program killed in the middle of it: none that was acknowledged is missing, and none is
//! written back twice.
//!
//! `ML_CONNECTOR_STORM_EVENTS`, `ML_CONNECTOR_STORM_RATE` (a second) and `ML_CONNECTOR_STORM_KILLS` make it stronger, and
//! `ML_CONNECTOR_STORM_PROGRAM` names another build of the program: see `tests/event-storm.sh`.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use ml_connector::base::SystemClock;
use ml_connector::base::crash::VARIABLE;
use ml_connector::simulator::dice::Dice;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::home::{Home, listener};
use crate::kill::wanted;

/// Events of one parcel.
const STAGES: u64 = 5;

const COURIER: &str = r#"
system: courier
title: A courier that pushes
settings: { url: { type: text, docs: Where it would be. } }
credentials:
  key: { docs: Nothing is asked of it. }
  push_secret: { docs: What it sends along. }
base_url: "{{ settings.url }}"
auth: { api_key: { header: X-Key, key: key } }
transport: { rest: {} }
webhooks:
  moved:
    docs: A parcel moved.
    proof: { header: { header: X-Push-Secret, credential: push_secret } }
    body: { parcel: text, stage: integer }
    id: "{{ body.parcel }}/{{ body.stage }}"
"#;

const BOOKS: &str = r#"
system: books
title: Where it is written to
settings: { url: { type: text, docs: Where it is. } }
credentials: { key: { docs: A key. } }
base_url: "{{ settings.url }}"
auth: { api_key: { header: X-Key, key: key } }
transport: { rest: {} }
limits: { concurrency: 16 }
operations:
  shown:
    docs: What stands there.
    effect: read
    input: { parcel: text }
    request: { method: GET, path: "/parcels/{{ input.parcel }}" }
    answer: { stage: integer }
    result: { stage: "{{ answer.stage }}" }
  write:
    docs: Writes what a parcel has come to.
    effect: idempotent
    input: { parcel: text, stage: integer }
    request:
      method: PUT
      path: /parcels/{{ input.parcel }}
      json: { stage: "{{ input.stage }}" }
    answer: { stage: integer }
    result: { stage: "{{ answer.stage }}" }
"#;

const MAPPING: &str = r#"
mapping: storm
title: What a courier tells is written down
systems: { courier: courier, books: books }
flows:
  moves:
    title: Moves
    source: { webhook: courier.moved }
    record: moved
    key: "{{ moved.parcel }}"
    idempotency_key: "{{ moved.parcel }}"
    merge: { by: "{{ moved.stage }}" }
    steps:
      # A program that was killed does not know whether it has written: the books do.
      - id: before
        call: books.shown
        with: { parcel: "{{ moved.parcel }}" }
      - id: written
        when: "{{ before.stage != moved.stage }}"
        call: books.write
        with: { parcel: "{{ moved.parcel }}", stage: "{{ moved.stage }}" }
    on_change: { after_done: repeat }
"#;

/// The books: the stage of each parcel, and how often each stage of it was written.
#[derive(Debug, Default)]
struct Books {
    stages: HashMap<String, u64>,
    writes: HashMap<(String, u64), u32>,
}

type Shared = Arc<Mutex<Books>>;

async fn shown(State(books): State<Shared>, Path(parcel): Path<String>) -> Json<Value> {
    let stage = books.lock().unwrap().stages.get(&parcel).copied().unwrap_or(0);
    Json(json!({ "stage": stage }))
}

async fn write(
    State(books): State<Shared>,
    Path(parcel): Path<String>,
    Json(body): Json<Value>,
) -> Json<Value> {
    let stage = body["stage"].as_u64().unwrap();
    let mut books = books.lock().unwrap();
    books.stages.insert(parcel.clone(), stage);
    *books.writes.entry((parcel, stage)).or_default() += 1;
    Json(body)
}

/// What the courier knows of its pushes.
#[derive(Debug, Default)]
struct Told {
    /// The last stage of each parcel that was acknowledged.
    acknowledged: BTreeMap<String, u64>,
    pushes: u64,
    accepted: u64,
    waits: Vec<Duration>,
}

struct World {
    home: Home,
    intake: SocketAddr,
    books: Shared,
    told: Arc<Mutex<Told>>,
}

impl World {
    async fn new() -> Self {
        let books = Shared::default();
        let listening = listener().await;
        let url = format!("http://{}", listening.local_addr().unwrap());
        let router =
            Router::new().route("/parcels/{parcel}", get(shown).put(write)).with_state(Arc::clone(&books));
        tokio::spawn(async move { axum::serve(listening, router).await });
        // A port that was free a moment ago: the program is started again at the same one.
        let intake = listener().await.local_addr().unwrap();
        let home = Home::new(SystemClock::shared());
        home.write("mappings/systems/courier.yaml", COURIER);
        home.write("mappings/systems/books.yaml", BOOKS);
        home.write("mappings/storm.yaml", MAPPING);
        let config = format!(
            "connections:\n  courier: {{ system: courier, settings: {{ url: {url} }} }}\n  books: {{ system: books, settings: {{ url: {url} }} }}\n\
             mappings:\n  storm: {{ connections: {{ courier: courier, books: books }} }}\n\
             intake: {{ listen: \"{intake}\", url: \"http://{intake}\" }}\n"
        );
        home.write("ml-connector.yaml", &config);
        home.set_secrets([
            ("courier.key", "k"),
            ("courier.push_secret", "courier-push-secret"),
            ("books.key", "k"),
        ]);
        Self { home, intake, books, told: Arc::default() }
    }

    async fn start(&self) -> Child {
        self.start_with(None).await
    }

    /// As [`World::start`]; the program dies at this point.
    async fn start_with(&self, crash: Option<&str>) -> Child {
        let mut program = self.program(&["run"]);
        if let Some(crash) = crash {
            program.env(VARIABLE, crash);
        }
        let child = program.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let listens = async {
            while tokio::net::TcpStream::connect(self.intake).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), listens).await.expect("the program never listened");
        child
    }

    fn program(&self, words: &[&str]) -> Command {
        let built = env!("CARGO_BIN_EXE_ml-connector").to_owned();
        let mut command = Command::new(wanted("ML_CONNECTOR_STORM_PROGRAM", built));
        command.args(words).arg("--config").arg(self.home.path());
        command
    }

    /// Pushes one event once, as a sender does that never repeats what failed.
    async fn push(&self, client: &reqwest::Client, parcel: String, stage: u64) -> bool {
        let began = Instant::now();
        let request = client
            .post(format!("http://{}/hooks/courier/moved", self.intake))
            .header("X-Push-Secret", "courier-push-secret")
            .header("Content-Type", "application/json")
            .body(json!({ "parcel": parcel, "stage": stage }).to_string());
        let answered = request.send().await;
        let heard = answered.is_ok_and(|answer| answer.status().is_success());
        let mut told = self.told.lock().unwrap();
        told.pushes += 1;
        if heard {
            told.accepted += 1;
            told.waits.push(began.elapsed());
            let last = told.acknowledged.entry(parcel).or_default();
            *last = (*last).max(stage);
        }
        heard
    }

    /// Lets the program finish what is left.
    async fn finish(&self) {
        let last = self.program(&["run", "--until-idle"]).output().await.unwrap();
        assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap()
}

/// Whoever was not answered tells again, and it is heard once: whether the power went before the commit or after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_around_the_commit_of_a_push_loses_and_doubles_nothing() {
    for point in ["hook.before_inbox_commit", "hook.after_inbox_commit"] {
        let world = World::new().await;
        let mut child = world.start_with(Some(point)).await;
        assert!(!world.push(&client(), "P1".to_owned(), 1).await, "{point}: acknowledged by a dead program");
        assert!(!child.wait().await.unwrap().success(), "{point} was never reached");
        let mut child = world.start().await;
        assert!(world.push(&client(), "P1".to_owned(), 1).await, "{point}");
        child.kill().await.unwrap();
        world.finish().await;
        let books = world.books.lock().unwrap();
        assert_eq!(books.writes, HashMap::from([(("P1".to_owned(), 1), 1)]), "{point}");
    }
}

/// Events of parcels on their way: each parcel's in order at first, then shaken, with one in ten twice.
fn events(count: u64, dice: &mut Dice) -> Vec<(String, u64)> {
    let parcels = count / STAGES;
    let mut events: Vec<(u64, String, u64)> = Vec::new();
    for parcel in 0..parcels {
        for stage in 1..=STAGES {
            // Many parcels are on their way at once, and what tells of them comes early or late.
            let at = parcel * STAGES + stage * 200 + dice.below(400);
            events.push((at, format!("P{parcel:06}"), stage));
            if dice.chance(0.1) {
                events.push((at + dice.below(400), format!("P{parcel:06}"), stage));
            }
        }
    }
    events.sort();
    events.into_iter().map(|(_, parcel, stage)| (parcel, stage)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_with_a_kill_in_it_loses_nothing_and_writes_nothing_twice() {
    let count: u64 = wanted("ML_CONNECTOR_STORM_EVENTS", 1500);
    let rate: u64 = wanted("ML_CONNECTOR_STORM_RATE", 250);
    let kills: usize = wanted("ML_CONNECTOR_STORM_KILLS", 1);
    let world = Arc::new(World::new().await);
    let events = events(count, &mut Dice::new(count));
    let client = client();
    let mut child = world.start().await;
    let kill_at: Vec<usize> = (1..=kills).map(|kill| events.len() * kill / (kills + 1)).collect();
    let began = Instant::now();
    let mut pushes = tokio::task::JoinSet::new();
    let mut restart = None;
    for (number, (parcel, stage)) in events.into_iter().enumerate() {
        let due = began + Duration::from_micros(1_000_000 * number as u64 / rate);
        tokio::time::sleep_until(due.into()).await;
        if kill_at.contains(&number) {
            child.kill().await.unwrap();
            let world = Arc::clone(&world);
            // The courier does not wait for it.
            restart = Some(tokio::spawn(async move { world.start().await }));
        }
        if restart.as_ref().is_some_and(tokio::task::JoinHandle::is_finished)
            && let Some(restarted) = restart.take()
        {
            child = restarted.await.unwrap();
        }
        let (world, client) = (Arc::clone(&world), client.clone());
        pushes.spawn(async move { world.push(&client, parcel, stage).await });
    }
    while let Some(pushed) = pushes.join_next().await {
        pushed.unwrap();
    }
    let seconds = began.elapsed().as_secs_f64();
    if let Some(restarted) = restart {
        child = restarted.await.unwrap();
    }
    child.kill().await.unwrap();
    world.finish().await;

    let books = world.books.lock().unwrap();
    let mut told = world.told.lock().unwrap();
    told.waits.sort();
    let slowest = told.waits[told.waits.len() * 99 / 100];
    let missing: Vec<_> = told
        .acknowledged
        .iter()
        .filter(|(parcel, stage)| books.stages.get(*parcel).is_none_or(|written| written < stage))
        .collect();
    let doubled: Vec<_> = books.writes.iter().filter(|(_, times)| **times > 1).collect();
    println!(
        "storm: {} events in {seconds:.1} s, {} acknowledged (99 of 100 within {} ms), {kills} kills, {} parcels, {} written, \
         {} missing, {} written twice",
        told.pushes,
        told.accepted,
        slowest.as_millis(),
        told.acknowledged.len(),
        books.writes.len(),
        missing.len(),
        doubled.len(),
    );
    assert!(missing.is_empty(), "{missing:?}");
    assert!(doubled.is_empty(), "{doubled:?}");
    // While it was down nothing was acknowledged, and before and after nearly all was.
    assert!(told.accepted * 10 > told.pushes * 5, "{} of {}", told.accepted, told.pushes);
    assert!(told.accepted < told.pushes, "the kill was not felt");
}
