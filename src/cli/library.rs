//! Where configurations and mappings come from: directories, files, and what is shipped in the binary.

use std::path::Path;
use std::sync::Arc;

use super::names;
use super::outcome::{Exit, Trouble};
use super::output::Output;
use super::workspace::ConfigArg;
use crate::diagnostics::{Diagnostic, Sources, human};
use crate::spec::load::{self, Loaded};
use crate::spec::model::{Config, Mapping};

/// Loads and checks the configuration in `directory`.
///
/// # Errors
/// When it cannot be used; the findings have been shown.
pub fn config(directory: &Path, output: &Output) -> Result<Config, Trouble> {
    if !directory.join("ml-connector.yaml").is_file() {
        return Err(Trouble::cannot_start(format!(
            "{} holds no ml-connector.yaml; name the directory with --config, or make one with `ml-connector init`",
            directory.display()
        )));
    }
    usable(load::config(directory), output)
}

/// Finds a mapping: a file, one of the configuration, or a shipped one.
///
/// # Errors
/// When there is none, or it does not validate; the findings have been shown.
pub fn mapping(name: &str, arg: &ConfigArg, output: &Output) -> Result<Arc<Mapping>, Trouble> {
    let path = Path::new(name);
    if path.is_file() {
        return usable(load::mapping_file(path), output);
    }
    let directory = arg.config.join("ml-connector.yaml").is_file().then_some(arg.config.as_path());
    let known = load::mapping_names(directory);
    if !known.iter().any(|known| known == name) {
        return Err(Trouble::usage(names::unknown("mapping", name, known)));
    }
    usable(load::mapping(name, directory), output)
}

/// The names of the mappings in the binary.
pub fn shipped() -> Vec<String> {
    load::mapping_names(None)
}

/// Shows findings and gives the model, if there is one without errors.
fn usable<T>(loaded: Loaded<T>, output: &Output) -> Result<T, Trouble> {
    let broken = loaded.findings.iter().any(Diagnostic::is_error);
    show(&loaded.findings, &loaded.sources, output);
    match loaded.model {
        Some(model) if !broken => Ok(model),
        _ => Err(Trouble { exit: Exit::CannotStart, message: "correct the findings above first".to_owned() }),
    }
}

fn show(findings: &[Diagnostic], sources: &Sources, output: &Output) {
    if !findings.is_empty() {
        output.say(human::render(findings, sources, output.error_colour()));
    }
}
