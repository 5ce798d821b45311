//! Time is a parameter: schedules are driven by a clock that only the test moves.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ml_connector::base::ManualClock;
use ml_connector::engine::command::{Command, Reply};
use ml_connector::engine::{Engine, RunOptions};

use crate::world::{Wishes, World};

/// Follows the engine until so many orders are done.
async fn done(engine: &Engine, count: u64) {
    let mut progress = engine.progress();
    progress.wait_for(|progress| progress.done >= count).await.unwrap();
}

fn polls(world: &World) -> usize {
    let requests = world.sage.system.controls().requests();
    requests.iter().filter(|request| request.path.ends_with("/SO_SalesOrderHeader")).count()
}

/// Waits until the engine means to poll next at `instant`.
async fn next_poll(engine: &Arc<Engine>, instant: &str) {
    let instant: Timestamp = instant.parse().unwrap();
    loop {
        let Reply::Status(status) = engine.command(Command::Status).await else { panic!("no status") };
        if status.flows[0].next_poll == Some(instant) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Runs the engine on a clock that stands at `start` while `test` goes on.
async fn on_a_clock<T: Future<Output = ()>>(
    start: &str,
    more: &str,
    test: impl FnOnce(Arc<World>, Arc<Engine>, ManualClock) -> T,
) {
    let clock = ManualClock::at(start.parse::<Timestamp>().unwrap());
    let mut world = World::new(Wishes::plain(1)).await;
    world.home.clock = Arc::new(clock.clone());
    let config = world.path().join("ml-connector.yaml");
    let text = std::fs::read_to_string(&config).unwrap() + more;
    std::fs::write(&config, text).unwrap();
    let (engine, store) = world.engine();
    let options = RunOptions::default();
    let stop = options.stop.clone();
    let running = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.run(options).await }
    });
    test(Arc::new(world), engine, clock).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    store.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_polls_at_its_interval_and_not_before() {
    on_a_clock("2026-11-20T10:00:00Z", "", async |world, engine, clock| {
        done(&engine, 1).await;
        let before = polls(&world);
        world.sage.system.add_orders(1);
        next_poll(&engine, "2026-11-20T10:15:00Z").await;
        clock.advance(Duration::from_secs(14 * 60));
        tokio::task::yield_now().await;
        assert_eq!(polls(&world), before, "the next poll is after fifteen minutes");
        clock.advance(Duration::from_secs(60));
        done(&engine, 2).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cron_schedule_means_its_zone_over_the_change_of_clocks() {
    // 06:00 in New York is 10:00Z until 2026-11-01 and 11:00Z from then on.
    let cron = "    flows: { ship_orders: { cron: \"0 6 * * *\", zone: America/New_York } }\n";
    on_a_clock("2026-10-31T09:59:00Z", cron, async |world, engine, clock| {
        next_poll(&engine, "2026-10-31T10:00:00Z").await;
        assert_eq!(polls(&world), 0, "it is not six o'clock yet");
        clock.set("2026-10-31T10:00:00Z".parse().unwrap());
        done(&engine, 1).await;
        let before = polls(&world);
        world.sage.system.add_orders(1);
        next_poll(&engine, "2026-11-01T11:00:00Z").await;
        clock.set("2026-11-01T10:30:00Z".parse().unwrap());
        tokio::task::yield_now().await;
        assert_eq!(polls(&world), before, "the clocks were set back: it is half past five");
        clock.set("2026-11-01T11:00:00Z".parse().unwrap());
        done(&engine, 2).await;
    })
    .await;
}
