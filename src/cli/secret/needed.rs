//! Which credentials a configuration can have.

use crate::cli::names;
use crate::cli::outcome::Trouble;
use crate::spec::model::Config;

/// One credential of a connection.
#[derive(Debug)]
pub struct Needed {
    /// `connection.credential`.
    pub name: String,
    /// What it is and where to get it.
    pub docs: String,
}

/// All of them, in the order of the configuration.
pub fn of(config: &Config) -> Vec<Needed> {
    let connections = config.connections.values();
    connections
        .flat_map(|connection| {
            connection.system.credentials.iter().map(|(name, credential)| {
                let docs = credential.docs.as_deref().unwrap_or_default();
                let auth = connection.system.auth.get(&connection.auth);
                let used = auth.is_some_and(|auth| auth.credentials().contains(&name.as_str()));
                let optional = if credential.optional && !used { " (not needed)" } else { "" };
                Needed {
                    name: format!("{}.{name}", connection.name),
                    docs: format!("{}{optional}", docs.split_whitespace().collect::<Vec<_>>().join(" ")),
                }
            })
        })
        .collect()
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
