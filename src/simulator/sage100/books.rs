//! The company's books: tables, lines, locks, and what should become of each order.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::package::Package;
use super::stamp::Stamp;
use super::state::{Lock, OrderState, State};
use super::status;
use super::table::{Row, Table};
use crate::simulator::contract::Violation;
use crate::simulator::due::Due;
use crate::simulator::expectation::{self, Expectation};
use crate::simulator::write_backs::WriteBacks;

/// The table of open orders.
pub const OPEN: &str = "SO_SalesOrderHeader";
/// The table of completed orders.
pub const HISTORY: &str = "SO_SalesOrderHistoryHeader";
/// Every table that the agent serves.
pub const TABLES: [&str; 11] = [
    OPEN,
    HISTORY,
    "SO_InvoiceHeader",
    "SO_InvoiceTracking",
    "AR_InvoiceHistoryHeader",
    "AR_InvoiceHistoryTracking",
    "SO_ARInvoiceHistoryLink",
    "GL_Account",
    "AR_Customer",
    "CI_Item",
    "IM_ItemWarehouse",
];

/// Who opens records at random.
const USERS: [&str; 4] = ["mwilson", "jgarcia", "warehouse1", "kpatel"];

/// Tables in which Sage keeps no stamps (columns of a live Sage 100 mirror).
pub fn has_stamps(table: &str) -> bool {
    !["SO_InvoiceTracking", "AR_InvoiceHistoryTracking", "SO_ARInvoiceHistoryLink"].contains(&table)
}

/// The books behind the agent.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) company: String,
    pub(super) tables: BTreeMap<&'static str, Table>,
    pub(super) lines: BTreeMap<String, Vec<Value>>,
    pub(super) tracking: BTreeMap<String, Vec<String>>,
    pub(super) writes: BTreeMap<String, u32>,
    pub(super) expectations: BTreeMap<String, Expectation>,
    pub(super) locks: BTreeMap<String, Lock>,
    pub(super) licence_free: bool,
    pub(super) locked_out: u64,
    pub(super) repeated_writes: u64,
    pub(super) conflicting_writes: u64,
    pub(super) packages: BTreeMap<String, Vec<Package>>,
    pub(super) package_statuses: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) write_backs: WriteBacks,
    pub(super) web_updates: u64,
    pub(super) web_lost: u64,
    pub(super) web_ignored: u64,
    pub(super) numbers_burnt: u64,
    pub(super) violations: Vec<Violation>,
    pub(super) pages: u64,
    last_invoice: u32,
}

impl Books {
    pub(super) fn new(company: &str) -> Self {
        Self {
            company: company.to_owned(),
            tables: TABLES.into_iter().map(|name| (name, Table::default())).collect(),
            lines: BTreeMap::new(),
            tracking: BTreeMap::new(),
            writes: BTreeMap::new(),
            expectations: BTreeMap::new(),
            locks: BTreeMap::new(),
            licence_free: true,
            locked_out: 0,
            repeated_writes: 0,
            conflicting_writes: 0,
            packages: BTreeMap::new(),
            package_statuses: BTreeMap::new(),
            write_backs: WriteBacks::default(),
            web_updates: 0,
            web_lost: 0,
            web_ignored: 0,
            numbers_burnt: 0,
            violations: Vec::new(),
            pages: 0,
            last_invoice: 0,
        }
    }

    pub(super) fn table(&mut self, name: &'static str) -> &mut Table {
        self.tables.entry(name).or_default()
    }

    /// A record as shown, with its lines where they are wanted.
    pub(super) fn shown(&self, table: &str, key: &str, row: &Row, with_lines: bool) -> Value {
        let mut fields = row.shown();
        if key.contains('~') {
            fields.insert("RecordKey".into(), json!(key));
        }
        if table == OPEN || table == HISTORY {
            if let Some(numbers) = self.tracking.get(key).filter(|numbers| !numbers.is_empty()) {
                fields.insert("TrackingID".into(), json!(numbers[0]));
                fields.insert("TrackingIDs".into(), json!(numbers));
            }
            if with_lines {
                fields.insert("Lines".into(), json!(self.lines.get(key).cloned().unwrap_or_default()));
            }
        }
        Value::Object(fields)
    }

    pub(super) fn edit(
        &mut self,
        number: &str,
        set: &Map<String, Value>,
        stamp: Option<Stamp>,
        expect: Option<Expectation>,
    ) -> Result<(), String> {
        let mut set = set.clone();
        let lines = set.remove("Lines");
        if !self.table(OPEN).change(number, &set, stamp) {
            return Err(format!("there is no open order {number}"));
        }
        if let Some(Value::Array(lines)) = lines {
            self.lines.insert(number.to_owned(), lines);
        }
        let expected = match expect {
            Some(expectation) => Some(expectation),
            None if self.tracking.contains_key(number) => None,
            None => self.judge(number),
        };
        if let Some(expectation) = expected {
            self.expectations.insert(number.to_owned(), expectation);
        }
        Ok(())
    }

    /// What should become of an order as it is now.
    pub(super) fn judge(&self, number: &str) -> Option<Expectation> {
        let row = self.tables.get(OPEN)?.get(number)?;
        let lines = self.lines.get(number).map(Vec::as_slice).unwrap_or_default();
        Some(expectation::of(&row.fields, lines, "US"))
    }

    /// Somebody opens a record for so many writes, unless somebody has.
    pub(super) fn open_for(&mut self, number: &str, attempts: u32) {
        let user = USERS[number.bytes().map(usize::from).sum::<usize>() % USERS.len()].to_owned();
        self.locks.entry(number.to_owned()).or_insert(Lock { user, attempts: Some(attempts) });
    }

    /// The invoice's number; posting moves invoice, tracking and order to their histories.
    pub(super) fn invoice(&mut self, number: &str, post: bool, stamp: Stamp) -> Result<String, String> {
        let order = self
            .table(OPEN)
            .get(number)
            .cloned()
            .ok_or_else(|| format!("there is no open order {number}"))?;
        let invoice = match order.fields.get("CurrentInvoiceNo").and_then(Value::as_str) {
            Some(invoice) => invoice.to_owned(),
            None => self.open_invoice(number, &order, stamp),
        };
        if post {
            self.post_invoice(number, &invoice, stamp);
        }
        Ok(invoice)
    }

    fn open_invoice(&mut self, number: &str, order: &Row, stamp: Stamp) -> String {
        self.last_invoice += 1;
        let invoice = format!("{:07}", 100_000 + self.last_invoice);
        let mut fields = order.fields.clone();
        fields.retain(|name, _| {
            // User-defined fields go with the order where the invoice has fields of the same names.
            ["ARDivisionNo", "CustomerNo", "ShipVia", "ShipToName"].contains(&name.as_str())
                || name.starts_with("UDF_")
        });
        fields.insert("InvoiceNo".into(), json!(invoice));
        fields.insert("SalesOrderNo".into(), json!(number));
        fields.insert("InvoiceDate".into(), json!(stamp.date_text()));
        fields.insert("ShipDate".into(), json!(stamp.date_text()));
        self.table("SO_InvoiceHeader").put(&invoice, Row { stamp: Some(stamp), fields });
        let set = Map::from_iter([("CurrentInvoiceNo".to_owned(), json!(invoice))]);
        self.table(OPEN).change(number, &set, Some(stamp));
        if let Some(numbers) = self.tracking.get(number).cloned() {
            self.write_invoice_tracking(&invoice, false, &numbers, "");
        }
        self.packages_to_invoice(number, stamp);
        self.statuses_to_invoice(number);
        invoice
    }

    fn post_invoice(&mut self, number: &str, invoice: &str, stamp: Stamp) {
        if let Some(mut row) = self.table("SO_InvoiceHeader").remove(invoice) {
            row.fields.insert("HeaderSeqNo".into(), json!("000000"));
            row.stamp = Some(stamp);
            self.table("AR_InvoiceHistoryHeader").put(&format!("{invoice}~000000"), row);
        }
        let packages: Vec<String> = self.tables["SO_InvoiceTracking"]
            .rows()
            .filter(|(_, row)| row.fields.get("InvoiceNo") == Some(&json!(invoice)))
            .map(|(key, _)| key.clone())
            .collect();
        for key in packages {
            if let Some(mut row) = self.table("SO_InvoiceTracking").remove(&key) {
                row.fields.insert("HeaderSeqNo".into(), json!("000000"));
                let package = key.split_once('~').map_or("", |(_, package)| package).to_owned();
                self.table("AR_InvoiceHistoryTracking").put(&format!("{invoice}~000000~{package}"), row);
            }
        }
        if let Some(mut row) = self.table(OPEN).remove(number) {
            row.fields.insert("OrderStatus".into(), json!("C"));
            row.fields.insert("LastInvoiceOrderNo".into(), json!(invoice));
            row.stamp = Some(stamp);
            self.table(HISTORY).put(number, row);
        }
        let fields = json!({ "SalesOrderNo": number, "InvoiceNo": invoice, "HeaderSeqNo": "000000" });
        let fields = fields.as_object().cloned().unwrap_or_default();
        self.table("SO_ARInvoiceHistoryLink")
            .put(&format!("{number}~{invoice}~000000"), Row { stamp: None, fields });
    }

    /// One row a parcel, numbered from 0001, as SO_InvoiceTracking_bus writes them; of a posted invoice in its history.
    pub(super) fn write_invoice_tracking(
        &mut self,
        invoice: &str,
        posted: bool,
        numbers: &[String],
        ship_via: &str,
    ) {
        let (table, prefix) = match posted {
            true => ("AR_InvoiceHistoryTracking", format!("{invoice}~000000")),
            false => ("SO_InvoiceTracking", invoice.to_owned()),
        };
        for (index, number) in numbers.iter().enumerate() {
            let package = format!("{:04}", index + 1);
            let mut fields = Map::from_iter([
                ("InvoiceNo".to_owned(), json!(invoice)),
                ("PackageNo".to_owned(), json!(package)),
                ("TrackingID".to_owned(), json!(number)),
                ("StarshipShipVia".to_owned(), json!(ship_via)),
            ]);
            if posted {
                fields.insert("HeaderSeqNo".into(), json!("000000"));
            }
            self.table(table).put(&format!("{prefix}~{package}"), Row { stamp: None, fields });
        }
    }

    /// Orders in words that are the same for every ERP; what a line of words says is what ShipStation's says.
    pub(super) fn due(&self) -> Vec<Due> {
        let open = [OPEN, HISTORY].into_iter().flat_map(|name| self.tables[name].rows());
        open.map(|(number, row)| Due {
            number: number.clone(),
            key: number.clone(),
            expectation: self.expectations.get(number).copied().unwrap_or(Expectation::NotSelected),
            tracking: self.tracking.get(number).cloned().unwrap_or_default(),
            content: content(row, self.lines.get(number).map(Vec::as_slice).unwrap_or_default()),
            status: self.shipment_status(number),
            delivered: self.shipment_status(number) == status::DELIVERED,
        })
        .collect()
    }

    pub(super) fn inventory(&self) -> BTreeMap<(String, String), i64> {
        let of = |row: &Row, name: &str| row.fields[name].as_str().unwrap_or_default().to_owned();
        let shelf = |(_, row): (&String, &Row)| {
            let quantity = row.fields["QuantityOnHand"].as_f64().unwrap_or_default();
            ((of(row, "ItemCode"), of(row, "WarehouseCode")), quantity as i64)
        };
        self.tables["IM_ItemWarehouse"].rows().map(shelf).collect()
    }

    pub(super) fn state(&self) -> State {
        let orders = [OPEN, HISTORY]
            .into_iter()
            .flat_map(|name| self.tables[name].rows().map(move |(key, row)| (name, key, row)));
        let mut orders: Vec<OrderState> =
            orders.map(|(table, number, row)| self.order_state(table, number, row)).collect();
        orders.sort_by(|one, other| one.number.cmp(&other.number));
        State {
            company: self.company.clone(),
            orders,
            tables: self.tables.iter().map(|(name, table)| ((*name).to_owned(), table.len())).collect(),
            locks: self.locks.clone(),
            locked_out: self.locked_out,
            repeated_writes: self.repeated_writes,
            conflicting_writes: self.conflicting_writes,
            web_updates: self.web_updates,
            web_lost: self.web_lost,
            web_ignored: self.web_ignored,
            numbers_burnt: self.numbers_burnt,
            write_backs_doubled: self.write_backs.doubled(),
            contract_violations: self.violations.clone(),
        }
    }

    fn order_state(&self, table: &str, number: &str, row: &Row) -> OrderState {
        OrderState {
            number: number.to_owned(),
            order_date: row.fields.get("OrderDate").and_then(Value::as_str).unwrap_or_default().to_owned(),
            table: table.to_owned(),
            expectation: self.expectations.get(number).copied().unwrap_or(Expectation::NotSelected),
            tracking: self.tracking.get(number).cloned().unwrap_or_default(),
            writes: self.writes.get(number).copied().unwrap_or_default(),
            packages: self.packages.get(number).cloned().unwrap_or_default(),
            status: self.shipment_status(number),
            delivered: self.shipment_status(number) == status::DELIVERED,
            package_statuses: self.package_statuses.get(number).cloned().unwrap_or_default(),
            status_writes: self.write_backs.of(number).changes,
            record: self.shown(table, number, row, false),
        }
    }
}

/// What must have arrived at the other side, in words.
fn content(row: &Row, lines: &[Value]) -> BTreeMap<String, String> {
    let text = |name: &str| row.fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let country = match text("ShipToCountryCode") {
        "" | "USA" => "US",
        "CAN" => "CA",
        other => other,
    };
    let mut words: Vec<String> = lines
        .iter()
        .map(|line| {
            let of = |name: &str| line[name].as_str().unwrap_or_default();
            let quantity = line["QuantityOrdered"].as_f64().unwrap_or_default() as i64;
            format!("{}x{quantity}@{}", of("ItemCode"), of("WarehouseCode"))
        })
        .collect();
    words.sort();
    let words = words.join("; ");
    [
        ("name", text("ShipToName")),
        ("street", text("ShipToAddress1")),
        ("street2", text("ShipToAddress2")),
        ("city", text("ShipToCity")),
        ("state", text("ShipToState")),
        ("postal_code", text("ShipToZipCode")),
        ("country", country),
        ("service", text("ShipVia")),
        ("custom_field1", text("CustomerPONo")),
        ("email", text("EmailAddress")),
        ("phone", text("ShipToTelephoneNo")),
        ("lines", words.as_str()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}
