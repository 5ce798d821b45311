//! A configuration: what one engine runs.

use std::net::SocketAddr;
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
    /// Where other systems tell us; no webhook is open without it.
    pub intake: Option<Intake>,
}

/// Where other systems tell us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    /// The address that we listen at.
    pub listen: SocketAddr,
    /// What senders are told: `https://…`, without a slash at its end; what is sent there must come to `listen`.
    pub url: String,
    /// With it, we speak TLS at `listen`.
    pub tls: Option<IntakeTls>,
    /// The most bytes of a body.
    pub body_limit: usize,
    /// The most requests a second, all senders together.
    pub rate: u32,
}

/// How we prove ourselves to senders: PEM files, absolute or below the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakeTls {
    /// The certificate, with those between it and its authority behind it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
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
    /// Flows by name: whether each runs at all, and its sources.
    pub flows: IndexMap<String, FlowUse>,
    /// Where it is written.
    pub place: Place,
}

/// A flow with the operator's choices.
#[derive(Debug, Clone)]
pub struct FlowUse {
    /// Whether it runs.
    pub enabled: bool,
    /// Its sources: as many as the flow has, in their order.
    pub sources: Vec<SourceUse>,
}

/// A source of a flow with the operator's choices.
#[derive(Debug, Clone)]
pub struct SourceUse {
    /// Whether it gives records.
    pub enabled: bool,
    /// When it is polled, or when there is a record; nothing for what comes by itself.
    pub schedule: Option<Schedule>,
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
