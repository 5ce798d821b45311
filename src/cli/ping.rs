//! `ml-connector ping`: reaches every connection with its real credentials.

use super::outcome::{Exit, Outcome, Trouble};
use super::output::{FormatArg, Output};
use super::reach::unexpected;
use super::table;
use super::workspace::{ConfigArg, Workspace};
use crate::engine::command::{Command, PingResult, Reply};

/// Reaches connections, proves their credentials, and says what is wrong.
///
/// Nothing is changed at the other side. Exits with 1 when a connection does not answer as it should.
///
/// Example: `ml-connector ping --config /etc/ml-connector`, `ml-connector ping ups`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Connections by their names in `ml-connector.yaml`; all without any.
    #[arg(value_name = "CONNECTION")]
    connections: Vec<String>,
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    format: FormatArg,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When the configuration is broken, or names no such connection.
    pub async fn run(self, output: &Output) -> Outcome {
        let workspace = Workspace::load(&self.config, output)?;
        let names = self.names(&workspace)?;
        let reply = workspace.order(Command::Ping { connections: names }).await?;
        let Reply::Pinged(results) = reply else { return Err(unexpected(reply)) };
        if self.format.json() {
            for result in &results {
                output.json(result)?;
            }
        } else {
            output.line(text(&results));
        }
        Ok(if results.iter().all(|result| result.ok) { Exit::Fine } else { Exit::Findings })
    }

    fn names(&self, workspace: &Workspace) -> Result<Vec<String>, Trouble> {
        let known = &workspace.config.connections;
        if self.connections.is_empty() {
            return Ok(known.keys().cloned().collect());
        }
        let unknown = self.connections.iter().find(|name| !known.contains_key(name.as_str()));
        match unknown {
            None => Ok(self.connections.clone()),
            Some(name) => Err(Trouble::usage(super::names::unknown("connection", name, known.keys()))),
        }
    }
}

fn text(results: &[PingResult]) -> String {
    let row = |result: &PingResult| {
        vec![
            result.connection.clone(),
            result.system.clone(),
            if result.ok { "ok" } else { "FAILED" }.to_owned(),
            format!("{} ms", result.milliseconds),
            result.message.clone(),
        ]
    };
    table::columns(&["CONNECTION", "SYSTEM", "RESULT", "TIME", ""], results.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_easy_to_see() {
        let result = PingResult {
            connection: "carrier".to_owned(),
            system: "ups".to_owned(),
            ok: false,
            message: "the client secret is refused".to_owned(),
            milliseconds: 41,
        };
        assert!(text(&[result]).contains("carrier     ups     FAILED  41 ms  the client secret is refused"));
    }
}
