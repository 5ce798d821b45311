//! A store that was restored from an older copy: it does not know what was sent since, and must not send it again.

use std::fs;

use ml_connector::engine::{Engine, Parts, RunOptions};
use ml_connector::store::directory::OpenOptions;
use ml_connector::store::redb::RedbStore;
use ml_connector::store::{RecordState, StoreError};

use crate::world::{Wishes, World};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_again_after_a_restore() {
    let world = World::new(Wishes::plain(3)).await;
    world.run().await;
    let (state, copy) = (world.path().join("state/state.redb"), world.path().join("copy.redb"));
    fs::copy(&state, &copy).unwrap();
    world.sage.system.add_orders(4);
    world.run().await;
    assert_eq!(world.verdict().shipped, world.verdict().expected_to_ship);
    fs::copy(&copy, &state).unwrap();

    let refused = RedbStore::open(&world.path().join("state"), world.clock.now());
    assert!(matches!(refused, Err(StoreError::Identity(_))), "an older store is not simply used");

    let store = world.store(OpenOptions { accept_older: true });
    assert!(store.opening().older);
    let engine = world.engine_over(&store);
    engine.run(RunOptions { until_idle: true, ..RunOptions::default() }).await.unwrap();
    drop(engine);
    store.close().unwrap();
    let verdict = world.verdict();
    assert!(verdict.is_clean(), "{verdict:#?}");
    assert_eq!(world.records(RecordState::Done).await.len(), verdict.expected_to_ship);
    let shown = world.show(world.sage.system.state().orders.last().unwrap().number.as_str()).await;
    assert_eq!(shown.effects[0].attempt, 0, "it was found, not sent");
    assert!(!shown.documents.is_empty(), "its label was recovered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_that_was_interrupted_goes_on() {
    let world = World::new(Wishes::plain(2)).await;
    world.run().await;
    let (state, copy) = (world.path().join("state/state.redb"), world.path().join("copy.redb"));
    fs::copy(&state, &copy).unwrap();
    world.sage.system.add_orders(2);
    world.run().await;
    fs::copy(&copy, &state).unwrap();

    // A first recovery is stopped before it has done anything.
    let store = world.store(OpenOptions { accept_older: true });
    let engine = world.engine_over(&store);
    let options = RunOptions { until_idle: true, ..RunOptions::default() };
    options.stop.cancel();
    engine.run(options).await.unwrap();
    drop(engine);
    store.close().unwrap();
    // The next start need not be told again.
    world.run().await;
    let verdict = world.verdict();
    assert!(verdict.is_clean(), "{verdict:#?}");
}

impl World {
    fn store(&self, options: OpenOptions) -> std::sync::Arc<RedbStore> {
        let store = RedbStore::open_with(&self.path().join("state"), options, self.clock.now());
        std::sync::Arc::new(store.unwrap())
    }

    fn engine_over(&self, store: &std::sync::Arc<RedbStore>) -> std::sync::Arc<Engine> {
        let parts = Parts {
            config: self.config(),
            store: store.clone(),
            vault: std::sync::Arc::new(self.vault()),
            clock: self.clock.clone(),
            epoch: store.epoch(),
            restored: store.opening().older,
        };
        Engine::new(parts).unwrap()
    }
}
