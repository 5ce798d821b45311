//! Finds files, reads them and has them checked, each system and mapping once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use serde::de::DeserializeOwned;

use crate::diagnostics::{Diagnostic, Sources, Span, finding};

use super::check::checker::Checker;
use super::check::config::Known;
use super::check::mapping::Roles;
use super::check::system::Checked;
use super::check::{config, mapping, system};
use super::model::{Config, Mapping, System};
use super::raw::config::ConfigFile;
use super::raw::mapping::MappingFile;
use super::raw::system::SystemFile;
use super::raw::{self, Dropped, Written};
use super::read::{self, Text};
use super::shipped;
use super::structure::{self, suggest};
use super::tree::Tree;
use super::{Kind, yaml};

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
    let checked = loader.text(path, None).and_then(|text| loader.system_file(&text, stem(path)));
    (checked.and_then(|checked| checked.system.clone()), loader.done())
}

/// Loads the mapping at `path`. Its systems are looked for in `systems/` beside it, then among the shipped ones.
pub fn load_mapping(path: &Path, sources: &mut Sources) -> (Option<Arc<Mapping>>, Vec<Diagnostic>) {
    let mut loader = Loader::new(sources, Folders::beside(path));
    let mapping = loader.text(path, None).and_then(|text| loader.mapping_file(&text, stem(path)));
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
        let text = read::keep(name, text.as_str().into(), loader.sources);
        let checked = loader.system_file(&text, name.clone())?;
        loader.systems.insert(name.clone(), checked);
    }
    let text = read::keep("kept mapping", text.into(), loader.sources);
    let tree = yaml::parse(&text.file, &text.text, &mut loader.findings)?;
    let (_, name) = tree.entry(tree.root(), "mapping")?;
    let stem = tree.as_text(name)?.to_owned();
    loader.mapping_tree(&tree, stem)
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
    let loaded = loader.text(path, None).and_then(|text| loader.any_file(&text, stem(path)));
    (loaded.into_iter().collect(), loader.done())
}

fn load_files(directory: &Path, sources: &mut Sources) -> (Vec<Loaded>, Vec<Diagnostic>) {
    let (mut all, mut findings) = (Vec::new(), Vec::new());
    for file in yaml_files(directory).into_iter().chain(yaml_files(&directory.join("systems"))) {
        let (loaded, found) = load_path(&file, sources);
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

/// Where a loader looks before it takes what is shipped.
#[derive(Default)]
struct Folders {
    /// No link may lead out of this.
    root: Option<PathBuf>,
    mappings: Option<PathBuf>,
    systems: Option<PathBuf>,
}

impl Folders {
    fn of(directory: &Path) -> Self {
        let mappings = directory.join("mappings");
        Self {
            root: Some(directory.to_owned()),
            systems: Some(mappings.join("systems")),
            mappings: Some(mappings),
        }
    }

    fn beside(path: &Path) -> Self {
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        Self { root: Some(parent.to_owned()), systems: Some(parent.join("systems")), mappings: None }
    }
}

struct Loader<'a> {
    sources: &'a mut Sources,
    folders: Folders,
    findings: Vec<Diagnostic>,
    systems: BTreeMap<String, Arc<Checked>>,
    mappings: BTreeMap<String, Option<Arc<Mapping>>>,
}

impl<'a> Loader<'a> {
    fn new(sources: &'a mut Sources, folders: Folders) -> Self {
        Self { sources, folders, findings: Vec::new(), systems: BTreeMap::new(), mappings: BTreeMap::new() }
    }

    fn done(mut self) -> Vec<Diagnostic> {
        finding::tidy(&mut self.findings);
        self.findings
    }

    fn text(&mut self, path: &Path, root: Option<&Path>) -> Option<Text> {
        read::read(path, root, self.sources, &mut self.findings)
    }

    /// The system called `name`; none if there is no such system.
    fn system(&mut self, name: &str) -> Option<Arc<Checked>> {
        if let Some(known) = self.systems.get(name) {
            return Some(Arc::clone(known));
        }
        let own = own_file(self.folders.systems.as_deref(), name);
        let text = match own {
            Some(path) => {
                let root = self.folders.root.clone();
                self.text(&path, root.as_deref())
            }
            None => {
                let shipped = shipped::system(name)?;
                Some(read::keep(shipped.file, shipped.text.into(), self.sources))
            }
        };
        let checked = text.and_then(|text| self.system_file(&text, name.to_owned())).unwrap_or_default();
        self.systems.insert(name.to_owned(), Arc::clone(&checked));
        Some(checked)
    }

    /// The mapping called `name`: none if there is no such mapping, none inside if it has findings.
    fn mapping(&mut self, name: &str) -> Option<Option<Arc<Mapping>>> {
        if let Some(known) = self.mappings.get(name) {
            return Some(known.clone());
        }
        let text = match own_file(self.folders.mappings.as_deref(), name) {
            Some(path) => {
                let root = self.folders.root.clone();
                self.text(&path, root.as_deref())
            }
            None => {
                let shipped = shipped::mapping(name)?;
                Some(read::keep(shipped.file, shipped.text.into(), self.sources))
            }
        };
        let mapping = text.and_then(|text| self.mapping_file(&text, name.to_owned()));
        self.mappings.insert(name.to_owned(), mapping.clone());
        Some(mapping)
    }

    fn any_file(&mut self, text: &Text, stem: String) -> Option<Loaded> {
        let tree = yaml::parse(&text.file, &text.text, &mut self.findings)?;
        match kind_of(&tree) {
            Some(Kind::System) => self.system_tree(&tree, stem)?.system.clone().map(Loaded::System),
            Some(Kind::Mapping) => self.mapping_tree(&tree, stem).map(Loaded::Mapping),
            Some(Kind::Config) => {
                let help = format!("call it `{CONFIG_FILE}`, in a directory of its own");
                self.report("file-name", Span::whole(&tree.file), "this is a configuration", help);
                None
            }
            None => {
                let place = tree.entries(tree.root()).first().map_or(tree.root(), |(key, _)| *key);
                let headline = "this file does not say what it is";
                let help = "begin with `system: name`, `mapping: name` or `connections:`";
                self.report("unknown-file", tree.span(place), headline, help);
                None
            }
        }
    }

    fn system_file(&mut self, text: &Text, stem: String) -> Option<Arc<Checked>> {
        let tree = yaml::parse(&text.file, &text.text, &mut self.findings)?;
        self.system_tree(&tree, stem)
    }

    fn system_tree(&mut self, tree: &Tree, stem: String) -> Option<Arc<Checked>> {
        let mut findings = Vec::new();
        let raw: Option<(SystemFile, Dropped)> = self.raw(tree, Kind::System, &mut findings);
        let checked = raw.map(|(raw, dropped)| {
            let mut checker = Checker {
                tree,
                sources: self.sources,
                dropped: &dropped,
                lenient: false,
                findings: &mut findings,
            };
            same_name(&mut checker, raw.system.as_ref(), &stem);
            Arc::new(system::check(&mut checker, &raw))
        });
        self.findings.append(&mut findings);
        checked
    }

    fn mapping_file(&mut self, text: &Text, stem: String) -> Option<Arc<Mapping>> {
        let tree = yaml::parse(&text.file, &text.text, &mut self.findings)?;
        self.mapping_tree(&tree, stem)
    }

    fn mapping_tree(&mut self, tree: &Tree, stem: String) -> Option<Arc<Mapping>> {
        let mut findings = Vec::new();
        let raw: Option<(MappingFile, Dropped)> = self.raw(tree, Kind::Mapping, &mut findings);
        let mapping = raw.and_then(|(raw, dropped)| {
            let roles = self.roles(tree, &raw, &mut findings);
            let mut checker = Checker {
                tree,
                sources: self.sources,
                dropped: &dropped,
                lenient: false,
                findings: &mut findings,
            };
            same_name(&mut checker, raw.mapping.as_ref(), &stem);
            mapping::check(&mut checker, &raw, &roles)
        });
        self.findings.append(&mut findings);
        mapping
    }

    fn roles(&mut self, tree: &Tree, raw: &MappingFile, findings: &mut Vec<Diagnostic>) -> Roles {
        let mut roles = Roles::new();
        for (role, name) in raw.systems.iter().flat_map(|systems| systems.iter()) {
            let system = self.system(&name.value);
            if system.is_none() {
                let headline = format!("there is no system `{}`", name.value);
                let names = self.system_names();
                let mut help = suggest(&name.value, names.iter().map(String::as_str), "the systems are");
                help.push_str("; a new one is a file in `systems/` beside the mapping");
                findings.push(Diagnostic::error("unknown-system", tree.span(name.node), headline).help(help));
            }
            roles.insert(role.value.clone(), system);
        }
        roles
    }

    fn system_names(&self) -> Vec<String> {
        names(self.folders.systems.as_deref(), shipped::SYSTEMS)
    }

    fn config(&mut self, directory: &Path) -> Option<Config> {
        let text = self.text(&directory.join(CONFIG_FILE), Some(directory));
        let tree = text.and_then(|text| yaml::parse(&text.file, &text.text, &mut self.findings));
        let mut findings = Vec::new();
        let raw: Option<(ConfigFile, Dropped)> =
            tree.as_ref().and_then(|tree| self.raw(tree, Kind::Config, &mut findings));
        // All own files are checked, used or not.
        for name in names(self.folders.systems.as_deref(), &[]) {
            self.system(&name);
        }
        for name in names(self.folders.mappings.as_deref(), &[]) {
            self.mapping(&name);
        }
        let config = tree.zip(raw).and_then(|(tree, (raw, dropped))| {
            self.check_config(&tree, &raw, &dropped, directory, &mut findings)
        });
        self.findings.append(&mut findings);
        config
    }

    fn check_config(
        &mut self,
        tree: &Tree,
        raw: &ConfigFile,
        dropped: &Dropped,
        directory: &Path,
        findings: &mut Vec<Diagnostic>,
    ) -> Option<Config> {
        let mut systems = IndexMap::new();
        for (_, connection) in raw.connections.iter().flat_map(|table| table.iter()) {
            if let Some(name) = &connection.system
                && let Some(system) = self.system(&name.value)
            {
                systems.insert(name.value.clone(), system);
            }
        }
        let mut mappings = IndexMap::new();
        for (name, _) in raw.mappings.iter().flat_map(|table| table.iter()) {
            if let Some(mapping) = self.mapping(&name.value) {
                mappings.insert(name.value.clone(), mapping);
            }
        }
        let mapping_names = names(self.folders.mappings.as_deref(), shipped::MAPPINGS);
        let known = Known {
            systems: &systems,
            system_names: &self.system_names(),
            mappings: &mappings,
            mapping_names: &mapping_names,
        };
        let mut checker =
            Checker { tree, sources: self.sources, dropped, lenient: false, findings: &mut *findings };
        let config = config::check(&mut checker, raw, directory, &known);
        config.filter(|_| !findings.iter().any(Diagnostic::is_error))
    }

    /// The structural check, then whatever of the file can be read.
    fn raw<T: DeserializeOwned>(
        &mut self,
        tree: &Tree,
        kind: Kind,
        findings: &mut Vec<Diagnostic>,
    ) -> Option<(T, Dropped)> {
        if let Some(other) = kind_of(tree).filter(|found| *found != kind) {
            let place = tree.entries(tree.root()).first().map_or(tree.root(), |(key, _)| *key);
            let headline = format!("this is {}, not {}", other.noun(), kind.noun());
            let help = format!("put it where {} belongs", other.noun());
            findings.push(Diagnostic::error("unknown-file", tree.span(place), headline).help(help));
            return None;
        }
        let dropped: Dropped = structure::check(tree, kind, findings);
        match raw::read(tree, tree.root(), &dropped) {
            Ok(raw) => Some((raw, dropped)),
            Err(error) => {
                if !findings.iter().any(Diagnostic::is_error) {
                    let headline = format!("this file cannot be read: {error}");
                    let finding = Diagnostic::error("value-not-allowed", Span::whole(&tree.file), headline);
                    findings.push(finding.help("compare it with the schema"));
                }
                None
            }
        }
    }

    fn report(&mut self, code: &'static str, place: Span, headline: &str, help: impl Into<String>) {
        self.findings.push(Diagnostic::error(code, place, headline).help(help));
    }
}

fn kind_of(tree: &Tree) -> Option<Kind> {
    let keys = [("system", Kind::System), ("mapping", Kind::Mapping), ("connections", Kind::Config)];
    keys.into_iter().find(|(key, _)| tree.entry(tree.root(), key).is_some()).map(|(_, kind)| kind)
}

fn same_name(checker: &mut Checker<'_>, name: Option<&Written<String>>, stem: &str) {
    let Some(name) = name else { return };
    if checker.name(name.node, "a file") && name.value != stem {
        let headline = format!("the file is called `{stem}.yaml`, but its name is `{}`", name.value);
        let help = format!("call the file `{}.yaml`, or write `{stem}` here", name.value);
        checker.report("file-name", name.node, headline, help);
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// `folder/name.yaml`, if there is one. A name that is no plain name is never looked for.
fn own_file(folder: Option<&Path>, name: &str) -> Option<PathBuf> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let path = folder?.join(format!("{name}.yaml"));
    (plain && !name.is_empty() && path.symlink_metadata().is_ok()).then_some(path)
}

fn names(folder: Option<&Path>, shipped: &[shipped::Shipped]) -> Vec<String> {
    let own = folder.map(yaml_files).unwrap_or_default();
    let mut names: Vec<String> = own.iter().map(|path| stem(path)).collect();
    names.extend(shipped.iter().map(|shipped| shipped.name.to_owned()));
    names.sort();
    names.dedup();
    names
}

/// The YAML files of a directory, sorted.
fn yaml_files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}
