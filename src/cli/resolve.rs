//! `ml-connector resolve`: decides about records whose effect is in doubt.

use std::path::PathBuf;

use super::outcome::{Outcome, Trouble};
use super::output::{FormatArg, Output};
use super::reach;
use super::selection::{OrderArgs, said};
use super::workspace::{ConfigArg, Workspace};
use crate::engine::command::{Command, Truth};

/// Says what is true at the other side of a record whose effect is in doubt.
///
/// A record is in doubt when something that must happen once was sent, no answer came, and no look-up could tell whether
/// it took place. Look at the other side (`ml-connector show` gives the reference to search for), then say what you
/// found. The reason is kept in the audit trail.
///
/// The same says what became of an undo that nobody knows of, and that what was undone is to be sent anew (`--absent`).
///
/// Example: `ml-connector resolve 0000169 --exists 1Z2220060290530202 --reason "seen on ups.com"`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: OrderArgs,
    #[command(flatten)]
    truth: TruthArgs,
    /// How you know, for the audit trail.
    #[arg(long, value_name = "TEXT", value_parser = said)]
    reason: String,
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    format: FormatArg,
}

/// What was found; exactly one.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct TruthArgs {
    /// It exists, once: a value of its result, such as its tracking number. It is looked up to check it.
    #[arg(long, value_name = "VALUE")]
    exists: Option<String>,
    /// It exists but cannot be looked up any more: a JSON file with the result as the operation would have given it.
    #[arg(long, value_name = "FILE")]
    exists_with: Option<PathBuf>,
    /// It does not exist: send it again.
    #[arg(long)]
    absent: bool,
    /// It does not exist and shall not: park the record.
    #[arg(long)]
    cancel: bool,
}

impl TruthArgs {
    fn read(self) -> Result<Truth, Trouble> {
        if let Some(value) = self.exists {
            return Ok(Truth::Exists { value });
        }
        if self.absent {
            return Ok(Truth::Absent);
        }
        let Some(file) = self.exists_with else { return Ok(Truth::Cancelled) };
        let text = std::fs::read_to_string(&file)
            .map_err(|error| Trouble::usage(format!("{} cannot be read: {error}", file.display())))?;
        let result = serde_json::from_str(&text)
            .map_err(|error| Trouble::usage(format!("{} is not JSON: {error}", file.display())))?;
        Ok(Truth::ExistsWith { result })
    }
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When the order cannot be given.
    pub async fn run(self, output: &Output) -> Outcome {
        let workspace = Workspace::load(&self.config, output)?;
        let one = self.which.records.len() == 1 && !self.which.all;
        if !one && (self.truth.exists.is_some() || self.truth.exists_with.is_some()) {
            return Err(Trouble::usage(
                "--exists and --exists-with say what is true of one record: name one",
            ));
        }
        let truth = self.truth.read()?;
        let order = self.which.order(&workspace, self.reason).await?;
        let reply = workspace.order(Command::Resolve { order, truth }).await?;
        reach::report_order(reply, self.format.json(), output)
    }
}
