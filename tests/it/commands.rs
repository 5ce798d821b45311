//! What commands say, and how they end, when what they are given or find is not as it should be.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ml_connector::store::RecordState;
use serde_json::{Value, json};

use crate::world::{Wishes, World};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ml-connector"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn code_and_words(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn run(arguments: &[&str]) -> (i32, String) {
    code_and_words(&program(arguments).output().unwrap())
}

/// A configuration that is complete but for its credentials.
fn configured() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let shipper = r#"ups.shipper={"name":"Shop","phone":"9495550100","lines":["1 Elm"],"city":"Irvine","state":"CA","postal_code":"92618","country":"US"}"#;
    let settings = [
        "sage100.agent_url=http://127.0.0.1:9",
        "sage100.company=ABC",
        "ups.base_url=http://127.0.0.1:9",
        "ups.account=A1B2C3",
        shipper,
    ];
    let mut init = program(&["init", text(directory.path()), "--mapping", "sage100-ups"]);
    for setting in settings {
        init.args(["--set", setting]);
    }
    assert!(init.output().unwrap().status.success());
    directory
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn data_that_got_lost_is_told_and_a_reader_who_has_seen_enough_is_not() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = program(&["explain", "sage100-ups"]).stdout(full).output().unwrap();
    let (code, words) = code_and_words(&output);
    assert_eq!(code, 1, "{words}");
    assert!(words.contains("standard output could not be written"), "{words}");
    let mut child =
        program(&["explain", "sage100-ups"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(code_and_words(&child.wait_with_output().unwrap()), (0, String::new()));
}

#[test]
fn a_configuration_that_is_not_there_is_told_apart_from_one_that_cannot_be_seen() {
    let home = configured();
    let file = home.path().join("ml-connector.yaml");
    let (code, words) = run(&["status", "--config", text(&file)]);
    assert_eq!(code, 3, "{words}");
    assert!(words.contains("is not a directory; --config names the directory"), "{words}");
    let nowhere = home.path().join("nowhere");
    for command in [["status"].as_slice(), &["explain", "sage100-ups"]] {
        let (code, words) = run(&[command, &["--config", text(&nowhere)]].concat());
        assert_eq!(code, 3, "{words}");
        assert!(words.contains("holds no ml-connector.yaml"), "{words}");
    }
    fs::write(home.path().join("state"), "").unwrap();
    let (code, words) = run(&["run", "--until-idle", "--config", text(home.path())]);
    assert_eq!(code, 3, "{words}");
    assert!(words.contains("state is not a directory; move it away"), "{words}");
}

/// A site's own mapping must never give way to the shipped one unnoticed.
#[test]
fn nothing_is_explained_or_tested_in_place_of_own_mappings_that_cannot_be_seen() {
    let home = configured();
    fs::write(home.path().join("mappings"), "").unwrap();
    let config = text(home.path());
    for arguments in [["explain", "sage100-ups", "--config", config].as_slice(), &["test", config]] {
        let (code, words) = run(arguments);
        assert_eq!(code, 3, "{words}");
        assert!(words.contains("mappings cannot be read"), "{words}");
    }
    let (code, words) = run(&["run", "--until-idle", "--config", config]);
    assert_eq!(code, 3, "{words}");
    assert!(words.contains("unreadable-file"), "{words}");
}

#[test]
fn programs_learn_which_credentials_are_needed() {
    let home = configured();
    let output =
        program(&["secret", "list", "--format", "json", "--config", text(home.path())]).output().unwrap();
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |name: &str| lines.iter().find(|line| line["name"] == name).unwrap();
    let key = json!({
        "name": "sage100.api_key", "set": null, "values": 0, "needed": true, "docs": "The agent's API key.",
    });
    assert_eq!(of("sage100.api_key"), &key);
    assert_eq!(of("sage100.certificate")["needed"], false);
}

async fn told(world: &World, arguments: &[&str]) -> (i32, String) {
    let output = world.program(arguments).output().await.unwrap();
    let (code, words) = code_and_words(&output);
    (code, format!("{}{words}", String::from_utf8_lossy(&output.stdout)))
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_about_all_records_reach_only_those_that_they_are_for() {
    let world = World::new(Wishes::plain(3)).await;
    world.run_well().await;
    let (code, words) = told(&world, &["audit", "--event", "nothing.like.it"]).await;
    assert_eq!((code, words.as_str()), (0, "no entry matches\n"));
    // Only one of them has a notice.
    let number = world.numbers().remove(0);
    world.edit(&number, json!({ "ShipToName": "Somebody Else" }));
    world.run_well().await;
    let (code, words) = told(&world, &["acknowledge", "--all"]).await;
    assert_eq!(code, 0, "{words}");
    assert_eq!(words.lines().count(), 2, "{words}");
    assert_eq!(told(&world, &["acknowledge", "--all"]).await, (0, "no record matches\n".to_owned()));
    // What has yet to be tried is no parked record.
    assert_eq!(told(&world, &["replay", &number]).await.0, 0);
    let all = ["discard", "--all", "--reason", "tidying up"];
    assert_eq!(told(&world, &all).await, (0, "no record matches\n".to_owned()));
    assert_eq!(world.state(&number).await, RecordState::Received);
    let (code, words) = told(&world, &["discard", &number, "--reason", "cancelled"]).await;
    assert_eq!(code, 0, "{words}");
}
