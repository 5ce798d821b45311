//! Canonical JSON and the fingerprints made from it.

use aws_lc_rs::digest;
use serde_json::Value;

/// Writes `value` with sorted keys and no spaces, so that equal contents give equal bytes.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// The SHA-256 of the canonical form, as 64 hexadecimal digits.
pub fn fingerprint(value: &Value) -> String {
    sha256_hex(canonical(value).as_bytes())
}

/// SHA-256 as 64 hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, value) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(value, out);
            }
            out.push(']');
        }
        Value::Number(number) => out.push_str(&plain(number)),
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// A whole number is written without a fraction: `89.0` and `89` are one value, which systems write now so and now so.
fn plain(number: &serde_json::Number) -> String {
    // Beyond 2^53 a float no longer tells neighbouring whole numbers apart.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT => {
            format!("{float:.0}")
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fraction_of_nothing_does_not_change_a_fingerprint() {
        for (one, two) in [("89.0", "89"), ("-3.00", "-3"), ("1e2", "100"), ("0.0", "0")] {
            let [one, two] = [one, two].map(|text| serde_json::from_str::<Value>(text).unwrap());
            assert_eq!(fingerprint(&one), fingerprint(&two));
        }
        assert_eq!(canonical(&json!([2.5, 1e300, u64::MAX])), "[2.5,1e+300,18446744073709551615]");
    }

    #[test]
    fn key_order_does_not_change_a_fingerprint() {
        let one = json!({"b": [1, {"y": null, "x": "ä\n"}], "a": 2.50});
        let two: Value = serde_json::from_str(r#"{"a":2.5,"b":[1,{"x":"ä\n","y":null}]}"#).unwrap();
        assert_eq!(canonical(&one), r#"{"a":2.5,"b":[1,{"x":"ä\n","y":null}]}"#);
        assert_eq!(fingerprint(&one), fingerprint(&two));
    }
}
