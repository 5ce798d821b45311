//! The program is killed at random moments, again and again, on the same directory; then it may finish.
//!
//! `ML_CONNECTOR_KILL_ROUNDS` and `ML_CONNECTOR_KILL_ORDERS` make it longer, `ML_CONNECTOR_KILL_SEED` repeats one.

use std::process::Stdio;
use std::time::Duration;

use ml_connector::base::{Clock, SystemClock};
use ml_connector::simulator::dice::Dice;
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::sage100::Orders;
use ml_connector::store::RecordState;

use crate::world::{Wishes, World, path};

#[allow(clippy::disallowed_methods, reason = "how long to test is for whoever runs the test to say")]
pub fn wanted<T: std::str::FromStr>(variable: &str, otherwise: T) -> T {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[tokio::test(flavor = "multi_thread")]
async fn random_kills_lose_and_repeat_nothing() {
    let rounds: u32 = wanted("ML_CONNECTOR_KILL_ROUNDS", 6);
    let count: usize = wanted("ML_CONNECTOR_KILL_ORDERS", 60);
    let now = SystemClock.now().as_millisecond().unsigned_abs();
    let seed: u64 = wanted("ML_CONNECTOR_KILL_SEED", now);
    println!("ML_CONNECTOR_KILL_SEED={seed}");
    let world = world(count, seed).await;
    let mut dice = Dice::new(seed);
    let mut killed = 0;
    for _ in 0..rounds {
        let mut program = world.program(&["run", "--until-idle"]);
        let mut child = program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Some die while they start or recover, most in the middle of their work, however long it takes to get there.
        let longest = if dice.chance(0.3) { 700 } else { 30 };
        let life = Duration::from_millis(dice.below(longest));
        let calls = calls_so_far(&world) + if dice.chance(0.3) { 0 } else { dice.below(150) };
        while calls_so_far(&world) < calls && child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(life).await;
        let ended = child.try_wait().unwrap().is_some();
        killed += u32::from(!ended);
        // One that has ended by itself was quick; the next starts all the same.
        let _ = child.kill().await;
        let (calls, created) = (calls_so_far(&world), world.ups.system.summary().created);
        println!("{} after {calls} calls and {created} shipments", if ended { "ended" } else { "killed" });
    }
    let last = world.program(&["run", "--until-idle"]).output().await.unwrap();
    let told = String::from_utf8_lossy(&last.stderr).into_owned();
    let verdict = world.verdict();
    let summary = world.ups.system.summary();
    println!(
        "kill loop: {killed} kills, {} orders, {} shipped, {} to ship, {} parked, {} duplicates, {} lost, seed {seed}",
        verdict.orders,
        verdict.shipped,
        verdict.expected_to_ship,
        verdict.parked_expected,
        verdict.duplicates.len(),
        verdict.lost.len(),
    );
    let doubts: Vec<_> =
        world.records(RecordState::InDoubt).await.into_iter().map(|record| record.reason).collect();
    assert!(last.status.success(), "{told}\n{doubts:#?}");
    assert!(verdict.is_clean(), "{verdict:#?}");
    assert_eq!(verdict.shipped, verdict.expected_to_ship);
    assert_eq!(summary.created, verdict.shipped, "{summary:?}");
    let counted = |state| {
        let world = &world;
        async move { world.records(state).await.len() }
    };
    assert_eq!(counted(RecordState::Done).await, verdict.expected_to_ship);
    assert_eq!(counted(RecordState::Parked).await, verdict.parked_expected);
    assert_eq!(world.status().await.open_effects, 0);
    let checked = world.program(&["audit", "--verify"]).output().await.unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// Slow enough that kills strike in the middle, and unwell enough that there is something to find out.
async fn world(count: usize, seed: u64) -> World {
    let mut wishes = Wishes::with(Orders { count, seed, ..Orders::default() }).unhurried();
    wishes.ups.latency = Duration::from_millis(15);
    wishes.sage.latency = Duration::from_millis(5);
    wishes.sage_settings = "      page_size: 20\n";
    let world = World::new(wishes).await;
    world.own_hasty_systems();
    for (fault, rate) in
        [(Fault::ActThenDrop, 0.03), (Fault::ActThenStatus500, 0.02), (Fault::DropBeforeActing, 0.01)]
    {
        world.ups_fault(Rule::every(fault).on("POST", path::SHIP).at_random(rate, seed));
    }
    world.ups_fault(Rule::every(Fault::Status503).at_random(0.02, seed));
    world.sage_fault(Rule::every(Fault::RecordLock).on("PUT", path::TRACKING).at_random(0.05, seed));
    world
}

/// How many calls reached the simulators.
fn calls_so_far(world: &World) -> u64 {
    let desks = [world.sage.system.controls().summary(), world.ups.system.controls().summary()];
    let endings = desks.iter().flat_map(|desk| desk["requests"].as_object().into_iter().flatten());
    endings
        .flat_map(|(_, endings)| endings.as_object().into_iter().flatten())
        .filter_map(|(_, count)| count.as_u64())
        .sum()
}
