//! Label recovery v1: finding a shipment again, with its labels (UPS OpenAPI Shipping.yaml).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::answer::{self, text};
use super::state::Shipment;
use super::{Ups, label};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::lock;

/// "Service is only supported for 30 days".
const WINDOW: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Ups {
    pub(super) fn recover(&self, call: &Call, body: &Value) -> Answer {
        let request = &body["LabelRecoveryRequest"];
        let number = text(request, "/TrackingNumber");
        let reference = text(request, "/ReferenceValues/ReferenceNumber/Value");
        let account = text(request, "/ReferenceValues/ShipperNumber");
        if number.is_empty() && (reference.is_empty() || account.is_empty()) {
            let message = "Either a tracking number, or a reference number and shipper number, is required.";
            return answer::refusal(call, 400, "300005", message);
        }
        let found = self.matching(number, reference, account);
        let now = self.desk.clock.now();
        let seen: Vec<Shipment> = found.into_iter().filter(|shipment| shipment.visible_at <= now).collect();
        let recent: Vec<&Shipment> = seen.iter().filter(|shipment| is_recent(shipment, now)).collect();
        let live: Vec<&Shipment> = recent.iter().copied().filter(|shipment| shipment.is_live()).collect();
        match (live.as_slice(), recent.is_empty(), seen.is_empty()) {
            (_, _, true) => self.recover_nothing(call),
            (_, true, _) => answer::refusal(call, 400, "300006", "The label has expired."),
            ([], _, _) => answer::refusal(call, 400, "300033", "The shipment has been voided."),
            ([shipment], _, _) => answer::good(call, &self.recovered(request, shipment)),
            (several, _, _) => answer::good(call, &self.candidates(request, several)),
        }
    }

    /// UPS's words for "not found", which right after a create mean nothing.
    pub(super) fn recover_nothing(&self, call: &Call) -> Answer {
        let message =
            "The shipment was not found. Check the numbers, or wait until the shipment is processed.";
        answer::refusal(call, 400, "300007", message)
    }

    /// By tracking number, else by reference among the account's shipments.
    fn matching(&self, number: &str, reference: &str, account: &str) -> Vec<Shipment> {
        let mut book = lock(&self.book);
        if !number.is_empty() {
            return book.by_number(number).map(|shipment| shipment.clone()).into_iter().collect();
        }
        book.by_reference(reference)
            .into_iter()
            .filter(|shipment| shipment.account == account)
            .cloned()
            .collect()
    }

    fn recovered(&self, request: &Value, shipment: &Shipment) -> Value {
        let format = match text(request, "/LabelSpecification/LabelImageFormat/Code") {
            "" => shipment.label_format.as_str(),
            asked => asked,
        };
        let reference = shipment.references.first().map(String::as_str).unwrap_or_default();
        let live = shipment.packages.iter().filter(|package| package.voided_at.is_none());
        let results = live.map(|package| {
            json!({
                "TrackingNumber": package.tracking_number,
                "LabelImage": {
                    // The real answer writes the format in lower case.
                    "LabelImageFormat": { "Code": format.to_lowercase() },
                    "GraphicImage": label::image(format, &package.tracking_number, reference),
                },
                // An absent object is empty text.
                "Receipt": "",
            })
        });
        json!({
            "LabelRecoveryResponse": {
                "Response": answer::response(context(request), None),
                "ShipmentIdentificationNumber": shipment.id,
                "LabelResults": self.list(results.collect()),
            }
        })
    }

    /// Several shipments carry the reference: UPS lists them instead of choosing.
    fn candidates(&self, request: &Value, shipments: &[&Shipment]) -> Value {
        let candidates = shipments.iter().map(|shipment| {
            let day = shipment.created_at.strftime("%Y%m%d").to_string();
            json!({
                "TrackingNumber": shipment.id,
                "DestinationPostalCode": shipment.ship_to.postal_code,
                "DestinationCountryCode": shipment.ship_to.country,
                "PickupDateRange": { "BeginDate": day, "EndDate": day },
            })
        });
        json!({
            "LabelRecoveryResponse": {
                "Response": answer::response(context(request), None),
                "TrackingCandidate": self.list(candidates.collect()),
            }
        })
    }
}

fn is_recent(shipment: &Shipment, now: Timestamp) -> bool {
    now.duration_since(shipment.created_at) <= WINDOW
}

fn context(request: &Value) -> Option<&str> {
    request.pointer("/Request/TransactionReference/CustomerContext").and_then(Value::as_str)
}
