//! Splits a template into literal text and the expressions between `{{` and `}}`.

use std::ops::Range;

use super::Problem;

/// The longest source text of a template, in bytes.
const LONGEST: usize = 16 << 10;

/// One part of a template, as ranges of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text that stands for itself.
    Literal(Range<usize>),
    /// What stands between `{{` and `}}`.
    Expression(Range<usize>),
}

/// Splits `source`, or says where it cannot be split.
pub(super) fn split(source: &str) -> Result<Vec<Piece>, Problem> {
    if source.len() > LONGEST {
        let message = format!("this template is longer than {} KB", LONGEST >> 10);
        return Err(problem("too-long", message, 0..source.len(), "split it, for example with a `set` step"));
    }
    let mut pieces = Vec::new();
    // Where the literal text before the next expression starts, and from where to look for that expression.
    let (mut start, mut at) = (0, 0);
    while let Some(open) = source[at..].find('{').map(|found| at + found) {
        let text = &source[open..];
        if text.starts_with("{%") || text.starts_with("{#") {
            let message =
                format!("`{}` does not exist here: a template is text with `{{{{ … }}}}` in it", &text[..2]);
            let help = "write conditions as `{{ a if b else c }}` and loops as `for_each:` blocks";
            return Err(problem("no-statements", message, open..open + 2, help));
        }
        if !text.starts_with("{{") {
            at = open + 1;
            continue;
        }
        if open > start {
            pieces.push(Piece::Literal(start..open));
        }
        let end = expression_end(source, open + 2)?;
        pieces.push(Piece::Expression(open + 2..end));
        start = end + 2;
        at = start;
    }
    if start < source.len() {
        pieces.push(Piece::Literal(start..source.len()));
    }
    Ok(pieces)
}

/// Finds the `}}` that closes the expression starting at `start`, past text in quotes and `{…}` literals.
fn expression_end(source: &str, start: usize) -> Result<usize, Problem> {
    let open = start - 2..start;
    let bytes = source.as_bytes();
    if matches!(bytes.get(start), Some(b'-' | b'+')) && !matches!(bytes.get(start + 1), Some(b'0'..=b'9')) {
        let message = "`{{-` does not exist here: blanks around an expression are kept as they are";
        return Err(problem("no-statements", message, open.start..start + 1, "write `{{ … }}`"));
    }
    let (mut at, mut depth, mut quote) = (start, 0_usize, None::<u8>);
    while let Some(byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(mark), byte) if mark == *byte => quote = None,
            (Some(_), _) => {}
            (None, mark @ (b'\'' | b'"')) => quote = Some(*mark),
            (None, b'{') => depth += 1,
            (None, b'}') if depth > 0 => depth -= 1,
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return Ok(at),
            (None, _) => {}
        }
        at += 1;
    }
    let (message, help) = match quote {
        Some(_) => ("the text in quotes does not end", "close it with the same quote that opened it"),
        None => ("`{{` is not closed", "add `}}`"),
    };
    Err(problem("unclosed-expression", message, open, help))
}

fn problem(code: &'static str, message: impl Into<String>, range: Range<usize>, help: &str) -> Problem {
    Problem { code, message: message.into(), range, help: Some(help.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        let show = |piece: &Piece| match piece {
            Piece::Literal(range) => source[range.clone()].to_owned(),
            Piece::Expression(range) => format!("<{}>", source[range.clone()].trim()),
        };
        split(source).unwrap().iter().map(show).collect()
    }

    #[test]
    fn splits_text_and_expressions() {
        for (source, expected) in [
            ("", vec![]),
            ("plain {text} }}", vec!["plain {text} }}"]),
            ("a{{ b }}c{{d}}", vec!["a", "<b>", "c", "<d>"]),
            ("{{ a }}{{ b }}", vec!["<a>", "<b>"]),
            ("{{ '}}' }}!", vec!["<'}}'>", "!"]),
            (r#"{{ "it's \"}}\"" }}"#, vec![r#"<"it's \"}}\"">"#]),
            ("{{ {'a': {'b': 1}} }}", vec!["<{'a': {'b': 1}}>"]),
            ("{{ {'a': 1}}}", vec!["<{'a': 1}>"]),
            ("{{ -1 }}{{-1}}", vec!["<-1>", "<-1>"]),
            ("ä{{ b }}ö", vec!["ä", "<b>", "ö"]),
        ] {
            assert_eq!(texts(source), expected, "{source}");
        }
    }

    #[test]
    fn says_where_it_cannot_split() {
        for (source, code, range) in [
            ("a {% if b %}", "no-statements", 2..4),
            ("a {# b #}", "no-statements", 2..4),
            ("{{- b }}", "no-statements", 0..3),
            ("x {{ b", "unclosed-expression", 2..4),
            ("{{ 'b }}", "unclosed-expression", 0..2),
            ("{{ b }", "unclosed-expression", 0..2),
        ] {
            let problem = split(source).unwrap_err();
            assert_eq!((problem.code, problem.range), (code, range), "{source}");
        }
        assert_eq!(split(&"x".repeat(LONGEST + 1)).unwrap_err().code, "too-long");
    }
}
