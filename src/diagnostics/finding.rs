//! A finding as data.

use std::sync::Arc;

/// What the names of the files that are part of the program begin with.
pub const BUILT_IN: &str = "built-in/";

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but it probably does not say what its author meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A stretch of a file, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file as the author knows it.
    pub file: Arc<str>,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// The bytes from `start` up to `end` of `file`.
    pub fn new(file: &Arc<str>, start: usize, end: usize) -> Self {
        Self { file: Arc::clone(file), start, end }
    }

    /// A file as a whole.
    pub fn whole(file: &Arc<str>) -> Self {
        Self::new(file, 0, 0)
    }

    /// Whether the file is part of the program, so that whoever runs it cannot mend it.
    pub fn is_built_in(&self) -> bool {
        self.file.starts_with(BUILT_IN)
    }
}

/// A place with a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is to be seen there; may be empty.
    pub text: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// A code out of [`super::CODES`].
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub headline: String,
    /// The place it is about.
    pub primary: Label,
    /// Other places that matter.
    pub secondary: Vec<Label>,
    /// What to write instead.
    pub help: Option<String>,
    /// What else is good to know.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: &'static str, span: Span, headline: impl Into<String>) -> Self {
        debug_assert!(super::explain(code).is_some(), "the code {code} is not in CODES");
        let primary = Label { span, text: String::new() };
        Self {
            code,
            severity: Severity::Error,
            headline: headline.into(),
            primary,
            secondary: Vec::new(),
            help: None,
            notes: Vec::new(),
        }
    }

    /// A warning at `span`.
    pub fn warning(code: &'static str, span: Span, headline: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, headline) }
    }

    /// With a remark at the place it is about.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// With another place that matters.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// With what to write instead.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// With something else that is good to know.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Whether the file cannot be used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Puts findings in the order of their places, those of built-in files last, and leaves out what would be said twice.
///
/// A warning about the very place of an error goes too: the error says more.
pub fn tidy(findings: &mut Vec<Diagnostic>) {
    findings.sort_by(|a, b| {
        let place = |finding: &Diagnostic| {
            let span = finding.primary.span.clone();
            (span.is_built_in(), span, finding.severity, finding.code)
        };
        place(a).cmp(&place(b)).then_with(|| a.headline.cmp(&b.headline))
    });
    findings
        .dedup_by(|b, a| a.code == b.code && a.primary.span == b.primary.span && a.headline == b.headline);
    let mut error: Option<Span> = None;
    findings.retain(|finding| {
        if finding.is_error() {
            error = Some(finding.primary.span.clone());
            return true;
        }
        error.as_ref() != Some(&finding.primary.span)
    });
}
