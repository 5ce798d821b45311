//! The OData service: it reads, in pages that the caller asks for, and has no stamp of the last change.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::filter::{self, Kind};
use super::{Site, Syspro};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::lock;

/// The tables that are served, each with its columns of text, of numbers and of days. SorMaster has a row version too.
const SETS: [(&str, &str, &str, &str); 5] = [
    ("ArCustomer", "Customer Name Contact Telephone Email", "", ""),
    (
        "SorMaster",
        "SalesOrder OrderStatus ActiveFlag CancelledFlag DocumentType Customer CustomerPoNumber ShippingInstrs \
         ShippingInstrsCod SpecialInstrs LastInvoice DeliveryNote Warehouse CustomerName ShipAddress1 ShipAddress2 \
         ShipAddress3 ShipAddress3Loc ShipAddress4 ShipAddress5 ShipPostalCode State MultiShipCode Email LiveDispExist \
         InterWhSale DetailStatus LastOperator",
        "CaptureHh CaptureMm NumDispatches",
        "OrderDate EntrySystemDate ReqShipDate DateLastDocPrt DateLastInvPrt LastDelNote",
    ),
    (
        "SorDetail",
        "SalesOrder LineType MStockCode MStockDes MWarehouse MOrderUom NComment",
        "SalesOrderLine MOrderQty MShipQty MBackOrderQty MPrice",
        "",
    ),
    ("InvMaster", "StockCode Description LongDesc StockUom", "Mass Volume", ""),
    (
        "MdnMaster",
        "DispatchNote SalesOrder Customer CustomerPoNumber DispatchName DispatchAddress1 DispatchPostalCode \
         ShippingInstrs SpecialInstrs UserDefined1 UserDefined2 DispatchNoteStatus",
        "",
        "PlannedDeliverDate",
    ),
];

/// Some of the rows, and how many there are in all where that was asked.
type Page = (Vec<Map<String, Value>>, Option<usize>);

/// What a column of a table holds.
fn kind(set: &str, column: &str) -> Option<Kind> {
    let (_, texts, numbers, days) = SETS.iter().find(|(name, ..)| *name == set)?;
    let has = |columns: &str| columns.split_whitespace().any(|name| name == column);
    match () {
        () if has(texts) => Some(Kind::Text),
        () if has(numbers) => Some(Kind::Number),
        () if has(days) => Some(Kind::Day),
        () => (set == "SorMaster" && column == "TimeStamp").then_some(Kind::Binary),
    }
}

/// An error in OData's words.
pub fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": { "code": "", "message": message } }))
}

impl Syspro {
    pub(super) fn odata(&self, call: &Call, path: &[&str]) -> Answer {
        if !self.knows(call) {
            return error(401, "Authorization has been denied for this request.")
                .with("www-authenticate", "Basic realm=\"SYSPRO OData\"");
        }
        if call.method != "GET" {
            return error(405, "The requested resource does not support this method.").with("allow", "GET");
        }
        let context = "https://localhost/SYSPRO8Odata/SYSPROOData/$metadata";
        match path {
            [] => {
                let sets: Vec<Value> = SETS
                    .iter()
                    .map(|(name, ..)| json!({ "name": name, "kind": "EntitySet", "url": name }))
                    .collect();
                Answer::json(200, &json!({ "@odata.context": context, "value": sets }))
            }
            [set] if SETS.iter().any(|(name, ..)| name == set) => {
                let rows = rows(&lock(&self.site), set);
                match self.page(set, &rows, call) {
                    Ok((page, count)) => {
                        let mut body = json!({ "@odata.context": format!("{context}#{set}") });
                        if let Some(count) = count {
                            body["@odata.count"] = json!(count);
                        }
                        body["value"] = json!(page);
                        Answer::json(200, &body)
                    }
                    Err(message) => error(400, &message),
                }
            }
            _ => error(404, "Resource not found for the segment."),
        }
    }

    fn knows(&self, call: &Call) -> bool {
        let given = call.header("authorization").and_then(|header| header.strip_prefix("Basic "));
        let given = given.and_then(|given| STANDARD.decode(given.trim()).ok());
        let given = given.and_then(|given| String::from_utf8(given).ok()).unwrap_or_default();
        let (operator, password) = given.split_once(':').unwrap_or_default();
        operator.eq_ignore_ascii_case(&self.options.operator) && password == self.options.operator_password
    }

    /// The rows that a query asks for, and how many there are in all if it asks for that.
    fn page(&self, set: &str, rows: &[Map<String, Value>], call: &Call) -> Result<Page, String> {
        let option = |name: &str| -> Result<Option<&str>, String> {
            let mut given = call.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
            match (given.next(), given.next()) {
                (_, Some(_)) => Err(format!("Query option '{name}' was specified more than once.")),
                (first, None) => Ok(first),
            }
        };
        const KNOWN: [&str; 6] = ["$filter", "$orderby", "$top", "$skip", "$select", "$count"];
        if let Some((name, _)) = call.query.iter().find(|(name, _)| !KNOWN.contains(&name.as_str())) {
            return Err(format!("The query parameter '{name}' is not supported."));
        }
        let kind = |name: &str| kind(set, name);
        let mut found: Vec<&Map<String, Value>> = match option("$filter")? {
            Some(text) => {
                let condition = filter::parse(text, &kind)?;
                rows.iter().filter(|row| condition.holds(row)).collect()
            }
            None => rows.iter().collect(),
        };
        if let Some(order) = option("$orderby")? {
            for column in order.split(',').rev() {
                sort(&mut found, column.trim(), &kind)?;
            }
        }
        let number = |name: &str| -> Result<Option<usize>, String> {
            let text = option(name)?;
            text.map(|text| text.parse().map_err(|_| format!("Invalid value '{text}' for {name}.")))
                .transpose()
        };
        let (skip, top) = (number("$skip")?.unwrap_or(0), number("$top")?.unwrap_or(usize::MAX));
        let columns = option("$select")?.map(|text| text.split(',').map(str::trim).collect::<Vec<_>>());
        if let Some(unknown) = columns.iter().flatten().find(|name| kind(name).is_none()) {
            return Err(format!("Could not find a property named '{unknown}'."));
        }
        let count = (option("$count")? == Some("true")).then_some(found.len());
        let page = found.into_iter().skip(skip).take(top.min(self.options.max_rows));
        let selected = |row: &Map<String, Value>| match &columns {
            Some(columns) => columns
                .iter()
                .map(|name| ((*name).to_owned(), row.get(*name).cloned().unwrap_or_default()))
                .collect(),
            None => row.clone(),
        };
        Ok((page.map(selected).collect(), count))
    }
}

fn sort(
    rows: &mut [&Map<String, Value>],
    column: &str,
    kind: &dyn Fn(&str) -> Option<Kind>,
) -> Result<(), String> {
    let (name, descending) = match column.split_once(' ') {
        Some((name, "desc")) => (name, true),
        Some((name, "asc")) => (name, false),
        None => (column, false),
        Some(_) => return Err(format!("Syntax error in '{column}'.")),
    };
    if kind(name).is_none() {
        return Err(format!("Could not find a property named '{name}'."));
    }
    rows.sort_by(|one, other| {
        let (one, other) = (&one[name], &other[name]);
        let ordering = match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            _ => one.as_str().cmp(&other.as_str()),
        };
        if descending { ordering.reverse() } else { ordering }
    });
    Ok(())
}

/// A table's rows, which all have the same columns.
fn rows(site: &Site, set: &str) -> Vec<Map<String, Value>> {
    let books = &site.books;
    match set {
        "SorMaster" => books.orders.values().map(super::books::Order::row).collect(),
        "SorDetail" => books.orders.values().flat_map(|order| order.lines.clone()).map(line).collect(),
        "ArCustomer" => books.customers.values().cloned().collect(),
        "InvMaster" => books.items.values().cloned().collect(),
        _ => books.dispatch_notes.clone(),
    }
}

/// Comment lines have every column too.
fn line(mut line: Map<String, Value>) -> Map<String, Value> {
    for name in ["MStockDes", "MWarehouse", "MOrderUom", "NComment"] {
        line.entry(name).or_insert(json!(""));
    }
    line
}
