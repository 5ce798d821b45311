//! Findings for people: the source with carets, as rustc draws it.

use annotate_snippets::renderer::Renderer;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Snippet, normalize_untrusted_str};

use super::{Diagnostic, Label, Severity, Sources};

/// Writes all findings, each followed by an empty line.
pub fn render(findings: &[Diagnostic], sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(120);
    findings.iter().map(|finding| format!("{}\n\n", renderer.render(&[group(finding, sources)]))).collect()
}

fn group<'a>(finding: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group =
        level.primary_title(clean(&finding.headline)).id(finding.code).elements([] as [Origin<'_>; 0]);
    let mut rest: Vec<&Label> = finding.secondary.iter().collect();
    group = place(group, &finding.primary, &mut rest, AnnotationKind::Primary, sources);
    while !rest.is_empty() {
        let first = rest.remove(0);
        group = place(group, first, &mut rest, AnnotationKind::Context, sources);
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(clean(help)));
    }
    finding.notes.iter().fold(group, |group, note| group.element(Level::NOTE.message(clean(note))))
}

/// Adds the snippet of one file: `first`, and whatever of `rest` stands in the same file.
fn place<'a>(
    group: Group<'a>,
    first: &'a Label,
    rest: &mut Vec<&'a Label>,
    kind: AnnotationKind,
    sources: &'a Sources,
) -> Group<'a> {
    let file = &*first.span.file;
    let text = sources.text(file);
    if text.is_empty() {
        return group.element(Origin::path(file));
    }
    let mut snippet = Snippet::source(text).path(file).annotation(annotation(kind, first, text));
    rest.retain(|label| {
        let same = label.span.file == first.span.file;
        if same {
            snippet = snippet.clone().annotation(annotation(AnnotationKind::Context, label, text));
        }
        !same
    });
    group.element(snippet)
}

fn annotation<'a>(kind: AnnotationKind, label: &'a Label, text: &str) -> Annotation<'a> {
    let start = text.floor_char_boundary(label.span.start);
    let end = text.floor_char_boundary(label.span.end).max(start);
    // A finding is about the beginning of what it covers: long blocks are not drawn.
    let end =
        text[start..end].find('\n').map_or(end, |line| start + text[start..start + line].trim_end().len());
    let annotation = kind.span(start..end);
    if label.text.is_empty() { annotation } else { annotation.label(clean(&label.text)) }
}

fn clean(text: &str) -> String {
    normalize_untrusted_str(text)
}
