//! The business objects that read: SORQRY (one order), SORQSO (a list) and COMFND (any table).

use serde_json::Value;

use super::Options;
use super::books::{Books, Order, padded};
use super::enet::Raised;
use super::xml::Element;

/// Answers a query. Query objects raise an exception for elements that they do not know.
pub(super) fn answer(
    books: &Books,
    options: &Options,
    object: &str,
    query: &Element,
) -> Result<Element, Raised> {
    match object {
        "SORQRY" => order(books, options, query),
        "SORQSO" => list(books, query),
        "COMFND" => find(books, query),
        other => Err(Raised(format!("Business object '{other}' not found"))),
    }
}

fn raise<T>(text: impl Into<String>) -> Result<T, Raised> {
    Err(Raised(text.into()))
}

/// Every child of `element` must be one of these.
fn known(element: &Element, names: &[&str]) -> Result<(), Raised> {
    match element.children.iter().find(|child| !names.contains(&child.name.as_str())) {
        Some(child) => raise(format!("Element '{}' is invalid in '{}'", child.name, element.name)),
        None => Ok(()),
    }
}

/// A key as e.net writes it: most without the database's zeros, customers with them.
fn key(text: &str) -> String {
    if text.len() == 15 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("{:0>6}", text.trim_start_matches('0'))
    } else {
        text.to_owned()
    }
}

fn day(order: &Order, column: &str) -> String {
    order.text(column).get(..10).unwrap_or_default().to_owned()
}

/// A number as e.net writes it, filled up with blanks.
fn number(value: &Value, places: usize) -> String {
    format!("{:>14.places$}", value.as_f64().unwrap_or_default())
}

const LINES: [&str; 5] = [
    "IncludeStockedLines",
    "IncludeNonStockedLines",
    "IncludeFreightLines",
    "IncludeMiscLines",
    "IncludeCommentLines",
];

fn order(books: &Books, options: &Options, query: &Element) -> Result<Element, Raised> {
    known(query, &["Key", "Option"])?;
    let Some(wanted) = query.at(&["Key", "SalesOrder"]) else {
        return raise("Element 'SalesOrder' is missing");
    };
    let empty = Element::default();
    let option = query.child("Option").unwrap_or(&empty);
    known(option, &[&LINES[..], &["IncludeCustomForms", "MultiMediaImageType", "XslStylesheet"]].concat())?;
    let number_given = wanted.text.trim();
    let Some(order) = books.order(number_given) else {
        return raise(format!("Sales order '{number_given}' not found"));
    };
    let mut detail = Element::new("SorDetail")
        .field("SalesOrder", key(order.text("SalesOrder")))
        .field("OrderStatus", order.text("OrderStatus"))
        .field("OrderStatusDesc", described(order.text("OrderStatus")))
        .field("Customer", order.text("Customer"));
    let plain = [
        "CustomerName",
        "CustomerPoNumber",
        "ShipAddress1",
        "ShipAddress2",
        "ShipAddress3",
        "ShipAddress4",
        "ShipAddress5",
        "ShipPostalCode",
    ];
    for name in plain {
        detail = detail.field(name, order.text(name));
    }
    detail =
        detail.field("OrderDate", day(order, "OrderDate")).field("ReqShipDate", day(order, "ReqShipDate"));
    for name in ["ShippingInstrs", "ShippingInstrsCod", "SpecialInstrs", "LastInvoice"] {
        detail = detail.field(name, order.text(name));
    }
    detail = detail.field("ExchangeRate", "     1.000000");
    let included = |index: usize| option.text_of(LINES[index]) == "Y";
    for line in &order.lines {
        let wanted = if line.get("LineType") == Some(&Value::from("1")) { included(0) } else { included(4) };
        if wanted {
            detail = detail.with(sales_order_line(line));
        }
    }
    if option.text_of("IncludeCustomForms") == "Y" {
        // How SORQRY shows custom forms is not public; the fields' names are.
        let mut form = Element::new("CustomForm");
        for (name, length) in &options.custom_fields {
            let text = order.custom.get(name).map(String::as_str).unwrap_or_default();
            form = match text.parse::<f64>() {
                Ok(value) if *length == 0 => form.field(name, number(&Value::from(value), 3)),
                _ => form.field(name, text),
            };
        }
        detail = detail.with(form);
    }
    Ok(detail)
}

fn sales_order_line(line: &serde_json::Map<String, Value>) -> Element {
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
    let value = |name: &str| line.get(name).unwrap_or(&Value::Null);
    Element::new("SalesOrderLine")
        .field("SalesOrderLine", format!("{:>5}", value("SalesOrderLine")))
        .field("LineType", text("LineType"))
        .field("MStockCode", text("MStockCode"))
        .field("MStockDes", text("MStockDes"))
        .field("MOrderQty", number(value("MOrderQty"), 3))
        .field("MShipQty", number(value("MShipQty"), 3))
        .field("MBackOrderQty", number(value("MBackOrderQty"), 3))
        .field("MPrice", number(value("MPrice"), 5))
}

fn described(status: &str) -> &'static str {
    match status {
        "0" => "In process",
        "1" => "Open",
        "2" => "Open back order",
        "3" => "Released back order",
        "4" => "In warehouse",
        "8" => "Ready to invoice",
        "9" => "Complete",
        "F" => "Forward",
        "S" => "In suspense",
        "*" | "\\" => "Cancelled",
        _ => "Unknown",
    }
}

fn list(books: &Books, query: &Element) -> Result<Element, Raised> {
    known(query, &["Option", "Filter"])?;
    let empty = Element::default();
    let option = query.child("Option").unwrap_or(&empty);
    let filter = query.child("Filter").unwrap_or(&empty);
    known(
        option,
        &[
            "IncludeCompletedOrders",
            "IncludeCancelledOrders",
            "IncludeForwardOrders",
            "StartAtOrder",
            "ReturnOrders",
            "ReturnPreviousOrder",
            "XslStylesheet",
        ],
    )?;
    known(filter, &["Customer", "OrderStatus", "OrderDate", "ReqShipDate", "SalesOrder", "CustomerPo"])?;
    // Absent means all, blank means twenty.
    let most = match option.child("ReturnOrders").map(|element| element.text.trim()) {
        None => usize::MAX,
        Some("") => 20,
        Some(text) => text.parse().or_else(|_| raise("ReturnOrders is not numeric"))?,
    };
    let start = padded(option.text_of("StartAtOrder"));
    let mut found = Element::new("SorQuery");
    for (number_here, order) in books.orders.range(start..) {
        let completed = order.text("OrderStatus") == "9" && option.text_of("IncludeCompletedOrders") != "Y";
        if completed || !passes(filter, order)? {
            continue;
        }
        if found.children.len() == most {
            break;
        }
        let mut item = Element::new("SalesOrderItem")
            .field("SalesOrder", key(number_here))
            .field("Customer", order.text("Customer"));
        for name in [
            "CustomerName",
            "OrderStatus",
            "DocumentType",
            "CustomerPoNumber",
            "ShippingInstrs",
            "SpecialInstrs",
        ] {
            item = item.field(name, order.text(name));
        }
        found = found.with(
            item.field("OrderDate", day(order, "OrderDate")).field("ReqShipDate", day(order, "ReqShipDate")),
        );
    }
    Ok(found)
}

/// A all, S single, L list, R range.
fn passes(filter: &Element, order: &Order) -> Result<bool, Raised> {
    for condition in &filter.children {
        let value = match condition.name.as_str() {
            "OrderDate" | "ReqShipDate" => day(order, &condition.name),
            "CustomerPo" => order.text("CustomerPoNumber").to_owned(),
            name => order.text(name).to_owned(),
        };
        let given = condition.attributes.get("FilterValue").map(String::as_str).unwrap_or_default();
        let is = |given: &str| {
            let keyed = ["SalesOrder", "Customer"].contains(&condition.name.as_str());
            if keyed { padded(given) == value } else { given.trim() == value }
        };
        let fits = match condition.attributes.get("FilterType").map(String::as_str) {
            Some("A") | None => true,
            Some("S") => is(given),
            Some("L") => given.split(',').any(is),
            Some("R") => {
                let (from, to) = given.split_once(',').unwrap_or((given, given));
                let edge = |text: &str| {
                    if condition.name == "SalesOrder" { padded(text) } else { text.trim().to_owned() }
                };
                (edge(from)..=edge(to)).contains(&value)
            }
            Some(other) => return raise(format!("FilterType '{other}' is invalid for '{}'", condition.name)),
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Rows of a table by a condition; names of tables and columns are case sensitive.
fn find(books: &Books, query: &Element) -> Result<Element, Raised> {
    known(query, &["TableName", "ReturnRows", "Columns", "Where", "OrderBy"])?;
    let mut rows: Vec<serde_json::Map<String, Value>> = match query.text_of("TableName") {
        "SorMaster" => books.orders.values().map(|order| order.fields.clone()).collect(),
        "SorDetail" => books.orders.values().flat_map(|order| order.lines.clone()).collect(),
        "InvMaster" => books.items.values().cloned().collect(),
        "CusSorMaster+" => books.orders.values().map(custom_row).collect(),
        other => return raise(format!("Table '{other}' not found")),
    };
    let empty = Element::default();
    let condition = query.child("Where").unwrap_or(&empty);
    let mut kept = Vec::new();
    for row in rows.drain(..) {
        if holds(condition, &row)? {
            kept.push(row);
        }
    }
    for column in query.child("OrderBy").unwrap_or(&empty).all("Column") {
        kept.sort_by_key(|row| shown(row, column.text.trim()));
    }
    let most = query.text_of("ReturnRows").parse().unwrap_or(usize::MAX);
    let columns: Vec<&str> =
        query.child("Columns").unwrap_or(&empty).all("Column").map(|column| column.text.trim()).collect();
    if columns.is_empty() {
        return raise("No columns are selected");
    }
    let mut found = Element::new("ComFnd");
    for row in kept.iter().take(most) {
        let mut shown_row = Element::new("Row");
        for column in &columns {
            shown_row = shown_row.field(column, shown(row, column));
        }
        found = found.with(shown_row);
    }
    Ok(found)
}

fn custom_row(order: &Order) -> serde_json::Map<String, Value> {
    let mut row: serde_json::Map<String, Value> =
        order.custom.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    row.insert("SalesOrder".into(), order.fields["SalesOrder"].clone());
    // The form of the order itself; those of its invoices carry their numbers.
    row.insert("InvoiceNumber".into(), Value::from(""));
    row
}

fn shown(row: &serde_json::Map<String, Value>, column: &str) -> String {
    match row.get(column) {
        Some(Value::String(text)) if text.ends_with("T00:00:00Z") => text[..10].to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value @ Value::Number(_)) => number(value, 3),
        _ => String::new(),
    }
}

/// Conditions from left to right, as they are joined.
fn holds(condition: &Element, row: &serde_json::Map<String, Value>) -> Result<bool, Raised> {
    let mut result = true;
    for (index, expression) in condition.all("Expression").enumerate() {
        let column = expression.text_of("Column");
        let value = shown(row, column);
        let given = match column {
            "SalesOrder" | "Customer" => padded(expression.text_of("Value")),
            _ => expression.text_of("Value").to_owned(),
        };
        let fits = match expression.text_of("Condition") {
            "EQ" => value == given,
            "NE" => value != given,
            "GT" => value > given,
            "GE" => value >= given,
            "LT" => value < given,
            "LE" => value <= given,
            other => return raise(format!("Condition '{other}' is invalid")),
        };
        result = match (index, expression.text_of("AndOr")) {
            (0, _) => fits,
            (_, "Or") => result || fits,
            (_, "And") => result && fits,
            (_, other) => return raise(format!("AndOr '{other}' is invalid")),
        };
    }
    Ok(result)
}
