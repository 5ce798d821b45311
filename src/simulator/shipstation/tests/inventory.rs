//! V2's inventory and catalogue.

use super::*;

fn tell(site: &Site, kind: &str, sku: &str, location: &str, quantity: i64) -> Answer {
    let body = json!({ "transaction_type": kind, "sku": sku, "inventory_location_id": location, "quantity": quantity });
    site.send("POST", "/v2/inventory", Some(&body))
}

fn location(site: &Site) -> String {
    site.get("/v2/inventory_locations")["inventory_locations"][0]["inventory_location_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn adjusting_twice_is_adjusting_once() {
    let site = site(|_| {});
    let place = location(&site);
    assert_eq!(tell(&site, "adjust", "ABC-1", &place, 12).status, 204);
    assert_eq!(tell(&site, "adjust", "ABC-1", &place, 12).status, 204);
    assert_eq!(site.get("/v2/inventory?sku=ABC-1")["inventory"][0]["on_hand"], 12);
    tell(&site, "increment", "ABC-1", &place, 3);
    tell(&site, "increment", "ABC-1", &place, 3);
    tell(&site, "decrement", "ABC-1", &place, 1);
    assert_eq!(site.station.inventory()[&("ABC-1".to_owned(), "Main".to_owned())], 17);
    assert_eq!(site.station.summary().inventory_changes, 5);
    site.is_clean();
}

#[test]
fn unknown_places_and_skus_are_refused() {
    let site = site(|_| {});
    let place = location(&site);
    assert_eq!(code(&tell(&site, "adjust", "NOPE", &place, 1)), "invalid_field_value");
    assert_eq!(code(&tell(&site, "adjust", "ABC-1", "se-1", 1)), "invalid_identifier");
    assert_eq!(code(&tell(&site, "decrement", "ABC-1", &place, 1)), "invalid_field_value");
    assert_eq!(code(&tell(&site, "set", "ABC-1", &place, 1)), "invalid_field_value");
    assert!(site.station.inventory().is_empty());
}

#[test]
fn rooms_are_made_named_and_given_up() {
    let site = site(|_| {});
    let made = site.send("POST", "/v2/inventory_warehouses", Some(&json!({ "name": "East" }))).value();
    let warehouse = made["inventory_warehouse_id"].as_str().unwrap().to_owned();
    let body = json!({ "name": "E-01", "inventory_warehouse_id": warehouse });
    let made = site.send("POST", "/v2/inventory_locations", Some(&body)).value();
    let place = made["inventory_location_id"].as_str().unwrap().to_owned();
    // The same once more is another one.
    site.send("POST", "/v2/inventory_locations", Some(&body));
    assert_eq!(site.get("/v2/inventory_locations")["total"], 3);
    let nowhere = json!({ "name": "X", "inventory_warehouse_id": "se-1" });
    assert_eq!(code(&site.send("POST", "/v2/inventory_locations", Some(&nowhere))), "invalid_identifier");
    let target = format!("/v2/inventory_warehouses/{warehouse}");
    assert_eq!(site.send("PUT", &target, Some(&json!({ "name": "Far east" }))).status, 204);
    assert_eq!(site.get(&target)["name"], "Far east");
    tell(&site, "adjust", "ABC-1", &place, 4);
    let by_warehouse =
        site.get(&format!("/v2/inventory?group_by=warehouse&inventory_warehouse_id={warehouse}"));
    assert_eq!(by_warehouse["inventory"][0]["available"], 4);
    assert!(by_warehouse["inventory"][0].get("inventory_location_id").is_none());
    assert_eq!(code(&site.send("DELETE", &target, None)), "warehouse_conflict");
    assert_eq!(site.send("DELETE", &format!("{target}?remove_inventory=1"), None).status, 204);
    assert_eq!(site.send("GET", &target, None).status, 404);
    assert!(site.station.inventory().is_empty());
    assert_eq!(site.get("/v2/inventory_locations?page_size=1")["pages"], 1);
}

#[test]
fn what_an_account_has() {
    let site = site(|_| {});
    assert_eq!(site.get("/v2/warehouses")["warehouses"][0]["warehouse_id"], "se-17977");
    assert_eq!(site.get("/v2/warehouses/se-14265")["name"], "Austin");
    assert_eq!(site.get("/v2/carriers/se-12347/services")["services"][0]["service_code"], "ups_ground");
    assert_eq!(site.get("/v2/products?sku=ABC-1")["products"][0]["weight"]["value"], 12.5);
    assert_eq!(site.send("GET", "/v2/carriers", None).value()["carriers"].as_array().unwrap().len(), 3);
    assert_eq!(site.send("GET", "/v2/orders", None).status, 404);
}
