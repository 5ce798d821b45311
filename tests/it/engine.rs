//! Orders go through the whole engine, against simulators that misbehave.

mod afresh;
mod answers;
mod clock;
mod doubt;
mod edits;
mod life;
mod limits;
mod meeting;
mod onward;
mod reading;
mod several;
mod sources;
mod steps;
mod together;

use ml_connector::simulator::sage100::Orders;
use ml_connector::store::RecordState;

use crate::world::{Wishes, World};

#[tokio::test(flavor = "multi_thread")]
async fn orders_ship_once_and_their_tracking_goes_back() {
    let world = World::new(Wishes::with(Orders { count: 60, ..Orders::default() })).await;
    world.run_well().await;
    let parked = world.records(RecordState::Parked).await;
    assert_eq!(parked.len(), world.verdict().parked_expected, "{parked:#?}");
}
