//! Orders that change in Sage at every stage of their life.

use std::time::Duration;

use ml_connector::engine::command::{Command, Truth};
use ml_connector::simulator::expectation::{Expectation, Reason};
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::sage100::Orders;
use ml_connector::store::{EffectState, RecordState};
use serde_json::{Value, json};

use crate::world::{PARK, Wishes, World, none, order, path};

fn good_address() -> Value {
    json!({
        "ShipToAddress1": "800 Congress Ave", "ShipToAddress2": "", "ShipToCity": "Austin", "ShipToState": "TX",
        "ShipToZipCode": "78701", "ShipToCountryCode": "USA",
    })
}

/// Ten orders, one of which goes nowhere; its number.
async fn with_unknown_address() -> (World, String) {
    let world = World::new(Wishes::with(Orders { count: 10, unknown_address: 0.1, ..none() })).await;
    world.run_well().await;
    let parked = world.records(RecordState::Parked).await;
    let [parked] = parked.as_slice() else { panic!("{parked:#?}") };
    assert!(parked.reason.as_ref().unwrap().message.contains("ship-to address"));
    (world, parked.id.key().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_order_ships_by_itself() {
    let (world, number) = with_unknown_address().await;
    world.edit(&number, good_address());
    world.run_well().await;
    assert_eq!(world.state(&number).await, RecordState::Done);
    assert_eq!(world.verdict().shipped, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_order_that_is_closed_is_skipped() {
    let (world, number) = with_unknown_address().await;
    world.edit(&number, json!({ "OrderStatus": "C" }));
    world.run_well().await;
    let record = world.show(&number).await.record;
    assert_eq!(record.state, RecordState::Skipped, "{record:#?}");
    // And opened again.
    let mut again = good_address();
    again["OrderStatus"] = json!("O");
    world.edit(&number, again);
    world.run_well().await;
    assert_eq!(world.state(&number).await, RecordState::Done);
}

/// An order that a job has made unfit to ship without stamping it, parked, and mended again in the same way.
async fn mended_without_a_stamp() -> (World, String) {
    // The oldest order, so that the overlap of the next poll does not reach back to it.
    let world = World::new(Wishes::plain(10)).await;
    let number = world.numbers().remove(0);
    world.edit(&number, json!({}));
    let oldest = world.numbers().remove(1);
    world.sage.system.bulk_edit(
        std::slice::from_ref(&oldest),
        json!({ "ShipToAddress1": "1 Nowhere" }).as_object().unwrap(),
    );
    world.run_well().await;
    assert_eq!(world.state(&oldest).await, RecordState::Parked);
    world.sage.system.bulk_edit(std::slice::from_ref(&oldest), good_address().as_object().unwrap());
    (world, oldest)
}

/// What jobs change without stamping it leaves no trace for polls; whatever stamps the order later brings it along.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_without_a_stamp_is_seen_with_the_next_stamp() {
    let (world, oldest) = mended_without_a_stamp().await;
    world.run().await;
    assert_eq!(world.state(&oldest).await, RecordState::Parked, "it was seen after all");
    world.edit(&oldest, json!({}));
    world.run_well().await;
    assert_eq!(world.state(&oldest).await, RecordState::Done);
}

/// And without any stamp it is seen within a day, when everything is compared.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_without_a_stamp_is_seen_when_everything_is_compared() {
    let (world, oldest) = mended_without_a_stamp().await;
    world.own("sage100-ups.yaml", &[("full: 24h", "full: 1s")]);
    tokio::time::sleep(Duration::from_millis(20)).await;
    world.run_well().await;
    assert_eq!(world.state(&oldest).await, RecordState::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_after_shipping_is_told_once_and_nothing_is_sent() {
    let world = World::new(Wishes::plain(3)).await;
    world.run_well().await;
    let number = world.numbers().remove(0);
    world.edit(&number, json!({ "ShipToName": "Somebody Else" }));
    for _ in 0..3 {
        world.run_well().await;
        let record = world.show(&number).await.record;
        assert_eq!((record.state, record.notices.len()), (RecordState::Done, 1));
        assert_eq!(record.notices[0].changes[0]["field"], "ShipToName");
    }
    assert_eq!((world.asked("ship"), world.status().await.notices), (3, 1));
    let told = world.order(Command::Acknowledge(order(&number))).await;
    assert_eq!(told.problem, None);
    assert_eq!(world.status().await.notices, 0);
    let again = world.order(Command::Acknowledge(order(&number))).await;
    assert!(again.problem.is_some());
    // What does not matter to the flow is no edit: our own write-back stamps the order, too.
    world.edit(&number, json!({ "CustomerPONo": "PO-1" }));
    world.run_well().await;
    assert_eq!(world.status().await.notices, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_order_stays_out_and_its_edits_are_told() {
    let (world, number) = with_unknown_address().await;
    let told = world.order(Command::Discard(order(&number))).await;
    assert_eq!((told.problem, told.state), (None, Some(RecordState::Discarded)));
    let set = good_address();
    let expected = Some(Expectation::Parked(Reason::UnknownAddress));
    world.sage.system.edit_order(&number, set.as_object().unwrap(), expected).unwrap();
    world.run_well().await;
    let record = world.show(&number).await.record;
    assert_eq!((record.state, record.notices.len()), (RecordState::Discarded, 1));
    // A person may think better of it.
    let told = world.order(Command::Replay(order(&number))).await;
    assert_eq!(told.problem, None);
    world.run().await;
    assert_eq!(world.state(&number).await, RecordState::Done);
}

/// Without a price asked first, it is the create that is refused: a definite no, so corrected data are sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_service_parks_with_ups_words_and_ships_when_corrected() {
    let world = World::new(Wishes::with(Orders { count: 10, refused_service: 0.1, ..none() })).await;
    without_price(&world);
    world.run_well().await;
    let parked = world.records(RecordState::Parked).await;
    let [parked] = parked.as_slice() else { panic!("{parked:#?}") };
    let number = parked.id.key().to_owned();
    let reason = parked.reason.clone().unwrap();
    assert_eq!(reason.code.as_deref(), Some("121100"));
    assert!(reason.message.contains("requested service is invalid"), "{reason:?}");
    let detail = reason.detail.unwrap();
    assert_eq!(detail["answer"]["body"]["response"]["errors"][0]["code"], "121100", "{detail:#}");
    assert!(detail["request"]["body"]["ShipmentRequest"].is_object(), "{detail:#}");
    assert!(reason.place.unwrap().contains("sage100-ups.yaml:"));
    let effect = world.show(&number).await.effects.remove(0);
    assert_eq!((effect.state, effect.attempt), (EffectState::Refused, 1));
    world.edit(&number, json!({ "ShipVia": "UPS GROUND" }));
    world.run_well().await;
    let effect = world.show(&number).await.effects.remove(0);
    assert_eq!((effect.state, effect.attempt), (EffectState::Confirmed, 1));
    assert_eq!(effect.input["service"], "03");
}

/// A refusal of a second attempt proves nothing about the first, so a look-up comes before anything else.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_a_lost_answer_is_looked_up() {
    let world =
        World::new(Wishes::with(Orders { count: 1, refused_service: 1.0, ..none() }).ups_settings(PARK))
            .await;
    without_price(&world);
    world.ups_fault(Rule::every(Fault::DropBeforeActing).on("POST", path::SHIP).times(1));
    world.run().await;
    let number = world.numbers().remove(0);
    assert_eq!(world.state(&number).await, RecordState::InDoubt);
    world.resolve(&number, Truth::Absent).await;
    world.run().await;
    let before = world.asked("recover_label");
    assert!(before > 0);
    let shown = world.show(&number).await;
    assert_ne!(shown.effects[0].state, EffectState::Refused, "{:#?}", shown.effects[0]);
    assert_eq!(shown.record.state, RecordState::InDoubt);
    assert_eq!(world.ups.system.summary().created, 0);
}

fn without_price(world: &World) {
    let shipped = include_str!("../../../mappings/sage100-ups.yaml");
    let (from, to) =
        (shipped.find("      - id: price").unwrap(), shipped.find("      - id: shipment").unwrap());
    world.own(
        "sage100-ups.yaml",
        &[
            (&shipped[from..to], ""),
            // The setting that the step used.
            (between(shipped, "  max_price:", "  statuses:"), ""),
        ],
    );
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    &text[text.find(from).unwrap()..text.find(to).unwrap()]
}
