//! A configuration as operators write it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::written::{AnyTree, Table, Written};

/// What one engine runs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "ml-connector configuration", rename = "Configuration")]
pub struct ConfigFile {
    /// The systems to speak to, by names of your choice.
    #[schemars(required)]
    pub connections: Option<Table<Written<RawConnection>>>,
    /// The mappings to run, by names of your choice; the mapping's own unless `mapping` says which it is.
    #[schemars(required)]
    pub mappings: Option<Table<Written<RawMappingUse>>>,
    /// Where state is kept.
    pub store: Option<RawStore>,
    /// Where the master key that encrypts credentials comes from.
    pub key: Option<RawKey>,
    /// Where other systems tell us; no webhook is open without it.
    pub intake: Option<Written<RawIntake>>,
}

/// Where other systems tell us.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Intake")]
pub struct RawIntake {
    /// The address and port that we listen at.
    #[schemars(required, example = &"127.0.0.1:8480")]
    pub listen: Option<Written<String>>,
    /// What senders are told; what is sent there must come to `listen`, through a proxy or directly.
    #[schemars(required, example = &"https://hooks.example.com")]
    pub url: Option<Written<String>>,
    /// With it, we speak TLS at `listen`; without it a proxy does.
    pub tls: Option<RawIntakeTls>,
    /// The most bytes of a body; 262144 unless it says otherwise.
    #[schemars(range(min = 1024, max = 16777216))]
    pub body_limit: Option<u32>,
    /// The most requests a second, all senders together; 2000 unless it says otherwise.
    #[schemars(range(min = 1, max = 1000000))]
    pub rate: Option<u32>,
}

/// How we prove ourselves to senders.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "IntakeTls")]
pub struct RawIntakeTls {
    /// A PEM file with our certificate, and behind it those between it and its authority.
    #[schemars(required, example = &"server.pem")]
    pub certificate: Option<Written<String>>,
    /// A PEM file with its private key.
    #[schemars(required, example = &"server.key")]
    pub key: Option<Written<String>>,
}

/// A system with your settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Connection")]
pub struct RawConnection {
    /// The system's name.
    #[schemars(required, example = &"ups")]
    pub system: Option<Written<String>>,
    /// The kind of auth to use; the system's first without it.
    pub auth: Option<Written<String>>,
    /// The system's settings.
    pub settings: Option<Written<Table<AnyTree>>>,
    /// A PEM file with the only authorities to trust for this connection.
    pub ca_file: Option<Written<String>>,
}

/// A mapping that runs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MappingUse")]
pub struct RawMappingUse {
    /// The mapping's name, where it is not the name above it; so one mapping can run several times.
    #[schemars(example = &"sage100-ups")]
    pub mapping: Option<Written<String>>,
    /// Role -> name of a connection.
    #[schemars(required)]
    pub connections: Option<Written<Table<Written<String>>>>,
    /// The mapping's settings.
    pub settings: Option<Written<Table<AnyTree>>>,
    /// Other choices than the mapping's own, by flow.
    #[serde(default)]
    pub flows: Table<Written<RawFlowUse>>,
}

/// Other choices for one flow.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FlowUse")]
pub struct RawFlowUse {
    /// Whether it runs; it does unless this is `false`.
    pub enabled: Option<bool>,
    /// The time between polls, of all that the flow has.
    #[schemars(example = &"15m")]
    pub every: Option<Written<String>>,
    /// When to poll, as a cron expression.
    #[schemars(example = &"0 6-18 * * MON-FRI")]
    pub cron: Option<Written<String>>,
    /// The zone of the cron expression.
    #[schemars(example = &"America/New_York")]
    pub zone: Option<Written<String>>,
    /// The longest time between polls that read everything.
    #[schemars(example = &"24h")]
    pub full: Option<Written<String>>,
    /// Other choices for one of its sources, by `role.name`.
    #[serde(default)]
    pub sources: Table<Written<RawSourceUse>>,
}

/// Other choices for one source of a flow.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SourceUse")]
pub struct RawSourceUse {
    /// Whether it gives records; it does unless this is `false`.
    pub enabled: Option<bool>,
    /// The time between polls.
    #[schemars(example = &"15m")]
    pub every: Option<Written<String>>,
    /// When to poll, as a cron expression.
    #[schemars(example = &"0 6-18 * * MON-FRI")]
    pub cron: Option<Written<String>>,
    /// The zone of the cron expression.
    #[schemars(example = &"America/New_York")]
    pub zone: Option<Written<String>>,
    /// The longest time between polls that read everything.
    #[schemars(example = &"24h")]
    pub full: Option<Written<String>>,
}

/// Where state is kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Store")]
pub struct RawStore {
    /// A directory; `state` beside the configuration unless it says otherwise.
    #[schemars(required)]
    pub path: Option<Written<String>>,
}

/// Where the master key comes from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Key")]
pub enum RawKey {
    /// A file that only the engine's user can read; `master.key` beside the configuration unless it says otherwise.
    File(Written<String>),
    /// An environment variable.
    Environment(Written<String>),
    /// A command with its arguments; the first line it prints is the key.
    Command(#[schemars(length(min = 1))] Vec<Written<String>>),
}
