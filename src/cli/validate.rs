//! `ml-connector validate`: checks system files, mappings and configurations, offline.

use std::path::PathBuf;

use clap::ValueEnum;

use super::names;
use super::outcome::{Exit, Outcome, Trouble};
use super::output::Output;
use super::table;
use crate::diagnostics::{
    CODES, Diagnostic, Sources, explain, finding, finding::BUILT_IN, github, human, json, sarif,
};
use crate::spec;

/// Checks system files, mappings and configuration directories; nothing is sent.
///
/// A directory with `ml-connector.yaml` is checked as a configuration; of any other its YAML files, those in its
/// `systems/` and the configurations right below it are. Exits with 1 when there are errors.
///
/// Example: `ml-connector validate`, in CI `ml-connector validate mappings --format github --deny-warnings`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files and directories; the current directory without any.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// How to report: for people, as JSON lines, as GitHub annotations, or as SARIF.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: ReportFormat,
    /// Counts warnings as errors.
    #[arg(long)]
    deny_warnings: bool,
    /// Tells the story of a finding's code instead of checking anything.
    #[arg(long, value_name = "CODE")]
    explain: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum ReportFormat {
    #[default]
    Human,
    Json,
    Github,
    Sarif,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When a path cannot be read, or the code is not known.
    pub fn run(self, output: &Output) -> Outcome {
        if let Some(code) = &self.explain {
            return tell(code, output);
        }
        let mut sources = Sources::default();
        let mut findings = Vec::new();
        for path in &self.paths {
            if !path.exists() {
                return Err(Trouble::usage(format!("there is no {}", path.display())));
            }
            findings.extend(spec::load_path(path, &mut sources).1);
        }
        finding::tidy(&mut findings);
        let files = sources.names().filter(|name| !name.starts_with(BUILT_IN)).count();
        self.report(&findings, &sources, output);
        output.say(summary(&findings, files));
        Ok(self.exit(&findings))
    }

    fn report(&self, findings: &[Diagnostic], sources: &Sources, output: &Output) {
        let text = match self.format {
            ReportFormat::Human => human::render(findings, sources, output.colour()),
            ReportFormat::Json => json::render(findings, sources),
            ReportFormat::Github => github::render(findings, sources),
            ReportFormat::Sarif => sarif::render(findings, sources),
        };
        if !text.is_empty() {
            output.line(text);
        }
    }

    fn exit(&self, findings: &[Diagnostic]) -> Exit {
        let bad = findings.iter().any(|finding| self.deny_warnings || finding.is_error());
        if bad { Exit::Findings } else { Exit::Fine }
    }
}

fn tell(code: &str, output: &Output) -> Outcome {
    let Some(story) = explain(code) else {
        return Err(Trouble::usage(names::unknown("code", code, CODES.iter().map(|code| code.name))));
    };
    output.line(format!("{}: {}\n\n{}", story.name, story.title, story.explanation));
    Ok(Exit::Fine)
}

fn summary(findings: &[Diagnostic], files: usize) -> String {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let warnings = findings.len() - errors;
    let files = table::counted(files, "file");
    match (errors, warnings) {
        (0, 0) => format!("{files} checked, all is well"),
        _ => format!(
            "{files} checked: {}, {}",
            table::counted(errors, "error"),
            table::counted(warnings, "warning")
        ),
    }
}
