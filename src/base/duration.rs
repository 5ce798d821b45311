//! Durations as people write them in YAML: `250ms`, `15m`, `1h30m`, `14d`.

use std::time::Duration;

/// Reads `15m`, `1h 30m`, `14d`, `250ms`.
///
/// # Errors
/// A sentence that shows what a duration looks like.
pub fn parse(text: &str) -> Result<Duration, String> {
    let cure = || format!("`{text}` is not a duration; write for example `30s`, `15m`, `1h30m` or `14d`");
    let text = text.trim();
    if text.is_empty() || text.starts_with('-') {
        return Err(cure());
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(cure)?;
        let amount: u64 = rest[..digits].parse().map_err(|_| cure())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = unit_millis(&rest[..letters]).ok_or_else(cure)?;
        rest = rest[letters..].trim_start();
        let millis = amount.checked_mul(unit).ok_or_else(cure)?;
        total = total.checked_add(Duration::from_millis(millis)).ok_or_else(cure)?;
    }
    Ok(total)
}

/// Writes a duration the way [`parse`] reads it, largest units first: `1h30m`.
pub fn display(duration: Duration) -> String {
    const UNITS: [(&str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (name, size) in UNITS {
        if left >= size {
            text.push_str(&format!("{}{name}", left / size));
            left %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn unit_millis(unit: &str) -> Option<u64> {
    Some(match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["250ms", "30s", "15m", "1h30m", "14d", "1d2h3m4s5ms"] {
            assert_eq!(display(parse(text).unwrap()), text);
        }
        assert_eq!(parse("1h 30m").unwrap(), Duration::from_secs(5400));
    }

    #[test]
    fn refuses_what_is_not_a_duration() {
        for text in
            ["", "15", "m", "-5m", "5 minutes", "15x", "99999999999999999999s", "18446744073709551615w"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
