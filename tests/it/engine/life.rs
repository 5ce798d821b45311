//! Runs that are stopped, started again, started twice, or meet a mapping that was changed meanwhile.

use std::sync::Arc;
use std::time::Duration;

use ml_connector::engine::RunOptions;
use ml_connector::engine::command::{Command, Reply};
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::sage100::Orders;
use ml_connector::store::redb::RedbStore;
use ml_connector::store::{RecordState, StoreError};
use tokio_util::sync::CancellationToken;

use crate::world::{Wishes, World, none, order, path};

/// Runs until `enough` says so of what has happened so far, then stops as a signal would.
async fn run_and_stop(world: &World, enough: impl Fn(&ml_connector::engine::Progress) -> bool) {
    let (engine, store) = world.engine();
    let stop = CancellationToken::new();
    let mut progress = engine.progress();
    let running = engine.run(RunOptions { stop: stop.clone(), ..RunOptions::default() });
    let stopping = async {
        progress.wait_for(|so_far| enough(so_far)).await.unwrap();
        stop.cancel();
    };
    let (ended, ()) = tokio::join!(running, stopping);
    ended.unwrap();
    drop(progress);
    drop(engine);
    store.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stopped_goes_on_where_it_was() {
    let mut wishes = Wishes::plain(40);
    wishes.ups.latency = Duration::from_millis(5);
    // No answer is given up before it comes, however busy the machine is.
    wishes.hurry = 4;
    let world = World::new(wishes).await;
    run_and_stop(&world, |so_far| so_far.done >= 5).await;
    let shipped = world.ups.system.summary().created;
    assert!((5..40).contains(&shipped), "{shipped} shipped: it was not stopped in the middle");
    assert_eq!(world.records(RecordState::InDoubt).await, []);
    world.run_well().await;
    assert_eq!((world.ups.system.summary().created, world.asked("ship")), (40, 40));
    assert_eq!(world.asked("recover_label"), 0, "what was in flight was waited for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_engine_on_the_same_directory_is_refused() {
    let world = World::new(Wishes::plain(1)).await;
    let (engine, store) = world.engine();
    let second = RedbStore::open(&world.path().join("state"), world.clock.now());
    let Err(StoreError::InUse(sentence)) = second else { panic!("{:?}", second.err()) };
    assert!(sentence.contains("state"), "{sentence}");
    let output = world.program(&["run", "--until-idle"]).output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("in use") || told.contains("another"), "{told}");
    drop(engine);
    store.close().unwrap();
    drop(store);
    world.run_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_sends_nothing_again() {
    let world = World::new(Wishes::plain(3)).await;
    world.run_well().await;
    for number in world.numbers() {
        let told = world.order(Command::Replay(order(&number))).await;
        assert_eq!((told.problem, told.state), (None, Some(RecordState::Received)));
    }
    world.run_well().await;
    assert_eq!(world.records(RecordState::Done).await.len(), 3);
    assert_eq!((world.asked("ship"), world.ups.system.summary().created), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_make_no_sense_are_refused_with_a_sentence() {
    let world = World::new(Wishes::plain(1)).await;
    world.run_well().await;
    let number = world.numbers().remove(0);
    for command in [
        Command::Resume(order(&number)),
        Command::Discard(order(&number)),
        Command::Acknowledge(order(&number)),
        Command::Resume(order("9999999")),
    ] {
        let name = format!("{command:?}");
        let told = world.order(command).await;
        assert!(told.problem.is_some_and(|problem| problem.len() > 10), "{name}");
    }
    for (flow, why) in [("no/such", "no flow is called `no/such`"), ("sage100-ups/watch", "reads nothing")] {
        let Reply::Failed(failure) = world.command(Command::Poll { flow: Some(flow.to_owned()) }).await
        else {
            panic!("{flow} was polled")
        };
        assert!(failure.message.contains(why), "{}", failure.message);
    }
    assert_eq!(world.asked("ship"), 1);
}

/// A record ends on the mapping it began with; new ones begin with the new.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_mapping_is_for_new_records() {
    let world = World::new(Wishes::plain(2)).await;
    world.ups_fault(Rule::every(Fault::Status503).on("POST", path::RATE));
    run_and_stop(&world, |so_far| so_far.waits >= 2).await;
    world.heal();
    let old = "name: \"{{ order.ShipToName | clip(35) }}\"";
    world.own("sage100-ups.yaml", &[(old, "name: \"{{ 'NEW ' ~ order.ShipToName | clip(31) }}\"")]);
    let added = world.sage.system.add_orders(1).remove(0);
    world.run_well().await;
    for shipment in world.ups.system.state().shipments {
        let new = shipment.references[0].starts_with(&added);
        assert_eq!(shipment.name.starts_with("NEW "), new, "{shipment:#?}");
    }
    assert_eq!(world.verdict().shipped, 3);
}

/// A setting that the new mapping does not have any more is still there for those that began with the old one.
#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_setting_is_for_new_records() {
    let world = World::new(Wishes::plain(2)).await;
    world.ups_fault(Rule::every(Fault::Status503).on("POST", path::ADDRESS));
    run_and_stop(&world, |so_far| so_far.waits >= 2).await;
    world.heal();
    world.own(
        "sage100-ups.yaml",
        &[("max_package_weight", "heaviest"), ("default: 70", "default: 60"), ("max_price", "most_money")],
    );
    world.sage.system.add_orders(1);
    world.run_well().await;
    assert_eq!(world.verdict().shipped, 3);
}

/// A replay is how a person moves a record to the mapping as it is now.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_takes_the_mapping_of_today() {
    let world = World::new(Wishes::with(Orders { count: 2, weightless: 0.5, ..none() })).await;
    world.run_well().await;
    let parked = world.records(RecordState::Parked).await.remove(0);
    let number = parked.id.key().to_owned();
    let old = "weight: \"{{ order.Lines | sum_of('QuantityOrdered * UnitWeight') }}\"";
    world.own("sage100-ups.yaml", &[(old, "weight: \"{{ 5 }}\"")]);
    world.order(Command::Resume(order(&number))).await;
    world.run().await;
    assert_eq!(world.state(&number).await, RecordState::Parked, "resumed, it is judged as it was");
    world.order(Command::Replay(order(&number))).await;
    world.run().await;
    assert_eq!(world.state(&number).await, RecordState::Done);
}

/// A step that is called otherwise in the mapping of today does not make anew what it made before.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_knows_what_was_made_by_a_step_of_another_name() {
    let world = World::new(Wishes::plain(3)).await;
    world.run_well().await;
    let renamed = [
        ("id: shipment\n", "id: booked\n"),
        ("set: { shipment:", "set: { booked:"),
        ("shipment.", "booked."),
    ];
    world.own("sage100-ups.yaml", &renamed);
    for number in world.numbers() {
        world.order(Command::Replay(order(&number))).await;
    }
    world.run_well().await;
    assert_eq!(world.records(RecordState::Done).await.len(), 3);
    assert_eq!((world.asked("ship"), world.ups.system.summary().created), (3, 3));
}

/// Somebody has the order open when its number comes, and invoices it, and posts the invoice, before they close it.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_posted_before_its_number_is_written_gets_it_in_the_history() {
    let world = World::new(Wishes::plain(1)).await;
    let number = world.numbers().remove(0);
    world.sage.system.lock_order(&number, "jgarcia", None);
    let sage = Arc::clone(&world.sage.system);
    let person = tokio::spawn({
        let number = number.clone();
        async move {
            while sage.state().locked_out == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            sage.invoice(&number, true).unwrap();
            sage.unlock_order(&number);
        }
    });
    world.run_well().await;
    person.await.unwrap();
    assert_eq!(world.state(&number).await, RecordState::Done);
    let state = world.sage.system.state();
    assert_eq!((state.orders[0].table.as_str(), state.orders[0].writes), ("SO_SalesOrderHistoryHeader", 1));
    assert_eq!(state.tables["AR_InvoiceHistoryTracking"], state.orders[0].tracking.len());
}
