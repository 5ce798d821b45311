//! A parcel's life: what happens to it, by hand or as time passes.

use jiff::Timestamp;
use jiff::civil::Date;

use super::event::{Event, Happening, Scan};
use super::state::{Book, Parcel, Shipment};
use super::{Ups, ledger, services};
use crate::base::clock;
use crate::simulator::places::{self, Address};
use crate::simulator::system::lock;

/// Where parcels are sorted that stay inside the United States.
const HUB: (&str, &str) = ("Louisville", "KY");

impl Ups {
    /// Lets something happen to a parcel, and pushes it to whoever watches.
    ///
    /// # Errors
    /// A sentence when there is no such parcel, or nothing can happen to it any more.
    pub fn advance(&self, number: &str, happening: impl Into<Happening>) -> Result<Event, String> {
        let happening = happening.into();
        let now = self.desk.clock.now();
        let (event, push) = {
            let mut book = lock(&self.book);
            let place = book.place(number).ok_or_else(|| format!("there is no parcel {number}"))?;
            let shipment = &book.state.shipments[place.0];
            let parcel = &shipment.packages[place.1];
            refuse(parcel, &happening)?;
            let event = event(shipment, parcel, happening, now);
            self.note(&mut book, place, event.clone()).map_err(|error| error.to_string())?;
            let push = self.push_of(&book, number, &event);
            (event, push)
        };
        if let Some(push) = push {
            self.tell(push);
        }
        Ok(event)
    }

    /// Lets every parcel that is under way come one scan further on its course; tells how many did.
    pub fn advance_all(&self) -> usize {
        let next: Vec<(String, Scan)> = {
            let book = lock(&self.book);
            let parcels = book.state.shipments.iter().flat_map(|shipment| &shipment.packages);
            parcels
                .filter_map(|parcel| Some((parcel.tracking_number.clone(), parcel.scan().next()?)))
                .collect()
        };
        next.into_iter().filter(|(number, scan)| self.advance(number, *scan).is_ok()).count()
    }

    /// Takes a parcel through all that is left of its course, at once.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub fn deliver(&self, number: &str) -> Result<Vec<Event>, String> {
        let mut scan = {
            let book = lock(&self.book);
            let place = book.place(number).ok_or_else(|| format!("there is no parcel {number}"))?;
            book.state.shipments[place.0].packages[place.1].scan()
        };
        let mut events = Vec::new();
        while let Some(next) = scan.next() {
            events.push(self.advance(number, next)?);
            scan = next;
        }
        Ok(events)
    }

    /// Writes an event down: with its parcel, in Quantum View's files, and in the ledger.
    pub(super) fn note(&self, book: &mut Book, place: (usize, usize), event: Event) -> std::io::Result<()> {
        book.add_event(place, event);
        match &self.options.ledger {
            Some(path) => ledger::append(path, &book.state.shipments[place.0]),
            None => Ok(()),
        }
    }

    /// What the passing of time brings: a scan for every parcel each `scan_every`. Tells when it wants to be asked again.
    pub(super) fn live(&self) -> Option<Timestamp> {
        let every = self.options.scan_every?;
        let now = self.desk.clock.now();
        let due = {
            let mut last = lock(&self.lived);
            let next = clock::add(*last.get_or_insert(now), every);
            if next > now {
                return Some(next);
            }
            *last = Some(now);
            now
        };
        self.advance_all();
        Some(clock::add(due, every))
    }
}

/// Nothing follows an end but news of the same parcel that was late; a voided one was never there.
fn refuse(parcel: &Parcel, happening: &Happening) -> Result<(), String> {
    let ended = parcel.scan();
    let late = happening.at.is_some_and(|at| parcel.last().is_some_and(|last| at <= last.at));
    match ended.is_end() && !late {
        true => Err(format!("{} has come to its end: {ended:?}", parcel.tracking_number)),
        false => Ok(()),
    }
}

/// The label's own event, when a shipment is booked.
pub(super) fn label_created(shipment: &Shipment, parcel: &Parcel, now: Timestamp) -> Event {
    event(shipment, parcel, Scan::LabelCreated.into(), now)
}

/// The void's event.
pub(super) fn voided(shipment: &Shipment, parcel: &Parcel, now: Timestamp) -> Event {
    event(shipment, parcel, Scan::Voided.into(), now)
}

fn event(shipment: &Shipment, parcel: &Parcel, happening: Happening, recorded: Timestamp) -> Event {
    let Happening { scan, at, status, scheduled, signed_by } = happening;
    let at = whole_seconds(at.unwrap_or(recorded));
    let place = place(shipment, scan);
    let zone = places::zone(&place);
    let here = at.to_zoned(zone);
    let delivered = scan == Scan::Delivered;
    Event {
        scan,
        status: status.unwrap_or_else(|| scan.status()),
        at,
        offset: here.offset().seconds(),
        recorded,
        // Labels are made at nobody's place: UPS's example has a country and nothing else.
        city: if is_paper(scan) { String::new() } else { place.city.clone() },
        state: if is_paper(scan) { String::new() } else { place.state.clone() },
        country: place.country.clone(),
        postal_code: delivered.then(|| place.postal_code.clone()),
        scheduled: scheduled.or_else(|| planned(shipment, parcel, scan, here.date())),
        signed_by: signed_by.or_else(|| delivered.then(|| surname(&shipment.name))),
        left_at: delivered.then(|| "FRONT DOOR".to_owned()),
    }
}

/// UPS tells no fractions of seconds.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn is_paper(scan: Scan) -> bool {
    matches!(scan, Scan::LabelCreated | Scan::Voided)
}

fn place(shipment: &Shipment, scan: Scan) -> Address {
    match scan {
        Scan::LabelCreated | Scan::Voided | Scan::PickedUp | Scan::Returned => shipment.ship_from.clone(),
        Scan::InTransit if shipment.ship_from.country == "US" && shipment.ship_to.country == "US" => {
            Address {
                city: HUB.0.to_owned(),
                state: HUB.1.to_owned(),
                country: "US".to_owned(),
                ..Address::default()
            }
        }
        _ => shipment.ship_to.clone(),
    }
}

/// The day that delivery is planned for: fixed at the pickup, one business day later with every change and every attempt.
fn planned(shipment: &Shipment, parcel: &Parcel, scan: Scan, today: Date) -> Option<Date> {
    let known = parcel.last().and_then(|last| last.scheduled);
    match scan {
        Scan::LabelCreated | Scan::Voided => None,
        Scan::Estimated | Scan::Attempted => {
            known.map(|day| services::business_days_later(day, 1)).or(Some(today))
        }
        _ if known.is_some() => known,
        _ => {
            let days = services::transit_days(&shipment.service, &shipment.ship_from, &shipment.ship_to);
            Some(services::business_days_later(today, days))
        }
    }
}

fn surname(name: &str) -> String {
    name.split_whitespace().last().unwrap_or("RESIDENT").to_uppercase()
}
