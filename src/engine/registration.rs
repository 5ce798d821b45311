//! Asks other systems to tell us, and sees to it that they still do.
//!
//! At the start, and every few hours, it looks at who is told of what. A webhook of ours that is missing is registered;
//! one that is switched off, doubled, or ends in another secret is removed and made anew. What is not ours, by its address,
//! is never touched. When nothing can be registered the flows go on with their polls, and people are told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::command::RegistrationStatus;
use super::connection::Connection;
use super::inbox::stopped;
use super::intake::address;
use super::keeper::Keeper;
use super::outcome::Outcome;
use super::run::Stop;
use super::shared::Shared;
use super::{Parts, StartError, start, turns};
use crate::auth::Credentials as _;
use crate::base::clock;
use crate::http::{backoff, percent_encoded};
use crate::spec::model::{Operation, Register, Webhook};
use crate::store::{AuditDraft, Batch, Write};

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(6 * 3600);

/// After a failure it is tried again after so long, then after twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_secs(900);

/// What calls are counted as, for a fair share of a connection's limits.
const WHO: &str = "registration";

/// Sees to one webhook of one connection.
pub(super) struct Registrar {
    connection: Arc<Connection>,
    webhook: Arc<Webhook>,
    keeper: Keeper,
    /// What senders are told, without the secret that it may end in.
    address: String,
    condition: Mutex<RegistrationStatus>,
}

/// What a system tells to whom.
#[derive(Debug, PartialEq)]
struct Found {
    id: String,
    url: String,
    event: String,
    active: bool,
}

/// What is to be done about it: remove these first, create, then remove those.
#[derive(Debug, Default, PartialEq)]
struct Plan {
    first: Vec<String>,
    create: bool,
    then: Vec<String>,
}

/// Whoever sees to the webhooks that are open and can be registered.
///
/// # Errors
/// When a setting makes it impossible to say which those are.
pub(super) fn registrars(
    parts: &Parts,
    connections: &BTreeMap<String, Arc<Connection>>,
) -> Result<Vec<Arc<Registrar>>, StartError> {
    let mut registrars = Vec::new();
    for declared in parts.config.connections.values() {
        let Some(connection) = connections.get(&declared.name) else { continue };
        for webhook in declared.system.webhooks.values().filter(|webhook| webhook.register.is_some()) {
            let address = address::url(&parts.config, declared, webhook).map_err(|error| {
                StartError(format!("connection {}, webhook {}: {error}", declared.name, webhook.name))
            })?;
            let Some(address) = address else { continue };
            registrars.push(Arc::new(Registrar {
                keeper: start::keeper(parts, &connection.name, &connection.redactor),
                connection: Arc::clone(connection),
                webhook: Arc::clone(webhook),
                address,
                condition: Mutex::new(RegistrationStatus {
                    connection: connection.name.clone(),
                    webhook: webhook.name.clone(),
                    checked: None,
                    trouble: None,
                }),
            }));
        }
    }
    Ok(registrars)
}

impl Registrar {
    fn condition(&self) -> MutexGuard<'_, RegistrationStatus> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn status(&self) -> RegistrationStatus {
        self.condition().clone()
    }

    /// Sees to it until stopped.
    pub(super) async fn drive(self: Arc<Self>, shared: Arc<Shared>) -> Result<(), Stop> {
        let Some(register) = &self.webhook.register else { return Ok(()) };
        let mut failures = 0;
        while !shared.stop.is_cancelled() {
            let looked = tokio::select! {
                looked = self.look(&shared, register) => looked?,
                () = stopped(&shared) => return Ok(()),
            };
            let now = shared.clock.now();
            let wait = match looked {
                Ok(()) => {
                    failures = 0;
                    let mut condition = self.condition();
                    (condition.checked, condition.trouble) = (Some(now), None);
                    EVERY
                }
                Err(trouble) => {
                    failures += 1;
                    let (connection, webhook) = (&self.connection.name, &self.webhook.name);
                    tracing::warn!(connection, webhook, trouble, "a webhook cannot be registered now");
                    self.condition().trouble = Some(trouble);
                    backoff::delay(failures, FIRST_WAIT, LONGEST_WAIT, 1.0)
                }
            };
            tokio::select! {
                () = shared.clock.sleep_until(clock::add(now, wait)) => {}
                () = shared.stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Looks once, and puts right what is not as it should be; the inner error is why that cannot be done now.
    async fn look(&self, shared: &Shared, register: &Register) -> Result<Result<(), String>, Stop> {
        let url = match self.url() {
            Ok(url) => url,
            Err(trouble) => return Ok(Err(trouble)),
        };
        let _turn = tokio::select! {
            held = turns::take([&self.connection]) => held,
            () = shared.stop.cancelled() => return Ok(Ok(())),
        };
        self.connection.come();
        let looked = self.put_right(shared, register, &url).await;
        self.connection.leave().await;
        looked
    }

    async fn put_right(
        &self,
        shared: &Shared,
        register: &Register,
        url: &str,
    ) -> Result<Result<(), String>, Stop> {
        let plan = match self.call(&register.list, json!({})).await {
            Ok(result) => plan(found(&result), &self.address, url, &register.event),
            Err(trouble) => return Ok(Err(trouble)),
        };
        for id in &plan.first {
            if let Err(trouble) = self.remove(shared, register, id).await? {
                return Ok(Err(trouble));
            }
        }
        if plan.create {
            let name = format!("ml-connector {}", self.webhook.name);
            let input = json!({ "url": url, "event": register.event, "name": name });
            if let Err(trouble) = self.call(&register.create, input).await {
                return Ok(Err(trouble));
            }
            self.tell(shared, "webhook.registered", json!({ "event": register.event })).await?;
        }
        for id in &plan.then {
            if let Err(trouble) = self.remove(shared, register, id).await? {
                return Ok(Err(trouble));
            }
        }
        Ok(Ok(()))
    }

    async fn remove(
        &self,
        shared: &Shared,
        register: &Register,
        id: &str,
    ) -> Result<Result<(), String>, Stop> {
        if let Err(trouble) = self.call(&register.remove, json!({ "id": id })).await {
            return Ok(Err(trouble));
        }
        self.tell(shared, "webhook.removed", json!({ "event": register.event, "id": id })).await?;
        Ok(Ok(()))
    }

    async fn call(&self, operation: &Operation, input: Value) -> Result<Value, String> {
        match self.connection.call(WHO, operation, &input).await.outcome {
            Outcome::Ok { result, .. } => Ok(result),
            Outcome::Done => Ok(Value::Null),
            outcome => Err(format!("{}: {}", operation.name, outcome.cause())),
        }
    }

    async fn tell(&self, shared: &Shared, event: &str, mut facts: Value) -> Result<(), Stop> {
        if let Some(facts) = facts.as_object_mut() {
            facts.insert("connection".to_owned(), Value::from(self.connection.name.as_str()));
            facts.insert("webhook".to_owned(), Value::from(self.webhook.name.as_str()));
        }
        let audit = Write::Audit(AuditDraft {
            at: shared.clock.now(),
            actor: "engine".to_owned(),
            record: None,
            event: event.to_owned(),
            facts,
            body: None,
        });
        Ok(shared.store.commit(Batch { writes: vec![audit] }).await?)
    }

    /// What the system is to call: with the newest secret, where the address ends in one. The redactor learns it.
    fn url(&self) -> Result<String, String> {
        if self.webhook.proof.kind() != "secret_url" {
            return Ok(self.address.clone());
        }
        let credentials = self.webhook.proof.credentials();
        let Some(name) = credentials.first() else { return Ok(self.address.clone()) };
        let secrets = self.keeper.get_all(name)?;
        let secret = secrets.first().map(|secret| percent_encoded(secret.expose())).unwrap_or_default();
        Ok(format!("{}/{secret}", self.address))
    }
}

/// The webhooks that a list has.
fn found(result: &Value) -> Vec<Found> {
    let text = |one: &Value, field: &str| match &one[field] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let one = |one: &Value| Found {
        id: text(one, "id"),
        url: text(one, "url"),
        event: text(one, "event"),
        active: one["active"] == true,
    };
    result["found"].as_array().map(|all| all.iter().map(one).collect()).unwrap_or_default()
}

/// What is to be done so that `url` is told of `event`, once. Ours is what is told of the event at our `address`, whatever
/// secret that ends in.
fn plan(found: Vec<Found>, address: &str, url: &str, event: &str) -> Plan {
    let at_ours = |found: &Found| {
        found.url.strip_prefix(address).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // Some systems write an event otherwise than they are told it.
    let ours = found.into_iter().filter(|found| at_ours(found) && found.event.eq_ignore_ascii_case(event));
    let (exact, others): (Vec<Found>, Vec<Found>) = ours.partition(|found| found.url == url);
    let good = exact.iter().position(|found| found.active);
    let others = others.into_iter().map(|found| found.id);
    let rest = exact.into_iter().enumerate().filter(|(index, _)| Some(*index) != good);
    let rest: Vec<String> = rest.map(|(_, found)| found.id).collect();
    match good {
        Some(_) => Plan { first: Vec::new(), create: false, then: rest.into_iter().chain(others).collect() },
        // One that is switched off may stand in the way of a new one of the same address.
        None => Plan { first: rest, create: true, then: others.collect() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "https://hooks.example.com/hooks/ss/ship_notify";

    fn one(id: &str, rest: &str, event: &str, active: bool) -> Found {
        Found { id: id.to_owned(), url: format!("{ADDRESS}{rest}"), event: event.to_owned(), active }
    }

    fn planned(found: Vec<Found>) -> (Vec<String>, bool, Vec<String>) {
        let Plan { first, create, then } = plan(found, ADDRESS, &format!("{ADDRESS}/new"), "SHIP_NOTIFY");
        (first, create, then)
    }

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn what_is_missing_is_created_and_what_is_there_is_left() {
        assert_eq!(planned(vec![]), (vec![], true, vec![]));
        assert_eq!(planned(vec![one("1", "/new", "ship_notify", true)]), (vec![], false, vec![]));
    }

    #[test]
    fn what_is_wrong_with_ours_is_removed() {
        let off = || one("1", "/new", "SHIP_NOTIFY", false);
        let other = || one("2", "/old", "SHIP_NOTIFY", true);
        let good = |id| one(id, "/new", "SHIP_NOTIFY", true);
        assert_eq!(planned(vec![off()]), (ids(&["1"]), true, vec![]));
        assert_eq!(
            planned(vec![other()]),
            (vec![], true, ids(&["2"])),
            "first the new one, then the old one goes"
        );
        assert_eq!(
            planned(vec![good("3"), good("4"), off(), other()]),
            (vec![], false, ids(&["4", "1", "2"]))
        );
    }

    #[test]
    fn what_is_not_ours_is_never_touched() {
        let strangers = vec![
            one("1", "_again/new", "SHIP_NOTIFY", true),
            one("2", "/new", "ORDER_NOTIFY", false),
            Found {
                url: "https://other.example.com/hooks/ss/ship_notify/new".to_owned(),
                ..one("3", "", "SHIP_NOTIFY", true)
            },
            Found { url: String::new(), ..one("4", "", "SHIP_NOTIFY", false) },
        ];
        assert_eq!(planned(strangers), (vec![], true, vec![]));
    }
}
