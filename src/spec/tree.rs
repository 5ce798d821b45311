//! What a YAML file holds, as a tree of nodes that know where they stand.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Number, Value};

use crate::diagnostics::{Sources, Span};

use super::model::Place;
use super::scalar;

/// Names a node of its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

/// A file's nodes.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The file as the author knows it.
    pub file: Arc<str>,
    /// The file's text.
    pub text: Arc<str>,
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
}

/// One value, or one key.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub content: Content,
    /// The bytes it was written in; for what an alias stands for, where the anchor is.
    pub span: Range<usize>,
    /// How a scalar was written.
    pub style: Style,
    /// Where the alias stands, for what was written elsewhere.
    pub alias: Option<Range<usize>>,
    /// How many nodes it holds once all aliases are written out, itself included.
    pub(super) size: u64,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Number(Number),
    /// Text, decoded.
    Text(String),
    /// A list.
    List(Vec<NodeId>),
    /// Keys (always text) and values, in order, each key once.
    Map(Vec<(NodeId, NodeId)>),
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`
    DoubleQuoted,
    /// `|` or `>`
    Block,
}

impl Tree {
    /// The node at the top.
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// A node's content.
    pub fn content(&self, id: NodeId) -> &Content {
        &self.node(id).content
    }

    /// The text of a scalar that is text.
    pub fn as_text(&self, id: NodeId) -> Option<&str> {
        match self.content(id) {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The keys and values of a map; nothing for anything else.
    pub fn entries(&self, id: NodeId) -> &[(NodeId, NodeId)] {
        match self.content(id) {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; nothing for anything else.
    pub fn items(&self, id: NodeId) -> &[NodeId] {
        match self.content(id) {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// The key and value called `name`.
    pub fn entry(&self, id: NodeId, name: &str) -> Option<(NodeId, NodeId)> {
        self.entries(id).iter().copied().find(|(key, _)| self.as_text(*key) == Some(name))
    }

    /// The value at a JSON pointer below `id`.
    pub fn pointer(&self, id: NodeId, pointer: &str) -> Option<NodeId> {
        pointer.split('/').skip(1).try_fold(id, |id, part| {
            let part = part.replace("~1", "/").replace("~0", "~");
            match self.content(id) {
                Content::List(items) => items.get(part.parse::<usize>().ok()?).copied(),
                _ => self.entry(id, &part).map(|(_, value)| value),
            }
        })
    }

    /// The node as plain JSON.
    pub fn json(&self, id: NodeId) -> Value {
        match self.content(id) {
            Content::Null => Value::Null,
            Content::Boolean(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(|item| self.json(*item)).collect(),
            Content::Map(entries) => {
                let pair = |(key, value): &(NodeId, NodeId)| {
                    Some((self.as_text(*key)?.to_owned(), self.json(*value)))
                };
                Value::Object(entries.iter().filter_map(pair).collect::<Map<_, _>>())
            }
        }
    }

    /// Where a node stands.
    pub fn span(&self, id: NodeId) -> Span {
        let range = &self.node(id).span;
        Span::new(&self.file, range.start, range.end)
    }

    /// Where the alias stands through which a node came to be here.
    pub fn alias(&self, id: NodeId) -> Option<Span> {
        self.node(id).alias.as_ref().map(|range| Span::new(&self.file, range.start, range.end))
    }

    /// Where some bytes of a scalar's decoded text stand.
    pub fn inside(&self, id: NodeId, range: &Range<usize>) -> Span {
        let node = self.node(id);
        let (Content::Text(value), Some(raw)) = (&node.content, self.text.get(node.span.clone())) else {
            return self.span(id);
        };
        let start = node.span.start + scalar::locate(raw, node.style, value, range.start);
        let last = range.end.saturating_sub(1).max(range.start);
        let end = node.span.start + scalar::locate(raw, node.style, value, last) + 1;
        let end = if range.is_empty() { start } else { self.text.ceil_char_boundary(end.max(start + 1)) };
        Span::new(&self.file, start, end.min(node.span.end).max(start))
    }

    /// Where a node stands, for what runs.
    pub fn place(&self, id: NodeId, sources: &Sources) -> Place {
        let at = sources.position(&self.span(id));
        Place { file: Arc::clone(&self.file), line: at.line, column: at.column }
    }

    /// All nodes, keys too, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }
}
