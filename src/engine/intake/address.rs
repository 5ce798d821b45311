//! Which webhooks are open, and at what address senders reach them.

use serde_json::{Map, Value};

use crate::expression::{EvaluationError, Values};
use crate::spec::model::{Config, Connection, Source, Webhook};

/// Whether a webhook of a connection is open: there is an intake, the connection's settings say that it has it, and a
/// source that is enabled names it. What nobody takes is not asked for.
pub(in crate::engine) fn is_open(
    config: &Config,
    connection: &Connection,
    webhook: &Webhook,
) -> Result<bool, EvaluationError> {
    let mut values = Values::default();
    values.set("settings", &connection.settings);
    let has = webhook.when.as_ref().map_or(Ok(true), |when| when.truth(&values))?;
    Ok(has && config.intake.is_some() && is_named(config, &connection.name, &webhook.name))
}

/// The public address of a webhook, without a secret at its end; none of one that is not open.
pub(in crate::engine) fn url(
    config: &Config,
    connection: &Connection,
    webhook: &Webhook,
) -> Result<Option<String>, EvaluationError> {
    let open = is_open(config, connection, webhook)?;
    let intake = config.intake.as_ref().filter(|_| open);
    Ok(intake.map(|intake| format!("{}/hooks/{}/{}", intake.url, connection.name, webhook.name)))
}

/// What requests see as `webhooks`: each webhook of the system by its name, and its address or nothing.
pub(in crate::engine) fn urls(config: &Config, connection: &Connection) -> Result<Value, EvaluationError> {
    let mut urls = Map::new();
    for webhook in connection.system.webhooks.values() {
        urls.insert(webhook.name.clone(), url(config, connection, webhook)?.into());
    }
    Ok(Value::Object(urls))
}

fn is_named(config: &Config, connection: &str, webhook: &str) -> bool {
    config.mappings.values().any(|used| {
        let flows = used.mapping.flows.iter().filter_map(|(name, flow)| Some((flow, used.flows.get(name)?)));
        flows.filter(|(_, chosen)| chosen.enabled).any(|(flow, chosen)| {
            let enabled = flow.sources.iter().zip(&chosen.sources).filter(|(_, choice)| choice.enabled);
            enabled.map(|(source, _)| source).any(|source| match source {
                Source::Webhook { role, webhook: named } => {
                    named.name == webhook && used.connections.get(role).is_some_and(|name| name == connection)
                }
                Source::Poll { .. } | Source::Schedule { .. } | Source::Told => false,
            })
        })
    })
}
