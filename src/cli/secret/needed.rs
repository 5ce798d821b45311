//! Which credentials a configuration can have.

use crate::cli::names;
use crate::cli::outcome::Trouble;
use crate::expression::Values;
use crate::spec::model::{Config, Connection, Source, Webhook};

/// One credential of a connection.
#[derive(Debug, Clone)]
pub struct Needed {
    /// `connection.credential`.
    pub name: String,
    /// What it is and where to get it.
    pub docs: String,
    /// Whether something that the configuration uses needs it.
    pub needed: bool,
}

/// All of them, in the order of the configuration.
pub fn of(config: &Config) -> Vec<Needed> {
    let connections = config.connections.values();
    connections
        .flat_map(|connection| {
            connection.system.credentials.iter().map(|(name, credential)| {
                let docs = credential.docs.as_deref().unwrap_or_default();
                let auth = connection.system.auth.get(&connection.auth);
                let used = auth.is_some_and(|auth| auth.credentials().contains(&name.as_str()))
                    || pushes_need(config, connection, name);
                Needed {
                    name: format!("{}.{name}", connection.name),
                    docs: docs.split_whitespace().collect::<Vec<_>>().join(" "),
                    needed: used || !credential.optional,
                }
            })
        })
        .collect()
}

/// Whether a webhook that is open for the connection proves its sender by this credential.
fn pushes_need(config: &Config, connection: &Connection, credential: &str) -> bool {
    let mut settings = Values::default();
    settings.set("settings", &connection.settings);
    let open = |webhook: &Webhook| {
        let there = webhook.when.as_ref().is_none_or(|when| when.truth(&settings).unwrap_or(true));
        there && webhook.proof.credentials().contains(&credential)
    };
    config.intake.is_some()
        && config.mappings.values().any(|used| {
            let flows = used.flows.iter().filter(|(_, chosen)| chosen.enabled);
            flows.into_iter().any(|(name, chosen)| {
                let sources = used.mapping.flows[name].sources.iter().zip(&chosen.sources);
                sources.filter(|(_, chosen)| chosen.enabled).any(|(source, _)| match source {
                    Source::Webhook { role, webhook } => {
                        used.connections.get(role) == Some(&connection.name) && open(webhook)
                    }
                    _ => false,
                })
            })
        })
}

/// Refuses a name that no connection has.
///
/// # Errors
/// A sentence with the name that may have been meant.
pub fn check(config: &Config, name: &str) -> Result<(), Trouble> {
    let known = of(config);
    if known.iter().any(|needed| needed.name == name) {
        return Ok(());
    }
    Err(Trouble::usage(names::unknown("credential", name, known.iter().map(|needed| needed.name.as_str()))))
}
