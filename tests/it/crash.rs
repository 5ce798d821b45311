//! The program dies at every labelled point, as if the power had gone, and what is left is put right by the next start.

mod followed;

use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use ml_connector::base::crash::{LABELS, VARIABLE};
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::sage100::Orders;
use ml_connector::store::RecordState;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::world::{Wishes, World, none, path};

const SIGABRT: i32 = 6;

/// So many programs run at once, over all tests: they wait more than they work, but a machine that is too busy breaks the
/// simulators' promise of how late a shipment can be booked.
static PLACES: Semaphore = Semaphore::const_new(6);

/// Twelve orders in four pages; two lost answers, one of them to a request that was never looked at; two tokens that
/// die young. So every label is passed three times.
async fn world() -> World {
    let orders = Orders { count: 12, unknown_address: 0.1, heavy: 0.1, canada: 0.1, ..none() };
    let mut wishes = Wishes::with(orders).unhurried();
    wishes.sage_settings = "      page_size: 3\n";
    let world = World::new(wishes).await;
    world.own_hasty_systems();
    world.ups_fault(Rule { skip: 1, ..Rule::every(Fault::ActThenDrop).on("POST", path::SHIP).times(1) });
    world.ups_fault(Rule { skip: 1, ..Rule::every(Fault::DropBeforeActing).on("POST", path::SHIP).times(1) });
    world.ups_fault(Rule::every(Fault::TokenExpired).on("POST", path::ADDRESS).times(1));
    world.ups_fault(Rule { skip: 9, ..Rule::every(Fault::TokenExpired).on("POST", path::RATE).times(1) });
    world
}

async fn run(world: &World, crash: Option<&str>) -> Output {
    let mut program = world.program(&["run", "--until-idle"]);
    if let Some(crash) = crash {
        program.env(VARIABLE, crash);
    }
    program.output().await.unwrap()
}

fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs the program once for each point, dying there, then to the end; and says what is wrong afterwards.
async fn survive(points: Vec<String>) -> Result<(), String> {
    let world = world().await;
    let name = points.join(", then ");
    for point in &points {
        let output = run(&world, Some(point)).await;
        if output.status.signal() != Some(SIGABRT) {
            return Err(format!("{name}: {point} was never reached: {}\n{}", output.status, said(&output)));
        }
    }
    let output = run(&world, None).await;
    if !output.status.success() {
        let doubtful = world.records(RecordState::InDoubt).await;
        return Err(format!(
            "{name}: the last run ended with {}\n{}\n{doubtful:#?}",
            output.status,
            said(&output)
        ));
    }
    judge(&world).await.map_err(|wrong| format!("{name}: {wrong}"))
}

/// What both books, the engine's own count and its audit chain say.
async fn judge(world: &World) -> Result<(), String> {
    let verdict = world.verdict();
    if !verdict.is_clean() || verdict.shipped != verdict.expected_to_ship {
        let mut known = Vec::new();
        for order in verdict.duplicates.iter().chain(&verdict.lost) {
            known.push(format!("{:#?}", world.show(order).await.effects));
        }
        return Err(format!("{verdict:#?}\nwhat the engine knew:\n{}", known.join("\n")));
    }
    let created = world.ups.system.summary().created;
    if created != verdict.shipped {
        return Err(format!("{created} shipments were booked for {} orders", verdict.shipped));
    }
    let counted = |state| async move { world.records(state).await.len() };
    let (done, parked) = (counted(RecordState::Done).await, counted(RecordState::Parked).await);
    if (done, parked) != (verdict.expected_to_ship, verdict.parked_expected)
        || done + parked + verdict.not_selected != verdict.orders
    {
        return Err(format!("{done} done, {parked} parked: {verdict:#?}"));
    }
    let checked = world.program(&["audit", "--verify"]).output().await.unwrap();
    if checked.status.success() { Ok(()) } else { Err(said(&checked)) }
}

/// Survives each list of points in a world of its own, a few at a time.
async fn survive_all(lists: Vec<Vec<String>>) {
    let mut tasks = JoinSet::new();
    for list in lists {
        tasks.spawn(async move {
            let _place = PLACES.acquire().await;
            survive(list).await
        });
    }
    let wrong: Vec<String> = tasks.join_all().await.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{} went wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_labelled_crash_is_survived() {
    // Nobody pushes anything in this world, or has anything undone; `followed`, `tests/it/inbox/crash.rs` and
    // `tests/it/undo.rs` pass these.
    let others = ["inbox.", "hook.", "undo."];
    let own = |label: &&&str| !others.iter().any(|other| label.starts_with(other));
    let at = |pass: u32| LABELS.iter().filter(own).map(move |label| vec![format!("{label}:{pass}")]);
    survive_all(at(1).chain(at(3)).collect()).await;
}

/// The second start, which finds out what became of the first one's work, dies too.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_recovering_is_survived() {
    let pairs = [
        ("poll.after_ingest_commit:1", "poll.before_ingest_commit:2"),
        ("effect.after_sending_commit:1", "resolve.after_lookup:1"),
        ("effect.after_sending_commit:2", "effect.after_sending_commit:2"),
        ("effect.after_response:1", "resolve.after_lookup:1"),
        ("effect.after_response:2", "effect.before_outcome_commit:1"),
        ("effect.before_outcome_commit:1", "effect.after_outcome_commit:1"),
        ("effect.after_outcome_commit:1", "idempotent.after_response:1"),
        ("idempotent.after_response:1", "record.before_done_commit:1"),
        ("resolve.after_lookup:1", "resolve.after_lookup:1"),
        ("token.after_fetch:1", "token.after_fetch:1"),
    ];
    survive_all(pairs.map(|(first, second)| vec![first.to_owned(), second.to_owned()]).to_vec()).await;
}
