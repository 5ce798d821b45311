//! What a rehearsal runs on: connections that lead nowhere, a store in memory, a clock that makes nobody wait.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::script::{Made, Script, Unanswered};
use crate::auth::{AuthConfig, AuthError, Authenticator};
use crate::base::{Clock, RecordId};
use crate::engine::arrive::{Arriving, Shape};
use crate::engine::batch::Batches;
use crate::engine::connection::Connection;
use crate::engine::door::Door;
use crate::engine::flow::{Condition, FlowRuntime};
use crate::engine::inbox;
use crate::engine::shared::Shared;
use crate::engine::start::called;
use crate::engine::turns::Users;
use crate::expression::Values;
use crate::http::limit::LimitOptions;
use crate::http::{Breaker, BreakerOptions, Limiter, Outgoing, Redactor};
use crate::spec::model::{Flow, Mapping, MappingTest, Place, System};
use crate::store::redb::RedbStore;
use crate::store::{Batch, Record, RecordState, Row, Store, Write};

/// So many records are worked on at once: there is one.
const WIDTH: usize = 1;
/// More records than that no test tells.
const MOST_TOLD: usize = 10_000;
const CALLS: NonZeroU32 = NonZeroU32::MIN;
const TIMEOUT: Duration = Duration::from_secs(60);

/// How a test went.
pub(super) struct Played {
    pub(super) record: Record,
    pub(super) links: Vec<(String, String)>,
    /// The rows of all tables of the mapping.
    pub(super) tables: BTreeMap<String, Vec<Row>>,
    /// What other flows were told, in order.
    pub(super) tells: BTreeMap<String, Vec<Value>>,
    pub(super) calls: Vec<Made>,
    pub(super) unanswered: Vec<Unanswered>,
    pub(super) left_over: Vec<(String, usize, Place)>,
    /// The path of each role's base URL, which requests have before their own.
    pub(super) roots: HashMap<String, String>,
}

/// Runs a test as far as its record goes by itself.
pub(super) async fn play(mapping: &Arc<Mapping>, test: &MappingTest) -> Result<Played, String> {
    let Some(flow) = mapping.flows.get(&test.flow) else {
        return Err(format!("there is no flow `{}`", test.flow));
    };
    let clock: Arc<dyn Clock> = Arc::new(Untroubled::default());
    let store = Arc::new(RedbStore::in_memory(clock.now()).map_err(said)?);
    let script = Arc::new(Script::new(test.replies.clone()));
    let mut connections = BTreeMap::new();
    for (role, system) in &mapping.systems {
        let settings = test.connections.get(role).cloned().unwrap_or(json!({}));
        connections.insert(role.clone(), Arc::new(connect(role, system, settings, &script, &clock)?));
    }
    let mut shared = Shared::new(store.clone(), Arc::clone(&clock), 1);
    shared.script = Some(Arc::clone(&script));
    let runtime = runtime(mapping, flow, test, connections.clone());
    put_rows(&runtime, &*store, test, clock.now()).await?;
    put_links(&*store, mapping, test, clock.now()).await?;
    let (arrival, _) = runtime.arrival(test.record.clone(), clock.now());
    let records = vec![test.record.clone()];
    let read = json!({ "test": test.name });
    let arriving = Arriving::read("poll.page", read, None);
    runtime.ingest(&shared, records, arriving).await.map_err(said)?;
    runtime.work_on(&shared, &arrival.id).await.map_err(said)?;
    let record = store.record(&arrival.id).map_err(said)?.ok_or("the record was not kept")?;
    let mut tables = BTreeMap::new();
    for name in mapping.tables.keys() {
        tables.insert(name.clone(), store.rows(&runtime.table(name)).map_err(said)?);
    }
    let root = |connection: &Connection| {
        let url = url::Url::parse(&connection.base_url).ok();
        url.map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default()
    };
    Ok(Played {
        links: store.links_of(&record.id).map_err(said)?,
        record,
        tables,
        tells: tells(&*store, mapping, flow)?,
        calls: script.calls(),
        unanswered: script.unanswered(),
        left_over: script.left_over(),
        roots: connections.iter().map(|(role, connection)| (role.clone(), root(connection))).collect(),
    })
}

fn said(error: impl ToString) -> String {
    error.to_string()
}

/// What the flow has told others: the events in their inboxes.
fn tells(store: &dyn Store, mapping: &Mapping, flow: &Flow) -> Result<BTreeMap<String, Vec<Value>>, String> {
    let mut tells = BTreeMap::new();
    for told in &flow.tells {
        let inbox = inbox::told(&format!("{}/{told}", mapping.name));
        let events = store.events_due(&inbox, Timestamp::MAX, MOST_TOLD).map_err(said)?;
        let records = events.iter().map(|event| serde_json::from_slice(&event.body).map_err(said));
        tells.insert(told.clone(), records.collect::<Result<_, _>>()?);
    }
    Ok(tells)
}

/// The records that `find` finds, each done as it would be, and the links that lead to them.
async fn put_links(
    store: &dyn Store,
    mapping: &Mapping,
    test: &MappingTest,
    at: Timestamp,
) -> Result<(), String> {
    let mut writes = Vec::new();
    let mut seen = BTreeSet::new();
    for (kind, found) in &test.links {
        for (value, found) in found {
            let id = RecordId::new(&mapping.name, &found.flow, &found.key);
            if seen.insert(id.clone()) {
                let record = Box::new(known(id.clone(), mapping, &found.idempotency_key, at));
                writes.push(Write::Record { record, expected: 0 });
            }
            writes.push(Write::Link { kind: kind.clone(), value: value.clone(), record: id });
        }
    }
    store.commit(Batch { writes }).await.map_err(said)
}

/// A record that is done.
fn known(id: RecordId, mapping: &Mapping, idempotency_key: &str, at: Timestamp) -> Record {
    Record {
        mapping_revision: mapping.revision.clone(),
        idempotency_key: idempotency_key.to_owned(),
        ..Record::new(id, RecordState::Done, Value::Null, at)
    }
}

async fn put_rows(
    flow: &FlowRuntime,
    store: &dyn Store,
    test: &MappingTest,
    at: Timestamp,
) -> Result<(), String> {
    let mut writes = Vec::new();
    for (table, rows) in &test.tables {
        for (key, value) in rows {
            let (table, value) = (flow.table(table), Some(value.clone()));
            writes.push(Write::Row { table, key: key.clone(), value, at });
        }
    }
    store.commit(Batch { writes }).await.map_err(said)
}

fn connect(
    role: &str,
    system: &Arc<System>,
    settings: Value,
    script: &Arc<Script>,
    clock: &Arc<dyn Clock>,
) -> Result<Connection, String> {
    let mut values = Values::default();
    values.set("settings", &settings);
    let base_url = system.base_url.text(&values).map_err(said)?;
    values.set("secret", &placeholders(system));
    values.set("webhooks", &addresses(role, system, &values)?);
    let limits = LimitOptions { concurrency: CALLS, rate: None, headers: None };
    Ok(Connection {
        name: role.to_owned(),
        system: Arc::clone(system),
        values,
        base_url,
        timeout: TIMEOUT,
        door: Door::Script(Arc::clone(script)),
        auth: Arc::new(NoProof),
        transport: system.transport.build(&settings),
        limiter: Limiter::new(limits, Arc::clone(clock)),
        redactor: Redactor::default(),
        clock: Arc::clone(clock),
        breaker: Mutex::new(Breaker::new(BreakerOptions::default())),
        turns: None,
        users: Users::default(),
        batches: Batches::default(),
    })
}

/// Addresses of webhooks as they could be, of those that the connection has.
fn addresses(role: &str, system: &System, values: &Values) -> Result<Value, String> {
    let mut addresses = Map::new();
    for (name, webhook) in &system.webhooks {
        let there = webhook.when.as_ref().map_or(Ok(true), |when| when.truth(values)).map_err(said)?;
        let address = format!("https://hooks.example.com/hooks/{role}/{name}");
        addresses.insert(name.clone(), if there { Value::from(address) } else { Value::Null });
    }
    Ok(addresses.into())
}

/// What stands where the system's credentials would be.
fn placeholders(system: &System) -> Value {
    let names = system.auth.values().flat_map(AuthConfig::placeholders);
    names.map(|name| (name.to_owned(), Value::from(format!("‹{name}›")))).collect::<Map<_, _>>().into()
}

fn runtime(
    mapping: &Arc<Mapping>,
    flow: &Arc<Flow>,
    test: &MappingTest,
    connections: BTreeMap<String, Arc<Connection>>,
) -> FlowRuntime {
    let mut values = Values::default();
    values.set("settings", &test.settings);
    FlowRuntime {
        name: format!("{}/{}", mapping.name, flow.name),
        used: mapping.name.clone(),
        mapping: Arc::clone(mapping),
        flow: Arc::clone(flow),
        sources: Vec::new(),
        shape: Shape::of(flow),
        waits_for: Vec::new(),
        called: called(&connections, flow),
        connections,
        settings: test.settings.clone(),
        values,
        width: WIDTH,
        condition: Mutex::<Condition>::default(),
        work: Arc::default(),
        arriving: tokio::sync::Mutex::default(),
        seeking: Mutex::default(),
        earlier: Mutex::default(),
    }
}

/// Proves nothing to nobody.
#[derive(Debug)]
struct NoProof;

impl Authenticator for NoProof {
    fn prepare<'a>(&'a self, _request: &'a mut Outgoing) -> crate::auth::Boxed<'a, Result<(), AuthError>> {
        Box::pin(async { Ok(()) })
    }

    fn rejected<'a>(&'a self, _request: &'a Outgoing) -> crate::auth::Boxed<'a, ()> {
        Box::pin(async {})
    }
}

/// A clock for which a wait is over at once. It begins at the same instant each time.
#[derive(Debug)]
struct Untroubled(Mutex<Timestamp>);

impl Default for Untroubled {
    fn default() -> Self {
        Self(Mutex::new(
            jiff::civil::date(2026, 1, 5)
                .at(12, 0, 0, 0)
                .to_zoned(jiff::tz::TimeZone::UTC)
                .map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp()),
        ))
    }
}

impl Clock for Untroubled {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = instant.max(*now);
        Box::pin(async {})
    }
}
