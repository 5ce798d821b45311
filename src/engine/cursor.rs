//! Where a poll begins and how far it has come: the arithmetic of each cursor kind.
//!
//! A position keeps the source's own texts and is never rounded up. A poll reads from the position less an
//! overlap, so what was stamped late or in the same instant is read again and recognised as unchanged.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, Zoned};
use serde_json::{Value, json};

use crate::base::duration;
use crate::expression::{ValueTemplate, Values};
use crate::spec::model::CursorKind;

/// No cursor reads back further than this many days.
const MOST_DAYS: i64 = 36_500;

/// What a cursor kind needs that depends on a connection's settings.
#[derive(Debug, Clone)]
pub struct CursorSettings {
    /// The zone of the source's stamps.
    pub zone: TimeZone,
    /// How far to read back.
    pub overlap: SignedDuration,
    /// How many days or keys to read back.
    pub back: i64,
    /// How far back from now the source may be asked.
    pub reach: Option<SignedDuration>,
}

impl CursorSettings {
    /// Reads them from `values`, which hold `settings`.
    ///
    /// # Errors
    /// When a setting is not what the cursor kind needs.
    pub fn of(kind: &CursorKind, values: &Values) -> Result<Self, String> {
        let evaluate = |tree: &ValueTemplate| tree.evaluate(values).map_err(|error| error.to_string());
        let text = |tree: &ValueTemplate| -> Result<String, String> {
            Ok(evaluate(tree)?.as_str().unwrap_or_default().to_owned())
        };
        let zone = |tree: &ValueTemplate| -> Result<TimeZone, String> {
            let zone = text(tree)?;
            TimeZone::get(&zone).map_err(|_| format!("`{zone}` is not a time zone"))
        };
        let back = |tree: &ValueTemplate| -> Result<i64, String> {
            let back = evaluate(tree)?;
            let whole = back.as_i64().filter(|back| *back >= 0);
            whole.ok_or_else(|| format!("`back` must yield a whole number, zero or more, not {back}"))
        };
        let length = |tree: &ValueTemplate| -> Result<SignedDuration, String> {
            Ok(SignedDuration::try_from(duration::parse(&text(tree)?)?).unwrap_or_default())
        };
        let mut settings = Self { zone: TimeZone::UTC, overlap: SignedDuration::ZERO, back: 0, reach: None };
        match kind {
            CursorKind::None | CursorKind::Token { .. } => {}
            CursorKind::Timestamp { zone: its_zone, overlap, .. }
            | CursorKind::DateAndDecimalHours { zone: its_zone, overlap, .. } => {
                settings.zone = zone(its_zone)?;
                settings.overlap = length(overlap)?;
            }
            CursorKind::Day { zone: its_zone, back: days, .. } => {
                settings.zone = zone(its_zone)?;
                settings.back = back(days)?;
            }
            CursorKind::Keyset { back: keys, .. } => settings.back = back(keys)?,
        }
        if let CursorKind::Timestamp { reach: Some(reach), .. } = kind {
            settings.reach = Some(length(reach)?);
        }
        Ok(settings)
    }
}

/// The value of `cursor` in the stream's request: null to read from the beginning.
pub fn from(kind: &CursorKind, position: &Value, settings: &CursorSettings) -> Value {
    match kind {
        CursorKind::None => Value::Null,
        CursorKind::Day { .. } => match position.get("day").and_then(day_of) {
            Some(day) => {
                let begin = day.checked_sub(Span::new().days(settings.back.min(MOST_DAYS))).unwrap_or(day);
                json!({ "day": begin.to_string() })
            }
            None => Value::Null,
        },
        CursorKind::Keyset { number, .. } => match position.get("key") {
            Some(key) if *number => match key_less(key, settings.back) {
                Some(key) => json!({ "key": key }),
                None => Value::Null,
            },
            Some(key) => json!({ "key": key }),
            None => Value::Null,
        },
        CursorKind::Token { .. } => match position.get("token") {
            Some(token) => json!({ "token": token }),
            None => Value::Null,
        },
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

/// Where a poll that began at `anchor` really begins: nothing is asked for that lies further back than the source reaches.
pub fn bounded(from: Value, anchor: Timestamp, settings: &CursorSettings) -> Value {
    let Some(reach) = settings.reach else { return from };
    let earliest = anchor.checked_sub(reach).unwrap_or(anchor);
    let at = stamp_of(from.get("at"), settings).map_or(earliest, |at| at.max(earliest));
    json!({ "at": at.to_string() })
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
        CursorKind::None => Value::Null,
        // Its position comes with pages, not with records.
        CursorKind::Token { .. } => position.clone(),
        CursorKind::Day { field, .. } => {
            let Some(day) = record.get(field).and_then(day_of) else { return position.clone() };
            let held = position.get("day").and_then(day_of);
            let today = Zoned::new(anchor, settings.zone.clone()).date();
            if held.is_some_and(|held| held >= day) {
                position.clone()
            } else if day > today {
                json!({ "day": held.map_or(today, |held| held.max(today)).to_string() })
            } else {
                json!({ "day": record.get(field) })
            }
        }
        CursorKind::Keyset { field, number, .. } => match record.get(field) {
            Some(key) if greater(key, position.get("key"), *number) => json!({ "key": key }),
            _ => position.clone(),
        },
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

/// The position after the last page of a poll whose cursor is a token: what `next` yields, or where it stood when that is
/// nothing.
///
/// # Errors
/// When `next` cannot be evaluated.
pub fn after_page(
    kind: &CursorKind,
    position: &Value,
    page: &Value,
    values: &Values,
) -> Result<Value, String> {
    let CursorKind::Token { next } = kind else { return Ok(position.clone()) };
    let mut values = values.clone();
    values.set("answer", page);
    Ok(match next.evaluate(&values).map_err(|error| error.to_string())? {
        Value::Null => position.clone(),
        Value::String(text) if text.is_empty() => position.clone(),
        token => json!({ "token": token }),
    })
}

/// A day as sources write them: `2026-11-20`, `20261120`, or the beginning of a longer stamp.
fn day_of(value: &Value) -> Option<Date> {
    let text = value.as_str()?.trim();
    text.get(..10).unwrap_or(text).parse().ok().or_else(|| text.get(..8)?.parse().ok())
}

/// Whether `key` is greater than the one that is held; what is no key never is.
fn greater(key: &Value, held: Option<&Value>, number: bool) -> bool {
    if number {
        let Some(key) = Number::of(key) else { return false };
        return held.and_then(Number::of).is_none_or(|held| key.exceeds(&held));
    }
    let Some(key) = key.as_str().filter(|key| !key.is_empty()) else { return false };
    held.and_then(Value::as_str).is_none_or(|held| key > held)
}

fn key_less(key: &Value, back: i64) -> Option<Value> {
    let number = Number::of(key)?;
    let whole = number.whole.and_then(|whole| i64::try_from(whole - i128::from(back)).ok());
    Some(whole.map_or_else(|| Value::from(number.near - back as f64), Value::from))
}

/// A number, or the text of one: exact where it is whole, since keys may have more digits than a float holds.
struct Number {
    whole: Option<i128>,
    near: f64,
}

impl Number {
    fn of(value: &Value) -> Option<Self> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let near = text.parse::<f64>().ok().filter(|near| near.is_finite())?;
        Some(Self { whole: text.parse().ok(), near })
    }

    fn exceeds(&self, other: &Self) -> bool {
        match (self.whole, other.whole) {
            (Some(one), Some(other)) => one > other,
            _ => self.near > other.near,
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
            back: overlap,
            reach: None,
        }
    }

    fn date_time(date: &str, time: &str) -> Value {
        json!({ "date": date, "time": time })
    }

    fn kind() -> CursorKind {
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
    fn a_source_is_asked_no_further_back_than_it_reaches() {
        let anchor: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let unbounded = json!({ "at": "2026-11-01T00:00:00Z" });
        assert_eq!(bounded(unbounded.clone(), anchor, &settings(0)), unbounded);
        let settings = CursorSettings { reach: Some(SignedDuration::from_hours(24)), ..settings(0) };
        let from = |from: Value| bounded(from, anchor, &settings)["at"].clone();
        assert_eq!(from(Value::Null), "2026-11-19T12:00:00Z");
        assert_eq!(from(unbounded), "2026-11-19T12:00:00Z");
        assert_eq!(from(json!({ "at": "2026-11-20T11:00:00Z" })), "2026-11-20T11:00:00Z");
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

    #[test]
    fn days_are_kept_as_written_and_read_back_whole() {
        let nothing = || ValueTemplate::Literal(Value::Null);
        let kind = CursorKind::Day { field: "Day".into(), back: nothing(), zone: nothing() };
        // Nine in the evening in New York is tomorrow in UTC.
        let anchor: Timestamp = "2026-11-21T02:00:00Z".parse().unwrap();
        let seen = |position: &Value, day: &str| {
            advance(&kind, position, &json!({ "Day": day }), anchor, &settings(3))
        };
        let position = seen(&Value::Null, "20261102");
        assert_eq!(position, json!({ "day": "20261102" }));
        assert_eq!(from(&kind, &position, &settings(3)), json!({ "day": "2026-10-30" }));
        assert_eq!(seen(&position, "2026-11-01T23:00:00"), position);
        assert_eq!(seen(&position, "soon"), position);
        for future in ["2026-11-21", "99991231"] {
            assert_eq!(seen(&position, future), json!({ "day": "2026-11-20" }), "{future}");
        }
        assert_eq!(from(&kind, &Value::Null, &settings(3)), Value::Null);
    }

    #[test]
    fn keys_are_compared_as_what_they_are() {
        let kind = |number| {
            let back = ValueTemplate::Literal(Value::Null);
            CursorKind::Keyset { field: "Id".into(), number, back }
        };
        let anchor = Timestamp::UNIX_EPOCH;
        let seen = |number, position: &Value, id: Value| {
            advance(&kind(number), position, &json!({ "Id": id }), anchor, &settings(0))
        };
        let numbers = seen(true, &seen(true, &Value::Null, json!("9")), json!("10"));
        assert_eq!(numbers, json!({ "key": "10" }), "the source's own text is kept");
        assert_eq!(from(&kind(true), &numbers, &settings(4)), json!({ "key": 6 }));
        assert_eq!(seen(true, &numbers, json!(11)), json!({ "key": 11 }));
        assert_eq!(seen(true, &numbers, json!("next")), numbers);
        let large = json!({ "key": "9007199254740993" });
        assert_eq!(seen(true, &large, json!(9_007_199_254_740_992_i64)), large);
        let texts = seen(false, &seen(false, &Value::Null, json!("9")), json!("10"));
        assert_eq!(texts, json!({ "key": "9" }));
        assert_eq!(from(&kind(false), &texts, &settings(0)), texts);
    }
}
