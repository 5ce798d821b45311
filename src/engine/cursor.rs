//! Where a poll begins and how far it has come: the arithmetic of each cursor kind.
//!
//! A position keeps the source's own texts and is never rounded up. A poll reads from the position less an
//! overlap, so what was stamped late or in the same instant is read again and recognised as unchanged.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde_json::{Value, json};

use crate::spec::model::CursorKind;

/// What a cursor kind needs that depends on a connection's settings.
#[derive(Debug, Clone)]
pub struct CursorSettings {
    /// The zone of the source's stamps.
    pub zone: TimeZone,
    /// How far to read back.
    pub overlap: SignedDuration,
}

/// The value of `cursor` in the stream's request: null to read from the beginning.
pub fn from(kind: &CursorKind, position: &Value, settings: &CursorSettings) -> Value {
    match kind {
        CursorKind::None | CursorKind::Day { .. } | CursorKind::Keyset { .. } | CursorKind::Token { .. } => {
            Value::Null
        }
        CursorKind::Timestamp { .. } => match stamp_of(position.get("at"), settings) {
            Some(at) => json!({ "at": back(at, settings).to_string() }),
            None => Value::Null,
        },
        CursorKind::DateAndDecimalHours { .. } => {
            match position.get("date").zip(position.get("time")).and_then(|(date, time)| local(date, time)) {
                Some(stamp) => {
                    let begin = back_local(stamp, settings);
                    json!({ "date": begin.date().to_string(), "time": decimal_hours(begin.time()) })
                }
                None => Value::Null,
            }
        }
    }
}

/// The later of `position` and the stamp of `record`, but never later than `anchor`, the start of the poll: one stamp
/// from a clock that runs ahead must not make the cursor jump over what comes next.
pub fn advance(
    kind: &CursorKind,
    position: &Value,
    record: &Value,
    anchor: Timestamp,
    settings: &CursorSettings,
) -> Value {
    match kind {
        CursorKind::None | CursorKind::Day { .. } | CursorKind::Keyset { .. } | CursorKind::Token { .. } => {
            Value::Null
        }
        CursorKind::Timestamp { field, .. } => {
            let Some(stamp) = stamp_of(record.get(field), settings) else { return position.clone() };
            let held = stamp_of(position.get("at"), settings);
            if held.is_some_and(|held| held >= stamp) {
                position.clone()
            } else if stamp > anchor {
                json!({ "at": held.map_or(anchor, |held| held.max(anchor)).to_string() })
            } else {
                json!({ "at": record.get(field) })
            }
        }
        CursorKind::DateAndDecimalHours { date, time, .. } => {
            let fields = record.get(date).zip(record.get(time));
            let Some((stamp, (day, hours))) = fields.and_then(|(d, t)| Some((local(d, t)?, (d, t)))) else {
                return position.clone();
            };
            let held = position.get("date").zip(position.get("time")).and_then(|(d, t)| local(d, t));
            let anchor = Zoned::new(anchor, settings.zone.clone()).datetime();
            if held.is_some_and(|held| held >= stamp) {
                position.clone()
            } else if stamp > anchor {
                let at = held.map_or(anchor, |held| held.max(anchor));
                json!({ "date": at.date().to_string(), "time": decimal_hours(at.time()) })
            } else {
                json!({ "date": day, "time": hours })
            }
        }
    }
}

fn back(at: Timestamp, settings: &CursorSettings) -> Timestamp {
    at.checked_sub(settings.overlap).unwrap_or(at)
}

/// Steps back by the overlap, and over the whole repeated hour when the clocks were set back within reach: stamps of
/// the second pass of that hour are smaller than those of the first.
fn back_local(stamp: DateTime, settings: &CursorSettings) -> DateTime {
    let begin = stamp.checked_sub(settings.overlap).unwrap_or(stamp);
    let probe = SignedDuration::from_hours(3);
    let earlier = begin.checked_sub(probe).unwrap_or(begin);
    let offset = |civil: DateTime| {
        settings
            .zone
            .to_ambiguous_zoned(civil)
            .compatible()
            .map(|zoned| zoned.offset().seconds())
            .unwrap_or(0)
    };
    // `compatible` takes the first pass of a repeated hour, so look past the stamp as well.
    let later = stamp.checked_add(probe).unwrap_or(stamp);
    let set_back = i64::from((offset(earlier) - offset(later)).max(0));
    begin.checked_sub(SignedDuration::from_secs(set_back)).unwrap_or(begin)
}

fn stamp_of(value: Option<&Value>, settings: &CursorSettings) -> Option<Timestamp> {
    let text = value?.as_str()?.trim();
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Some(stamp);
    }
    let civil: DateTime = text.parse().ok()?;
    settings.zone.to_ambiguous_zoned(civil).earlier().ok().map(|zoned| zoned.timestamp())
}

/// A day (`2026-11-20` or `20261120`) and decimal hours (`13.25833`, `9.5`) as local time, to the millisecond.
fn local(date: &Value, hours: &Value) -> Option<DateTime> {
    let day = date.as_str()?.trim();
    let day: Date = day.get(..10).unwrap_or(day).parse().ok()?;
    let hours = match hours {
        Value::String(text) if text.trim().is_empty() => 0.0,
        Value::String(text) => text.trim().parse::<f64>().ok()?,
        other => other.as_f64()?,
    };
    if !(0.0..=24.0).contains(&hours) {
        return None;
    }
    let millis = (hours * 3_600_000.0).round() as i64;
    day.to_datetime(Time::midnight()).checked_add(SignedDuration::from_millis(millis)).ok()
}

/// Decimal hours with five decimals, as Sage 100 writes them, rounded down.
fn decimal_hours(time: Time) -> String {
    let nanos = time.duration_since(Time::midnight()).as_nanos();
    let units = nanos / 36_000_000;
    let text = format!("{}.{:05}", units / 100_000, units % 100_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(overlap: i64) -> CursorSettings {
        CursorSettings {
            zone: TimeZone::get("America/New_York").unwrap(),
            overlap: SignedDuration::from_mins(overlap),
        }
    }

    fn date_time(date: &str, time: &str) -> Value {
        json!({ "date": date, "time": time })
    }

    fn kind() -> CursorKind {
        use crate::expression::ValueTemplate;
        CursorKind::DateAndDecimalHours {
            date: "DateUpdated".into(),
            time: "TimeUpdated".into(),
            zone: ValueTemplate::Literal(Value::Null),
            overlap: ValueTemplate::Literal(Value::Null),
        }
    }

    #[test]
    fn decimal_hours_are_compared_as_numbers_not_text() {
        let anchor: Timestamp = "2026-11-20T23:00:00Z".parse().unwrap();
        let early = json!({ "DateUpdated": "2026-11-20", "TimeUpdated": "9.5" });
        let late = json!({ "DateUpdated": "2026-11-20", "TimeUpdated": "13.2" });
        let position = advance(&kind(), &Value::Null, &late, anchor, &settings(10));
        let position = advance(&kind(), &position, &early, anchor, &settings(10));
        assert_eq!(position, date_time("2026-11-20", "13.2"));
        assert_eq!(from(&kind(), &position, &settings(10)), date_time("2026-11-20", "13.03333"));
    }

    #[test]
    fn overlap_reaches_into_the_day_before() {
        let position = date_time("2026-11-20", "0.1");
        assert_eq!(from(&kind(), &position, &settings(10)), date_time("2026-11-19", "23.93333"));
    }

    #[test]
    fn the_repeated_hour_is_read_again_whole() {
        // 2026-11-01 02:00 EDT becomes 01:00 EST: 01:55 of the first pass comes before 01:05 of the second.
        let position = date_time("2026-11-01", "1.91666");
        let begin = from(&kind(), &position, &settings(10));
        assert_eq!(begin["date"], "2026-11-01");
        let hours: f64 = begin["time"].as_str().unwrap().parse().unwrap();
        assert!(hours <= 1.0, "{hours}");
    }

    #[test]
    fn a_stamp_from_the_future_does_not_carry_the_cursor_away() {
        let anchor: Timestamp = "2026-11-20T17:00:00Z".parse().unwrap();
        let wrong = json!({ "DateUpdated": "2099-01-01", "TimeUpdated": "1" });
        let position = advance(&kind(), &Value::Null, &wrong, anchor, &settings(10));
        assert_eq!(position, date_time("2026-11-20", "12"));
    }

    #[test]
    fn a_stamp_that_cannot_be_read_leaves_the_cursor_alone() {
        let anchor: Timestamp = "2026-11-20T17:00:00Z".parse().unwrap();
        let held = date_time("2026-11-20", "1");
        for wrong in [json!({}), json!({ "DateUpdated": "soon", "TimeUpdated": "1" })] {
            assert_eq!(advance(&kind(), &held, &wrong, anchor, &settings(10)), held);
        }
    }
}
