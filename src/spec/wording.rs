//! How findings of this room are worded.

use serde_json::Value;

use crate::expression::did_you_mean;

use super::tree::Content;

/// What authors call a JSON type.
pub(super) fn noun(wanted: &str) -> &str {
    match wanted {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "object" => "keys and values",
        "array" => "a list",
        other => other,
    }
}

/// What authors call what they wrote.
pub(super) fn seen(content: &Content) -> &'static str {
    match content {
        Content::Null => "nothing",
        Content::Boolean(_) => "a boolean",
        Content::Number(_) => "a number",
        Content::Text(_) => "text",
        Content::List(_) => "a list",
        Content::Map(_) => "keys and values",
    }
}

/// A scalar as it is written.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A description up to its first full stop.
pub(super) fn first_sentence(text: &str) -> String {
    text.split_once(". ").map_or(text, |(first, _)| first).to_owned()
}

/// `did you mean …?`, then all there are.
pub(super) fn suggest<'a>(word: &str, names: impl Iterator<Item = &'a str> + Clone, lead: &str) -> String {
    let all = one_of(lead, names.clone());
    match did_you_mean(word, names) {
        Some(near) => format!("did you mean `{near}`? {}{}", lead[..1].to_uppercase(), &all[1..]),
        None => all,
    }
}

/// `lead` and the names, quoted.
pub(super) fn one_of<'a>(lead: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { format!("{lead}: none") } else { format!("{lead} {}", names.join(", ")) }
}
