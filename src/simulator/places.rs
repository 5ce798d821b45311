//! The map that both sides agree on: which streets exist, and which postal code lies in which state.
//!
//! The rules are conventions of the simulators, chosen so that a person can make any case by typing an
//! address. A street named `Does Not Exist` or `Nowhere` is unknown (UPS's recorded test used the former);
//! one without a house number is ambiguous; a postal code outside its state is unknown; all else is valid.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Where something is shipped to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The lines of the street address.
    pub lines: Vec<String>,
    /// The city.
    pub city: String,
    /// The state's or province's code.
    pub state: String,
    /// The postal code, as given.
    pub postal_code: String,
    /// ISO code of two letters.
    pub country: String,
}

/// What is known of an address in the United States or Puerto Rico.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It exists; as the postal service writes it.
    Valid(Address),
    /// It could be several; some of them are ranges of house numbers.
    Ambiguous(Vec<Address>),
    /// Nothing like it exists.
    Unknown,
}

/// Looks an address up.
pub fn judge(address: &Address) -> Judgement {
    let Some(street) = address.lines.iter().map(|line| line.trim()).find(|line| !line.is_empty()) else {
        return Judgement::Unknown;
    };
    let street = street.to_uppercase();
    let nowhere = street.contains("DOES NOT EXIST") || street.contains("NOWHERE");
    if nowhere || !postal_code_lies_in(&address.postal_code, &address.state) {
        return Judgement::Unknown;
    }
    let post_box = street.starts_with("PO BOX") || street.starts_with("P.O. BOX");
    if !post_box && !street.starts_with(|first: char| first.is_ascii_digit()) {
        let ranges = ["1-99", "101-199", "2-98"];
        return Judgement::Ambiguous(
            ranges.iter().map(|range| standard(address, &format!("{range} {street}"))).collect(),
        );
    }
    Judgement::Valid(standard(address, &street))
}

/// The address in the postal service's spelling, with the nine-digit postal code.
fn standard(address: &Address, street: &str) -> Address {
    let five: String = address.postal_code.chars().filter(char::is_ascii_digit).take(5).collect();
    let extension = street.bytes().fold(1000u32, |sum, byte| (sum * 31 + u32::from(byte)) % 9000) + 1000;
    let mut lines = vec![street.to_owned()];
    lines.extend(
        address.lines.iter().skip(1).filter(|line| !line.trim().is_empty()).map(|line| line.to_uppercase()),
    );
    Address {
        lines,
        city: address.city.to_uppercase(),
        state: address.state.to_uppercase(),
        postal_code: format!("{five}-{extension}"),
        country: address.country.to_uppercase(),
    }
}

/// Whether a US postal code lies in a state, by its first three digits.
pub fn postal_code_lies_in(postal_code: &str, state: &str) -> bool {
    let digits: String = postal_code.chars().filter(char::is_ascii_digit).collect();
    if digits.len() != 5 && digits.len() != 9 {
        return false;
    }
    let Ok(prefix) = digits[..3].parse::<u16>() else { return false };
    let state = state.to_uppercase();
    PREFIXES.iter().any(|(code, from, to)| *code == state && (*from..=*to).contains(&prefix))
}

/// The time zone at an address: that of most of its state. Abroad it is the westernmost of the United States, where a day
/// is over last.
pub fn zone(address: &Address) -> TimeZone {
    let state = address.state.to_uppercase();
    let name = match state.as_str() {
        _ if address.country != "US" && address.country != "PR" => "Pacific/Honolulu",
        "HI" => "Pacific/Honolulu",
        "AK" => "America/Anchorage",
        "CA" | "NV" | "OR" | "WA" => "America/Los_Angeles",
        "AZ" => "America/Phoenix",
        "CO" | "ID" | "MT" | "NM" | "UT" | "WY" => "America/Denver",
        "AL" | "AR" | "IA" | "IL" | "KS" | "LA" | "MN" | "MO" | "MS" | "ND" | "NE" | "OK" | "SD" | "TN"
        | "TX" | "WI" => "America/Chicago",
        "PR" => "America/Puerto_Rico",
        _ => "America/New_York",
    };
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// Whether `city` is a name of the place with that postal code, as far as we know the place.
pub fn city_fits(postal_code: &str, city: &str) -> bool {
    match CITIES.iter().find(|place| postal_code.starts_with(place.postal_code)) {
        Some(place) => place.city.eq_ignore_ascii_case(city.trim()),
        None => true,
    }
}

/// A place with a real postal code.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The city.
    pub city: &'static str,
    /// The state's or province's code.
    pub state: &'static str,
    /// The postal code.
    pub postal_code: &'static str,
}

const fn place(city: &'static str, state: &'static str, postal_code: &'static str) -> Place {
    Place { city, state, postal_code }
}

/// Places in the contiguous United States, to ship to.
pub const CITIES: &[Place] = &[
    place("New York", "NY", "10017"),
    place("Brooklyn", "NY", "11201"),
    place("Buffalo", "NY", "14202"),
    place("Los Angeles", "CA", "90012"),
    place("San Diego", "CA", "92101"),
    place("San Francisco", "CA", "94105"),
    place("Irvine", "CA", "92618"),
    place("Chicago", "IL", "60601"),
    place("Houston", "TX", "77002"),
    place("Austin", "TX", "78756"),
    place("Dallas", "TX", "75201"),
    place("Phoenix", "AZ", "85004"),
    place("Philadelphia", "PA", "19103"),
    place("Pittsburgh", "PA", "15222"),
    place("Jacksonville", "FL", "32202"),
    place("Orlando", "FL", "32821"),
    place("Miami", "FL", "33131"),
    place("Columbus", "OH", "43215"),
    place("Cleveland", "OH", "44113"),
    place("Charlotte", "NC", "28202"),
    place("Raleigh", "NC", "27615"),
    place("Indianapolis", "IN", "46204"),
    place("Seattle", "WA", "98101"),
    place("Denver", "CO", "80202"),
    place("Boston", "MA", "02110"),
    place("Nashville", "TN", "37203"),
    place("Memphis", "TN", "38103"),
    place("Detroit", "MI", "48226"),
    place("Portland", "OR", "97204"),
    place("Las Vegas", "NV", "89101"),
    place("Louisville", "KY", "40202"),
    place("Baltimore", "MD", "21202"),
    place("Milwaukee", "WI", "53202"),
    place("Albuquerque", "NM", "87102"),
    place("Kansas City", "MO", "64106"),
    place("Atlanta", "GA", "30303"),
    place("Minneapolis", "MN", "55401"),
    place("New Orleans", "LA", "70112"),
    place("Salt Lake City", "UT", "84101"),
    place("Richmond", "VA", "23219"),
    place("Hartford", "CT", "06103"),
    place("Newark", "NJ", "07102"),
    place("Omaha", "NE", "68102"),
    place("Boise", "ID", "83702"),
];

/// Places that next-day services do not reach.
pub const REMOTE: &[Place] = &[
    place("Utqiagvik", "AK", "99723"),
    place("Nome", "AK", "99762"),
    place("Bethel", "AK", "99559"),
    place("Kaunakakai", "HI", "96748"),
];

/// Places in Canada.
pub const CANADA: &[Place] = &[
    place("Toronto", "ON", "M5H2N2"),
    place("Vancouver", "BC", "V6B1A1"),
    place("Calgary", "AB", "T2P1J9"),
    place("Halifax", "NS", "B3J1S9"),
];

/// State, first and last three-digit prefix (public ranges of the United States Postal Service).
const PREFIXES: &[(&str, u16, u16)] = &[
    ("PR", 6, 7),
    ("PR", 9, 9),
    ("MA", 10, 27),
    ("RI", 28, 29),
    ("NH", 30, 38),
    ("ME", 39, 49),
    ("VT", 50, 59),
    ("CT", 60, 69),
    ("NJ", 70, 89),
    ("NY", 5, 5),
    ("NY", 100, 149),
    ("PA", 150, 196),
    ("DE", 197, 199),
    ("DC", 200, 205),
    ("VA", 201, 201),
    ("MD", 206, 219),
    ("VA", 220, 246),
    ("WV", 247, 268),
    ("NC", 270, 289),
    ("SC", 290, 299),
    ("GA", 300, 319),
    ("FL", 320, 349),
    ("AL", 350, 369),
    ("TN", 370, 385),
    ("MS", 386, 397),
    ("GA", 398, 399),
    ("KY", 400, 427),
    ("OH", 430, 459),
    ("IN", 460, 479),
    ("MI", 480, 499),
    ("IA", 500, 528),
    ("WI", 530, 549),
    ("MN", 550, 567),
    ("SD", 570, 577),
    ("ND", 580, 588),
    ("MT", 590, 599),
    ("IL", 600, 629),
    ("MO", 630, 658),
    ("KS", 660, 679),
    ("NE", 680, 693),
    ("LA", 700, 714),
    ("AR", 716, 729),
    ("OK", 730, 749),
    ("TX", 750, 799),
    ("CO", 800, 816),
    ("WY", 820, 831),
    ("ID", 832, 838),
    ("UT", 840, 847),
    ("AZ", 850, 865),
    ("NM", 870, 884),
    ("TX", 885, 885),
    ("NV", 889, 898),
    ("CA", 900, 961),
    ("HI", 967, 968),
    ("OR", 970, 979),
    ("WA", 980, 994),
    ("AK", 995, 999),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn address(line: &str, state: &str, postal_code: &str) -> Address {
        Address {
            lines: vec![line.into()],
            city: "Austin".into(),
            state: state.into(),
            postal_code: postal_code.into(),
            country: "US".into(),
        }
    }

    #[test]
    fn every_place_lies_in_its_state() {
        for place in CITIES.iter().chain(REMOTE) {
            assert!(postal_code_lies_in(place.postal_code, place.state), "{}", place.city);
        }
        assert!(postal_code_lies_in("967480000", "HI"));
        // The recorded refusal of UPS: 78756 is not in Virginia.
        assert!(!postal_code_lies_in("78756", "VA"));
    }

    #[test]
    fn streets_are_judged_by_how_they_are_written() {
        assert!(
            matches!(judge(&address("800 2nd Ave", "TX", "78756")), Judgement::Valid(found) if found.lines == ["800 2ND AVE"])
        );
        assert!(
            matches!(judge(&address("E Main St", "TX", "78756")), Judgement::Ambiguous(found) if found[0].lines == ["1-99 E MAIN ST"])
        );
        assert_eq!(judge(&address("123 Does Not Exist St", "TX", "78756")), Judgement::Unknown);
        assert_eq!(judge(&address("800 2nd Ave", "VA", "78756")), Judgement::Unknown);
        assert_eq!(judge(&address(" ", "TX", "78756")), Judgement::Unknown);
    }
}
