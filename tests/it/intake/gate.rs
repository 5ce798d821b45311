//! An engine that is told by a shop, its listener, and a log of all that is said meanwhile.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rsa::{KeyPair, KeySize};
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use ml_connector::base::{Clock, ManualClock};
use ml_connector::engine::command::{Command, Reply};
use ml_connector::engine::intake::WebhookStatus;
use ml_connector::engine::{Engine, Parts};
use ml_connector::server::intake;
use ml_connector::store::redb::RedbStore;
use ml_connector::store::{Batch, Event, EventQuery, EventState, Store, Write};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use super::caller::{Answer, Push, send};
use super::held::Held;
use super::shop::{KEY, MAPPING, PATH_SECRET, PUSH_ID, PUSH_SECRET, SYSTEM, key_set};
use crate::home::{Home, listener};

/// An engine behind its listener. The engine does not run: what is accepted stays in the inbox.
pub struct Gate {
    pub home: Home,
    pub clock: ManualClock,
    pub key: Arc<KeyPair>,
    pub engine: Arc<Engine>,
    pub store: Arc<Held>,
    pub address: SocketAddr,
    /// Where the shop itself is.
    pub shop: String,
    /// What the shop was asked.
    pub asked: Seen,
    pub logs: Logs,
    pub stop: CancellationToken,
    pub serving: JoinHandle<()>,
    _logging: DefaultGuard,
}

/// What a test wants otherwise.
#[derive(Default)]
pub struct Wishes {
    /// More lines of `intake:`, indented by two.
    pub intake: String,
    /// How long a sender may take; ten seconds without it.
    pub patience: Option<Duration>,
    /// How many connections there may be.
    pub connections: Option<usize>,
}

impl Gate {
    pub async fn new() -> Self {
        Self::wishing(Wishes::default()).await
    }

    pub async fn wishing(wishes: Wishes) -> Self {
        let logs = Logs::default();
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        let logging = tracing::subscriber::set_default(subscriber.with_writer(logs.clone()).finish());
        let clock = ManualClock::at("2026-11-20T12:00:00Z".parse().unwrap());
        let home = Home::new(Arc::new(clock.clone()));
        let key = Arc::new(KeyPair::generate(KeySize::Rsa2048).unwrap());
        let (shop, asked) = publish(key_set(&key)).await;
        configure(&home, &shop, &wishes.intake);
        let (engine, store) = start(&home);
        let intake = home.config().intake.clone().unwrap();
        let mut listener = intake::bind(&intake).await.unwrap();
        if let Some(patience) = wishes.patience {
            listener = listener.with_patience(patience);
        }
        if let Some(connections) = wishes.connections {
            listener = listener.with_connections(connections);
        }
        let (address, stop) = (listener.address().unwrap(), CancellationToken::new());
        let serving = tokio::spawn(intake::serve(Arc::clone(&engine), listener, stop.clone()));
        Self { home, clock, key, engine, store, address, shop, asked, logs, stop, serving, _logging: logging }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub async fn send(&self, push: &Push) -> Answer {
        send(self.address, &push.bytes()).await.expect("an answer")
    }

    /// The answer's status.
    pub async fn status(&self, push: &Push) -> u16 {
        self.send(push).await.status
    }

    /// A token that the shop's sender fetched.
    pub async fn token(&self) -> String {
        let form = format!("grant_type=client_credentials&client_id={PUSH_ID}&client_secret={PUSH_SECRET}");
        let answer = self.send(&Push::to("/token/shop", form)).await;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// All events that are kept.
    pub fn events(&self) -> Vec<Event> {
        self.store.events(&EventQuery::default()).unwrap()
    }

    /// Takes an event, as the engine does once it has made records of it.
    pub async fn take(&self, event: &Event) {
        let taken = Event { state: EventState::Taken, body: Vec::new(), ..event.clone() };
        let writes = vec![Write::Event { event: Box::new(taken), expected: event.version }];
        self.store.commit(Batch { writes }).await.unwrap();
    }

    /// How a webhook of the shop stands.
    pub async fn webhook(&self, name: &str) -> WebhookStatus {
        let Reply::Status(status) = self.engine.command(Command::Status).await else { panic!("no status") };
        let mut webhooks = status.webhooks.into_iter();
        webhooks.find(|one| one.connection == "shop" && one.webhook == name).expect("it is open")
    }

    /// Stops the listener and waits until all are answered.
    pub async fn close(self) {
        self.stop.cancel();
        self.serving.await.unwrap();
    }
}

pub fn configure(home: &Home, shop: &str, intake: &str) {
    home.write("mappings/systems/shop.yaml", SYSTEM.trim_start());
    home.write("mappings/small.yaml", MAPPING.trim_start());
    let settings = format!("settings: {{ url: {shop} }}");
    home.write(
        "ml-connector.yaml",
        &format!(
            "connections:\n  shop: {{ system: shop, {settings} }}\n  twin: {{ system: shop, {settings} }}\n\
             mappings:\n  small: {{ connections: {{ shop: shop }} }}\n  \
             second: {{ mapping: small, connections: {{ shop: twin }} }}\n\
             intake:\n  listen: 127.0.0.1:0\n  url: https://hooks.example.com\n{intake}"
        ),
    );
    for connection in ["shop", "twin"] {
        let name = |credential: &str| format!("{connection}.{credential}");
        home.set_secrets([
            (name("key").as_str(), "key-of-hunter2"),
            (name("push_id").as_str(), PUSH_ID),
            (name("push_secret").as_str(), PUSH_SECRET),
            (name("path_secret").as_str(), PATH_SECRET),
            (name("signing_key").as_str(), KEY),
        ]);
    }
}

/// A start of the program, over a store that a test can hold.
pub fn start(home: &Home) -> (Arc<Engine>, Arc<Held>) {
    let config = home.config();
    let redb = Arc::new(RedbStore::open(&config.state, home.clock.now()).unwrap());
    let (epoch, store) = (redb.epoch(), Arc::new(Held::new(redb)));
    let parts = Parts {
        config,
        store: Arc::clone(&store) as Arc<dyn Store>,
        vault: Arc::new(home.vault()),
        clock: Arc::clone(&home.clock),
        epoch,
        restored: false,
    };
    (Engine::new(parts).unwrap(), store)
}

/// A request that the shop saw, apart from those for its keys.
#[derive(Debug)]
pub struct Asked {
    pub uri: String,
    pub headers: HeaderMap,
}

type Seen = Arc<Mutex<Vec<Asked>>>;

/// A shop that publishes keys, tells of the parcels `3` and `4`, and sends who asks for `/away` elsewhere.
pub async fn publish(keys: Value) -> (String, Seen) {
    let listener = listener().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let parcels = async |State(seen): State<Seen>, uri: Uri, headers: HeaderMap| {
        let away = uri.path() == "/away";
        seen.lock().unwrap().push(Asked { uri: uri.to_string(), headers });
        if away {
            return (StatusCode::FOUND, [(LOCATION, "/elsewhere")]).into_response();
        }
        Json(json!({ "parcels": [{ "parcel": "3" }, { "parcel": "4" }] })).into_response()
    };
    let router = Router::new().route("/jwks", get(async || Json(keys)));
    let router = router.fallback(parcels).with_state(Arc::clone(&seen));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, seen)
}

/// All that is logged on this thread, at the finest level.
#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
