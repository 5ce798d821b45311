//! Puts a configuration to work: clients, identities, limits and flows, from settings and the vault.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use super::arrive::Shape;
use super::batch::Batches;
use super::connection::Connection;
use super::door::Door;
use super::flow::{Condition, FlowRuntime};
use super::intake::address;
use super::keeper::Keeper;
use super::shared::Shared;
use super::source::SourceRuntime;
use super::turns::{Turns, Users};
use super::{Parts, StartError};
use crate::auth::{AuthContext, AuthError, placeholder};
use crate::base::{Secret, duration};
use crate::expression::{EvaluationError, Values};
use crate::http::limit::{LimitOptions, RateHeaders, RateLimit};
use crate::http::{Breaker, BreakerOptions, Client, ClientOptions, Limiters, Redactor, authority};
use crate::proof::Clients;
use crate::spec::model::{self, Config, Content, Source, StepKind, every_step};
use crate::store::{Batch, StoreError, Write};

/// Room for records that wait for their turn at a connection's limits.
const WIDTH_PER_CALL: usize = 2;

/// Room for so many full batches at once.
const MOST_BATCHES: usize = 4;

/// The most bytes of a set of keys that a sender publishes.
const LARGEST_KEY_SET: usize = 256 * 1024;

pub(super) fn connections(parts: &Parts) -> Result<BTreeMap<String, Arc<Connection>>, StartError> {
    let secrets = parts.vault.secrets().map_err(|error| StartError(error.to_string()))?;
    let redactor = Redactor::new(secrets);
    let limiters = Limiters::new(Arc::clone(&parts.clock));
    parts
        .config
        .connections
        .values()
        .map(|declared| {
            let connected = connect(parts, declared, &redactor, &limiters).map_err(|reason| {
                StartError(format!("connection {} ({}): {reason}", declared.name, declared.place))
            })?;
            Ok((declared.name.clone(), Arc::new(connected)))
        })
        .collect()
}

fn connect(
    parts: &Parts,
    declared: &model::Connection,
    redactor: &Redactor,
    limiters: &Limiters,
) -> Result<Connection, String> {
    let system = Arc::clone(&declared.system);
    let mut values = Values::default();
    values.set("settings", &declared.settings);
    let base_url = system.base_url.text(&values).map_err(|error| error.to_string())?;
    let auth = system.auth.get(&declared.auth);
    let hosts = auth.map(|auth| auth.hosts(&values)).transpose().map_err(|error| error.to_string())?;
    let keeper = Arc::new(keeper(parts, &declared.name, redactor));
    let mut reachable = hosts.unwrap_or_default();
    reachable.push(host_of(&base_url)?);
    let options = ClientOptions {
        hosts: reachable,
        pointed: pointed(&system, &values).map_err(|error| error.to_string())?,
        ca: declared.ca_file.as_deref().map(read_ca).transpose()?,
        ..ClientOptions::default()
    };
    let limits = limits(&system.limits, &values)?;
    let limiter = match &system.limits.account {
        Some(account) => {
            let account = account.text(&values).map_err(|error| error.to_string())?;
            limiters.of(&system.name, &account, limits)
        }
        None => limiters.own(limits),
    };
    let client = Client::new(options.clone()).map_err(|error| error.to_string())?;
    let Some(auth) = auth else {
        return Err(format!("{} has no auth kind `{}`", system.name, declared.auth));
    };
    let context = AuthContext {
        connection: declared.name.clone(),
        base_url: base_url.clone(),
        credentials: keeper.clone(),
        tokens: keeper,
        settings: Arc::new(declared.settings.clone()),
        client: client.clone(),
        clock: Arc::clone(&parts.clock),
        redactor: redactor.clone(),
    };
    values.set("secret", &placeholder::scope_value(auth.placeholders()));
    if !system.webhooks.is_empty() {
        let urls = address::urls(&parts.config, declared).map_err(|error| error.to_string())?;
        values.set("webhooks", &urls);
    }
    let auth = auth.build(context).map_err(|error| error.to_string())?;
    let client = match identity(&*auth) {
        Some(identity) => Client::new(ClientOptions { identity: Some(identity), ..options })
            .map_err(|error| error.to_string())?,
        None => client,
    };
    let transport = system.transport.build(&declared.settings);
    let timeout = timeout(&system.limits, &values)?;
    let turns = system.limits.take_turns.then(Turns::default);
    let breaker = breaker(&system.limits);
    Ok(Connection {
        name: declared.name.clone(),
        system,
        values,
        base_url,
        timeout,
        door: Door::Network(client),
        auth,
        transport,
        limiter,
        redactor: redactor.clone(),
        clock: Arc::clone(&parts.clock),
        breaker: Mutex::new(breaker),
        turns,
        users: Users::default(),
        batches: Batches::default(),
    })
}

/// The hosts at which what a connection is told may lie.
fn pointed(system: &model::System, values: &Values) -> Result<Vec<regex::Regex>, EvaluationError> {
    let mut pointed = Vec::new();
    for webhook in system.webhooks.values() {
        let told = webhook.when.as_ref().map_or(Ok(true), |when| when.truth(values))?;
        if let (true, Content::Pointer { hosts, .. }) = (told, &webhook.content) {
            pointed.extend(hosts.iter().cloned());
        }
    }
    Ok(pointed)
}

/// A connection's share of the vault and the store.
pub(super) fn keeper(parts: &Parts, connection: &str, redactor: &Redactor) -> Keeper {
    Keeper {
        connection: connection.to_owned(),
        vault: Arc::clone(&parts.vault),
        store: Arc::clone(&parts.store),
        redactor: redactor.clone(),
    }
}

/// What makes clients for keys that senders publish.
pub(super) fn clients(declared: &model::Connection) -> Result<Clients, String> {
    let ca = declared.ca_file.as_deref().map(read_ca).transpose()?;
    Ok(Arc::new(move |hosts| {
        let options =
            ClientOptions { hosts, ca: ca.clone(), max_body: LARGEST_KEY_SET, ..ClientOptions::default() };
        Client::new(options).map_err(|error| error.to_string())
    }))
}

/// A client certificate; a missing credential shows when the first request is made, with what to do.
fn identity(auth: &dyn crate::auth::Authenticator) -> Option<Secret> {
    match auth.identity() {
        Ok(identity) => identity,
        Err(AuthError::Refused(reason) | AuthError::Later { reason, .. }) => {
            tracing::warn!(reason, "no client certificate");
            None
        }
    }
}

fn host_of(base_url: &str) -> Result<String, String> {
    let url = url::Url::parse(base_url).map_err(|error| format!("`{base_url}` is not a URL: {error}"))?;
    Ok(authority(&url))
}

fn timeout(declared: &model::Limits, values: &Values) -> Result<Duration, String> {
    let text = declared.timeout.evaluate(values).map_err(|error| error.to_string())?;
    duration::parse(text.as_str().unwrap_or_default())
}

fn limits(declared: &model::Limits, values: &Values) -> Result<LimitOptions, String> {
    let rate = declared.rate.as_ref().map(|rate| {
        let calls = rate.calls.evaluate(values).map_err(|error| error.to_string())?;
        let calls = calls.as_u64().and_then(|calls| u32::try_from(calls).ok()).and_then(NonZeroU32::new);
        let calls = calls.ok_or("`limits.rate.calls` must yield a whole number above 0")?;
        Ok::<_, String>(RateLimit { calls, per: rate.per })
    });
    let concurrency = NonZeroU32::new(declared.concurrency).ok_or("`limits.concurrency` must be above 0")?;
    let headers = declared.headers.as_ref().map(|headers| RateHeaders {
        limit: headers.limit.clone(),
        remaining: headers.remaining.clone(),
        reset: headers.reset.clone(),
    });
    Ok(LimitOptions { concurrency, rate: rate.transpose()?, headers })
}

/// Before a record has lost its last attempt the system counts as down, so that no outage parks records.
fn breaker(declared: &model::Limits) -> Breaker {
    let model::Breaker { failures, pause, max } = declared.breaker;
    let failures = failures.min(declared.retry.attempts.saturating_sub(1)).max(1);
    Breaker::new(BreakerOptions { failures, pause, max })
}

fn read_ca(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file)
        .map_err(|error| format!("the `ca_file` {} cannot be read: {error}", file.display()))
}

pub(super) fn flows(
    config: &Config,
    connections: &BTreeMap<String, Arc<Connection>>,
) -> Vec<Arc<FlowRuntime>> {
    let mut flows = Vec::new();
    for used in config.mappings.values() {
        let connected: BTreeMap<String, Arc<Connection>> = used
            .connections
            .iter()
            .filter_map(|(role, name)| Some((role.clone(), Arc::clone(connections.get(name)?))))
            .collect();
        for (name, flow) in &used.mapping.flows {
            let chosen = &used.flows[name];
            if !chosen.enabled {
                continue;
            }
            let mut values = Values::default();
            values.set("settings", &used.settings);
            let full_name = format!("{}/{name}", used.name);
            flows.push(Arc::new(FlowRuntime {
                sources: SourceRuntime::of(&full_name, flow, chosen),
                name: full_name,
                used: used.name.clone(),
                mapping: Arc::clone(&used.mapping),
                flow: Arc::clone(flow),
                shape: Shape::of(flow),
                waits_for: fillers(used, flow),
                connections: connected.clone(),
                called: called(&connected, flow),
                settings: used.settings.clone(),
                values,
                width: width(&connected, flow),
                condition: Mutex::<Condition>::default(),
                work: Arc::default(),
                arriving: tokio::sync::Mutex::default(),
                seeking: Mutex::default(),
                earlier: Mutex::default(),
            }));
        }
    }
    flows
}

/// How many records a flow works on at once: as many as its connections bear, and enough to fill its batches.
fn width(connected: &BTreeMap<String, Arc<Connection>>, flow: &model::Flow) -> usize {
    let calls: u32 = connected.values().map(|connection| connection.system.limits.concurrency).sum();
    let mut company = 0;
    every_step(&flow.steps, &mut |step| {
        if let StepKind::Call { operation, .. } = &step.kind
            && let Some(batch) = &operation.batch
        {
            company = company.max(batch.most as usize);
        }
    });
    // Whole batches, so that those that are full leave none behind that go alone.
    (calls as usize * WIDTH_PER_CALL).max(company * (calls as usize).clamp(1, MOST_BATCHES))
}

/// The connections that a flow's steps call, each once.
pub(super) fn called(
    connected: &BTreeMap<String, Arc<Connection>>,
    flow: &model::Flow,
) -> Vec<Arc<Connection>> {
    let mut called = BTreeMap::new();
    every_step(&flow.steps, &mut |step| {
        if let StepKind::Call { role, .. } = &step.kind
            && let Some(connection) = connected.get(role)
        {
            called.insert(connection.name.clone(), Arc::clone(connection));
        }
    });
    called.into_values().collect()
}

/// The flows of a mapping that poll and put rows into tables that `flow` reads.
fn fillers(used: &model::MappingUse, flow: &model::Flow) -> Vec<String> {
    let polls = |other: &model::Flow| {
        let chosen = used.flows[&other.name].sources.iter();
        other
            .sources
            .iter()
            .zip(chosen)
            .any(|(source, chosen)| matches!(source, Source::Poll { .. }) && chosen.enabled)
    };
    let fills = |other: &&Arc<model::Flow>| {
        other.name != flow.name
            && used.flows[&other.name].enabled
            && polls(other)
            && !other.puts_tables.is_disjoint(&flow.reads_tables)
    };
    let others = used.mapping.flows.values().filter(fills);
    others.map(|other| format!("{}/{}", used.name, other.name)).collect()
}

/// Keeps the text of every mapping that runs under its revision, so that an effect can always be explained by the
/// mapping it was made with.
pub(super) async fn keep_sources(shared: &Shared, config: &Config) -> Result<(), StoreError> {
    let mut writes = Vec::new();
    for used in config.mappings.values() {
        let name = format!("mapping/{}", used.mapping.revision);
        if shared.store.blob(&name)?.is_none() {
            let systems: BTreeMap<&str, &str> =
                used.mapping.systems.values().map(|system| (&*system.name, &*system.source)).collect();
            let kept = json!({ "mapping": &*used.mapping.source, "systems": systems });
            writes.push(Write::Blob { name, bytes: Some(kept.to_string().into_bytes()) });
        }
    }
    if writes.is_empty() { Ok(()) } else { shared.store.commit(Batch { writes }).await }
}
