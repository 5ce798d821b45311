//! The nights on which the clock in Los Angeles skips an hour and shows one twice: orders that are modified again and again
//! while polls come in between.

use std::time::Duration;

use jiff::Timestamp;
use ml_connector::base::clock;
use serde_json::json;

use super::shop::Shop;

const CITIES: &str = r#"
tables:
  orders: { type: { city: text, modified_at: text } }
flows:
  orders:
    title: Orders
    source: { poll: { stream: v1.orders, every: 5m } }
    record: order
    key: "{{ order.orderId | text }}"
    idempotency_key: "{{ order.orderId | text }}"
    on_change: { watch: "{{ order }}", after_done: repeat }
    steps:
      - put:
          orders:
            key: "{{ order.orderKey }}"
            value: { city: "{{ order.shipTo.city | or_else('?') }}", modified_at: "{{ order.modifyDate | from_zone('America/Los_Angeles') }}" }
"#;

/// Writes an order, as another program would.
fn write(shop: &Shop, number: &str, city: &str) {
    let order = json!({
        "orderNumber": number, "orderKey": number, "orderDate": "2026-01-15 08:46:27", "orderStatus": "awaiting_shipment",
        "billTo": { "name": "Jane Doe" }, "shipTo": { "name": "Jane Doe", "city": city, "country": "US" },
        "items": [{ "sku": "A", "name": "Widget", "quantity": 2 }],
    });
    let answer = shop.ask("POST", "/orders/createorder", Some(&order));
    assert_eq!(answer.status, 200, "{}", answer.value());
}

/// Every ten minutes from `start` on, `rounds` times: orders are modified, and a poll comes. `repeated` is when the hour begins that is shown for the second time.
async fn night(start: &str, rounds: u64, repeated: Option<&str>) {
    let start: Timestamp = start.parse().unwrap();
    let repeated: Option<Timestamp> = repeated.map(|text| text.parse().unwrap());
    let hour = Duration::from_secs(3600);
    let shop = Shop::new(&start.to_string(), 0, "page_size: 50", CITIES, |_| {}).await;
    write(&shop, "once", "Zero");
    for round in 0..rounds {
        let now = clock::add(start, Duration::from_secs(600 * round));
        shop.clock.set(now);
        let (city, fresh) = (format!("City {round}"), format!("SO-{round:02}"));
        // One that is modified on and on, one that is modified in every sixth round only (the same minute an hour later), and
        // a new one.
        write(&shop, "often", &city);
        if round % 6 == 2 {
            write(&shop, "hourly", &city);
        }
        write(&shop, &fresh, &city);
        shop.clock.set(clock::add(now, Duration::from_secs(290)));
        shop.run_well().await;
        let rows = shop.rows("orders");
        let row = |key: &str| rows.iter().find(|(name, _)| name == key).map(|(_, row)| row.clone());
        let second = repeated.is_some_and(|begins| now >= begins && clock::between(begins, now) < hour);
        let meant = if second { clock::before(now, hour) } else { now };
        for key in ["often", &fresh].into_iter().chain((round % 6 == 2).then_some("hourly")) {
            let row = row(key).unwrap_or_else(|| panic!("{key} is lost at {now}: {rows:#?}"));
            assert_eq!(row["city"], city.as_str(), "{key} at {now}");
            let told: Timestamp = row["modified_at"].as_str().unwrap().parse().unwrap();
            let off = told.duration_since(meant).unsigned_abs();
            assert!(off < Duration::from_secs(60), "{key} at {now}: {told}");
        }
    }
    assert_eq!(shop.rows("orders").len(), 3 + rounds as usize);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_modified_in_both_rounds_of_the_repeated_hour_are_not_lost_in_2026() {
    night("2026-11-01T07:40:00Z", 16, Some("2026-11-01T09:00:00Z")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_modified_in_both_rounds_of_the_repeated_hour_are_not_lost_in_2027() {
    night("2027-11-07T07:40:00Z", 16, Some("2027-11-07T09:00:00Z")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hour_that_is_skipped_in_spring_loses_no_order_in_2026() {
    night("2026-03-08T09:30:00Z", 9, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hour_that_is_skipped_in_spring_loses_no_order_in_2027() {
    night("2027-03-14T09:30:00Z", 9, None).await;
}
