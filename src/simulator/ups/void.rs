//! Voiding a shipment or some of its parcels (UPS OpenAPI Shipping.yaml).

use serde_json::{Value, json};

use super::state::{Book, Shipment};
use super::{Lists, Ups, answer, ledger, life};
use crate::base::clock;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::push::Push;
use crate::simulator::system::lock;

/// Shipments can be voided for 28 days.
const WINDOW: std::time::Duration = std::time::Duration::from_secs(28 * 86_400);

impl Ups {
    pub(super) fn void(&self, call: &Call, id: &str) -> Answer {
        let now = self.desk.clock.now();
        let chosen = chosen(call);
        let mut book = lock(&self.book);
        let Some(shipment) = book.by_number(id).filter(|shipment| shipment.id == id) else {
            drop(book);
            return self.void_refused(call);
        };
        if clock::between(shipment.created_at, now) > WINDOW {
            drop(book);
            return self.void_refused(call);
        }
        if !shipment.is_live() {
            return answer::refusal(call, 400, "190117", "The shipment has already been voided.");
        }
        if chosen.iter().any(|number| !shipment.tracking_numbers().contains(&number.as_str())) {
            return answer::refusal(call, 400, "190109", "Invalid tracking number.");
        }
        let mut voided = Vec::new();
        for package in &mut shipment.packages {
            let meant = chosen.is_empty() || chosen.contains(&package.tracking_number);
            if meant && package.voided_at.is_none() {
                package.voided_at = Some(now);
                voided.push(package.tracking_number.clone());
            }
        }
        if shipment.packages.iter().all(|package| package.voided_at.is_some()) {
            shipment.voided_at = Some(now);
        }
        let mut shipment = shipment.clone();
        let pushes = self.tell_of_void(&mut book, &shipment, &voided);
        if let Some(kept) = book.by_number(id) {
            shipment = kept.clone();
        }
        if let Some(path) = &self.options.ledger
            && ledger::append(path, &shipment).is_err()
        {
            return answer::refusal(call, 500, "190001", "The system is unavailable.");
        }
        drop(book);
        pushes.into_iter().for_each(|push| self.tell(push));
        answer::good(call, &self.voided(&shipment, &chosen))
    }

    /// Writes the void down with the parcels that it meets; gives what is to be pushed.
    fn tell_of_void(&self, book: &mut Book, shipment: &Shipment, numbers: &[String]) -> Vec<Push> {
        let mut pushes = Vec::new();
        for parcel in shipment.packages.iter().filter(|parcel| numbers.contains(&parcel.tracking_number)) {
            let event = life::voided(shipment, parcel, self.desk.clock.now());
            pushes.extend(self.push_of(book, &parcel.tracking_number, &event));
            if let Some(place) = book.place(&parcel.tracking_number) {
                book.add_event(place, event);
            }
        }
        pushes
    }

    /// As recorded for a shipment that cannot be voided.
    pub(super) fn void_refused(&self, call: &Call) -> Answer {
        answer::refusal(call, 400, "190102", "No shipment found within the allowed void period")
    }

    fn voided(&self, shipment: &Shipment, chosen: &[String]) -> Value {
        let status = json!({ "Code": "1", "Description": "Voided" });
        let mut body = json!({
            "Response": answer::response(None, None),
            "SummaryResult": { "Status": status },
        });
        if !chosen.is_empty() {
            let results =
                shipment.packages.iter().filter(|package| chosen.contains(&package.tracking_number));
            let results =
                results.map(|package| json!({ "TrackingNumber": package.tracking_number, "Status": status }));
            // Real answers spelled it without the s (api-documentation issue 63).
            let name =
                if self.options.lists == Lists::Kept { "PackageLevelResults" } else { "PackageLevelResult" };
            body[name] = self.list(results.collect());
        }
        json!({ "VoidShipmentResponse": body })
    }
}

/// The parcels named in the query: one, several, or `["1Z…","1Z…"]`.
fn chosen(call: &Call) -> Vec<String> {
    let given =
        call.query.iter().filter(|(name, _)| name == "trackingnumber").map(|(_, value)| value.as_str());
    given
        .flat_map(|value| value.trim_matches(['[', ']']).split(','))
        .map(|number| number.trim().trim_matches('"').to_owned())
        .filter(|number| !number.is_empty())
        .collect()
}
