//! `ml-connector discard`: decides that nothing more happens to parked records.

use super::outcome::Outcome;
use super::output::{FormatArg, Output};
use super::reach;
use super::selection::{OrderArgs, said};
use super::workspace::{ConfigArg, Workspace};
use crate::engine::command::Command;

/// Decides that nothing more happens to parked records.
///
/// The records stay, with their audit trail, and can be replayed. Records that have not been tried yet, or wait, can be
/// discarded too: by name, or with `--all --state received,waiting`.
///
/// Example: `ml-connector discard 0000169 --reason "cancelled by the customer"`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: OrderArgs,
    /// Why, for the audit trail.
    #[arg(long, value_name = "TEXT", value_parser = said)]
    reason: String,
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    format: FormatArg,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When the order cannot be given.
    pub async fn run(self, output: &Output) -> Outcome {
        let workspace = Workspace::load(&self.config, output)?;
        let order = self.which.order(&workspace, self.reason).await?;
        let reply = workspace.order(Command::Discard(order)).await?;
        reach::report_order(reply, self.format.json(), output)
    }
}
