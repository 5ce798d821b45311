//! Tracking v1: what happened to parcels, newest first (UPS OpenAPI Tracking.yaml).
//!
//! Updates of the estimate are no activities here, as UPS tells them by Track Alert only; they show in `deliveryDate`.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::event::{Event, Scan, Status, day, time};
use super::state::{Parcel, Shipment};
use super::{Ups, answer, label, services};
use crate::base::clock;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::lock;

/// How long UPS keeps what it knows of a parcel.
pub const KEPT: Duration = Duration::from_secs(120 * 86_400);

impl Ups {
    /// One parcel.
    pub(super) fn track(&self, call: &Call, number: &str) -> Answer {
        self.track_number(call, number, |shipment| {
            let own = shipment.packages.iter().filter(|package| package.tracking_number == number);
            own.collect()
        })
    }

    /// Every parcel of the shipment that a number belongs to, a page of them.
    pub(super) fn track_shipment(&self, call: &Call, number: &str) -> Answer {
        let asked = |name: &str, otherwise| {
            call.parameter(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(otherwise)
        };
        let (offset, count) = (asked("offset", 0), asked("count", 50));
        self.track_number(call, number, |shipment| {
            shipment.packages.iter().skip(offset).take(count).collect()
        })
    }

    fn track_number(&self, call: &Call, number: &str, choose: impl Fn(&Shipment) -> Vec<&Parcel>) -> Answer {
        if !(7..=34).contains(&number.len()) || !number.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return answer::refusal(call, 400, "TV1002", "Invalid inquiry number");
        }
        let now = self.desk.clock.now();
        let found = lock(&self.book).by_number(number).map(|shipment| shipment.clone());
        match found.filter(|shipment| is_shown(shipment, now)) {
            Some(shipment) => {
                let parcels = choose(&shipment);
                let mut book = lock(&self.book);
                parcels.iter().for_each(|parcel| book.say(&parcel.tracking_number));
                drop(book);
                let shown = self.shown(call, number, &shipment, &parcels);
                self.tracked(call, vec![shown])
            }
            None => self.track_nothing(call, number),
        }
    }

    pub(super) fn track_reference(&self, call: &Call, reference: &str) -> Answer {
        let now = self.desk.clock.now();
        let account = call.parameter("shipperNum");
        let found: Vec<Shipment> = {
            let book = lock(&self.book);
            let found = book.by_reference(reference).into_iter();
            found
                .filter(|shipment| {
                    is_shown(shipment, now) && account.is_none_or(|account| account == shipment.account)
                })
                .cloned()
                .collect()
        };
        if found.is_empty() {
            return self.track_nothing(call, reference);
        }
        let mut book = lock(&self.book);
        let numbers = found.iter().flat_map(Shipment::tracking_numbers);
        numbers.for_each(|number| book.say(number));
        drop(book);
        let shown = found.iter().map(|shipment| {
            let parcels: Vec<&Parcel> = shipment.packages.iter().collect();
            self.shown(call, reference, shipment, &parcels)
        });
        let shown = shown.collect();
        self.tracked(call, shown)
    }

    /// Not found is a 200 with a warning (api-documentation issue 102).
    pub(super) fn track_nothing(&self, call: &Call, inquiry: &str) -> Answer {
        let warning = json!({ "code": "TW0001", "message": "Tracking Information Not Found" });
        let shipment = json!({ "inquiryNumber": inquiry, "warnings": [warning] });
        answer::good(call, &json!({ "trackResponse": { "shipment": [shipment] } }))
    }

    fn tracked(&self, call: &Call, shipments: Vec<Value>) -> Answer {
        answer::good(call, &json!({ "trackResponse": { "shipment": self.list(shipments) } }))
    }

    fn shown(&self, call: &Call, inquiry: &str, shipment: &Shipment, parcels: &[&Parcel]) -> Value {
        let packages = parcels.iter().map(|parcel| self.package(call, shipment, parcel)).collect();
        json!({ "inquiryNumber": inquiry, "package": self.list(packages) })
    }

    fn package(&self, call: &Call, shipment: &Shipment, parcel: &Parcel) -> Value {
        let mut told: Vec<&Event> = parcel.events.iter().filter(|event| !event.scan.is_update()).collect();
        told.reverse();
        told.sort_by_key(|event| std::cmp::Reverse(event.at));
        let current = told.first().map_or_else(|| Scan::LabelCreated.status(), |event| event.status.clone());
        let references = shipment.references.iter();
        let references =
            references.map(|reference| json!({ "type": "PACKAGE", "number": reference })).collect();
        let mut package = json!({
            "trackingNumber": parcel.tracking_number,
            "currentStatus": status(&current, true),
            "packageCount": shipment.packages.len(),
            "referenceNumber": self.list(references),
            "activity": self.list(told.iter().map(|event| activity(event)).collect()),
            // Neither is the code of Shipping; UPS's example stands in.
            "service": { "code": "518", "levelCode": "011", "description": services::name(&shipment.service) },
            "weight": { "unitOfMeasurement": "LBS", "weight": parcel.weight },
        });
        let dates = dates(parcel);
        if !dates.is_empty() {
            package["deliveryDate"] = self.list(dates);
        }
        match told.iter().find(|event| event.scan == Scan::Delivered) {
            Some(delivered) => {
                package["deliveryTime"] = json!({ "type": "DEL", "endTime": time(delivered.local()) });
                package["deliveryInformation"] = information(call, parcel, delivered);
            }
            None if package.get("deliveryDate").is_some() => {
                package["deliveryTime"] = json!({ "type": "EOD" })
            }
            None => {}
        }
        package
    }
}

fn is_shown(shipment: &Shipment, now: Timestamp) -> bool {
    shipment.visible_at <= now && clock::add(shipment.created_at, KEPT) > now
}

fn status(status: &Status, current: bool) -> Value {
    let mut shown = json!({
        "type": status.kind,
        "code": status.code,
        "statusCode": status.status_code,
        "description": status.description,
    });
    if current {
        shown["simplifiedTextDescription"] = json!(status.short);
    }
    shown
}

fn activity(event: &Event) -> Value {
    // UPS's example has a time in UTC without its leading zero: it is written like a number.
    let gmt_time = time(event.gmt());
    let gmt_time = match gmt_time.trim_start_matches('0') {
        "" => "0",
        short => short,
    };
    json!({
        "date": day(event.local().date()),
        "time": time(event.local()),
        "gmtDate": day(event.gmt().date()),
        "gmtTime": gmt_time,
        "gmtOffset": event.offset_text(':'),
        "location": {
            "address": {
                "city": event.city,
                "stateProvince": event.state,
                "postalCode": event.postal_code.clone().unwrap_or_default(),
                "countryCode": event.country,
                "country": event.country,
            },
            "slic": "8566",
        },
        "status": status(&event.status, false),
    })
}

/// When it was to arrive first, when it is to arrive now, and when it did.
fn dates(parcel: &Parcel) -> Vec<Value> {
    let planned: Vec<_> = parcel.events.iter().filter_map(|event| event.scheduled).collect();
    let delivered = parcel.events.iter().find(|event| event.scan == Scan::Delivered);
    let date = |kind: &str, date| json!({ "type": kind, "date": day(date) });
    let mut dates: Vec<Value> = planned.first().map(|first| date("SDD", *first)).into_iter().collect();
    if let (Some(first), Some(last)) = (planned.first(), planned.last())
        && first != last
    {
        dates.push(date("RDD", *last));
    }
    dates.extend(delivered.map(|event| date("DEL", event.local().date())));
    dates
}

fn information(call: &Call, parcel: &Parcel, delivered: &Event) -> Value {
    let mut information = json!({
        "location": delivered.left_at.clone().unwrap_or_default(),
        "receivedBy": delivered.signed_by.clone().unwrap_or_default(),
    });
    if call.parameter("returnSignature") == Some("true") {
        information["signature"] =
            json!({ "image": label::image("GIF", &parcel.tracking_number, "signature") });
    }
    information
}
