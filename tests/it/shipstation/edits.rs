//! Orders go from Sage 100 to ShipStation, and are edited before and after they ship.

use std::time::Duration;

use ml_connector::base::{Clock, clock};
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::shipstation::{Conflicts, Locked, Placed};
use ml_connector::store::{Record, RecordState};
use serde_json::json;

use super::shop::Shop;

/// A flow that writes orders by this operation of V1, and tells by reading again what a refusal, or a yes, was worth.
fn by(operation: &str) -> String {
    format!(
        r#"
flows:
  push:
    title: Orders
    source: {{ poll: {{ stream: erp.sales_orders, every: 15m }} }}
    record: order
    key: "{{{{ order.SalesOrderNo }}}}"
    idempotency_key: "{{{{ order.SalesOrderNo }}}}"
    on_refusal: park
    on_change: {{ watch: "{{{{ [order.ShipToName, order.ShipToCity, order.Lines] }}}}", after_done: repeat }}
    steps:
      - id: written
        call: v1.{operation}
        on_refusal: go_on
        refusal: refused
        with:
          order:
            orderNumber: "{{{{ order.SalesOrderNo }}}}"
            orderKey: "{{{{ order.SalesOrderNo }}}}"
            orderDate: "{{{{ order.OrderDate }}}}"
            orderStatus: awaiting_shipment
            billTo: {{ name: "{{{{ order.ShipToName }}}}" }}
            shipTo:
              name: "{{{{ order.ShipToName }}}}"
              street1?: "{{{{ order.ShipToAddress1 }}}}"
              city?: "{{{{ order.ShipToCity }}}}"
              state?: "{{{{ order.ShipToState }}}}"
              postalCode?: "{{{{ order.ShipToZipCode }}}}"
              country: US
            items:
              for_each: "{{{{ order.Lines }}}}"
              as: line
              give: {{ sku: "{{{{ line.ItemCode }}}}", name: "{{{{ line.ItemCodeDesc | or_else(line.ItemCode) }}}}", quantity: "{{{{ line.QuantityOrdered | integer }}}}" }}
      - id: now
        call: v1.order_by_key
        with: {{ number: "{{{{ order.SalesOrderNo }}}}", key: "{{{{ order.SalesOrderNo }}}}" }}
      - check: "{{{{ now.order is none or now.order.orderStatus not in ['shipped', 'cancelled'] }}}}"
        otherwise: {{ report: "The order is {{{{ now.order.orderStatus }}}} in ShipStation: the edit is not applicable" }}
      - check: "{{{{ refused is none }}}}"
        otherwise: {{ park: "ShipStation refuses the order: {{{{ refused.message }}}}" }}
"#
    )
}

const BEGIN: &str = "2026-11-20T18:00:00Z";

fn order(shop: &Shop, number: &str) -> Placed {
    shop.station.system.orders().into_iter().find(|order| order.number == number).unwrap()
}

async fn record(shop: &Shop, number: &str) -> Record {
    shop.records().await.into_iter().find(|record| record.id.key() == number).unwrap()
}

fn edit(shop: &Shop, number: &str, city: &str) {
    let set = json!({ "ShipToCity": city });
    shop.sage.system.edit_order(number, set.as_object().unwrap(), None).unwrap();
}

/// Six orders are there; the first is shipped, the second cancelled, and both and the third are edited.
async fn edited(operation: &str, locked: Locked) -> (Shop, Vec<String>) {
    let shop = Shop::new(BEGIN, 6, "", &by(operation), |options| options.locked = locked).await;
    shop.run_well().await;
    let numbers: Vec<String> =
        shop.sage.system.state().orders.into_iter().map(|order| order.number).collect();
    assert_eq!(shop.station.system.summary().orders, 6);
    shop.station.system.ship(&numbers[0], 2).unwrap();
    shop.station.system.cancel(&numbers[1]).unwrap();
    numbers[..3].iter().for_each(|number| edit(&shop, number, "Utica"));
    shop.clock.set(clock::add(shop.clock.now(), Duration::from_secs(120)));
    shop.run_well().await;
    (shop, numbers)
}

async fn told_by_reading_again(operation: &str, locked: Locked) -> Shop {
    let (shop, numbers) = edited(operation, locked).await;
    for (number, status) in [(&numbers[0], "shipped"), (&numbers[1], "cancelled")] {
        let record = record(&shop, number).await;
        assert_eq!(record.state, RecordState::Done, "{record:#?}");
        let notice = &record.notices[0].message;
        assert_eq!(*notice, format!("The order is {status} in ShipStation: the edit is not applicable"));
        assert_ne!(order(&shop, number).content["city"], "Utica");
    }
    let record = record(&shop, &numbers[2]).await;
    assert!(record.notices.is_empty() && record.state == RecordState::Done, "{record:#?}");
    assert_eq!(order(&shop, &numbers[2]).content["city"], "Utica");
    let counts = shop.station.system.summary();
    assert_eq!((counts.orders, counts.updates), (6, 1), "{counts:#?}");
    shop
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_a_shipped_order_is_told_whatever_the_refusal_says() {
    let shop = told_by_reading_again("upsert_order", Locked::Refuse("Nein.".into())).await;
    assert_eq!(shop.station.system.summary().refused_edits, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_is_swallowed_with_a_yes_is_told_too() {
    let shop = told_by_reading_again("upsert_order", Locked::Ignore).await;
    assert_eq!(shop.station.system.summary().ignored_edits, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_batch_each_order_has_its_own_outcome() {
    let shop = told_by_reading_again("upsert_orders", Locked::Refuse("Nein.".into())).await;
    assert_eq!(shop.station.system.summary().refused_edits, 2);
    assert_eq!(shop.asked("v1 createorder"), 0);
    told_by_reading_again("upsert_orders", Locked::Ignore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_orders_take_few_calls() {
    let shop = Shop::new(BEGIN, 60, "", &by("upsert_orders"), |_| {}).await;
    shop.run_well().await;
    assert_eq!(shop.station.system.summary().orders, 60);
    let calls = shop.asked("v1 createorders");
    assert!(calls < 60, "{calls} calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_of_an_upsert_makes_no_second_order() {
    for operation in ["upsert_order", "upsert_orders"] {
        let shop = Shop::new(BEGIN, 20, "", &by(operation), |_| {}).await;
        let lost = Rule::every(Fault::ActThenDrop).on("POST", "/orders/createorder*").times(4);
        shop.station.system.controls().switch_on(lost).unwrap();
        shop.run_well().await;
        let counts = shop.station.system.summary();
        assert_eq!(counts.orders, 20, "{counts:#?}");
        assert!(
            counts.updates > 0 && counts.doubled_numbers.is_empty() && counts.doubled_keys.is_empty(),
            "{counts:#?}"
        );
    }
}

/// The same orders as V2 shipments: made, changed while they are pending, and left alone afterwards.
const V2: &str = r#"
flows:
  push:
    title: Orders
    source: { poll: { stream: erp.sales_orders, every: 15m } }
    record: order
    key: "{{ order.SalesOrderNo }}"
    idempotency_key: "{{ order.SalesOrderNo }}"
    on_refusal: park
    on_change: { watch: "{{ [order.ShipToName, order.ShipToCity, order.Lines] }}", after_done: repeat }
    steps:
      - set:
          shipment:
            external_shipment_id: "{{ order.SalesOrderNo }}"
            ship_to:
              name: "{{ order.ShipToName }}"
              phone: "5125550100"
              address_line1: "{{ order.ShipToAddress1 | or_else('?') }}"
              city_locality: "{{ order.ShipToCity | or_else('?') }}"
              state_province: "{{ order.ShipToState | or_else('?') }}"
              postal_code: "{{ order.ShipToZipCode | or_else('?') }}"
              country_code: US
              address_residential_indicator: unknown
            items:
              for_each: "{{ order.Lines }}"
              as: line
              give: { sku: "{{ line.ItemCode }}", name: "{{ line.ItemCodeDesc | or_else(line.ItemCode) }}", quantity: "{{ line.QuantityOrdered | integer }}" }
            packages: [{ weight: { value: 1, unit: pound } }]
      - id: before
        call: v2.shipment_by_external_id
        with: { external_id: "{{ order.SalesOrderNo }}" }
        on_refusal: go_on
        refusal: nowhere
      - id: made
        when: "{{ before is none }}"
        call: v2.create_shipment
        with: { shipment: "{{ shipment }}" }
      - check: "{{ before is none or before.editable }}"
        otherwise: { report: "The order is no longer open in ShipStation" }
      - id: changed
        when: "{{ before is not none }}"
        call: v2.update_shipment
        with: { current: "{{ before.shipment }}", shipment: "{{ shipment }}" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn v2_shipments_are_made_once_changed_while_pending_and_then_left_alone() {
    let shop = Shop::new(BEGIN, 6, "", V2, |_| {}).await;
    shop.run_well().await;
    let numbers: Vec<String> =
        shop.sage.system.state().orders.into_iter().map(|order| order.number).collect();
    shop.station.system.ship(&numbers[0], 1).unwrap();
    numbers[..2].iter().for_each(|number| edit(&shop, number, "Utica"));
    shop.clock.set(clock::add(shop.clock.now(), Duration::from_secs(120)));
    shop.run_well().await;
    let counts = shop.station.system.summary();
    assert_eq!(
        (counts.orders, counts.updates, counts.refused_edits, counts.identifier_conflicts),
        (6, 1, 0, 0),
        "{counts:#?}"
    );
    assert_eq!(
        record(&shop, &numbers[0]).await.notices[0].message,
        "The order is no longer open in ShipStation"
    );
    assert_eq!(order(&shop, &numbers[1]).content["city"], "Utica");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_of_a_v2_create_is_found_or_made_again_once() {
    for conflicts in [Conflicts::Refused, Conflicts::InAnswer] {
        let shop = Shop::new(BEGIN, 30, "", V2, |options| {
            options.conflicts = conflicts;
            // Longer than nothing, shorter than the look-up's patience.
            options.visibility_lag = Duration::from_secs(1);
        })
        .await;
        for fault in
            [Fault::ActThenDrop, Fault::DropBeforeActing, Fault::ActThenStatus500, Fault::TruncatedBody]
        {
            // Not so many that the connection counts as down for good: a run until idle gives up then.
            let rule = Rule::every(fault).on("POST", "/v2/shipments").times(2);
            shop.station.system.controls().switch_on(rule).unwrap();
        }
        shop.run_well().await;
        let counts = shop.station.system.summary();
        assert_eq!((counts.orders, counts.doubled_keys.len()), (30, 0), "{counts:#?}");
        assert!(shop.records().await.iter().all(|record| record.state == RecordState::Done));
    }
}

/// Quantities that are told again are the same quantities.
const STOCK: &str = r#"
flows:
  stock:
    title: Stock
    source: { poll: { stream: v2.products, every: 1h } }
    record: product
    key: "{{ product.sku }}"
    idempotency_key: "{{ product.sku }}"
    on_refusal: park
    steps:
      - id: places
        call: v2.inventory_locations
        cache: 1h
      - id: told
        call: v2.set_inventory
        with: { sku: "{{ product.sku }}", location_id: "{{ (places.locations | first).inventory_location_id | or_else('') }}", quantity: 7 }
      - id: east
        call: v2.create_inventory_warehouse
        with: { name: "{{ product.sku }}" }
      - id: bay
        call: v2.create_inventory_location
        with: { name: Bay 1, warehouse_id: "{{ east.id }}" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn stock_is_told_and_rooms_are_made_once() {
    let shop = Shop::new(BEGIN, 0, "", STOCK, |options| {
        options.products = ["A-1", "B-2", "C-3"]
            .map(|sku| ml_connector::simulator::shipstation::Product {
                sku: sku.into(),
                name: sku.into(),
                cents: 1,
                ounces: 1.0,
            })
            .to_vec();
    })
    .await;
    for path in ["/v2/inventory", "/v2/inventory_warehouses", "/v2/inventory_locations"] {
        let rule = Rule::every(Fault::ActThenDrop).on("POST", path).times(1);
        shop.station.system.controls().switch_on(rule).unwrap();
    }
    shop.run_well().await;
    let state = shop.station.system.state();
    assert_eq!(state.inventory_warehouses.len(), 4, "{:#?}", state.inventory_warehouses);
    assert_eq!(state.inventory_locations.len(), 4, "{:#?}", state.inventory_locations);
    assert_eq!(shop.station.system.inventory().into_values().collect::<Vec<_>>(), [7, 7, 7]);
}
