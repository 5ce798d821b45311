//! How text stands in a URL.

use std::fmt::Write as _;

/// `text` percent-encoded, all but letters, digits, `-`, `.`, `_` and `~`: it means the same in a path's segment, in a
/// query and in a form. A blank is `%20`; not every server reads a plus sign as one.
pub fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                // Writing to a string does not fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_itself_is_left() {
        assert_eq!(percent_encoded("Az09-._~ +&=%/ü"), "Az09-._~%20%2B%26%3D%25%2F%C3%BC");
    }
}
