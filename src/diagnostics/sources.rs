//! The texts that findings point into, and where in them a byte stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Span;

/// Where a span stands, as editors count: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line of the first character.
    pub line: u32,
    /// The column of the first character.
    pub column: u32,
    /// The line of the end.
    pub end_line: u32,
    /// The column after the last character.
    pub end_column: u32,
}

/// The texts of all files that were read.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: BTreeMap<Arc<str>, Source>,
}

#[derive(Debug, Clone)]
struct Source {
    text: Arc<str>,
    /// The byte at which each line begins.
    lines: Vec<usize>,
}

impl Sources {
    /// Keeps the text of the file that the author knows as `name`.
    pub fn add(&mut self, name: &str, text: impl Into<Arc<str>>) -> Arc<str> {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let name: Arc<str> = Arc::from(name);
        self.files.insert(Arc::clone(&name), Source { text, lines });
        name
    }

    /// The text of a file; empty for one that could not be read.
    pub fn text(&self, name: &str) -> &str {
        self.files.get(name).map_or("", |source| &source.text)
    }

    /// The names of the files, sorted.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.files.keys()
    }

    /// Where `span` stands; the very beginning for a file that could not be read.
    pub fn position(&self, span: &Span) -> Position {
        let Some(source) = self.files.get(&span.file) else {
            return Position { line: 1, column: 1, end_line: 1, end_column: 1 };
        };
        let (line, column) = source.locate(span.start);
        let (end_line, end_column) = source.locate(span.end.max(span.start));
        Position { line, column, end_line, end_column }
    }
}

impl Source {
    fn locate(&self, byte: usize) -> (u32, u32) {
        let byte = self.text.floor_char_boundary(byte);
        let line = self.lines.partition_point(|start| *start <= byte).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..byte).map_or(0, |before| before.chars().count()) + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_not_bytes() {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", "first\r\nzürich: ✓x\n");
        let at = sources.text("a.yaml").find('x').unwrap();
        let position = sources.position(&Span::new(&file, at, at + 1));
        assert_eq!(position, Position { line: 2, column: 10, end_line: 2, end_column: 11 });
        let past = sources.position(&Span::new(&file, 9_999, 9_999));
        assert_eq!((past.line, past.column), (3, 1));
    }
}
