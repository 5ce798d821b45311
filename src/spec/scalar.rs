//! YAML scalars: what a plain one means, and where a byte of a decoded one stands in the text it was written as.

use serde_json::Number;

use super::tree::{Content, Style};

/// The byte of `raw` (the scalar as written, quotes and block header included) that became byte `target` of `value`.
///
/// Exact for everything but the blanks around folded line ends, where it may point at a neighbouring blank.
pub(super) fn locate(raw: &str, style: Style, value: &str, target: usize) -> usize {
    let target = value.floor_char_boundary(target);
    let (mut at, mut decoded) = (opening(raw, style), 0);
    while at < raw.len() {
        let written = &raw[at..];
        let (Some(from), Some(to)) = (first(written), first(&value[decoded..])) else { break };
        if style == Style::DoubleQuoted && from == '\\' {
            let (length, yields) = escape(written);
            if yields && decoded >= target {
                break;
            }
            at += length;
            decoded += if yields { to.len_utf8() } else { 0 };
        } else if blank(from) {
            let run = written.len() - written.trim_start_matches(blank).len();
            let found = value[decoded..].len() - value[decoded..].trim_start_matches(blank).len();
            let folds = written[..run].contains('\n');
            let (run, found) =
                if folds || found == 0 { (run, found) } else { (run.min(found), run.min(found)) };
            if target < decoded + found {
                return at + run.saturating_sub(decoded + found - target);
            }
            at += run;
            decoded += found;
        } else if decoded >= target {
            break;
        } else if blank(to) {
            decoded += to.len_utf8();
        } else {
            at += from.len_utf8();
            at += usize::from(style == Style::SingleQuoted && from == '\'' && raw[at..].starts_with('\''));
            decoded += to.len_utf8();
        }
    }
    at.min(raw.len())
}

fn opening(raw: &str, style: Style) -> usize {
    match style {
        Style::Plain => 0,
        Style::SingleQuoted | Style::DoubleQuoted => 1,
        Style::Block if raw.starts_with(['|', '>']) => raw.find('\n').map_or(raw.len(), |line| line + 1),
        Style::Block => 0,
    }
}

fn first(text: &str) -> Option<char> {
    text.chars().next()
}

fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// The length of the escape that `written` begins with, and whether it yields a character.
fn escape(written: &str) -> (usize, bool) {
    match written.as_bytes().get(1) {
        Some(b'x') => (4, true),
        Some(b'u') => (6, true),
        Some(b'U') => (10, true),
        Some(b'\n' | b'\r') => {
            let rest = &written[1..];
            (1 + rest.len() - rest.trim_start_matches(blank).len(), false)
        }
        _ => (written.char_indices().nth(2).map_or(written.len(), |(at, _)| at), true),
    }
}

/// What older YAML tools read as a boolean.
pub(super) const YAML_1_1_BOOLEANS: [&str; 4] = ["yes", "no", "on", "off"];

/// Numbers that authors write for codes: `007`, `0x1F`, `1E5`, and those with more digits than a number keeps.
pub(super) fn doubtful_number(written: &str) -> bool {
    let digits = written.trim_start_matches(['-', '+']);
    let mut rest = digits.bytes();
    let leading = rest.next() == Some(b'0') && rest.next().is_some_and(|next| next != b'.');
    let lossy = digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.parse::<u64>().is_err();
    leading || lossy || digits.contains(['e', 'E'])
}

/// A scalar without quotes, by the rules of YAML 1.2's core schema.
pub(super) fn plain(text: &str) -> Content {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "true" | "True" | "TRUE" => Content::Boolean(true),
        "false" | "False" | "FALSE" => Content::Boolean(false),
        _ => number(text).map_or_else(|| Content::Text(text.to_owned()), Content::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(Number::from);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(Number::from);
    }
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || !digits.contains(|c: char| c.is_ascii_digit())
        || !digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
    {
        return None;
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if let Ok(whole) = unsigned.parse::<i64>() {
        return Some(Number::from(whole));
    }
    if let Ok(whole) = unsigned.parse::<u64>() {
        return Some(Number::from(whole));
    }
    unsigned.parse::<f64>().ok().and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where `what` is found in `raw`, looked up through its place in `value`.
    fn follow(raw: &str, style: Style, value: &str, what: &str) -> usize {
        locate(raw, style, value, value.find(what).unwrap())
    }

    #[test]
    fn follows_every_style() {
        let cases = [
            ("{{ order.Name }}", Style::Plain, "{{ order.Name }}"),
            ("'it''s {{ Name }}'", Style::SingleQuoted, "it's {{ Name }}"),
            (r#""a\tb \u00fc \" {{ Name }}""#, Style::DoubleQuoted, "a\tb ü \" {{ Name }}"),
            ("\"a \\\n    b {{ Name }}\"", Style::DoubleQuoted, "a b {{ Name }}"),
            (">-\n    {{ a\n       | b(Name) }}", Style::Block, "{{ a\n   | b(Name) }}"),
            (">-\r\n    one\r\n    two {{ Name }}\r\n", Style::Block, "one two {{ Name }}"),
            (">\n  one\n\n  two\n  Name\n", Style::Block, "one\ntwo Name\n"),
            ("|\n  one  \n    two\n  Name\n", Style::Block, "one  \n  two\nName\n"),
            ("one\n  two\n\n  Name", Style::Plain, "one two\nName"),
            ("'zürich\n  ✓ Name'", Style::SingleQuoted, "zürich ✓ Name"),
        ];
        for (raw, style, value) in cases {
            assert_eq!(follow(raw, style, value, "Name"), raw.find("Name").unwrap(), "{raw:?}");
        }
    }

    #[test]
    fn never_leaves_the_text() {
        assert_eq!(locate("\"ab\"", Style::DoubleQuoted, "ab", 99), 3);
        assert_eq!(locate("", Style::Plain, "", 0), 0);
    }
}
