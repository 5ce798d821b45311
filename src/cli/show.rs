//! `ml-connector show`: one record with all that belongs to it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::outcome::{Exit, Outcome, Trouble};
use super::output::{FormatArg, Output};
use super::reach;
use super::table;
use super::workspace::{ConfigArg, Workspace};
use crate::engine::command::{Command, Reply, Shown};
use crate::store::{AuditEntry, Document, EffectEntry, Record, Undo};

/// Shows one record: its state and why, its effects with what is known of each, its links, documents and audit trail.
///
/// Example: `ml-connector show 0000169`, or by tracking number: `ml-connector show 1Z2220060290530202 --label label.gif`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An order number or other key, a linked value such as a tracking number, or a whole id.
    #[arg(value_name = "RECORD")]
    text: String,
    /// Writes the label to this file; several labels get `-2`, `-3` … before the ending.
    #[arg(long, value_name = "FILE")]
    label: Option<PathBuf>,
    /// Shows the requests and answers of the audit trail, too (secrets are redacted).
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
    /// When there is no such record, or neither an engine nor its store can be asked.
    pub async fn run(self, output: &Output) -> Outcome {
        let workspace = Workspace::load(&self.config, output)?;
        if let Some(file) = &self.label {
            let command = Command::Documents { text: self.text.clone(), kind: Some("label".to_owned()) };
            return match workspace.read(command).await? {
                Reply::Documents(labels) => save(&labels, file, output),
                other => Err(reach::unexpected(other)),
            };
        }
        let mut shown = match workspace.read(Command::Show { text: self.text }).await? {
            Reply::Shown(shown) => shown,
            other => return Err(reach::unexpected(other)),
        };
        if !self.bodies {
            shown.audit.iter_mut().for_each(|entry| entry.body = None);
        }
        if self.format.json() {
            output.json(&shown)?
        } else {
            output.line(text(&shown))
        }
        Ok(Exit::Fine)
    }
}

fn save(labels: &[Document], file: &Path, output: &Output) -> Outcome {
    if labels.is_empty() {
        return Err(Trouble::failed("the record has no label (yet)"));
    }
    for (index, label) in labels.iter().enumerate() {
        let path = numbered(file, index);
        std::fs::write(&path, &label.bytes)
            .map_err(|error| Trouble::failed(format!("{} cannot be written: {error}", path.display())))?;
        output.say(format!("{} -> {} ({} bytes)", label.name, path.display(), label.bytes.len()));
    }
    Ok(Exit::Fine)
}

/// `label.gif`, `label-2.gif`, `label-3.gif` …
fn numbered(file: &Path, index: usize) -> PathBuf {
    if index == 0 {
        return file.to_owned();
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let ending = file.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    file.with_file_name(format!("{stem}-{}{ending}", index + 1))
}

fn text(shown: &Shown) -> String {
    let mut parts = vec![record(&shown.record)];
    if !shown.effects.is_empty() {
        parts.push(format!("Effects\n{}", shown.effects.iter().map(effect).collect::<String>()));
    }
    if !shown.links.is_empty() {
        let links =
            shown.links.iter().map(|(kind, value)| format!("  {kind}: {value}\n")).collect::<String>();
        parts.push(format!("Links\n{links}"));
    }
    if !shown.documents.is_empty() {
        let documents = shown
            .documents
            .iter()
            .map(|document| format!("  {} {} ({} bytes)\n", document.kind, document.name, document.size));
        parts.push(format!("Documents\n{}", documents.collect::<String>()));
    }
    parts.push(format!("Audit\n{}", shown.audit.iter().map(audit_line).collect::<String>()));
    parts.join("\n")
}

fn record(record: &Record) -> String {
    let mut text = format!("{}  {}\n", record.id, table::state(record.state));
    let mut put = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<16} {value}");
    };
    if let Some(again) = record.again {
        put("comes again", &format!("at {}", table::time(again)));
    }
    if let Some(reason) = &record.reason {
        put("why", &reason.message);
        for (name, value) in [("code", &reason.code), ("step", &reason.step), ("at", &reason.place)] {
            if let Some(value) = value {
                put(name, value);
            }
        }
        match &reason.detail {
            // One a line, such as the addresses that a carrier proposes.
            Some(Value::Array(items)) => {
                let names = std::iter::once("detail").chain(std::iter::repeat(""));
                items.iter().zip(names).for_each(|(item, name)| put(name, &item.to_string()));
            }
            Some(detail) if !detail.is_null() => put("detail", &detail.to_string()),
            _ => {}
        }
    }
    put("received", &table::time(record.received));
    put("changed", &table::time(record.changed));
    put("revision", &record.revision.to_string());
    put("idempotency key", &record.idempotency_key);
    put("mapping", &format!("{:.12}", record.mapping_revision));
    for notice in &record.notices {
        let seen =
            notice.acknowledged.map(|at| format!(" (seen to {})", table::time(at))).unwrap_or_default();
        put("notice", &format!("{} {}{seen}", table::time(notice.at), notice.message));
    }
    text
}

fn effect(effect: &EffectEntry) -> String {
    let mut text = format!("  {} {}: {}", effect.step, effect.operation, table::effect(effect.state));
    if let Some(reference) = &effect.reference {
        let _ = write!(text, ", our reference {reference}");
    }
    let _ = writeln!(text, ", sent {} ({})", table::counted(effect.attempt as usize, "time"), effect.place);
    for evidence in &effect.evidence {
        let _ = writeln!(
            text,
            "    {} attempt {}: {}",
            table::time(evidence.at),
            evidence.attempt,
            evidence.what
        );
    }
    text.extend(effect.undos.iter().map(undo));
    text
}

fn undo(undo: &Undo) -> String {
    let Undo { operation, operator, reason, .. } = undo;
    let by = format!("by {operation} for {operator}: {reason}");
    match undo.done {
        Some(done) => format!("    undone {} {by}\n", table::time(done)),
        None => format!("    to be undone since {} {by}\n", table::time(undo.ordered)),
    }
}

fn audit_line(entry: &AuditEntry) -> String {
    let facts =
        if entry.facts.is_null() { String::new() } else { format!("  {}", table::facts(&entry.facts)) };
    let mut line = format!("  {} {} {}{facts}\n", table::time(entry.at), entry.actor, entry.event);
    if let Some(body) = &entry.body {
        let body = serde_json::to_string_pretty(body).unwrap_or_default();
        let _ = writeln!(line, "      {}", body.replace('\n', "\n      "));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_labels_get_several_files() {
        assert_eq!(numbered(Path::new("out/label.gif"), 0), Path::new("out/label.gif"));
        assert_eq!(numbered(Path::new("out/label.gif"), 1), Path::new("out/label-2.gif"));
        assert_eq!(numbered(Path::new("label"), 2), Path::new("label-3"));
    }
}
