//! How long parcels take: Time in Transit v1 (UPS OpenAPI TimeInTransit.yaml), and the same in rates.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};

use super::services;
use super::{Ups, answer};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::places::{self, Address, CITIES};

/// How far before and after today a parcel may be given to UPS (TimeInTransit.yaml, `shipDate`).
const PAST: i32 = 35;
const FUTURE: i32 = 60;

impl Ups {
    /// Everything is JSON here: numbers are numbers and truths are truths, unlike UPS's other interfaces.
    pub(super) fn transit_times(&self, call: &Call, body: &Value) -> Answer {
        let today = today(self.desk.clock.now());
        let (from, to) = (end(body, "origin"), end(body, "destination"));
        let shipped = match answer::text(body, "/shipDate") {
            "" => Some(today),
            date => date.parse::<Date>().ok(),
        };
        let Some(shipped) = shipped.filter(|date| is_near(*date, today)) else {
            return answer::refusal(call, 400, "1050", "[ShipDate] Validation error ShipDate");
        };
        if let Some((code, field)) = missing(body, &from, &to) {
            return answer::refusal(call, 400, code, &format!("[{field}] Validation error {field}"));
        }
        for (address, field, code) in
            [(&from, "OriginCityName", "1060"), (&to, "DestinationCityName", "1070")]
        {
            if address.country == "US" && !fits(address) {
                return ambiguous(call, field, code, address, field.starts_with("Origin"));
            }
        }
        let picked_up = services::business_day(shipped);
        let services: Vec<Value> = services::offered(&from.country, &to)
            .into_iter()
            .map(|code| service(code, &from, &to, shipped, picked_up))
            .collect();
        let given = |name: &str| body.get(name).cloned().unwrap_or(Value::Null);
        let side = |side: &str, address: &Address| {
            json!({
                format!("{side}CityName"): address.city.to_uppercase(),
                format!("{side}CountryName"): services::country_name(&address.country),
                format!("{side}CountryCode"): address.country,
                format!("{side}PostalCode"): address.postal_code,
                format!("{side}StateProvince"): address.state,
            })
        };
        let mut response = json!({
            "shipDate": shipped.to_string(),
            "shipTime": "12:00:00",
            "serviceLevel": "A",
            "billType": body.get("billType").and_then(Value::as_str).unwrap_or("03"),
            "residentialIndicator": body.get("residentialIndicator").and_then(Value::as_str).unwrap_or("02"),
            "guaranteeSuspended": false,
            "numberOfServices": services.len(),
            "services": services,
        });
        let weight = given("weight");
        if !weight.is_null() {
            // What was asked as a number comes back as text.
            let weight = weight.as_f64().or_else(|| weight.as_str()?.parse().ok()).unwrap_or_default();
            response["weight"] = json!(format!("{weight:.1}"));
            response["weightUnitOfMeasure"] = given("weightUnitOfMeasure");
        }
        for (name, address) in [("origin", &from), ("destination", &to)] {
            if let (Value::Object(response), Value::Object(fields)) = (&mut response, side(name, address)) {
                response.extend(fields);
            }
        }
        answer::good(call, &json!({ "emsResponse": response }))
    }
}

/// The day at UPS's office; the simulator has only one, in UTC.
fn today(now: Timestamp) -> Date {
    now.to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn is_near(date: Date, today: Date) -> bool {
    let days = date.since(today).map_or(i32::MAX, |span| span.get_days());
    (-PAST..=FUTURE).contains(&days)
}

fn end(body: &Value, side: &str) -> Address {
    let text = |name: &str| answer::text(body, &format!("/{side}{name}")).to_owned();
    Address {
        lines: Vec::new(),
        city: text("CityName"),
        state: text("StateProvince"),
        postal_code: text("PostalCode"),
        country: text("CountryCode"),
    }
}

/// What TimeInTransit.yaml calls required for this lane, in prose only. Codes other than 1070 are not confirmed.
fn missing(body: &Value, from: &Address, to: &Address) -> Option<(&'static str, &'static str)> {
    let absent = |name: &str| body.get(name).is_none_or(|value| value.is_null() || *value == json!(""));
    if from.country == "US" && to.country == "US" {
        let checks = [
            ("1030", "originPostalCode", "OriginPostalCode"),
            ("1040", "destinationPostalCode", "DestinationPostalCode"),
            ("1080", "residentialIndicator", "ResidentialIndicator"),
        ];
        return checks.into_iter().find(|(_, name, _)| absent(name)).map(|(code, _, field)| (code, field));
    }
    let checks = [
        ("1090", "weight", "Weight"),
        ("1091", "weightUnitOfMeasure", "WeightUnitOfMeasure"),
        ("1092", "billType", "BillType"),
    ];
    let found = checks.into_iter().find(|(_, name, _)| absent(name)).map(|(code, _, field)| (code, field));
    let valued = answer::text(body, "/billType") != "02";
    found.or_else(|| {
        (valued && (absent("shipmentContentsValue") || absent("shipmentContentsCurrencyCode")))
            .then_some(("1093", "ShipmentContentsValue"))
    })
}

/// Places that the simulators know have one name for a postal code, and a city that they know lies where its own postal
/// code begins: 90210 is not Los Angeles (recorded). Of other places only the state is known.
fn fits(address: &Address) -> bool {
    if !address.state.is_empty() && !places::postal_code_lies_in(&address.postal_code, &address.state) {
        return false;
    }
    if address.city.is_empty() {
        return true;
    }
    let named = |place: &&places::Place| {
        place.city.eq_ignore_ascii_case(&address.city) && place.state.eq_ignore_ascii_case(&address.state)
    };
    match CITIES.iter().find(named) {
        Some(place) => address.postal_code.starts_with(&place.postal_code[..3]),
        None => places::city_fits(&address.postal_code, &address.city),
    }
}

/// A city that does not fit its postal code is 206, with the reason in headers and places to choose from (recorded).
fn ambiguous(call: &Call, field: &str, code: &str, address: &Address, origin: bool) -> Answer {
    let candidates: Vec<Value> = CITIES
        .iter()
        .filter(|place| {
            place.city.eq_ignore_ascii_case(&address.city)
                || address.postal_code.starts_with(place.postal_code)
        })
        .map(|place| {
            json!({
                "countryName": "UNITED STATES",
                "countryCode": "US",
                "stateProvince": place.state,
                "city": place.city.to_uppercase(),
                "postalCode": place.postal_code,
                "postalCodeLow": place.postal_code,
                "postalCodeHigh": place.postal_code,
            })
        })
        .collect();
    let list = if origin { "originPickList" } else { "destinationPickList" };
    let body = json!({
        "validationList": {
            "invalidFieldList": [field],
            "destinationAmbiguous": !origin,
            "originAmbiguous": origin,
            "invalidFieldListCodes": [code],
        },
        list: candidates,
    });
    answer::failed(call, 206, &body, code, &format!("[{field}] Validation error {field}"))
}

fn service(code: &str, from: &Address, to: &Address, shipped: Date, picked_up: Date) -> Value {
    let days = services::transit_days(code, from, to);
    let delivered = services::business_days_later(picked_up, days);
    let time = services::commit_time(code);
    json!({
        "serviceLevel": services::level(code, &from.country, &to.country),
        "serviceLevelDescription": services::name(code),
        "shipDate": shipped.to_string(),
        "pickupDate": picked_up.to_string(),
        "pickupTime": "20:00:00",
        "cstccutoffTime": "18:00:00",
        "deliveryDate": delivered.to_string(),
        "deliveryTime": time,
        "commitTime": time,
        "deliveryDayOfWeek": day_of_week(delivered),
        "businessTransitDays": days,
        "totalTransitDays": if from.country == to.country { 0 } else { calendar_days(picked_up, delivered) },
        "restDaysCount": 0,
        "holidayCount": 0,
        "delayCount": 0,
        "poddays": 0,
        "nextDayPickupIndicator": "0",
        "saturdayPickupIndicator": "0",
        "saturdayDeliveryIndicator": "0",
        "sundayPickupIndicator": "0",
        "sundayDeliveryIndicator": "0",
        "guaranteeIndicator": if services::days(code) == Some(1) { "1" } else { "0" },
    })
}

fn calendar_days(from: Date, to: Date) -> i32 {
    to.since(from).map_or(0, |span| span.get_days())
}

fn day_of_week(date: Date) -> &'static str {
    match date.weekday() {
        Weekday::Monday => "MON",
        Weekday::Tuesday => "TUE",
        Weekday::Wednesday => "WED",
        Weekday::Thursday => "THU",
        Weekday::Friday => "FRI",
        Weekday::Saturday => "SAT",
        Weekday::Sunday => "SUN",
    }
}

/// The container that rates carry when time in transit was asked for (UPS OpenAPI Rating.yaml).
pub(super) fn in_rate(code: &str, from: &Address, to: &Address, asked: &Value, now: Timestamp) -> Value {
    let given = answer::text(asked, "/Pickup/Date");
    let pickup = Date::strptime("%Y%m%d", given).unwrap_or_else(|_| today(now));
    let picked_up = services::business_day(pickup);
    let days = services::transit_days(code, from, to);
    let delivered = services::business_days_later(picked_up, days);
    let short = |date: Date| date.strftime("%Y%m%d").to_string();
    json!({
        "PickupDate": short(picked_up),
        "PackageBillType": answer::text(asked, "/PackageBillType"),
        "ServiceSummary": {
            "Service": { "Description": services::name(code) },
            "GuaranteedIndicator": if services::days(code) == Some(1) { "1" } else { "0" },
            "EstimatedArrival": {
                "Arrival": { "Date": short(delivered), "Time": services::commit_time(code).replace(':', "") },
                "BusinessDaysInTransit": days.to_string(),
                "Pickup": { "Date": short(picked_up), "Time": "200000" },
                "DayOfWeek": day_of_week(delivered),
                "CustomerCenterCutoff": "180000",
                "TotalTransitDays": calendar_days(picked_up, delivered).to_string(),
            },
        },
    })
}
