//! The program dies where events become records, and the next start takes what is left: nothing is lost, nothing is taken
//! twice.

use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use ml_connector::base::crash::VARIABLE;
use ml_connector::engine::command::{Command, Reply};
use ml_connector::store::{EventQuery, EventState, RecordState};
use serde_json::json;

use super::shop::{POINTED, PUSHED, TOLD, event, lay, parcel, push, shop};
use crate::small::Small;

const SIGABRT: i32 = 6;
const PARCELS: i64 = 8;

/// Four parcels are pushed, four are pointed at in pages of two; each is told on.
async fn world() -> Small {
    let small = shop(|seen| {
        let first = 4 + (seen.number("page") - 1) * 2;
        let parcels = (first..8.min(first + 2)).map(|number| parcel(&format!("1Z{number}"), "new", 1));
        (200, json!({ "parcels": parcels.collect::<Vec<_>>() }))
    })
    .await;
    let now = small.clock.now();
    let pushed = (0..4).map(|number| {
        let body = push(&[parcel(&format!("1Z{number}"), "new", 1)]);
        event(PUSHED, &format!("push-{number}"), &body, now)
    });
    let url = format!("{}/parcels", small.url);
    lay(&small, pushed.chain([event(POINTED, "pointer", &json!({ "url": url }), now)])).await;
    small
}

async fn run(small: &Small, crash: Option<&str>) -> Output {
    let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_ml-connector"));
    program.args(["run", "--until-idle", "--config"]).arg(small.path()).env_remove(VARIABLE);
    if let Some(crash) = crash {
        program.env(VARIABLE, crash);
    }
    program.kill_on_drop(true).output().await.unwrap()
}

async fn survive(points: &[&str]) {
    let small = world().await;
    let name = points.join(", then ");
    for point in points {
        let output = run(&small, Some(point)).await;
        assert_eq!(output.status.signal(), Some(SIGABRT), "{name}: {point} was never reached: {output:?}");
    }
    let output = run(&small, None).await;
    assert!(output.status.success(), "{name}: {output:?}");
    let Reply::Events(events) = small.command(Command::Events(EventQuery::default())).await else {
        panic!("no events")
    };
    let of = |inbox: &str| events.iter().filter(|event| event.inbox == inbox).count() as i64;
    assert!(events.iter().all(|event| event.state == EventState::Taken), "{name}: {events:#?}");
    assert_eq!((of(PUSHED), of(POINTED), of(TOLD)), (4, 1, PARCELS), "{name}");
    let records = small.records().await;
    assert!(records.iter().all(|record| record.state == RecordState::Done), "{name}: {records:#?}");
    let count = |flow: &str| records.iter().filter(|record| record.id.flow() == flow).count() as i64;
    assert_eq!((count("parcels"), count("seen"), count("watch")), (PARCELS, 4, PARCELS), "{name}");
    assert!(records.iter().all(|record| record.revision == 1), "{name}: {records:#?}");
    // Each event is part of each flow's trail once: what was taken twice would be there twice.
    let mut taken: Vec<String> = small
        .audit("event.taken")
        .iter()
        .filter(|entry| entry.facts["inbox"] != POINTED)
        .map(|entry| format!("{} by {}", entry.facts["name"], entry.facts["flow"]))
        .collect();
    let all = taken.len() as i64;
    taken.sort();
    taken.dedup();
    // A flow that had its part before the crash recognises it, and says so.
    assert!(all - (taken.len() as i64) <= 4 * points.len() as i64, "{name}: {all}");
    assert_eq!(taken.len() as i64, 4 * 2 + PARCELS, "{name}: {taken:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_around_the_commit_of_events_is_survived() {
    for label in ["inbox.before_take_commit", "inbox.after_take_commit"] {
        for pass in [1, 2, 3, 5] {
            survive(&[&format!("{label}:{pass}")]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_crash_is_survived_too() {
    survive(&["inbox.after_take_commit:1", "inbox.before_take_commit:1"]).await;
    survive(&["inbox.before_take_commit:2", "inbox.after_take_commit:2"]).await;
    survive(&["inbox.after_take_commit:2", "inbox.after_take_commit:1", "inbox.before_take_commit:3"]).await;
}
