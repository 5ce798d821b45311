//! Orders made up from a seed: the same seed and instant give the same books.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value, json};

use super::books::{Books, day_text};
use crate::simulator::dice::Dice;
use crate::simulator::orders::Orders;
use crate::simulator::places::{CANADA, CITIES, Place, REMOTE};
use crate::simulator::sage100::catalogue::{CONTACTS, HEAVY, ITEMS, Item, NAMES, STREETS, WEIGHTLESS};

/// The shipping codes that are UPS's, each with the words by which every ERP's orders are judged.
pub const SHIP_VIA: &[(&str, &str)] = &[
    ("UPSGND", "UPS GROUND"),
    ("UPS2DA", "UPS 2DAY"),
    ("UPSNDA", "UPS RED"),
    ("UPS3DS", "UPS 3DAY"),
    ("UPSSTD", "UPS STANDARD"),
];

/// Names that need more than ASCII, which SYSPRO keeps in Windows-1252.
const NAMES_BEYOND_ASCII: &[&str] = &["Café Olé Trading", "Müller & Söhne", "Señor Muñoz Imports"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Heavy,
    UnknownAddress,
    AmbiguousAddress,
    RefusedService,
    Weightless,
    Canada,
    Open,
    Suspense,
    Complete,
    OtherCarrier,
    NoCarrier,
}

/// The kinds in random order.
fn kinds(orders: &Orders, dice: &mut Dice) -> Vec<Kind> {
    let shares = [
        (Kind::UnknownAddress, orders.unknown_address),
        (Kind::AmbiguousAddress, orders.ambiguous_address),
        (Kind::RefusedService, orders.refused_service),
        (Kind::Weightless, orders.weightless),
        (Kind::Heavy, orders.heavy),
        (Kind::Canada, orders.canada),
        (Kind::Open, orders.not_ready),
        (Kind::Suspense, orders.not_ready),
        (Kind::Complete, orders.not_ready),
        (Kind::OtherCarrier, orders.not_ups),
        (Kind::NoCarrier, orders.not_ups),
    ];
    dice.deal(orders.count, &shares, Kind::Plain)
}

/// Adds made-up orders to the books, with the items they need; gives their numbers.
pub(super) fn fill(books: &mut Books, orders: &Orders, zone: &TimeZone, now: Timestamp) -> Vec<String> {
    let first = books.orders.len() + 1;
    let mut dice = Dice::new(orders.seed.wrapping_add(first as u64));
    for (code, description, weight, _) in ITEMS.iter().chain(HEAVY).chain(WEIGHTLESS) {
        let mass: f64 = weight.parse().unwrap_or_default();
        let item = json!({
            "StockCode": code, "Description": description, "LongDesc": "", "StockUom": "EA", "Mass": mass, "Volume": 0.0,
        });
        books.items.insert((*code).to_owned(), item.as_object().cloned().unwrap_or_default());
    }
    for (index, name) in NAMES.iter().enumerate() {
        let number = format!("{:015}", index + 1);
        let contact = CONTACTS[index % CONTACTS.len()];
        let customer = json!({
            "Customer": number, "Name": name, "Contact": contact, "Telephone": format!("(555) 555-01{index:02}"),
            "Email": "orders@example.com",
        });
        books.customers.insert(number, customer.as_object().cloned().unwrap_or_default());
    }
    let today = now.to_zoned(zone.clone()).date();
    let kinds = kinds(orders, &mut dice);
    let mut numbers = Vec::with_capacity(orders.count);
    for (index, kind) in kinds.into_iter().enumerate() {
        let number = format!("{:015}", 1000 + first + index);
        let lines = lines(&number, kind, &mut dice);
        let fields = header(&number, kind, (today, orders.days), &mut dice);
        books.add(&number, fields, lines);
        numbers.push(number);
    }
    numbers
}

fn header(number: &str, kind: Kind, (today, days): (Date, u32), dice: &mut Dice) -> Map<String, Value> {
    let back = |days: u64| i64::try_from(days).unwrap_or_default().days();
    let printed = today.checked_sub(back(dice.below(u64::from(days) + 1))).unwrap_or(today);
    let entered = printed.checked_sub(back(dice.below(4))).unwrap_or(printed);
    let status = match kind {
        Kind::Open => "1",
        Kind::Suspense => "S",
        Kind::Complete => "9",
        _ => "4",
    };
    let printed = if ["1", "S"].contains(&status) { Value::Null } else { json!(day_text(printed)) };
    let customer = dice.below(NAMES.len() as u64);
    let names = if dice.chance(0.15) { NAMES_BEYOND_ASCII } else { NAMES };
    let mut fields = Map::new();
    let mut set = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    set("SalesOrder", json!(number));
    set("OrderStatus", json!(status));
    set("ActiveFlag", json!(if status == "9" { "N" } else { "Y" }));
    set("CancelledFlag", json!(""));
    set("DocumentType", json!("O"));
    set("Customer", json!(format!("{:015}", customer + 1)));
    set("CustomerPoNumber", json!(format!("PO-{}", dice.between(1_000, 9_999))));
    set("OrderDate", json!(day_text(entered)));
    set("EntrySystemDate", json!(day_text(entered)));
    set("ReqShipDate", json!(day_text(entered.checked_add(2.days()).unwrap_or(entered))));
    set("DateLastDocPrt", printed);
    set("DateLastInvPrt", Value::Null);
    set("CaptureHh", json!(dice.between(7, 18)));
    set("CaptureMm", json!(dice.below(60)));
    set("ShippingInstrs", json!(""));
    set("ShippingInstrsCod", json!(""));
    set("SpecialInstrs", json!(""));
    set("LastInvoice", json!(""));
    set("DeliveryNote", json!(if status == "4" { "1" } else { "" }));
    set("LastDelNote", Value::Null);
    set("Warehouse", json!("N"));
    set("CustomerName", json!(dice.pick(names)));
    set("State", json!(""));
    set("MultiShipCode", json!(""));
    set("Email", json!("orders@example.com"));
    set("NumDispatches", json!(0));
    set("LiveDispExist", json!("N"));
    set("InterWhSale", json!("N"));
    set("DetailStatus", json!("0"));
    set("LastOperator", json!("KATE"));
    ship_to(kind, &mut fields, dice);
    fields
}

fn ship_to(kind: Kind, fields: &mut Map<String, Value>, dice: &mut Dice) {
    let street = dice.pick(STREETS).copied().unwrap_or_default();
    let house = dice.between(1, 9_899);
    let places: &[Place] = match kind {
        Kind::Canada => CANADA,
        Kind::RefusedService => REMOTE,
        _ => CITIES,
    };
    let Some(place) = dice.pick(places) else { return };
    let line = match kind {
        Kind::UnknownAddress => format!("{house} Does Not Exist St"),
        Kind::AmbiguousAddress => street.to_owned(),
        _ => format!("{house} {street}"),
    };
    let usual = ["UPSGND", "UPSGND", "UPSGND", "UPS2DA", "UPSNDA", "UPS3DS"];
    let code = match kind {
        Kind::OtherCarrier => "FEDEX",
        Kind::NoCarrier => "",
        Kind::Canada => "UPSSTD",
        Kind::RefusedService => "UPSNDA",
        _ => dice.pick(&usual).copied().unwrap_or_default(),
    };
    let postal_code = match kind {
        Kind::Canada => format!("{} {}", &place.postal_code[..3], &place.postal_code[3..]),
        _ if dice.chance(0.2) => format!("{}-{:04}", place.postal_code, dice.between(1, 9_998)),
        _ => place.postal_code.to_owned(),
    };
    let country = match kind {
        Kind::Canada => "CAN",
        _ if dice.chance(0.1) => "",
        _ => "USA",
    };
    let mut set = |key: &str, value: &str| fields.insert(key.to_owned(), json!(value));
    set("ShipAddress1", &line);
    set(
        "ShipAddress2",
        &if dice.chance(0.3) { format!("Suite {}", dice.between(100, 999)) } else { String::new() },
    );
    set("ShipAddress3", place.city);
    set("ShipAddress3Loc", "");
    set("ShipAddress4", place.state);
    set("ShipAddress5", country);
    set("ShipPostalCode", &postal_code);
    set("ShippingInstrsCod", code);
    set("ShippingInstrs", SHIP_VIA.iter().find(|(known, _)| *known == code).map_or("", |(_, words)| words));
}

fn lines(number: &str, kind: Kind, dice: &mut Dice) -> Vec<Map<String, Value>> {
    let count = if kind == Kind::Heavy { dice.between(1, 2) } else { dice.between(1, 5) };
    let mut lines: Vec<Map<String, Value>> =
        (1..=count).map(|index| merchandise(number, index, kind, dice)).collect();
    // A comment line has neither stock nor weight.
    if dice.chance(0.3) {
        let comment = json!({
            "SalesOrder": number, "SalesOrderLine": count + 1, "LineType": "6", "NComment": "Handle with care", "MStockCode": "",
            "MOrderQty": 0.0, "MShipQty": 0.0, "MBackOrderQty": 0.0, "MPrice": 0.0,
        });
        lines.extend(comment.as_object().cloned());
    }
    lines
}

fn merchandise(number: &str, index: u64, kind: Kind, dice: &mut Dice) -> Map<String, Value> {
    let items: &[Item] = match kind {
        Kind::Heavy => HEAVY,
        Kind::Weightless => WEIGHTLESS,
        _ => ITEMS,
    };
    let quantity = if kind == Kind::Heavy { dice.between(2, 4) } else { dice.between(1, 2) };
    // What is back-ordered stays behind.
    let behind = if kind != Kind::Heavy && dice.chance(0.1) { 1 } else { 0 };
    let (code, description, _, cents) = dice.pick(items).copied().unwrap_or(("", "", "0", 0));
    let line = json!({
        "SalesOrder": number, "SalesOrderLine": index, "LineType": "1", "MStockCode": code, "MStockDes": description,
        "MWarehouse": "N", "MOrderQty": (quantity + behind) as f64, "MShipQty": quantity as f64,
        "MBackOrderQty": behind as f64, "MOrderUom": "EA", "MPrice": cents as f64 / 100.0, "NComment": "",
    });
    line.as_object().cloned().unwrap_or_default()
}
