//! Sage's stamps: a day, and decimal hours as text, in the server's local time.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Five decimals of an hour fit into Sage's eight characters.
const UNITS_AN_HOUR: u32 = 100_000;

/// When a record was last changed, as Sage says it. Stamps compare as time does; their texts do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// The local day.
    pub date: Date,
    /// Hundred-thousandths of an hour since midnight.
    pub units: u32,
}

impl Stamp {
    /// The stamp that Sage would give at `instant`.
    pub fn at(instant: Timestamp, zone: &TimeZone) -> Self {
        let local = instant.to_zoned(zone.clone());
        let time = local.time();
        let seconds = u64::from(time.hour().unsigned_abs()) * 3600
            + u64::from(time.minute().unsigned_abs()) * 60
            + u64::from(time.second().unsigned_abs());
        let nanos = seconds * 1_000_000_000 + u64::from(time.subsec_nanosecond().unsigned_abs());
        let units = nanos / (3_600_000_000_000 / u64::from(UNITS_AN_HOUR));
        Self { date: local.date(), units: u32::try_from(units).unwrap_or_default() }
    }

    /// `DateUpdated`.
    pub fn date_text(&self) -> String {
        self.date.to_string()
    }

    /// `TimeUpdated`: as many decimals as it needs, five at most.
    pub fn time_text(&self) -> String {
        let (hours, rest) = (self.units / UNITS_AN_HOUR, self.units % UNITS_AN_HOUR);
        format!("{hours}.{rest:05}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// Reads a day and decimal hours; `None` when they are neither.
    pub fn parse(date: &str, time: &str) -> Option<Self> {
        let (hours, decimals) = time.split_once('.').unwrap_or((time, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(hours) || !digits(decimals) || decimals.len() > 5 || hours.len() > 2 {
            return None;
        }
        let units =
            hours.parse::<u32>().ok()? * UNITS_AN_HOUR + format!("{decimals:0<5}").parse::<u32>().ok()?;
        Some(Self { date: date.parse().ok()?, units })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_decimal_text() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let stamp = |text: &str| Stamp::at(text.parse().unwrap(), &zone);
        let (half_past_nine, later) = (stamp("2026-11-20T14:30:00Z"), stamp("2026-11-20T18:15:30Z"));
        assert_eq!(
            (half_past_nine.date_text(), half_past_nine.time_text()),
            ("2026-11-20".into(), "9.5".into())
        );
        assert_eq!(later.time_text(), "13.25833");
        // The trap: as text, half past nine comes after quarter past one.
        assert!(half_past_nine < later && half_past_nine.time_text() > later.time_text());
        assert_eq!(stamp("2026-11-20T05:00:00Z").time_text(), "0");
    }

    #[test]
    fn reads_what_it_writes() {
        for time in ["9.5", "13.25833", "0", "23.99999", "7.00001"] {
            assert_eq!(Stamp::parse("2026-11-20", time).unwrap().time_text(), time);
        }
        for time in ["", "x", "9.", "9.123456", "-1", "123"] {
            assert_eq!(Stamp::parse("2026-11-20", time), None, "{time}");
        }
    }
}
