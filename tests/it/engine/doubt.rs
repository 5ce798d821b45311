//! What cannot be found out is left to a person, whose word is checked where it can be.

use std::time::Duration;

use ml_connector::engine::command::Truth;
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::store::{EffectState, RecordState};
use serde_json::json;

use crate::world::{PARK, RECREATE, Wishes, World, path};

/// One order in doubt: its request was lost before it arrived, or its shipment exists and is not found.
async fn doubtful(exists: bool) -> (World, String) {
    let world = World::new(Wishes::plain(1).ups_settings(PARK)).await;
    let fault = if exists { Fault::ActThenDrop } else { Fault::DropBeforeActing };
    world.ups_fault(Rule::every(fault).on("POST", path::SHIP).times(1));
    world.ups_fault(Rule::every(Fault::LookupLies).on("POST", path::LOOKUP));
    let summary = world.run().await;
    assert_eq!(summary.troubles, []);
    let number = world.numbers().remove(0);
    let shown = world.show(&number).await;
    assert_eq!(shown.record.state, RecordState::InDoubt, "{:#?}", shown.record);
    let reason = shown.record.reason.unwrap();
    let reference = shown.effects[0].reference.clone().unwrap();
    assert!(
        reason.message.contains(&reference) && reason.message.contains("ml-connector resolve"),
        "{reason:#?}"
    );
    assert!(reason.place.unwrap().contains("sage100-ups.yaml:"));
    assert_eq!(world.ups.system.summary().created, usize::from(exists));
    // Another run changes nothing about it.
    world.run().await;
    assert_eq!((world.state(&number).await, world.asked("ship")), (RecordState::InDoubt, 1));
    world.heal();
    (world, number)
}

fn tracking(world: &World) -> String {
    world.ups.system.state().shipments[0].id.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_exists_is_checked_adopted_and_finished() {
    let (world, number) = doubtful(true).await;
    let wrong = world.resolve(&number, Truth::Exists { value: "1ZWRONG0000000000".to_owned() }).await;
    assert!(wrong.problem.as_ref().unwrap().contains("does not find 1ZWRONG0000000000"), "{wrong:?}");
    assert_eq!(world.state(&number).await, RecordState::InDoubt);
    let right = world.resolve(&number, Truth::Exists { value: tracking(&world) }).await;
    assert_eq!((right.problem, right.state), (None, Some(RecordState::Waiting)));
    world.run_well().await;
    let shown = world.show(&number).await;
    assert_eq!((shown.record.state, shown.documents.len()), (RecordState::Done, 1));
    assert_eq!(world.asked("ship"), 1);
    let told = shown.audit.iter().find(|entry| entry.event == "effect.resolved").unwrap();
    assert_eq!((told.actor.as_str(), told.facts["reason"].as_str()), ("operator:tester", Some("a test")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_exists_and_is_found_no_more_is_taken_from_a_person() {
    let (world, number) = doubtful(true).await;
    let id = tracking(&world);
    let unfit = world.resolve(&number, Truth::ExistsWith { result: json!({ "shipment": 7 }) }).await;
    assert!(unfit.problem.as_ref().unwrap().contains("does not fit"), "{unfit:?}");
    let result = json!({ "shipment": id, "tracking_number": id, "tracking_numbers": [id], "cost": null });
    let told = world.resolve(&number, Truth::ExistsWith { result }).await;
    assert_eq!(told.problem, None);
    world.run_well().await;
    assert_eq!((world.state(&id).await, world.asked("ship")), (RecordState::Done, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_sent_again() {
    let (world, number) = doubtful(false).await;
    let told = world.resolve(&number, Truth::Absent).await;
    assert_eq!(told.problem, None);
    world.run_well().await;
    assert_eq!((world.state(&number).await, world.asked("ship")), (RecordState::Done, 2));
    // There is nothing left to decide.
    let again = world.resolve(&number, Truth::Absent).await;
    assert!(again.problem.unwrap().contains("in doubt"));
    world.run_well().await;
    assert_eq!(world.asked("ship"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_shall_not_be_sent_is_parked_for_good() {
    let (world, number) = doubtful(false).await;
    let told = world.resolve(&number, Truth::Cancelled).await;
    assert_eq!(told.problem, None);
    world.run().await;
    let shown = world.show(&number).await;
    assert_eq!(shown.record.state, RecordState::Parked);
    assert_eq!(shown.effects[0].state, EffectState::Cancelled);
    assert!(shown.record.reason.unwrap().message.contains("a person decided"));
    assert_eq!((world.asked("ship"), world.ups.system.summary().created), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_while_in_doubt_waits_and_is_reported() {
    let (world, number) = doubtful(false).await;
    world.edit(&number, json!({ "ShipToName": "Somebody Else" }));
    world.run().await;
    let record = world.show(&number).await.record;
    assert_eq!((record.state, record.pending.is_some()), (RecordState::InDoubt, true));
    world.resolve(&number, Truth::Absent).await;
    world.run_well().await;
    let shown = world.show(&number).await;
    assert_eq!(shown.record.state, RecordState::Done);
    // What was begun is finished as it was begun; the edit is told.
    assert_ne!(world.ups.system.state().shipments[0].name, "Somebody Else");
    assert_eq!(shown.record.notices[0].changes[0]["field"], "ShipToName");
    assert_eq!(world.asked("ship"), 2);
}

/// Look-ups that fail for longer than `give_up` end with a person, not with a create.
#[tokio::test(flavor = "multi_thread")]
async fn lookups_that_never_work_end_in_doubt() {
    let world = World::new(Wishes::plain(1).ups_settings(RECREATE)).await;
    world.own("systems/ups.yaml", &[("give_up: 30m", "give_up: 20s")]);
    world.ups_fault(Rule::every(Fault::ActThenDrop).on("POST", path::SHIP).times(1));
    world.ups_fault(Rule::every(Fault::Status503).on("POST", path::LOOKUP).lasting(Duration::ZERO));
    world.run().await;
    let number = world.numbers().remove(0);
    let shown = world.show(&number).await;
    assert_eq!(shown.record.state, RecordState::InDoubt);
    assert!(shown.record.reason.unwrap().message.contains("cannot be looked up"));
    assert_eq!(world.asked("ship"), 1);
}

/// Two shipments with our reference: neither is chosen by itself, and no third is booked.
#[tokio::test(flavor = "multi_thread")]
async fn several_of_them_are_a_persons_business() {
    let (world, number) = doubtful(true).await;
    world.resolve(&number, Truth::Absent).await;
    world.ups_fault(Rule::every(Fault::ActThenDrop).on("POST", path::SHIP).times(1));
    world.run().await;
    assert_eq!(world.ups.system.summary().created, 2, "a person was wrong");
    let shown = world.show(&number).await;
    assert_eq!(shown.record.state, RecordState::InDoubt, "{:#?}", shown.record.reason);
    assert!(shown.record.reason.unwrap().message.contains('2'));
    world.run().await;
    assert_eq!(world.asked("ship"), 2);
}
