//! What the source may do to us: pages that come twice or move, records that do not fit, orders of many parcels.

use ml_connector::engine::RunOptions;
use ml_connector::simulator::expectation::{Expectation, Reason};
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::sage100::Orders;
use ml_connector::simulator::ups::Lists;
use ml_connector::store::RecordState;
use serde_json::json;

use crate::world::{Wishes, World, none, path};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_many_parcels_is_one_shipment_with_all_its_numbers() {
    let world = World::new(Wishes::with(Orders { count: 2, heavy: 1.0, ..none() })).await;
    world.run_well().await;
    for shipment in world.ups.system.state().shipments {
        let numbers = shipment.tracking_numbers();
        assert!(numbers.len() > 1, "{shipment:#?}");
        let shown = world.show(numbers[1]).await;
        assert!(shipment.references[0].starts_with(shown.record.id.key()));
        assert_eq!(shown.links.len(), numbers.len());
        assert_eq!(shown.documents.len(), numbers.len(), "one label for each parcel");
        assert_eq!(shown.effects.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_come_twice_change_nothing() {
    let mut wishes = Wishes::plain(20);
    wishes.sage_settings = "      page_size: 6\n";
    let world = World::new(wishes).await;
    world.sage_fault(Rule { skip: 1, ..Rule::every(Fault::DuplicatePage).on("GET", path::LIST).times(2) });
    world.run_well().await;
    let records = world.records(RecordState::Done).await;
    assert_eq!((records.len(), world.asked("ship")), (20, 20));
    assert!(records.iter().all(|record| record.revision == 1 && record.notices.is_empty()));
}

/// Orders are edited and added while the pages are read: what moves behind us is seen again, what moves before us is not
/// skipped.
#[tokio::test(flavor = "multi_thread")]
async fn pages_that_move_lose_nothing() {
    let mut wishes = Wishes::plain(24);
    wishes.sage_settings = "      page_size: 5\n";
    wishes.sage.scan_limit = Some(7);
    let world = World::new(wishes).await;
    let (engine, store) = world.engine();
    let mut progress = engine.progress();
    let mut running = Box::pin(engine.run(RunOptions { until_idle: true, ..RunOptions::default() }));
    let numbers = world.numbers();
    let mut moved = 0;
    loop {
        tokio::select! {
            ended = &mut running => {
                ended.unwrap();
                break;
            }
            Ok(()) = progress.changed() => {
                // A stamp moves an order to the end of the pages.
                world.edit(&numbers[moved * 7 % numbers.len()], json!({ "CustomerPONo": format!("PO-{moved}") }));
                if moved % 5 == 0 && moved < 25 {
                    world.sage.system.add_orders(1);
                }
                moved += 1;
            }
        }
    }
    assert!(moved > 5, "nothing moved");
    drop(running);
    drop(progress);
    drop(engine);
    store.close().unwrap();
    drop(store);
    world.run_well().await;
    let orders = world.numbers().len();
    assert_eq!((world.records(RecordState::Done).await.len(), world.asked("ship")), (orders, orders));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_does_not_fit_stops_only_itself() {
    for poison in [
        json!({ "ShipToName": { "a": 1 } }),
        json!({ "OrderDate": null }),
        json!({ "Lines": [{ "LineKey": 7 }] }),
    ] {
        let world = World::new(Wishes::plain(8)).await;
        let number = world.numbers().remove(3);
        let healthy = world.sage.system.state().orders[3].record.clone();
        let expected = Some(Expectation::Parked(Reason::NoWeight));
        world.sage.system.edit_order(&number, poison.as_object().unwrap(), expected).unwrap();
        world.run_well().await;
        let record = world.show(&number).await.record;
        assert_eq!(record.state, RecordState::Parked, "{poison}");
        let reason = record.reason.unwrap();
        assert!(reason.message.contains("declared shape"), "{poison}: {reason:?}");
        assert!(reason.place.unwrap().contains("sage100.yaml:"));
        assert_eq!(world.records(RecordState::Done).await.len(), 7);
        // Put right, it ships by itself.
        let lines = json!([{ "LineKey": "000001", "ItemCode": "A", "QuantityOrdered": 1, "UnitWeight": 2 }]);
        let cure =
            json!({ "ShipToName": healthy["ShipToName"], "OrderDate": healthy["OrderDate"], "Lines": lines });
        world.edit(&number, cure);
        world.run_well().await;
        assert_eq!(world.state(&number).await, RecordState::Done, "{poison}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_ups_writes_as_objects_now_and_then_are_lists() {
    let mut wishes = Wishes::with(Orders { count: 30, ..Orders::default() });
    wishes.ups.lists = Lists::Mixed;
    let world = World::new(wishes).await;
    world.run().await;
    let verdict = world.verdict();
    assert!(verdict.is_clean(), "{verdict:#?}");
    assert_eq!(verdict.shipped, verdict.expected_to_ship);
}
