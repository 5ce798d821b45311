//! `ml-connector poll`: makes a running engine read a source now.

use super::outcome::{Exit, Outcome, Trouble};
use super::output::Output;
use super::reach;
use super::workspace::{ConfigArg, Workspace};
use crate::engine::command::{Command, Reply};

/// Makes the running engine read the source of a flow now instead of at its next time.
///
/// Example: `ml-connector poll sage100-ups/ship_orders`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `mapping/flow`; all flows without it.
    #[arg(value_name = "FLOW")]
    flow: Option<String>,
    #[command(flatten)]
    config: ConfigArg,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When no engine runs, or it has no such flow.
    pub async fn run(self, output: &Output) -> Outcome {
        let workspace = Workspace::load(&self.config, output)?;
        match workspace.ask(&Command::Poll { flow: self.flow }).await? {
            Some(Reply::Accepted) => {
                output.say("polling");
                Ok(Exit::Fine)
            }
            Some(other) => Err(reach::unexpected(other)),
            None => Err(Trouble::cannot_start(
                "no engine runs here; `ml-connector run` polls all flows when it starts",
            )),
        }
    }
}
