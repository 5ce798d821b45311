//! `ml-connector records`: the records there are, and why they are where they are.

use super::outcome::{Exit, Outcome};
use super::output::{FormatArg, Output};
use super::reach;
use super::selection::FilterArgs;
use super::table;
use super::workspace::{ConfigArg, Workspace};
use crate::engine::command::{Command, Reply};
use crate::store::Record;

/// Lists records, newest change first, with the reason of those that do not move.
///
/// Example: `ml-connector records --state parked,in-doubt --since 2d`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An order number or other key, or a linked value such as a tracking number.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    #[command(flatten)]
    filter: FilterArgs,
    /// At most so many; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    format: FormatArg,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When neither an engine nor its store can be asked.
    pub async fn run(self, output: &Output) -> Outcome {
        let workspace = Workspace::load(&self.config, output)?;
        let mut query = self.filter.query(workspace.clock.now())?;
        query.text.clone_from(&self.text);
        query.limit = self.limit;
        let records = match workspace.read(Command::Records(query)).await? {
            Reply::Records(records) => records,
            other => return Err(reach::unexpected(other)),
        };
        output.list(&records, self.format, ("record", "newest"), self.limit, text)?;
        Ok(Exit::Fine)
    }
}

fn text(records: &[Record]) -> String {
    table::columns(&["RECORD", "STATE", "CHANGED", "WHY"], records.iter().map(row))
}

fn row(record: &Record) -> Vec<String> {
    let notices = record.notices.iter().filter(|notice| notice.acknowledged.is_none()).count();
    let why = [
        record.reason.as_ref().map(|reason| reason.message.clone()),
        record.again.map(|again| format!("comes again at {}", table::time(again))),
        (notices > 0).then(|| table::counted(notices, "notice")),
    ];
    let why = why.into_iter().flatten().collect::<Vec<_>>().join("; ");
    vec![record.id.to_string(), table::state(record.state).to_owned(), table::time(record.changed), why]
}
