//! Reads files and has them checked, each system and mapping once.

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
use super::folders::{Folders, names, own_file, stem};
use super::load::{CONFIG_FILE, Loaded};
use super::model::{Config, Mapping};
use super::raw::config::ConfigFile;
use super::raw::mapping::MappingFile;
use super::raw::system::SystemFile;
use super::raw::{self, Dropped, Written};
use super::read::{self, Text};
use super::shipped::{self, Shipped};
use super::tree::Tree;
use super::wording::suggest;
use super::{Kind, structure, yaml};

/// Reads files and has them checked.
pub(super) struct Loader<'a> {
    sources: &'a mut Sources,
    folders: Folders,
    findings: Vec<Diagnostic>,
    systems: BTreeMap<String, Arc<Checked>>,
    mappings: BTreeMap<String, Option<Arc<Mapping>>>,
}

/// A file that is YAML, with what was found in it so far.
struct File {
    tree: Tree,
    findings: Vec<Diagnostic>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(sources: &'a mut Sources, folders: Folders) -> Self {
        Self { sources, folders, findings: Vec::new(), systems: BTreeMap::new(), mappings: BTreeMap::new() }
    }

    /// All findings, in order.
    pub(super) fn done(mut self) -> Vec<Diagnostic> {
        finding::tidy(&mut self.findings);
        self.findings
    }

    /// A file that was named itself, wherever it is.
    pub(super) fn text(&mut self, path: &Path) -> Option<Text> {
        read::read(path, None, self.sources, &mut self.findings)
    }

    /// A file of the folders if there is one, else a shipped one; none if there is neither. What cannot be read is none
    /// inside.
    fn find(&mut self, own: Option<PathBuf>, shipped: Option<&Shipped>) -> Option<Option<Text>> {
        match (own, shipped) {
            (Some(path), _) => {
                Some(read::read(&path, self.folders.root.as_deref(), self.sources, &mut self.findings))
            }
            (None, Some(shipped)) => Some(Some(read::keep(shipped.file, shipped.text.into(), self.sources))),
            (None, None) => None,
        }
    }

    /// The system called `name`; none if there is no such system.
    fn system(&mut self, name: &str) -> Option<Arc<Checked>> {
        if let Some(known) = self.systems.get(name) {
            return Some(Arc::clone(known));
        }
        let own = own_file(self.folders.systems.as_deref(), name);
        let text = self.find(own, shipped::system(name))?;
        let checked = text.map(|text| self.system_file(&text, name)).unwrap_or_default();
        self.systems.insert(name.to_owned(), Arc::clone(&checked));
        Some(checked)
    }

    /// The mapping called `name`: none if there is no such mapping, none inside if it has findings.
    pub(super) fn mapping(&mut self, name: &str) -> Option<Option<Arc<Mapping>>> {
        if let Some(known) = self.mappings.get(name) {
            return Some(known.clone());
        }
        let own = own_file(self.folders.mappings.as_deref(), name);
        let text = self.find(own, shipped::mapping(name))?;
        let mapping = text.and_then(|text| self.mapping_file(&text, name));
        self.mappings.insert(name.to_owned(), mapping.clone());
        Some(mapping)
    }

    /// Uses `text` wherever the system `name` is named.
    pub(super) fn keep_system(&mut self, name: &str, text: &str) {
        let text = read::keep(name, text.into(), self.sources);
        let checked = self.system_file(&text, name);
        self.systems.insert(name.to_owned(), checked);
    }

    /// Uses `text` as a mapping of whatever name it has.
    pub(super) fn kept_mapping(&mut self, text: &str) -> Option<Arc<Mapping>> {
        let text = read::keep("kept mapping", text.into(), self.sources);
        let file = self.parse(&text)?;
        let (_, name) = file.tree.entry(file.tree.root(), "mapping")?;
        let name = file.tree.as_text(name)?.to_owned();
        self.check_mapping(file, &name)
    }

    /// A file of whatever kind it is.
    pub(super) fn any_file(&mut self, text: &Text, stem: &str) -> Option<Loaded> {
        let mut file = self.parse(text)?;
        let (code, place, headline, help) = match kind_of(&file.tree) {
            Some(Kind::System) => return self.check_system(file, stem).system.clone().map(Loaded::System),
            Some(Kind::Mapping) => return self.check_mapping(file, stem).map(Loaded::Mapping),
            Some(Kind::Config) => {
                let help = format!("call it `{CONFIG_FILE}`, in a directory of its own");
                ("file-name", Span::whole(&file.tree.file), "this is a configuration", help)
            }
            None => {
                let help = "begin with `system: name`, `mapping: name` or `connections:`".to_owned();
                ("unknown-file", first_place(&file.tree), "this file does not say what it is", help)
            }
        };
        file.findings.push(Diagnostic::error(code, place, headline).help(help));
        self.findings.append(&mut file.findings);
        None
    }

    /// A system file.
    pub(super) fn system_file(&mut self, text: &Text, stem: &str) -> Arc<Checked> {
        self.parse(text).map(|file| self.check_system(file, stem)).unwrap_or_default()
    }

    /// A mapping.
    pub(super) fn mapping_file(&mut self, text: &Text, stem: &str) -> Option<Arc<Mapping>> {
        self.parse(text).and_then(|file| self.check_mapping(file, stem))
    }

    fn parse(&mut self, text: &Text) -> Option<File> {
        let mut findings = Vec::new();
        match yaml::parse(&text.file, &text.text, &mut findings) {
            Some(tree) => Some(File { tree, findings }),
            None => {
                self.findings.append(&mut findings);
                None
            }
        }
    }

    fn check_system(&mut self, mut file: File, stem: &str) -> Arc<Checked> {
        let checked = read_raw::<SystemFile>(&mut file, Kind::System).map(|(raw, dropped)| {
            let mut checker = file.checker(self.sources, &dropped);
            same_name(&mut checker, raw.system.as_ref(), stem);
            Arc::new(system::check(&mut checker, &raw))
        });
        self.findings.append(&mut file.findings);
        checked.unwrap_or_default()
    }

    fn check_mapping(&mut self, mut file: File, stem: &str) -> Option<Arc<Mapping>> {
        let mapping = read_raw::<MappingFile>(&mut file, Kind::Mapping).and_then(|(raw, dropped)| {
            let roles = self.roles(&raw, &mut file);
            let mut checker = file.checker(self.sources, &dropped);
            same_name(&mut checker, raw.mapping.as_ref(), stem);
            mapping::check(&mut checker, &raw, &roles)
        });
        self.findings.append(&mut file.findings);
        mapping
    }

    fn roles(&mut self, raw: &MappingFile, file: &mut File) -> Roles {
        let mut roles = Roles::new();
        for (role, name) in raw.systems.iter().flat_map(|systems| systems.iter()) {
            let system = self.system(&name.value);
            if system.is_none() {
                let headline = format!("there is no system `{}`", name.value);
                let names = self.system_names();
                let mut help = suggest(&name.value, names.iter().map(String::as_str), "the systems are");
                help.push_str("; a new one is a file in `systems/` beside the mapping");
                let place = file.tree.span(name.node);
                file.findings.push(Diagnostic::error("unknown-system", place, headline).help(help));
            }
            // Of a system that could not be read, nobody knows what it has.
            roles.insert(role.value.clone(), system.filter(|system| system.readable));
        }
        roles
    }

    /// The system files and mappings of the folders. A folder that cannot be read is told of once, not by each file.
    fn own_files(&mut self) -> Option<(Vec<PathBuf>, Vec<PathBuf>)> {
        let mut list = |folder: &Option<PathBuf>| match folder {
            Some(folder) => read::files(folder, self.sources, &mut self.findings),
            None => Some(Vec::new()),
        };
        let own =
            list(&self.folders.mappings).and_then(|mappings| Some((list(&self.folders.systems)?, mappings)));
        if own.is_none() {
            self.folders = Folders { mappings: None, systems: None, root: self.folders.root.take() };
        }
        own
    }

    fn system_names(&self) -> Vec<String> {
        names(self.folders.systems.as_deref(), shipped::SYSTEMS)
    }

    /// A configuration directory.
    pub(super) fn config(&mut self, directory: &Path) -> Option<Config> {
        let path = directory.join(CONFIG_FILE);
        let text = read::read(&path, Some(directory), self.sources, &mut self.findings);
        let mut file = text.and_then(|text| self.parse(&text));
        let raw = file.as_mut().and_then(|file| read_raw::<ConfigFile>(file, Kind::Config));
        // All own files are checked, used or not.
        let own = self.own_files();
        for path in own.iter().flat_map(|(systems, _)| systems) {
            self.system(&stem(path));
        }
        for path in own.iter().flat_map(|(_, mappings)| mappings) {
            self.mapping(&stem(path));
        }
        let mut file = file?;
        let config = raw.and_then(|(raw, dropped)| self.check_config(&mut file, &raw, &dropped, directory));
        self.findings.append(&mut file.findings);
        // What is shipped would take the place of files that cannot be seen.
        own.and(config)
    }

    fn check_config(
        &mut self,
        file: &mut File,
        raw: &ConfigFile,
        dropped: &Dropped,
        directory: &Path,
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
        for (name, used) in raw.mappings.iter().flat_map(|table| table.iter()) {
            let name = used.mapping.as_ref().unwrap_or(name);
            if let Some(mapping) = self.mapping(&name.value) {
                mappings.insert(name.value.clone(), mapping);
            }
        }
        let known = Known {
            systems: &systems,
            system_names: &self.system_names(),
            mappings: &mappings,
            mapping_names: &names(self.folders.mappings.as_deref(), shipped::MAPPINGS),
            intake: file.tree.entry(file.tree.root(), "intake").is_some(),
        };
        let config = config::check(&mut file.checker(self.sources, dropped), raw, directory, &known);
        config.filter(|_| !file.findings.iter().any(Diagnostic::is_error))
    }
}

impl File {
    fn checker<'f>(&'f mut self, sources: &'f Sources, dropped: &'f Dropped) -> Checker<'f> {
        Checker {
            tree: &self.tree,
            sources,
            dropped,
            lenient: false,
            unsure: false,
            findings: &mut self.findings,
        }
    }
}

/// The structural check, then whatever of the file can be read.
fn read_raw<T: DeserializeOwned>(file: &mut File, kind: Kind) -> Option<(T, Dropped)> {
    let File { tree, findings } = file;
    if let Some(other) = kind_of(tree).filter(|found| *found != kind) {
        let headline = format!("this is {}, not {}", other.noun(), kind.noun());
        let help = format!("put it where {} belongs", other.noun());
        findings.push(Diagnostic::error("unknown-file", first_place(tree), headline).help(help));
        return None;
    }
    let dropped = structure::check(tree, kind, findings);
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

fn first_place(tree: &Tree) -> Span {
    tree.span(tree.entries(tree.root()).first().map_or(tree.root(), |(key, _)| *key))
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
