//! What V2 lists besides: products, warehouses and carriers.

use serde_json::{Value, json};

use super::filter::{envelope, page, same};
use super::missing;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::Fault;
use crate::simulator::shipstation::ShipStation;
use crate::simulator::shipstation::reference::{CARRIERS, Carrier, WAREHOUSES, Warehouse};
use crate::simulator::shipstation::state::Stocked;
use crate::simulator::system::lock;

impl ShipStation {
    pub(in crate::simulator::shipstation) fn list_products_v2(
        &self,
        call: &Call,
        fault: Option<Fault>,
    ) -> Answer {
        let books = lock(&self.books);
        let rows: Vec<&Stocked> = books
            .state
            .products
            .iter()
            .filter(|product| same(call, "sku", &product.sku))
            .filter(|product| {
                let name =
                    product.body.get("name").and_then(Value::as_str).unwrap_or_default().to_lowercase();
                call.parameter("name").is_none_or(|wanted| name.contains(&wanted.to_lowercase()))
            })
            .filter(|product| {
                same(call, "active", &(product.body.get("active") != Some(&json!(false))).to_string())
            })
            .collect();
        let shown = rows[page(call, rows.len())].iter().map(|row| product(row)).collect();
        envelope(call, "products", rows.len(), shown, fault)
    }
}

fn product(product: &Stocked) -> Value {
    let of = |name: &str| product.body.get(name).cloned().unwrap_or(Value::Null);
    let number = |name: &str| of(name).as_f64().unwrap_or_default();
    json!({
        "product_id": product.id,
        "sku": product.sku,
        "name": of("name").as_str().unwrap_or_default(),
        "upc": null,
        "price": { "currency": "usd", "amount": number("price") },
        "weight": { "value": number("weightOz"), "unit": "ounce" },
        "internal_notes": of("internalNotes"),
        "create_date": product.created_at.to_string(),
        "modify_date": product.modified_at.to_string(),
        "active": of("active").as_bool().unwrap_or(true),
        "warehouse_location": of("warehouseLocation"),
        "customs_description": of("customsDescription"),
    })
}

/// `GET /v2/warehouses`.
pub fn warehouses() -> Answer {
    Answer::json(200, &json!({ "warehouses": WAREHOUSES.iter().map(shown).collect::<Vec<_>>() }))
}

/// `GET /v2/warehouses/{warehouse_id}`.
pub fn warehouse(id: &str) -> Answer {
    match WAREHOUSES.iter().find(|warehouse| format!("se-{}", warehouse.id) == id) {
        Some(warehouse) => Answer::json(200, &shown(warehouse)),
        None => missing("warehouse"),
    }
}

fn shown(warehouse: &Warehouse) -> Value {
    json!({
        "warehouse_id": format!("se-{}", warehouse.id), "is_default": warehouse.default, "name": warehouse.name,
        "created_at": "2014-10-21T15:11:43.88Z", "origin_address": warehouse.v2_address(), "return_address": warehouse.v2_address(),
    })
}

/// `GET /v2/carriers`.
pub fn carriers() -> Answer {
    let shown = CARRIERS.iter().map(|carrier| {
        json!({
            "carrier_id": format!("se-{}", carrier.id), "carrier_code": carrier.code, "account_number": carrier.account,
            "requires_funded_amount": carrier.code == "stamps_com", "balance": 24.27, "nickname": carrier.nickname,
            "friendly_name": carrier.name, "primary": true, "has_multi_package_supporting_services": true,
            "supports_label_messages": true, "services": services_of(carrier), "packages": [], "options": [],
        })
    });
    Answer::json(200, &json!({ "carriers": shown.collect::<Vec<_>>() }))
}

/// `GET /v2/carriers/{carrier_id}/services`.
pub fn services(id: &str) -> Answer {
    match CARRIERS.iter().find(|carrier| format!("se-{}", carrier.id) == id) {
        Some(carrier) => Answer::json(200, &json!({ "services": services_of(carrier) })),
        None => missing("carrier"),
    }
}

fn services_of(carrier: &Carrier) -> Vec<Value> {
    let shown = carrier.services.iter().map(|(code, name, domestic)| {
        json!({
            "carrier_id": format!("se-{}", carrier.id), "carrier_code": carrier.code, "service_code": code, "name": name,
            "domestic": domestic, "international": !domestic, "is_multi_package_supported": carrier.code != "stamps_com",
        })
    });
    shown.collect()
}
