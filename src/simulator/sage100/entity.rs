//! Sales orders as the web services write and read them: members in the order of their names, columns as text.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::soap::{NAMESPACE, NULL_DATE, too_long};
use super::table::Row;
use super::xml::{self, Element};

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Sage says why.
    Known {
        /// `ErrorCode` of the `MasFault`.
        code: &'static str,
        /// `ErrorMessage`.
        message: String,
    },
    /// "An exception occurred."
    Unexpected,
}

impl Fault {
    pub(super) fn known(code: &'static str, message: &str) -> Self {
        Self::Known { code, message: message.to_owned() }
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Text of at most so many characters.
    Text(usize),
    Date,
    Number,
}

/// The columns that clients may set, with their lengths (columns of a live Sage 100 mirror).
const COLUMNS: &[(&str, Kind)] = &[
    ("ARDivisionNo", Kind::Text(2)),
    ("ConfirmTo", Kind::Text(30)),
    ("CustomerNo", Kind::Text(20)),
    ("CustomerPONo", Kind::Text(30)),
    ("EmailAddress", Kind::Text(250)),
    ("FreightAmt", Kind::Number),
    ("OrderDate", Kind::Date),
    ("OrderStatus", Kind::Text(1)),
    ("OrderType", Kind::Text(1)),
    ("ShipExpireDate", Kind::Date),
    ("ShipToAddress1", Kind::Text(40)),
    ("ShipToAddress2", Kind::Text(40)),
    ("ShipToAddress3", Kind::Text(40)),
    ("ShipToCity", Kind::Text(30)),
    ("ShipToCode", Kind::Text(4)),
    ("ShipToCountryCode", Kind::Text(3)),
    ("ShipToName", Kind::Text(50)),
    ("ShipToState", Kind::Text(2)),
    ("ShipToZipCode", Kind::Text(10)),
    ("ShipVia", Kind::Text(15)),
    ("WarehouseCode", Kind::Text(3)),
];

/// Columns that Sage keeps itself, whatever a client sends.
const OWN: &[&str] = &["SalesOrderNo", "CurrentInvoiceNo", "LastInvoiceOrderNo", "TaxableAmt"];

/// What the agent joins to a header; no columns of it.
const JOINED: &[&str] = &["ShipToTelephoneNo"];

/// The parts of an operation's wrapper in their declared order; what comes out of order is not seen.
pub fn parts<'e>(wrapper: &'e Element, order: &[&str]) -> Vec<&'e Element> {
    let mut next = 0;
    let mut seen = Vec::new();
    for child in &wrapper.children {
        let at = order.iter().position(|name| *name == child.name);
        if let Some(at) = at.filter(|at| *at >= next && child.namespace == NAMESPACE) {
            next = at + 1;
            seen.push(child);
        }
    }
    seen
}

/// The members of an entity that are seen, and how many were skipped: they come in the order of their names.
pub fn members(entity: &Element) -> (Vec<&Element>, u64) {
    let (mut last, mut skipped) = ("", 0);
    let mut seen = Vec::new();
    for child in &entity.children {
        if child.namespace == NAMESPACE && child.name.as_str() > last {
            last = &child.name;
            seen.push(child);
        } else {
            skipped += 1;
        }
    }
    (seen, skipped)
}

/// A member's text; empty without one.
pub fn text(members: &[&Element], name: &str) -> String {
    let member = members.iter().find(|member| member.name == name && !member.nil);
    member.map(|member| member.text.clone()).unwrap_or_default()
}

/// A decimal number.
pub fn number(text: &str) -> Option<Value> {
    text.trim()
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .map(|number| if number.fract() == 0.0 { json!(number as i64) } else { json!(number) })
}

/// An order as `GetSalesOrderResult` holds it.
pub fn written(row: &Row, lines: &[Value]) -> String {
    let mut members: BTreeMap<String, String> = BTreeMap::new();
    let mut other = String::new();
    for (name, value) in &row.fields {
        if name.starts_with("UDF_") {
            other.push_str(&format!(
                "<Field>{}{}</Field>",
                xml::element("MasFieldName", &marked(name, value)),
                xml::element("Value", &plain(name, value))
            ));
        } else if !JOINED.contains(&name.as_str()) && !value.is_null() {
            members.insert(name.clone(), xml::element(name, &plain(name, value)));
        }
    }
    let lines: String =
        lines.iter().map(|line| format!("<SalesOrderLine>{}</SalesOrderLine>", line_fields(line))).collect();
    members.insert("Lines".into(), format!("<Lines>{lines}</Lines>"));
    members.insert("OtherFields".into(), format!("<OtherFields>{other}</OtherFields>"));
    members.into_values().collect()
}

/// The weight is the agent's own, joined from the item.
fn line_fields(line: &Value) -> String {
    let mut line = line.as_object().cloned().unwrap_or_default();
    line.remove("UnitWeight");
    fields(&line)
}

/// Columns as members.
pub fn fields(columns: &Map<String, Value>) -> String {
    let sorted: BTreeMap<&String, &Value> = columns.iter().filter(|(_, value)| !value.is_null()).collect();
    sorted.into_iter().map(|(name, value)| xml::element(name, &plain(name, value))).collect()
}

/// Names of text columns carry a `$`, as everywhere in Sage's business framework.
fn marked(name: &str, value: &Value) -> String {
    if value.is_number() { name.to_owned() } else { format!("{name}$") }
}

fn plain(name: &str, value: &Value) -> String {
    match value {
        Value::Number(number) if name.ends_with("Price") || name.ends_with("Amt") => {
            format!("{:.4}", number.as_f64().unwrap_or_default())
        }
        Value::String(text) if name.ends_with("Date") => format!("{text}T00:00:00"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// An order's columns after a client has sent its members. With `whole`, what is not sent is made empty.
///
/// # Errors
/// When a member cannot be what its column holds.
pub fn changed(
    old: &Map<String, Value>,
    members: &[&Element],
    whole: bool,
) -> Result<Map<String, Value>, Fault> {
    let mut fields = old.clone();
    for (name, kind) in COLUMNS {
        let sent = text(members, name);
        if sent.is_empty() {
            if whole {
                fields.remove(*name);
            }
            continue;
        }
        let value = match kind {
            Kind::Text(most) if sent.chars().count() > *most => return Err(too_long(name)),
            Kind::Text(_) => json!(sent),
            Kind::Number => number(&sent).ok_or(Fault::Unexpected)?,
            Kind::Date if sent == NULL_DATE => Value::Null,
            Kind::Date => match sent.get(..10).filter(|day| day.parse::<jiff::civil::Date>().is_ok()) {
                Some(day) => json!(day),
                None => return Err(Fault::Unexpected),
            },
        };
        fields.insert((*name).to_owned(), value);
    }
    if whole {
        fields.retain(|name, _| !name.starts_with("UDF_"));
    }
    fields.extend(other_fields(members)?);
    debug_assert!(OWN.iter().all(|name| fields.get(*name) == old.get(*name)));
    Ok(fields)
}

/// User-defined fields: one alone or several, each with the name of its column.
fn other_fields(members: &[&Element]) -> Result<Map<String, Value>, Fault> {
    let mut found = Map::new();
    let list = members.iter().find(|member| member.name == "OtherFields");
    for field in list.into_iter().flat_map(|list| &list.children).filter(|field| field.name == "Field") {
        let (members, _) = self::members(field);
        let (name, value) = (text(&members, "MasFieldName"), text(&members, "Value"));
        let column = name.trim_end_matches('$');
        if !column.starts_with("UDF_") || column.len() > 30 {
            return Err(Fault::known("CI_NOF", &format!("The field {name} is not on file.")));
        }
        found.insert(column.to_owned(), json!(value));
    }
    Ok(found)
}

/// How many columns had something and have nothing any more.
pub fn lost(old: &Map<String, Value>, new: &Map<String, Value>) -> u64 {
    let empty = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || *value == json!(""));
    old.keys().filter(|name| !empty(old.get(*name)) && empty(new.get(*name))).count() as u64
}
