//! Systems that are busy, locked, or do not accept us.

use std::collections::BTreeMap;

use ml_connector::engine::command::Command;
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::store::RecordState;

use crate::world::{Wishes, World, order, path};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_turned_away_at_the_door_is_sent_again_as_the_first_attempt() {
    let world = World::new(Wishes::plain(8)).await;
    let rule = Rule { retry_after: Some("5".to_owned()), ..Rule::every(Fault::Status429) };
    world.ups_fault(rule.on("POST", path::SHIP).times(6));
    world.run_well().await;
    assert_eq!(world.ups.system.summary().created, 8);
    assert_eq!(world.asked("recover_label"), 0, "nothing was unknown");
    for number in world.numbers() {
        assert_eq!(world.show(&number).await.effects[0].attempt, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_unavailability_is_sat_out() {
    let world = World::new(Wishes::plain(30)).await;
    let rule = Rule { retry_after: Some("2".to_owned()), ..Rule::every(Fault::Status503) };
    for calls in [path::ADDRESS, path::RATE, path::LOOKUP] {
        world.ups_fault(rule.clone().on("POST", calls).at_random(0.3, 3));
    }
    // Two, because a third lost answer of the same order would be a person's business.
    world.ups_fault(rule.on("POST", path::SHIP).times(2));
    world.sage_fault(Rule::every(Fault::Status503).at_random(0.3, 4));
    world.run_well().await;
    assert_eq!(world.ups.system.summary().created, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_die_in_the_middle_are_replaced_and_nothing_is_sent_twice() {
    let world = World::new(Wishes::plain(20)).await;
    world.ups_fault(Rule { skip: 3, ..Rule::every(Fault::TokenExpired).on("POST", path::ADDRESS).times(1) });
    world.ups_fault(Rule { skip: 8, ..Rule::every(Fault::TokenExpired).on("POST", path::SHIP).times(1) });
    world.run_well().await;
    let summary = world.ups.system.summary();
    assert_eq!(summary.created, 20);
    assert!(summary.unauthorized > 0 && summary.tokens == 3, "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_stop_the_flow_and_nothing_is_lost_by_it() {
    let world = World::new(Wishes::plain(5)).await;
    world.set_secret("ups.client_secret", "wrong");
    let summary = world.run().await;
    let [(flow, reason)] = summary.troubles.as_slice() else { panic!("{summary:?}") };
    assert_eq!(flow, "sage100-ups/ship_orders");
    assert!(!reason.is_empty() && !reason.contains("wrong"), "{reason}");
    assert_eq!(world.asked("ship"), 0);
    assert_eq!(world.records(RecordState::Parked).await, []);
    assert_eq!(world.records(RecordState::Waiting).await.len(), 5);
    world.set_secret("ups.client_secret", "sim-secret");
    world.run_well().await;
    assert_eq!(world.records(RecordState::Done).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_does_not_accept_us_is_a_trouble() {
    let world = World::new(Wishes::plain(2)).await;
    world.set_secret("sage.api_key", "not-the-key");
    let summary = world.run().await;
    let troubles: BTreeMap<_, _> = summary.troubles.into_iter().collect();
    assert!(troubles["sage100-ups/ship_orders"].contains("sage: "), "{troubles:?}");
    // What reads its tables cannot go on either, and says for whom it waits.
    assert!(troubles["sage100-ups/tracking"].contains("sage100-ups/ship_orders"), "{troubles:?}");
    assert!(troubles.len() == 2 && !format!("{troubles:?}").contains("not-the-key"), "{troubles:?}");
    world.set_secret("sage.api_key", "sim-key");
    world.run_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn locked_orders_missing_licences_and_busy_pools_delay_the_write_back_only() {
    let world = World::new(Wishes::plain(12)).await;
    let write = |fault| Rule::every(fault).on("PUT", path::TRACKING);
    world.sage_fault(Rule { attempts: 2, ..write(Fault::RecordLock).times(3) });
    world.sage_fault(write(Fault::NoLicence).times(4));
    world.sage_fault(Rule::every(Fault::PoolBusy).times(3));
    world.run_well().await;
    assert_eq!(world.asked("ship"), 12);
    assert!(world.sage.system.state().locked_out > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_back_that_never_works_keeps_the_shipment_and_is_resumed() {
    let world = World::new(Wishes::plain(2)).await;
    world.own("systems/sage100.yaml", &[("attempts: 12", "attempts: 3")]);
    let number = world.numbers().remove(0);
    world.sage.system.lock_order(&number, "jsmith", None);
    world.run().await;
    let record = world.show(&number).await.record;
    assert_eq!(record.state, RecordState::Parked);
    assert!(record.reason.unwrap().message.contains("gave up after 3 attempts"));
    assert_eq!(world.verdict().write_back_missing, std::slice::from_ref(&number));
    world.sage.system.unlock_order(&number);
    // It does not go on by itself: somebody may have reasons.
    world.run().await;
    assert_eq!(world.state(&number).await, RecordState::Parked);
    let told = world.order(Command::Resume(order(&number))).await;
    assert_eq!((told.problem, told.state), (None, Some(RecordState::Received)));
    world.run_well().await;
    assert_eq!(world.asked("ship"), 2);
}
