//! `ml-connector completions`: what a shell needs to complete our commands.

use clap::CommandFactory;
use clap_complete::Shell;

use super::arguments::Arguments;
use super::outcome::{Exit, Outcome};
use super::output::Output;

/// Prints a completion script for a shell.
///
/// Example: `ml-connector completions bash > /etc/bash_completion.d/ml-connector`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// Never.
    pub fn run(&self, output: &Output) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "ml-connector", &mut script);
        output.bytes(&script);
        Ok(Exit::Fine)
    }
}
