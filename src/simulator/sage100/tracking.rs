//! Writing tracking numbers to an order, wherever it is, which needs a licence and the record's lock.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Sage100;
use super::books::{Books, HISTORY, OPEN};
use super::route::refusal;
use super::stamp::Stamp;
use crate::simulator::exchange::Answer;
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::system::lock;

impl Sage100 {
    pub(super) fn write_tracking(&self, number: &str, body: &Value, strike: Option<&Strike>) -> Answer {
        let stamp = self.stamp();
        let mut books = lock(&self.books);
        match books.refuse_write(number, strike) {
            Some(refusal) => refusal,
            None => books.write(number, body, stamp),
        }
    }
}

/// The answer where somebody has the order open.
fn locked(number: &str, user: &str) -> Answer {
    let message = format!("Sales order {number} is in use by {user}.");
    Answer::json(423, &json!({ "error": { "code": "locked", "message": message, "locked_by": user } }))
}

/// The answer where no licence is free.
fn no_licence() -> Answer {
    refusal(503, "no_licence", "No Sage 100 licence is free for this session.")
}

impl Books {
    /// Why an order cannot be written now: no licence is free, or somebody has it open. A strike makes either so.
    pub(super) fn refuse_write(&mut self, number: &str, strike: Option<&Strike>) -> Option<Answer> {
        if !self.licence_free || strike.is_some_and(|strike| strike.fault == Fault::NoLicence) {
            return Some(no_licence());
        }
        if let Some(strike) = strike.filter(|strike| strike.fault == Fault::RecordLock) {
            self.open_for(number, strike.attempts);
        }
        self.locked_by(number).map(|user| locked(number, &user))
    }

    /// Who has the record open; each question by a write uses one of the lock's attempts up.
    pub(super) fn locked_by(&mut self, number: &str) -> Option<String> {
        let held = self.locks.get_mut(number)?;
        let user = held.user.clone();
        match &mut held.attempts {
            Some(0) => {
                self.locks.remove(number);
                return None;
            }
            Some(attempts) => *attempts -= 1,
            None => {}
        }
        self.locked_out += 1;
        Some(user)
    }

    fn write(&mut self, number: &str, body: &Value, stamp: Stamp) -> Answer {
        let packages = body["packages"].as_array().into_iter().flatten();
        let numbers: Vec<String> =
            packages.filter_map(|package| package["tracking_id"].as_str()).map(str::to_owned).collect();
        let holds = |table: &&'static str| self.tables[*table].get(number).is_some();
        let Some(table) = [OPEN, HISTORY].into_iter().find(holds) else {
            return refusal(404, "not_found", &format!("There is no sales order {number}."));
        };
        if let Some(written) = self.tracking.get(number).filter(|written| !written.is_empty()) {
            let set = |numbers: &[String]| numbers.iter().cloned().collect::<BTreeSet<_>>();
            if set(written) == set(&numbers) {
                self.repeated_writes += 1;
                return Answer::json(200, &json!({ "written": 0, "unchanged": true }));
            }
            let message =
                format!("Sales order {number} already has the tracking numbers {}.", written.join(", "));
            self.conflicting_writes += 1;
            return refusal(409, "tracking_differs", &message);
        }
        let ship_via = body["ship_via"].as_str().unwrap_or_default();
        if let Some(Some((invoice, posted))) = self.invoice_of(number) {
            self.write_invoice_tracking(&invoice, posted, &numbers, ship_via);
            self.statuses_to_invoice(number);
        }
        let mut set = Map::new();
        if let Some(freight) = body.get("freight_amount") {
            set.insert("FreightAmt".into(), freight.clone());
        }
        if let Some(date) = body.get("ship_date") {
            set.insert("ShipDate".into(), date.clone());
        }
        // The write stamps the header, so that the next poll sees the order again.
        self.table(table).change(number, &set, Some(stamp));
        *self.writes.entry(number.to_owned()).or_default() += 1;
        let written = numbers.len();
        self.tracking.insert(number.to_owned(), numbers);
        Answer::json(200, &json!({ "written": written }))
    }
}
