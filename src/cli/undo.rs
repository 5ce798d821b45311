//! `ml-connector undo`: undoes what took place for records, and discards them.

use super::outcome::{Outcome, Trouble};
use super::output::{FormatArg, Output};
use super::reach;
use super::selection::{OrderArgs, said};
use super::workspace::{ConfigArg, Workspace};
use crate::engine::command::{Command, Reply};
use crate::store::RecordState;

/// Undoes what was made for records that are done, parked or waiting, such as a paid label, and discards them.
///
/// Everything that took place for a record and whose system file says how it is undone is undone, the latest first:
/// `ml-connector explain` tells what that is. It is written down before it is sent, and goes on after a crash or an outage
/// as soon as the engine runs. A carrier that refuses (a label that is too old, say) leaves the record parked with its
/// answer. What was written back to the ERP, such as a tracking number, is not undone: change it there. What was undone is
/// not made again unless `ml-connector resolve --absent` says so.
///
/// Example: `ml-connector undo 0000169 --reason "cancelled by the customer"`
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
        if self.which.all && !self.which.narrowed() {
            return Err(Trouble::usage(
                "--all alone would undo everything that was ever made: narrow it down with --state, --flow, --since, \
                 --noticed or --reason-contains",
            ));
        }
        let workspace = Workspace::load(&self.config, output)?;
        let order = self.which.order(&workspace, self.reason).await?;
        let reply = workspace.order(Command::Undo(order)).await?;
        let undone = |reply: &Reply| match reply {
            Reply::Ordered(told) => {
                told.iter().any(|one| one.state == Some(RecordState::Discarded) && one.problem.is_none())
            }
            _ => false,
        };
        let remains = undone(&reply);
        let outcome = reach::report_order(reply, self.format.json(), output);
        if remains {
            output.say(
                "What was written back to the ERP before, such as a tracking number, is still there: change it there.",
            );
        }
        outcome
    }
}
