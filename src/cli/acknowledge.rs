//! `ml-connector acknowledge`: says that the notices of records were seen to.

use super::order::OrderCommand;
use super::outcome::Outcome;
use super::output::Output;
use crate::engine::command::Command;

/// Says that the notices of records were seen to.
///
/// A notice is left when a record changes at its source after it was done. `ml-connector records --noticed` lists them.
///
/// Example: `ml-connector acknowledge 0000169 --reason "the customer was called"`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    order: OrderCommand,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When the order cannot be given.
    pub async fn run(self, output: &Output) -> Outcome {
        self.order.give(Command::Acknowledge, output).await
    }
}
