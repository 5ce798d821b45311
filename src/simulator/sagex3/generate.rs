//! Orders made up from a seed: the same seed and instant give the same books.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::books::{Books, Record, stamp};
use super::catalogue::{self, Item};
use super::dictionary::{BPADDRESS, ITMMASTER, PORDER, SORDER};
use crate::simulator::dice::Dice;
use crate::simulator::places::{CANADA, CITIES, Place, REMOTE};

/// The site of all generated orders.
pub const SITE: &str = "NA011";
/// Who enters orders.
const CLERKS: &[&str] = &["ADMIN", "MJONE", "PBUYR"];

/// How many orders of which kind are made up. Shares are of the count; what is left are plain orders for the carrier.
#[derive(Debug, Clone)]
pub struct Orders {
    /// What they are made from.
    pub seed: u64,
    /// How many sales orders.
    pub count: usize,
    /// How many purchase orders.
    pub purchases: usize,
    /// Over how many days before now their stamps are spread; 0 stamps them all now.
    pub days: u32,
    /// Addresses that nobody knows.
    pub unknown_address: f64,
    /// Addresses that could be several.
    pub ambiguous_address: f64,
    /// Sales orders whose service does not go where they go.
    pub refused_service: f64,
    /// Orders of products without weight.
    pub weightless: f64,
    /// Orders of more than one parcel.
    pub heavy: f64,
    /// Sales orders to Canada.
    pub canada: f64,
    /// Orders whose delivery mode names no service.
    pub any_service: f64,
    /// Orders that are closed, that are blocked, and that are delivered or received already, each.
    pub not_ready: f64,
    /// Orders for another carrier, and orders for none, each.
    pub not_ups: f64,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            seed: 1,
            count: 50,
            purchases: 15,
            days: 5,
            unknown_address: 0.015,
            ambiguous_address: 0.015,
            refused_service: 0.02,
            weightless: 0.01,
            heavy: 0.08,
            canada: 0.02,
            any_service: 0.15,
            not_ready: 0.02,
            not_ups: 0.03,
        }
    }
}

impl Orders {
    /// Only plain orders: so many sales orders and purchase orders.
    pub fn plain(count: usize, purchases: usize) -> Self {
        Self {
            count,
            purchases,
            unknown_address: 0.0,
            ambiguous_address: 0.0,
            refused_service: 0.0,
            weightless: 0.0,
            heavy: 0.0,
            canada: 0.0,
            any_service: 0.0,
            not_ready: 0.0,
            not_ups: 0.0,
            ..Self::default()
        }
    }

    /// The kinds in random order. From twenty orders on, every kind whose share is not zero occurs.
    fn kinds(&self, count: usize, sales: bool, dice: &mut Dice) -> Vec<Kind> {
        let abroad = |share| if sales { share } else { 0.0 };
        let shares = [
            (Kind::UnknownAddress, self.unknown_address),
            (Kind::AmbiguousAddress, self.ambiguous_address),
            (Kind::RefusedService, abroad(self.refused_service)),
            (Kind::Weightless, self.weightless),
            (Kind::Heavy, self.heavy),
            (Kind::Canada, abroad(self.canada)),
            (Kind::AnyService, self.any_service),
            (Kind::Closed, self.not_ready),
            (Kind::Blocked, self.not_ready),
            (Kind::Moved, self.not_ready),
            (Kind::OtherCarrier, self.not_ups),
            (Kind::NoCarrier, self.not_ups),
        ];
        dice.deal(count, &shares, Kind::Plain)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Heavy,
    UnknownAddress,
    AmbiguousAddress,
    RefusedService,
    Weightless,
    Canada,
    AnyService,
    Closed,
    Blocked,
    Moved,
    OtherCarrier,
    NoCarrier,
}

/// Adds made-up orders to the books, with the products and addresses they need; gives their numbers.
pub(super) fn fill(books: &mut Books, orders: &Orders, now: Timestamp) -> Vec<String> {
    stock(books, now);
    let first = books.table(SORDER).len() + books.table(PORDER).len();
    let mut dice = Dice::new(orders.seed.wrapping_add(first as u64 + 1));
    let mut numbers = Vec::with_capacity(orders.count + orders.purchases);
    for (class, count, prefix) in [(SORDER, orders.count, "SON"), (PORDER, orders.purchases, "PO")] {
        let before = books.table(class).len();
        let kinds = orders.kinds(count, class == SORDER, &mut dice);
        let instants = instants(orders, count, now, &mut dice);
        for (index, (kind, instant)) in kinds.into_iter().zip(instants).enumerate() {
            let number = format!("{prefix}{SITE}{:04}", before + index + 1);
            let record = match class {
                SORDER => sales_order(books, &number, kind, instant, &mut dice),
                _ => purchase_order(&number, kind, instant, &mut dice),
            };
            books.put(class, record, instant);
            books.judge(class, &number);
            numbers.push(number);
        }
    }
    numbers
}

/// Instants in ascending order; every tenth is in the second of its predecessor, as when orders are imported.
fn instants(orders: &Orders, count: usize, now: Timestamp, dice: &mut Dice) -> Vec<Timestamp> {
    let span = u64::from(orders.days) * 86_400;
    let mut back: Vec<u64> = (0..count).map(|_| dice.below(span)).collect();
    back.sort_unstable_by(|one, other| other.cmp(one));
    for index in 1..back.len() {
        if index % 10 == 0 {
            back[index] = back[index - 1];
        }
    }
    let before = |seconds: u64| now - SignedDuration::from_secs(i64::try_from(seconds).unwrap_or_default());
    back.into_iter().map(before).collect()
}

fn day(instant: Timestamp, later: i64) -> String {
    let date = instant.to_zoned(TimeZone::UTC).date();
    date.saturating_add(jiff::Span::new().days(later)).to_string()
}

fn sales_order(books: &mut Books, number: &str, kind: Kind, instant: Timestamp, dice: &mut Dice) -> Record {
    let customer = dice.below(catalogue::CUSTOMERS.len() as u64);
    let name = catalogue::CUSTOMERS[customer as usize];
    let code = format!("NA{:03}", customer + 1);
    let lines = lines(kind, dice);
    let (place, street) = place(kind, dice);
    let mode = mode(kind, dice);
    let mut fields = object(json!({
        "SOHNUM": number, "SOHTYP": "SON", "SALFCY": SITE, "STOFCY": SITE, "BPCORD": code, "BPAADD": "A01",
        "ORDDAT": day(instant, 0), "SHIDAT": day(instant, 2), "DEMDLVDAT": day(instant, 6),
        "CUSORDREF": format!("PO-{}", dice.between(10_000, 99_999)),
        "ORDSTA": if kind == Kind::Closed { 2 } else { 1 },
        "DLVSTA": if kind == Kind::Moved { 3 } else { 1 },
        "INVSTA": 1, "ALLSTA": 1,
        "CDTSTA": if kind == Kind::Blocked && dice.chance(0.5) { 2 } else { 1 },
        "HLDSTA": 1,
        "CNDNAM": dice.pick(catalogue::CONTACTS),
        "BPDNAM": [name, ""],
        "BPDADDLIG": [street, if dice.chance(0.3) { format!("Unit {}", dice.between(1, 40)) } else { String::new() }, ""],
        "BPDPOSCOD": postal_code(kind, place, dice), "BPDCTY": place.city, "BPDSAT": place.state,
        "BPDCRY": if kind == Kind::Canada { "CA" } else { "US" },
        "BPTNUM": carrier(kind), "MDL": mode, "EECICT": "DAP", "CUR": "USD",
        "DSPWEU": "LB", "DSPVOU": "IN3", "CREDATTIM": stamp(instant), "CREUSR": dice.pick(CLERKS),
        "UPDUSR": dice.pick(CLERKS),
    }));
    if kind == Kind::Blocked && fields["CDTSTA"] == 1 {
        fields.insert("HLDSTA".into(), json!(2));
    }
    let mut price_lines = Vec::new();
    let mut quantity_lines = Vec::new();
    for (index, (item, quantity)) in lines.iter().enumerate() {
        let line = (index + 1) * 1000;
        price_lines.push(json!({
            "SOPLIN": line, "ITMREF": item.0, "ITMDES": item.1, "SAU": "UN", "GROPRI": item.6 as f64 / 100.0,
        }));
        quantity_lines.push(json!({
            "SOPLIN": line, "SOQSEQ": line, "ITMREF": item.0, "QTY": quantity, "SHIDAT": day(instant, 2),
            "SOQSTA": if kind == Kind::Closed { 3 } else { 1 },
        }));
    }
    if kind == Kind::Plain && lines.len() > 2 && dice.chance(0.2) {
        // A line that was closed while the order is open: it does not ship.
        quantity_lines[0]["SOQSTA"] = json!(3);
    }
    fields.insert("ORDNOT".into(), json!(amount(&lines)));
    fields.insert("SOHSOP".into(), with_ids(number, "SOP", price_lines));
    fields.insert("SOHSOQ".into(), with_ids(number, "SOQ", quantity_lines));
    contact(books, &code, name, instant, dice);
    fields
}

fn purchase_order(number: &str, kind: Kind, instant: Timestamp, dice: &mut Dice) -> Record {
    let supplier = dice.below(catalogue::SUPPLIERS.len() as u64);
    let lines = lines(kind, dice);
    let (place, street) = place(kind, dice);
    let mode = mode(kind, dice);
    let mut fields = object(json!({
        "POHNUM": number, "POHTYP": 1, "POHFCY": SITE, "RCPFCY": SITE, "BPSNUM": format!("SU{:03}", supplier + 1),
        "ORDDAT": day(instant, 0), "ORDREF": format!("R{}", dice.between(100, 999)), "EXTRCPDAT1": day(instant, 9),
        "APPFLG": if kind == Kind::Blocked { 1 } else { 4 },
        "CLEFLG": if kind == Kind::Closed { 2 } else { 1 },
        "RCPFLG": if kind == Kind::Moved { 3 } else { 1 },
        "BPOADD": "A01", "BPONAM": [catalogue::SUPPLIERS[supplier as usize], ""],
        "BPOADDLIG": [street, "", ""], "BPOPOSCOD": postal_code(kind, place, dice), "BPOCTY": place.city,
        "BPOSAT": place.state, "BPOCRY": "US",
        "BPTNUM": carrier(kind), "MDL": mode, "CUR": "USD", "DSPWEU": "LB", "DSPVOU": "IN3",
        "CREDATTIM": stamp(instant), "CREUSR": "PBUYR", "UPDUSR": dice.pick(CLERKS),
    }));
    let line = |index: usize| (index + 1) * 1000;
    let price_lines = lines.iter().enumerate().map(|(index, (item, _))| {
        json!({ "POPLIN": line(index), "ITMREF": item.0, "ITMDES": item.1, "GROPRI": item.6 as f64 / 100.0 })
    });
    fields.insert("POHPOP".into(), with_ids(number, "POP", price_lines.collect()));
    let quantity_lines = lines.iter().enumerate().map(|(index, (item, quantity))| {
        json!({
            "POPLIN": line(index), "POQSEQ": line(index), "ITMREF": item.0, "QTYUOM": quantity, "UOM": "UN",
            "LINCLEFLG": if kind == Kind::Closed { 2 } else { 1 }, "RCPQTYSTU": 0,
        })
    });
    fields.insert("POHPOQ".into(), with_ids(number, "POQ", quantity_lines.collect()));
    fields.insert("TOTORD".into(), json!(amount(&lines)));
    fields
}

fn carrier(kind: Kind) -> &'static str {
    match kind {
        Kind::OtherCarrier => "FEDEX",
        Kind::NoCarrier => "",
        _ => "UPS",
    }
}

fn mode(kind: Kind, dice: &mut Dice) -> &'static str {
    match kind {
        Kind::AnyService => "",
        Kind::Canada => "5",
        Kind::RefusedService => "3",
        _ => dice.pick(&["1", "1", "1", "2", "3", "4"]).copied().unwrap_or("1"),
    }
}

fn place(kind: Kind, dice: &mut Dice) -> (&'static Place, String) {
    let places: &'static [Place] = match kind {
        Kind::Canada => CANADA,
        Kind::RefusedService => REMOTE,
        _ => CITIES,
    };
    let index = dice.below(places.len() as u64) as usize;
    let street = dice.pick(catalogue::STREETS).copied().unwrap_or_default();
    let house = dice.between(1, 9_899);
    let line = match kind {
        Kind::UnknownAddress => format!("{house} Does Not Exist St"),
        Kind::AmbiguousAddress => format!("Old {street}"),
        _ => format!("{house} {street}"),
    };
    (&places[index], line)
}

/// As people write them: with four more digits after a dash, or a space in Canada.
fn postal_code(kind: Kind, place: &Place, dice: &mut Dice) -> String {
    match kind {
        Kind::Canada => format!("{} {}", &place.postal_code[..3], &place.postal_code[3..]),
        _ if dice.chance(0.2) => format!("{}-{:04}", place.postal_code, dice.between(1, 9_998)),
        _ => place.postal_code.to_owned(),
    }
}

fn lines(kind: Kind, dice: &mut Dice) -> Vec<(Item, u64)> {
    let (items, most): (&[Item], u64) = match kind {
        Kind::Heavy => (catalogue::HEAVY, 2),
        Kind::Weightless => (catalogue::WEIGHTLESS, 2),
        _ => (catalogue::ITEMS, 4),
    };
    (0..dice.between(1, most))
        .filter_map(|_| {
            let quantity = if kind == Kind::Heavy { dice.between(4, 6) } else { dice.between(1, 3) };
            dice.pick(items).map(|item| (*item, quantity))
        })
        .collect()
}

fn amount(lines: &[(Item, u64)]) -> f64 {
    lines.iter().map(|(item, quantity)| item.6 * quantity).sum::<u64>() as f64 / 100.0
}

fn with_ids(number: &str, table: &str, lines: Vec<Value>) -> Value {
    let give = |(index, line): (usize, Value)| {
        let mut shown = Map::from_iter([(
            "$uuid".to_owned(),
            json!(super::books::uuid(&format!("{number} {table} {index}"))),
        )]);
        shown.extend(line.as_object().cloned().unwrap_or_default());
        Value::Object(shown)
    };
    lines.into_iter().enumerate().map(give).collect()
}

fn object(value: Value) -> Record {
    value.as_object().cloned().unwrap_or_default()
}

/// The customer's address record, which is where the telephone is.
fn contact(books: &mut Books, customer: &str, name: &str, instant: Timestamp, dice: &mut Dice) {
    let record = object(json!({
        "BPATYP": 1, "BPANUM": customer, "BPAADD": "A01", "BPADES": name,
        "TEL": [format!("(555) 555-01{:02}", dice.below(100)), "", "", "", ""],
    }));
    if !books.table(BPADDRESS).contains_key(&format!("1~{customer}~A01")) {
        books.put(BPADDRESS, record, instant);
    }
}

fn stock(books: &mut Books, now: Timestamp) {
    if !books.table(ITMMASTER).is_empty() {
        return;
    }
    for item in catalogue::ITEMS.iter().chain(catalogue::HEAVY).chain(catalogue::WEIGHTLESS) {
        let (code, description, weight, weight_unit, volume, volume_unit, _) = *item;
        let record = object(json!({
            "ITMREF": code, "ITMDES1": description, "STU": "UN", "SAU": "UN",
            "ITMWEI": weight, "WEU": weight_unit, "ITMVOU": volume, "VOU": volume_unit,
        }));
        books.put(ITMMASTER, record, now);
    }
}
