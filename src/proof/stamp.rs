//! When a sender says that it sent, and whether that is now.

use std::time::Duration;

use jiff::Timestamp;

use crate::base::clock::between;

/// Reads an instant: RFC 3339, or seconds since 1970.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Timestamp::from_second(text.parse().ok()?).ok();
    }
    text.parse().ok()
}

/// Whether `sent` is further from `now` than `window`, either way: a message that was kept back and sent again, or a
/// sender whose clock is wrong.
pub(super) fn is_stale(sent: Timestamp, now: Timestamp, window: Duration) -> bool {
    between(sent, now).max(between(now, sent)) > window
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_as_senders_write_them() {
        let noon: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        for text in [
            "2026-11-20T12:00:00Z",
            "2026-11-20T12:00:00.000Z",
            "2026-11-20T13:00:00+01:00",
            "1795176000",
            " 1795176000 ",
        ] {
            assert_eq!(read(text), Some(noon), "{text}");
        }
        for text in
            ["", " ", "soon", "-5", "2026-11-20", "2026-11-20T12:00:00", "1e9", "99999999999999999999999"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_window_has_two_sides() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        for (sent, stale) in [
            ("2026-11-20T11:55:00Z", false),
            ("2026-11-20T11:54:59Z", true),
            ("2026-11-20T12:00:00Z", false),
            ("2026-11-20T12:05:00Z", false),
            ("2026-11-20T12:05:01Z", true),
            ("9999-12-30T22:00:00Z", true),
            ("-009999-01-02T01:59:59Z", true),
        ] {
            assert_eq!(is_stale(sent.parse().unwrap(), now, Duration::from_secs(300)), stale, "{sent}");
        }
    }
}
