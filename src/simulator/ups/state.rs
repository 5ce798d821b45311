//! What the simulated UPS knows: shipments, tokens, and how callers kept to the contract.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::alert::Subscription;
use super::event::{Event, Scan};
use super::life;
use super::quantum::{Entry, Files};
use crate::base::json::sha256_hex;
use crate::simulator::contract::Violation;
use crate::simulator::dice::Dice;
use crate::simulator::places::Address;
use crate::simulator::verdict::Sent;

pub use super::pickup::Pickup;

/// Violations kept with their text; more are only counted.
const KEPT_VIOLATIONS: usize = 500;

/// One parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// Its tracking number.
    pub tracking_number: String,
    /// Its weight in pounds, as sent.
    pub weight: String,
    /// Its length, width and height, as sent; empty when it was sent without.
    #[serde(default)]
    pub dimensions: Vec<String>,
    /// When it was voided.
    pub voided_at: Option<Timestamp>,
    /// What happened to it, in the order in which UPS learned of it.
    #[serde(default)]
    pub events: Vec<Event>,
}

impl Parcel {
    /// The latest event by when it happened, updates of the estimate aside for where it is.
    pub fn last(&self) -> Option<&Event> {
        self.events.iter().enumerate().max_by_key(|(index, event)| (event.at, *index)).map(|(_, event)| event)
    }

    /// Its last status: the latest scan that says where it is.
    pub fn scan(&self) -> Scan {
        self.latest().map_or(Scan::LabelCreated, |index| self.events[index].scan)
    }

    /// Which of its events gives it its last status.
    pub fn latest(&self) -> Option<usize> {
        let told = self.events.iter().enumerate().filter(|(_, event)| !event.scan.is_update());
        told.max_by_key(|(index, event)| (event.scan.is_end(), event.at, *index)).map(|(index, _)| index)
    }
}

/// One shipment, as booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// The first parcel's tracking number.
    pub id: String,
    /// The references sent with it, each once.
    pub references: Vec<String>,
    /// The account that ships.
    pub account: String,
    /// The service's code.
    pub service: String,
    /// Who receives it.
    pub name: String,
    /// Where it starts: at the shipper's, or at a third party's.
    #[serde(default)]
    pub ship_from: Address,
    /// Where it goes.
    pub ship_to: Address,
    /// Its parcels.
    pub packages: Vec<Parcel>,
    /// The format of its labels.
    pub label_format: String,
    /// What it costs the account, in cents.
    pub cents: u64,
    /// The caller's `transId`.
    pub transaction: Option<String>,
    /// When it was booked.
    pub created_at: Timestamp,
    /// From when on look-ups see it.
    pub visible_at: Timestamp,
    /// When it was voided.
    pub voided_at: Option<Timestamp>,
}

impl Shipment {
    /// Whether it will be billed.
    pub fn is_live(&self) -> bool {
        self.voided_at.is_none()
    }

    /// The tracking numbers of its parcels.
    pub fn tracking_numbers(&self) -> Vec<&str> {
        self.packages.iter().map(|package| package.tracking_number.as_str()).collect()
    }
}

/// Everything the simulated UPS knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Every shipment ever booked, in order.
    pub shipments: Vec<Shipment>,
    /// Every pickup ever booked, in order.
    #[serde(default)]
    pub pickups: Vec<Pickup>,
    /// Every subscription of Track Alert that ever was, in order.
    #[serde(default)]
    pub subscriptions: Vec<Subscription>,
    /// Tokens given out on each day (UTC).
    pub tokens_by_day: BTreeMap<String, u64>,
    /// The merchants that tokens were asked for (`x-merchant-id`).
    #[serde(default)]
    pub merchants: BTreeSet<String>,
    /// How often a call was turned away for its token.
    pub unauthorized: u64,
    /// Requests that broke the contract; at most the first 500.
    pub contract_violations: Vec<Violation>,
    /// How many there were in all.
    pub violations: u64,
}

/// The counts that matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Shipments booked.
    pub created: usize,
    /// Shipments that will be billed.
    pub live: usize,
    /// Shipments voided.
    pub voided: usize,
    /// Parcels delivered.
    #[serde(default)]
    pub delivered: usize,
    /// Parcels by their last status.
    #[serde(default)]
    pub parcels: BTreeMap<Scan, usize>,
    /// Subscriptions of Track Alert that were made.
    #[serde(default)]
    pub subscriptions: usize,
    /// References that more than one live shipment carries.
    pub duplicate_references: Vec<String>,
    /// What the live shipments cost, in cents.
    pub cents: u64,
    /// Pickups booked and not cancelled.
    #[serde(default)]
    pub pickups: usize,
    /// References that more than one such pickup carries.
    #[serde(default)]
    pub duplicate_pickups: Vec<String>,
    /// Tokens given out.
    pub tokens: u64,
    /// Calls turned away for their token.
    pub unauthorized: u64,
    /// Violations of the contract.
    pub contract_violations: u64,
}

impl State {
    /// A parcel by its number.
    pub fn parcel(&self, number: &str) -> Option<&Parcel> {
        let mut parcels = self.shipments.iter().flat_map(|shipment| &shipment.packages);
        parcels.find(|parcel| parcel.tracking_number == number)
    }

    /// Each parcel's last status, by its number.
    pub fn statuses(&self) -> BTreeMap<String, Scan> {
        let parcels = self.shipments.iter().flat_map(|shipment| &shipment.packages);
        parcels.map(|parcel| (parcel.tracking_number.clone(), parcel.scan())).collect()
    }

    /// When nobody watched a parcel between two moments: the gaps that its subscriptions leave.
    pub fn unwatched(&self, number: &str, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let (mut reached, mut gaps) = (from, Vec::new());
        // They are in the order in which they were made.
        for watch in self.subscriptions.iter().filter(|watch| watch.number == number && watch.since < to) {
            if watch.since > reached {
                gaps.push((reached, watch.since));
            }
            reached = reached.max(watch.until);
        }
        if reached < to {
            gaps.push((reached, to));
        }
        gaps
    }

    /// The live shipments, in words that are the same for every other side of an ERP.
    pub fn sent(&self) -> Vec<Sent> {
        let live = self.shipments.iter().filter(|shipment| shipment.is_live());
        live.map(|shipment| Sent {
            id: shipment.id.clone(),
            references: shipment.references.clone(),
            tracking: shipment.tracking_numbers().into_iter().map(str::to_owned).collect(),
            content: None,
        })
        .collect()
    }

    /// The counts that matter.
    pub fn summary(&self) -> Summary {
        let live: Vec<&Shipment> = self.shipments.iter().filter(|shipment| shipment.is_live()).collect();
        let pickups: Vec<&Pickup> = self.pickups.iter().filter(|pickup| pickup.is_live()).collect();
        let mut parcels: BTreeMap<Scan, usize> = BTreeMap::new();
        for parcel in self.shipments.iter().flat_map(|shipment| &shipment.packages) {
            *parcels.entry(parcel.scan()).or_default() += 1;
        }
        Summary {
            delivered: parcels.get(&Scan::Delivered).copied().unwrap_or_default(),
            parcels,
            subscriptions: self.subscriptions.len(),
            created: self.shipments.len(),
            live: live.len(),
            voided: self.shipments.len() - live.len(),
            duplicate_references: repeated(live.iter().flat_map(|shipment| &shipment.references)),
            cents: live.iter().map(|shipment| shipment.cents).sum(),
            pickups: pickups.len(),
            duplicate_pickups: repeated(pickups.iter().filter_map(|pickup| pickup.reference.as_ref())),
            tokens: self.tokens_by_day.values().sum(),
            unauthorized: self.unauthorized,
            contract_violations: self.violations,
        }
    }
}

/// What occurs more than once.
fn repeated<'a>(references: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut carriers: BTreeMap<&str, usize> = BTreeMap::new();
    for reference in references {
        *carriers.entry(reference).or_default() += 1;
    }
    carriers.into_iter().filter(|(_, count)| *count > 1).map(|(reference, _)| reference.to_owned()).collect()
}

/// The book behind the counter.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) state: State,
    pub(super) dice: Dice,
    pub(super) files: Files,
    tokens: HashMap<String, Timestamp>,
    by_number: HashMap<String, (usize, usize)>,
    watches: HashMap<String, usize>,
    /// What was said in answers.
    pub(super) said: HashSet<Entry>,
    by_reference: HashMap<String, Vec<usize>>,
    serial: u64,
    seed: u64,
}

impl Book {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            state: State::default(),
            dice: Dice::new(seed),
            files: Files::default(),
            tokens: HashMap::new(),
            watches: HashMap::new(),
            said: HashSet::new(),
            by_number: HashMap::new(),
            by_reference: HashMap::new(),
            serial: 0,
            seed,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state.clone()
    }

    pub(super) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A new token, good until `expires`.
    pub(super) fn issue_token(&mut self, day: String, expires: Timestamp) -> String {
        *self.state.tokens_by_day.entry(day).or_default() += 1;
        let count: u64 = self.state.tokens_by_day.values().sum();
        let token = sha256_hex(format!("token {} {count} {expires}", self.seed).as_bytes());
        self.tokens.insert(token.clone(), expires);
        token
    }

    pub(super) fn knows_token(&self, token: &str, now: Timestamp) -> bool {
        self.tokens.get(token).is_some_and(|expires| *expires > now)
    }

    pub(super) fn forget_tokens(&mut self) {
        self.tokens.clear();
    }

    pub(super) fn add(&mut self, shipment: Shipment) {
        let index = self.state.shipments.len();
        for (parcel, package) in shipment.packages.iter().enumerate() {
            self.by_number.insert(package.tracking_number.clone(), (index, parcel));
            for (event, told) in package.events.iter().enumerate() {
                self.files.add(told.recorded, Entry { shipment: index, parcel, event });
            }
        }
        for reference in &shipment.references {
            self.by_reference.entry(reference.clone()).or_default().push(index);
        }
        self.state.shipments.push(shipment);
    }

    /// Takes a shipment over from the ledger: a later line replaces an earlier one.
    pub(super) fn restore(&mut self, mut shipment: Shipment) {
        // Lines of earlier versions know no events.
        for index in 0..shipment.packages.len() {
            if shipment.packages[index].events.is_empty() {
                let made = life::label_created(&shipment, &shipment.packages[index], shipment.created_at);
                shipment.packages[index].events.push(made);
            }
        }
        self.serial += shipment.packages.len() as u64;
        match self.by_number.get(&shipment.id).copied() {
            Some((index, _)) => self.state.shipments[index] = shipment,
            None => self.add(shipment),
        }
    }

    pub(super) fn by_number(&mut self, number: &str) -> Option<&mut Shipment> {
        let (index, _) = *self.by_number.get(number)?;
        self.state.shipments.get_mut(index)
    }

    /// Where a parcel lies: its shipment, and which of its parcels it is.
    pub(super) fn place(&self, number: &str) -> Option<(usize, usize)> {
        self.by_number.get(number).copied()
    }

    /// Adds an event to a parcel, and to Quantum View's files.
    pub(super) fn add_event(&mut self, (shipment, parcel): (usize, usize), event: Event) {
        let events = &mut self.state.shipments[shipment].packages[parcel].events;
        self.files.add(event.recorded, Entry { shipment, parcel, event: events.len() });
        events.push(event);
    }

    /// The event of an entry, which files never name before it is written down.
    pub(super) fn event(&self, entry: &Entry) -> &Event {
        &self.state.shipments[entry.shipment].packages[entry.parcel].events[entry.event]
    }

    /// Notes that an answer tells a parcel's events.
    pub(super) fn say(&mut self, number: &str) {
        let Some((shipment, parcel)) = self.place(number) else { return };
        let events = self.state.shipments[shipment].packages[parcel].events.iter().enumerate();
        let told = events.filter(|(_, event)| !event.scan.is_update());
        self.said.extend(told.map(|(event, _)| Entry { shipment, parcel, event }));
    }

    /// Writes Quantum View's files anew, in the order in which UPS learned of things.
    pub(super) fn refile(&mut self) {
        let mut entries = Vec::new();
        for (shipment, booked) in self.state.shipments.iter().enumerate() {
            for (parcel, package) in booked.packages.iter().enumerate() {
                let told = package.events.iter().enumerate();
                entries.extend(told.map(|(event, told)| (told.recorded, Entry { shipment, parcel, event })));
            }
        }
        entries.sort_by_key(|(recorded, _)| *recorded);
        self.files = Files::default();
        entries.into_iter().for_each(|(recorded, entry)| self.files.add(recorded, entry));
    }

    /// Writes a subscription down; it takes the place of an earlier one of the same parcel.
    pub(super) fn watch(&mut self, subscription: Subscription) {
        self.watches.insert(subscription.number.clone(), self.state.subscriptions.len());
        self.state.subscriptions.push(subscription);
    }

    /// The subscription of a parcel that is in force.
    pub(super) fn watched(&self, number: &str, now: Timestamp) -> Option<&Subscription> {
        let subscription = self.state.subscriptions.get(*self.watches.get(number)?)?;
        (subscription.until > now).then_some(subscription)
    }

    pub(super) fn by_reference(&self, reference: &str) -> Vec<&Shipment> {
        let found = self.by_reference.get(reference).map(Vec::as_slice).unwrap_or_default();
        found.iter().filter_map(|index| self.state.shipments.get(*index)).collect()
    }

    pub(super) fn record(&mut self, violations: &[Violation]) {
        self.state.violations += violations.len() as u64;
        let room = KEPT_VIOLATIONS.saturating_sub(self.state.contract_violations.len());
        self.state.contract_violations.extend(violations.iter().take(room).cloned());
    }
}
