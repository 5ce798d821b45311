//! Findings as SARIF 2.1.0, which code scanners collect.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Diagnostic, Label, Sources, explain};

/// Writes one SARIF log with one run.
pub fn render(findings: &[Diagnostic], sources: &Sources) -> String {
    let codes: BTreeSet<&'static str> = findings.iter().map(|finding| finding.code).collect();
    let rules: Vec<Value> = codes.iter().map(|code| rule(code)).collect();
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, sources)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "ml-connector", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            // Columns are counted in characters.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn rule(code: &str) -> Value {
    let (title, text) = explain(code).map_or((code, code), |known| (known.title, known.explanation));
    json!({ "id": code, "shortDescription": { "text": title }, "fullDescription": { "text": text } })
}

fn result(finding: &Diagnostic, sources: &Sources) -> Value {
    let mut message = finding.headline.clone();
    if !finding.primary.text.is_empty() {
        message.push_str(&format!(": {}", finding.primary.text));
    }
    if let Some(help) = &finding.help {
        message.push_str(&format!("\nhelp: {help}"));
    }
    json!({
        "ruleId": finding.code,
        "level": finding.severity.name(),
        "message": { "text": message },
        "locations": [location(&finding.primary, sources)],
        "relatedLocations": finding.secondary.iter().map(|label| location(label, sources)).collect::<Vec<_>>(),
    })
}

fn location(label: &Label, sources: &Sources) -> Value {
    let at = sources.position(&label.span);
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&label.span.file) },
            "region": {
                "startLine": at.line,
                "startColumn": at.column,
                "endLine": at.end_line,
                "endColumn": at.end_column,
            },
        },
        "message": { "text": label.text },
    })
}

/// The path as a relative URI reference.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                uri.push(char::from(byte))
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}
