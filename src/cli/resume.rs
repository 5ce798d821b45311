//! `ml-connector resume`: tries parked records again, as they are.

use super::outcome::Outcome;
use super::output::{FormatArg, Output};
use super::reach;
use super::selection::OrderArgs;
use super::workspace::{ConfigArg, Workspace};
use crate::engine::command::Command;

/// Tries parked records again, as they are, from the step that failed.
///
/// Use it after the cause was mended: an address in the ERP, a credential, a setting. Works beside a running engine;
/// without one the records are tried at its next start.
///
/// Example: `ml-connector resume 0000169`, `ml-connector resume --all --reason-contains "credit limit"`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: OrderArgs,
    /// Why, for the audit trail.
    #[arg(long, value_name = "TEXT", default_value = "resumed from the command line")]
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
        let reply = workspace.order(Command::Resume(order)).await?;
        reach::report_order(reply, self.format.json(), output)
    }
}
