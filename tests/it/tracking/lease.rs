//! Subscriptions are renewed before they run out, as long as a parcel is on its way, and no longer.

use std::time::Duration;

use ml_connector::base::clock;

use super::road::{Pair, Road, Setup};
use crate::patient::{self, Patient};

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn parcels_are_watched_without_a_gap_until_they_arrive_or_are_given_up() {
    patient::run(months());
}

async fn months() {
    let setup = Setup {
        pair: Pair::Sage100,
        orders: 3,
        heavy: 0.0,
        track_alert: Some("v2"),
        settings: "      look_every: 3000d\n      give_up: 40d\n",
        flows: "    flows: { ship_orders: { every: 24h } }\n",
    };
    let road = Road::new(Patient::at("2026-11-02T14:00:00Z"), &setup).await;
    let driving = road.drive().await;
    let subscribed = |number: &str| {
        let subscriptions = road.ups.system.state().subscriptions;
        subscriptions.into_iter().filter(|one| one.number == number).collect::<Vec<_>>()
    };
    while road.parcels().len() < 3 || road.parcels().iter().any(|number| subscribed(number).is_empty()) {
        road.clock.sleep(Duration::from_secs(1)).await;
    }
    let began = road.clock.now();
    let [quick, slow, lost] = <[String; 3]>::try_from(road.parcels()).unwrap();
    for (day, number) in [(5, &quick), (30, &slow)] {
        road.clock.sleep_until(clock::add(began, day * DAY)).await;
        road.ups.system.deliver(number).unwrap();
    }
    road.clock.sleep_until(clock::add(began, 80 * DAY)).await;
    driving.finish().await;

    // Once, renewed after 13 and 26 days, and until the first renewal after 40 days.
    assert_eq!([&quick, &slow, &lost].map(|number| subscribed(number).len()), [1, 3, 5]);
    let state = road.ups.system.state();
    let since = subscribed(&lost)[0].since;
    assert_eq!(state.unwatched(&lost, since, clock::add(since, 40 * DAY)), []);
    assert_eq!(state.unwatched(&slow, since, clock::add(since, 30 * DAY)), []);
    // Those that are due together share a call.
    let calls = road.ups.system.controls().requests();
    let calls = calls.iter().filter(|entry| entry.path.contains("/subscription/")).count();
    assert!(calls <= 7, "{calls} calls for 9 subscriptions");
    let judged = road.judged();
    assert_eq!((judged.delivered, judged.is_clean()), (2, true), "{judged:#?}");
}
