//! What every order about records takes, and how it is given.

use super::outcome::Outcome;
use super::output::{FormatArg, Output};
use super::reach;
use super::selection::{OrderArgs, said};
use super::workspace::{ConfigArg, Workspace};
use crate::engine::command::{Command, Order};

/// Which records, and why.
#[derive(Debug, clap::Args)]
pub struct OrderCommand {
    #[command(flatten)]
    which: OrderArgs,
    /// Why, for the audit trail.
    #[arg(long, value_name = "TEXT", default_value = "given from the command line", value_parser = said)]
    reason: String,
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    format: FormatArg,
}

impl OrderCommand {
    /// Gives the order to the engine and says what became of each record.
    ///
    /// # Errors
    /// When the order cannot be given.
    pub async fn give(self, command: fn(Order) -> Command, output: &Output) -> Outcome {
        let workspace = Workspace::load(&self.config, output)?;
        let order = self.which.order(&workspace, self.reason).await?;
        let reply = workspace.order(command(order)).await?;
        reach::report_order(reply, self.format.json(), output)
    }
}
