//! The strict check of a value against its type before it is sent: nothing is converted.

use serde_json::Value;

use super::normalise::{Mismatch, Walk, is_special, seen};
use super::{ObjectType, Type};

/// Checks that `value` is of type `ty` as it stands: no number in text, no list of one, no text that is too long.
/// A field whose type is optional may be left out; a field that the type does not name is a mismatch.
///
/// # Errors
/// Every place that does not fit.
pub fn fits(value: &Value, ty: &Type) -> Result<(), Vec<Mismatch>> {
    let mut walk = Walk::default();
    check(&mut walk, value, ty);
    if walk.mismatches.is_empty() { Ok(()) } else { Err(walk.mismatches) }
}

fn check(walk: &mut Walk, value: &Value, ty: &Type) {
    match (ty, value) {
        (Type::Any, _)
        | (Type::Null | Type::Optional(_), Value::Null)
        | (Type::Boolean | Type::Presence, Value::Bool(_))
        | (Type::Number, Value::Number(_))
        | (Type::Text { max: None }, Value::String(_)) => {}
        (Type::Integer, Value::Number(number)) if !number.is_f64() => {}
        (Type::Text { max: Some(max) }, Value::String(text)) => {
            let length = text.chars().count();
            if length > *max as usize {
                walk.mismatch(format!("{ty} was expected, but {length} characters were given"));
            }
        }
        (Type::Duration | Type::Zone, Value::String(text)) if is_special(text, ty) => {}
        (Type::List(item), Value::Array(items)) => {
            for (index, value) in items.iter().enumerate() {
                walk.item(index, |walk| check(walk, value, item));
            }
        }
        (Type::Table(item), Value::Object(entries)) => {
            for (key, value) in entries {
                walk.field(key, |walk| check(walk, value, item));
            }
        }
        (Type::Object(object), Value::Object(_)) => check_fields(walk, value, object, ty),
        (Type::Optional(inner), value) => check(walk, value, inner),
        (ty, value) => walk.mismatch(format!("{ty} was expected, but {} was given", seen(value))),
    }
}

fn check_fields(walk: &mut Walk, value: &Value, object: &ObjectType, ty: &Type) {
    for (name, field) in &object.fields {
        match value.get(name) {
            Some(value) => walk.field(name, |walk| check(walk, value, &field.ty)),
            None if field.ty.may_be_null() => {}
            None => walk
                .field(name, |walk| walk.mismatch(format!("{} was expected, but it is missing", field.ty))),
        }
    }
    for name in value.as_object().into_iter().flat_map(|fields| fields.keys()) {
        if !object.fields.contains_key(name) {
            walk.field(name, |walk| walk.mismatch(format!("{ty} has no such field")));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn takes_values_only_as_they_are() {
        let ty = Type::object([
            ("name", Type::Text { max: Some(3) }),
            ("count", Type::Integer),
            ("lines", Type::list(Type::TEXT)),
            ("note", Type::TEXT.optional()),
        ]);
        assert_eq!(fits(&json!({"name": "äöü", "count": 1, "lines": []}), &ty), Ok(()));
        let found: Vec<String> =
            fits(&json!({"name": "four", "count": "1", "lines": ["a", null], "x": 1}), &ty)
                .unwrap_err()
                .iter()
                .map(Mismatch::to_string)
                .collect();
        assert_eq!(
            found,
            [
                "at name: text of at most 3 characters was expected, but 4 characters were given",
                "at count: integer was expected, but the text \"1\" was given",
                "at lines[1]: text was expected, but nothing was given",
                "at x: object has no such field",
            ]
        );
        assert!(fits(&json!(1.5), &Type::Integer).is_err());
        assert!(fits(&json!("soon"), &Type::Duration).is_err());
    }
}
