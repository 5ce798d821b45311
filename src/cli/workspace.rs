//! A configuration directory at hand: its configuration, vault, store and engine, or the engine that runs on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::library;
use super::outcome::Trouble;
use super::output::Output;
use crate::base::{Clock, SystemClock};
use crate::engine::command::{Command, Reply};
use crate::engine::{self, Engine, Parts};
use crate::server::admin;
use crate::spec::model::{Config, KeySource};
use crate::store::directory::OpenOptions;
use crate::store::redb::RedbStore;
use crate::store::{Store, StoreError};
use crate::vault::{MasterKey, Vault};

/// How long a command that prints the master key may take.
const KEY_COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// Where the configuration is, as an argument of commands that need one.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigArg {
    /// The directory of `ml-connector.yaml`.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub config: PathBuf,
}

/// A checked configuration directory.
pub struct Workspace {
    /// The configuration.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// An engine with the store it holds open.
pub struct Opened {
    /// The engine.
    pub engine: Arc<Engine>,
    store: Arc<RedbStore>,
}

impl Opened {
    /// Leaves the store as a clean shutdown does.
    ///
    /// # Errors
    /// When the last write fails.
    pub fn close(self) -> Result<(), Trouble> {
        self.store.close().map_err(|error| Trouble::failed(format!("the store could not be closed: {error}")))
    }
}

impl Workspace {
    /// Loads and checks a configuration directory; says what is wrong with it.
    ///
    /// # Errors
    /// When it cannot be used; the findings have been shown.
    pub fn load(arg: &ConfigArg, output: &Output) -> Result<Self, Trouble> {
        Self::at(&arg.config, output)
    }

    /// As [`Workspace::load`], for a known directory.
    ///
    /// # Errors
    /// When it cannot be used; the findings have been shown.
    pub fn at(directory: &Path, output: &Output) -> Result<Self, Trouble> {
        Ok(Self { config: Arc::new(library::config(directory, output)?), clock: SystemClock::shared() })
    }

    /// Where the state is.
    pub fn state(&self) -> PathBuf {
        self.config.state.clone()
    }

    /// Where a running engine listens for commands.
    pub fn socket(&self) -> PathBuf {
        self.state().join("admin.sock")
    }

    /// Opens the credentials.
    ///
    /// # Errors
    /// When the master key cannot be had, or is not the vault's.
    pub fn vault(&self) -> Result<Arc<Vault>, Trouble> {
        let key = self.key()?;
        Vault::open(&self.config.directory, key).map(Arc::new).map_err(Trouble::cannot_start)
    }

    /// The master key.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn key(&self) -> Result<MasterKey, Trouble> {
        match &self.config.key {
            KeySource::File(file) => MasterKey::from_file(file),
            KeySource::Environment(name) => MasterKey::from_environment(name),
            KeySource::Command(command) => MasterKey::from_command(command, KEY_COMMAND_LIMIT),
        }
        .map_err(Trouble::cannot_start)
    }

    /// Builds the engine. It holds the store, so nothing else may run on this directory.
    ///
    /// # Errors
    /// When the vault or the store cannot be opened, or a connection cannot be made.
    pub fn engine(&self) -> Result<Opened, Trouble> {
        let vault = self.vault()?;
        let store = self.open(&self.state()).map_err(Trouble::cannot_start)?;
        self.assemble(vault, store)
    }

    /// As [`Workspace::engine`], over a store that may have been restored from an older copy: nothing is sent before the
    /// other side was asked for it.
    ///
    /// # Errors
    /// As [`Workspace::engine`].
    pub fn engine_of_restored_store(&self) -> Result<Opened, Trouble> {
        let vault = self.vault()?;
        let options = OpenOptions { accept_older: true };
        let store =
            RedbStore::open_with(&self.state(), options, self.clock.now()).map_err(Trouble::cannot_start)?;
        self.assemble(vault, Arc::new(store))
    }

    fn open(&self, directory: &Path) -> Result<Arc<RedbStore>, StoreError> {
        RedbStore::open(directory, self.clock.now()).map(Arc::new)
    }

    fn assemble(&self, vault: Arc<Vault>, store: Arc<RedbStore>) -> Result<Opened, Trouble> {
        let parts = Parts {
            config: Arc::clone(&self.config),
            store: Arc::clone(&store) as Arc<dyn Store>,
            vault,
            clock: Arc::clone(&self.clock),
            epoch: store.epoch(),
            restored: store.opening().older,
        };
        let engine = Engine::new(parts).map_err(Trouble::cannot_start)?;
        Ok(Opened { engine, store })
    }

    /// Asks the running engine; `None` when none runs.
    ///
    /// # Errors
    /// When one runs and does not answer properly.
    pub async fn ask(&self, command: &Command) -> Result<Option<Reply>, Trouble> {
        admin::ask(&self.socket(), command).await.map_err(Trouble::cannot_start)
    }

    /// Answers a question: by the running engine, else from the store.
    ///
    /// # Errors
    /// When neither can be asked.
    pub async fn read(&self, command: Command) -> Result<Reply, Trouble> {
        if let Some(reply) = self.ask(&command).await? {
            return Ok(reply);
        }
        let state = self.state();
        if !state.exists() {
            return Err(Trouble::cannot_start(format!(
                "nothing has run here yet: there is no {}; start with `ml-connector run`",
                state.display()
            )));
        }
        let store = self.open(&state).map_err(|error| silent(&error))?;
        let reply = engine::offline(&*store, self.clock.now(), command);
        store.close().map_err(Trouble::failed)?;
        Ok(reply)
    }

    /// Gives an order: to the running engine, else to one that is made for it.
    ///
    /// # Errors
    /// When neither can be had.
    pub async fn order(&self, command: Command) -> Result<Reply, Trouble> {
        if let Some(reply) = self.ask(&command).await? {
            return Ok(reply);
        }
        let vault = self.vault()?;
        let store = self.open(&self.state()).map_err(|error| silent(&error))?;
        let opened = self.assemble(vault, store)?;
        let reply = opened.engine.command(command).await;
        opened.close()?;
        Ok(reply)
    }
}

/// Why a store cannot be opened although nobody answered for it.
fn silent(error: &StoreError) -> Trouble {
    match error {
        StoreError::InUse(_) => Trouble::cannot_start(format!(
            "{error}. Nobody answers for it: that process is starting, stopping or another command; try again"
        )),
        error => Trouble::cannot_start(error),
    }
}
