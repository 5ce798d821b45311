//! The program as people start it: it says where it listens, takes what is pushed, and ends when it is told to.

use std::net::SocketAddr;
use std::process::Stdio;

use ml_connector::base::SystemClock;
use ml_connector::store::{EventQuery, Store};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::caller::{Push, send};
use super::gate::{configure, publish, start};
use super::shop::{PATH_SECRET, pointed, shared};
use crate::home::Home;

fn program(home: &Home, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ml-connector"));
    command.args(arguments).arg("--config").arg(home.path()).kill_on_drop(true);
    command
}

async fn status(home: &Home, format: &str) -> String {
    let output = program(home, &["status", "--format", format]).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Tells a child to end, as a service manager does.
async fn terminate(child: &mut Child) {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_to_the_program_is_kept_and_counted() {
    let home = Home::new(SystemClock::shared());
    configure(&home, &publish(Value::Null).await.0, "");
    let mut child =
        program(&home, &["run", "-v"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut told = Vec::new();
    let address: SocketAddr = loop {
        let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("it ended: {told:#?}"));
        told.push(line.clone());
        if let Some((_, rest)) = line.split_once("taking what is pushed at ") {
            let (address, known) = rest.split_once("; ").unwrap();
            assert_eq!(known, "senders know it as https://hooks.example.com");
            break address.parse().unwrap();
        }
    };
    let status_of = async |push: Push| send(address, &push.bytes()).await.unwrap().status;
    assert_eq!(status_of(shared("1")).await, 200);
    assert_eq!(status_of(shared("1")).await, 200);
    assert_eq!(status_of(shared("2").but("credential", "wrong")).await, 401);
    assert_eq!(status_of(pointed("https://evil.example.com/")).await, 400);
    let text = status(&home, "human").await;
    assert!(text.contains("shop/shared    1         1             1        0"), "{text}");
    assert!(text.contains("shop/shared refused 1: the proof that the sender is genuine is wrong."), "{text}");
    let json: Value = serde_json::from_str(&status(&home, "json").await).unwrap();
    let shared = json["webhooks"].as_array().unwrap().iter().find(|one| one["webhook"] == "shared").unwrap();
    assert_eq!((&shared["accepted"], &shared["duplicates"]), (&1.into(), &1.into()), "{shared}");
    terminate(&mut child).await;
    while let Some(line) = lines.next_line().await.unwrap() {
        told.push(line);
    }
    assert!(child.wait().await.unwrap().success(), "{told:#?}");
    let told = told.join("\n");
    assert!(told.contains("a push was refused") && !told.contains(PATH_SECRET), "{told}");
    let (_, store) = start(&home);
    assert_eq!(store.events(&EventQuery::default()).unwrap().len(), 1);
}
