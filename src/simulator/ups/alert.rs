//! Track Alert, v2 and v1: who watches which parcel (UPS OpenAPI UPSTrackAlert.yaml).
//!
//! A subscription lives fourteen days from the call that made it and tells only what UPS learns of while it lives. What UPS
//! says of a number that it does not know yet is unpublished; here it is among the invalid ones, like a malformed one.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::{Host, Url};

use super::answer::text;
use super::{Ups, answer, number};
use crate::base::clock;
use crate::simulator::contract::Violation;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::lock;

/// How long a subscription lives.
pub const LIFE: Duration = Duration::from_secs(14 * 86_400);

/// More numbers than this in one call, and the whole call is refused.
pub const MOST: usize = 100;

/// The numbers that the test environment knows.
const TEST_NUMBERS: [&str; 2] = ["1ZCIETST0111111114", "1ZCIETST0422222228"];

/// The interface's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// Each subscription says where to push, and with which credential.
    V1,
    /// The app has one destination, set in UPS's portal.
    V2,
}

/// Where v1 pushes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The address.
    pub url: String,
    /// Free text, such as `Bearer`.
    pub credential_type: String,
    /// Sent along as it is, in the header `credential`.
    pub credential: String,
}

/// One parcel that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The parcel.
    pub number: String,
    /// By which version.
    pub version: Version,
    /// Whether enhanced events were asked for, which name who received the parcel.
    pub enhanced: bool,
    /// The types of events that were asked for; all where it is empty.
    pub preferences: Vec<String>,
    /// From when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Where to; v2 pushes to the app's destination.
    pub destination: Option<Destination>,
}

impl Subscription {
    /// Whether it asks for events of a type. Updates come with deliveries and exceptions (UPSTrackAlert.yaml,
    /// `EventPreferences`).
    pub fn wants(&self, kind: &str) -> bool {
        let asked = |kind: &str| self.preferences.iter().any(|asked| asked == kind);
        self.preferences.is_empty() || asked(kind) || (kind == "U" && (asked("D") || asked("X")))
    }
}

/// A refusal: code and text.
pub type Refusal = (&'static str, &'static str);

impl Ups {
    pub(super) fn subscribe(&self, call: &Call, version: Version, kind: &str, body: &Value) -> Answer {
        if let Some((code, message)) = self.refuses_subscription(call, version, kind, body) {
            return answer::refusal(call, 400, code, message);
        }
        let given = body["trackingNumberList"].as_array().cloned().unwrap_or_default();
        let now = self.desk.clock.now();
        let mut book = lock(&self.book);
        let (mut valid, mut invalid) = (Vec::new(), Vec::new());
        for given in given {
            let number = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
            let known = book.place(&number).map(|(shipment, _)| &book.state.shipments[shipment]);
            match is_well_formed(&number) && known.is_some_and(|shipment| shipment.visible_at <= now) {
                true => {
                    book.watch(subscription(&number, version, kind, body, now));
                    valid.push(number);
                }
                false => invalid.push(number),
            }
        }
        drop(book);
        if valid.is_empty() {
            let (code, message) = NONE_VALID;
            let errors = json!([{ "code": code, "message": message }]);
            let body = json!({ "invalidTrackingNumbers": invalid, "response": { "errors": errors } });
            return answer::failed(call, 400, &body, code, message);
        }
        answer::good(call, &json!({ "validTrackingNumbers": valid, "invalidTrackingNumbers": invalid }))
    }

    pub(super) fn refuses_subscription(
        &self,
        call: &Call,
        version: Version,
        kind: &str,
        body: &Value,
    ) -> Option<Refusal> {
        if !matches!((version, kind), (_, "standard") | (Version::V2, "enhanced")) {
            return Some((
                "VSS930",
                "Type is missing or invalid, The Subscription request has been rejected.",
            ));
        }
        let json = call.header("content-type").is_none_or(|kind| kind.starts_with("application/json"));
        if !json {
            return Some(("10007", "Requested Content Type is not supported"));
        }
        if !body.is_object() {
            return Some(EMPTY);
        }
        let destination = || match version {
            Version::V1 => refuses_destination(&body["destination"]),
            Version::V2 => None,
        };
        refuses_numbers(body).or_else(|| refuses_place(body)).or_else(destination).or_else(|| {
            let numbers = body["trackingNumberList"].as_array()?;
            let stranger = |number: &Value| !number.as_str().is_some_and(|number| TEST_NUMBERS.contains(&number));
            (self.options.test_environment && numbers.iter().any(stranger)).then_some((
                "VSS215",
                "The tracking number that was submitted is not a valid CIE tracking number and has been rejected.",
            ))
        })
    }
}

/// What breaks the contract where no other code fits.
pub const INVALID: Refusal = ("VSS000", "Invalid request and The Subscription request has been rejected.");

const EMPTY: Refusal =
    ("VSS110", "Subscription request is empty or not present. The Subscription request has been rejected.");

const NONE_VALID: Refusal = (
    "VSS210",
    "The Subscription request should have at least one valid tracking number. The Subscription request has been rejected.",
);

fn refuses_numbers(body: &Value) -> Option<Refusal> {
    match body["trackingNumberList"].as_array() {
        None => {
            Some(("VSS200", "Tracking Number List is required. The Subscription request has been rejected."))
        }
        Some(numbers) if numbers.is_empty() => Some(NONE_VALID),
        Some(numbers) if numbers.len() > MOST => Some((
            "VSS220",
            "You have submitted over 100 tracking numbers which is not allowed. The entire submission of tracking numbers has been rejected.  Please resubmit your request again using groups of no more than 100 tracking numbers.",
        )),
        Some(_) => None,
    }
}

fn refuses_place(body: &Value) -> Option<Refusal> {
    let country = &body["countryCode"];
    match text(body, "/locale") {
        "" => Some(("VSS300", "Locale is required. The Subscription request has been rejected.")),
        "en_US" if country.is_null() || country.as_str().is_some_and(|code| code.len() == 2) => None,
        "en_US" => {
            Some(("VSS400", "Please enter a valid country code. The Subscription request has been rejected."))
        }
        _ => Some(("VSS310", "Please enter a valid locale. The Subscription request has been rejected")),
    }
}

fn refuses_destination(destination: &Value) -> Option<Refusal> {
    if !destination.is_object() {
        return Some(("VSS500", "Destination is required. The Subscription request has been rejected"));
    }
    let url = text(destination, "/url");
    // UPS's limit is unpublished; that of most servers stands in.
    if url.len() > 2_048 {
        return Some(("VSS610", "URL is too long. The Subscription request has been rejected."));
    }
    if !is_address(url) {
        return Some(("VSS600", "URL is empty or not present. The Subscription request has been rejected."));
    }
    if text(destination, "/credential").is_empty() {
        return Some((
            "VSS700",
            "Credential is empty or not present. The Subscription request has been rejected.",
        ));
    }
    if text(destination, "/credentialType").is_empty() {
        return Some((
            "VSS800",
            "CredentialType is empty or not present. The Subscription request has been rejected.",
        ));
    }
    None
}

/// HTTPS, as UPS wants it; receivers on this machine may do without.
fn is_address(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let near = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && near)
}

fn subscription(number: &str, version: Version, kind: &str, body: &Value, now: Timestamp) -> Subscription {
    let destination = &body["destination"];
    let word = |value: &Value| value.as_str().map(str::to_owned);
    Subscription {
        number: number.to_owned(),
        version,
        enhanced: kind == "enhanced",
        preferences: match kind {
            "enhanced" => answer::many(&body["eventPreferences"]).into_iter().filter_map(word).collect(),
            _ => Vec::new(),
        },
        since: now,
        until: clock::add(now, LIFE),
        destination: (version == Version::V1).then(|| Destination {
            url: text(destination, "/url").to_owned(),
            credential_type: text(destination, "/credentialType").to_owned(),
            credential: text(destination, "/credential").to_owned(),
        }),
    }
}

/// The numbers that Track Alert takes: `1Z` and sixteen characters with their check digit, or Roadie's `1R` with fourteen or
/// twenty-six.
pub fn is_well_formed(number: &str) -> bool {
    let plain = number.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    match number.get(..2) {
        Some("1Z") => plain && number::is_tracking_number(number),
        Some("1R") => plain && matches!(number.len(), 16 | 28),
        _ => false,
    }
}

/// What of the contract's complaints counts: numbers that are malformed are accepted in part, and too many have a refusal of
/// their own.
pub fn complaints(violations: Vec<Violation>) -> Vec<Violation> {
    violations
        .into_iter()
        .filter(|violation| !violation.path.starts_with("body/trackingNumberList/"))
        .collect()
}
