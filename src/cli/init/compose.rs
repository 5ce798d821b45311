//! The configuration as text, made from the mappings and systems it uses.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::yaml;
use crate::expression::Type;
use crate::spec::model::{Mapping, Schedule, Setting, Source, System};

/// What is to be written.
pub struct Composition {
    /// Connections by name.
    pub connections: IndexMap<String, Part<System>>,
    /// Mappings by name, with the connection of each role.
    pub mappings: IndexMap<String, (Part<Mapping>, Roles)>,
}

/// Each role with the name of its connection.
pub type Roles = Vec<(String, String)>;

/// Something with settings, and the values given for them.
pub struct Part<T> {
    /// What has the settings.
    pub of: Arc<T>,
    /// Values by setting.
    pub values: Map<String, Value>,
}

impl Composition {
    /// Each system becomes one connection of its name; mappings share them.
    pub fn of(mappings: &[Arc<Mapping>]) -> Self {
        let mut composition = Self { connections: IndexMap::new(), mappings: IndexMap::new() };
        for mapping in mappings {
            let mut roles = Vec::new();
            for (role, system) in &mapping.systems {
                let part = || Part { of: Arc::clone(system), values: Map::new() };
                composition.connections.entry(system.name.clone()).or_insert_with(part);
                roles.push((role.clone(), system.name.clone()));
            }
            let part = Part { of: Arc::clone(mapping), values: Map::new() };
            composition.mappings.insert(mapping.name.clone(), (part, roles));
        }
        composition
    }

    /// How many required settings are not filled in.
    pub fn open(&self) -> usize {
        let of = |settings: &IndexMap<String, Setting>, values: &Map<String, Value>| {
            settings
                .iter()
                .filter(|(name, setting)| is_required(setting) && !values.contains_key(*name))
                .count()
        };
        let connections = self.connections.values().map(|part| of(&part.of.settings, &part.values));
        let mappings = self.mappings.values().map(|(part, _)| of(&part.of.settings, &part.values));
        connections.chain(mappings).sum()
    }

    /// The credentials that the connections need: name and what it is.
    pub fn credentials(&self) -> Vec<(String, String)> {
        let one = |(connection, part): (&String, &Part<System>)| -> Vec<(String, String)> {
            let credentials = part.of.credentials.iter();
            credentials
                .map(|(name, credential)| {
                    let docs = credential
                        .docs
                        .as_deref()
                        .unwrap_or_default()
                        .split_whitespace()
                        .collect::<Vec<_>>()
                        .join(" ");
                    (format!("{connection}.{name}"), format!("{docs}{}", only_with(name, part)))
                })
                .collect()
        };
        self.connections.iter().flat_map(one).collect()
    }

    /// The text of `ml-connector.yaml`.
    pub fn text(&self) -> String {
        let mut text = String::from(
            "# What this engine runs. `ml-connector validate` names what is left to fill in or wrong.\n\
             # Settings behind a `#` have the value shown unless you say otherwise. Credentials do not belong here:\n\
             # `ml-connector secret set` keeps them, encrypted.\n\nconnections:\n",
        );
        for (name, part) in &self.connections {
            put_connection(name, part, &mut text);
        }
        text.push_str("mappings:\n");
        for (name, (part, roles)) in &self.mappings {
            put_mapping(name, part, roles, &mut text);
        }
        text.push_str("# Where the engine keeps what it must not forget.\nstore:\n  path: state\n\n");
        text.push_str(
            "# Where the master key that opens the credentials comes from. Instead of a file:\n\
             # `environment: VARIABLE`, or `command: [program, argument]`, whose first line is the key.\n\
             key:\n  file: master.key\n",
        );
        self.put_intake(&mut text);
        text
    }

    /// Where systems may push, for whoever wants that.
    fn put_intake(&self, text: &mut String) {
        let routes: BTreeSet<String> = self
            .mappings
            .values()
            .flat_map(|(part, roles)| {
                let sources = part.of.flows.values().flat_map(|flow| &flow.sources);
                sources.filter_map(|source| {
                    let Source::Webhook { role, webhook } = source else { return None };
                    let (_, connection) = roles.iter().find(|(name, _)| name == role)?;
                    Some(format!("{connection}/{}", webhook.name))
                })
            })
            .collect();
        if routes.is_empty() {
            return;
        }
        text.push_str(
            "\n# Where systems push what they have to tell. Without it they are asked, and nothing is missing but time.\n\
             # `url` is the address that they know; a proxy there forwards to `listen`, or `tls: { certificate: FILE, key: FILE }`\n\
             # makes the engine speak TLS itself.\n# intake:\n#   listen: 127.0.0.1:8480\n#   url: https://hooks.example.com\n\
             # The addresses then are:\n",
        );
        for route in routes {
            let _ = writeln!(text, "#   https://hooks.example.com/hooks/{route}");
        }
    }
}

/// What a credential is for, where it is needed only if the operator chooses so.
fn only_with(name: &str, part: &Part<System>) -> String {
    let mut kinds = part.of.auth.iter().filter(|(_, config)| config.credentials().contains(&name));
    let pushed = part.of.webhooks.values().any(|webhook| webhook.proof.credentials().contains(&name));
    match (kinds.next(), part.of.auth.get_index(0)) {
        (None, _) if pushed => " (only with `intake:`)".to_owned(),
        (Some((kind, _)), Some((usual, _))) if kind != usual => format!(" (only with `auth: {kind}`)"),
        _ => String::new(),
    }
}

fn put_connection(name: &str, part: &Part<System>, text: &mut String) {
    let system = &part.of;
    text.push_str(&yaml::comment(
        &format!("{}. {}", system.title, system.docs.as_deref().unwrap_or_default()),
        "  ",
    ));
    let _ = write!(text, "  {name}:\n    system: {}\n", system.name);
    if system.auth.len() > 1 {
        let kinds: Vec<&str> = system.auth.keys().map(String::as_str).collect();
        let _ = writeln!(text, "    # One of {}.\n    # auth: {}", kinds.join(", "), kinds[0]);
    }
    put_settings(&system.settings, &part.values, "    ", text);
    text.push('\n');
}

fn put_mapping(name: &str, part: &Part<Mapping>, roles: &[(String, String)], text: &mut String) {
    text.push_str(&yaml::comment(&part.of.title, "  "));
    let roles: Vec<String> = roles.iter().map(|(role, connection)| format!("{role}: {connection}")).collect();
    let _ = write!(text, "  {name}:\n    connections: {{ {} }}\n", roles.join(", "));
    put_settings(&part.of.settings, &part.values, "    ", text);
    text.push_str("    # Flows run as the mapping says unless you say otherwise: `every`, or `cron` and `zone`; `enabled: false`\n");
    text.push_str("    # leaves one out.\n    # flows:\n");
    for flow in part.of.flows.values() {
        let Some(schedule) = flow.sources.iter().find_map(Source::schedule) else { continue };
        let when = match schedule {
            Schedule::Every(every) => format!("every: {}", crate::base::duration::display(*every)),
            Schedule::Cron(cron) => format!("cron: {}", yaml::inline(&Value::from(cron.cron.to_string()))),
        };
        let _ = writeln!(text, "    #   {}: {{ {when} }}", flow.name);
    }
    text.push('\n');
}

fn put_settings(
    settings: &IndexMap<String, Setting>,
    values: &Map<String, Value>,
    indent: &str,
    text: &mut String,
) {
    if settings.is_empty() {
        return;
    }
    // A block with nothing but comments in it would be null.
    let any = settings.iter().any(|(name, setting)| is_required(setting) || values.contains_key(name));
    let _ = writeln!(text, "{indent}{}settings:", if any { "" } else { "# " });
    for (name, setting) in settings {
        put_setting(name, setting, values.get(name), &format!("{indent}  "), text);
    }
}

fn put_setting(name: &str, setting: &Setting, value: Option<&Value>, indent: &str, text: &mut String) {
    text.push_str(&yaml::comment(setting.docs.as_deref().unwrap_or_default(), indent));
    if !setting.one_of.is_empty() {
        let choices: Vec<String> = setting.one_of.iter().map(yaml::inline).collect();
        text.push_str(&yaml::comment(&format!("One of {}.", choices.join(", ")), indent));
    }
    match (value, &setting.default) {
        (value, _) if value.is_some() || is_required(setting) => {
            put_field(name, &setting.ty, value, indent, text)
        }
        (_, Some(default)) => _ = writeln!(text, "{indent}# {name}: {}", yaml::inline(default)),
        (_, None) => _ = writeln!(text, "{indent}# {name}:  # {}", setting.ty),
    }
}

/// A field that has a value or must get one; objects field by field.
fn put_field(name: &str, ty: &Type, value: Option<&Value>, indent: &str, text: &mut String) {
    match (ty.required(), value) {
        (Type::Object(object), None | Some(Value::Object(_))) => {
            let _ = writeln!(text, "{indent}{name}:");
            for (field, of) in &object.fields {
                let value = value.and_then(|value| value.get(field));
                if let Some(docs) = &of.docs {
                    text.push_str(&yaml::comment(docs, &format!("{indent}  ")));
                }
                if value.is_none() && of.ty.may_be_null() {
                    let _ = writeln!(text, "{indent}  # {field}:  # {}", of.ty.required());
                } else {
                    put_field(field, &of.ty, value, &format!("{indent}  "), text);
                }
            }
        }
        (_, Some(value)) => _ = writeln!(text, "{indent}{name}: {}", yaml::inline(value)),
        (ty, None) => _ = writeln!(text, "{indent}{name}:  # fill in: {ty}"),
    }
}

fn is_required(setting: &Setting) -> bool {
    setting.default.is_none() && !setting.ty.may_be_null()
}
