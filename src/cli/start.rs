//! From arguments to exit code.

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser;

use super::arguments::{Arguments, Command};
use super::logging;
use super::outcome::{Exit, Outcome, Trouble};
use super::output::{self, Output};

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody reads what cannot be printed.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Fine.into() };
        }
    };
    panic::set_hook(Box::new(|info| output::complain(&apology(&info.to_string()))));
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| start(arguments)));
    outcome.unwrap_or(Exit::Bug).into()
}

fn start(arguments: Arguments) -> Exit {
    let output = Output::default();
    logging::start(arguments.verbose, arguments.log_format, &output);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.say(format!("error: no threads can be started: {error}"));
            return Exit::CannotStart;
        }
    };
    let outcome = runtime.block_on(Box::pin(dispatch(arguments.command, &output)));
    // What still reads a terminal or waits for a peer must not keep us.
    runtime.shutdown_background();
    // What went wrong by itself is worse than what could not be said.
    end(outcome.and_then(|exit| output.complete().map(|()| exit)), &output)
}

fn end(outcome: Outcome, output: &Output) -> Exit {
    match outcome {
        Ok(exit) => exit,
        Err(Trouble { exit, message }) => {
            if !message.is_empty() {
                output.say(format!("error: {message}"));
            }
            exit
        }
    }
}

async fn dispatch(command: Command, output: &Output) -> Outcome {
    match command {
        Command::Demo(args) => args.run(output).await,
        Command::Init(args) => args.run(output),
        Command::Validate(args) => args.run(output),
        Command::Test(args) => args.run(output).await,
        Command::Explain(args) => args.run(output),
        Command::Schema(args) => args.run(output),
        Command::Preview(args) => args.run(output),
        Command::Ping(args) => args.run(output).await,
        Command::Run(args) => args.run(output).await,
        Command::Status(args) => args.run(output).await,
        Command::Records(args) => args.run(output).await,
        Command::Show(args) => args.run(output).await,
        Command::Events(args) => args.run(output).await,
        Command::Audit(args) => args.run(output).await,
        Command::Resume(args) => args.run(output).await,
        Command::Replay(args) => args.run(output).await,
        Command::Discard(args) => args.run(output).await,
        Command::Undo(args) => args.run(output).await,
        Command::Resolve(args) => args.run(output).await,
        Command::Acknowledge(args) => args.run(output).await,
        Command::Poll(args) => args.run(output).await,
        Command::Secret(args) => args.run(output),
        Command::Simulate(args) => args.run(output).await,
        Command::Completions(args) => args.run(output),
    }
}

/// What a panic says.
fn apology(what: &str) -> String {
    format!(
        "ml-connector has a bug: {what}\nNothing that was committed is lost. Please report this, with these lines and the \
         output of `ml-connector --version`."
    )
}
