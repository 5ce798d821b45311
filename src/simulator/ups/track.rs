//! Tracking v1, as far as a shipment that was just booked has anything to show (UPS OpenAPI Tracking.yaml).

use serde_json::{Value, json};

use super::state::Shipment;
use super::{Ups, answer};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::lock;

impl Ups {
    pub(super) fn track(&self, call: &Call, number: &str) -> Answer {
        if !(7..=34).contains(&number.len()) || !number.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return answer::refusal(call, 400, "TV1002", "Invalid inquiry number");
        }
        let now = self.desk.clock.now();
        let found = lock(&self.book).by_number(number).map(|shipment| shipment.clone());
        match found.filter(|shipment| shipment.visible_at <= now) {
            Some(shipment) => tracked(call, number, &[shipment]),
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
                    shipment.visible_at <= now && account.is_none_or(|account| account == shipment.account)
                })
                .cloned()
                .collect()
        };
        if found.is_empty() { self.track_nothing(call, reference) } else { tracked(call, reference, &found) }
    }

    /// Not found is a 200 with a warning (api-documentation issue 102).
    pub(super) fn track_nothing(&self, call: &Call, inquiry: &str) -> Answer {
        let warning = json!({ "code": "TW0001", "message": "Tracking Information Not Found" });
        let shipment = json!({ "inquiryNumber": inquiry, "warnings": [warning] });
        answer::good(call, &json!({ "trackResponse": { "shipment": [shipment] } }))
    }
}

fn tracked(call: &Call, inquiry: &str, shipments: &[Shipment]) -> Answer {
    let shown: Vec<Value> = shipments
        .iter()
        .map(|shipment| {
            let packages: Vec<Value> = shipment.packages.iter().map(|package| {
                let voided = package.voided_at.is_some();
                let (kind, code, text) = if voided { ("MV", "007", "Shipment Information Voided") } else { ("M", "003", "Shipment Ready for UPS") };
                let status = json!({ "type": kind, "code": if voided { "VP" } else { "MP" }, "statusCode": code, "description": text });
                let at = package.voided_at.unwrap_or(shipment.created_at);
                json!({
                    "trackingNumber": package.tracking_number,
                    "currentStatus": status,
                    "packageCount": shipment.packages.len(),
                    "referenceNumber": shipment.references.iter().map(|reference| json!({ "type": "PACKAGE", "number": reference })).collect::<Vec<_>>(),
                    "activity": [{
                        "date": at.strftime("%Y%m%d").to_string(),
                        "time": at.strftime("%H%M%S").to_string(),
                        "gmtDate": at.strftime("%Y%m%d").to_string(),
                        "gmtTime": at.strftime("%H%M%S").to_string(),
                        "gmtOffset": "+00:00",
                        "status": status,
                    }],
                    "weight": { "unitOfMeasurement": "LBS", "weight": package.weight },
                })
            }).collect();
            json!({ "inquiryNumber": inquiry, "package": packages })
        })
        .collect();
    answer::good(call, &json!({ "trackResponse": { "shipment": shown } }))
}
