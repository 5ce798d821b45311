//! Filters for dates and times, which are text: RFC 3339 where the instant is known, else the date or local time.

use std::fmt::Display;

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{Disambiguation, Offset, TimeZone};
use jiff::{Span, Timestamp, Zoned};

use super::super::Type;
use super::{Argument, Filter, Kind, integer_at, made, param, text_at};

/// The filters of this family.
pub const FILTERS: &[Filter] = &[
    Filter {
        name: "date_format",
        takes: Kind::Text,
        params: &[param("format", Kind::Text)],
        docs: "A date or time written another way; the format is strftime's.",
        example: ("{{ '2026-03-09T14:05:00Z' | date_format('%m/%d/%Y %H:%M') }}", "\"03/09/2026 14:05\""),
        nulls: false,
        gives: |_, arguments| format_type(arguments),
        run: |arguments| {
            let moment = Moment::read(text_at(arguments, 0)?)?;
            made(
                strtime::format(text_at(arguments, 1)?, moment.broken_down())
                    .map_err(|error| error.to_string())?,
            )
        },
    },
    Filter {
        name: "parse_date",
        takes: Kind::Text,
        params: &[param("format", Kind::Text)],
        docs: "Reads a date or time that is written in a format of strftime's.",
        example: ("{{ '03/09/2026' | parse_date('%m/%d/%Y') }}", "\"2026-03-09\""),
        nulls: false,
        gives: |_, arguments| format_type(arguments),
        run: |arguments| {
            let parsed = strtime::parse(text_at(arguments, 1)?, text_at(arguments, 0)?);
            made(read_parsed(&parsed.map_err(|error| error.to_string())?)?)
        },
    },
    Filter {
        name: "to_zone",
        takes: Kind::Text,
        params: &[param("zone", Kind::Text)],
        docs: "The same instant as a clock in that time zone shows it.",
        example: (
            "{{ '2026-03-09T14:05:00Z' | to_zone('America/New_York') }}",
            "\"2026-03-09T10:05:00-04:00\"",
        ),
        nulls: false,
        gives: |_, arguments| zone_type(arguments),
        run: |arguments| match Moment::read(text_at(arguments, 0)?)? {
            Moment::Instant(instant, _) => {
                let zoned = instant.to_zoned(zone(text_at(arguments, 1)?)?);
                made(Moment::Instant(instant, zoned.offset()).text())
            }
            _ => Err("it does not say its own time zone; use `from_zone` first".to_owned()),
        },
    },
    Filter {
        name: "from_zone",
        takes: Kind::Text,
        params: &[param("zone", Kind::Text)],
        docs: "The instant, in UTC, at which a clock in that time zone shows this. A time that the clock shows twice is the first; one that it skips is as long after the gap.",
        example: ("{{ '2026-03-09 10:05' | from_zone('America/New_York') }}", "\"2026-03-09T14:05:00Z\""),
        nulls: false,
        gives: |_, arguments| zone_type(arguments),
        run: |arguments| {
            let zone = zone(text_at(arguments, 1)?)?;
            let local = match Moment::read(text_at(arguments, 0)?)? {
                Moment::Local(local) => local,
                Moment::Day(day) => day.to_datetime(jiff::civil::Time::midnight()),
                Moment::Instant(..) => return Err("it already says its time zone".to_owned()),
            };
            let zoned = zone.to_ambiguous_zoned(local).disambiguate(Disambiguation::Compatible);
            made(zoned.map_err(|error| error.to_string())?.timestamp().to_string())
        },
    },
    Filter {
        name: "add_days",
        takes: Kind::Text,
        params: &[param("days", Kind::Integer)],
        docs: "So many days later, or earlier when negative; the time of day stays.",
        example: ("{{ '2026-02-27' | add_days(3) }}", "\"2026-03-02\""),
        nulls: false,
        gives: |_, _| Ok(Type::TEXT),
        run: |arguments| {
            let days = Span::new().try_days(integer_at(arguments, 1)?).map_err(|error| error.to_string())?;
            made(Moment::read(text_at(arguments, 0)?)?.later(days)?.text())
        },
    },
    Filter {
        name: "day",
        takes: Kind::Text,
        params: &[],
        docs: "Only the date of a time, in the time zone that it says.",
        example: ("{{ '2026-03-09T23:30:00-05:00' | day }}", "\"2026-03-09\""),
        nulls: false,
        gives: |_, _| Ok(Type::TEXT),
        run: |arguments| made(Moment::read(text_at(arguments, 0)?)?.day().to_string()),
    },
];

/// A date or time, with as much as its text says.
enum Moment {
    Instant(Timestamp, Offset),
    Local(DateTime),
    Day(Date),
}

impl Moment {
    fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(pieces) = jiff::fmt::temporal::Pieces::parse(text) {
            let local = pieces.time().map(|time| pieces.date().to_datetime(time));
            match (local, pieces.to_numeric_offset()) {
                (Some(local), Some(offset)) => {
                    return offset
                        .to_timestamp(local)
                        .map(|at| Self::Instant(at, offset))
                        .map_err(said(text));
                }
                (Some(local), None) => return Ok(Self::Local(local)),
                (None, _) => return Ok(Self::Day(pieces.date())),
            }
        }
        Err(said(text)("a date looks like 2026-03-09, a time like 2026-03-09T14:05:00Z"))
    }

    fn zoned(instant: Timestamp, offset: Offset) -> Zoned {
        instant.to_zoned(TimeZone::fixed(offset))
    }

    fn broken_down(&self) -> BrokenDownTime {
        match self {
            Self::Instant(instant, offset) => BrokenDownTime::from(&Self::zoned(*instant, *offset)),
            Self::Local(local) => BrokenDownTime::from(*local),
            Self::Day(day) => BrokenDownTime::from(*day),
        }
    }

    fn day(&self) -> Date {
        match self {
            Self::Instant(instant, offset) => Self::zoned(*instant, *offset).date(),
            Self::Local(local) => local.date(),
            Self::Day(day) => *day,
        }
    }

    fn later(self, days: Span) -> Result<Self, String> {
        let error = |error: jiff::Error| error.to_string();
        Ok(match self {
            Self::Instant(instant, offset) => {
                let later = Self::zoned(instant, offset).checked_add(days).map_err(error)?;
                Self::Instant(later.timestamp(), offset)
            }
            Self::Local(local) => Self::Local(local.checked_add(days).map_err(error)?),
            Self::Day(day) => Self::Day(day.checked_add(days).map_err(error)?),
        })
    }

    fn text(&self) -> String {
        match self {
            Self::Instant(instant, offset) if offset.is_zero() => instant.to_string(),
            Self::Instant(instant, offset) => instant.display_with_offset(*offset).to_string(),
            Self::Local(local) => local.to_string(),
            Self::Day(day) => day.to_string(),
        }
    }
}

fn said<E: Display>(text: &str) -> impl Fn(E) -> String {
    let text: String = text.chars().take(40).collect();
    move |error| format!("{text:?} is not a date or time: {error}")
}

fn read_parsed(parsed: &BrokenDownTime) -> Result<String, String> {
    if parsed.offset().is_some() || parsed.timestamp().is_some() {
        let instant = parsed.to_timestamp().map_err(|error| error.to_string())?;
        return Ok(Moment::Instant(instant, parsed.offset().unwrap_or(Offset::UTC)).text());
    }
    let day = parsed.to_date().map_err(|error| error.to_string())?;
    Ok(match parsed.hour() {
        Some(_) => day.to_datetime(parsed.to_time().map_err(|error| error.to_string())?).to_string(),
        None => day.to_string(),
    })
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("there is no time zone {name:?}"))
}

fn literal(arguments: &[Argument]) -> Option<&str> {
    arguments.first()?.literal.as_ref()?.as_str()
}

fn zone_type(arguments: &[Argument]) -> Result<Type, String> {
    literal(arguments).map_or(Ok(Type::TEXT), |name| zone(name).map(|_| Type::TEXT))
}

fn format_type(arguments: &[Argument]) -> Result<Type, String> {
    let Some(format) = literal(arguments) else { return Ok(Type::TEXT) };
    let sample = Moment::Instant(Timestamp::UNIX_EPOCH, Offset::UTC);
    match strtime::format(format, sample.broken_down()) {
        Ok(_) => Ok(Type::TEXT),
        Err(error) => Err(format!("{format:?} is not a date format: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use crate::expression::{Scope, Template, Values};

    fn evaluate(source: &str) -> Result<String, String> {
        let template = Template::compile(source, &Scope::new())
            .unwrap_or_else(|problems| panic!("{source}: {problems:?}"));
        template.text(&Values::default()).map_err(|error| error.message)
    }

    #[test]
    fn reads_and_writes_dates_and_times() {
        for (source, expected) in [
            // The clock skips from 2:00 to 3:00, and shows 1:00 to 2:00 twice.
            ("{{ '2026-03-08T02:30' | from_zone('America/New_York') }}", "2026-03-08T07:30:00Z"),
            ("{{ '2026-11-01T01:30' | from_zone('America/New_York') }}", "2026-11-01T05:30:00Z"),
            ("{{ '2026-03-09' | from_zone('Europe/Berlin') }}", "2026-03-08T23:00:00Z"),
            ("{{ '2026-03-09T00:30:00+01:00' | to_zone('UTC') }}", "2026-03-08T23:30:00Z"),
            (
                "{{ '2026-03-09T14:05:00Z' | to_zone('America/New_York') | date_format('%-m/%-d/%y %-I:%M %p') }}",
                "3/9/26 10:05 AM",
            ),
            ("{{ '20260309' | parse_date('%Y%m%d') }}", "2026-03-09"),
            ("{{ '09.03.2026 14:05' | parse_date('%d.%m.%Y %H:%M') }}", "2026-03-09T14:05:00"),
            ("{{ '2026-03-09 14:05 -0500' | parse_date('%Y-%m-%d %H:%M %z') }}", "2026-03-09T14:05:00-05:00"),
            ("{{ '2026-03-09T14:05:00-05:00' | add_days(-9) }}", "2026-02-28T14:05:00-05:00"),
            ("{{ '2024-02-28T08:00' | add_days(1) }}", "2024-02-29T08:00:00"),
            ("{{ '2026-03-09T14:05:00Z' | day }}", "2026-03-09"),
        ] {
            assert_eq!(evaluate(source).as_deref(), Ok(expected), "{source}");
        }
        for (source, expected) in [
            ("{{ 'soon' | day }}", "\"soon\" is not a date or time"),
            ("{{ '2026-03-09' | to_zone('UTC') }}", "use `from_zone` first"),
            ("{{ '2026-03-09T14:05:00Z' | from_zone('UTC') }}", "already says its time zone"),
            ("{{ '2026-02-30' | day }}", "is not a date or time"),
            ("{{ '2026-03-09' | add_days(99999999999) }}", "`add_days`"),
        ] {
            let error = evaluate(source).unwrap_err();
            assert!(error.contains(expected), "{source}: {error}");
        }
    }
}
