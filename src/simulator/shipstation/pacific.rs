//! V1's times: what a clock in Los Angeles shows, without saying so, and with as many decimals as it happens to have.

use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The zone of every V1 time.
pub fn zone() -> &'static TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    ZONE.get_or_init(|| TimeZone::get("America/Los_Angeles").unwrap_or(TimeZone::UTC))
}

/// What the clock shows at `instant`, to the millisecond.
pub fn shown(instant: Timestamp) -> DateTime {
    let local = instant.to_zoned(zone().clone()).datetime();
    let millis = local.subsec_nanosecond() / 1_000_000 * 1_000_000;
    local.with().subsec_nanosecond(millis).build().unwrap_or(local)
}

/// A stamp as V1 writes its own: `.627`, `.07`, and nothing for none (samples of `/shipments` and `/stores`).
pub fn stamp(instant: Timestamp) -> String {
    let local = shown(instant);
    let plain = local.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let decimals = format!("{:03}", local.subsec_nanosecond() / 1_000_000);
    match decimals.trim_end_matches('0') {
        "" => plain,
        decimals => format!("{plain}.{decimals}"),
    }
}

/// A date that came with an order, as V1 gives it back: seven decimals (samples of `/orders`).
pub fn given_back(local: DateTime) -> String {
    format!("{}.{:07}", local.strftime("%Y-%m-%dT%H:%M:%S"), local.subsec_nanosecond() / 100)
}

/// Reads a time: a date, a date and time with `T` or a blank, any decimals. A time with an offset is taken at its word, as
/// `SkuVault`'s client has relied on since 2015.
pub fn read(text: &str) -> Option<DateTime> {
    let text = text.trim();
    match text.replacen(' ', "T", 1).parse::<Timestamp>() {
        Ok(instant) => Some(shown(instant)),
        Err(_) => text.parse().ok().or_else(|| {
            text.parse().ok().map(|day: jiff::civil::Date| day.to_datetime(jiff::civil::Time::midnight()))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_vary() {
        let stamp = |text: &str| stamp(text.parse().unwrap());
        assert_eq!(stamp("2014-10-03T13:51:33.627Z"), "2014-10-03T06:51:33.627");
        assert_eq!(stamp("2014-11-26T22:28:14.070Z"), "2014-11-26T14:28:14.07");
        assert_eq!(stamp("2026-07-01T19:00:00Z"), "2026-07-01T12:00:00");
        assert_eq!(given_back("2026-01-15T08:46:27".parse().unwrap()), "2026-01-15T08:46:27.0000000");
    }

    #[test]
    fn the_clock_jumps_and_repeats() {
        let stamp = |text: &str| stamp(text.parse().unwrap());
        assert_eq!(stamp("2026-03-08T09:59:59Z"), "2026-03-08T01:59:59");
        assert_eq!(stamp("2026-03-08T10:00:00Z"), "2026-03-08T03:00:00");
        // An hour apart, and the same text.
        assert_eq!(stamp("2026-11-01T08:30:00Z"), stamp("2026-11-01T09:30:00Z"));
    }

    #[test]
    fn reads_what_callers_send() {
        let read = |text: &str| read(text).map(|local| local.to_string());
        assert_eq!(read("2015-01-08 10:30:00").as_deref(), Some("2015-01-08T10:30:00"));
        assert_eq!(read("2015-01-08").as_deref(), Some("2015-01-08T00:00:00"));
        assert_eq!(read("2015-01-08T18:30:00Z").as_deref(), Some("2015-01-08T10:30:00"));
        assert_eq!(read("2015-01-08T10:30:00.0000000").as_deref(), Some("2015-01-08T10:30:00"));
        assert_eq!(read("01/08/2015"), None);
    }
}
