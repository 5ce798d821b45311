//! What carriers tell of an order's shipment: user-defined fields of the order and of its invoice, and a status a parcel.
//!
//! Sage has no columns for any of it, so a site adds fields in Custom Office, under the same names to the order's and the
//! invoice's header; fields of one name then go with an order into its invoice.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Sage100;
use super::books::{Books, HISTORY, OPEN};
use super::route::refusal;
use super::stamp::Stamp;
use super::table::Row;
use crate::simulator::exchange::Answer;
use crate::simulator::faults::Strike;
use crate::simulator::system::lock;

/// The field of the order that its shipment's status is in, unless a site calls it otherwise.
pub const STATUS_FIELD: &str = "UDF_SHIP_STATUS";
/// What is in it once all of the order was delivered.
pub const DELIVERED: &str = "DELIVERED";
/// The user-defined field of a tracking record that holds the parcel's status.
pub const PACKAGE_FIELD: &str = "UDF_PACKAGE_STATUS";

impl Sage100 {
    /// What is written of an order's shipment now; a read, which neither licence nor lock stops.
    pub(super) fn read_status(&self, number: &str) -> Answer {
        let books = lock(&self.books);
        let Some(row) = books.order_row(number) else { return unknown(number) };
        let fields: Vec<Value> =
            udfs(row).map(|(name, value)| json!({ "name": name, "value": value })).collect();
        let statuses = books.package_statuses.get(number).into_iter().flatten();
        let packages: Vec<Value> =
            statuses.map(|(id, status)| json!({ "tracking_id": id, "status": status })).collect();
        let mut answer = json!({ "fields": fields, "packages": packages });
        books.name_invoice(number, &mut answer);
        Answer::json(200, &answer)
    }

    pub(super) fn write_status(&self, number: &str, body: &Value, strike: Option<&Strike>) -> Answer {
        let stamp = self.stamp();
        let mut books = lock(&self.books);
        if let Some(refusal) = books.refuse_write(number, strike) {
            return refusal;
        }
        if books.order_row(number).is_none() {
            return unknown(number);
        }
        let written = books.put_status(number, body, stamp);
        books.write_backs.note(number, written > 0, strike);
        let mut answer = json!({ "written": written, "unchanged": written == 0 });
        books.name_invoice(number, &mut answer);
        Answer::json(200, &answer)
    }
}

fn unknown(number: &str) -> Answer {
    refusal(404, "not_found", &format!("There is no sales order {number}."))
}

/// The user-defined fields of a record, as text.
pub(super) fn udfs(row: &Row) -> impl Iterator<Item = (&str, &str)> {
    let udfs = row.fields.iter().filter(|(name, _)| name.starts_with("UDF_"));
    udfs.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

/// `[{ key: …, value: … }]` as pairs.
fn pairs<'b>(body: &'b Value, list: &str, key: &'b str, value: &'b str) -> Vec<(&'b str, &'b str)> {
    let items = body[list].as_array().into_iter().flatten();
    items.filter_map(|item| Some((item[key].as_str()?, item[value].as_str()?))).collect()
}

impl Books {
    /// An order's header, open or in the history.
    pub(super) fn order_row(&self, number: &str) -> Option<&Row> {
        [OPEN, HISTORY].into_iter().find_map(|table| self.tables[table].get(number))
    }

    /// The shipment's status that a person finds at the order.
    pub(super) fn shipment_status(&self, number: &str) -> String {
        let row = self.order_row(number);
        let status = row.and_then(|row| row.fields.get(STATUS_FIELD)?.as_str());
        status.unwrap_or_default().to_owned()
    }

    fn name_invoice(&self, number: &str, answer: &mut Value) {
        if let Some(Some((invoice, posted))) = self.invoice_of(number) {
            (answer["invoice"], answer["posted"]) = (json!(invoice), json!(posted));
        }
    }

    /// How many fields and parcels have another value than before, on the order or its invoice.
    fn put_status(&mut self, number: &str, body: &Value, stamp: Stamp) -> usize {
        let set: Map<String, Value> = pairs(body, "fields", "name", "value")
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        let written = self.put_fields(number, &set, stamp) + self.put_package_statuses(number, body);
        if written > 0 {
            self.statuses_to_invoice(number);
        }
        written
    }

    fn put_fields(&mut self, number: &str, set: &Map<String, Value>, stamp: Stamp) -> usize {
        let mut places = vec![(OPEN, number.to_owned()), (HISTORY, number.to_owned())];
        places.extend(match self.invoice_of(number).flatten() {
            Some((invoice, false)) => Some(("SO_InvoiceHeader", invoice)),
            Some((invoice, true)) => Some(("AR_InvoiceHistoryHeader", format!("{invoice}~000000"))),
            None => None,
        });
        let mut written: BTreeMap<String, ()> = BTreeMap::new();
        for (table, key) in places {
            let Some(row) = self.tables[table].get(&key) else { continue };
            let differs = |(name, value): &(&String, &Value)| {
                row.fields.get(*name).and_then(Value::as_str).unwrap_or_default()
                    != value.as_str().unwrap_or_default()
            };
            let changed: Map<String, Value> =
                set.iter().filter(differs).map(|(name, value)| (name.clone(), value.clone())).collect();
            written.extend(changed.keys().map(|name| (name.clone(), ())));
            if !changed.is_empty() {
                self.table(table).change(&key, &changed, Some(stamp));
            }
        }
        written.len()
    }

    fn put_package_statuses(&mut self, number: &str, body: &Value) -> usize {
        let known = self.package_statuses.entry(number.to_owned()).or_default();
        let packages = pairs(body, "packages", "tracking_id", "status");
        packages
            .into_iter()
            .filter(|(id, status)| {
                known.insert((*id).to_owned(), (*status).to_owned()).as_deref() != Some(*status)
            })
            .count()
    }

    /// Each parcel's status beside its number, in the invoice's tracking records, open or posted.
    pub(super) fn statuses_to_invoice(&mut self, number: &str) {
        let Some(Some((invoice, posted))) = self.invoice_of(number) else { return };
        let table = if posted { "AR_InvoiceHistoryTracking" } else { "SO_InvoiceTracking" };
        let statuses = self.package_statuses.get(number).cloned().unwrap_or_default();
        let of = |row: &Row| {
            let id = row.fields.get("TrackingID")?.as_str()?;
            (row.fields.get("InvoiceNo")? == &json!(invoice)).then(|| statuses.get(id).cloned())?
        };
        let rows: Vec<(String, String)> =
            self.tables[table].rows().filter_map(|(key, row)| Some((key.clone(), of(row)?))).collect();
        for (key, status) in rows {
            let set = Map::from_iter([(PACKAGE_FIELD.to_owned(), json!(status))]);
            self.table(table).change(&key, &set, None);
        }
    }
}
