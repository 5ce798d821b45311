//! One order in both languages: V1's order and V2's shipment, whichever of the two wrote it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::pacific;
use super::reference::{self, Warehouse};
use super::state::{Api, Order};

/// What of a V1 order is kept as it was written; what was not written is null.
const V1_FIELDS: &[&str] = &[
    "customerUsername",
    "customerEmail",
    "amountPaid",
    "taxAmount",
    "shippingAmount",
    "customerNotes",
    "internalNotes",
    "gift",
    "giftMessage",
    "paymentMethod",
    "requestedShippingService",
    "carrierCode",
    "serviceCode",
    "packageCode",
    "confirmation",
    "shipDate",
    "weight",
    "dimensions",
    "insuranceOptions",
    "internationalOptions",
    "tagIds",
];

/// What of a V2 shipment is kept as it was written.
const V2_FIELDS: &[&str] = &[
    "carrier_id",
    "service_code",
    "requested_shipment_service",
    "external_order_id",
    "hold_until_date",
    "ship_by_date",
    "notes_from_buyer",
    "notes_to_buyer",
    "notes_for_gift",
    "internal_notes",
    "is_gift",
    "assigned_user",
    "amount_paid",
    "shipping_paid",
    "tax_paid",
    "ship_date",
    "is_return",
    "customs",
    "warehouse_id",
];

/// The order as V1 shows it.
pub fn to_v1(order: &Order) -> Value {
    let body = match order.content.api {
        Api::V1 => order.content.body.clone(),
        Api::V2 => v1_of(order),
    };
    let mut view = json!({
        "orderId": order.id,
        "orderNumber": order.number,
        "orderKey": order.key,
        "orderDate": date(&body, "orderDate"),
        "createDate": pacific::stamp(order.created_at),
        "modifyDate": pacific::stamp(order.modified_at),
        "paymentDate": date(&body, "paymentDate"),
        "shipByDate": date(&body, "shipByDate"),
        "orderStatus": order.status,
        "customerId": body.get("customerUsername").filter(|name| !name.is_null()).map(|_| order.id % 100_000 + 63_000_000),
    });
    for name in V1_FIELDS {
        view[*name] = body.get(*name).cloned().unwrap_or(Value::Null);
    }
    view["billTo"] = v1_address(&body["billTo"], None);
    view["shipTo"] = v1_address(&body["shipTo"], Some("Address validated successfully"));
    let items = body.get("items").and_then(Value::as_array).into_iter().flatten().enumerate();
    view["items"] = items.map(|(place, item)| v1_item(order, place, item)).collect();
    view["orderTotal"] = json!(total(&view));
    view["holdUntilDate"] = body.get("holdUntilDate").cloned().unwrap_or(Value::Null);
    view["advancedOptions"] = advanced(order, body.get("advancedOptions"));
    view["userId"] = Value::Null;
    view["externallyFulfilled"] = json!(false);
    view["externallyFulfilledBy"] = Value::Null;
    if view["confirmation"].is_null() {
        view["confirmation"] = json!("none");
    }
    for name in ["amountPaid", "taxAmount", "shippingAmount"] {
        if view[name].is_null() {
            view[name] = json!(0.0);
        }
    }
    view
}

fn date(body: &Map<String, Value>, name: &str) -> Value {
    let local = body.get(name).and_then(Value::as_str).and_then(pacific::read);
    local.map_or(Value::Null, |local| json!(pacific::given_back(local)))
}

fn v1_address(address: &Value, verified: Option<&str>) -> Value {
    let mut view = Map::new();
    for name in [
        "name",
        "company",
        "street1",
        "street2",
        "street3",
        "city",
        "state",
        "postalCode",
        "country",
        "phone",
        "residential",
    ] {
        view.insert(name.to_owned(), address.get(name).cloned().unwrap_or(Value::Null));
    }
    view.insert("addressVerified".to_owned(), json!(verified));
    Value::Object(view)
}

fn v1_item(order: &Order, place: usize, item: &Value) -> Value {
    let mut view = json!({ "orderItemId": order.id * 100 + place as u64 });
    for name in [
        "lineItemKey",
        "sku",
        "name",
        "imageUrl",
        "weight",
        "quantity",
        "unitPrice",
        "taxAmount",
        "shippingAmount",
        "warehouseLocation",
        "options",
        "productId",
        "fulfillmentSku",
        "adjustment",
        "upc",
    ] {
        view[name] = item.get(name).cloned().unwrap_or(Value::Null);
    }
    view["orderItemId"] = json!((order.id % 1_000_000) * 1000 + place as u64 + 1);
    if view["adjustment"].is_null() {
        view["adjustment"] = json!(false);
    }
    view["createDate"] = json!(pacific::stamp(order.created_at));
    view["modifyDate"] = json!(pacific::stamp(order.modified_at));
    view
}

fn total(view: &Value) -> f64 {
    let cents = |value: &Value| (value.as_f64().unwrap_or_default() * 100.0).round();
    let items = view["items"].as_array().into_iter().flatten();
    let goods: f64 =
        items.map(|item| item["quantity"].as_f64().unwrap_or_default() * cents(&item["unitPrice"])).sum();
    (goods + cents(&view["taxAmount"]) + cents(&view["shippingAmount"])) / 100.0
}

fn advanced(order: &Order, given: Option<&Value>) -> Value {
    let given = given.cloned().unwrap_or(Value::Null);
    let mut view = json!({
        "warehouseId": Warehouse::of(given["warehouseId"].as_u64()).id,
        "nonMachinable": false, "saturdayDelivery": false, "containsAlcohol": false,
        "mergedOrSplit": order.split, "mergedIds": [],
        // Text in the contract.
        "parentId": order.parent.map(|id| id.to_string()),
    });
    for name in [
        "nonMachinable",
        "saturdayDelivery",
        "containsAlcohol",
        "customField1",
        "customField2",
        "customField3",
        "source",
        "billToParty",
        "billToAccount",
        "billToPostalCode",
        "billToCountryCode",
        "billToMyOtherAccount",
    ] {
        if let Some(value) = given.get(name) {
            view[name] = value.clone();
        } else if view.get(name).is_none() {
            view[name] = Value::Null;
        }
    }
    // Only the create says it; a store can not be changed.
    view["storeId"] = json!(order.store);
    view
}

/// A V2 shipment in V1's words.
fn v1_of(order: &Order) -> Map<String, Value> {
    let given = &Value::Object(order.content.body.clone());
    let amount = |name: &str| given[name]["amount"].clone();
    let items: Vec<Value> = given["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| {
            json!({
                "lineItemKey": item["external_order_item_id"], "sku": item["sku"], "name": item["name"],
                "quantity": item["quantity"], "unitPrice": item["unit_price"], "taxAmount": item["tax_amount"],
                "shippingAmount": item["shipping_amount"], "warehouseLocation": item["inventory_location"], "upc": item["upc"],
            })
        })
        .collect();
    let carrier = number_of(&given["carrier_id"])
        .and_then(|id| reference::CARRIERS.iter().find(|carrier| carrier.id == id));
    let to = from_v2_address(&given["ship_to"]);
    let mut body = json!({
        "orderDate": pacific::stamp(order.created_at),
        "shipByDate": given["ship_by_date"],
        "customerEmail": given["ship_to"]["email"],
        "billTo": { "name": to["name"] },
        "shipTo": to,
        "items": items,
        "amountPaid": amount("amount_paid"),
        "taxAmount": amount("tax_paid"),
        "shippingAmount": amount("shipping_paid"),
        "customerNotes": given["notes_from_buyer"],
        "internalNotes": given["internal_notes"],
        "gift": given["is_gift"].as_bool().unwrap_or(false),
        "giftMessage": given["notes_for_gift"],
        "requestedShippingService": given["requested_shipment_service"],
        "carrierCode": carrier.map(|carrier| carrier.code),
        "serviceCode": given["service_code"],
        "confirmation": given["confirmation"],
        "weight": { "value": ounces(&given["packages"]), "units": "ounces" },
        "advancedOptions": { "warehouseId": number_of(&given["warehouse_id"]) },
    });
    for field in 1..=3 {
        body["advancedOptions"][format!("customField{field}")] =
            given["advanced_options"][format!("custom_field{field}")].clone();
    }
    body.as_object().cloned().unwrap_or_default()
}

fn from_v2_address(address: &Value) -> Value {
    json!({
        "name": address["name"], "company": address["company_name"], "street1": address["address_line1"],
        "street2": address["address_line2"], "street3": address["address_line3"], "city": address["city_locality"],
        "state": address["state_province"], "postalCode": address["postal_code"], "country": address["country_code"],
        "phone": address["phone"], "residential": match address["address_residential_indicator"].as_str() {
            Some("yes") => Some(true),
            Some("no") => Some(false),
            _ => None,
        },
    })
}

/// The number in `se-123`.
pub fn number_of(id: &Value) -> Option<u64> {
    id.as_str()?.strip_prefix("se-")?.parse().ok()
}

fn ounces(packages: &Value) -> f64 {
    let weigh = |package: &Value| {
        let value = package["weight"]["value"].as_f64().unwrap_or_default();
        match package["weight"]["unit"].as_str() {
            Some("pound") => value * 16.0,
            Some("gram") => value / 28.349_523_125,
            Some("kilogram") => value / 0.028_349_523_125,
            _ => value,
        }
    };
    packages.as_array().into_iter().flatten().map(weigh).sum()
}

/// The order as V2 shows it.
pub fn to_v2(order: &Order) -> Value {
    let body = match order.content.api {
        Api::V2 => Value::Object(order.content.body.clone()),
        Api::V1 => v2_of(order),
    };
    let warehouse = Warehouse::of(number_of(&body["warehouse_id"]));
    let kept = |name: &str, otherwise: Value| {
        body.get(name).filter(|value| !value.is_null()).cloned().unwrap_or(otherwise)
    };
    let packages = kept("packages", json!([]));
    let mut view = json!({
        "shipment_id": format!("se-{}", order.id),
        "external_shipment_id": order.key,
        "shipment_number": order.number,
        "shipment_status": status(order),
        "created_at": order.created_at.to_string(),
        "modified_at": order.modified_at.to_string(),
        "store_id": order.store.to_string(),
        "ship_to": kept("ship_to", v2_address(&Value::Null)),
        "ship_from": kept("ship_from", warehouse.v2_address()),
        "return_to": kept("return_to", warehouse.v2_address()),
        "confirmation": kept("confirmation", json!("none")),
        "advanced_options": kept("advanced_options", json!({})),
        "insurance_provider": kept("insurance_provider", json!("none")),
        "tags": kept("tags", json!([])),
        "items": kept("items", json!([])),
        "total_weight": { "value": ounces(&packages), "unit": "ounce" },
        "packages": packages,
    });
    for name in V2_FIELDS {
        if let Some(value) = body.get(*name).filter(|value| !value.is_null()) {
            view[*name] = value.clone();
        }
    }
    view
}

/// V2 has no `shipped`: an order with a label is `label_purchased`. One that was only marked as shipped has no label, and no
/// public source says what V2 calls it; the same word keeps it from being edited.
pub fn status(order: &Order) -> &'static str {
    match order.status.as_str() {
        "cancelled" => "cancelled",
        "shipped" => "label_purchased",
        _ => "pending",
    }
}

/// A V1 order in V2's words.
fn v2_of(order: &Order) -> Value {
    let given = &Value::Object(order.content.body.clone());
    let money = |name: &str| match given[name].as_f64() {
        Some(amount) if amount >= 0.0 => json!({ "currency": "usd", "amount": amount }),
        _ => Value::Null,
    };
    let items: Vec<Value> = given["items"].as_array().into_iter().flatten().map(v2_item).collect();
    let carrier = given["carrierCode"].as_str().and_then(reference::carrier);
    // V2 knows no parcel without a weight and no address without a phone number.
    let weight = given["weight"]["value"].as_f64().filter(|weight| *weight > 0.0).unwrap_or(1.0);
    let unit = match given["weight"]["units"].as_str() {
        Some("pounds") => "pound",
        Some("grams") => "gram",
        _ => "ounce",
    };
    let mut advanced = Map::new();
    for field in 1..=3 {
        let value = &given["advancedOptions"][format!("customField{field}")];
        if !value.is_null() {
            advanced.insert(format!("custom_field{field}"), value.clone());
        }
    }
    json!({
        "carrier_id": carrier.map(|carrier| format!("se-{}", carrier.id)),
        "service_code": given["serviceCode"],
        "requested_shipment_service": given["requestedShippingService"],
        "notes_from_buyer": given["customerNotes"],
        "internal_notes": given["internalNotes"],
        "notes_for_gift": given["giftMessage"],
        "is_gift": given["gift"].as_bool().unwrap_or(false),
        "amount_paid": money("amountPaid"),
        "shipping_paid": money("shippingAmount"),
        "tax_paid": money("taxAmount"),
        "ship_to": v2_address(&given["shipTo"]),
        "warehouse_id": format!("se-{}", Warehouse::of(given["advancedOptions"]["warehouseId"].as_u64()).id),
        "items": items,
        "packages": [{ "weight": { "value": weight, "unit": unit } }],
        "advanced_options": advanced,
    })
}

fn v2_item(item: &Value) -> Value {
    let mut view = json!({
        "name": item["name"].as_str().unwrap_or_default(),
        "sku": item["sku"],
        "quantity": item["quantity"].as_u64().unwrap_or(0),
        "external_order_item_id": item["lineItemKey"],
        "tax_amount": item["taxAmount"],
        "inventory_location": item["warehouseLocation"],
    });
    // A price below nothing is an adjustment, which V2 cannot say.
    if let Some(price) = item["unitPrice"].as_f64().filter(|price| *price >= 0.0) {
        view["unit_price"] = json!(price);
    }
    view
}

/// A V1 address in V2's words; what is missing is empty text there.
pub fn v2_address(address: &Value) -> Value {
    let of = |name: &str| address[name].as_str().unwrap_or_default().to_owned();
    let phone =
        Some(of("phone")).filter(|phone| !phone.is_empty()).unwrap_or_else(|| "5121112222".to_owned());
    let mut view = json!({
        "name": of("name"), "phone": phone, "address_line1": of("street1"), "city_locality": of("city"),
        "state_province": of("state"), "postal_code": of("postalCode"), "country_code": of("country"),
        "address_residential_indicator": match address["residential"].as_bool() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        },
    });
    for (v1, v2) in [("company", "company_name"), ("street2", "address_line2"), ("street3", "address_line3")]
    {
        if let Some(text) = address[v1].as_str().filter(|text| !text.is_empty()) {
            view[v2] = json!(text);
        }
    }
    view
}

/// What arrived, in words that are the same for every system: `name`, `company`, `street`, `street2`, `city`, `state`,
/// `postal_code`, `country`, `phone`, `email`, `service`, `custom_field1` to `3`, `hold`, and `lines` as
/// `SKUxQUANTITY@LOCATION` (without `@` where no location is named), in order, joined by `; `. What is empty is left out.
pub fn words(order: &Order) -> BTreeMap<String, String> {
    let view = to_v1(order);
    let mut words = BTreeMap::from([("hold".to_owned(), (order.status == "on_hold").to_string())]);
    let mut keep = |name: &str, value: &Value| {
        if let Some(text) = value.as_str().filter(|text| !text.is_empty()) {
            words.insert(name.to_owned(), text.to_owned());
        }
    };
    for (name, field) in [
        ("name", "name"),
        ("company", "company"),
        ("street", "street1"),
        ("street2", "street2"),
        ("city", "city"),
        ("state", "state"),
        ("postal_code", "postalCode"),
        ("country", "country"),
        ("phone", "phone"),
    ] {
        keep(name, &view["shipTo"][field]);
    }
    for field in 1..=3 {
        keep(&format!("custom_field{field}"), &view["advancedOptions"][format!("customField{field}")]);
    }
    keep("service", &view["requestedShippingService"]);
    keep("email", &view["customerEmail"]);
    let mut lines: Vec<String> = view["items"].as_array().into_iter().flatten().map(line).collect();
    lines.sort();
    keep("lines", &json!(lines.join("; ")));
    words
}

fn line(item: &Value) -> String {
    let text = |name: &str| item[name].as_str().unwrap_or_default();
    let line = format!("{}x{}", text("sku"), item["quantity"].as_u64().unwrap_or_default());
    match text("warehouseLocation") {
        "" => line,
        location => format!("{line}@{location}"),
    }
}
