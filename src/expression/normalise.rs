//! Makes outside data fit a declared type, or says where it does not.

use jiff::tz::TimeZone;
use serde_json::{Map, Number, Value};

use super::{ObjectType, Type};
use crate::base::duration;

/// The deepest nesting of outside data.
const DEEPEST: usize = 64;

/// Where a value does not fit its declared type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {path}: {message}")]
pub struct Mismatch {
    /// Where, as `ShipmentResponse.ShipmentResults.PackageResults[0].TrackingNumber`; `the value` for the whole.
    pub path: String,
    /// What was expected and what came.
    pub message: String,
}

/// Makes `value` fit `ty` the way real systems need it: numbers as text, one-or-many lists, `""` for an absent
/// object, presence indicators, control characters and surrounding blanks in text. Fields that the type does not
/// name are kept; optional fields that are absent become null.
///
/// # Errors
/// Every place that does not fit.
pub fn normalise(value: Value, ty: &Type) -> Result<Value, Vec<Mismatch>> {
    let mut walk = Walk::default();
    let value = walk.value(value, ty);
    if walk.mismatches.is_empty() { Ok(value) } else { Err(walk.mismatches) }
}

/// Where a walk through a value is, and what it has found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    path: Vec<Step>,
    /// What did not fit so far.
    pub(super) mismatches: Vec<Mismatch>,
}

#[derive(Debug)]
enum Step {
    Field(String),
    Index(usize),
}

impl Walk {
    /// Runs `inside` with the path one field further.
    pub(super) fn field<T>(&mut self, name: &str, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Field(name.to_owned()));
        let result = inside(self);
        self.path.pop();
        result
    }

    /// Runs `inside` with the path one item further.
    pub(super) fn item<T>(&mut self, index: usize, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Index(index));
        let result = inside(self);
        self.path.pop();
        result
    }

    /// Notes that the value here does not fit.
    pub(super) fn mismatch(&mut self, message: String) {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Field(name) if path.is_empty() => path.push_str(name),
                Step::Field(name) => path.extend([".", name]),
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        if path.is_empty() {
            path.push_str("the value");
        }
        self.mismatches.push(Mismatch { path, message });
    }

    fn unfit(&mut self, value: &Value, ty: &Type) -> Value {
        self.mismatch(format!("{ty} was expected, but {} came", seen(value)));
        Value::Null
    }

    fn value(&mut self, value: Value, ty: &Type) -> Value {
        match ty {
            Type::Any => {
                if !shallow(&value, DEEPEST) {
                    self.mismatch(format!("the data is nested deeper than {DEEPEST} levels"));
                }
                value
            }
            Type::Null if is_empty(&value) => Value::Null,
            Type::Null => self.unfit(&value, ty),
            Type::Boolean => boolean(&value).map_or_else(|| self.unfit(&value, ty), Value::Bool),
            Type::Presence => Value::Bool(!matches!(value, Value::Null | Value::Bool(false))),
            Type::Integer => integer(&value).map_or_else(|| self.unfit(&value, ty), Value::Number),
            Type::Number => number(&value).map_or_else(|| self.unfit(&value, ty), Value::Number),
            Type::Text { max } => self.text(value, *max, ty),
            Type::Duration | Type::Zone => self.special(&value, ty),
            Type::List(item) => self.list(value, item),
            Type::Object(object) => self.object(value, object, ty),
            Type::Table(item) => self.table(value, item, ty),
            // Text may well be empty; everything else that is `""` is not there.
            Type::Optional(inner)
                if value.is_null() || (is_empty(&value) && !matches!(**inner, Type::Text { .. })) =>
            {
                Value::Null
            }
            Type::Optional(inner) => self.value(value, inner),
        }
    }

    fn text(&mut self, value: Value, max: Option<u32>, ty: &Type) -> Value {
        let text = match value {
            Value::String(text) => clean(text),
            Value::Number(number) => plain(&number),
            other => return self.unfit(&other, ty),
        };
        let length = text.chars().count();
        if max.is_some_and(|max| length > max as usize) {
            self.mismatch(format!("{ty} was expected, but {length} characters came"));
        }
        Value::String(text)
    }

    fn special(&mut self, value: &Value, ty: &Type) -> Value {
        let text = value.as_str().map(|text| clean(text.to_owned()));
        match text.filter(|text| is_special(text, ty)) {
            Some(text) => Value::String(text),
            None => self.unfit(value, ty),
        }
    }

    fn list(&mut self, value: Value, item: &Type) -> Value {
        let items = match value {
            Value::Array(items) => items,
            empty if is_empty(&empty) => Vec::new(),
            single => vec![single],
        };
        let fit = |(index, value)| self.item(index, |walk| walk.value(value, item));
        Value::Array(items.into_iter().enumerate().map(fit).collect())
    }

    fn object(&mut self, value: Value, object: &ObjectType, ty: &Type) -> Value {
        let mut fields = match value {
            Value::Object(fields) => fields,
            Value::String(text) if text.trim().is_empty() => Map::new(),
            other => return self.unfit(&other, ty),
        };
        for (name, field) in &object.fields {
            match fields.get_mut(name) {
                Some(place) => {
                    let value = place.take();
                    *place = self.field(name, |walk| walk.value(value, &field.ty));
                }
                None => {
                    let value = self.absent(name, &field.ty);
                    fields.insert(name.clone(), value);
                }
            }
        }
        Value::Object(fields)
    }

    fn absent(&mut self, name: &str, ty: &Type) -> Value {
        match ty {
            Type::Presence => Value::Bool(false),
            Type::List(_) => Value::Array(Vec::new()),
            Type::Optional(_) | Type::Any | Type::Null => Value::Null,
            required => {
                self.field(name, |walk| {
                    walk.mismatch(format!("{required} was expected, but the field is missing"))
                });
                Value::Null
            }
        }
    }

    fn table(&mut self, value: Value, item: &Type, ty: &Type) -> Value {
        let entries = match value {
            Value::Object(entries) => entries,
            Value::String(text) if text.trim().is_empty() => Map::new(),
            other => return self.unfit(&other, ty),
        };
        let fit = |(key, value): (String, Value)| {
            let value = self.field(&key, |walk| walk.value(value, item));
            (key, value)
        };
        Value::Object(entries.into_iter().map(fit).collect())
    }
}

/// Whether `text` is what a [`Type::Duration`] or [`Type::Zone`] holds.
pub(super) fn is_special(text: &str, ty: &Type) -> bool {
    match ty {
        Type::Duration => duration::parse(text).is_ok(),
        _ => TimeZone::get(text).is_ok(),
    }
}

/// What came, short enough for a message.
pub(super) fn seen(value: &Value) -> String {
    const SHOWN: usize = 40;
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().count() <= SHOWN => format!("the text {text:?}"),
        Value::String(text) => format!("the text {:?}…", text.chars().take(SHOWN).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn shallow(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left > 0 && items.iter().all(|item| shallow(item, left - 1)),
        Value::Object(fields) => left > 0 && fields.values().all(|field| shallow(field, left - 1)),
        _ => true,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
        Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => parse_number(text),
        _ => None,
    }
}

/// Reads a number as other systems write it in text; whole ones stay whole.
pub(super) fn parse_number(text: &str) -> Option<Number> {
    let text = text.trim();
    if !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
        return None; // `inf`, `nan` and the like are numbers to Rust only.
    }
    let whole = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
    whole.ok().or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
}

fn integer(value: &Value) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = number(value)?;
    if !number.is_f64() {
        return Some(number);
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT)?;
    Some(Number::from(float as i64))
}

fn plain(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float.to_string(),
        _ => number.to_string(),
    }
}

/// Takes out what does not belong in text: control characters, the remains of a carriage return that some XML
/// writers leave as `&#xD;`, and blanks at both ends.
fn clean(text: String) -> String {
    const REMAINS: &str = "&#xd;";
    let dirty = |c: char| c.is_control() && c != '\n' && c != '\t';
    let mut text = text;
    if text.contains(dirty) {
        text.retain(|c| !dirty(c));
    }
    if text.contains("&#") {
        let mut kept = String::with_capacity(text.len());
        for c in text.chars() {
            kept.push(c);
            // Looking at what was kept also finds one that came together when another was taken out of it.
            let start = kept.len().saturating_sub(REMAINS.len());
            if c == ';' && kept.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(REMAINS)) {
                kept.truncate(start);
            }
        }
        text = kept;
    }
    let trimmed = text.trim();
    if trimmed.len() == text.len() { text } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn text(max: u32) -> Type {
        Type::Text { max: Some(max) }
    }

    fn charge() -> Type {
        Type::object([
            ("Amount", Type::Number),
            ("Code", Type::TEXT.optional()),
            ("Flag", Type::Presence),
            ("Alerts", Type::list(Type::object([("Text", text(5))]))),
            ("Extra", Type::object([("Count", Type::Integer)]).optional()),
        ])
    }

    #[test]
    fn makes_values_fit() {
        let table = Type::Table(Arc::new(text(2)));
        for (value, ty, expected) in [
            (json!(" 12.50 "), Type::Number, json!(12.5)),
            (json!("00123"), Type::Number, json!(123)),
            (json!("18446744073709551615"), Type::Integer, json!(18_446_744_073_709_551_615_u64)),
            (json!("12.0"), Type::Integer, json!(12)),
            (json!(12), Type::Number, json!(12)),
            (json!(12.5), Type::TEXT, json!("12.5")),
            (json!(12.0), Type::TEXT, json!("12")),
            (json!(" a\u{0}b\r\n&#xD;c\t"), Type::TEXT, json!("ab\nc")),
            (json!("Y"), Type::Boolean, json!(true)),
            (json!(0), Type::Boolean, json!(false)),
            (json!(""), Type::Presence, json!(true)),
            (json!(null), Type::Presence, json!(false)),
            (json!("x"), Type::list(Type::TEXT), json!(["x"])),
            (json!(""), Type::list(Type::TEXT), json!([])),
            (json!(null), Type::list(Type::TEXT), json!([])),
            (json!(""), charge().optional(), json!(null)),
            (json!(""), Type::Number.optional(), json!(null)),
            (json!(""), Type::TEXT.optional(), json!("")),
            (json!({"A": 1}), table.clone(), json!({"A": "1"})),
            (json!(" 15m "), Type::Duration, json!("15m")),
            (json!("America/New_York"), Type::Zone, json!("America/New_York")),
            (
                json!({"Other": [1], "Amount": "3", "Flag": "", "Alerts": {"Text": "a"}, "Extra": ""}),
                charge(),
                json!({"Other": [1], "Amount": 3, "Flag": true, "Alerts": [{"Text": "a"}], "Extra": null, "Code": null}),
            ),
        ] {
            assert_eq!(normalise(value.clone(), &ty), Ok(expected), "{value} as {ty}");
        }
    }

    #[test]
    fn collects_every_mismatch_with_its_path() {
        let value = json!({"Alerts": [{"Text": "a"}, {"Text": "too long"}, {}], "Amount": "NaN", "Extra": {"Count": "1.5"}});
        let found: Vec<String> =
            normalise(value, &charge()).unwrap_err().iter().map(Mismatch::to_string).collect();
        assert_eq!(
            found,
            [
                "at Amount: number was expected, but the text \"NaN\" came",
                "at Alerts[1].Text: text of at most 5 characters was expected, but 8 characters came",
                "at Alerts[2].Text: text of at most 5 characters was expected, but the field is missing",
                "at Extra.Count: integer was expected, but the text \"1.5\" came",
            ]
        );
        let whole = normalise(json!(true), &Type::TEXT).unwrap_err();
        assert_eq!(whole[0].to_string(), "at the value: text was expected, but `true` came");
        let required = normalise(json!(""), &charge()).unwrap_err();
        assert_eq!(required[0].path, "Amount");
    }

    #[test]
    fn refuses_data_that_is_nested_too_deep() {
        let deep = (0..DEEPEST + 1).fold(json!(1), |inner, _| json!([inner]));
        assert!(normalise(deep, &Type::Any).is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            prop_oneof!["[ \r\n&#xXdD;\u{0}a]{0,8}", "-?[0-9]{1,3}(\\.[0-9]{1,2})?", "(true|N|)"]
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let name = prop_oneof![
                Just("Amount"),
                Just("Code"),
                Just("Flag"),
                Just("Alerts"),
                Just("Extra"),
                Just("Count"),
                Just("Text")
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                prop::collection::vec((name, inner), 0..5).prop_map(|fields| fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(value in any_json()) {
            let kinds = [Type::Boolean, Type::Presence, Type::Integer, Type::Number, Type::TEXT, Type::list(Type::TEXT), charge(),
                Type::Number.optional(), charge().optional(), Type::Table(Arc::new(Type::TEXT))];
            for ty in kinds {
                if let Ok(once) = normalise(value.clone(), &ty) {
                    prop_assert_eq!(normalise(once.clone(), &ty), Ok(once), "{}", ty);
                }
            }
        }
    }
}
