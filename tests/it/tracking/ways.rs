//! Each pair carries twenty shipped orders to delivered: by push, by poll, by both while pushes are lost, doubled and
//! overtake each other, and over a restart.

use std::sync::Arc;
use std::time::Duration;

use ml_connector::base::Clock;
use ml_connector::simulator::push::Manner;
use ml_connector::simulator::ups::Scan;
use ml_connector::store::RecordState;
use serde_json::{Value, json};

use super::road::{Erp, Pair, Road, Setup};
use crate::world::Hurried;

/// Picked up, on its way, prepared, out for delivery, delivered.
const SCANS: usize = 5;

/// Twenty times as fast as the wall's: answers that are waited for a minute are waited for three seconds.
fn clock() -> Arc<dyn Clock> {
    Hurried::from("2026-11-20T14:00:00Z".parse().unwrap(), 20)
}

/// Nobody asks Quantum View, which only the mappings of the other two read.
fn without_quantum_view(pair: Pair) -> &'static str {
    match pair {
        Pair::Sage100 => "",
        _ => "    flows: { tracking: { sources: { carrier.quantum_view: { enabled: false } } } }\n",
    }
}

/// Quantum View is asked often.
fn with_quantum_view(pair: Pair) -> &'static str {
    match pair {
        Pair::Sage100 => "",
        _ => "    flows: { tracking: { every: 1m } }\n",
    }
}

fn by_push(pair: Pair) -> Setup {
    Setup {
        pair,
        orders: 20,
        heavy: 0.1,
        track_alert: Some(if pair == Pair::Syspro { "v1" } else { "v2" }),
        settings: "      look_every: 300d\n",
        flows: without_quantum_view(pair),
    }
}

fn by_poll(pair: Pair) -> Setup {
    Setup { track_alert: None, ..by_both(pair) }
}

fn by_both(pair: Pair) -> Setup {
    Setup { settings: "      look_every: 1m\n", flows: with_quantum_view(pair), ..by_push(pair) }
}

/// Every parcel comes so many scans further, one after the other.
async fn carry(road: &Road, scans: usize) {
    for _ in 0..scans {
        assert!(road.ups.system.advance_all() > 0);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn arrived(road: &Road) {
    road.until("delivery", |road| {
        let judged = road.judged();
        judged.delivered > 0 && judged.undelivered.is_empty()
    })
    .await;
}

/// What must be so in the end: all orders delivered, and no fact written twice.
async fn assert_carried(road: &Road) {
    let judged = road.judged();
    assert!(judged.is_clean(), "{judged:#?}");
    assert!(judged.delivered >= 20, "{judged:#?}");
    assert_eq!(road.records(&[RecordState::Parked, RecordState::Waiting, RecordState::InDoubt]).await, []);
    let parcels = road.parcels().len() as u64;
    let writes: u64 = road.erp.status_writes().iter().sum();
    // An order of one parcel has four statuses on its way (prepared is in transit) and perhaps a new day of delivery for each.
    assert!(writes <= parcels * 8, "{writes} writes for {parcels} parcels");
}

async fn goes(setup: Setup) {
    let road = Road::new(clock(), &setup).await;
    let driving = road.drive().await;
    road.shipped(&setup).await;
    carry(&road, SCANS).await;
    arrived(&road).await;
    let summary = driving.finish().await;
    assert_eq!(summary.troubles, []);
    assert_carried(&road).await;
    let judged = road.judged();
    assert_eq!(judged.pushed > 0, setup.track_alert.is_some(), "{judged:#?}");
    if setup.track_alert.is_none() {
        assert!(judged.polled > 0, "{judged:#?}");
    }
}

/// Pushes are lost, doubled and out of order; what no push tells is found by asking.
async fn goes_through_losses(pair: Pair) {
    let setup = by_both(pair);
    let road = Road::new(clock(), &setup).await;
    road.ups.system.outbox().set_manner(Manner { drop: 0.3, double: 0.3, seed: 7, ..Manner::default() });
    road.ups.system.set_spread(Duration::from_secs(20));
    let driving = road.drive().await;
    road.shipped(&setup).await;
    carry(&road, 2).await;
    // A few meet with trouble on the way.
    for number in road.parcels().iter().step_by(5) {
        road.ups.system.advance(number, Scan::Exception).unwrap();
    }
    carry(&road, SCANS - 2).await;
    arrived(&road).await;
    assert_eq!(driving.finish().await.troubles, []);
    let counts = road.ups.system.outbox().counts();
    assert!(counts.dropped > 0 && counts.doubled > 0, "{counts:?}");
    assert_carried(&road).await;
}

/// The engine ends and begins again on the way; UPS pushes meanwhile, and once more later.
async fn goes_over_a_restart(pair: Pair) {
    let setup = by_push(pair);
    let road = Road::new(clock(), &setup).await;
    let driving = road.drive().await;
    road.shipped(&setup).await;
    carry(&road, 2).await;
    driving.stop().await;
    carry(&road, 1).await;
    let driving = road.drive().await;
    carry(&road, SCANS - 3).await;
    arrived(&road).await;
    driving.finish().await;
    assert_carried(&road).await;
}

/// UPS gives a parcel a new day of delivery without a scan that says so; nobody pushes, and asking is how it comes out.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_day_of_delivery_is_told_though_nothing_else_happened() {
    let setup = Setup { orders: 1, heavy: 0.0, ..by_poll(Pair::Sage100) };
    let road = Road::new(clock(), &setup).await;
    let shown = |road: &Road| match &road.erp {
        Erp::Sage100(sage) => sage.system.state().orders[0].record["UDF_EST_DELIVERY"].clone(),
        _ => Value::Null,
    };
    let driving = road.drive().await;
    road.shipped(&setup).await;
    carry(&road, 2).await;
    let number = road.parcels().remove(0);
    let planned = |road: &Road| {
        let state = road.ups.system.state();
        let day = state.parcel(&number).and_then(|parcel| parcel.last()?.scheduled);
        json!(day.map(|day| day.to_string()))
    };
    road.until("the last scan", |road| road.erp.dues()[0].status == "IN TRANSIT").await;
    assert_eq!(shown(&road), planned(&road));
    let before = shown(&road);
    road.ups.system.advance(&number, Scan::Estimated).unwrap();
    assert_ne!(planned(&road), before);
    road.until("the new day", |road| shown(road) == planned(road)).await;
    driving.finish().await;
}

macro_rules! every_pair {
    ($($pair:ident: $name:ident),*) => {$(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn by_push_alone() {
                goes(by_push(Pair::$pair)).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn by_poll_alone() {
                goes(by_poll(Pair::$pair)).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn by_both_through_losses_doubles_and_disorder() {
                goes_through_losses(Pair::$pair).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn over_a_restart() {
                goes_over_a_restart(Pair::$pair).await;
            }
        }
    )*};
}

every_pair!(Sage100: sage100, SageX3: sagex3, Syspro: syspro);
