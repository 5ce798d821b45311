//! YAML text to a tree of nodes with positions; the one file that knows the YAML parser.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde_yaml::granit_parser::{self as parser, Event, Parser, ScalarStyle, ScanError};

use crate::diagnostics::{Diagnostic, Span};

use super::scalar::{YAML_1_1_BOOLEANS, doubtful_number, plain};
use super::tree::{Content, Node, NodeId, Style, Tree};

/// How deeply lists and maps may be nested.
pub const MAX_DEPTH: usize = 64;
/// How many values a file may hold once its aliases are written out.
pub const MAX_NODES: u64 = 100_000;
/// How many aliases a file may have.
pub const MAX_ALIASES: usize = 1_000;

/// Reads `text`, without a byte order mark, as one YAML document. Without a tree, there is a finding that says why.
pub fn parse(file: &Arc<str>, text: &Arc<str>, findings: &mut Vec<Diagnostic>) -> Option<Tree> {
    let options = parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::new(file, text, findings);
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => builder.event(event, &span),
            Err(error) => builder.syntax(&error),
        }
        if builder.stopped {
            return None;
        }
    }
    let Some(root) = builder.root else {
        builder.report("empty-file", 0..0, "there is nothing in this file", |it| {
            it.help("begin with `system:`, `mapping:` or `connections:`")
        });
        return None;
    };
    let nodes = std::mem::take(&mut builder.nodes);
    Some(Tree { file: Arc::clone(file), text: Arc::clone(text), nodes, root })
}

/// A list or map that has begun and not ended.
struct Open {
    start: usize,
    anchor: usize,
    children: Children,
}

enum Children {
    List(Vec<NodeId>),
    Map { entries: Vec<(NodeId, NodeId)>, key: Option<NodeId> },
}

struct Builder<'a> {
    file: &'a Arc<str>,
    text: &'a str,
    findings: &'a mut Vec<Diagnostic>,
    nodes: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
    aliases: usize,
    documents: usize,
    root: Option<NodeId>,
    stopped: bool,
}

impl<'a> Builder<'a> {
    fn new(file: &'a Arc<str>, text: &'a str, findings: &'a mut Vec<Diagnostic>) -> Self {
        Self {
            file,
            text,
            findings,
            nodes: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            aliases: 0,
            documents: 0,
            root: None,
            stopped: false,
        }
    }

    fn event(&mut self, event: Event<'_>, span: &parser::Span) {
        let range = span.byte_range().unwrap_or(0..0);
        match event {
            Event::DocumentStart(..) => self.document(range),
            Event::Scalar(value, style, anchor, tag) => {
                let as_text = self.tag(tag.as_deref(), span);
                let node = self.scalar(&value, style, range, as_text);
                self.finish(node, anchor);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), span);
                self.begin(range.start, anchor, Children::List(Vec::new()));
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), span);
                self.begin(range.start, anchor, Children::Map { entries: Vec::new(), key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(range.end),
            Event::Alias(anchor) => self.alias(anchor, range),
            Event::UnresolvedAlias(name) => {
                let headline = format!("there is no `&{name}` before this `*{name}`");
                self.report("unknown-alias", range.clone(), headline, |it| {
                    it.help(
                        "mark the value to repeat with an anchor first, or quote a text that begins with `*`",
                    )
                });
                self.finish(scalar_node(Content::Null, range, Style::Plain), 0);
            }
            _ => {}
        }
    }

    fn document(&mut self, range: Range<usize>) {
        self.documents += 1;
        if self.documents > 1 {
            self.stop("several-documents", range, "a second document begins here", |it| {
                it.help(
                    "one file holds one document: move the rest to a file of its own, or remove the `---`",
                )
            });
        }
    }

    /// Refuses tags; `!!str` alone has a meaning here, and then the answer is true.
    fn tag(&mut self, tag: Option<&parser::Tag>, span: &parser::Span) -> bool {
        let Some(tag) = tag else { return false };
        if tag.core_suffix() == Some("str") {
            return true;
        }
        let at = span.tag_start().and_then(|start| start.byte_offset()).unwrap_or(0);
        let length = self.text[at..].find([' ', '\n', '\r', ',', ']', '}']).unwrap_or(0);
        let headline = format!("the tag `{}` means nothing here", &self.text[at..at + length]);
        self.report("unsupported-tag", at..at + length, headline, |it| {
            it.help("remove the tag; to write text that begins with `!`, quote it")
        });
        false
    }

    fn begin(&mut self, start: usize, anchor: usize, children: Children) {
        if self.open.len() >= MAX_DEPTH {
            return self.too_deep(start);
        }
        self.open.push(Open { start, anchor, children });
    }

    fn too_deep(&mut self, at: usize) {
        let headline = format!("lists and maps are nested more than {MAX_DEPTH} deep");
        self.stop("nested-too-deep", at..at, headline, |it| it.help("write it flatter"));
    }

    fn end(&mut self, end: usize) {
        let Some(open) = self.open.pop() else { return };
        let flow = self.text[open.start..].starts_with(['[', '{']);
        let last = match &open.children {
            Children::List(items) => items.last().copied(),
            Children::Map { entries, .. } => entries.last().map(|(_, value)| *value),
        };
        // A block ends with its last value: the parser would count the blank lines and comments after it too.
        let inner = last.map_or(open.start, |id| {
            let node = &self.nodes[id.0 as usize];
            node.alias.as_ref().map_or(node.span.end, |alias| alias.end)
        });
        let span = open.start..if flow { end } else { inner.max(open.start) };
        let content = match open.children {
            Children::List(items) => Content::List(items),
            Children::Map { entries, .. } => match self.unquoted(&entries, &span) {
                Some(content) => content,
                None => Content::Map(self.map(entries)),
            },
        };
        let children: u64 = match &content {
            Content::List(items) => items.iter().map(|id| self.size(*id)).sum(),
            Content::Map(entries) => entries.iter().map(|(_, value)| self.size(*value)).sum(),
            _ => 0,
        };
        self.finish(
            Node { content, span, style: Style::Plain, alias: None, size: 1 + children },
            open.anchor,
        );
    }

    fn size(&self, id: NodeId) -> u64 {
        self.nodes[id.0 as usize].size
    }

    /// `key: {{ order.Name }}` is, to YAML, a map in a map. Says so and reads it as the text that was meant.
    fn unquoted(&mut self, entries: &[(NodeId, NodeId)], span: &Range<usize>) -> Option<Content> {
        let (key, _) = entries.first()?;
        let inner = &self.nodes[key.0 as usize];
        if !matches!(inner.content, Content::Map(_)) || !self.text[span.start..].starts_with("{{") {
            return None;
        }
        let text = self.text[span.clone()].to_owned();
        self.report("unquoted-template", span.clone(), "this expression needs quotes around it", |it| {
            let quoted = if text.contains('"') { format!("'{text}'") } else { format!("\"{text}\"") };
            it.label("to YAML this is a map in a map").help(format!("write `{quoted}`"))
        });
        Some(Content::Text(text))
    }

    /// Entries with text keys, each once, merge keys merged.
    fn map(&mut self, entries: Vec<(NodeId, NodeId)>) -> Vec<(NodeId, NodeId)> {
        let mut seen: HashMap<String, NodeId> = HashMap::new();
        let mut merges = Vec::new();
        let mut result = Vec::new();
        for (key, value) in entries {
            let node = &self.nodes[key.0 as usize];
            let Content::Text(name) = &node.content else {
                let range = node.span.clone();
                self.report("key-not-text", range, "a key must be text", |it| {
                    it.help("write `key: value`; quote a key that has special characters")
                });
                continue;
            };
            let name = name.clone();
            if name == "<<" && node.style == Style::Plain {
                merges.push(value);
                continue;
            }
            match seen.get(&name) {
                Some(first) => self.duplicate(&name, *first, key),
                None => {
                    seen.insert(name, key);
                    result.push((key, value));
                }
            }
        }
        for merge in merges {
            self.merge(merge, &mut seen, &mut result);
        }
        result
    }

    fn merge(&mut self, from: NodeId, seen: &mut HashMap<String, NodeId>, into: &mut Vec<(NodeId, NodeId)>) {
        let node = &self.nodes[from.0 as usize];
        let entries = match &node.content {
            Content::Map(entries) => entries.clone(),
            Content::List(items) => {
                return items.clone().into_iter().for_each(|item| self.merge(item, seen, into));
            }
            Content::Null => return,
            _ => {
                let range = node.span.clone();
                return self.report("merge-not-a-map", range, "`<<` can only merge maps", |it| {
                    it.help("write `<<: *name` where `&name` marks a map")
                });
            }
        };
        for (key, value) in entries {
            if let Content::Text(name) = &self.nodes[key.0 as usize].content
                && !seen.contains_key(name)
            {
                seen.insert(name.clone(), key);
                into.push((key, value));
            }
        }
    }

    fn duplicate(&mut self, name: &str, first: NodeId, second: NodeId) {
        let first = self.nodes[first.0 as usize].span.clone();
        let range = self.nodes[second.0 as usize].span.clone();
        let first = Span::new(self.file, first.start, first.end);
        self.report("duplicate-key", range, format!("the key `{name}` is here twice"), |it| {
            it.label("and again here").also(first, "first here").help("keep one of the two")
        });
    }

    fn alias(&mut self, anchor: usize, range: Range<usize>) {
        self.aliases += 1;
        if self.aliases > MAX_ALIASES {
            let headline = format!("there are more than {MAX_ALIASES} aliases in this file");
            return self.stop("too-many-values", range, headline, |it| it.help("write the values out"));
        }
        let Some(target) = self.anchors.get(&anchor) else {
            self.report("unknown-alias", range.clone(), "an alias cannot stand inside what it names", |it| {
                it.help("move the alias out of the value that its anchor marks")
            });
            return self.finish(scalar_node(Content::Null, range, Style::Plain), 0);
        };
        let target = self.nodes[target.0 as usize].clone();
        self.finish(Node { alias: Some(range), ..target }, 0);
    }

    /// Puts a finished node where it belongs.
    fn finish(&mut self, mut node: Node, anchor: usize) {
        let as_key = matches!(self.open.last(), Some(Open { children: Children::Map { key: None, .. }, .. }));
        if as_key
            && !matches!(node.content, Content::List(_) | Content::Map(_) | Content::Text(_) | Content::Null)
        {
            // A key such as `03` or `yes` is the text it is written as.
            node.content = Content::Text(self.text[node.span.clone()].to_owned());
        } else if !as_key && node.alias.is_none() {
            self.doubtful(&node);
        }
        if node.size > MAX_NODES {
            let headline = format!("with its aliases written out, this is more than {MAX_NODES} values");
            return self
                .stop("too-many-values", node.span, headline, |it| it.help("use fewer aliases of aliases"));
        }
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(node);
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        match self.open.last_mut().map(|open| &mut open.children) {
            None => self.root = Some(id),
            Some(Children::List(items)) => items.push(id),
            Some(Children::Map { entries, key }) => match key.take() {
                None => *key = Some(id),
                Some(name) => entries.push((name, id)),
            },
        }
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, range: Range<usize>, as_text: bool) -> Node {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::SingleQuoted,
            ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        let content = match style {
            Style::Plain if !as_text => plain(value),
            _ => Content::Text(value.to_owned()),
        };
        scalar_node(content, range, style)
    }

    /// Warns of scalars that do not mean what they look like.
    fn doubtful(&mut self, node: &Node) {
        if node.style != Style::Plain || matches!(node.content, Content::List(_) | Content::Map(_)) {
            return;
        }
        let written = &self.text[node.span.clone()];
        let finding = match &node.content {
            Content::Number(number) if doubtful_number(written) => Diagnostic::warning(
                "doubtful-number",
                Span::new(self.file, node.span.start, node.span.end),
                format!("`{written}` is read as the number {number}"),
            )
            .help(format!("write `\"{written}\"` if it is a code, or `{number}` if it is a number")),
            Content::Text(text) if YAML_1_1_BOOLEANS.contains(&text.to_ascii_lowercase().as_str()) => {
                Diagnostic::warning(
                    "doubtful-boolean",
                    Span::new(self.file, node.span.start, node.span.end),
                    format!("`{text}` is read as text, but older YAML tools read it as a boolean"),
                )
                .help(format!("write `\"{text}\"` if it is text, or `true` or `false` if it is a boolean"))
            }
            _ => return,
        };
        self.findings.push(finding);
    }

    fn syntax(&mut self, error: &ScanError) {
        let at = error.marker().byte_offset().unwrap_or(0).min(self.text.len());
        let line = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let rest = self.text[line..].lines().next().unwrap_or_default();
        if let Some(offset) = unquoted_in(rest) {
            let start = line + offset;
            let end = line + rest.trim_end().len();
            return self.stop(
                "unquoted-template",
                start..end,
                "this expression needs quotes around it",
                |it| it.label("to YAML this is a map in a map").help("write `\"{{ … }}\"`"),
            );
        }
        let info = error.info();
        if info.contains("nesting") || info.contains("recursion") {
            return self.too_deep(at);
        }
        let headline = format!("this is not YAML: {info}");
        self.stop("not-yaml", at..at, headline, |it| {
            it.help("look at the indentation (blanks, never tabs), the quotes and the brackets here and just above")
        });
    }

    fn report(
        &mut self,
        code: &'static str,
        range: Range<usize>,
        headline: impl Into<String>,
        with: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        let span = Span::new(self.file, range.start, range.end);
        self.findings.push(with(Diagnostic::error(code, span, headline)));
    }

    fn stop(
        &mut self,
        code: &'static str,
        range: Range<usize>,
        headline: impl Into<String>,
        with: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        self.stopped = true;
        self.report(code, range, headline, with);
    }
}

fn scalar_node(content: Content, span: Range<usize>, style: Style) -> Node {
    Node { content, span, style, alias: None, size: 1 }
}

/// Where an expression without quotes begins in a line.
fn unquoted_in(line: &str) -> Option<usize> {
    [": {{", "- {{"].iter().filter_map(|start| line.find(start)).min().map(|at| at + 2)
}
