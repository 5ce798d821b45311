//! Where a value is not what a test expects of it.

use serde_json::Value;

/// A value that is not as expected.
pub(super) struct Differs<'v> {
    pub(super) path: String,
    pub(super) expected: &'v Value,
    pub(super) found: Option<&'v Value>,
}

impl Differs<'_> {
    /// What is wrong, for a person.
    pub(super) fn sentence(&self) -> String {
        match self.found {
            None => format!("{} is missing; {} is expected", self.path, self.expected),
            Some(found) if self.expected.is_null() => {
                format!("{} is {found}; nothing is expected", self.path)
            }
            Some(found) => format!("{} is {found}; {} is expected", self.path, self.expected),
        }
    }
}

/// Where `found` is not what `expected` says: of objects only the named fields count, of lists every item.
pub(super) fn differing<'v>(path: &str, expected: &'v Value, found: Option<&'v Value>) -> Vec<Differs<'v>> {
    let differs = || vec![Differs { path: path.to_owned(), expected, found }];
    match (expected, found) {
        (Value::Null, None | Some(Value::Null)) => Vec::new(),
        (Value::Object(fields), Some(Value::Object(has))) => fields
            .iter()
            .flat_map(|(name, value)| differing(&format!("{path}.{name}"), value, has.get(name)))
            .collect(),
        (Value::Array(items), Some(Value::Array(has))) if items.len() == has.len() => items
            .iter()
            .zip(has)
            .enumerate()
            .flat_map(|(index, (item, has))| differing(&format!("{path}[{index}]"), item, Some(has)))
            .collect(),
        (Value::Number(one), Some(Value::Number(other))) if one.as_f64() == other.as_f64() => Vec::new(),
        (expected, Some(found)) if expected == found => Vec::new(),
        _ => differs(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sentences(expected: Value, found: Value) -> Vec<String> {
        differing("input", &expected, Some(&found)).iter().map(Differs::sentence).collect()
    }

    #[test]
    fn what_is_named_must_be_so_and_the_rest_is_free() {
        let found =
            json!({ "a": 1.0, "b": { "c": "x", "d": null }, "list": [{ "n": 1, "m": 2 }, { "n": 2 }] });
        let expected =
            json!({ "a": 1, "b": { "c": "x", "d": null, "e": null }, "list": [{ "n": 1 }, { "n": 2 }] });
        assert_eq!(sentences(expected, found.clone()), [""; 0]);
        let expected = json!({ "a": "1", "b": { "c": null, "f": 2 }, "list": [{ "n": 1 }] });
        assert_eq!(
            sentences(expected, found),
            [
                r#"input.a is 1.0; "1" is expected"#,
                r#"input.b.c is "x"; nothing is expected"#,
                "input.b.f is missing; 2 is expected",
                r#"input.list is [{"n":1,"m":2},{"n":2}]; [{"n":1}] is expected"#,
            ]
        );
    }
}
