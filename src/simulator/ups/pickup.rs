//! Pickups on call: booked, shown while they are pending, cancelled (UPS OpenAPI Pickup.yaml).
//!
//! UPS publishes no list of refusals for pickups; of the codes here only 9510119 has been seen by others.

use jiff::civil::Date;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Ups;
use super::answer::{self, many, text};
use super::rate::address;
use super::services::{self, amount};
use crate::base::clock;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::places::{self, Address};
use crate::simulator::system::lock;

/// The least time between ready and close, in minutes.
const LEAST_WINDOW: u32 = 60;
/// What a pickup on call costs, and on which days, in cents.
const CHARGE: u64 = 725;

/// A pickup, as booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pickup {
    /// UPS's number for it, eleven characters.
    pub prn: String,
    /// The caller's reference.
    pub reference: Option<String>,
    /// The account that pays.
    pub account: String,
    /// The day.
    pub date: Date,
    /// From when parcels are ready, `HHmm`.
    pub ready: String,
    /// Until when somebody is there, `HHmm`.
    pub close: String,
    /// Where.
    pub address: Address,
    /// The spot at the address.
    pub point: String,
    /// Whom to ask.
    pub contact: String,
    /// How many parcels of which service (three digits).
    pub pieces: Vec<(String, u32)>,
    /// The parcels' numbers, where they were named.
    pub tracking: Vec<String>,
    /// How often it was asked for: UPS answers a repetition with the same number.
    pub asked: u32,
    /// When it was booked.
    pub created_at: Timestamp,
    /// From when on UPS shows it.
    pub visible_at: Timestamp,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// When the driver was there.
    pub completed_at: Option<Timestamp>,
}

impl Pickup {
    /// Whether a driver comes, or came.
    pub fn is_live(&self) -> bool {
        self.cancelled_at.is_none()
    }

    fn is_pending(&self, now: Timestamp) -> bool {
        self.is_live() && self.completed_at.is_none() && self.date >= local(&self.address, now).date()
    }
}

/// A refusal: code and text.
type Refusal = (&'static str, &'static str);

impl Ups {
    pub(super) fn book_pickup(&self, call: &Call, body: &Value) -> Answer {
        let request = &body["PickupCreationRequest"];
        let now = self.desk.clock.now();
        if let Some((code, message)) = self.refuses_pickup(request, now) {
            return answer::refusal(call, 400, code, message);
        }
        let asked = self.pickup(request, now);
        let booked = {
            let mut book = lock(&self.book);
            let same = book.state.pickups.iter_mut().find(|pickup| {
                pickup.is_pending(now)
                    && (&pickup.account, &pickup.address, &pickup.point, pickup.date)
                        == (&asked.account, &asked.address, &asked.point, asked.date)
            });
            match same {
                // "Same PRN will be returned if a pickup request already exists for a pickup address/ point."
                Some(pickup) => {
                    pickup.asked += 1;
                    pickup.clone()
                }
                None => {
                    let prn = prn(book.next_serial());
                    let pickup = Pickup { prn, ..asked };
                    book.state.pickups.push(pickup.clone());
                    pickup
                }
            }
        };
        answer::good(call, &self.booked_pickup(request, &booked, now))
    }

    fn pickup(&self, request: &Value, now: Timestamp) -> Pickup {
        let when = &request["PickupDateInfo"];
        let place = &request["PickupAddress"];
        let address = place_of(place);
        let of = |value: &Value, pointer: &str| text(value, pointer).to_owned();
        let reference = of(request, "/ReferenceNumber");
        let named = many(&request["TrackingData"]).into_iter();
        Pickup {
            prn: String::new(),
            reference: (!reference.is_empty()).then_some(reference),
            account: self.options.account.clone(),
            date: date(when).unwrap_or(local(&address, now).date()),
            ready: of(when, "/ReadyTime"),
            close: of(when, "/CloseTime"),
            address,
            point: of(place, "/PickupPoint"),
            contact: of(place, "/ContactName"),
            pieces: many(&request["PickupPiece"])
                .into_iter()
                .map(|piece| {
                    (of(piece, "/ServiceCode"), text(piece, "/Quantity").parse().unwrap_or_default())
                })
                .collect(),
            tracking: named.map(|parcel| of(parcel, "/TrackingNumber")).collect(),
            asked: 1,
            created_at: now,
            visible_at: clock::add(now, self.options.visibility_lag),
            cancelled_at: None,
            completed_at: None,
        }
    }

    fn refuses_pickup(&self, request: &Value, now: Timestamp) -> Option<Refusal> {
        let account = text(request, "/Shipper/Account/AccountNumber");
        let by_account = text(request, "/PaymentMethod") == "01";
        if (by_account && account.is_empty()) || (!account.is_empty() && account != self.options.account) {
            return Some(("9510101", "Missing or invalid shipper account number"));
        }
        let when = &request["PickupDateInfo"];
        let place = place_of(&request["PickupAddress"]);
        let here = local(&place, now);
        match date(when) {
            None => return Some(("9510111", "Invalid pickup date")),
            Some(date) if date < here.date() => return Some(("9510112", "The pickup date is in the past")),
            Some(date) if services::business_day(date) != date => {
                return Some(("9510113", "No pickup is available on that day"));
            }
            Some(_) => {}
        }
        // "If ReadyTime is earlier than current local time, UPS uses the current local time as the ReadyTime."
        let earliest = if date(when) == Some(here.date()) { minute_of_day(&here) } else { 0 };
        match (minutes(text(when, "/ReadyTime")), minutes(text(when, "/CloseTime"))) {
            (Some(ready), Some(close)) if ready.max(earliest) + LEAST_WINDOW <= close => {}
            (Some(_), Some(_)) => {
                return Some(("9510114", "The time between ready time and close time is too short"));
            }
            _ => return Some(("9510115", "Invalid ready time or close time")),
        }
        if place.country == "US" && !places::postal_code_lies_in(&place.postal_code, &place.state) {
            return Some(("9510116", "Invalid pickup address"));
        }
        let known = |code: &str| code.len() == 3 && code.starts_with('0') && services::is_known(&code[1..]);
        if !many(&request["PickupPiece"]).iter().all(|piece| known(text(piece, "/ServiceCode"))) {
            return Some(("9510119", "Invalid service designation"));
        }
        self.refuses_tracking(request)
    }

    /// Parcels that are named must be ours and not paid another pickup yet.
    fn refuses_tracking(&self, request: &Value) -> Option<Refusal> {
        let mut book = lock(&self.book);
        let parcels = many(&request["TrackingData"]);
        let unknown = parcels.iter().any(|parcel| book.by_number(text(parcel, "/TrackingNumber")).is_none());
        unknown.then_some(("9510120", "Invalid tracking number"))
    }

    fn booked_pickup(&self, request: &Value, pickup: &Pickup, now: Timestamp) -> Value {
        let rated = text(request, "/RatePickupIndicator") == "Y";
        let (code, description) = if rated { ("01", "Rate available") } else { ("04", "Rate not requested") };
        let context =
            request.pointer("/Request/TransactionReference/CustomerContext").and_then(Value::as_str);
        let mut response = json!({
            "Response": answer::response(context, None),
            "PRN": pickup.prn,
            "RateStatus": { "Code": code, "Description": description },
        });
        if rated {
            let today = local(&pickup.address, now).date();
            let base = json!({
                "ChargeCode": "B", "ChargeDescription": "BASE CHARGE", "ChargeAmount": amount(CHARGE), "TaxAmount": "0.00",
            });
            response["RateResult"] = json!({
                "RateType": if pickup.date == today { "SD" } else { "FD" },
                "CurrencyCode": "USD",
                "ChargeDetail": self.list(vec![base]),
                "GrandTotalOfAllCharge": amount(CHARGE),
            });
        }
        json!({ "PickupCreationResponse": response })
    }

    /// Only what is not complete, and only of today and tomorrow: a pickup that is missing here may well exist.
    pub(super) fn pending_pickups(&self, call: &Call, kind: &str, lies: bool) -> Answer {
        if !["oncall", "smart", "both"].contains(&kind) {
            return answer::refusal(call, 400, "9510102", "Invalid pickup type");
        }
        if call.header("accountnumber") != Some(self.options.account.as_str()) {
            return answer::refusal(call, 400, "9510101", "Missing or invalid shipper account number");
        }
        let now = self.desk.clock.now();
        let soon = |pickup: &&Pickup| {
            let today = local(&pickup.address, now).date();
            pickup.date <= today.tomorrow().unwrap_or(today)
        };
        let pickups = lock(&self.book).state.pickups.clone();
        let shown: Vec<Value> = pickups
            .iter()
            .filter(|_| kind != "smart" && !lies)
            .filter(|pickup| pickup.is_pending(now) && pickup.visible_at <= now)
            .filter(soon)
            .map(|pickup| pending(pickup, now))
            .collect();
        let body = json!({ "Response": answer::response(None, None), "PendingStatus": self.list(shown) });
        answer::good(call, &json!({ "PickupPendingStatusResponse": body }))
    }

    /// By number, or all that are pending for the account.
    pub(super) fn cancel_pickup(&self, call: &Call, by: &str) -> Answer {
        let now = self.desk.clock.now();
        let wanted = call.header("prn").unwrap_or_default().to_owned();
        let mut book = lock(&self.book);
        let mut chosen = book
            .state
            .pickups
            .iter_mut()
            .filter(|pickup| by == "01" || (by == "02" && pickup.prn == wanted))
            .filter(|pickup| by == "02" || pickup.is_pending(now))
            .peekable();
        match chosen.peek() {
            None => return answer::refusal(call, 400, "9510105", "The pickup was not found"),
            Some(pickup) if by == "02" && !pickup.is_live() => {
                return answer::refusal(call, 400, "9510106", "The pickup has already been cancelled");
            }
            Some(pickup) if by == "02" && !pickup.is_pending(now) => {
                return answer::refusal(call, 400, "9510107", "The pickup can no longer be cancelled");
            }
            Some(_) => chosen.for_each(|pickup| pickup.cancelled_at = Some(now)),
        }
        drop(book);
        let body = json!({ "Response": answer::response(None, None), "PickupType": "01" });
        answer::good(call, &json!({ "PickupCancelResponse": body }))
    }

    /// The driver was there: pickups of that day are complete, and no longer shown. Gives how many.
    pub fn drivers_come(&self, day: Date) -> usize {
        let now = self.desk.clock.now();
        let mut book = lock(&self.book);
        let due = book.state.pickups.iter_mut();
        let due =
            due.filter(|pickup| pickup.date == day && pickup.is_live() && pickup.completed_at.is_none());
        due.map(|pickup| pickup.completed_at = Some(now)).count()
    }
}

fn pending(pickup: &Pickup, now: Timestamp) -> Value {
    // Dispatched to a driver some minutes after it was asked for.
    let dispatched = clock::between(pickup.created_at, now).as_secs() > 600;
    let (code, message) = if dispatched {
        ("002", "Dispatched to driver")
    } else {
        ("012", "Your pickup request is being processed")
    };
    let mut shown = json!({
        "PickupType": "01",
        "ServiceDate": pickup.date.strftime("%Y%m%d").to_string(),
        "PRN": pickup.prn,
        "OnCallStatusCode": code,
        "PickupStatusMessage": message,
        "BillingCode": "01",
        "ContactName": pickup.contact,
    });
    if let Some(reference) = &pickup.reference {
        shown["ReferenceNumber"] = json!(reference);
    }
    shown
}

/// Eleven characters, as `2930O2BER9R`.
fn prn(serial: u64) -> String {
    let check = ["A", "B", "C", "D", "E", "F", "G", "H"][usize::try_from(serial % 8).unwrap_or_default()];
    format!("29{:07}{check}R", serial % 10_000_000)
}

fn date(when: &Value) -> Option<Date> {
    Date::strptime("%Y%m%d", text(when, "/PickupDate")).ok()
}

/// Minutes since midnight of `HHmm`; UPS's own example has `900`.
fn minutes(time: &str) -> Option<u32> {
    let number: u32 = time.parse().ok()?;
    let (hours, minutes) = (number / 100, number % 100);
    (time.len() >= 3 && hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// What a clock at the address shows: "Local pickup date of the location", and its times are local, too.
fn local(address: &Address, now: Timestamp) -> Zoned {
    now.to_zoned(places::zone(address))
}

fn minute_of_day(here: &Zoned) -> u32 {
    u32::from(here.hour().unsigned_abs()) * 60 + u32::from(here.minute().unsigned_abs())
}

fn place_of(place: &Value) -> Address {
    Address { state: text(place, "/StateProvince").to_owned(), ..address(place) }
}
