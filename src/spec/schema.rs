//! The JSON Schemas of the three kinds of file, generated from what the loader reads.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

use super::Kind;
use super::raw::config::ConfigFile;
use super::raw::mapping::MappingFile;
use super::raw::system::SystemFile;

/// The schema of one kind of file.
pub fn of(kind: Kind) -> &'static Value {
    static SCHEMAS: [OnceLock<Value>; 3] = [const { OnceLock::new() }; 3];
    match kind {
        Kind::System => SCHEMAS[0].get_or_init(generate::<SystemFile>),
        Kind::Mapping => SCHEMAS[1].get_or_init(generate::<MappingFile>),
        Kind::Config => SCHEMAS[2].get_or_init(generate::<ConfigFile>),
    }
}

/// The name and contents of each schema file.
pub fn files() -> [(&'static str, String); 3] {
    [Kind::System, Kind::Mapping, Kind::Config].map(|kind| {
        (kind.schema_file(), format!("{}\n", serde_json::to_string_pretty(of(kind)).unwrap_or_default()))
    })
}

/// Writes the schema files into `directory`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(directory)?;
    files()
        .into_iter()
        .map(|(name, text)| {
            let path = directory.join(name);
            std::fs::write(&path, text).map(|()| path)
        })
        .collect()
}

/// The names of the schema files in `directory` that are not what [`write()`] would write.
pub fn check(directory: &Path) -> Vec<&'static str> {
    let stale = |(name, text): (&'static str, String)| {
        let found = std::fs::read_to_string(directory.join(name)).ok();
        (found.as_deref() != Some(text.as_str())).then_some(name)
    };
    files().into_iter().filter_map(stale).collect()
}

fn generate<T: JsonSchema>() -> Value {
    let schema: Schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    let mut schema = schema.to_value();
    tidy(&mut schema);
    schema
}

/// Takes away what authors have no use for: null where a key can be left out instead, and the widths of integers.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(object) => {
            without_null(object);
            if matches!(object.get("format").and_then(Value::as_str), Some("uint32" | "uint64" | "double")) {
                object.remove("format");
            }
            if object.get("default").is_some_and(empty) {
                object.remove("default");
            }
            object.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

fn without_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|ty| ty != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(branches)) = object.get_mut("anyOf") else { return };
    branches.retain(|branch| branch.get("type").is_none_or(|ty| ty != "null"));
    if let [Value::Object(only)] = &branches[..] {
        let only = only.clone();
        object.remove("anyOf");
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}
