//! The `ml-connector` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ml_connector::cli::start::main()
}
