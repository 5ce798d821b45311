//! What V1 lists besides orders: products, customers; and carriers, warehouses and stores as bare lists without an envelope.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::filter::{Window, envelope, page, same, sort, within};
use super::message;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::Fault;
use crate::simulator::shipstation::reference::{self, CARRIERS, STORES, WAREHOUSES};
use crate::simulator::shipstation::state::Stocked;
use crate::simulator::shipstation::{ShipStation, convert, pacific};
use crate::simulator::system::lock;

/// The fields of a product that `PUT` replaces, all at once.
const FIELDS: &[&str] = &[
    "aliases",
    "name",
    "price",
    "defaultCost",
    "length",
    "width",
    "height",
    "weightOz",
    "internalNotes",
    "fulfillmentSku",
    "active",
    "productCategory",
    "productType",
    "warehouseLocation",
    "defaultCarrierCode",
    "defaultServiceCode",
    "defaultPackageCode",
    "defaultIntlCarrierCode",
    "defaultIntlServiceCode",
    "defaultIntlPackageCode",
    "defaultConfirmation",
    "defaultIntlConfirmation",
    "customsDescription",
    "customsValue",
    "customsTariffNo",
    "customsCountryCode",
    "noCustoms",
    "tags",
];

impl ShipStation {
    pub(in crate::simulator::shipstation) fn list_products(
        &self,
        call: &Call,
        fault: Option<Fault>,
    ) -> Answer {
        let dates = match Window::of(&renamed(call), "date") {
            Ok(dates) => dates,
            Err(answer) => return answer,
        };
        let inactive = call.parameter("showInactive") == Some("true");
        let books = lock(&self.books);
        let mut rows: Vec<&Stocked> = books
            .state
            .products
            .iter()
            .filter(|product| inactive || product.body.get("active") != Some(&json!(false)))
            .filter(|product| same(call, "sku", &product.sku))
            .filter(|product| {
                within(call, "name", product.body.get("name").and_then(Value::as_str).into_iter())
            })
            .filter(|product| dates.holds(Some(pacific::shown(product.created_at))))
            .collect();
        sort(call, &mut rows, |product, by| {
            let key = match by {
                Some("SKU") => product.sku.clone(),
                Some("ModifyDate") => pacific::shown(product.modified_at).to_string(),
                Some("CreateDate") => pacific::shown(product.created_at).to_string(),
                _ => String::new(),
            };
            (key, product.id)
        });
        let total = rows.len();
        let (_, _, range) = page(call, total);
        envelope(call, "products", total, rows[range].iter().map(|row| product(row)).collect(), fault)
    }

    pub(in crate::simulator::shipstation) fn one_product(&self, id: &str) -> Answer {
        let books = lock(&self.books);
        match books.state.products.iter().find(|product| product.id.to_string() == id) {
            Some(found) => Answer::json(200, &product(found)),
            None => message(404, "The requested product was not found."),
        }
    }

    /// Replaces the whole resource: what is left out is cleared.
    pub(in crate::simulator::shipstation) fn update_product(&self, id: &str, body: &Value) -> Answer {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let Some(found) = books.state.products.iter_mut().find(|product| product.id.to_string() == id) else {
            return message(404, "The requested product was not found.");
        };
        if body["productId"].as_u64() != Some(found.id) || body["sku"].as_str() != Some(&found.sku) {
            return message(400, "The productId and sku of a product can not be changed.");
        }
        found.body = FIELDS.iter().map(|name| ((*name).to_owned(), body[*name].clone())).collect();
        found.modified_at = now;
        Answer::json(200, &json!({ "success": true, "message": "The requested product has been updated" }))
    }

    /// Customers come into being with orders that name a `customerUsername`.
    pub(in crate::simulator::shipstation) fn list_customers(
        &self,
        call: &Call,
        fault: Option<Fault>,
    ) -> Answer {
        let books = lock(&self.books);
        let mut customers: BTreeMap<String, Value> = BTreeMap::new();
        for order in books.state.orders.iter().filter(|order| !order.deleted) {
            let view = convert::to_v1(order);
            if let Some(name) = view["customerUsername"].as_str() {
                customers.insert(name.to_owned(), customer(&view));
            }
        }
        let rows: Vec<Value> = customers
            .into_values()
            .filter(|row| same(call, "stateCode", row["state"].as_str().unwrap_or_default()))
            .filter(|row| same(call, "countryCode", row["countryCode"].as_str().unwrap_or_default()))
            .collect();
        let (_, _, range) = page(call, rows.len());
        envelope(call, "customers", rows.len(), rows[range].to_vec(), fault)
    }
}

/// `startDate` and `endDate` under the names that all other ranges have.
fn renamed(call: &Call) -> Call {
    let mut call = call.clone();
    for (name, _) in &mut call.query {
        match name.as_str() {
            "startDate" => *name = "dateStart".into(),
            "endDate" => *name = "dateEnd".into(),
            _ => {}
        }
    }
    call
}

fn product(product: &Stocked) -> Value {
    let mut view = json!({ "productId": product.id, "sku": product.sku });
    for name in FIELDS {
        view[*name] = product.body.get(*name).cloned().unwrap_or(Value::Null);
    }
    view["createDate"] = json!(pacific::stamp(product.created_at));
    view["modifyDate"] = json!(pacific::stamp(product.modified_at));
    view
}

fn customer(order: &Value) -> Value {
    let to = &order["shipTo"];
    json!({
        "customerId": order["customerId"], "createDate": order["createDate"], "modifyDate": order["modifyDate"],
        "name": to["name"], "company": to["company"], "street1": to["street1"], "street2": to["street2"], "city": to["city"],
        "state": to["state"], "postalCode": to["postalCode"], "countryCode": to["country"], "phone": to["phone"],
        "email": order["customerEmail"], "addressVerified": "Verified",
        "marketplaceUsernames": [{ "customerUserId": 0, "customerId": order["customerId"], "username": order["customerUsername"] }],
        "tags": null,
    })
}

/// `GET /warehouses`.
pub fn warehouses() -> Answer {
    Answer::json(200, &WAREHOUSES.iter().map(shown).collect())
}

/// `GET /warehouses/{warehouseId}`.
pub fn warehouse(id: &str) -> Answer {
    match WAREHOUSES.iter().find(|warehouse| warehouse.id.to_string() == id) {
        Some(warehouse) => Answer::json(200, &shown(warehouse)),
        None => message(404, "The requested warehouse was not found."),
    }
}

fn shown(warehouse: &reference::Warehouse) -> Value {
    let mut back = warehouse.v1_address();
    back["residential"] = Value::Null;
    json!({
        "warehouseId": warehouse.id, "warehouseName": warehouse.name, "originAddress": warehouse.v1_address(),
        "returnAddress": back, "createDate": "2014-10-21T08:11:43.88", "isDefault": warehouse.default,
    })
}

/// `GET /stores`: the refresh times do not even agree with each other on a zone (sample of `/stores`).
pub fn stores(call: &Call) -> Answer {
    let inactive = call.parameter("showInactive") == Some("true");
    let shown = STORES.iter().filter(|store| store.active || inactive).map(|store| {
        json!({
            "storeId": store.id, "storeName": store.name, "marketplaceId": 0, "marketplaceName": "ShipStation",
            "accountName": null, "email": null, "integrationUrl": null, "active": store.active, "companyName": "", "phone": "",
            "publicEmail": "", "website": "", "refreshDate": "2014-11-26T22:28:14.07",
            "lastRefreshAttempt": "2014-11-26T14:28:14.07", "createDate": "2014-07-25T11:05:55.307",
            "modifyDate": "2014-11-12T08:45:20.55", "autoRefresh": false,
        })
    });
    Answer::json(200, &shown.collect())
}

/// `GET /carriers`.
pub fn carriers() -> Answer {
    let shown = CARRIERS.iter().map(|carrier| {
        json!({
            "name": carrier.name, "code": carrier.code, "accountNumber": carrier.account,
            "requiresFundedAccount": carrier.code == "stamps_com", "balance": 24.27, "nickname": carrier.nickname,
            "shippingProviderId": carrier.id, "primary": true,
        })
    });
    Answer::json(200, &shown.collect())
}

/// `GET /carriers/listservices`.
pub fn services(call: &Call) -> Answer {
    let Some(carrier) = call.parameter("carrierCode").and_then(reference::carrier) else {
        return message(400, "The carrierCode is not valid.");
    };
    let shown = carrier.services.iter().map(|(code, name, domestic)| {
        json!({ "carrierCode": carrier.code, "code": code, "name": name, "domestic": domestic, "international": !domestic })
    });
    Answer::json(200, &shown.collect())
}
