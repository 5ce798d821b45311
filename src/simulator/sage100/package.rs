//! Parcels one by one, as they leave: written to the order and to its invoice, open or posted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Sage100;
use super::books::{Books, HISTORY, OPEN};
use super::route::refusal;
use super::stamp::Stamp;
use super::table::Row;
use crate::simulator::exchange::Answer;
use crate::simulator::faults::Strike;
use crate::simulator::system::lock;

/// A parcel of an order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Package {
    /// Its tracking number.
    pub tracking_id: String,
    /// Who carries it.
    pub carrier: String,
    /// By which service.
    pub service: String,
    /// The day it left.
    pub ship_date: String,
    /// Its weight in pounds.
    pub weight: Option<f64>,
    /// What it cost.
    pub freight_amount: Option<f64>,
    /// The user-defined fields that were written to the invoice with it.
    pub fields: BTreeMap<String, String>,
    /// How often it was really written, and not just repeated.
    pub writes: u32,
}

impl Package {
    fn of(tracking_id: &str, body: &Value) -> Self {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let fields = body["invoice_fields"].as_array().into_iter().flatten();
        let pair = |field: &Value| {
            Some((field["name"].as_str()?.to_owned(), field["value"].as_str().unwrap_or_default().to_owned()))
        };
        Self {
            tracking_id: tracking_id.to_owned(),
            carrier: text("carrier"),
            service: text("service"),
            ship_date: text("ship_date"),
            weight: body["weight"].as_f64(),
            freight_amount: body["freight_amount"].as_f64(),
            fields: fields.filter_map(pair).collect(),
            writes: 0,
        }
    }
}

impl Sage100 {
    pub(super) fn write_package(
        &self,
        number: &str,
        tracking_id: &str,
        body: Option<&Value>,
        strike: Option<&Strike>,
    ) -> Answer {
        let stamp = self.stamp();
        let mut books = lock(&self.books);
        if let Some(refusal) = books.refuse_write(number, strike) {
            return refusal;
        }
        let Some(invoice) = books.invoice_of(number) else {
            return refusal(404, "not_found", &format!("There is no sales order {number}."));
        };
        let written = match body {
            Some(body) => books.put_package(number, Package::of(tracking_id, body), stamp),
            None => books.drop_package(number, tracking_id, stamp),
        };
        if body.is_some() {
            books.write_backs.note(&format!("{number}/{tracking_id}"), written, strike);
        }
        books.packages_to_invoice(number, stamp);
        books.statuses_to_invoice(number);
        let mut answer = json!({
            "written": u64::from(written),
            "unchanged": !written,
            "tracking_ids": books.tracking.get(number).cloned().unwrap_or_default(),
        });
        if let Some((invoice, posted)) = invoice {
            (answer["invoice"], answer["posted"]) = (json!(invoice), json!(posted));
        }
        Answer::json(200, &answer)
    }
}

impl Books {
    /// The invoice of an order, and whether it is posted; `None` when there is no such order.
    pub(super) fn invoice_of(&self, number: &str) -> Option<Option<(String, bool)>> {
        let text = |row: &Row, name: &str| row.fields.get(name).and_then(Value::as_str).map(str::to_owned);
        if let Some(row) = self.tables[OPEN].get(number) {
            return Some(text(row, "CurrentInvoiceNo").map(|invoice| (invoice, false)));
        }
        let row = self.tables[HISTORY].get(number)?;
        Some(text(row, "LastInvoiceOrderNo").map(|invoice| (invoice, true)))
    }

    /// Says whether anything changed.
    fn put_package(&mut self, number: &str, package: Package, stamp: Stamp) -> bool {
        let packages = self.packages.entry(number.to_owned()).or_default();
        match packages.iter_mut().find(|known| known.tracking_id == package.tracking_id) {
            Some(known) if (Package { writes: known.writes, ..package.clone() }) == *known => {
                self.repeated_writes += 1;
                return false;
            }
            Some(known) => *known = Package { writes: known.writes + 1, ..package.clone() },
            None => packages.push(Package { writes: 1, ..package.clone() }),
        }
        let numbers = self.tracking.entry(number.to_owned()).or_default();
        if !numbers.contains(&package.tracking_id) {
            numbers.push(package.tracking_id);
        }
        self.table(OPEN).change(number, &Map::new(), Some(stamp));
        true
    }

    fn drop_package(&mut self, number: &str, tracking_id: &str, stamp: Stamp) -> bool {
        let packages = self.packages.entry(number.to_owned()).or_default();
        let before = packages.len();
        packages.retain(|package| package.tracking_id != tracking_id);
        if packages.len() == before {
            return false;
        }
        if let Some(numbers) = self.tracking.get_mut(number) {
            numbers.retain(|known| known != tracking_id);
        }
        self.table(OPEN).change(number, &Map::new(), Some(stamp));
        true
    }

    /// Writes all parcels of an order to its invoice, as `RemoveTrackingRecords` and then one record each.
    pub(super) fn packages_to_invoice(&mut self, number: &str, stamp: Stamp) {
        let Some(Some((invoice, posted))) = self.invoice_of(number) else { return };
        let Some(packages) = self.packages.get(number).cloned() else { return };
        let (header, tracking, prefix) = match posted {
            true => ("AR_InvoiceHistoryHeader", "AR_InvoiceHistoryTracking", format!("{invoice}~000000")),
            false => ("SO_InvoiceHeader", "SO_InvoiceTracking", invoice.clone()),
        };
        let old: Vec<String> = self.tables[tracking]
            .rows()
            .filter(|(_, row)| row.fields.get("InvoiceNo") == Some(&json!(invoice)))
            .map(|(key, _)| key.clone())
            .collect();
        old.iter().for_each(|key| drop(self.table(tracking).remove(key)));
        for (index, package) in packages.iter().enumerate() {
            let place = format!("{:04}", index + 1);
            let mut fields = Map::from_iter([
                ("InvoiceNo".to_owned(), json!(invoice)),
                ("PackageNo".to_owned(), json!(place)),
                ("TrackingID".to_owned(), json!(package.tracking_id)),
                ("Comment".to_owned(), json!(package.service.chars().take(30).collect::<String>())),
                ("StarshipShipVia".to_owned(), json!(package.carrier.chars().take(15).collect::<String>())),
                ("Weight".to_owned(), json!(package.weight)),
                ("FreightAmt".to_owned(), json!(package.freight_amount)),
            ]);
            if posted {
                fields.insert("HeaderSeqNo".into(), json!("000000"));
            }
            self.table(tracking).put(&format!("{prefix}~{place}"), Row { stamp: None, fields });
        }
        let last = packages.iter().rev().flat_map(|package| &package.fields);
        let mut set: Map<String, Value> = Map::new();
        for (name, value) in last {
            set.entry(name.clone()).or_insert_with(|| json!(value));
        }
        if let Some(day) =
            packages.iter().map(|package| &package.ship_date).max().filter(|day| !day.is_empty())
        {
            set.insert("ShipDate".into(), json!(day));
        }
        self.table(header).change(&prefix, &set, Some(stamp));
    }
}
