//! A configuration directory of a test with its clock, and what a start of the program makes of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ml_connector::base::{Clock, Secret};
use ml_connector::diagnostics::{Sources, human};
use ml_connector::engine::command::{Command, Reply, Shown, Status};
use ml_connector::engine::{Engine, Parts, RunOptions, RunSummary};
use ml_connector::spec;
use ml_connector::spec::model::Config;
use ml_connector::store::redb::RedbStore;
use ml_connector::store::{AuditEntry, AuditQuery, Record, RecordQuery, RecordState, Store};
use ml_connector::vault::{MasterKey, Vault};
use serde_json::Value;
use tokio::net::TcpListener;

/// A configuration directory with a master key, that is gone afterwards. Worlds of tests deref to it.
pub struct Home {
    directory: tempfile::TempDir,
    /// The engine's clock; a test that drives it keeps a clock of its own beside.
    pub clock: Arc<dyn Clock>,
}

impl Home {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::within(&std::env::temp_dir(), clock)
    }

    /// One below a directory of the test's choice.
    pub fn within(parent: &Path, clock: Arc<dyn Clock>) -> Self {
        let home = Self { directory: tempfile::tempdir_in(parent).unwrap(), clock };
        MasterKey::generate_file(&home.path().join("master.key")).unwrap();
        home
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// Writes a file of the configuration.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn vault(&self) -> Vault {
        Vault::open(&self.path(), MasterKey::from_file(&self.path().join("master.key")).unwrap()).unwrap()
    }

    pub fn set_secrets<'a>(&self, secrets: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let vault = self.vault();
        for (name, value) in secrets {
            vault.set(name, &Secret::new(value), self.clock.now()).unwrap();
        }
    }

    /// Loads the configuration.
    pub fn config(&self) -> Arc<Config> {
        let mut sources = Sources::default();
        let (config, findings) = spec::load_config(&self.path(), &mut sources);
        Arc::new(config.unwrap_or_else(|| panic!("{}", human::render(&findings, &sources, false))))
    }

    /// Opens the store and makes an engine, as a start of the program does.
    pub fn engine(&self) -> (Arc<Engine>, Arc<RedbStore>) {
        let config = self.config();
        let store = Arc::new(RedbStore::open(&config.state, self.clock.now()).unwrap());
        let engine = Engine::new(Parts {
            config,
            store: store.clone(),
            vault: Arc::new(self.vault()),
            clock: Arc::clone(&self.clock),
            epoch: store.epoch(),
            restored: store.opening().older,
        });
        (engine.unwrap(), store)
    }

    /// Runs a fresh engine until nothing is left to do.
    pub async fn run(&self) -> RunSummary {
        let (engine, store) = self.engine();
        let summary = engine.run(RunOptions { until_idle: true, ..RunOptions::default() }).await.unwrap();
        drop(engine);
        store.close().unwrap();
        summary
    }

    /// Gives a command to an engine that is not running.
    pub async fn command(&self, command: Command) -> Reply {
        let (engine, store) = self.engine();
        let reply = engine.command(command).await;
        drop(engine);
        store.close().unwrap();
        reply
    }

    /// The records in these states, or all, by id.
    pub async fn records(&self, states: &[RecordState]) -> Vec<Record> {
        let query = RecordQuery { states: states.to_vec(), ..RecordQuery::default() };
        match self.command(Command::Records(query)).await {
            Reply::Records(mut records) => {
                records.sort_by(|one, other| one.id.cmp(&other.id));
                records
            }
            other => panic!("{other:?}"),
        }
    }

    /// The records of one flow in these states, or all, by id.
    pub async fn records_of(&self, flow: &str, states: &[RecordState]) -> Vec<Record> {
        let mut records = self.records(states).await;
        records.retain(|record| record.id.flow() == flow);
        records
    }

    /// One record with all that belongs to it.
    pub async fn show(&self, text: &str) -> Shown {
        match self.command(Command::Show { text: text.to_owned() }).await {
            Reply::Shown(shown) => *shown,
            other => panic!("{other:?}"),
        }
    }

    /// How everything stands.
    pub async fn status(&self) -> Status {
        match self.command(Command::Status).await {
            Reply::Status(status) => *status,
            other => panic!("{other:?}"),
        }
    }

    /// Audit entries of this kind, with what belongs to them.
    pub fn audit(&self, event: &str) -> Vec<AuditEntry> {
        let (_, store) = self.engine();
        let query = AuditQuery { event: Some(event.to_owned()), bodies: true, ..AuditQuery::default() };
        let entries = store.audit(&query).unwrap();
        store.close().unwrap();
        entries
    }

    /// The rows of a table of a mapping's use, by key.
    pub fn rows(&self, table: &str) -> Vec<(String, Value)> {
        let (_, store) = self.engine();
        let rows = store.rows(table).unwrap().into_iter().map(|row| (row.key, row.value)).collect();
        store.close().unwrap();
        rows
    }
}

/// Lets a world of a test stand for its home.
macro_rules! at_home {
    ($world:ty) => {
        impl std::ops::Deref for $world {
            type Target = crate::home::Home;

            fn deref(&self) -> &Self::Target {
                &self.home
            }
        }
    };
}
pub(crate) use at_home;

/// A port of this machine.
pub async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}
