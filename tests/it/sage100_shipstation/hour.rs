//! An hour at ShipStation's real limit of 40 calls a minute, with more work than it allows.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use ml_connector::base::{Clock, clock};
use ml_connector::engine::RunOptions;
use ml_connector::simulator::log::Entry;
use serde_json::json;

use super::{Pair, Wishes, address};
use crate::patient::{self, Patient};

const LIMIT: u64 = 40;
const MINUTES: usize = 60;
/// Orders that are edited, in turn: so many each minute, which is more than the limit lets through.
const EDITED: usize = 64;
const EDITS: usize = 16;
/// Orders that ship with a label, and as many that are only marked, each minute.
const SHIPPED: usize = 1;

const EVERY_MINUTE: &str = "    flows: { orders: { every: 1m }, parcels: { every: 1m }, marked: { every: 1m }, voids: { every: 1m }, inventory: { enabled: false } }\n";

/// The flow that made a call, by what it asks.
fn flow(entry: &Entry) -> &'static str {
    let (path, query) = entry.path.split_once('?').unwrap_or((&entry.path, ""));
    match path {
        "/shipments" if query.contains("voidDateStart") => "voids",
        "/shipments" => "parcels",
        "/fulfillments" => "marked",
        "/orders" | "/orders/createorders" => "orders",
        _ if path.starts_with("/orders/") => "marked",
        _ => "another",
    }
}

/// A directory that is not on a disk, where there is one: an hour's commits take a while otherwise.
fn memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// The minute of the hour in which something was.
fn minute(began: Timestamp, at: Timestamp) -> usize {
    clock::between(began, at).as_secs() as usize / 60
}

#[test]
fn an_hour_at_the_limit_sees_forty_calls_a_minute_at_most_and_starves_no_flow() {
    patient::run(hour());
}

async fn hour() {
    let wishes = Wishes {
        orders: EDITED + 2 * SHIPPED * MINUTES,
        settings: EVERY_MINUTE,
        directory: memory(),
        ..Wishes::default()
    };
    let pair = Pair::on(Patient::at("2026-11-18T15:00:20Z"), wishes).await;
    let numbers: Vec<String> = pair.due().into_keys().collect();
    // Sage has no such limit; reading it again and again would only take time.
    let file = pair.path().join("ml-connector.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("company: ABC }", "company: ABC, overlap: 2m }", 1)).unwrap();
    let (engine, store) = patient::opening(|| pair.engine());
    let options = RunOptions::default();
    let stop = options.stop.clone();
    let running = tokio::spawn(async move { engine.run(options).await });
    // The hour begins once everything is there: every order is in ShipStation.
    while pair.ship.system.orders().len() < numbers.len() {
        pair.clock.sleep(Duration::from_secs(1)).await;
    }
    let began = pair.clock.now();
    for now in 1..=MINUTES {
        pair.clock.sleep_until(clock::add(began, Duration::from_secs(60 * now as u64))).await;
        for edit in 0..EDITS {
            pair.edit(&numbers[(now * EDITS + edit) % EDITED], address(&format!("{now} Minute St")));
        }
        for parcel in 0..SHIPPED {
            let at = EDITED + 2 * (SHIPPED * (now - 1) + parcel);
            pair.ship.system.ship(&numbers[at], 1).unwrap();
            pair.ship.system.mark_as_shipped(&numbers[at + 1], &format!("MARKED{at:04}")).unwrap();
        }
        if now > 10 {
            // One that Sage has had for minutes.
            pair.ship.system.void(&numbers[EDITED + 2 * SHIPPED * (now - 11)], None).unwrap();
        }
    }
    let ended = pair.clock.now();
    stop.cancel();
    let summary = running.await.unwrap().unwrap();
    store.close().unwrap();
    assert_eq!(summary.troubles, []);

    let state = pair.ship.system.state();
    assert_eq!(state.contract_violations, []);
    assert_eq!(state.v1_windows.throttled, 0);
    assert!(state.v1_windows.most() <= LIMIT, "{:#?}", state.v1_windows.calls);
    // By any sixty seconds too, not only by ShipStation's own.
    let calls: Vec<Entry> = pair.ship.system.controls().requests();
    let calls: Vec<Entry> =
        calls.into_iter().filter(|entry| !entry.path.starts_with("/v2/") && entry.at <= ended).collect();
    for stretch in calls.windows(LIMIT as usize + 1) {
        let took = clock::between(stretch[0].at, stretch[LIMIT as usize].at);
        assert!(took >= Duration::from_secs(60), "{took:?} from {}", stretch[0].at);
    }
    // While there is work, which is from the first edits on, nearly all of the limit is used.
    let mut stretches: BTreeMap<usize, BTreeMap<&str, usize>> = BTreeMap::new();
    for entry in calls.iter().filter(|entry| entry.at > began) {
        *stretches.entry(minute(began, entry.at) / 5).or_default().entry(flow(entry)).or_default() += 1;
    }
    for (stretch, flows) in stretches.range(1..12) {
        let all: usize = flows.values().sum();
        assert!(all as u64 * 100 >= 5 * LIMIT * 80, "minute {}: {all} calls, {flows:?}", stretch * 5);
    }
    // Every flow had work all the time: its polls, what they found, and orders that were edited.
    for (stretch, flows) in stretches.range(..12) {
        for (flow, least) in [("orders", 5), ("parcels", 5), ("marked", 5), ("voids", 5)] {
            let made = flows.get(flow).copied().unwrap_or_default();
            assert!(made >= least - 1, "minute {}: {flow} got {made} calls of {flows:?}", stretch * 5);
        }
    }
    assert_eq!(stretches.values().filter_map(|flows| flows.get("another")).sum::<usize>(), 0);
    println!(
        "{} calls in {MINUTES} minutes, {} in the fullest; {stretches:?}",
        calls.len(),
        state.v1_windows.most()
    );

    // What left before the last five minutes is in Sage, what was voided before them is not, and every order was rewritten.
    let sage = pair.sage.system.state();
    let written = |number: &str| &sage.orders.iter().find(|order| order.number == number).unwrap().tracking;
    let early = |at: Timestamp| minute(began, at) < MINUTES - 5;
    for order in &state.orders {
        for parcel in order.parcels.iter().filter(|parcel| early(parcel.created_at)) {
            let is = written(&order.key).contains(&parcel.tracking_number);
            match parcel.voided_at {
                None => assert!(is, "{} of {}: {parcel:#?}", parcel.tracking_number, order.key),
                Some(at) if early(at) => assert!(!is, "{parcel:#?}"),
                Some(_) => {}
            }
        }
    }
    let rewritten = |number: &&String| {
        let order = state.orders.iter().find(|order| order.key == **number);
        order.is_some_and(|order| order.writes >= 2)
    };
    assert_eq!(numbers[..EDITED].iter().filter(rewritten).count(), EDITED);
    assert_eq!(json!(pair.ship.system.summary().doubled_keys), json!([]));
}
