//! The hour that Sage's clock shows twice, in which a stamp does not say which round it means: nothing is lost in it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use ml_connector::base::{Clock, clock};

use super::{Pair, Wishes, address};

/// Polls, ten minutes apart.
const ROUNDS: u64 = 19;

/// From a quarter to one to nearly three by Sage's clock, each ten minutes: somebody adds an order, edits one that was
/// added in the first round and one that was there before, and then a poll comes.
async fn night(began: &'static str) {
    let pair = Pair::new(Wishes { orders: 4, began, times: 60, ..Wishes::default() }).await;
    pair.run_well().await;
    let start: Timestamp = began.parse().unwrap();
    let old: Vec<String> = pair.due().into_keys().collect();
    let mut added: Vec<String> = Vec::new();
    let mut stamps: BTreeMap<String, usize> = BTreeMap::new();
    for round in 1..=ROUNDS {
        let until = clock::add(start, Duration::from_secs(600 * round));
        pair.clock.skip(clock::between(pair.clock.now(), until));
        added.extend(pair.sage.system.add_orders(1));
        let street = format!("{round} Twice St");
        for number in [&old[round as usize % old.len()], &added[round as usize % added.len().min(5)]] {
            pair.edit(number, address(&street));
        }
        let stamp = pair.record(&added[added.len() - 1])["TimeUpdated"].as_str().unwrap().to_owned();
        *stamps.entry(stamp.split('.').next().unwrap().to_owned()).or_default() += 1;
        assert_eq!(pair.run().await.troubles, []);
        // Not one poll late.
        pair.assert_orders_equal();
    }
    // The clock showed the hour twice, with two rounds of edits: by ten minutes, twelve times.
    assert!(stamps["1"] >= 11, "{stamps:?}");
    assert!(stamps["0"] >= 1 && stamps["2"] >= 5, "{stamps:?}");
    assert_eq!(pair.placed().len(), 4 + ROUNDS as usize);
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_in_both_rounds_of_the_repeated_hour_arrive_in_2026() {
    night("2026-11-01T04:45:00Z").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_in_both_rounds_of_the_repeated_hour_arrive_in_2027() {
    night("2027-11-07T04:45:00Z").await;
}

/// Sage's clock shows 1:00 to 2:00 twice on this night and does not say which.
#[tokio::test(flavor = "multi_thread")]
async fn the_repeated_hour_of_autumn_loses_nothing() {
    // 1:40 the first time.
    let pair =
        Pair::new(Wishes { orders: 3, began: "2026-11-01T05:40:00Z", times: 60, ..Wishes::default() }).await;
    pair.sage.system.add_orders(2);
    pair.run_well().await;
    pair.assert_orders_equal();
    // 1:10 the second time: older than what is known, by what it says.
    pair.clock.skip(Duration::from_secs(30 * 60));
    let added = pair.sage.system.add_orders(3);
    let edited = pair.due().into_keys().next().unwrap();
    pair.edit(&edited, address("1 Twice St"));
    let stamp = pair.record(&added[0])["TimeUpdated"].as_str().unwrap().parse::<f64>().unwrap();
    assert!((1.0..1.5).contains(&stamp), "{stamp}");
    pair.run_well().await;
    pair.assert_orders_equal();
    pair.clock.skip(Duration::from_secs(3600));
    pair.sage.system.add_orders(1);
    pair.run_well().await;
    pair.assert_orders_equal();
    assert_eq!(pair.placed().len(), 9);
}
