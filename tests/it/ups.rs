//! What UPS's system file offers beyond the shipped mapping: choosing a service by price, sizes, third parties' origins,
//! times, pickups.

use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::store::RecordState;

use crate::world::{PARK, RECREATE, Wishes, World};

/// Orders of a supplier who ships for us: the cheapest service that arrives in time, and a pickup at theirs.
const MAPPING: &str = r#"
mapping: probe
title: Orders go from a supplier by the cheapest service
systems: { erp: sage100, carrier: ups }
flows:
  ship:
    title: Ship
    source: { poll: { stream: erp.sales_orders, every: 15m } }
    record: order
    key: "{{ order.SalesOrderNo }}"
    idempotency_key: "{{ order.SalesOrderNo }}-{{ order.OrderDate }}"
    steps:
      - set:
          supplier:
            name: Palm Supplies
            attention: Ana Diaz
            phone: "3055550100"
            lines: [1 Palm Way, Dock 4]
            city: Miami
            state: FL
            postal_code: "33131"
            country: US
          ship_to:
            name: "{{ order.ShipToName | clip(35) }}"
            lines: "{{ [order.ShipToAddress1, order.ShipToAddress2] | filled | clip_each(35) }}"
            city: "{{ order.ShipToCity | or_else('') | clip(30) }}"
            state: "{{ order.ShipToState | or_else('') }}"
            postal_code: "{{ order.ShipToZipCode | or_else('') | replace('-', '') | clip(9) }}"
            country: US
          day: "{{ '$DAY' }}"
          packages: [{ weight: 2, length: 23.5, width: 18, height: 12 }]
      - id: shop
        call: carrier.shop_rates
        with:
          ship_to: "{{ ship_to }}"
          ship_from: "{{ supplier }}"
          packages: "{{ packages }}"
          services: ["01", "02", "03"]
          ship_date: "{{ day }}"
      - set:
          best: "{{ shop.rates | where('allowed and price is not none and days is not none and days <= 2') | sort_by('price') | first }}"
      - check: "{{ best is not none }}"
        otherwise: { park: "No service arrives in time", show: "{{ shop.rates }}" }
      - id: times
        call: carrier.transit_times
        with: { ship_to: "{{ ship_to }}", ship_from: "{{ supplier }}", ship_date: "{{ day }}", weight: 2 }
      - check: "{{ times.known and (times.services | each('service') | length) > 3 }}"
        otherwise: { park: "UPS does not know how long it takes", show: "{{ times.places }}" }
      - id: shipment
        call: carrier.create_shipment
        with:
          reference: "{{ idempotency_key }}"
          ship_to: "{{ ship_to }}"
          ship_from: "{{ supplier }}"
          service: "{{ best.service | or_else('') | clip(2) }}"
          packages: "{{ packages }}"
      - id: pickup
        call: carrier.book_pickup
        with:
          reference: "pickup-{{ order.SalesOrderNo }}"
          date: "{{ day }}"
          ready: "0900"
          close: "2359"
          at: "{{ supplier }}"
          pieces: [{ service: "{{ best.service | or_else('') | clip(2) }}", quantity: 1 }]
          weight: 2
          tracking_numbers: "{{ shipment.tracking_numbers }}"
    on_refusal: park
"#;

/// The day where the supplier is.
fn miami(now: jiff::Timestamp) -> jiff::civil::Date {
    now.to_zoned(jiff::tz::TimeZone::get("America/New_York").unwrap()).date()
}

async fn world(count: usize, ups_settings: &'static str) -> World {
    let world = World::new(Wishes::plain(count).ups_settings(ups_settings)).await;
    // A business day near the clock's today; from eleven in the evening on it is too late for one of today.
    let today = miami(world.clock.now() + jiff::SignedDuration::from_hours(1));
    let ahead = match today.weekday() {
        jiff::civil::Weekday::Saturday => 2,
        jiff::civil::Weekday::Sunday => 1,
        _ => 0,
    };
    let day = today.checked_add(jiff::Span::new().days(ahead)).unwrap();
    let folder = world.path().join("mappings");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("probe.yaml"), MAPPING.replace("$DAY", &day.to_string())).unwrap();
    let config = world.path().join("ml-connector.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(config, text.replace("  sage100-ups:\n", "  probe:\n")).unwrap();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cheapest_service_in_time_ships_from_the_supplier() {
    let world = world(8, RECREATE).await;
    let summary = world.run().await;
    assert_eq!(summary.troubles, []);
    let parked = world.records(RecordState::Parked).await;
    assert!(parked.is_empty(), "{parked:#?}");
    let state = world.ups.system.state();
    assert_eq!(state.contract_violations, []);
    assert_eq!(state.shipments.len(), 8);
    for shipment in &state.shipments {
        assert_eq!(shipment.ship_from.city, "Miami");
        assert_eq!(shipment.packages[0].dimensions, ["24", "18", "12"]);
        // Ground only where it takes two days at most.
        assert!(["02", "03"].contains(&shipment.service.as_str()), "{}", shipment.service);
    }
    // One address, one day: UPS calls it one pickup however often it is asked for.
    assert_eq!((state.pickups.len(), state.pickups[0].asked), (1, 8));
    assert_eq!(state.pickups[0].address.city, "Miami");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_pickup_is_found_by_its_reference() {
    let world = world(1, RECREATE).await;
    world.ups_fault(Rule::every(Fault::ActThenDrop).on("POST", "/api/pickupcreation/*").times(1));
    let summary = world.run().await;
    assert_eq!(summary.troubles, []);
    let pickups = world.ups.system.state().pickups;
    assert_eq!(pickups.len(), 1, "{pickups:#?}");
    assert!(world.asked("pending_pickups") >= 1);
    assert_eq!(world.ups.system.state().contract_violations, []);
    // UPS shows the pickups of today and tomorrow. One of a later day is asked for again, and UPS gives the same number.
    let today = miami(world.clock.now());
    let shown = pickups[0].date <= today.tomorrow().unwrap();
    assert_eq!(pickups[0].asked, if shown { 1 } else { 2 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pickup_that_nobody_can_find_asks_a_person() {
    let world = world(1, PARK).await;
    world.ups_fault(Rule::every(Fault::DropBeforeActing).on("POST", "/api/pickupcreation/*").times(1));
    world.run().await;
    assert_eq!(world.asked("book_pickup"), 1);
    assert_eq!(world.records_of("ship", &[RecordState::InDoubt]).await.len(), 1);
    assert!(world.ups.system.state().pickups.is_empty());
}
