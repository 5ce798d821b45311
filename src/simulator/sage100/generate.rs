//! Orders made up from a seed: the same seed and instant give the same books.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Map, Value, json};

use super::books::{Books, HISTORY, OPEN};
use super::catalogue::{self, Item};
use super::stamp::Stamp;
use super::table::Row;
use crate::simulator::dice::Dice;
use crate::simulator::orders::Orders;
use crate::simulator::places::{CANADA, CITIES, Place, REMOTE};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Heavy,
    UnknownAddress,
    AmbiguousAddress,
    RefusedService,
    Weightless,
    Canada,
    Closed,
    Hold,
    Quote,
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
        (Kind::Closed, orders.not_ready),
        (Kind::Hold, orders.not_ready),
        (Kind::Quote, orders.not_ready),
        (Kind::OtherCarrier, orders.not_ups),
        (Kind::NoCarrier, orders.not_ups),
    ];
    dice.deal(orders.count, &shares, Kind::Plain)
}

/// Adds made-up orders to the books, with the items and customers they need; gives their numbers.
pub(super) fn fill(books: &mut Books, orders: &Orders, zone: &TimeZone, now: Timestamp) -> Vec<String> {
    let first = books.expectations.len() + 1;
    let mut dice = Dice::new(orders.seed.wrapping_add(first as u64));
    stock(books, Stamp::at(now, zone));
    let instants = instants(orders, now, &mut dice);
    let kinds = kinds(orders, &mut dice);
    let mut numbers = Vec::with_capacity(orders.count);
    for (index, (kind, instant)) in kinds.into_iter().zip(instants).enumerate() {
        let number = format!("{:07}", 10_000 + first + index);
        let lines = lines(kind, &mut dice);
        let fields = header(&number, kind, instant, zone, &lines, &mut dice);
        let stamp = Some(Stamp::at(instant, zone));
        // Closed orders are still open records until their invoice is posted.
        books.table(OPEN).put(&number, Row { stamp, fields });
        books.lines.insert(number.clone(), lines);
        if let Some(expectation) = books.judge(&number) {
            books.expectations.insert(number.clone(), expectation);
        }
        numbers.push(number);
    }
    debug_assert!(books.tables.contains_key(HISTORY));
    numbers
}

/// Instants in ascending order; every tenth is that of its predecessor, as when orders are entered by import.
fn instants(orders: &Orders, now: Timestamp, dice: &mut Dice) -> Vec<Timestamp> {
    let span = u64::from(orders.days) * 86_400_000;
    let mut back: Vec<u64> = (0..orders.count).map(|_| dice.below(span)).collect();
    back.sort_unstable_by(|one, other| other.cmp(one));
    for index in 1..back.len() {
        if index % 10 == 0 {
            back[index] = back[index - 1];
        }
    }
    let before = |millis: u64| now - SignedDuration::from_millis(i64::try_from(millis).unwrap_or_default());
    back.into_iter().map(before).collect()
}

fn header(
    number: &str,
    kind: Kind,
    instant: Timestamp,
    zone: &TimeZone,
    lines: &[Value],
    dice: &mut Dice,
) -> Map<String, Value> {
    let entered = instant.to_zoned(zone.clone()).date();
    let dated =
        entered.checked_sub(i64::try_from(dice.below(3)).unwrap_or_default().days()).unwrap_or(entered);
    let customer = dice.below(catalogue::NAMES.len() as u64);
    let name = dice.pick(catalogue::NAMES).copied().unwrap_or_default();
    let kind_letter = match kind {
        Kind::Quote => "Q",
        _ if dice.chance(0.05) => "B",
        _ => "S",
    };
    let status = match kind {
        Kind::Closed => "C",
        Kind::Hold => "H",
        _ if dice.chance(0.5) => "N",
        _ => "O",
    };
    let mut fields = Map::new();
    let mut set = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    set("SalesOrderNo", json!(number));
    set("OrderDate", json!(dated.to_string()));
    set("OrderType", json!(kind_letter));
    set("OrderStatus", json!(status));
    set("ARDivisionNo", json!("01"));
    set("CustomerNo", json!(format!("CUST{customer:03}")));
    set("ShipToName", json!(name));
    set("ConfirmTo", json!(dice.pick(catalogue::CONTACTS)));
    set("ShipToTelephoneNo", json!(format!("(555) 555-01{:02}", dice.below(100))));
    set("CustomerPONo", json!(format!("PO-{}", dice.between(1_000, 9_999))));
    set("WarehouseCode", json!("001"));
    set("EmailAddress", json!("orders@example.com"));
    set("TaxableAmt", json!(amount(lines)));
    ship_to(kind, &mut fields, dice);
    fields
}

fn ship_to(kind: Kind, fields: &mut Map<String, Value>, dice: &mut Dice) {
    let street = dice.pick(catalogue::STREETS).copied().unwrap_or_default();
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
    let usual = ["UPS GROUND", "UPS GROUND", "UPS GROUND", "UPS 2DAY", "UPS BLUE", "UPS RED", "UPS 3DAY"];
    let ship_via = match kind {
        Kind::OtherCarrier => "FEDEX GROUND",
        Kind::NoCarrier => "",
        Kind::Canada => "UPS STANDARD",
        Kind::RefusedService => "UPS RED",
        _ => dice.pick(&usual).copied().unwrap_or_default(),
    };
    // Sage holds postal codes as people write them: with four more digits after a dash, or a space in Canada.
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
    set("ShipToAddress1", &line);
    if dice.chance(0.3) {
        set("ShipToAddress2", &format!("Suite {}", dice.between(100, 999)));
    }
    set("ShipToCity", place.city);
    set("ShipToState", place.state);
    set("ShipToZipCode", &postal_code);
    set("ShipToCountryCode", country);
    set("ShipVia", ship_via);
}

fn lines(kind: Kind, dice: &mut Dice) -> Vec<Value> {
    let count = match kind {
        Kind::Heavy => dice.between(1, 2),
        _ => dice.between(1, 6),
    };
    let line = |index: u64| {
        let items: &[Item] = match kind {
            Kind::Heavy => catalogue::HEAVY,
            Kind::Weightless => catalogue::WEIGHTLESS,
            _ => catalogue::ITEMS,
        };
        let quantity = if kind == Kind::Heavy { dice.between(2, 4) } else { dice.between(1, 2) };
        let (code, description, weight, cents) = dice.pick(items).copied().unwrap_or(("", "", "0", 0));
        json!({
            "LineKey": format!("{:06}", index + 1),
            "ItemCode": code,
            "ItemCodeDesc": description,
            "UnitOfMeasure": "EACH",
            "WarehouseCode": "001",
            "QuantityOrdered": quantity,
            "UnitPrice": cents as f64 / 100.0,
            "UnitWeight": weight.parse::<f64>().unwrap_or_default(),
        })
    };
    (0..count).map(line).collect()
}

fn amount(lines: &[Value]) -> f64 {
    let number = |line: &Value, name: &str| line[name].as_f64().unwrap_or_default();
    lines.iter().map(|line| number(line, "QuantityOrdered") * number(line, "UnitPrice")).sum()
}

/// Items, stock and customers.
fn stock(books: &mut Books, stamp: Stamp) {
    if !books.tables["CI_Item"].is_empty() {
        return;
    }
    for (code, description, weight, cents) in
        catalogue::ITEMS.iter().chain(catalogue::HEAVY).chain(catalogue::WEIGHTLESS)
    {
        // Services and gift cards sell to an account of their own.
        let account = if *weight == "0" { "00000000B" } else { "00000000A" };
        let digits = code.bytes().fold(7u64, |sum, byte| (sum * 31 + u64::from(byte)) % 100_000);
        let item = json!({
            "ItemCode": code, "ItemCodeDesc": description, "ShipWeight": weight, "StandardUnitPrice": *cents as f64 / 100.0,
            "SalesIncomeAcctKey": account, "UDF_UPC_CODE": format!("0036000{digits:05}"),
        });
        put(books, "CI_Item", code, item, stamp);
        for (warehouse, on_hand) in [("001", 500), ("002", digits % 90)] {
            let shelf = json!({
                "ItemCode": code, "WarehouseCode": warehouse, "QuantityOnHand": on_hand, "QuantityOnSalesOrder": 0,
                "QuantityOnBackOrder": 0, "QuantityOnPurchaseOrder": 0, "QuantityInShipping": 0,
            });
            put(books, "IM_ItemWarehouse", &format!("{code}~{warehouse}"), shelf, stamp);
        }
    }
    for (key, account, title) in
        [("00000000A", "400-02-00", "Sales - merchandise"), ("00000000B", "410-02-00", "Sales - services")]
    {
        let account = json!({ "AccountKey": key, "Account": account, "AccountDesc": title });
        put(books, "GL_Account", key, account, stamp);
    }
    for (index, name) in catalogue::NAMES.iter().enumerate() {
        let number = format!("CUST{index:03}");
        let customer = json!({
            "ARDivisionNo": "01", "CustomerNo": number, "CustomerName": name, "TelephoneNo": "(555) 555-0100",
        });
        put(books, "AR_Customer", &format!("01~{number}"), customer, stamp);
    }
}

fn put(books: &mut Books, table: &'static str, key: &str, record: Value, stamp: Stamp) {
    let fields = record.as_object().cloned().unwrap_or_default();
    books.table(table).put(key, Row { stamp: Some(stamp), fields });
}
