//! From a push to a record that is done.

use std::sync::Arc;
use std::time::Duration;

use ml_connector::engine::RunOptions;
use ml_connector::engine::command::{Command, Reply};
use ml_connector::store::{EventState, RecordQuery, RecordState, Store};
use tokio_util::sync::CancellationToken;

use super::gate::Gate;
use super::shop::{issued, pointed, shared};

#[tokio::test]
async fn what_is_pushed_becomes_records() {
    let gate = Gate::new().await;
    let stop = CancellationToken::new();
    let options = RunOptions { stop: stop.clone(), ..RunOptions::default() };
    let engine = Arc::clone(&gate.engine);
    let running = tokio::spawn(async move { engine.run(options).await });
    let mut progress = gate.engine.progress();
    for push in [
        shared("1"),
        shared("1"),
        issued("1", &gate.token().await),
        issued("2", &gate.token().await),
        pointed(&format!("{}/parcels?batch=3", gate.shop)),
    ] {
        assert_eq!(gate.status(&push).await, 200);
    }
    let done = progress.wait_for(|progress| progress.done == 4);
    tokio::time::timeout(Duration::from_secs(20), done).await.unwrap().unwrap();
    stop.cancel();
    running.await.unwrap().unwrap();
    let records = gate.store.records(&RecordQuery::default()).unwrap();
    let mut done: Vec<&str> = records
        .iter()
        .filter(|record| record.state == RecordState::Done)
        .map(|record| record.id.key())
        .collect();
    done.sort_unstable();
    assert_eq!(done, ["1", "2", "3", "4"], "what came twice, or in two ways, is one record");
    assert!(gate.events().iter().all(|event| event.state == EventState::Taken));
    {
        let asked = gate.asked.lock().unwrap();
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert_eq!(asked[0].uri, "/parcels?batch=3");
        assert_eq!(asked[0].headers["x-key"], "key-of-hunter2");
    }
    gate.close().await;
}

/// What is not open has no address to be told at.
#[tokio::test]
async fn requests_know_the_addresses_of_webhooks_that_are_open() {
    let gate = Gate::new().await;
    let ping = Command::Ping { connections: vec!["shop".to_owned()] };
    let Reply::Pinged(pinged) = gate.engine.command(ping).await else { panic!("no ping") };
    assert!(pinged[0].ok, "{pinged:?}");
    {
        let asked = gate.asked.lock().unwrap();
        let header = |name: &str| asked[0].headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("x-shared"), Some("https://hooks.example.com/hooks/shop/shared"));
        assert_eq!((header("x-closed"), header("x-unused")), (None, None));
    }
    gate.close().await;
}
