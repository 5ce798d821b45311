//! What people do in ShipStation with orders from Sage: they split them, choose things for them, and void what they marked.

use std::collections::BTreeSet;
use std::time::Duration;

use ml_connector::simulator::faults::{Fault, Rule};
use serde_json::json;

use super::{Pair, Wishes, address};

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_is_voided_is_taken_off_the_order() {
    let pair = Pair::new(Wishes { orders: 2, ..Wishes::default() }).await;
    pair.run_well().await;
    let number = pair.due().into_keys().next().unwrap();
    pair.ship.system.mark_as_shipped(&number, "BY-HAND-1").unwrap();
    pair.clock.skip(Duration::from_secs(900));
    pair.run_well().await;
    assert_eq!(pair.record(&number)["UDF_TRACKING"], "BY-HAND-1");
    pair.ship.system.void(&number, None).unwrap();
    // V1 tells of it only to who reads all.
    pair.clock.skip(Duration::from_secs(25 * 3600));
    pair.run_well().await;
    let orders = pair.sage.system.state().orders.into_iter();
    assert!(orders.filter(|order| order.number == number).all(|order| order.tracking.is_empty()));
    assert_eq!(pair.record(&number)["UDF_TRACKING"].as_str().unwrap_or_default(), "");
}

/// The number is off the order's parcels already when the order itself cannot be had, or when nobody hears that it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_void_comes_to_its_end_through_locks_and_lost_answers() {
    let pair = Pair::new(Wishes { orders: 6, ..Wishes::default() }).await;
    pair.run_well().await;
    let numbers: Vec<String> = pair.due().into_keys().collect();
    let controls = pair.sage.system.controls();
    for number in &numbers {
        pair.ship.system.ship(number, 2).unwrap();
    }
    pair.clock.skip(Duration::from_secs(900));
    pair.run_well().await;
    for number in &numbers {
        pair.ship.system.void(number, None).unwrap();
    }
    let mut lock =
        Rule::every(Fault::RecordLock).on("POST", "/ebusinesswebservices/*").at_random(0.6, 3).times(8);
    lock.contains = Some("UpdateSalesOrder".into());
    controls.switch_on(lock).unwrap();
    controls
        .switch_on(Rule::every(Fault::ActThenDrop).on("DELETE", "/v1/ABC/sales-orders/*").times(3))
        .unwrap();
    pair.clock.skip(Duration::from_secs(900));
    pair.run_well().await;
    let placed = pair.placed();
    for order in pair.sage.system.state().orders.iter().filter(|order| numbers.contains(&order.number)) {
        assert_eq!(
            order.tracking,
            Vec::from_iter(placed[&order.number].tracking.clone()),
            "{}",
            order.number
        );
        let shown = order.record["UDF_TRACKING"].as_str().unwrap_or_default();
        assert_eq!(shown, order.tracking.join(", "), "{}", order.number);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_split_in_shipstation_comes_back_and_is_not_written_over() {
    let pair = Pair::new(Wishes { orders: 8, ..Wishes::default() }).await;
    pair.run_well().await;
    let numbers: Vec<String> = pair.due().into_keys().collect();
    let mut split = numbers.iter().filter_map(|number| Some((number, pair.ship.system.split(number).ok()?)));
    let (shipped, part) = split.next().unwrap();
    let (open, _) = split.next().unwrap();
    let numbers = [part.as_str(), shipped].map(|key| pair.ship.system.ship(key, 1).unwrap().remove(0));
    let before = pair.placed();
    pair.edit(open, address("12 New St"));
    pair.clock.skip(Duration::from_secs(900));
    pair.run_well().await;
    let tracking = |number: &String| {
        let orders = pair.sage.system.state().orders.into_iter();
        orders.filter(|order| order.number == *number).flat_map(|order| order.tracking).collect()
    };
    let written: BTreeSet<String> = tracking(shipped);
    assert_eq!(written, numbers.iter().cloned().collect());
    assert_eq!(pair.placed()[open], before[open]);
    let shown = pair.show("orders", open).await;
    assert!(shown.record.notices[0].message.contains("split or joined it"), "{:#?}", shown.record.notices);
    // The part's label is voided.
    pair.ship.system.void(&part, None).unwrap();
    pair.clock.skip(Duration::from_secs(900));
    pair.run_well().await;
    assert_eq!(tracking(shipped), BTreeSet::from([numbers[1].clone()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_chose_in_shipstation_outlives_an_edit() {
    for settings in ["", "      api: v2\n"] {
        let pair = Pair::new(Wishes { orders: 2, settings, ..Wishes::default() }).await;
        pair.run_well().await;
        let number = pair.due().into_keys().next().unwrap();
        let chosen = match settings {
            "" => json!({ "orderStatus": "on_hold", "packageCode": "package", "tagIds": [1234],
                          "advancedOptions": { "billToParty": "third_party", "billToAccount": "1A2B3C" } }),
            _ => json!({ "confirmation": "signature", "ship_date": "2026-11-23T00:00:00Z",
                         "advanced_options": { "bill_to_party": "third_party", "bill_to_account": "1A2B3C" } }),
        };
        pair.ship.system.choose(&number, chosen.as_object().unwrap()).unwrap();
        pair.edit(&number, address("12 New St"));
        pair.clock.skip(Duration::from_secs(900));
        pair.run_well().await;
        let state = pair.ship.system.state();
        assert_eq!(state.contract_violations, []);
        let order = state.orders.iter().find(|order| order.key == number).unwrap();
        assert_eq!(order.placed().content["street"], "12 New St");
        for (name, value) in chosen.as_object().unwrap() {
            let there = if name == "orderStatus" { &json!(order.status) } else { &order.content.body[name] };
            match value.as_object() {
                Some(fields) => {
                    fields.iter().for_each(|(field, value)| assert_eq!(there[field], *value, "{field}"))
                }
                None => assert_eq!(there, value, "{name}"),
            }
        }
    }
}
