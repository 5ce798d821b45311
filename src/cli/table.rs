//! Tables and words for people: columns, times, states.

use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde_json::Value;

use crate::store::{EffectState, RecordState};

/// Columns under headings, two blanks apart, without lines.
pub fn columns(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings.to_vec());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Columns under headings in a box, for summaries.
pub fn boxed(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings.to_vec());
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

/// A time, to the second: `2026-11-20 14:03:22Z`.
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A time that may not be.
pub fn time_or(at: Option<Timestamp>, otherwise: &str) -> String {
    at.map_or_else(|| otherwise.to_owned(), time)
}

/// What people call a state.
pub fn state(state: RecordState) -> &'static str {
    match state {
        RecordState::Received => "received",
        RecordState::Running => "running",
        RecordState::Waiting => "waiting",
        RecordState::Done => "done",
        RecordState::Skipped => "skipped",
        RecordState::Parked => "parked",
        RecordState::InDoubt => "in doubt",
        RecordState::Discarded => "discarded",
    }
}

/// What people call the state of an effect.
pub fn effect(state: EffectState) -> &'static str {
    match state {
        EffectState::Intent => "planned",
        EffectState::Sending => "on its way",
        EffectState::Confirmed => "took place",
        EffectState::Refused => "refused",
        EffectState::Unknown => "being looked up",
        EffectState::InDoubt => "in doubt",
        EffectState::Cancelled => "cancelled",
        EffectState::Undoing => "being undone",
        EffectState::Undone => "undone",
    }
}

/// The facts of an audit entry on one line: `step=shipment status=200`. What is null is left out, and of digests and ids
/// only the beginning is shown; `--format json` has them whole.
pub fn facts(facts: &Value) -> String {
    let Value::Object(facts) = facts else { return facts.to_string() };
    let known = facts.iter().filter(|(_, value)| !value.is_null());
    known.map(|(name, value)| format!("{name}={}", fact(value))).collect::<Vec<_>>().join(" ")
}

fn fact(value: &Value) -> String {
    match value.as_str() {
        Some(text) if text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            text[..8].to_owned()
        }
        Some(text) if !text.is_empty() && !text.contains([' ', '"', '\n']) => text.to_owned(),
        _ => value.to_string(),
    }
}

/// `1 record`, `2 records`.
pub fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_no_lines_and_no_trailing_blanks() {
        let text = columns(
            &["A", "LONGER"],
            [vec!["one".to_owned(), "x".to_owned()], vec!["2".to_owned(), String::new()]],
        );
        assert_eq!(text, "A    LONGER\none  x\n2");
    }

    #[test]
    fn facts_are_for_people() {
        let all = serde_json::json!({ "code": null, "id": "0123456789abcdef0123456789abcdef", "status": 200, "why": "no way" });
        assert_eq!(facts(&all), "id=01234567 status=200 why=\"no way\"");
    }

    #[test]
    fn times_are_short_and_say_their_zone() {
        assert_eq!(time("2026-11-20T14:03:22.75Z".parse().unwrap()), "2026-11-20 14:03:22Z");
        assert_eq!(time_or(None, "never"), "never");
    }
}
