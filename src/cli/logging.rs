//! Logs: to standard error, for people or as JSON lines, as much as was asked for.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use super::output::Output;
use crate::base::environment;

/// The variable that says what to log, such as `debug` or `ml_connector::engine=trace`.
pub const VARIABLE: &str = "ML_CONNECTOR_LOG";

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON value a line.
    Json,
}

/// Starts logging. `verbose` counts how often `--verbose` was given; the variable wins over it.
pub fn start(verbose: u8, format: LogFormat, output: &Output) {
    let wanted = environment::variable(VARIABLE).unwrap_or_else(|| level(verbose).to_owned());
    let filter = EnvFilter::try_new(&wanted).unwrap_or_else(|error| {
        output.say(format!("warning: {VARIABLE} is not understood ({error}); logging warnings"));
        EnvFilter::new("warn")
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(output.error_colour())
        .with_writer(BoxMakeWriter::new(std::io::stderr));
    // A second start in one process (tests) keeps the first.
    let _ = match format {
        LogFormat::Human => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

fn level(verbose: u8) -> &'static str {
    match verbose {
        0 => "warn",
        1 => "warn,ml_connector=info",
        2 => "warn,ml_connector=debug",
        _ => "debug,ml_connector=trace",
    }
}
