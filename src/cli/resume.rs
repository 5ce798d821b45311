//! `ml-connector resume`: tries parked records again, as they are.

use super::order::OrderCommand;
use super::outcome::Outcome;
use super::output::Output;
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
    order: OrderCommand,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When the order cannot be given.
    pub async fn run(self, output: &Output) -> Outcome {
        self.order.give(Command::Resume, output).await
    }
}
