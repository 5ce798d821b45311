//! Where configurations and mappings come from: directories, files, and what is shipped in the binary.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::names;
use super::outcome::{Exit, Trouble};
use super::output::Output;
use super::workspace::ConfigArg;
use crate::diagnostics::{Diagnostic, Sources, human};
use crate::spec::model::{Config, Mapping};
use crate::spec::{self, CONFIG_FILE, shipped};

/// Loads and checks the configuration in `directory`.
///
/// # Errors
/// When it cannot be used; the findings have been shown.
pub fn config(directory: &Path, output: &Output) -> Result<Config, Trouble> {
    if let Err(error) = std::fs::metadata(directory.join(CONFIG_FILE)) {
        return Err(Trouble::cannot_start(without_config(directory, &error)));
    }
    let mut sources = Sources::default();
    let (config, findings) = spec::load_config(directory, &mut sources);
    usable(config, &findings, &sources, output)
}

/// Why there is no configuration file to be seen.
fn without_config(directory: &Path, error: &std::io::Error) -> String {
    let shown = directory.display();
    match error.kind() {
        ErrorKind::NotFound => format!(
            "{shown} holds no {CONFIG_FILE}; name the directory with --config, or make one with `ml-connector init`"
        ),
        ErrorKind::NotADirectory => {
            format!("{shown} is not a directory; --config names the directory that holds {CONFIG_FILE}")
        }
        _ => format!("{shown} cannot be looked into: {error}; run this as a user who may read it"),
    }
}

/// Refuses a configuration that was named and is not there; the current directory need not be one.
///
/// # Errors
/// A sentence with the cure.
pub fn check_named(arg: &ConfigArg) -> Result<(), Trouble> {
    match std::fs::metadata(arg.config.join(CONFIG_FILE)) {
        Err(error) if arg.config != Path::new(".") => {
            Err(Trouble::cannot_start(without_config(&arg.config, &error)))
        }
        _ => Ok(()),
    }
}

/// Finds a mapping: a file, one of the configuration, or a shipped one.
///
/// # Errors
/// When there is none, or it does not validate; the findings have been shown.
pub fn mapping(name: &str, arg: &ConfigArg, output: &Output) -> Result<Arc<Mapping>, Trouble> {
    let mut sources = Sources::default();
    if Path::new(name).is_file() {
        let (mapping, findings) = spec::load_mapping(Path::new(name), &mut sources);
        return usable(mapping, &findings, &sources, output);
    }
    if let Some(mapping) = configured(name, &arg.config) {
        return Ok(mapping);
    }
    let own = own(&arg.config)?;
    if let Some(path) = own.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name)) {
        let (mapping, findings) = spec::load_mapping(path, &mut sources);
        return usable(mapping, &findings, &sources, output);
    }
    if shipped::mapping(name).is_some() {
        let (mapping, findings) = spec::load_shipped(name, &mut sources);
        return usable(mapping, &findings, &sources, output);
    }
    let own = own.iter().filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    let known = shipped::MAPPINGS.iter().map(|shipped| shipped.name.to_owned()).chain(own);
    Err(Trouble::usage(names::unknown("mapping", name, known)))
}

/// A mapping as the configuration runs it, which may be with system files of its own.
fn configured(name: &str, directory: &Path) -> Option<Arc<Mapping>> {
    if !directory.join(CONFIG_FILE).is_file() {
        return None;
    }
    let (config, _) = spec::load_config(directory, &mut Sources::default());
    config?.mappings.get(name).map(|used| Arc::clone(&used.mapping))
}

/// The configuration's own mapping files; none where there is no configuration.
///
/// # Errors
/// When nobody can tell which there are.
pub fn own(directory: &Path) -> Result<Vec<PathBuf>, Trouble> {
    if !directory.join(CONFIG_FILE).is_file() {
        return Ok(Vec::new());
    }
    let folder = directory.join("mappings");
    spec::yaml_files(&folder)
        .map_err(|error| Trouble::cannot_start(format!("{} cannot be read: {error}", folder.display())))
}

/// Shows the errors, and the warnings of the operator's own files: nobody but `validate` tells of those of built-in ones.
pub fn show(findings: &[Diagnostic], sources: &Sources, output: &Output) {
    let told = told(findings);
    if !told.is_empty() {
        output.say(human::render(&told, sources, output.error_colour()));
    }
}

fn told(findings: &[Diagnostic]) -> Vec<Diagnostic> {
    let theirs = |finding: &&Diagnostic| finding.is_error() || !finding.primary.span.is_built_in();
    findings.iter().filter(theirs).cloned().collect()
}

/// Shows findings and gives the model, if there is one without errors.
fn usable<T>(
    model: Option<T>,
    findings: &[Diagnostic],
    sources: &Sources,
    output: &Output,
) -> Result<T, Trouble> {
    show(findings, sources, output);
    let broken = findings.iter().any(Diagnostic::is_error);
    let refused =
        || Trouble { exit: Exit::CannotStart, message: "correct the findings above first".to_owned() };
    model.filter(|_| !broken).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::{Span, finding};

    #[test]
    fn warnings_of_built_in_files_are_for_validate_only() {
        let at = |file: &str| Span::whole(&Arc::from(file));
        let mut findings = vec![
            Diagnostic::warning("unused-setting", at("built-in/mappings/systems/ups.yaml"), "unused"),
            Diagnostic::error("not-yaml", at("built-in/mappings/systems/ups.yaml"), "broken"),
            Diagnostic::warning("unused-setting", at("mappings/systems/ups.yaml"), "unused"),
        ];
        let told = |findings: &[Diagnostic]| -> Vec<(String, bool)> {
            super::told(findings).iter().map(|it| (it.primary.span.file.to_string(), it.is_error())).collect()
        };
        // Theirs come first.
        finding::tidy(&mut findings);
        let (ours, theirs) = ("built-in/mappings/systems/ups.yaml", "mappings/systems/ups.yaml");
        assert_eq!(told(&findings), [(theirs.to_owned(), false), (ours.to_owned(), true)]);
    }
}
