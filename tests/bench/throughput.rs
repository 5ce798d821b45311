//! The engine against a hand-written client that makes the same calls with no state, same concurrency, in one run.
//!
//! Run it as `cargo bench --bench throughput [-- --orders N --latency 0ms --rounds N]`. Without `--latency` it runs twice:
//! once as fast as this machine goes, once with 20 ms for every call. Each round starts fresh simulators, in a process of
//! their own, for the one and then for the other; the figures are medians. Start-up and a clean end count: a rate is
//! orders by the time from start to end of the process.
//!
//! Reading order: [`stage`] the simulators and a configuration for them, [`by_hand`] the client, [`child`] how a process is
//! watched, [`table`] what is printed. Nothing here can fail for being slow.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod by_hand;
mod child;
mod stage;
mod table;

use std::process::Command;
use std::time::Duration;

use ml_connector::base::duration;

use self::child::Usage;
use self::stage::Stage;
use self::table::{Setting, Side};

/// What is asked for on the command line.
struct Asked {
    orders: usize,
    rounds: usize,
    latencies: Vec<Duration>,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().unwrap_or_default();
    match first.as_str() {
        // This binary starts itself: as the simulators, and as the hand-written client.
        stage::SIMULATORS => stage::serve(arguments),
        by_hand::BY_HAND => by_hand::run(arguments),
        _ => compare(&asked(std::iter::once(first).chain(arguments))),
    }
}

fn asked(mut arguments: impl Iterator<Item = String>) -> Asked {
    let mut asked =
        Asked { orders: 1000, rounds: 3, latencies: vec![Duration::ZERO, Duration::from_millis(20)] };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match argument.as_str() {
            "--orders" => asked.orders = value().parse().expect("--orders N"),
            "--rounds" => asked.rounds = value().parse().expect("--rounds N"),
            "--latency" => asked.latencies = vec![duration::parse(&value()).expect("--latency 20ms")],
            // Cargo says so.
            "--bench" | "" => {}
            other => panic!("`{other}` is not known; there are --orders, --rounds and --latency"),
        }
    }
    asked
}

fn compare(asked: &Asked) {
    let settings: Vec<Setting> = asked.latencies.iter().map(|latency| measure(asked, *latency)).collect();
    println!("{}", table::text(&settings));
    println!("{}", table::json(&settings));
}

fn measure(asked: &Asked, latency: Duration) -> Setting {
    let (mut by_hand, mut engine) = (Side::default(), Side::default());
    for _ in 0..asked.rounds {
        let stage = Stage::set(asked.orders, latency);
        let usage = stage.watch(by_hand::command(&stage));
        by_hand.add(usage, stage.end());
        let stage = Stage::set(asked.orders, latency);
        let usage = stage.watch(engine_on(&stage));
        engine.add(usage, stage.end());
    }
    let shipped: Vec<usize> = by_hand.shipped().chain(engine.shipped()).collect();
    assert!(
        shipped.iter().all(|shipped| *shipped == asked.orders),
        "of {} orders each, these were shipped: {shipped:?}",
        asked.orders
    );
    Setting { latency, orders: asked.orders, rounds: asked.rounds, by_hand, engine }
}

fn engine_on(stage: &Stage) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ml-connector"));
    command.args(["run", "--until-idle", "--config"]).arg(stage.directory());
    command
}

impl Stage {
    /// Runs `command` to its end, which must be a good one.
    fn watch(&self, command: Command) -> Usage {
        let name = format!("{command:?}");
        child::watch(command).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}
