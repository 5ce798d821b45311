//! What other rooms load: systems, mappings, configurations, or whatever is at a path.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::diagnostics::{Diagnostic, Sources, Span, finding};

use super::folders::{Folders, config_directories, stem};
use super::loader::Loader;
use super::model::{Config, Mapping, System};
use super::read;

/// The file of a configuration directory that says what runs.
pub const CONFIG_FILE: &str = "ml-connector.yaml";

/// What a path held.
#[derive(Debug)]
pub enum Loaded {
    /// A system file.
    System(Arc<System>),
    /// A mapping.
    Mapping(Arc<Mapping>),
    /// A configuration directory.
    Config(Box<Config>),
}

/// Loads the system file at `path`.
pub fn load_system(path: &Path, sources: &mut Sources) -> (Option<Arc<System>>, Vec<Diagnostic>) {
    let mut loader = Loader::new(sources, Folders::default());
    let checked = loader.text(path).map(|text| loader.system_file(&text, &stem(path)));
    (checked.and_then(|checked| checked.system.clone()), loader.done())
}

/// Loads the mapping at `path`. Its systems are looked for in `systems/` beside it, then among the shipped ones.
pub fn load_mapping(path: &Path, sources: &mut Sources) -> (Option<Arc<Mapping>>, Vec<Diagnostic>) {
    let mut loader = Loader::new(sources, Folders::beside(path));
    let mapping = loader.text(path).and_then(|text| loader.mapping_file(&text, &stem(path)));
    (mapping, loader.done())
}

/// Loads the shipped mapping called `name`; none and no findings if there is no such mapping.
pub fn load_shipped(name: &str, sources: &mut Sources) -> (Option<Arc<Mapping>>, Vec<Diagnostic>) {
    let mut loader = Loader::new(sources, Folders::default());
    let mapping = loader.mapping(name).flatten();
    (mapping, loader.done())
}

/// Makes a mapping again from the texts it was made of, kept since: its own, and those of its systems by name.
pub fn rebuild_mapping(text: &str, systems: &BTreeMap<String, String>) -> Option<Arc<Mapping>> {
    let mut sources = Sources::default();
    let mut loader = Loader::new(&mut sources, Folders::default());
    for (name, text) in systems {
        loader.keep_system(name, text);
    }
    loader.kept_mapping(text)
}

/// Loads the configuration in `directory`, with all files in its own `mappings/` and `mappings/systems/`.
pub fn load_config(directory: &Path, sources: &mut Sources) -> (Option<Config>, Vec<Diagnostic>) {
    let mut loader = Loader::new(sources, Folders::of(directory));
    let config = loader.config(directory);
    (config, loader.done())
}

/// Loads whatever is at `path`: a file of any kind, a configuration directory, or a directory of files.
pub fn load_path(path: &Path, sources: &mut Sources) -> (Vec<Loaded>, Vec<Diagnostic>) {
    if path.is_dir() && !path.join(CONFIG_FILE).exists() {
        return load_files(path, sources);
    }
    if path.is_dir() || path.file_name().is_some_and(|name| name == CONFIG_FILE) {
        let directory = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
        let (config, findings) = load_config(directory, sources);
        return (config.map(|config| Loaded::Config(Box::new(config))).into_iter().collect(), findings);
    }
    let mut loader = Loader::new(sources, Folders::beside(path));
    let loaded = loader.text(path).and_then(|text| loader.any_file(&text, &stem(path)));
    (loaded.into_iter().collect(), loader.done())
}

fn load_files(directory: &Path, sources: &mut Sources) -> (Vec<Loaded>, Vec<Diagnostic>) {
    let (mut all, mut findings) = (Vec::new(), Vec::new());
    let mut files = Vec::new();
    for folder in [directory, &directory.join("systems")] {
        let Some(found) = read::files(folder, sources, &mut findings) else { break };
        files.extend(found);
    }
    files.extend(config_directories(directory));
    for path in files {
        let (loaded, found) = load_path(&path, sources);
        all.extend(loaded);
        findings.extend(found);
    }
    if all.is_empty() && findings.is_empty() {
        let file = sources.add(&directory.to_string_lossy(), "");
        let headline = "there are no YAML files in this directory";
        let help = format!("name a file, a directory with a `{CONFIG_FILE}`, or one with mappings");
        findings.push(Diagnostic::error("empty-file", Span::whole(&file), headline).help(help));
    }
    finding::tidy(&mut findings);
    (all, findings)
}
