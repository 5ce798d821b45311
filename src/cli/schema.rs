//! `ml-connector schema`: the JSON Schemas of what authors write.

use std::path::PathBuf;

use super::outcome::{Exit, Outcome, Trouble};
use super::output::Output;
use crate::spec::schema;

/// Writes the JSON Schemas of system files, mappings and configurations, or compares them with what is there.
///
/// An editor that knows them completes and checks YAML while it is written.
///
/// Example: `ml-connector schema schemas`, in CI `ml-connector schema --check schemas`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the schema files.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Writes nothing; exits with 1 when a file is missing or differs.
    #[arg(long)]
    check: bool,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn run(&self, output: &Output) -> Outcome {
        let directory = self.directory.display();
        if self.check {
            let stale = schema::check(&self.directory);
            for name in &stale {
                output.line(format!("{directory}/{name} is not up to date"));
            }
            if stale.is_empty() {
                return Ok(Exit::Fine);
            }
            output.say(format!("run `ml-connector schema {directory}`"));
            return Ok(Exit::Findings);
        }
        std::fs::create_dir_all(&self.directory)
            .map_err(|error| Trouble::failed(format!("{directory} cannot be made: {error}")))?;
        let written = schema::write(&self.directory).map_err(|error| {
            Trouble::failed(format!("the schemas cannot be written to {directory}: {error}"))
        })?;
        for path in written {
            output.line(path.display().to_string());
        }
        Ok(Exit::Fine)
    }
}
