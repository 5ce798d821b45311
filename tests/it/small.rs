//! A small world: one scripted server, a system file and a mapping that a test writes, and an engine over them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use ml_connector::base::ManualClock;
use ml_connector::engine::command::{Command, Reply, Status};
use ml_connector::engine::{Engine, RunOptions};
use ml_connector::store::Record;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::home::{Home, at_home, listener};

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Without the query.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Value,
}

impl Seen {
    /// A query parameter as a whole number; 0 where there is none.
    pub fn number(&self, name: &str) -> usize {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// What the server answers.
pub type Answer = (u16, Value);
type Script = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

#[derive(Clone)]
struct Server {
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// The world.
pub struct Small {
    home: Home,
    server: Server,
    pub url: String,
}

at_home!(Small);

impl Small {
    /// A world with this system, called `shop`, and this mapping, called `small`, whose only role is `shop`. The head of both
    /// files is written already.
    pub async fn new(
        system: &str,
        mapping: &str,
        script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = listener().await;
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script: Script = Arc::new(script);
        let server = Server { script: Arc::new(Mutex::new(script)), seen: Arc::default() };
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let small = Self { home: Home::new(ml_connector::base::SystemClock::shared()), server, url };
        let auth = "auth: { api_key: { header: X-Key, key: key } }\n";
        let auth = if system.starts_with("auth:") { "" } else { auth };
        let shop = format!(
            "system: shop\ntitle: The shop\nsettings:\n  url: {{ type: text, docs: Where it is. }}\n\
             credentials:\n  key: {{ docs: A key. }}\nbase_url: \"{{{{ settings.url }}}}\"\n\
             {auth}transport: {{ rest: {{}} }}\n{system}"
        );
        small.write("mappings/systems/shop.yaml", &shop);
        let mapping = format!("mapping: small\ntitle: Small\nsystems: {{ shop: shop }}\n{mapping}");
        small.write("mappings/small.yaml", &mapping);
        small.configure("mappings:\n  small: { connections: { shop: shop } }\n");
        small.set_secrets([("shop.key", "shop-key")]);
        small
    }

    /// On a clock that only the test moves.
    pub fn on(mut self, clock: &ManualClock) -> Self {
        self.home.clock = Arc::new(clock.clone());
        self
    }

    /// On a clock that runs so many times faster than the wall's.
    pub fn hurried(mut self, times: u32) -> Self {
        self.home.clock = crate::world::Hurried::shared(times);
        self
    }

    /// On such a clock that shows `began` now.
    pub fn hurried_from(mut self, times: u32, began: jiff::Timestamp) -> Self {
        self.home.clock = crate::world::Hurried::from(began, times);
        self
    }

    /// Runs these mappings, below a connection called `shop`.
    pub fn configure(&self, mappings: &str) {
        let url = &self.url;
        let config =
            format!("connections:\n  shop: {{ system: shop, settings: {{ url: {url} }} }}\n{mappings}");
        self.write("ml-connector.yaml", &config);
    }

    /// Answers otherwise from now on.
    pub fn script(&self, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) {
        *self.server.script.lock().unwrap() = Arc::new(script);
    }

    /// The requests for a path so far.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        let seen = self.server.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.path == path).cloned().collect()
    }

    /// Runs until idle; nothing may be in trouble.
    pub async fn run_well(&self) {
        let summary = self.run().await;
        assert_eq!(summary.troubles, []);
    }

    /// Runs an engine while `test` goes on, then stops it.
    pub async fn running<T: Future<Output = ()>>(&self, test: impl FnOnce(Running) -> T) {
        let (engine, store) = self.engine();
        let stop = CancellationToken::new();
        let options = RunOptions { stop: stop.clone(), ..RunOptions::default() };
        let run = tokio::spawn({
            let engine = Arc::clone(&engine);
            async move { engine.run(options).await }
        });
        test(Running { engine: Arc::clone(&engine) }).await;
        stop.cancel();
        run.await.unwrap().unwrap();
        drop(engine);
        store.close().unwrap();
    }

    /// All records, by id.
    pub async fn records(&self) -> Vec<Record> {
        self.home.records(&[]).await
    }
}

/// An engine at work.
pub struct Running {
    pub engine: Arc<Engine>,
}

impl Running {
    /// Waits until so many records are done.
    pub async fn done(&self, count: u64) {
        let mut progress = self.engine.progress();
        let done = progress.wait_for(|progress| progress.done >= count);
        tokio::time::timeout(Duration::from_secs(30), done).await.unwrap().unwrap();
    }

    /// Waits until the status is as `wanted` says.
    pub async fn until(&self, wanted: impl Fn(&Status) -> bool) {
        let waited = async {
            loop {
                let Reply::Status(status) = self.engine.command(Command::Status).await else {
                    panic!("no status")
                };
                if wanted(&status) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waited).await.expect("it never came to that");
    }
}

async fn answer(State(server): State<Server>, uri: Uri, body: Bytes) -> Response {
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let seen = Seen {
        path: uri.path().to_owned(),
        query: query.into_owned().collect(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    server.seen.lock().unwrap().push(seen.clone());
    let script = server.script.lock().unwrap().clone();
    let (status, body) = script(&seen);
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}

/// An answer that there is no such thing.
pub fn nothing() -> Answer {
    (404, json!({ "message": "there is no such thing" }))
}
