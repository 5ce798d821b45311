//! Findings as GitHub workflow commands, which show them beside the changed lines.

use super::{Diagnostic, Sources};

/// Writes `::error file=…,line=…,col=…,title=code::…` for each finding.
pub fn render(findings: &[Diagnostic], sources: &Sources) -> String {
    findings.iter().map(|finding| line(finding, sources)).collect()
}

fn line(finding: &Diagnostic, sources: &Sources) -> String {
    let at = sources.position(&finding.primary.span);
    let mut message = finding.headline.clone();
    if !finding.primary.text.is_empty() {
        message.push_str(&format!(": {}", finding.primary.text));
    }
    if let Some(help) = &finding.help {
        message.push_str(&format!("\nhelp: {help}"));
    }
    // GitHub draws a column range only within one line.
    let end = if at.end_line == at.line { format!(",endColumn={}", at.end_column) } else { String::new() };
    format!(
        "::{} file={},line={},endLine={},col={}{end},title={}::{}\n",
        finding.severity.name(),
        property(&finding.primary.span.file),
        at.line,
        at.end_line,
        at.column,
        property(finding.code),
        data(&message),
    )
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
