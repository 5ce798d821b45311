//! `ml-connector replay`: runs records again with the mapping as it is now.

use super::outcome::Outcome;
use super::output::{FormatArg, Output};
use super::reach;
use super::selection::OrderArgs;
use super::workspace::{ConfigArg, Workspace};
use crate::engine::command::Command;

/// Runs records again from the start with the mapping as it is now.
///
/// For finished, parked, skipped and discarded records. What has been sent is not sent again: an effect that took place
/// for the same idempotency key keeps its result.
///
/// Example: `ml-connector replay 0000169 --reason "mapping corrected"`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: OrderArgs,
    /// Why, for the audit trail.
    #[arg(long, value_name = "TEXT", default_value = "replayed from the command line")]
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
        let reply = workspace.order(Command::Replay(order)).await?;
        reach::report_order(reply, self.format.json(), output)
    }
}
