//! The commands there are.

use clap::{ArgAction, Parser, Subcommand};

use super::logging::LogFormat;
use super::{
    acknowledge, audit, completions, demo, discard, events, explain, init, ping, poll, preview, records,
    replay, resolve, resume, run, schema, secret, show, simulate, status, test, undo, validate,
};

/// Keeps ERPs and carriers in step, driven by YAML mapping files.
///
/// Start with `ml-connector demo`: it needs no credentials. Then `ml-connector init DIR --mapping sage100-ups` writes a
/// configuration directory, and says what to do next.
///
/// Exit codes: 0 all is well; 1 findings, or records or connections that failed; 2 the command was not understood; 3 it
/// cannot start; 4 a bug.
#[derive(Debug, Parser)]
#[command(name = "ml-connector", version, propagate_version = true, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Logs more; may be repeated. The variable `ML_CONNECTOR_LOG` (such as `debug`) wins over it.
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// How logs are written to standard error.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// What to do.
#[derive(Debug, Subcommand)]
#[allow(
    missing_docs,
    reason = "the documentation of each is that of its arguments, and is what --help prints"
)]
pub enum Command {
    Demo(demo::Args),
    Init(init::Args),
    Validate(validate::Args),
    Test(test::Args),
    Explain(explain::Args),
    Schema(schema::Args),
    Preview(preview::Args),
    Ping(ping::Args),
    Run(run::Args),
    Status(status::Args),
    Records(records::Args),
    Show(show::Args),
    Events(events::Args),
    Audit(audit::Args),
    Resume(resume::Args),
    Replay(replay::Args),
    Discard(discard::Args),
    Undo(undo::Args),
    Resolve(resolve::Args),
    Acknowledge(acknowledge::Args),
    Poll(poll::Args),
    Secret(secret::Args),
    Simulate(simulate::Args),
    Completions(completions::Args),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parses(line: &str) -> bool {
        Arguments::try_parse_from(line.split_whitespace()).is_ok()
    }

    #[test]
    fn the_commands_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_explains_itself_with_an_example() {
        for command in Arguments::command().get_subcommands() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty(), "{} has no about", command.get_name());
            assert!(long.contains("Example"), "{} has no example", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {} has no help",
                    command.get_name(),
                    argument.get_id()
                );
            }
        }
    }

    #[test]
    fn what_scripts_rely_on_is_understood() {
        for line in [
            "ml-connector demo --pair sage100-ups --orders 50 --format json --faults none --seed 7",
            "ml-connector init there --mapping sage100-ups --set ups.account=A1B2C3 --set sage100.company=ABC",
            "ml-connector validate . other --format sarif --deny-warnings",
            "ml-connector validate --explain unknown-field",
            "ml-connector test mappings shop --format json",
            "ml-connector run --config there --until-idle",
            "ml-connector records --state parked,in-doubt --since 2h --noticed --limit 0",
            "ml-connector show 0000169 --label label.gif",
            "ml-connector audit --verify --format json",
            "ml-connector events --state parked,waiting --inbox webhook/ups --format json",
            "ml-connector events --retry 0123456789ab --by ann",
            "ml-connector events --retry --all",
            "ml-connector resume --all --reason-contains credit",
            "ml-connector discard 0000169 --reason cancelled --by ann",
            "ml-connector undo 0000169 0000170 --reason cancelled --by ann --format json",
            "ml-connector undo --all --flow sage100-ups --since 2h --reason recall",
            "ml-connector resolve 0000169 --exists 1Z --reason seen",
            "ml-connector secret set ups.client_id --from-env ID",
            "ml-connector simulate ups --port 0 --orders 5",
            "ml-connector completions zsh",
        ] {
            assert!(parses(line), "{line}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "ml-connector resume",
            "ml-connector resume 1 --all",
            "ml-connector discard 1",
            "ml-connector undo 1",
            "ml-connector undo 1 --reason=",
            "ml-connector discard 1 --reason=",
            "ml-connector resume 1 --by=",
            "ml-connector resolve 1 --reason r",
            "ml-connector resolve 1 --absent --cancel --reason r",
            "ml-connector secret set ups.client_id hunter2",
            "ml-connector audit 1 --verify",
            "ml-connector init there",
            "ml-connector records --state lost",
            "ml-connector events --all",
            "ml-connector events --retry a --state parked",
        ] {
            assert!(!parses(line), "{line}");
        }
    }
}
