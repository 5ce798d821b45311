//! `ml-connector acknowledge`: says that the notices of records were seen to.

use super::outcome::Outcome;
use super::output::{FormatArg, Output};
use super::reach;
use super::selection::OrderArgs;
use super::workspace::{ConfigArg, Workspace};
use crate::engine::command::Command;

/// Says that the notices of records were seen to.
///
/// A notice is left when a record changes at its source after it was done. `ml-connector records --noticed` lists them.
///
/// Example: `ml-connector acknowledge 0000169 --reason "the customer was called"`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: OrderArgs,
    /// Why, for the audit trail.
    #[arg(long, value_name = "TEXT", default_value = "acknowledged from the command line")]
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
        let reply = workspace.order(Command::Acknowledge(order)).await?;
        reach::report_order(reply, self.format.json(), output)
    }
}
