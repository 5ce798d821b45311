//! What all checks share: the tree, the findings so far, and small things that are read everywhere.

use std::time::Duration;

use crate::base::duration;
use crate::diagnostics::{Diagnostic, Sources, Span};
use crate::expression::{Scope, Type};
use crate::spec::model::Place;
use crate::spec::raw::{Dropped, Written};
use crate::spec::tree::{Content, NodeId, Tree};
use crate::spec::wording::{one_of, suggest};

/// One file under check.
pub struct Checker<'a> {
    /// The file.
    pub tree: &'a Tree,
    /// Where lines begin.
    pub sources: &'a Sources,
    /// The parts that the structural check refused.
    pub dropped: &'a Dropped,
    /// Whether unknown names are passed over, because what would have defined them has a finding of its own.
    pub lenient: bool,
    /// Whether items of unknown shape are passed over, because what would have told it has a finding of its own.
    pub unsure: bool,
    /// What was found.
    pub findings: &'a mut Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    /// An error about a node, to be completed by the caller.
    pub fn error(&self, code: &'static str, node: NodeId, headline: impl Into<String>) -> Diagnostic {
        self.placed(Diagnostic::error(code, self.tree.span(node), headline), node)
    }

    /// An error about a part of a scalar.
    pub fn error_at(
        &self,
        code: &'static str,
        node: NodeId,
        span: Span,
        headline: impl Into<String>,
    ) -> Diagnostic {
        self.placed(Diagnostic::error(code, span, headline), node)
    }

    fn placed(&self, finding: Diagnostic, node: NodeId) -> Diagnostic {
        match self.tree.alias(node) {
            Some(alias) => finding.also(alias, "used here"),
            None => finding,
        }
    }

    /// Adds a finding.
    pub fn push(&mut self, finding: Diagnostic) {
        self.findings.push(finding);
    }

    /// Adds an error with help.
    pub fn report(
        &mut self,
        code: &'static str,
        node: NodeId,
        headline: impl Into<String>,
        help: impl Into<String>,
    ) {
        let finding = self.error(code, node, headline).help(help);
        self.push(finding);
    }

    /// Takes back what was only feared of lengths: of something that is not whole, types are not known for sure.
    pub fn forget_lengths(&mut self) {
        self.findings.retain(|finding| finding.code != "may-be-too-long");
    }

    /// Where a node stands.
    pub fn place(&self, node: NodeId) -> Place {
        self.tree.place(node, self.sources)
    }

    /// Whether some part of a node was refused.
    pub fn incomplete(&self, node: NodeId) -> bool {
        self.dropped.range((node, 0)..=(node, usize::MAX)).next().is_some()
    }

    /// The names below a key of the file, also of parts that were refused.
    pub fn names_below(&self, key: &str) -> Vec<&'a str> {
        let tree = self.tree;
        let table = tree.entry(tree.root(), key);
        let entries = table.into_iter().flat_map(|(_, table)| tree.entries(table));
        entries.filter_map(|(name, _)| tree.as_text(*name)).collect()
    }

    /// The text of a scalar.
    pub fn text(&self, node: NodeId) -> &'a str {
        self.tree.as_text(node).unwrap_or_default()
    }

    /// A duration such as `15m`.
    pub fn duration(&mut self, written: &Written<String>) -> Option<Duration> {
        match duration::parse(written) {
            Ok(found) => Some(found),
            Err(message) => {
                let headline = format!("`{}` is not a duration", written.value);
                let help = message.split_once("; ").map_or(message.as_str(), |(_, help)| help).to_owned();
                self.report("not-a-duration", written.node, headline, help);
                None
            }
        }
    }

    /// The same, or `otherwise` where nothing is written.
    pub fn duration_or(
        &mut self,
        written: Option<&Written<String>>,
        otherwise: Duration,
    ) -> Option<Duration> {
        written.map_or(Some(otherwise), |written| self.duration(written))
    }

    /// Reports a name that is none of `names`.
    pub fn unknown<'n>(
        &mut self,
        code: &'static str,
        node: NodeId,
        headline: impl Into<String>,
        names: impl Iterator<Item = &'n str> + Clone,
        lead: &str,
    ) {
        let help = suggest(self.text(node), names, lead);
        self.report(code, node, headline, help);
    }

    /// The type of a field of a record, which is anything where the record is; reports one that it has not.
    pub fn record_field(&mut self, record: &Type, name: &Written<String>) -> Option<Type> {
        let Type::Object(object) = record else { return Some(Type::Any) };
        let found = object.fields.get(&name.value).map(|field| field.ty.clone());
        if found.is_none() {
            let headline = format!("the record has no field `{}`", name.value);
            let names = object.fields.keys().map(String::as_str);
            self.unknown("unknown-field", name.node, headline, names, "the fields are");
        }
        found
    }

    /// Whether a name that people and files use is well formed; says so if not.
    pub fn name(&mut self, node: NodeId, what: &str) -> bool {
        self.well_formed(node, what, |c| c == '_' || c == '-', "small letters, digits, `_` and `-`")
    }

    /// Whether a name that expressions use is well formed; says so if not.
    pub fn identifier(&mut self, node: NodeId, what: &str) -> bool {
        let word = self.text(node);
        if RESERVED_WORDS.contains(&word) {
            let headline =
                format!("`{word}` cannot be the name of {what}: it is a word of the expression language");
            self.report("bad-name", node, headline, "choose another name");
            return false;
        }
        self.well_formed(
            node,
            what,
            |c| c == '_',
            "small letters, digits and `_`, because expressions use it",
        )
    }

    fn well_formed(&mut self, node: NodeId, what: &str, extra: impl Fn(char) -> bool, rule: &str) -> bool {
        let name = self.text(node);
        let fine = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || extra(c));
        if !fine {
            let headline = format!("`{name}` cannot be the name of {what}");
            let help = format!("begin with a small letter and use {rule}, for example `{}`", cured(name));
            self.report("bad-name", node, headline, help);
        }
        fine
    }

    /// Whether a new name is not taken yet in `scope`; says so if it is.
    pub fn free(&mut self, node: NodeId, scope: &Scope) -> bool {
        let name = self.text(node);
        let taken = scope.contains_key(name) || RESERVED_NAMES.contains(&name);
        if taken {
            let headline = format!("the name `{name}` is taken already");
            let names = scope.keys().map(String::as_str);
            self.report("name-taken", node, headline, one_of("choose another name; taken are", names));
        }
        !taken
    }

    /// Whether an expression below `node` reads what these words begin, such as `page.size` or `secret.`: not where
    /// they are the name of a field.
    pub fn reads(&self, node: NodeId, words: &str) -> bool {
        let part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        match self.tree.content(node) {
            Content::Text(text) if text.contains("{{") => {
                text.match_indices(words).any(|(at, _)| !text[..at].ends_with(part_of_name))
            }
            Content::List(items) => items.iter().any(|item| self.reads(*item, words)),
            Content::Map(entries) => entries.iter().any(|(_, value)| self.reads(*value, words)),
            _ => false,
        }
    }

    /// Whether an expression below `node` uses the name.
    pub fn mentions(&self, node: NodeId, name: &str) -> bool {
        match self.tree.content(node) {
            Content::Text(text) => text.contains("{{") && words(text).any(|word| word == name),
            Content::List(items) => items.iter().any(|item| self.mentions(*item, name)),
            Content::Map(entries) => entries.iter().any(|(_, value)| self.mentions(*value, name)),
            _ => false,
        }
    }
}

/// Names that expressions may hold in one place or another, and so are never free.
const RESERVED_NAMES: [&str; 12] = [
    "settings",
    "tables",
    "key",
    "idempotency_key",
    "input",
    "answer",
    "result",
    "cursor",
    "page",
    "request_id",
    "webhooks",
    "loop",
];

const RESERVED_WORDS: [&str; 12] =
    ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "null", "defined"];

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

/// A well-formed name near to one that is not.
fn cured(name: &str) -> String {
    let mut cured = String::new();
    for c in name.chars() {
        match c {
            'A'..='Z' => {
                if cured.chars().next_back().is_some_and(|last| last.is_ascii_lowercase()) {
                    cured.push('_');
                }
                cured.push(c.to_ascii_lowercase());
            }
            'a'..='z' => cured.push(c),
            '0'..='9' if !cured.is_empty() => cured.push(c),
            _ if !cured.is_empty() && !cured.ends_with('_') => cured.push('_'),
            _ => {}
        }
    }
    let cured = cured.trim_end_matches('_');
    if cured.is_empty() { "my_name".to_owned() } else { cured.to_owned() }
}

/// A scope out of names and types.
pub fn scope<const N: usize>(names: [(&str, &Type); N]) -> Scope {
    names.into_iter().map(|(name, ty)| (name.to_owned(), ty.clone())).collect()
}
