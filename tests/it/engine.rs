//! Orders go through the whole engine, against simulators that misbehave.

use std::time::Duration;

use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::sage100::Orders;
use ml_connector::store::RecordState;

use crate::world::{Wishes, World};

#[tokio::test(flavor = "multi_thread")]
async fn orders_ship_once_and_their_tracking_goes_back() {
    let world = World::new(Wishes::with(Orders { count: 60, ..Orders::default() })).await;
    let summary = world.run().await;
    assert_eq!(summary.troubles, []);
    let verdict = world.verdict();
    assert!(verdict.is_clean(), "{verdict:#?}");
    assert_eq!(verdict.shipped, verdict.expected_to_ship);
    let parked = world.records(RecordState::Parked).await;
    assert_eq!(parked.len(), verdict.parked_expected, "{parked:#?}");
}
