//! What is said of an answer that a kind cannot read: what it is instead, and how it begins.

use super::TransportError;

/// How much of an answer is quoted.
const QUOTED: usize = 200;

/// `what` completes "The answer is …".
pub(super) fn unreadable(text: &str, media_type: &str, what: &str) -> TransportError {
    let beginning: String = text.trim_start().chars().take(QUOTED).collect();
    let media_type = if media_type.is_empty() { "no content type" } else { media_type };
    TransportError::Unreadable(format!(
        "The answer is {what}, with {media_type}; it begins: {}",
        beginning.escape_debug()
    ))
}
