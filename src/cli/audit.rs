//! `ml-connector audit`: everything that happened, and the proof that nothing of it was changed since.

use std::fmt::Write;

use super::outcome::{Exit, Outcome, Trouble};
use super::output::{FormatArg, Output};
use super::reach;
use super::selection;
use super::table;
use super::workspace::{ConfigArg, Workspace};
use crate::base::RecordId;
use crate::engine::command::{Command, Reply};
use crate::store::{AuditEntry, AuditQuery, AuditReport, RecordQuery};

/// Lists the audit trail, oldest first, or checks that its chain is whole.
///
/// Every entry holds the hash of the one before. `--verify` follows the chain from the first entry to the last and exits
/// with 1 when an entry was changed, removed or put in between.
///
/// Example: `ml-connector audit 0000169 --bodies`, `ml-connector audit --verify`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only the records with this order number or other key, linked value, or id.
    #[arg(value_name = "RECORD", conflicts_with = "verify")]
    text: Option<String>,
    /// Checks the whole chain instead of listing it.
    #[arg(long, conflicts_with_all = ["since", "event", "after", "bodies", "limit"])]
    verify: bool,
    /// Only entries since then: `2h`, `3d`, `2026-11-20` or `2026-11-20T14:00:00Z`.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only events that start so, such as `record.parked` or `effect.`.
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// Only entries after this sequence number: asks for what is new since the last time.
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: u64,
    /// At most so many; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: usize,
    /// With the requests and answers (secrets are redacted).
    #[arg(long)]
    bodies: bool,
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
        if self.verify {
            return match workspace.read(Command::VerifyAudit).await? {
                Reply::AuditReport(report) => verdict(&report, self.format.json(), output),
                other => Err(reach::unexpected(other)),
            };
        }
        let entries = self.entries(&workspace).await?;
        if self.format.json() {
            entries.iter().try_for_each(|entry| output.json(entry))?;
        } else if entries.is_empty() {
            output.say("no entry matches");
        } else {
            entries.iter().for_each(|entry| output.line(line(entry)));
        }
        Ok(Exit::Fine)
    }

    async fn entries(&self, workspace: &Workspace) -> Result<Vec<AuditEntry>, Trouble> {
        let query = AuditQuery {
            record: None,
            since: self
                .since
                .as_deref()
                .map(|text| selection::since(text, workspace.clock.now()))
                .transpose()?,
            event: self.event.clone(),
            after: self.after,
            limit: self.limit,
            bodies: self.bodies,
        };
        let Some(text) = &self.text else { return ask(workspace, query).await };
        let mut entries = Vec::new();
        for record in records(workspace, text).await? {
            entries.extend(ask(workspace, AuditQuery { record: Some(record), ..query.clone() }).await?);
        }
        entries.sort_by_key(|entry| entry.seq);
        if self.limit > 0 {
            entries.truncate(self.limit);
        }
        Ok(entries)
    }
}

async fn ask(workspace: &Workspace, query: AuditQuery) -> Result<Vec<AuditEntry>, Trouble> {
    match workspace.read(Command::Audit(query)).await? {
        Reply::Audit(entries) => Ok(entries),
        other => Err(reach::unexpected(other)),
    }
}

/// The records that `text` names.
async fn records(workspace: &Workspace, text: &str) -> Result<Vec<RecordId>, Trouble> {
    if let Some(id) = RecordId::parse(text) {
        return Ok(vec![id]);
    }
    let query = RecordQuery { text: Some(text.to_owned()), ..RecordQuery::default() };
    match workspace.read(Command::Records(query)).await? {
        Reply::Records(records) if records.is_empty() => Err(Trouble::failed(format!(
            "no record is called `{text}`; `ml-connector records` lists what there is"
        ))),
        Reply::Records(records) => Ok(records.into_iter().map(|record| record.id).collect()),
        other => Err(reach::unexpected(other)),
    }
}

fn verdict(report: &AuditReport, json: bool, output: &Output) -> Outcome {
    if json {
        output.json(report)?;
    } else {
        output.line(verdict_text(report));
    }
    Ok(if report.problems.is_empty() { Exit::Fine } else { Exit::Findings })
}

fn verdict_text(report: &AuditReport) -> String {
    let size = format!("{} entries, last hash {}", report.entries, report.head);
    if report.problems.is_empty() {
        return format!("The audit chain is whole: {size}");
    }
    let problems = report.problems.iter().map(|problem| format!("\n  {problem}")).collect::<String>();
    format!("The audit chain is broken ({size}):{problems}")
}

fn line(entry: &AuditEntry) -> String {
    let mut line = format!("{:>6}  {}  {}  {}", entry.seq, table::time(entry.at), entry.actor, entry.event);
    if let Some(record) = &entry.record {
        let _ = write!(line, "  {record}");
    }
    if !entry.facts.is_null() {
        let _ = write!(line, "  {}", table::facts(&entry.facts));
    }
    if let Some(body) = &entry.body {
        let _ = write!(line, "\n        {body}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_lists_what_is_wrong() {
        let mut report = AuditReport { entries: 3, head: "ab".to_owned(), problems: Vec::new() };
        assert_eq!(verdict_text(&report), "The audit chain is whole: 3 entries, last hash ab");
        report.problems.push("entry 2 was changed".to_owned());
        assert!(verdict_text(&report).ends_with("broken (3 entries, last hash ab):\n  entry 2 was changed"));
    }
}
