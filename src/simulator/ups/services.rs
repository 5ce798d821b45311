//! Which services go where, and what they cost.

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
    fn amounts_are_text() {
        assert_eq!(amount(1205), "12.05");
        let (from, near, far) = (to("NC", "27615", "US"), to("FL", "32821", "US"), to("CA", "90012", "US"));
        assert!(price("03", &from, &near, &[100]) < price("03", &from, &far, &[100]));
        assert!(price("03", &from, &near, &[100]) < price("01", &from, &near, &[100]));
    }
}
