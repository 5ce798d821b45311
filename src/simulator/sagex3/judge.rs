//! What should become of an order, judged from X3's own records alone.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::simulator::expectation::{Expectation, Reason};
use crate::simulator::places::{self, Address, Judgement};
use crate::simulator::ups::services;

/// The code of the carrier whose orders are shipped.
pub const CARRIER: &str = "UPS";

/// Delivery modes that stand for a service of the carrier.
pub const MODES: &[(&str, &str)] = &[("1", "03"), ("2", "02"), ("3", "01"), ("4", "12"), ("5", "11")];

/// The services among which the cheapest is chosen where the delivery mode names none.
pub const ALLOWED: &[&str] = &["03", "12", "02", "01", "11"];

/// Where purchase orders are delivered to.
pub const SITE: &str = "92618";

/// The products by their code.
pub type Items = BTreeMap<String, Map<String, Value>>;

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn menu(fields: &Map<String, Value>, name: &str) -> i64 {
    fields.get(name).and_then(Value::as_i64).unwrap_or_default()
}

/// Judges a sales order that ships from the United States: open, not delivered, for the carrier, not blocked.
pub fn sales(order: &Map<String, Value>, items: &Items) -> Expectation {
    let free = menu(order, "ORDSTA") == 1
        && menu(order, "DLVSTA") == 1
        && menu(order, "CDTSTA") == 1
        && menu(order, "HLDSTA") == 1;
    let lines = open(order, "SOHSOQ", |line| line["SOQSTA"] != 3);
    if !free || text(order, "BPTNUM") != CARRIER || lines.is_empty() {
        return Expectation::NotSelected;
    }
    let to = address(order, "BPDADDLIG", "BPD");
    ships(weight(&lines, "QTY", items), &to, &to, text(order, "MDL"))
}

/// Judges a purchase order that the supplier ships to us: signed, not closed, nothing received, for the carrier.
pub fn purchase(order: &Map<String, Value>, items: &Items) -> Expectation {
    let free = menu(order, "POHTYP") == 1
        && menu(order, "CLEFLG") == 1
        && menu(order, "RCPFLG") == 1
        && [3, 4, 5].contains(&menu(order, "APPFLG"));
    let lines = open(order, "POHPOQ", |line| line["LINCLEFLG"] != 2);
    if !free || text(order, "BPTNUM") != CARRIER || lines.is_empty() {
        return Expectation::NotSelected;
    }
    let to =
        Address { postal_code: SITE.into(), state: "CA".into(), country: "US".into(), ..Address::default() };
    ships(weight(&lines, "QTYUOM", items), &address(order, "BPOADDLIG", "BPO"), &to, text(order, "MDL"))
}

/// `asked` is the address that is in question: the recipient's, or the supplier's.
fn ships(weight: f64, asked: &Address, to: &Address, mode: &str) -> Expectation {
    if weight <= 0.0 {
        return Expectation::Parked(Reason::NoWeight);
    }
    if ["US", "PR"].contains(&asked.country.as_str()) {
        match places::judge(asked) {
            Judgement::Valid(_) => {}
            Judgement::Ambiguous(_) => return Expectation::Parked(Reason::AmbiguousAddress),
            Judgement::Unknown => return Expectation::Parked(Reason::UnknownAddress),
        }
    }
    let offered = services::offered("US", to);
    let goes = match MODES.iter().find(|(code, _)| *code == mode) {
        Some((_, service)) => offered.contains(service),
        None => ALLOWED.iter().any(|service| offered.contains(service)),
    };
    if goes { Expectation::Ships } else { Expectation::Parked(Reason::ServiceRefused) }
}

fn open<'a>(
    order: &'a Map<String, Value>,
    collection: &str,
    test: impl Fn(&Value) -> bool,
) -> Vec<&'a Value> {
    order.get(collection).and_then(Value::as_array).into_iter().flatten().filter(|line| test(line)).collect()
}

fn weight(lines: &[&Value], quantity: &str, items: &Items) -> f64 {
    let of = |line: &&Value| {
        let item = items.get(line["ITMREF"].as_str().unwrap_or_default());
        let weight = item.and_then(|item| item.get("ITMWEI")).and_then(Value::as_f64).unwrap_or_default();
        line[quantity].as_f64().unwrap_or_default() * weight
    };
    lines.iter().map(of).sum()
}

/// The ship-to (`BPD…`) or ship-from (`BPO…`) block of an order.
pub fn address(order: &Map<String, Value>, lines: &str, prefix: &str) -> Address {
    let part = |name: &str| text(order, &format!("{prefix}{name}")).to_owned();
    let lines = order.get(lines).and_then(Value::as_array).into_iter().flatten();
    Address {
        lines: lines.filter_map(Value::as_str).filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        city: part("CTY"),
        state: part("SAT"),
        postal_code: part("POSCOD").replace(['-', ' '], ""),
        country: part("CRY"),
    }
}
