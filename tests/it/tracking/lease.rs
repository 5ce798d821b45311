//! Subscriptions are renewed before they run out, as long as a parcel is on its way, and no longer.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use ml_connector::base::{Clock, clock};

use super::road::{Pair, Road, Setup};
use crate::world::Hurried;

const DAY: Duration = Duration::from_secs(86_400);

/// A clock that leaps over days in which nothing happens.
#[derive(Debug)]
struct Leaping {
    clock: Arc<dyn Clock>,
    ahead: Mutex<Duration>,
}

impl Leaping {
    fn leap(&self, over: Duration) {
        *self.ahead.lock().unwrap() += over;
    }
}

impl Clock for Leaping {
    fn now(&self) -> Timestamp {
        clock::add(self.clock.now(), *self.ahead.lock().unwrap())
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.clock.sleep_until(clock::before(instant, *self.ahead.lock().unwrap()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parcels_are_watched_without_a_gap_until_they_arrive_or_are_given_up() {
    let setup = Setup {
        pair: Pair::Sage100,
        orders: 3,
        heavy: 0.0,
        track_alert: Some("v2"),
        settings: "      look_every: 20h\n      give_up: 40d\n",
        flows: "",
    };
    let clock = Hurried::from("2026-11-02T14:00:00Z".parse().unwrap(), 20);
    let clock = Arc::new(Leaping { clock, ahead: Mutex::default() });
    let road = Road::new(Arc::clone(&clock) as Arc<dyn Clock>, &setup).await;
    road.run().await;
    // One parcel of each order; others go with the first.
    let firsts = road.erp.dues().into_iter().map(|due| due.tracking[0].clone()).collect::<Vec<_>>();
    let [quick, slow, lost] = <[String; 3]>::try_from(firsts).unwrap();
    for day in 1..=54 {
        clock.leap(DAY);
        let arrive = |number: &&String| match day {
            5 => ![&slow, &lost].contains(number),
            30 => *number == &slow,
            _ => false,
        };
        for number in road.parcels().iter().filter(arrive) {
            road.ups.system.deliver(number).unwrap();
        }
        road.run().await;
    }

    let state = road.ups.system.state();
    let subscribed = |number: &str| {
        state.subscriptions.iter().filter(|one| one.number == number).map(|one| one.since).collect::<Vec<_>>()
    };
    // Once; renewed after 13 and 26 days; and until the first renewal after 40 days.
    assert_eq!([&quick, &slow, &lost].map(|number| subscribed(number).len()), [1, 3, 5]);
    let since = subscribed(&lost)[0];
    assert_eq!(state.unwatched(&lost, since, clock::add(since, 40 * DAY)), []);
    assert_eq!(state.unwatched(&slow, since, clock::add(since, 30 * DAY)), []);
    // Those that are due together share a call.
    let calls = road.ups.system.controls().requests();
    let calls = calls.iter().filter(|entry| entry.path.contains("/subscription/")).count();
    assert!(
        calls < state.subscriptions.len(),
        "{calls} calls for {} subscriptions",
        state.subscriptions.len()
    );
    let judged = road.judged();
    assert_eq!((judged.delivered, judged.is_clean()), (2, true), "{judged:#?}");
}
