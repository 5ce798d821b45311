//! What is read from ShipStation.

use std::time::Duration;

use jiff::Timestamp;
use ml_connector::base::{Clock, clock};
use serde_json::json;

use super::shop::Shop;

/// Keeps what each stream told of orders and parcels, with times as instants.
const KEEP: &str = r#"
tables:
  orders: { type: { modified_at: text, status: text } }
  parcels: { type: { created_at: text, order: text } }
  voids: { type: { voided_at: text } }
  marks: { type: { created_at: text, key: text } }
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
            value: { modified_at: "{{ order.modifyDate | from_zone('America/Los_Angeles') }}", status: "{{ order.orderStatus }}" }
  parcels:
    title: Parcels
    source: { poll: { stream: v1.shipments, every: 5m } }
    record: parcel
    key: "{{ parcel.shipmentId | text }}"
    idempotency_key: "{{ parcel.shipmentId | text }}"
    steps:
      - put:
          parcels:
            key: "{{ parcel.trackingNumber | or_else('?') }}"
            value: { created_at: "{{ parcel.createDate | from_zone('America/Los_Angeles') }}", order: "{{ parcel.orderKey | or_else('?') }}" }
  voids:
    title: Voids
    source: { poll: { stream: v1.voided_shipments, every: 5m } }
    record: parcel
    key: "{{ parcel.shipmentId | text }}"
    idempotency_key: "{{ parcel.shipmentId | text }}"
    steps:
      - put:
          voids:
            key: "{{ parcel.trackingNumber | or_else('?') }}"
            value: { voided_at: "{{ parcel.voidDate | from_zone('America/Los_Angeles') }}" }
  marks:
    title: What was only marked
    source: { poll: { stream: v1.fulfillments, every: 5m } }
    record: mark
    key: "{{ mark.fulfillmentId | text }}"
    idempotency_key: "{{ mark.fulfillmentId | text }}"
    steps:
      - id: order
        call: v1.order
        with: { id: "{{ mark.orderId }}" }
      - put:
          marks:
            key: "{{ mark.trackingNumber | or_else('?') }}"
            value: { created_at: "{{ mark.createDate | from_zone('America/Los_Angeles') }}", key: "{{ order.key }}" }
"#;

/// When a table says that something happened.
fn told(shop: &Shop, table: &str, key: &str, field: &str) -> Option<Timestamp> {
    let rows = shop.rows(table);
    let (_, row) = rows.iter().find(|(name, _)| name == key)?;
    Some(row[field].as_str().unwrap().parse().unwrap())
}

/// The clock runs on while things are done; a minute is three seconds of it.
fn near(told: Option<Timestamp>, meant: Timestamp) -> bool {
    told.is_some_and(|told| told.duration_since(meant).unsigned_abs() < Duration::from_secs(60))
}

/// A moment, and the one that what V1 writes of it means where that is another.
type Moment = (&'static str, Option<&'static str>);

#[tokio::test(flavor = "multi_thread")]
async fn pacific_times_become_the_right_instants_over_both_changes_of_clocks() {
    // Around 2026-03-08T10:00Z (the clock skips an hour) and 2026-11-01T09:00Z (it shows 01:00 to 02:00 twice).
    right_instants(
        "2026-03-08T09:00:00Z",
        &[
            ("2026-03-08T09:30:00Z", None),
            ("2026-03-08T10:05:00Z", None),
            ("2026-03-08T11:30:00Z", None),
            ("2026-07-01T12:00:00Z", None),
            ("2026-11-01T07:55:00Z", None),
            ("2026-11-01T08:55:00Z", None),
            // The second round of the hour: what V1 writes can only mean the first. Nothing is missed for it.
            ("2026-11-01T09:05:00Z", Some("2026-11-01T08:05:00Z")),
            ("2026-11-01T09:50:00Z", Some("2026-11-01T08:50:00Z")),
            ("2026-11-01T10:05:00Z", None),
            ("2026-12-24T10:05:00Z", None),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pacific_times_become_the_right_instants_in_another_year() {
    right_instants(
        "2027-03-14T09:00:00Z",
        &[
            ("2027-03-14T09:50:00Z", None),
            ("2027-03-14T10:05:00Z", None),
            ("2027-03-14T11:05:00Z", None),
            ("2027-08-01T03:00:00Z", None),
            ("2027-11-07T07:05:00Z", None),
            ("2027-11-07T08:05:00Z", None),
            ("2027-11-07T09:05:00Z", Some("2027-11-07T08:05:00Z")),
            ("2027-11-07T09:50:00Z", Some("2027-11-07T08:50:00Z")),
            ("2027-11-07T10:05:00Z", None),
        ],
    )
    .await;
}

async fn right_instants(start: &str, moments: &[Moment]) {
    let shop = Shop::new(start, 0, "page_size: 50", KEEP, |_| {}).await;
    for &(moment, read) in moments {
        let instant: Timestamp = moment.parse().unwrap();
        let read: Timestamp = read.unwrap_or(moment).parse().unwrap();
        shop.clock.set(instant);
        shop.write_order(moment);
        let number = shop.station.system.ship(moment, 1).unwrap().remove(0);
        shop.write_order(&format!("{moment} by hand"));
        shop.station.system.mark_as_shipped(&format!("{moment} by hand"), &format!("{moment} mark")).unwrap();
        shop.station.system.void(moment, None).unwrap();
        // As long after it as a poll may come.
        shop.clock.set(clock::add(instant, Duration::from_secs(290)));
        shop.run_well().await;
        assert!(
            near(told(&shop, "orders", moment, "modified_at"), read),
            "{moment}: {:?}",
            shop.rows("orders")
        );
        assert!(
            near(told(&shop, "parcels", &number, "created_at"), read),
            "{moment}: {:?}",
            shop.rows("parcels")
        );
        assert!(near(told(&shop, "voids", &number, "voided_at"), read), "{moment}: {:?}", shop.rows("voids"));
        assert!(
            near(told(&shop, "marks", &format!("{moment} mark"), "created_at"), read),
            "{moment}: {:?}",
            shop.rows("marks")
        );
    }
    assert_eq!(shop.rows("orders").len(), 2 * moments.len());
    assert!(shop.rows("marks").iter().all(|(_, row)| row["key"].as_str().unwrap().ends_with(" by hand")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_has_gone_bad_is_left_out_alone() {
    let shop = Shop::new("2026-11-20T18:00:00Z", 0, "page_size: 12", KEEP, |_| {}).await;
    (0..30).for_each(|number| shop.write_order(&format!("SO-{number:02}")));
    // Not the window of the orders that were just written: they are what another program did.
    shop.clock.set(clock::add(shop.clock.now(), Duration::from_secs(120)));
    shop.station.system.poison("SO-17");
    shop.run_well().await;
    let keys: Vec<String> = shop.rows("orders").into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 29, "{keys:?}");
    assert!(!keys.contains(&"SO-17".to_owned()));
    assert_eq!(shop.audit("poll.row_skipped").len(), 1);
    // Well again, it comes with the next poll.
    shop.station.system.cure("SO-17");
    shop.clock.set(clock::add(shop.clock.now(), Duration::from_secs(300)));
    shop.run_well().await;
    assert_eq!(shop.rows("orders").len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_calls_a_minute_and_not_one_more() {
    let shop =
        Shop::new("2026-11-20T18:00:30Z", 0, "page_size: 2", KEEP, |options| options.v1_calls = 40).await;
    for number in 0..90 {
        // By somebody with keys of their own, whose calls do not count here.
        shop.clock.set(clock::add(shop.clock.now(), Duration::from_secs(3)));
        shop.write_order(&format!("SO-{number:02}"));
    }
    shop.clock.set(clock::add(shop.clock.now(), Duration::from_secs(120)));
    shop.run_well().await;
    assert_eq!(shop.rows("orders").len(), 90);
    let counts = shop.station.system.summary();
    assert!(counts.v1_most_calls <= 40, "{counts:#?}");
    assert!(shop.asked("v1 orders") > 45);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_headers_hold_back_where_the_setting_says_too_much() {
    // The account may make ten calls a minute and nobody knew.
    let shop =
        Shop::new("2026-11-20T18:00:30Z", 0, "page_size: 2", KEEP, |options| options.v1_calls = 10).await;
    for number in 0..30 {
        shop.clock.set(clock::add(shop.clock.now(), Duration::from_secs(10)));
        shop.write_order(&format!("SO-{number:02}"));
    }
    shop.clock.set(clock::add(shop.clock.now(), Duration::from_secs(120)));
    let summary = shop.run().await;
    assert_eq!(summary.troubles, []);
    assert_eq!(shop.rows("orders").len(), 30);
    let counts = shop.station.system.summary();
    assert!(counts.v1_most_calls <= 10, "{counts:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn v2_streams_follow_their_links() {
    const LABELS: &str = r#"
tables:
  shipments: { type: { status: text } }
  labels: { type: { key: text } }
flows:
  shipments:
    title: Shipments
    source: { poll: { stream: v2.shipments, every: 5m } }
    record: shipment
    key: "{{ shipment.shipment_id }}"
    idempotency_key: "{{ shipment.shipment_id }}"
    on_change: { watch: "{{ shipment.shipment_status }}", after_done: repeat }
    steps:
      - put: { shipments: { key: "{{ shipment.external_shipment_id | or_else('?') }}", value: { status: "{{ shipment.shipment_status }}" } } }
  labels:
    title: Labels
    source: { poll: { stream: v2.labels, every: 5m } }
    record: label
    key: "{{ label.label_id }}"
    idempotency_key: "{{ label.label_id }}"
    steps:
      - put: { labels: { key: "{{ label.tracking_number | or_else('?') }}", value: { key: "{{ label.external_shipment_id | or_else('?') }}" } } }
"#;
    let shop =
        Shop::new("2026-11-20T18:00:00Z", 0, "page_size: 50", LABELS, |options| options.v1_calls = 1000)
            .await;
    (0..230).for_each(|number| shop.write_order(&format!("SO-{number:03}")));
    let numbers = shop.station.system.ship("SO-007", 3).unwrap();
    shop.run_well().await;
    let rows = shop.rows("shipments");
    assert_eq!(rows.len(), 230);
    assert!(rows.contains(&("SO-007".to_owned(), json!({ "status": "label_purchased" }))));
    assert!(
        numbers
            .iter()
            .all(|number| shop.rows("labels").contains(&(number.clone(), json!({ "key": "SO-007" }))))
    );
    shop.station.system.cancel("SO-100").unwrap();
    shop.run_well().await;
    assert!(shop.rows("shipments").contains(&("SO-100".to_owned(), json!({ "status": "cancelled" }))));
}
