//! Tracking numbers with their check digit.

/// The eighteen characters `1Z` + account + service + serial + check digit.
pub fn tracking_number(account: &str, service: &str, serial: u64) -> String {
    let middle = format!("{:0<6}{:0>2}{:07}", account.to_uppercase(), service, serial % 10_000_000);
    format!("1Z{middle}{}", check_digit(&middle))
}

/// Whether a number has the form of a parcel's and its check digit is right.
pub fn is_tracking_number(number: &str) -> bool {
    let Some(body) = number.strip_prefix("1Z").filter(|body| body.len() == 16 && body.is_ascii()) else {
        return false;
    };
    body[15..] == check_digit(&body[..15]).to_string()
}

/// Letters count as digits (A is 2), every second place counts double, and the check digit completes the ten.
fn check_digit(middle: &str) -> u32 {
    let value = |character: char| match character.to_digit(10) {
        Some(digit) => digit,
        None => (u32::from(character.to_ascii_uppercase()).saturating_sub(63)) % 10,
    };
    let sum: u32 = middle
        .chars()
        .enumerate()
        .map(|(place, character)| if place % 2 == 0 { value(character) } else { 2 * value(character) })
        .sum();
    (10 - sum % 10) % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_example_checks_out() {
        assert!(is_tracking_number("1Z999AA10123456784"));
        assert!(!is_tracking_number("1Z999AA10123456785"));
        assert!(!is_tracking_number("1Z12345E"));
    }

    #[test]
    fn new_numbers_check_out() {
        let number = tracking_number("A1B2C3", "03", 42);
        assert_eq!(number.len(), 18);
        assert!(is_tracking_number(&number), "{number}");
    }
}
