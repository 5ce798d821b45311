//! `ml-connector test`: runs the tests that mappings bring along, without any system.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::library;
use super::outcome::{Exit, Outcome, Trouble};
use super::output::{FormatArg, Output};
use super::table;
use crate::diagnostics::{Diagnostic, Sources, finding};
use crate::engine::{Difference, Rehearsed, rehearse};
use crate::spec::model::Mapping;
use crate::spec::{self, CONFIG_FILE, Loaded, shipped};

/// Runs the tests of mappings; nothing is sent, and no system is needed.
///
/// A test is a record, what the systems reply, and what is to come of it: see `tests:` in a mapping. Without a path the
/// shipped mappings are tested; of a directory its mappings, and of a configuration those in its `mappings/`, too. Exits
/// with 1 when a test fails.
///
/// Example: `ml-connector test mappings/sage100-ups.yaml`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files and directories; the shipped mappings without any.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    format: FormatArg,
}

/// Mappings by where they were found, each once.
type Mappings = BTreeMap<(String, String), Arc<Mapping>>;

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When a path cannot be read.
    pub async fn run(self, output: &Output) -> Outcome {
        let mut sources = Sources::default();
        let (mappings, findings) = self.mappings(&mut sources)?;
        if findings.iter().any(Diagnostic::is_error) {
            library::show(&findings, &sources, output);
            return Ok(Exit::Findings);
        }
        let mut all = Vec::new();
        for mapping in mappings.values() {
            all.extend(rehearse(mapping).await);
        }
        if self.format.json() {
            output.json(&all)?;
        } else {
            if !all.is_empty() {
                output.line(report(&all));
            }
            output.say(summary(&mappings, &all));
        }
        let failed = all.iter().any(|test| !test.differences.is_empty());
        Ok(if failed { Exit::Findings } else { Exit::Fine })
    }

    fn mappings(&self, sources: &mut Sources) -> Result<(Mappings, Vec<Diagnostic>), Trouble> {
        let (mut mappings, mut findings) = (Mappings::new(), Vec::new());
        let mut keep = |mapping: Arc<Mapping>| {
            mappings.insert((mapping.name.clone(), mapping.revision.clone()), mapping);
        };
        if self.paths.is_empty() {
            for shipped in shipped::MAPPINGS {
                let (mapping, found) = spec::load_shipped(shipped.name, sources);
                mapping.into_iter().for_each(&mut keep);
                findings.extend(found);
            }
        }
        for path in &self.paths {
            if !path.exists() {
                return Err(Trouble::usage(format!("there is no {}", path.display())));
            }
            for path in std::iter::once(path.clone()).chain(own(path)?) {
                let (loaded, found) = spec::load_path(&path, sources);
                findings.extend(found);
                for loaded in loaded {
                    match loaded {
                        Loaded::System(_) => {}
                        Loaded::Mapping(mapping) => keep(mapping),
                        Loaded::Config(config) => {
                            config.mappings.values().for_each(|used| keep(Arc::clone(&used.mapping)));
                        }
                    }
                }
            }
        }
        finding::tidy(&mut findings);
        Ok((mappings, findings))
    }
}

/// A configuration's own mappings, used or not.
fn own(path: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let directory = match path.file_name() {
        Some(name) if name == CONFIG_FILE => path.parent().unwrap_or(Path::new("")),
        _ => path,
    };
    library::own(directory)
}

fn report(all: &[Rehearsed]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut mapping = "";
    for test in all {
        if test.mapping != mapping {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push(test.mapping.clone());
            mapping = &test.mapping;
        }
        if test.differences.is_empty() {
            lines.push(format!("  ok    {}", test.test));
            continue;
        }
        lines.push(format!("  FAIL  {} ({})", test.test, test.place));
        lines.extend(test.differences.iter().map(difference));
    }
    lines.join("\n")
}

fn difference(difference: &Difference) -> String {
    let mut text = format!("        {} ({})", difference.what, difference.place);
    // What is long is easier to compare below each other.
    if let (Some(expected), Some(found)) = (&difference.expected, &difference.found)
        && (expected.is_object() || expected.is_array())
    {
        text.push_str(&format!(
            "\n          expected  {}\n          came      {}",
            short(expected),
            short(found)
        ));
    }
    text
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(400) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn summary(mappings: &Mappings, all: &[Rehearsed]) -> String {
    let failed = all.iter().filter(|test| !test.differences.is_empty()).count();
    let untested: Vec<&str> =
        mappings.values().filter(|mapping| mapping.tests.is_empty()).map(|mapping| &*mapping.name).collect();
    let mut text = match (all.len(), failed) {
        (0, _) => "there are no tests".to_owned(),
        (count, 0) => format!("{}, all is well", table::counted(count, "test")),
        (count, failed) => format!("{}, {failed} failed", table::counted(count, "test")),
    };
    if !untested.is_empty() {
        text.push_str(&format!("; without tests: {}", untested.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_was_expected_where() {
        let difference = Difference {
            what: "It ends done, not parked".to_owned(),
            step: None,
            place: "m.yaml:9:5".to_owned(),
            expected: Some(Value::from("parked")),
            found: Some(Value::from("done")),
        };
        let test = |name: &str, differences| Rehearsed {
            mapping: "m".to_owned(),
            test: name.to_owned(),
            place: "m.yaml:7:3".to_owned(),
            differences,
            calls: Vec::new(),
        };
        let all = [test("One", Vec::new()), test("Two", vec![difference])];
        assert_eq!(
            report(&all),
            "m\n  ok    One\n  FAIL  Two (m.yaml:7:3)\n        It ends done, not parked (m.yaml:9:5)"
        );
        assert_eq!(summary(&Mappings::new(), &all), "2 tests, 1 failed");
        assert_eq!(summary(&Mappings::new(), &all[..1]), "1 test, all is well");
    }
}
