//! What took place is undone because a person says so: once, whatever fails, and never by itself made again.

mod several;

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use ml_connector::base::crash::{LABELS, VARIABLE};
use ml_connector::engine::RunOptions;
use ml_connector::engine::command::{Command, Ordered, Reply, Shown, Truth};
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::store::{EffectState, RecordState};
use serde_json::json;

use crate::world::{HASTY, PARK, RECREATE, Wishes, World, order, path};

const VOID: &str = "/api/shipments/*/void/cancel/*";

/// Orders that were shipped, and the number of the first.
async fn shipped(orders: usize) -> (World, String) {
    let world = World::new(Wishes::plain(orders)).await;
    world.run_well().await;
    let number = world.numbers().remove(0);
    (world, number)
}

async fn undo(world: &World, text: &str) -> Ordered {
    world.order(Command::Undo(order(text))).await
}

/// (shipments that were booked, that were voided), and how often a void was asked for.
fn books(world: &World) -> ((usize, usize), usize) {
    let summary = world.ups.system.summary();
    ((summary.created, summary.voided), world.asked("void"))
}

fn state_of(shown: &Shown) -> (RecordState, EffectState) {
    (shown.record.state, shown.effects[0].state)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shipment_is_voided_once_and_its_record_discarded() {
    let (world, number) = shipped(2).await;
    let told = undo(&world, &number).await;
    assert_eq!((told.problem, told.state), (None, Some(RecordState::Discarded)));
    assert_eq!(books(&world), ((2, 1), 1));
    let shown = world.show(&number).await;
    assert_eq!(state_of(&shown), (RecordState::Discarded, EffectState::Undone));
    assert_eq!(shown.record.reason.unwrap().message, "undone for tester: a test");
    let events: Vec<&str> = shown.audit.iter().map(|entry| entry.event.as_str()).collect();
    let undoing = [
        "record.undo_ordered",
        "effect.undoing",
        "effect.undo_answered",
        "effect.undone",
        "record.discarded",
    ];
    assert_eq!(events[events.len() - undoing.len()..], undoing);
    let of = |event: &str| shown.audit.iter().find(|entry| entry.event == event).unwrap();
    let ordered = of("record.undo_ordered");
    assert_eq!(
        (ordered.actor.as_str(), ordered.facts["reason"].as_str()),
        ("operator:tester", Some("a test"))
    );
    let answered = of("effect.undo_answered").body.as_ref().unwrap();
    let status = &answered["answer"]["body"]["VoidShipmentResponse"]["SummaryResult"]["Status"]["Code"];
    assert_eq!(status, "1", "{answered}");

    let again = undo(&world, &number).await;
    assert_eq!(again.problem.unwrap(), "carrier.create_shipment was undone already, for tester: a test");
    world.run().await;
    assert_eq!(books(&world), ((2, 1), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_running_engine_it_is_as_without_one() {
    let (world, number) = shipped(1).await;
    let (engine, store) = world.engine();
    let options = RunOptions::default();
    let running = tokio::spawn({
        let (engine, options) = (engine.clone(), options.clone());
        async move { engine.run(options).await }
    });
    let Reply::Ordered(told) = engine.command(Command::Undo(order(&number))).await else { panic!() };
    assert_eq!((told[0].problem.as_ref(), told[0].state), (None, Some(RecordState::Discarded)));
    options.stop.cancel();
    running.await.unwrap().unwrap();
    drop(engine);
    store.close().unwrap();
    assert_eq!(books(&world), ((1, 1), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_asked_for_again() {
    let (world, number) = shipped(1).await;
    world.ups_fault(Rule::every(Fault::ActThenDrop).on("DELETE", VOID).times(1));
    let told = undo(&world, &number).await;
    let problem = told.problem.unwrap();
    assert_eq!(told.state, Some(RecordState::Waiting));
    assert!(problem.starts_with("not undone yet: the undo of carrier.create_shipment: "), "{problem}");
    for refused in [Command::Discard(order(&number)), Command::Replay(order(&number))] {
        assert!(world.order(refused).await.problem.unwrap().contains("it is being undone"));
    }
    world.run().await;
    let shown = world.show(&number).await;
    assert_eq!(state_of(&shown), (RecordState::Discarded, EffectState::Undone));
    assert_eq!(shown.effects[0].undos[0].attempts, 2);
    assert_eq!(books(&world), ((1, 1), 2), "UPS said that it was voided already");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_leaves_the_record_parked_with_the_whole_answer() {
    let (world, number) = shipped(1).await;
    world.ups_fault(Rule::every(Fault::VoidRefused).on("DELETE", VOID).times(1));
    let told = undo(&world, &number).await;
    assert_eq!(told.state, Some(RecordState::Parked));
    assert!(told.problem.unwrap().contains("No shipment found within the allowed void period"));
    let shown = world.show(&number).await;
    assert_eq!(state_of(&shown), (RecordState::Parked, EffectState::Confirmed));
    let reason = shown.record.reason.unwrap();
    assert_eq!(reason.code.as_deref(), Some("190102"));
    assert!(reason.place.unwrap().contains("sage100-ups.yaml:"));
    assert_eq!(reason.detail.unwrap()["answer"]["status"], 400);
    // Left as it is, it is done again, and nothing is sent for it.
    assert_eq!(world.order(Command::Resume(order(&number))).await.problem, None);
    world.run_well().await;
    assert_eq!((world.state(&number).await, books(&world)), (RecordState::Done, ((1, 0), 1)));
    // Another try has the same effect as the first would have had.
    assert_eq!(undo(&world, &number).await.problem, None);
    assert_eq!((world.state(&number).await, books(&world)), (RecordState::Discarded, ((1, 1), 2)));
}

/// The first attempt may have had an effect, so a refusal of the second proves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_a_lost_answer_is_a_persons_business() {
    let (world, number) = shipped(1).await;
    world.ups_fault(Rule::every(Fault::DropBeforeActing).on("DELETE", VOID).times(1));
    assert_eq!(undo(&world, &number).await.state, Some(RecordState::Waiting));
    world.ups_fault(Rule::every(Fault::VoidRefused).on("DELETE", VOID).times(1));
    world.run().await;
    let shown = world.show(&number).await;
    assert_eq!(state_of(&shown), (RecordState::Parked, EffectState::Undoing));
    let reason = shown.record.reason.unwrap();
    assert!(reason.message.contains("nobody knows") && reason.message.contains("resolve"), "{reason:#?}");
    assert_eq!(world.status().await.open_effects, 1);
    let id = world.ups.system.state().shipments[0].id.clone();
    let told = world.resolve(&number, Truth::Exists { value: id }).await;
    assert_eq!(told.problem, None);
    world.run_well().await;
    assert_eq!((world.state(&number).await, books(&world)), (RecordState::Done, ((1, 0), 2)));
    assert_eq!(undo(&world, &number).await.problem, None);
    assert_eq!(books(&world), ((1, 1), 3));
}

/// A person found out that it is undone, after all.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_may_say_that_it_is_undone() {
    let (world, number) = shipped(1).await;
    world.ups_fault(Rule::every(Fault::ActThenDrop).on("DELETE", VOID).times(1));
    undo(&world, &number).await;
    let told = world.resolve(&number, Truth::Cancelled).await;
    assert_eq!((told.problem, told.state), (None, Some(RecordState::Discarded)));
    world.run().await;
    let shown = world.show(&number).await;
    assert_eq!(state_of(&shown), (RecordState::Discarded, EffectState::Undone));
    assert_eq!(books(&world), ((1, 1), 1));
}

/// A person found out that it is undone, and wants another: it is sent, whatever the run knew before.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_may_have_another_made_for_one_whose_undo_was_lost() {
    let (world, number) = shipped(1).await;
    world.ups_fault(Rule::every(Fault::ActThenDrop).on("DELETE", VOID).times(1));
    undo(&world, &number).await;
    assert_eq!(world.resolve(&number, Truth::Absent).await.problem, None);
    world.run().await;
    assert_eq!(
        (world.show(&number).await.effects[0].state, books(&world)),
        (EffectState::Confirmed, ((2, 1), 1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_undone_is_made_again_only_when_a_person_says_so() {
    let (world, number) = shipped(1).await;
    assert_eq!(undo(&world, &number).await.problem, None);
    // The order changes at its source: it was discarded, so people are told and nothing is sent.
    world.edit(&number, json!({ "ShipToName": "Somebody Else" }));
    world.run().await;
    let record = world.show(&number).await.record;
    assert_eq!((record.state, record.notices.len()), (RecordState::Discarded, 1));
    assert_eq!(world.order(Command::Replay(order(&number))).await.problem, None);
    world.run().await;
    let shown = world.show(&number).await;
    assert_eq!(state_of(&shown), (RecordState::Parked, EffectState::Undone));
    let message = shown.record.reason.unwrap().message;
    assert!(
        message.contains("was undone for tester (a test)") && message.contains("resolve --absent"),
        "{message}"
    );
    assert_eq!(books(&world), ((1, 1), 1));
    // Its answer is lost, and the look-up does not take the voided one for the new one.
    world.ups_fault(Rule::every(Fault::ActThenDrop).on("POST", path::SHIP).times(1));
    assert_eq!(world.resolve(&number, Truth::Absent).await.problem, None);
    world.run().await;
    let shown = world.show(&number).await;
    assert_eq!(state_of(&shown), (RecordState::Parked, EffectState::Confirmed));
    let message = shown.record.reason.unwrap().message;
    assert!(
        message.contains("already has the tracking numbers"),
        "what was written back is not undone: {message}"
    );
    assert_eq!(books(&world), ((2, 1), 1));
    // The new one can be undone as the first could.
    assert_eq!(undo(&world, &number).await.problem, None);
    let shown = world.show(&number).await;
    assert_eq!((state_of(&shown).0, shown.effects[0].undos.len()), (RecordState::Discarded, 2));
    assert_eq!(books(&world), ((2, 2), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_with_the_command_that_does() {
    let world = World::new(Wishes::plain(1).ups_settings(PARK)).await;
    world.ups_fault(Rule::every(Fault::ActThenDrop).on("POST", path::SHIP).times(1));
    world.ups_fault(Rule::every(Fault::LookupLies).on("POST", path::LOOKUP));
    world.run().await;
    let number = world.numbers().remove(0);
    let told = undo(&world, &number).await;
    assert_eq!(told.state, Some(RecordState::InDoubt));
    assert!(told.problem.unwrap().contains("ml-connector resolve"));

    let world = World::new(Wishes::plain(1).ups_settings(RECREATE)).await;
    let number = world.numbers().remove(0);
    let unknown = undo(&world, &number).await;
    assert!(unknown.problem.unwrap().contains("no record has"), "nothing was polled yet");
    world.own("systems/ups.yaml", &[("        compensate:\n          operation: void_shipment\n          with: { shipment: \"{{ result.shipment }}\" }\n", "")]);
    world.run().await;
    let told = undo(&world, &number).await;
    assert_eq!(told.state, Some(RecordState::Done));
    assert!(told.problem.unwrap().contains("does not say how it is undone"));
}

/// The program dies at each point of an undo, and the next start brings it to its end.
#[tokio::test(flavor = "multi_thread")]
async fn every_crash_of_an_undo_is_survived() {
    let labels: Vec<&str> = LABELS.iter().copied().filter(|label| label.starts_with("undo.")).collect();
    assert_eq!(labels.len(), 5);
    let world = World::new(Wishes::plain(labels.len()).unhurried()).await;
    world.own_hasty_systems();
    let run = world.program(&["run", "--until-idle"]).output().await.unwrap();
    assert!(run.status.success(), "{run:?}");
    for (label, number) in labels.iter().zip(world.numbers()) {
        let mut program = world.program(&["undo", &number, "--reason", "cancelled", "--by", "ann"]);
        let died = program.env(VARIABLE, label).output().await.unwrap();
        assert_eq!(died.status.signal(), Some(6), "{label}: {died:?}");
        let run = world.program(&["run", "--until-idle"]).output().await.unwrap();
        assert!(run.status.success(), "{label}: {run:?}");
        let shown = world.show(&number).await;
        assert_eq!(state_of(&shown), (RecordState::Discarded, EffectState::Undone), "{label}");
        assert_eq!(shown.effects[0].undos.len(), 1, "{label}");
        let named = world.ups.system.state().shipments.iter().filter(|one| one.voided_at.is_some()).count();
        assert_eq!(named, world.records(RecordState::Discarded).await.len(), "{label}");
    }
    assert_eq!(books(&world).0, (labels.len(), labels.len()));
    let checked = world.program(&["audit", "--verify"]).output().await.unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

/// Through the command socket of an engine of its own, and what the program prints.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_undoes_beside_a_running_engine_and_shows_it() {
    let world = World::new(Wishes::plain(1).unhurried().ups_settings(HASTY)).await;
    world.own_hasty_systems();
    let run = world.program(&["run", "--until-idle"]).output().await.unwrap();
    assert!(run.status.success(), "{run:?}");
    let number = world.numbers().remove(0);
    let mut engine = world.program(&["run"]);
    let mut engine = engine.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !world.path().join("state/admin.sock").exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let said = async |arguments: &[&str]| {
        let output = world.program(arguments).output().await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, out, notes) = said(&["undo", &number, "--reason", "cancelled", "--by", "ann"]).await;
    assert_eq!(code, Some(0), "{out}{notes}");
    assert!(out.contains("discarded  ok"), "{out}");
    assert!(notes.contains("change it there"), "{notes}");
    let (_, out, _) = said(&["show", &number]).await;
    let line = out.lines().find(|line| line.trim_start().starts_with("undone 2")).unwrap_or(&out);
    assert!(line.ends_with("by carrier.void_shipment for ann: cancelled"), "{line}");
    let (code, out, _) = said(&["undo", &number, "--reason", "again"]).await;
    assert_eq!(code, Some(1));
    assert!(out.contains("was undone already, for ann: cancelled"), "{out}");
    let (code, _, notes) = said(&["undo", "--all", "--reason", "all"]).await;
    assert_eq!(code, Some(2));
    assert!(notes.contains("narrow it down"), "{notes}");
    engine.kill().await.unwrap();
    assert_eq!(books(&world), ((1, 1), 1));
}
