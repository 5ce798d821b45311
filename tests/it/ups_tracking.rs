//! What happens to parcels, told by UPS in three ways: pushed by Track Alert, asked for by number, polled from Quantum View.

mod carrier;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use ml_connector::base::Clock;
use ml_connector::simulator::exchange::Call;
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::push::Manner;
use ml_connector::simulator::system::System;
use ml_connector::simulator::ups::{Happening, Lists, Scan};
use ml_connector::store::RecordState;
use serde_json::{Value, json};

use carrier::{Carrier, Results, Way};

/// What a telling says that every other one must say too.
fn essence(event: &Value) -> Value {
    let fields = ["tracking_number", "at", "local", "status", "rank", "exception", "delivered"];
    fields.iter().map(|field| ((*field).to_owned(), event[*field].clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_numbers_are_subscribed_in_one_call() {
    // Calls wait two seconds for company, which a busy machine needs.
    let carrier = Carrier::at_pace(1, Way::V2, |_| {}).await;
    let numbers: Vec<String> = (0..250).map(|index| carrier.book(&format!("R-{index}"))).collect();
    // UPS does not know these (yet): no failure, and no parcel is left without an answer for them.
    for number in &numbers[..5] {
        carrier.hide(number);
    }
    carrier.run_well().await;
    assert_eq!(carrier.asked("subscribe"), 3);
    let subscribed: BTreeSet<String> =
        carrier.ups.system.state().subscriptions.into_iter().map(|watch| watch.number).collect();
    assert_eq!(subscribed, numbers[5..].iter().cloned().collect());
    let records = carrier.of("watch").await;
    assert_eq!(records.len(), 250);
    for record in &records {
        assert_eq!(record.state, RecordState::Done, "{record:?}");
        let accepted = !numbers[..5].contains(&record.id.key().to_owned());
        assert_eq!(record.result("subscription")["accepted"], accepted, "{record:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_number_is_taken_nothing_has_failed() {
    let carrier = Carrier::new(Way::V2, |_| {}).await;
    let number = carrier.book("R-1");
    carrier.hide(&number);
    carrier.run_well().await;
    let records = carrier.of("watch").await;
    assert_eq!((records.len(), records[0].state), (1, RecordState::Done));
    assert_eq!(records[0].result("subscription")["accepted"], false);
}

/// Pushes every scan of two parcels through the real intake.
async fn pushed(way: Way) {
    let carrier = Carrier::new(way, |_| {}).await;
    let numbers = [carrier.book("R-1"), carrier.book("R-2")];
    let running = carrier.start().await;
    running.until(|| carrier.ups.system.state().subscriptions.len() == 2).await;
    for number in &numbers {
        carrier.ups.system.deliver(number).unwrap();
    }
    running.until(|| carrier.ups.system.outbox().is_idle()).await;
    let counts = carrier.ups.system.outbox().counts();
    assert_eq!((counts.acknowledged, counts.refused, counts.unreachable), (10, 0, 0), "{counts:?}");
    running.end().await;
    let records = carrier.of("news").await;
    assert_eq!(records.len(), 2);
    for record in records {
        assert_eq!(record.source["status"], "delivered", "{record:?}");
        assert_eq!(record.source["source"], "track_alert");
        assert_eq!(record.source["location"], "Orlando, FL, US");
    }
    assert!(carrier.ups.system.carriage().parcels.values().all(|parcel| parcel.told && parcel.delivered));
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_of_v2_come_with_our_own_token() {
    pushed(Way::V2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_of_v1_come_with_the_credential() {
    pushed(Way::V1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quantum_view_is_read_to_its_end_around_its_failures() {
    let carrier = Carrier::new(Way::Poll, |options| {
        (options.quantum_page, options.lists) = (3, Lists::Mixed);
    })
    .await;
    let numbers: Vec<String> = (0..20)
        .map(|index| {
            let number = carrier.book(&format!("R-{index}"));
            carrier.pass(SignedDuration::from_secs(61));
            number
        })
        .collect();
    for number in &numbers[..10] {
        carrier.ups.system.deliver(number).unwrap();
        carrier.pass(SignedDuration::from_secs(61));
    }
    carrier.ups.system.advance(&numbers[10], Scan::PickedUp).unwrap();
    carrier.pass(SignedDuration::from_secs(61));
    carrier.ups.system.advance(&numbers[10], Scan::Estimated).unwrap();
    carrier.run_well().await;
    let records = carrier.of("news").await;
    assert_eq!(records.len(), 20);
    let status = |number: &String| {
        let record = records.iter().find(|record| record.id.key() == number).unwrap();
        record.source["status"].as_str().unwrap().to_owned()
    };
    assert!(numbers[..10].iter().all(|number| status(number) == "delivered"));
    assert_eq!(status(&numbers[10]), "update");
    assert!(numbers[11..].iter().all(|number| status(number) == "label_created"));
    assert!(carrier.asked("quantum_view") > 6, "pages follow each other");
    assert_eq!(carrier.ups.system.summary().contract_violations, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_inside_a_200_is_waited_for_as_long_as_it_says() {
    let carrier = Carrier::new(Way::Poll, |_| {}).await;
    carrier.book("R-1");
    carrier.ups.system.tire_quantum_view(1, 90);
    carrier.run_well().await;
    assert_eq!(carrier.of("news").await.len(), 1);
    let asked = carrier.ups.system.controls().requests();
    let asked: Vec<_> =
        asked.iter().filter(|entry| entry.endpoint == "quantum_view").map(|entry| entry.at).collect();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].duration_since(asked[0]) >= SignedDuration::from_secs(90), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_longer_than_quantum_view_reaches_is_no_trouble() {
    let carrier = Carrier::new(Way::Poll, |_| {}).await;
    carrier.book("R-1");
    carrier.run_well().await;
    carrier.pass(SignedDuration::from_hours(24 * 30));
    let late = carrier.book("R-2");
    carrier.run_well().await;
    assert!(carrier.of("news").await.iter().any(|record| record.id.key() == late));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ups_learns_late_is_not_passed_over() {
    let carrier = Carrier::new(Way::Poll, |_| {}).await;
    let number = carrier.book("R-1");
    carrier.pass(SignedDuration::from_hours(48));
    let other = carrier.book("R-2");
    carrier.run_well().await;
    // It happened yesterday, and is told after something of today was read.
    let at = Some(carrier.clock.now() - SignedDuration::from_hours(24));
    carrier.ups.system.advance(&number, Happening { at, ..Scan::Delivered.into() }).unwrap();
    carrier.pass(SignedDuration::from_mins(1));
    carrier.run_well().await;
    let records = carrier.of("news").await;
    let status =
        |key: &str| records.iter().find(|record| record.id.key() == key).unwrap().source["status"].clone();
    assert_eq!((status(&number), status(&other)), (json!("delivered"), json!("label_created")));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_tellings_of_a_parcel_are_one() {
    let mut told = Vec::new();
    for way in [Way::V2, Way::Track, Way::Poll] {
        let carrier = Carrier::new(way, |_| {}).await;
        let number = carrier.book("R-1");
        let running = carrier.start().await;
        if way == Way::V2 {
            running.until(|| carrier.ups.system.state().subscriptions.len() == 1).await;
        }
        for (hour, scan) in [(12, Scan::PickedUp), (13, Scan::OutForDelivery), (14, Scan::Delivered)] {
            let at = format!("2026-11-20T{hour}:05:09Z").parse().ok();
            carrier.ups.system.advance(&number, Happening { at, ..scan.into() }).unwrap();
        }
        running.until(|| carrier.ups.system.outbox().is_idle()).await;
        running.end().await;
        let records = carrier.of("news").await;
        assert_eq!(records.len(), 1, "{way:?}");
        told.push((records[0].source["source"].clone(), essence(&records[0].source)));
    }
    let sources: Vec<&Value> = told.iter().map(|(source, _)| source).collect();
    assert_eq!(sources, ["track_alert", "track", "quantum_view"]);
    assert_eq!(
        (&told[0].1["status"], &told[0].1["local"]),
        (&json!("delivered"), &json!("2026-11-20T09:05:09"))
    );
    assert_eq!(told[0].1, told[1].1);
    assert_eq!(told[1].1, told[2].1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_doubled_and_overtaking_pushes_end_at_delivered_once_polls_are_beneath() {
    let carrier = Carrier::new(Way::All, |_| {}).await;
    let numbers: Vec<String> = (0..20).map(|index| carrier.book(&format!("R-{index}"))).collect();
    let running = carrier.start().await;
    running.until(|| carrier.ups.system.state().subscriptions.len() == 20).await;
    carrier.ups.system.outbox().set_manner(Manner { drop: 0.3, double: 0.3, ..Manner::default() });
    carrier.ups.system.set_spread(std::time::Duration::from_secs(20));
    for number in &numbers {
        carrier.ups.system.deliver(number).unwrap();
    }
    running.until(|| carrier.ups.system.outbox().is_idle()).await;
    let counts = carrier.ups.system.outbox().counts();
    assert!(counts.dropped > 0 && counts.doubled > 0, "{counts:?}");
    running.end().await;
    let records = carrier.of("news").await;
    assert_eq!(records.len(), 20);
    assert!(records.iter().all(|record| record.source["status"] == "delivered"), "{records:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parcel_that_ups_does_not_know_has_no_events() {
    let carrier = Carrier::new(Way::Track, |_| {}).await;
    let number = carrier.book("R-1");
    carrier.hide(&number);
    carrier.run_well().await;
    assert_eq!(carrier.asked("track"), 1);
    let looked = carrier.of("look").await;
    assert_eq!(looked[0].state, RecordState::Done);
    assert_eq!(looked[0].result("seen")["events"], json!([]));
    assert!(carrier.of("news").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_subscription_is_asked_again() {
    let carrier = Carrier::new(Way::V2, |_| {}).await;
    let number = carrier.book("R-1");
    let lost = Rule::every(Fault::ActThenDrop).on("POST", "/api/track/*").times(1);
    carrier.ups.system.controls().switch_on(lost).unwrap();
    carrier.run_well().await;
    let watches = carrier.ups.system.state().subscriptions;
    assert_eq!(watches.iter().filter(|watch| watch.number == number).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_turned_away() {
    let carrier = Carrier::new(Way::V2, |_| {}).await;
    let running = carrier.start().await;
    let body = json!({ "trackingNumber": "1Z999AA10123456784", "activityStatus": { "type": "D" } });
    assert_eq!(running.push("wrong-token", &body).await, 401);
    running.end().await;
    assert!(carrier.of("news").await.is_empty());
    // The simulator itself is no stranger to its own contract.
    let call = Call::new("GET", "/_sim/push", None);
    assert_eq!(carrier.ups.system.control(&call, &["push"]).unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_four_hours_is_renewed_after_three_and_a_half() {
    let carrier = Carrier::at_pace(1, Way::Poll, |_| {}).await;
    let mut fetched = Vec::new();
    for minutes in [0, 205, 6] {
        carrier.pass(SignedDuration::from_mins(minutes));
        carrier.run_well().await;
        fetched.push(carrier.ups.system.summary().tokens);
    }
    assert_eq!(fetched, [1, 1, 2]);
}
