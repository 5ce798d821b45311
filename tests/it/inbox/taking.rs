//! Events become records: all of them, in their order, once; and what cannot be read is a person's.

use std::time::Duration;

use ml_connector::base::{ManualClock, clock};
use ml_connector::engine::command::{Command, Reply, Retry};
use ml_connector::store::{EventQuery, EventState, RecordState};
use serde_json::json;

use super::shop::{PUSHED, TOLD, event, kept, lay, parcel, push, silent};
use crate::small::Small;

/// What the shop was told to write: number and status, in order.
fn written(small: &Small) -> Vec<(String, String)> {
    let text = |seen: &crate::small::Seen, name: &str| seen.body[name].as_str().unwrap().to_owned();
    small.seen("/write").iter().map(|seen| (text(seen, "number"), text(seen, "status"))).collect()
}

fn retry(names: &[&str]) -> Command {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Command::RetryEvents(Retry { names, operator: "ann".to_owned(), reason: "mended".to_owned() })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_becomes_records_of_every_flow_that_names_it() {
    let small = silent().await;
    let now = small.clock.now();
    let pushes = [
        event(PUSHED, "one", &push(&[parcel("1Z1", "on its way", 1), parcel("1Z2", "on its way", 1)]), now),
        event(PUSHED, "two", &push(&[parcel("1Z3", "on its way", 1)]), now),
        event(PUSHED, "none", &push(&[]), now),
    ];
    lay(&small, pushes).await;
    small.run_well().await;
    let ids: Vec<String> = small.records().await.iter().map(|record| record.id.to_string()).collect();
    assert_eq!(
        ids,
        [
            "small/parcels/1Z1",
            "small/parcels/1Z2",
            "small/parcels/1Z3",
            "small/seen/1Z1",
            "small/seen/1Z2",
            "small/seen/1Z3",
            "small/watch/1Z1",
            "small/watch/1Z2",
            "small/watch/1Z3",
        ]
    );
    assert!(small.records().await.iter().all(|record| record.state == RecordState::Done));
    assert_eq!(written(&small).len(), 3);
    for name in ["one", "two", "none"] {
        let event = kept(&small, PUSHED, name).unwrap();
        assert_eq!((event.state, event.body.len()), (EventState::Taken, 0), "{name}");
    }
    // The trail of an event about one record is part of its record's.
    let trail = small.show("small/parcels/1Z3").await.audit;
    let taken: Vec<_> = trail.iter().filter(|entry| entry.event == "event.taken").collect();
    assert_eq!(taken.len(), 1);
    let facts = json!({ "inbox": PUSHED, "name": "two", "flow": "small/parcels", "became": "new" });
    assert_eq!(taken[0].facts, facts);
    let several = small.audit("event.taken");
    let one =
        several.iter().find(|entry| entry.facts["name"] == "one" && entry.facts["flow"] == "small/seen");
    assert_eq!((one.unwrap().facts["new"].as_u64(), one.unwrap().record.as_ref()), (Some(2), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn late_and_doubled_events_change_nothing() {
    let small = silent().await;
    let now = small.clock.now();
    let of = |name: &str, status: &str, at| event(PUSHED, name, &push(&[parcel("1Z1", status, at)]), now);
    lay(&small, [of("a", "delivered", 3), of("b", "on its way", 2)]).await;
    small.run_well().await;
    lay(&small, [of("c", "delivered", 3), of("d", "label made", 1)]).await;
    small.run_well().await;
    assert_eq!(written(&small), [("1Z1".to_owned(), "delivered".to_owned())]);
    let record = small.show("small/parcels/1Z1").await.record;
    assert_eq!((record.revision, &record.source["status"]), (1, &json!("delivered")));
    let became: Vec<_> = small
        .audit("event.taken")
        .into_iter()
        .filter(|entry| entry.facts["flow"] == "small/parcels")
        .map(|entry| entry.facts["became"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(became, ["new", "unchanged", "unchanged", "unchanged"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_is_parked_and_others_go_on() {
    let small = silent().await;
    let now = small.clock.now();
    let mut noise = event(PUSHED, "noise", &json!(null), now);
    noise.body = b"{ \"parcels\": [".to_vec();
    let other = event(PUSHED, "other", &json!({ "parcels": [{ "number": {} }] }), now);
    lay(&small, [noise, other, event(PUSHED, "good", &push(&[parcel("1Z1", "new", 1)]), now)]).await;
    small.run_well().await;
    assert_eq!(written(&small).len(), 1);
    let reason = |name: &str| {
        let event = kept(&small, PUSHED, name).unwrap();
        assert_eq!(event.state, EventState::Parked, "{name}");
        assert!(!event.body.is_empty(), "{name}");
        event.reason.unwrap()
    };
    assert!(reason("noise").starts_with("it is not JSON: "), "{}", reason("noise"));
    assert!(reason("other").contains("shop.yaml:"), "{}", reason("other"));
    let status = small.status().await;
    let inbox = status.inboxes.iter().find(|inbox| inbox.inbox == PUSHED).unwrap();
    assert_eq!((inbox.waiting, inbox.parked, inbox.taken), (0, 2, 1));
    let query = EventQuery { states: vec![EventState::Parked], ..EventQuery::default() };
    let Reply::Events(events) = small.command(Command::Events(query)).await else { panic!("no events") };
    assert_eq!(events.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["other", "noise"]);
    assert_eq!(small.audit("event.parked").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_events_are_tried_again_when_a_person_says_so() {
    let small = silent().await;
    let now = small.clock.now();
    let odd = json!({ "parcels": { "number": "1Z1", "status": "new", "at": "soon" } });
    lay(&small, [event(PUSHED, "first", &odd, now), event(PUSHED, "fine", &push(&[]), now)]).await;
    small.run_well().await;
    assert_eq!(kept(&small, PUSHED, "first").unwrap().state, EventState::Parked);
    let answer = |reply: Reply| match reply {
        Reply::Retried(told) => told.into_iter().map(|one| (one.name, one.problem)).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let unknown = answer(small.command(retry(&["fine", "nothing"])).await);
    assert!(unknown.iter().all(|(_, problem)| problem.as_ref().unwrap().contains("no event of this name")));
    // The system's file is mended: now it knows what was sent.
    let system = super::shop::SYSTEM
        .replace("status: text(40), at: number }\noperations", "status: text(40), at: any }\noperations");
    assert_ne!(system, super::shop::SYSTEM);
    let file = small.path().join("mappings/systems/shop.yaml");
    let text = std::fs::read_to_string(&file).unwrap().replace(super::shop::SYSTEM, &system);
    std::fs::write(&file, text).unwrap();
    let mapping = small.path().join("mappings/small.yaml");
    let text = std::fs::read_to_string(&mapping).unwrap();
    std::fs::write(&mapping, text.replace("    merge: { by: \"{{ parcel.at }}\" }\n", "")).unwrap();
    assert_eq!(answer(small.command(retry(&[])).await), [("first".to_owned(), None)]);
    assert_eq!(kept(&small, PUSHED, "first").unwrap().state, EventState::Waiting);
    small.run_well().await;
    assert_eq!(written(&small).len(), 1);
    let told = small.audit("event.retried");
    assert_eq!((told[0].actor.as_str(), &told[0].facts["reason"]), ("operator:ann", &json!("mended")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_is_forgotten_after_a_week_and_what_waits_is_not() {
    let clock = ManualClock::at("2026-11-20T12:00:00Z".parse().unwrap());
    let small = silent().await.on(&clock);
    let now = small.clock.now();
    let mut noise = event(PUSHED, "noise", &json!(null), now);
    noise.body.clear();
    lay(&small, [event(PUSHED, "one", &push(&[parcel("1Z1", "new", 1)]), now), noise]).await;
    small.run_well().await;
    clock.advance(Duration::from_secs(7 * 86_400 - 1));
    small.run_well().await;
    assert!(kept(&small, PUSHED, "one").is_some());
    clock.advance(Duration::from_secs(2));
    small.run_well().await;
    assert_eq!(kept(&small, PUSHED, "one"), None);
    assert_eq!(kept(&small, PUSHED, "noise").unwrap().state, EventState::Parked);
}

/// An engine that runs takes what comes when it comes; many at once are few commits.
#[tokio::test(flavor = "multi_thread")]
async fn many_events_are_taken_together() {
    let small = silent().await;
    let now = small.clock.now();
    let late = clock::add(now, Duration::from_millis(300));
    let many = (0..600).map(|number| {
        let at = if number % 2 == 0 { now } else { late };
        event(PUSHED, &number.to_string(), &push(&[parcel(&format!("1Z{}", number % 10), "new", number)]), at)
    });
    lay(&small, many).await;
    small.run_well().await;
    let status = small.status().await;
    let inbox = status.inboxes.iter().find(|inbox| inbox.inbox == PUSHED).unwrap();
    assert_eq!((inbox.waiting, inbox.parked, inbox.taken), (0, 0, 600));
    for number in 0..10 {
        let record = small.show(&format!("small/parcels/1Z{number}")).await.record;
        assert_eq!(record.source["at"], json!(590 + number), "the latest counts");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_flow_tells_another_is_taken_by_it() {
    let small = silent().await;
    let now = small.clock.now();
    let of = |name: &str, status: &str, at| event(PUSHED, name, &push(&[parcel("1Z1", status, at)]), now);
    lay(&small, [of("a", "on its way", 1)]).await;
    small.run_well().await;
    lay(&small, [of("b", "delivered", 2)]).await;
    small.run_well().await;
    let watched = small.show("small/watch/1Z1").await;
    assert_eq!((watched.record.revision, &watched.record.source["status"]), (2, &json!("delivered")));
    let status = small.status().await;
    let inbox = status.inboxes.iter().find(|inbox| inbox.inbox == TOLD).unwrap();
    assert_eq!((inbox.waiting, inbox.taken), (0, 2));
}

/// A parcel that has arrived is not on its way again because records must have another field since.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_late_changes_nothing_after_records_have_another_shape() {
    let small = silent().await;
    let now = small.clock.now();
    lay(&small, [event(PUSHED, "a", &push(&[parcel("1Z1", "delivered", 3)]), now)]).await;
    small.run_well().await;
    let file = small.path().join("mappings/systems/shop.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let shape = "parcel: { number: text(40), status: text(40), at: number }";
    let give = "at: \"{{ one.at }}\" }";
    assert!(text.contains(shape) && text.contains(give));
    let text = text.replace(shape, "parcel: { number: text(40), status: text(40), at: number, box: text }");
    std::fs::write(&file, text.replace(give, "at: \"{{ one.at }}\", box: \"{{ one.box }}\" }")).unwrap();
    let of = |name: &str, status: &str, at: i64| {
        let told = json!({ "number": "1Z1", "status": status, "at": at, "box": "B" });
        event(PUSHED, name, &push(&[told]), now)
    };
    lay(&small, [of("b", "on its way", 2)]).await;
    small.run_well().await;
    assert_eq!(written(&small), [("1Z1".to_owned(), "delivered".to_owned())]);
    lay(&small, [of("c", "returned", 4)]).await;
    small.run_well().await;
    let record = small.show("small/parcels/1Z1").await.record;
    assert_eq!((record.revision, &record.source["status"]), (2, &json!("returned")));
}

/// What is told to a flow that does not run lies there for all to see until it does.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_to_a_flow_that_does_not_run_waits_for_it() {
    let small = silent().await;
    let used = "mappings:\n  small: { connections: { shop: shop }, flows: { watch: { enabled: false } } }\n";
    small.configure(used);
    let now = small.clock.now();
    lay(&small, [event(PUSHED, "a", &push(&[parcel("1Z1", "on its way", 1)]), now)]).await;
    small.run_well().await;
    let status = small.status().await;
    let inbox = status.inboxes.iter().find(|inbox| inbox.inbox == TOLD).unwrap();
    assert_eq!((inbox.waiting, inbox.taken), (1, 0));
    small.configure("mappings:\n  small: { connections: { shop: shop } }\n");
    small.run_well().await;
    assert_eq!(small.show("small/watch/1Z1").await.record.state, RecordState::Done);
}
