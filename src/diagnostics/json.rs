//! Findings for programs: a JSON array with one object a finding.

use serde_json::{Value, json};

use super::{Diagnostic, Sources};

/// Writes all findings as an array, one object a line.
pub fn render(findings: &[Diagnostic], sources: &Sources) -> String {
    let lines: Vec<String> =
        findings.iter().map(|finding| format!("  {}", object(finding, sources))).collect();
    if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", lines.join(",\n")) }
}

/// One finding: `file`, `line`, `column`, `end_line`, `end_column`, `code`, `severity`, `message`, `label`, `help`,
/// `notes`, and `related` places.
pub fn object(finding: &Diagnostic, sources: &Sources) -> Value {
    let at = sources.position(&finding.primary.span);
    let related: Vec<Value> = finding
        .secondary
        .iter()
        .map(|label| {
            let at = sources.position(&label.span);
            json!({ "file": &*label.span.file, "line": at.line, "column": at.column, "message": label.text })
        })
        .collect();
    json!({
        "file": &*finding.primary.span.file,
        "line": at.line,
        "column": at.column,
        "end_line": at.end_line,
        "end_column": at.end_column,
        "code": finding.code,
        "severity": finding.severity.name(),
        "message": finding.headline,
        "label": finding.primary.text,
        "help": finding.help,
        "notes": finding.notes,
        "related": related,
    })
}
