//! Where files are looked for.

use std::io;
use std::path::{Path, PathBuf};

use super::{CONFIG_FILE, shipped};

/// Where a loader looks before it takes what is shipped.
#[derive(Default)]
pub(super) struct Folders {
    /// No link may lead out of this.
    pub(super) root: Option<PathBuf>,
    /// Where mappings are.
    pub(super) mappings: Option<PathBuf>,
    /// Where system files are.
    pub(super) systems: Option<PathBuf>,
}

impl Folders {
    /// The folders of a configuration directory.
    pub(super) fn of(directory: &Path) -> Self {
        let mappings = directory.join("mappings");
        Self {
            root: Some(directory.to_owned()),
            systems: Some(mappings.join("systems")),
            mappings: Some(mappings),
        }
    }

    /// The folders that belong to a file on its own.
    pub(super) fn beside(path: &Path) -> Self {
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        Self { root: Some(parent.to_owned()), systems: Some(parent.join("systems")), mappings: None }
    }
}

/// The file's name without its ending.
pub(super) fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// `folder/name.yaml`, unless there is none. A name that is no plain name is never looked for. One that may be there and
/// cannot be looked at counts: what is shipped must not take its place unnoticed.
pub(super) fn own_file(folder: Option<&Path>, name: &str) -> Option<PathBuf> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let path = folder?.join(format!("{name}.yaml"));
    let absent = || path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    (plain && !name.is_empty() && !absent()).then_some(path)
}

/// The names of all files in a folder and of what is shipped.
pub(super) fn names(folder: Option<&Path>, shipped: &[shipped::Shipped]) -> Vec<String> {
    let own = folder.and_then(|folder| yaml_files(folder).ok()).unwrap_or_default();
    let mut names: Vec<String> = own.iter().map(|path| stem(path)).collect();
    names.extend(shipped.iter().map(|shipped| shipped.name.to_owned()));
    names.sort();
    names.dedup();
    names
}

/// The configuration directories right below a directory, sorted.
pub(super) fn config_directories(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut directories: Vec<PathBuf> = paths.filter(|path| path.join(CONFIG_FILE).is_file()).collect();
    directories.sort();
    directories
}

/// The YAML files of a directory, sorted; none where there is no directory.
///
/// # Errors
/// What the system says of one that cannot be read.
pub fn yaml_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    let yaml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml");
    let mut files: Vec<PathBuf> = paths.into_iter().filter(yaml).collect();
    files.sort();
    Ok(files)
}
