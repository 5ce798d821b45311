//! A configuration: what one engine runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use super::{Mapping, Place, Schedule, System};

/// A checked configuration directory.
#[derive(Debug)]
pub struct Config {
    /// The directory.
    pub directory: PathBuf,
    /// The connections by name.
    pub connections: IndexMap<String, Connection>,
    /// The mappings to run, by the names they have here.
    pub mappings: IndexMap<String, MappingUse>,
    /// Where state is kept; absolute or below the directory.
    pub state: PathBuf,
    /// Where the master key comes from.
    pub key: KeySource,
}

/// A system with settings.
#[derive(Debug)]
pub struct Connection {
    /// Its name in the configuration.
    pub name: String,
    /// The system.
    pub system: Arc<System>,
    /// The auth kind it uses.
    pub auth: String,
    /// All settings, defaults filled in, fitting their types: an object.
    pub settings: Value,
    /// A PEM file of the only authorities to trust for this connection; without it, the system's.
    pub ca_file: Option<PathBuf>,
    /// Where it is written.
    pub place: Place,
}

/// A mapping that runs, with the operator's choices.
#[derive(Debug)]
pub struct MappingUse {
    /// Its name in the configuration, which begins the names of its flows: `name/flow`.
    pub name: String,
    /// The mapping.
    pub mapping: Arc<Mapping>,
    /// Role -> name of a connection.
    pub connections: IndexMap<String, String>,
    /// All settings, defaults filled in: an object.
    pub settings: Value,
    /// Flows by name: the schedule to use, and whether it runs at all.
    pub flows: IndexMap<String, FlowUse>,
    /// Where it is written.
    pub place: Place,
}

/// A flow with the operator's choices.
#[derive(Debug, Clone)]
pub struct FlowUse {
    /// Whether it runs.
    pub enabled: bool,
    /// When it polls, or when there is a record.
    pub schedule: Schedule,
    /// The longest time between polls that read everything.
    pub full: Option<Duration>,
}

/// Where the master key that encrypts credentials comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file that only we can read; below the directory unless absolute.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// The first line a command prints.
    Command(Vec<String>),
}
