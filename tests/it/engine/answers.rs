//! Answers that are lost: what was done is found and adopted, what was not done is done, and nothing is done twice.

use std::time::Duration;

use ml_connector::engine::command::Command;
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::store::{EffectState, RecordState};

use crate::world::{Wishes, World, order, path};

fn on_ship(fault: Fault) -> Rule {
    Rule::every(fault).on("POST", path::SHIP).times(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_are_adopted_not_repeated_and_the_label_is_kept() {
    for fault in [Fault::ActThenTimeout, Fault::ActThenDrop, Fault::TruncatedBody, Fault::ActThenStatus500] {
        let world = World::new(Wishes::plain(1)).await;
        world.ups_fault(on_ship(fault).lasting(Duration::from_millis(50)));
        world.run_well().await;
        let summary = world.ups.system.summary();
        assert_eq!((summary.created, world.asked("ship")), (1, 1), "{fault:?}");
        let shown = world.show(&world.numbers()[0]).await;
        let effect = &shown.effects[0];
        assert_eq!((effect.state, effect.attempt), (EffectState::Confirmed, 1), "{fault:?}");
        assert_eq!(effect.evidence.last().unwrap().what, "found by its reference", "{fault:?}");
        let label = &shown.documents[0];
        assert_eq!((label.kind.as_str(), label.size > 0), ("label", true), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_arrived_is_sent_again_once_that_is_certain() {
    for fault in [Fault::DropBeforeActing, Fault::HtmlError, Fault::Status500, Fault::Status503] {
        let world = World::new(Wishes::plain(1)).await;
        world.ups_fault(on_ship(fault));
        world.run_well().await;
        assert_eq!((world.ups.system.summary().created, world.asked("ship")), (1, 2), "{fault:?}");
        let effect = world.show(&world.numbers()[0]).await.effects.remove(0);
        assert_eq!(effect.attempt, 2, "{fault:?}");
        let looked = effect.evidence.iter().any(|known| known.what.contains("late enough to be sure"));
        assert!(looked, "{fault:?}: {:#?}", effect.evidence);
    }
}

/// UPS says 200 with nothing in it, and the reason in headers of its own: a refusal.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_answer_is_a_refusal_and_is_tried_again_when_asked() {
    let world = World::new(Wishes::plain(2)).await;
    world.ups_fault(on_ship(Fault::Empty200));
    world.run().await;
    let parked = world.records(RecordState::Parked).await.remove(0);
    assert!(!parked.reason.unwrap().message.is_empty());
    let effect = world.show(parked.id.key()).await.effects.remove(0);
    assert_eq!(effect.state, EffectState::Refused);
    world.order(Command::Resume(order(parked.id.key()))).await;
    world.run_well().await;
    assert_eq!(world.ups.system.summary().created, 2);
}

const PATIENT: &str = "      late_effect: 20m\n      lookup_lag: 30s\n      when_absent: recreate\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_shipment_that_is_booked_late_is_adopted() {
    let mut wishes = Wishes::plain(1).ups_settings(PATIENT);
    wishes.ups.visibility_lag = Duration::from_secs(20);
    let world = World::new(wishes).await;
    world.ups_fault(on_ship(Fault::LateAct).lasting(Duration::from_secs(25)));
    world.run_well().await;
    assert_eq!((world.ups.system.summary().created, world.asked("ship")), (1, 1));
    assert!(world.asked("recover_label") > 1, "the first look-ups cannot have found it");
}

/// What the settings promise is what the guarantee rests on, and the simulators do see when it is broken.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_effect_that_was_underestimated_shows_as_a_duplicate() {
    let world = World::new(Wishes::plain(1)).await;
    world.ups_fault(on_ship(Fault::LateAct).lasting(Duration::from_secs(300)));
    world.run().await;
    let created = || world.ups.system.summary().created;
    while created() < 2 {
        world.clock.sleep(Duration::from_secs(30)).await;
    }
    assert_eq!(world.verdict().duplicates, world.numbers());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_that_fails_never_leads_to_a_create() {
    for fault in [Fault::Status503, Fault::DropBeforeActing, Fault::HtmlError] {
        let world = World::new(Wishes::plain(1).ups_settings(PATIENT)).await;
        world.ups_fault(on_ship(Fault::ActThenDrop));
        world.ups_fault(Rule::every(fault).on("POST", path::LOOKUP).times(4));
        world.run_well().await;
        assert_eq!((world.ups.system.summary().created, world.asked("ship")), (1, 1), "{fault:?}");
        assert!(world.asked("recover_label") > 4, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_that_does_not_see_it_yet_is_asked_again() {
    let world = World::new(Wishes::plain(1).ups_settings(PATIENT)).await;
    world.ups_fault(on_ship(Fault::ActThenDrop));
    world.ups_fault(Rule::every(Fault::LookupLies).on("POST", path::LOOKUP).times(3));
    world.run_well().await;
    assert_eq!((world.ups.system.summary().created, world.asked("ship")), (1, 1));
}

/// A refusal of the second attempt says nothing of the first.
#[tokio::test(flavor = "multi_thread")]
async fn storms_of_lost_answers_duplicate_nothing() {
    let world = World::new(Wishes::plain(60)).await;
    for (fault, rate) in [
        (Fault::ActThenDrop, 0.1),
        (Fault::ActThenStatus500, 0.1),
        (Fault::TruncatedBody, 0.1),
        (Fault::DropBeforeActing, 0.05),
    ] {
        world.ups_fault(Rule::every(fault).on("POST", path::SHIP).at_random(rate, 7));
    }
    world.ups_fault(Rule::every(Fault::Status503).on("POST", path::LOOKUP).at_random(0.2, 7));
    world.run_well().await;
    assert_eq!(world.ups.system.summary().created, 60);
}
