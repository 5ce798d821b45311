//! How values are written into YAML that people edit.

use serde_json::Value;

/// One line of YAML for a value: text plainly where that is safe, all else as JSON, which YAML understands.
pub fn inline(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{}: {}", inline(&Value::from(name.as_str())), inline(value)))
                .collect();
            if fields.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", fields.join(", ")) }
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Comment lines of at most about 100 characters.
pub fn comment(docs: &str, indent: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in docs.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < 100 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| format!("{indent}# {line}\n")).collect()
}

/// Whether text means itself in YAML, in any context, without quotes.
fn is_plain(text: &str) -> bool {
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let starts = text.chars().next().is_some_and(|first| first.is_ascii_alphabetic() || first == '/');
    let inner = |letter: char| letter.is_ascii_alphanumeric() || "_/.- ".contains(letter);
    let url = text.starts_with("http://") || text.starts_with("https://");
    let safe = text.chars().all(|letter| inner(letter) || (url && letter == ':'));
    let duration = crate::base::duration::parse(text).is_ok() && !text.contains('e');
    duration
        || starts
            && safe
            && !text.ends_with([' ', ':'])
            && !words.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_is_quoted_where_yaml_would_read_something_else() {
        for text in ["America/New_York", "https://sage.example.com:8443", "UPS GROUND", "GIF", "15m"] {
            assert_eq!(inline(&json!(text)), text);
        }
        for text in
            ["", "03", "no", "NO", "15", "a: b", "# x", "{x}", "true", "it's", "x ", "1.5", "~", "a, b", "a]"]
        {
            assert_eq!(inline(&json!(text)), Value::from(text).to_string());
        }
    }

    #[test]
    fn objects_and_lists_stay_on_one_line() {
        assert_eq!(
            inline(&json!({"UPS GROUND": "03", "n": [1, null]})),
            r#"{ UPS GROUND: "03", "n": [1, null] }"#
        );
        assert_eq!(inline(&json!({})), "{}");
    }

    #[test]
    fn comments_are_wrapped() {
        let text = comment(&"word ".repeat(40), "  ");
        assert!(text.lines().all(|line| line.starts_with("  # word") && line.len() < 110), "{text}");
        assert_eq!(text.lines().count(), 2);
    }
}
