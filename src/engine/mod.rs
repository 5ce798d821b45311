//! The engine: polls, keeps, runs, finds out and goes on.
//!
//! It runs checked mappings ([`crate::spec`]) over connections, and keeps what must not be forgotten in the
//! [`crate::store`]. Nothing in it knows any system by name.
//!
//! Not here: how a request gets on the wire (`http`, `auth`, `transport`), how things are stored (`store`), how an
//! operator reaches it (`server`, `cli`).
//!
//! Reading order: `poll` a page is read (`pages` where pages stand, [`cursor`] where a poll begins, `timer` the time as a
//! source), `arrive` it becomes records, [`ingest`] what a record that comes again means, `inbox` what was pushed or told is taken (`follow` what it points at, `registration` that it is told at all),
//! `flow` who works when, [`run`] a
//! record goes through its steps (`calls`, `tables`, `finish`), [`effect`] what must happen once, `resolve` what became of a
//! lost answer, `undo` what a person has undone, [`transition`] every move there is, [`operate`] what people decide. Below them: [`connection`] how something is
//! asked (`request`, `exchange`, [`answer`], [`outcome`], `batch`, `cache`, `turns`, `door`). [`rehearsal`] runs the tests of a
//! mapping, [`preview`] shows what would be sent.

mod afresh;
mod again;
pub mod answer;
mod arrive;
mod batch;
mod cache;
mod calls;
pub mod command;
pub mod connection;
pub mod cursor;
mod door;
pub mod effect;
mod exchange;
mod find;
mod finish;
mod flow;
mod follow;
mod idle;
mod inbox;
pub mod ingest;
pub mod intake;
mod keeper;
mod merge;
pub mod operate;
pub mod outcome;
mod pages;
mod poll;
pub mod preview;
mod registration;
pub mod rehearsal;
pub mod request;
mod resolve;
pub mod run;
mod shared;
mod source;
mod start;
mod status;
mod tables;
mod tell;
mod timer;
pub mod transition;
mod turns;
mod undo;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::command::PingResult;
use self::connection::Connection;
use self::flow::FlowRuntime;
use self::inbox::Taker;
use self::intake::Intake;
use self::outcome::Outcome;
use self::registration::Registrar;
use self::run::Stop;
use self::shared::Shared;
use crate::base::Clock;
use crate::spec::model::Config;
use crate::store::{FlowCount, Store};
use crate::vault::Vault;

pub use self::operate::offline;
pub use self::preview::{PreviewedStep, preview};
pub use self::rehearsal::{Difference, Rehearsed, RehearsedCall, rehearse};

/// What an engine is made of.
pub struct Parts {
    /// What to run.
    pub config: Arc<Config>,
    /// Where to keep what must not be forgotten.
    pub store: Arc<dyn Store>,
    /// Where credentials are.
    pub vault: Arc<Vault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Which start this is; greater than that of any engine that used the store before.
    pub epoch: u64,
    /// Whether the store was restored from an older copy: then every effect is looked up before it is made, until all
    /// flows have caught up.
    pub restored: bool,
}

/// How to run.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Poll every flow once, work until nothing is left, and return.
    pub until_idle: bool,
    /// Holds an engine back that runs until idle: before this is cancelled it goes on as any other does. Then it polls
    /// every flow once more, works until nothing is left, and returns.
    pub hold: Option<CancellationToken>,
    /// Cancelled to stop: no new work is taken, and what is in flight ends or is safely left.
    pub stop: CancellationToken,
}

impl RunOptions {
    fn held(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| !hold.is_cancelled())
    }

    async fn released(&self) {
        if let Some(hold) = &self.hold {
            hold.cancelled().await;
        }
    }
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct RunSummary {
    /// How many records of each state each flow has.
    pub flows: Vec<FlowCount>,
    /// Flows that could not go on, and why.
    pub troubles: Vec<(String, String)>,
    /// Whether it was asked to stop. One that was not, and was not to run until idle either, ended because of a bug.
    pub stopped: bool,
}

/// Records that came to each state since the start; one record counts once for each time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// New or changed records.
    pub received: u64,
    /// Records that are done.
    pub done: u64,
    /// Records that a person must look at.
    pub parked: u64,
    /// Times that a record had to wait.
    pub waits: u64,
    /// Records whose effect is in doubt.
    pub in_doubt: u64,
    /// Records that are not for their flow.
    pub skipped: u64,
}

/// Why an engine cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

/// Why an engine stopped by itself.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EngineError(pub String);

/// A configuration at work.
pub struct Engine {
    config: Arc<Config>,
    shared: Arc<Shared>,
    connections: BTreeMap<String, Arc<Connection>>,
    flows: Vec<Arc<FlowRuntime>>,
    takers: Vec<Arc<Taker>>,
    registrars: Vec<Arc<Registrar>>,
    started: Mutex<Option<Timestamp>>,
    restored: bool,
    intake: Intake,
}

impl Engine {
    /// Connects everything; nothing is sent yet.
    ///
    /// # Errors
    /// When a setting or a file makes a connection impossible.
    pub fn new(parts: Parts) -> Result<Arc<Self>, StartError> {
        let connections = start::connections(&parts)?;
        let flows = start::flows(&parts.config, &connections);
        let takers = inbox::takers(&parts.config, &connections, &flows);
        let registrars = registration::registrars(&parts, &connections)?;
        let intake = Intake::open(&parts, &connections)?;
        let shared = Arc::new(Shared::new(parts.store, parts.clock, parts.epoch));
        Ok(Arc::new(Self {
            config: parts.config,
            shared,
            connections,
            flows,
            takers,
            registrars,
            started: Mutex::new(None),
            restored: parts.restored,
            intake,
        }))
    }

    /// Runs all flows until stopped, or until nothing is left to do. A second call on the same engine is not meant to be.
    ///
    /// # Errors
    /// When the store fails: then no further effect may be started.
    pub async fn run(self: &Arc<Self>, options: RunOptions) -> Result<RunSummary, EngineError> {
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.shared.clock.now());
        start::keep_sources(&self.shared, &self.config)
            .await
            .map_err(|error| EngineError(error.to_string()))?;
        let names = self.flows.iter().map(|flow| flow.name.clone());
        self.shared.recover(self.restored, names).await.map_err(|error| EngineError(error.to_string()))?;
        let stopper = {
            let (outer, inner) = (options.stop.clone(), self.shared.stop.clone());
            tokio::spawn(async move {
                outer.cancelled().await;
                inner.cancel();
            })
        };
        for flow in &self.flows {
            self.shared.busy.register(&flow.name);
            self.shared.hire(&flow.name, &flow.work);
        }
        self.takers.iter().for_each(|taker| taker.register(&self.shared));
        let mut tasks = tokio::task::JoinSet::new();
        for flow in &self.flows {
            tasks.spawn(Arc::clone(flow).drive(Arc::clone(&self.shared), options.clone()));
        }
        for taker in &self.takers {
            tasks.spawn(Arc::clone(taker).drive(Arc::clone(&self.shared)));
        }
        for registrar in &self.registrars {
            tasks.spawn(Arc::clone(registrar).drive(Arc::clone(&self.shared)));
        }
        let ended =
            options.until_idle.then(|| tokio::spawn(end_when_idle(Arc::clone(&self.shared), options)));
        let mut failure = None;
        while let Some(joined) = tasks.join_next().await {
            let failed = match joined {
                Ok(Ok(())) => continue,
                Ok(Err(stop)) => stop.to_string(),
                Err(_) => "a bug stopped a flow; please report it with the log".to_owned(),
            };
            // The store is not to be trusted any more: no flow may go on.
            self.shared.stop.cancel();
            failure.get_or_insert(failed);
        }
        stopper.abort();
        let idle = match ended {
            Some(ended) => {
                ended.abort();
                ended.await.is_ok()
            }
            None => false,
        };
        for connection in self.connections.values() {
            connection.auth.release().await;
        }
        match failure {
            Some(failure) => Err(EngineError(failure)),
            None => self.summary(!idle).map_err(|error| EngineError(error.to_string())),
        }
    }

    fn summary(&self, stopped: bool) -> Result<RunSummary, Stop> {
        let troubles = self
            .flows
            .iter()
            .filter_map(|flow| flow.trouble().map(|trouble| (flow.name.clone(), trouble)))
            .chain(inbox::troubles(&self.takers))
            .collect();
        Ok(RunSummary {
            flows: self.shared.store.counts()?,
            troubles,
            stopped: stopped && self.shared.stop.is_cancelled(),
        })
    }

    /// Follows the work.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.shared.progress.subscribe()
    }

    /// Makes the call that proves a connection, with its real credentials, within its limits.
    async fn ping(&self, connection: &str) -> PingResult {
        let (system, (ok, message, milliseconds)) = match self.connections.get(connection) {
            Some(connected) => (connected.system.title.clone(), connected.ping().await),
            None => (String::new(), (false, format!("there is no connection called `{connection}`"), 0)),
        };
        PingResult { connection: connection.to_owned(), system, ok, message, milliseconds }
    }
}

/// Stops an engine once nothing is left to do.
async fn end_when_idle(shared: Arc<Shared>, options: RunOptions) {
    options.released().await;
    shared.busy.over().await;
    shared.stop.cancel();
}

impl Connection {
    async fn ping(&self) -> (bool, String, u64) {
        let Some(ping) = &self.system.ping else {
            return (true, format!("{} has no `ping`; nothing was asked", self.system.title), 0);
        };
        let input = match ping.with.evaluate(&self.values) {
            Ok(input) => input,
            Err(error) => return (false, format!("the ping's input cannot be made: {error}"), 0),
        };
        self.come();
        let made = {
            let _turn = match &self.turns {
                Some(turns) => Some(turns.lock().await),
                None => None,
            };
            self.call("ping", &ping.operation, &input).await
        };
        self.leave().await;
        let milliseconds = made.facts.get("milliseconds").and_then(serde_json::Value::as_u64).unwrap_or(0);
        match made.outcome {
            Outcome::Ok { .. } | Outcome::Done => {
                (true, "reached, and the credentials were accepted".to_owned(), milliseconds)
            }
            outcome => (false, outcome.cause(), milliseconds),
        }
    }
}
