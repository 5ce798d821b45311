//! A configuration directory.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::spec::model::{Config, Connection, KeySource, Mapping, MappingUse, System};
use crate::spec::raw::Written;
use crate::spec::raw::config::{ConfigFile, RawConnection, RawKey, RawMappingUse};

use super::checker::Checker;
use super::flow_use::flow_uses;
use super::intake::intake;
use super::settings;
use super::system::Checked;

/// What a configuration may name.
pub struct Known<'a> {
    /// The systems that it names, where there are such.
    pub systems: &'a IndexMap<String, Arc<Checked>>,
    /// The names of all systems.
    pub system_names: &'a [String],
    /// The mappings that it names, where there are such; none for one with a finding.
    pub mappings: &'a IndexMap<String, Option<Arc<Mapping>>>,
    /// The names of all mappings.
    pub mapping_names: &'a [String],
    /// Whether the configuration says where other systems tell us.
    pub intake: bool,
}

/// Checks a configuration.
pub fn check(
    checker: &mut Checker<'_>,
    raw: &ConfigFile,
    directory: &Path,
    known: &Known<'_>,
) -> Option<Config> {
    let mut connections = IndexMap::new();
    let mut whole = raw.connections.is_some() && raw.mappings.is_some();
    for (name, raw) in raw.connections.iter().flat_map(|table| table.iter()) {
        let fine = checker.name(name.node, "a connection");
        match connection(checker, name, raw, directory, known) {
            Some(connection) if fine => {
                connections.insert(name.value.clone(), connection);
            }
            _ => whole = false,
        }
    }
    let declared = Declared { names: checker.names_below("connections"), fine: &connections };
    let mut mappings = IndexMap::new();
    for (name, raw) in raw.mappings.iter().flat_map(|table| table.iter()) {
        match mapping_use(checker, name, raw, &declared, known) {
            Some(found) => {
                mappings.insert(name.value.clone(), found);
            }
            None => whole = false,
        }
    }
    whole &= once(checker, raw, &mappings);
    let state = raw.store.as_ref().and_then(|store| store.path.as_ref());
    let config = Config {
        directory: directory.to_owned(),
        state: directory.join(state.map_or("state", |path| path.value.as_str())),
        key: key(checker, raw.key.as_ref(), directory)?,
        intake: match &raw.intake {
            Some(raw) => Some(intake(checker, raw, directory)?),
            None => None,
        },
        connections,
        mappings,
    };
    whole.then_some(config)
}

/// Whether no flow would take the same records twice.
fn once(checker: &mut Checker<'_>, raw: &ConfigFile, mappings: &IndexMap<String, MappingUse>) -> bool {
    let mut fine = true;
    for (index, (name, second)) in mappings.iter().enumerate() {
        let same = |(_, first): &(&String, &MappingUse)| {
            Arc::ptr_eq(&first.mapping, &second.mapping)
                && first.connections.iter().all(|(role, name)| second.connections.get(role) == Some(name))
                && first.settings == second.settings
                && first.flows.iter().any(|(name, flow)| flow.enabled && second.flows[name].enabled)
        };
        let Some((first, _)) = mappings.iter().take(index).find(same) else { continue };
        let key = |name: &str| {
            let mut uses = raw.mappings.iter().flat_map(|uses| uses.iter());
            uses.find(|(key, _)| key.value == *name).map(|(key, _)| key.node)
        };
        let (Some(here), Some(there)) = (key(name), key(first)) else { continue };
        let headline = format!("`{name}` and `{first}` run the same flows between the same connections");
        let help = "remove one, or give it other connections or other settings";
        let finding = checker.error("used-twice", here, headline).help(help);
        let finding = finding.also(checker.tree.span(there), "the same here");
        checker.push(finding);
        fine = false;
    }
    fine
}

struct Declared<'a> {
    names: Vec<&'a str>,
    fine: &'a IndexMap<String, Connection>,
}

fn connection(
    checker: &mut Checker<'_>,
    name: &Written<String>,
    raw: &Written<RawConnection>,
    directory: &Path,
    known: &Known<'_>,
) -> Option<Connection> {
    let system_name = raw.system.as_ref()?;
    let Some(checked) = known.systems.get(&system_name.value) else {
        let headline = format!("there is no system `{}`", system_name.value);
        let names = known.system_names.iter().map(String::as_str);
        checker.unknown("unknown-system", system_name.node, headline, names, "the systems are");
        return None;
    };
    let system = checked.system.as_ref()?;
    let auth = auth(checker, system, raw.auth.as_ref());
    let owner = format!("`{}`", system.name);
    let settings =
        settings::apply(checker, &system.settings, raw.settings.as_ref(), name.node, &owner, "settings");
    Some(Connection {
        name: name.value.clone(),
        system: Arc::clone(system),
        auth: auth?,
        settings: settings?,
        ca_file: raw.ca_file.as_ref().map(|path| directory.join(&path.value)),
        place: checker.place(name.node),
    })
}

fn auth(checker: &mut Checker<'_>, system: &System, raw: Option<&Written<String>>) -> Option<String> {
    let Some(raw) = raw else { return system.auth.keys().next().cloned() };
    if system.auth.contains_key(&raw.value) {
        return Some(raw.value.clone());
    }
    let headline = format!("`{}` has no auth `{}`", system.name, raw.value);
    let names = system.auth.keys().map(String::as_str);
    checker.unknown("unknown-auth", raw.node, headline, names, "the kinds are");
    None
}

fn mapping_use(
    checker: &mut Checker<'_>,
    name: &Written<String>,
    raw: &Written<RawMappingUse>,
    declared: &Declared<'_>,
    known: &Known<'_>,
) -> Option<MappingUse> {
    let named = raw.mapping.as_ref().unwrap_or(name);
    let Some(mapping) = known.mappings.get(&named.value) else {
        let headline = format!("there is no mapping `{}`", named.value);
        let names = known.mapping_names.iter().map(String::as_str);
        let lead = if raw.mapping.is_some() {
            "the mappings are"
        } else {
            "say which one it is with `mapping:` below it; the mappings are"
        };
        checker.unknown("unknown-mapping", named.node, headline, names, lead);
        return None;
    };
    let fine = raw.mapping.is_none() || checker.name(name.node, "a mapping that runs");
    let mapping = mapping.as_ref()?;
    let connections = roles(checker, name, raw, mapping, declared);
    let owner = format!("`{}`", mapping.name);
    let settings =
        settings::apply(checker, &mapping.settings, raw.settings.as_ref(), name.node, &owner, "settings");
    let flows = flow_uses(checker, raw, mapping, known.intake);
    fine.then_some(())?;
    Some(MappingUse {
        name: name.value.clone(),
        mapping: Arc::clone(mapping),
        connections: connections?,
        settings: settings?,
        flows: flows?,
        place: checker.place(name.node),
    })
}

/// Each role of the mapping needs a connection to the role's system.
fn roles(
    checker: &mut Checker<'_>,
    name: &Written<String>,
    raw: &RawMappingUse,
    mapping: &Mapping,
    declared: &Declared<'_>,
) -> Option<IndexMap<String, String>> {
    let given = raw.connections.as_ref()?;
    let mut roles = IndexMap::new();
    let mut fine = true;
    for (role, connection) in given.iter() {
        let Some(system) = mapping.systems.get(&role.value) else {
            let headline = format!("`{}` has no role `{}`", mapping.name, role.value);
            let names = mapping.systems.keys().map(String::as_str);
            checker.unknown("unknown-role", role.node, headline, names, "the roles are");
            fine = false;
            continue;
        };
        if !declared.names.contains(&connection.value.as_str()) {
            let headline = format!("there is no connection `{}`", connection.value);
            let names = declared.names.iter().copied();
            checker.unknown("unknown-connection", connection.node, headline, names, "the connections are");
            fine = false;
            continue;
        }
        let other = declared.fine.get(&connection.value).filter(|found| found.system.name != system.name);
        if let Some(other) = other {
            let headline = format!("`{}` is a connection to `{}`", connection.value, other.system.name);
            let help = format!("name a connection to `{}`", system.name);
            checker.report("other-system", connection.node, headline, help);
            fine = false;
        }
        roles.insert(role.value.clone(), connection.value.clone());
    }
    let missing = mapping.systems.iter().filter(|(role, _)| given.get(role).is_none());
    for (role, system) in missing.collect::<Vec<_>>() {
        let headline = format!("`{}` needs a connection for its role `{role}`", mapping.name);
        let help = format!("add `{role}:` with a connection to `{}` below `connections:`", system.name);
        checker.report("missing-connection", name.node, headline, help);
        fine = false;
    }
    fine.then_some(roles)
}

fn key(checker: &mut Checker<'_>, raw: Option<&RawKey>, directory: &Path) -> Option<KeySource> {
    Some(match raw {
        None => KeySource::File(directory.join("master.key")),
        Some(RawKey::File(path)) => KeySource::File(directory.join(&path.value)),
        Some(RawKey::Environment(name)) if name.is_empty() || name.contains(['=', ' ', '$']) => {
            let headline = format!("`{}` is not the name of a variable", name.value);
            checker.report("value-not-allowed", name.node, headline, "write for example `ML_CONNECTOR_KEY`");
            return None;
        }
        Some(RawKey::Environment(name)) => KeySource::Environment(name.value.clone()),
        Some(RawKey::Command(words)) if words.is_empty() => return None,
        Some(RawKey::Command(words)) => {
            KeySource::Command(words.iter().map(|word| word.value.clone()).collect())
        }
    })
}
