//! Which services go where, and what they cost.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use crate::simulator::places::{Address, REMOTE};

/// The services of parcels inside the United States (UPS OpenAPI Shipping.yaml, `Service.Code`).
const DOMESTIC: &[&str] = &["01", "02", "03", "12", "13", "14", "59"];
/// The services from the United States to Puerto Rico.
const TO_PUERTO_RICO: &[&str] = &["01", "02", "03"];
/// The services from the United States to other countries.
const INTERNATIONAL: &[&str] = &["07", "08", "54", "65"];

/// Whether references and customs papers follow the domestic rules: inside the US, or inside Puerto Rico.
pub fn is_domestic(from: &str, to: &str) -> bool {
    from == to && (to == "US" || to == "PR")
}

/// The services that UPS offers from `from` to `to`.
pub fn offered(from: &str, to: &Address) -> Vec<&'static str> {
    let lane: &[&str] = match (from, to.country.as_str()) {
        ("US", "US") | ("PR", "PR") => DOMESTIC,
        ("US", "PR") | ("PR", "US") => TO_PUERTO_RICO,
        ("US", "CA" | "MX") => &["07", "08", "11", "54", "65"],
        _ => INTERNATIONAL,
    };
    lane.iter().copied().filter(|code| reaches(code, to)).collect()
}

/// Whether there is such a service anywhere.
pub fn is_known(code: &str) -> bool {
    [DOMESTIC, TO_PUERTO_RICO, INTERNATIONAL, &["11"]].iter().any(|lane| lane.contains(&code))
}

fn reaches(code: &str, to: &Address) -> bool {
    let remote = REMOTE.iter().any(|place| to.postal_code.starts_with(place.postal_code));
    let far = to.country == "US" && (to.state == "AK" || to.state == "HI");
    match code {
        "01" | "13" | "14" | "59" => !remote,
        // 3 Day Select serves the 48 contiguous states.
        "12" => !far,
        _ => true,
    }
}

/// The published price in cents for parcels of these weights (in tenths of a pound).
pub fn price(code: &str, from: &Address, to: &Address, weights: &[u64]) -> u64 {
    let base: u64 = match code {
        "01" => 4_210,
        "14" => 7_800,
        "13" => 3_880,
        "02" => 2_250,
        "59" => 2_600,
        "12" => 1_790,
        "07" => 8_900,
        "54" => 12_500,
        "08" => 6_100,
        "65" => 7_400,
        "11" => 1_950,
        _ => 1_110,
    };
    let zone = zone(from, to);
    weights.iter().map(|weight| base + zone * 35 + weight * (4 + zone) / 2).sum()
}

/// The rate zone, 2 to 8: by how far apart the first digits of the postal codes are.
pub fn zone(from: &Address, to: &Address) -> u64 {
    let digit = |address: &Address| {
        u64::from(address.postal_code.bytes().find(u8::is_ascii_digit).unwrap_or(b'0') - b'0')
    };
    2 + digit(from).abs_diff(digit(to)).min(6)
}

/// How many business days a service promises; `None` where nothing is guaranteed.
pub fn days(code: &str) -> Option<u64> {
    match code {
        "01" | "13" | "14" => Some(1),
        "02" | "59" => Some(2),
        "12" => Some(3),
        "07" | "54" => Some(2),
        _ => None,
    }
}

/// How many business days a parcel takes, guaranteed or not.
pub fn transit_days(code: &str, from: &Address, to: &Address) -> u64 {
    match code {
        "11" => 3,
        "65" => 2,
        "08" => 4,
        _ => days(code).unwrap_or_else(|| 1 + (zone(from, to) - 2) * 2 / 3),
    }
}

/// That day, or the Monday after it where it is a weekend.
pub fn business_day(date: Date) -> Date {
    match date.weekday() {
        Weekday::Saturday => later(date, 2),
        Weekday::Sunday => later(date, 1),
        _ => date,
    }
}

/// The business day that many business days later.
pub fn business_days_later(date: Date, days: u64) -> Date {
    (0..days).fold(business_day(date), |day, _| business_day(later(day, 1)))
}

fn later(date: Date, days: i32) -> Date {
    date.checked_add(days.days()).unwrap_or(date)
}

/// Time in Transit's word for a service: letters inside a country, digits of their own across borders
/// (TimeInTransit.yaml, `serviceLevel`).
pub fn level(code: &str, from: &str, to: &str) -> &'static str {
    if from == to {
        return match code {
            "14" => "1DM",
            "01" => "1DA",
            "13" => "1DP",
            "59" => "2DM",
            "02" => "2DA",
            "12" => "3DS",
            _ => "GND",
        };
    }
    match code {
        "07" | "01" => "01",
        "54" => "21",
        "65" => "28",
        "11" => "03",
        _ => "05",
    }
}

/// A service's name as UPS prints it.
pub fn name(code: &str) -> &'static str {
    match code {
        "01" => "UPS Next Day Air®",
        "02" => "UPS 2nd Day Air®",
        "07" => "UPS Worldwide Express®",
        "08" => "UPS Worldwide Expedited®",
        "11" => "UPS Standard",
        "12" => "UPS 3 Day Select®",
        "13" => "UPS Next Day Air Saver®",
        "14" => "UPS Next Day Air® Early",
        "54" => "UPS Worldwide Express Plus®",
        "59" => "UPS 2nd Day Air A.M.®",
        "65" => "UPS Worldwide Saver®",
        _ => "UPS Ground",
    }
}

/// Until when a service delivers on its day.
pub fn commit_time(code: &str) -> &'static str {
    match code {
        "14" | "54" => "08:00:00",
        "01" | "07" | "59" => "12:00:00",
        _ => "23:00:00",
    }
}

/// A country's name in capitals.
pub fn country_name(code: &str) -> &str {
    match code {
        "US" => "UNITED STATES",
        "CA" => "CANADA",
        "MX" => "MEXICO",
        "PR" => "PUERTO RICO",
        other => other,
    }
}

/// Cents as UPS writes amounts: text with two decimals.
pub fn amount(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(state: &str, postal_code: &str, country: &str) -> Address {
        Address {
            state: state.into(),
            postal_code: postal_code.into(),
            country: country.into(),
            ..Address::default()
        }
    }

    #[test]
    fn lanes_and_remote_places_limit_services() {
        assert!(offered("US", &to("TX", "78756", "US")).contains(&"01"));
        assert!(!offered("US", &to("AK", "99723", "US")).contains(&"01"));
        assert!(!offered("US", &to("HI", "96813", "US")).contains(&"12"));
        assert!(!offered("US", &to("ON", "M5H2N2", "CA")).contains(&"03"));
        assert!(offered("US", &to("ON", "M5H2N2", "CA")).contains(&"11"));
        assert!(!is_domestic("US", "PR"));
    }

    #[test]
    fn business_days_leave_weekends_out() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        // 20 November 2026 is a Friday.
        assert_eq!(business_days_later(date("2026-11-20"), 1), date("2026-11-23"));
        assert_eq!(business_days_later(date("2026-11-21"), 2), date("2026-11-25"));
        assert_eq!(business_day(date("2026-11-20")), date("2026-11-20"));
        let (near, far) = (to("NC", "27615", "US"), to("CA", "90012", "US"));
        assert!(transit_days("03", &near, &near) < transit_days("03", &near, &far));
    }

    #[test]
    fn amounts_are_text() {
        assert_eq!(amount(1205), "12.05");
        let (from, near, far) = (to("NC", "27615", "US"), to("FL", "32821", "US"), to("CA", "90012", "US"));
        assert!(price("03", &from, &near, &[100]) < price("03", &from, &far, &[100]));
        assert!(price("03", &from, &near, &[100]) < price("01", &from, &near, &[100]));
    }
}
