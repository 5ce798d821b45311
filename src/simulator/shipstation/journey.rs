//! A parcel's way to the customer: where the carrier sees it, and what ShipStation tells of that.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::books::Books;
use super::convert;
use super::news::News;
use super::options::{Options, StatusCodes, Transit};
use super::reference;
use super::state::{Order, Parcel};
use crate::base::clock;

/// What a carrier can see of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The carrier has it.
    Accepted,
    /// It is on its way.
    InTransit,
    /// Something is wrong: it is late, held or lost its way.
    Exception,
    /// It is on the last van.
    OutForDelivery,
    /// It has arrived.
    Delivered,
}

/// What is written for a stage.
struct Words {
    code: &'static str,
    letters: &'static str,
    status: &'static str,
    text: &'static str,
    event: &'static str,
}

impl Stage {
    fn words(self) -> Words {
        let words = |code, letters, status, text, event| Words { code, letters, status, text, event };
        match self {
            Self::Accepted => {
                words("RECEIVED_BY_CARRIER", "AC", "Accepted", "The carrier has your shipment.", "OC")
            }
            Self::InTransit => words("IN_TRANSIT", "IT", "In Transit", "Your shipment is on its way.", "IT"),
            Self::Exception => {
                words("CARRIER_DELAYS", "EX", "Exception", "The carrier has delayed your shipment.", "X")
            }
            Self::OutForDelivery => {
                words("OUT_FOR_DELIVERY", "IT", "In Transit", "Your shipment is out for delivery.", "OF")
            }
            Self::Delivered => {
                words("DELIVERED", "DE", "Delivered", "Your shipment has been delivered.", "DLD")
            }
        }
    }

    fn code(self, codes: StatusCodes) -> &'static str {
        match codes {
            StatusCodes::Words => self.words().code,
            StatusCodes::Letters => self.words().letters,
        }
    }
}

/// When a carrier saw a parcel how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// When.
    pub at: Timestamp,
    /// How.
    pub stage: Stage,
}

impl Parcel {
    /// When it was delivered.
    pub fn delivered_at(&self) -> Option<Timestamp> {
        self.scans.iter().find(|scan| scan.stage == Stage::Delivered).map(|scan| scan.at)
    }

    /// `tracking_status`: a label that nobody has seen yet is in transit all the same (the vendor's own example of a new
    /// label).
    pub fn tracking_status(&self) -> &'static str {
        match self.scans.last().map(|scan| scan.stage) {
            Some(Stage::Delivered) => "delivered",
            Some(Stage::Exception) => "error",
            _ => "in_transit",
        }
    }

    /// When it was last changed by anybody.
    pub fn modified_at(&self) -> Timestamp {
        let scanned = self.scans.last().map(|scan| scan.at);
        scanned.into_iter().chain(self.voided_at).chain([self.created_at]).max().unwrap_or(self.created_at)
    }

    /// The day on which the carrier means to deliver it.
    pub fn estimated(&self) -> Date {
        let days = match self.service.as_str() {
            service if service.contains("next_day") || service.contains("overnight") => 1,
            service if service.contains("2nd_day") || service.contains("2day") => 2,
            service if service.contains("priority") || service.contains("3_day") => 3,
            _ => 5,
        };
        self.promised.unwrap_or_else(|| self.ship_date.saturating_add(days.days()))
    }

    /// The scans that a parcel makes by itself.
    fn way(&self, transit: Transit) -> Vec<Scan> {
        let Transit { seen_after, delivered_after, delayed } = transit;
        let late = delayed > 0 && self.id.is_multiple_of(delayed);
        let part = |tenths: u32| seen_after + delivered_after.saturating_sub(seen_after) * tenths / 10;
        let at = |after: Duration, stage| Scan { at: clock::add(self.created_at, after), stage };
        [
            Some(at(seen_after, Stage::InTransit)),
            late.then(|| at(part(4), Stage::Exception)),
            Some(at(part(8), Stage::OutForDelivery)),
            Some(at(delivered_after, Stage::Delivered)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn scans_to_come(&self, options: &Options) -> Vec<Scan> {
        let travels = self.voided_at.is_none() && self.outbound && self.delivered_at().is_none();
        match options.transit {
            Some(transit) if travels => {
                let seen = |scan: &Scan| self.scans.iter().any(|seen| seen.stage == scan.stage);
                let way = self.way(transit).into_iter().filter(|scan| !seen(scan));
                // Nobody scans for ShipStation what it has no label for; at most it learns that it arrived.
                way.filter(|scan| self.label || options.marks_arrive && scan.stage == Stage::Delivered)
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Books {
    /// The carrier sees a parcel with a label.
    pub(super) fn scan(&mut self, number: &str, stage: Stage, now: Timestamp) -> Result<(), String> {
        let parcel = self.under_way(number)?;
        parcel.scans.push(Scan { at: now, stage });
        let news = News::Tracked { parcel: parcel.id, scan: parcel.scans.len() };
        self.hear(news);
        Ok(())
    }

    /// The carrier names another day; it is told with what was last seen.
    pub(super) fn promise(&mut self, number: &str, day: Date, now: Timestamp) -> Result<(), String> {
        let parcel = self.under_way(number)?;
        parcel.promised = Some(day);
        self.scan(number, Stage::InTransit, now)
    }

    fn under_way(&mut self, number: &str) -> Result<&mut Parcel, String> {
        let parcels = self.state.orders.iter_mut().flat_map(|order| order.parcels.iter_mut());
        let mut live = parcels.filter(|parcel| parcel.label && parcel.voided_at.is_none());
        let parcel = live
            .find(|parcel| parcel.tracking_number == number)
            .ok_or_else(|| format!("no label that is not voided has the number {number}"))?;
        if parcel.delivered_at().is_some() { Err(format!("{number} was delivered")) } else { Ok(parcel) }
    }

    /// Everything that is under way arrives.
    pub(super) fn deliver_all(&mut self, marks: bool, now: Timestamp) -> usize {
        let mut news = Vec::new();
        let parcels = self.state.orders.iter_mut().flat_map(|order| order.parcels.iter_mut());
        let mut count = 0;
        for parcel in parcels.filter(|parcel| parcel.voided_at.is_none() && parcel.outbound) {
            if parcel.delivered_at().is_none() && (parcel.label || marks) {
                parcel.scans.push(Scan { at: now, stage: Stage::Delivered });
                count += 1;
                if parcel.label {
                    news.push(News::Tracked { parcel: parcel.id, scan: parcel.scans.len() });
                }
            }
        }
        news.into_iter().for_each(|news| self.hear(news));
        count
    }

    /// Parcels that travel by themselves have come as far as they have by `now`.
    pub(super) fn move_what_is_due(&mut self, options: &Options, now: Timestamp) {
        let mut news = Vec::new();
        for parcel in self.state.orders.iter_mut().flat_map(|order| order.parcels.iter_mut()) {
            for scan in parcel.scans_to_come(options).into_iter().filter(|scan| scan.at <= now) {
                parcel.scans.push(scan);
                if parcel.label {
                    news.push(News::Tracked { parcel: parcel.id, scan: parcel.scans.len() });
                }
            }
        }
        news.into_iter().for_each(|news| self.hear(news));
    }

    /// When a parcel that travels by itself is seen next.
    pub(super) fn next_scan(&self, options: &Options) -> Option<Timestamp> {
        options.transit?;
        let parcels = self.state.orders.iter().flat_map(|order| &order.parcels);
        parcels.filter_map(|parcel| parcel.scans_to_come(options).first().map(|scan| scan.at)).min()
    }
}

/// A parcel's way as V2 tells it, up to its scan number `scans`.
pub fn tracking(order: &Order, parcel: &Parcel, scans: usize, codes: StatusCodes) -> Value {
    let seen = parcel.scans.get(..scans).unwrap_or(&parcel.scans);
    let last = seen.last().map(|scan| scan.stage);
    let words = last.map(Stage::words);
    let to = convert::to_v2(order)["ship_to"].clone();
    let delivered = seen.iter().find(|scan| scan.stage == Stage::Delivered).map(|scan| scan.at);
    let carrier = reference::carrier(&parcel.carrier).map(|carrier| carrier.id);
    let mut view = json!({
        "tracking_number": parcel.tracking_number,
        "status_code": last.map_or("NOT_YET_RECEIVED_BY_CARRIER", |stage| stage.code(codes)),
        "status_detail_code": words.as_ref().map_or("NOT_YET_RECEIVED_BY_CARRIER", |words| words.code),
        "status_description": words.as_ref().map_or("Not Yet In System", |words| words.status),
        "status_detail_description": words.as_ref().map_or("", |words| words.text),
        "carrier_code": parcel.carrier,
        "carrier_id": carrier.unwrap_or(1),
        "carrier_status_code": words.as_ref().map_or("NY", |words| words.event),
        "carrier_status_description": words.as_ref().map_or("", |words| words.text),
        "ship_date": format!("{}T00:00:00Z", parcel.ship_date),
        "estimated_delivery_date": format!("{}T00:00:00Z", parcel.estimated()),
        // The newest first, as its sister product shows them.
        "events": seen.iter().rev().map(|scan| event(scan, &to, codes)).collect::<Vec<_>>(),
    });
    if let Some(at) = delivered {
        view["actual_delivery_date"] = json!(at.to_string());
    }
    if let (Some(Stage::Exception), Some(words)) = (last, &words) {
        view["exception_description"] = json!(words.text);
    }
    view
}

fn event(scan: &Scan, to: &Value, codes: StatusCodes) -> Value {
    let words = scan.stage.words();
    // "Assumed to be the local time of where the event occurred": here that of the warehouse.
    let local = scan.at.to_zoned(TimeZone::get("America/Chicago").unwrap_or(TimeZone::UTC)).datetime();
    json!({
        "occurred_at": scan.at.to_string(),
        "carrier_occurred_at": format!("{}Z", local.strftime("%Y-%m-%dT%H:%M:%S")),
        "description": words.text,
        "city_locality": to["city_locality"],
        "state_province": to["state_province"],
        "postal_code": to["postal_code"],
        "country_code": to["country_code"],
        "company_name": "",
        "signer": "",
        "event_code": words.event,
        "carrier_detail_code": words.event,
        "status_code": scan.stage.code(codes),
        "status_detail_code": words.code,
        "status_description": words.status,
        "status_detail_description": words.text,
        "carrier_status_code": words.event,
        "carrier_status_description": words.text,
    })
}
