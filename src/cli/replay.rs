//! `ml-connector replay`: runs records again with the mapping as it is now.

use super::order::OrderCommand;
use super::outcome::Outcome;
use super::output::Output;
use crate::engine::command::Command;

/// Runs records again from the start with the mapping as it is now.
///
/// For finished, parked, skipped, discarded and waiting records. What has been sent is not sent again: an effect that took place
/// for the same idempotency key keeps its result, and one that was undone parks the record.
///
/// Example: `ml-connector replay 0000169 --reason "mapping corrected"`
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
        self.order.give(Command::Replay, output).await
    }
}
