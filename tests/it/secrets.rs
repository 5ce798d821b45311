//! Credentials and tokens are shown nowhere: not in logs, answers, errors, the audit trail, the store's files or the vault's.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ml_connector::engine::command::Command;
use ml_connector::server::admin;
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::sage100::Orders;
use ml_connector::store::{AuditQuery, RecordQuery};

use crate::world::{Wishes, World, none, path};

const CLIENT_ID: &str = "Canary/Id+4711=x";
const CLIENT_SECRET: &str = "Canary&Secret 0815?%y";
const API_KEY: &str = "Canary.Key~1234567890";
const WRONG: &str = "Canary-Wrong&Secret 99";

/// A secret in every form in which it could slip out.
fn forms(secret: &str) -> BTreeSet<String> {
    let urlencoded = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
    let percent = urlencoded.replace('+', "%20");
    let json = serde_json::to_string(secret).unwrap().trim_matches('"').to_owned();
    let hex = secret.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    [
        secret.to_owned(),
        urlencoded,
        percent,
        json,
        hex,
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ]
    .into_iter()
    .collect()
}

/// Everything that must be seen nowhere.
fn canaries() -> BTreeSet<String> {
    let pair = |secret: &str| format!("{CLIENT_ID}:{secret}");
    [CLIENT_ID, CLIENT_SECRET, API_KEY, WRONG, &pair(CLIENT_SECRET), &pair(WRONG)]
        .into_iter()
        .flat_map(forms)
        .collect()
}

/// What was printed or written, by where it was found.
#[derive(Default)]
struct Seen(Vec<(String, Vec<u8>)>);

impl Seen {
    fn add(&mut self, place: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push((place.to_owned(), bytes.into()));
    }

    fn files(&mut self, directory: &Path) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.files(&path);
            } else if path.is_file() {
                self.add(&path.display().to_string(), std::fs::read(&path).unwrap());
            }
        }
    }

    async fn program(&mut self, world: &World, arguments: &[&str], code: i32) {
        let output = world.program(arguments).output().await.unwrap();
        let place = arguments.join(" ");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{place}: {told}");
        self.add(&format!("{place} (out)"), output.stdout);
        self.add(&format!("{place} (err)"), output.stderr);
    }

    fn contains(&self, text: &str) -> Option<&str> {
        let found = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        self.0.iter().find(|(_, bytes)| found(bytes)).map(|(place, _)| place.as_str())
    }

    fn assert_free_of<'a>(&self, secrets: impl IntoIterator<Item = &'a String>) {
        for secret in secrets {
            assert_eq!(self.contains(secret), None, "`{secret}` was found");
        }
    }
}

async fn world() -> World {
    let mut wishes = Wishes::with(Orders { count: 5, unknown_address: 0.2, ..none() }).unhurried();
    wishes.ups.client_id = CLIENT_ID.to_owned();
    wishes.ups.client_secret = CLIENT_SECRET.to_owned();
    wishes.sage.api_key = Some(API_KEY.to_owned());
    let world = World::new(wishes).await;
    world.own_hasty_systems();
    world
}

/// The tokens that the engine was given: the store keeps them encrypted, and only the vault's key opens them.
fn tokens(world: &World) -> Vec<String> {
    let (engine, store) = world.engine();
    let name = "token/ups/oauth2_client_credentials";
    let sealed = ml_connector::store::Store::blob(&*store, name).unwrap().expect("a token was kept");
    let plain = world.vault().unseal(name, &sealed).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&plain).unwrap();
    drop(engine);
    store.close().unwrap();
    vec![kept["token"].as_str().unwrap().to_owned()]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_canary_gets_out() {
    let world = world().await;
    let mut seen = Seen::default();
    // The first token does not live long enough to be of use, one answer is lost, and one order is refused.
    world.ups_fault(Rule { skip: 1, ..Rule::every(Fault::TokenExpired).on("POST", path::ADDRESS).times(1) });
    world.ups_fault(Rule::every(Fault::ActThenDrop).on("POST", path::SHIP).times(1));
    world.ups_fault(Rule::every(Fault::HtmlError).on("POST", path::RATE).times(1));
    world.sage_fault(Rule::every(Fault::Status500).on("PUT", path::TRACKING).times(1));
    seen.program(&world, &["secret", "list", "--format", "json"], 0).await;
    seen.program(&world, &["ping", "-vvv"], 0).await;
    seen.program(&world, &["run", "--until-idle", "-vvv"], 0).await;
    world.assert_clean();
    let token = tokens(&world);
    world.sage.system.add_orders(2);
    seen.program(&world, &["run", "--until-idle", "-vvv", "--log-format", "json"], 0).await;
    let number = world.numbers().remove(0);
    for arguments in [
        &["status", "--format", "json"] as &[&str],
        &["records", "--format", "json"],
        &["show", &number, "--bodies", "--format", "json"],
        &["show", &number, "--bodies"],
        &["audit", "--bodies", "--format", "json"],
        &["audit", "--bodies"],
        &["secret", "list"],
    ] {
        seen.program(&world, arguments, 0).await;
    }
    seen.files(&world.path());
    // The test looks where there is something to see.
    assert!(seen.contains("effect.sending").is_some() && seen.contains("RateRequest").is_some());
    assert!(seen.contains("authorization").is_some(), "no request was shown with its headers");
    seen.assert_free_of(canaries().iter().chain(&token).chain(&forms(&token[0])));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_canary_gets_out_of_failures() {
    let world = world().await;
    let mut seen = Seen::default();
    world.set_secret("ups.client_secret", WRONG);
    seen.program(&world, &["ping", "ups", "-vvv"], 1).await;
    // Nobody accepts us: the program gives up, and says so by its exit code.
    seen.program(&world, &["run", "--until-idle", "-vvv"], 1).await;
    assert_eq!(world.asked("ship"), 0);
    world.set_secret("ups.client_secret", CLIENT_SECRET);
    world.set_secret("sage.api_key", WRONG);
    seen.program(&world, &["ping", "sage", "-vvv"], 1).await;
    // A key that no header can carry.
    world.set_secret("sage.api_key", &format!("{WRONG}\nline"));
    seen.program(&world, &["ping", "sage", "-vvv"], 1).await;
    seen.program(&world, &["audit", "--bodies", "--format", "json"], 0).await;
    seen.files(&world.path());
    assert!(seen.contains("audit").is_some());
    seen.assert_free_of(&canaries());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_rotated_beside_a_running_engine() {
    let world = world().await;
    let mut seen = Seen::default();
    let (key, socket) = (world.path().join("new.key"), world.path().join("state/admin.sock"));
    std::fs::write(&key, WRONG).unwrap();
    let mut program = world.program(&["run", "-v"]);
    let child =
        program.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let shipped = async || {
        while world.verdict().shipped < world.verdict().expected_to_ship {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    shipped().await;
    // The new key works only from tomorrow; the one before goes on working, and nothing is started anew.
    seen.program(&world, &["secret", "rotate", "sage.api_key", "--file", key.to_str().unwrap()], 0).await;
    world.sage.system.add_orders(2);
    admin::ask(&socket, &Command::Poll { flow: None }).await.unwrap().unwrap();
    shipped().await;
    seen.program(&world, &["secret", "list"], 0).await;
    assert!(seen.contains("(and the one before)").is_some());
    admin::ask(&socket, &Command::Stop).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("the one before is in use"), "{told}");
    world.assert_clean();
    seen.add("run (err)", output.stderr);
    // Without the one before, only the new one is left, which is not accepted.
    seen.program(&world, &["secret", "retire", "sage.api_key"], 0).await;
    seen.program(&world, &["secret", "retire", "sage.api_key"], 0).await;
    assert!(seen.contains("sage.api_key has one value only").is_some());
    seen.program(&world, &["ping", "sage"], 1).await;
    std::fs::remove_file(&key).unwrap();
    seen.files(&world.path().join("state"));
    seen.assert_free_of(&canaries());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_canary_gets_out_of_the_admin_socket() {
    let world = world().await;
    let mut seen = Seen::default();
    let mut program = world.program(&["run", "-vvv"]);
    let child =
        program.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let socket = world.path().join("state/admin.sock");
    // Until it has started and shipped.
    loop {
        if world.verdict().shipped == world.verdict().expected_to_ship
            && let Ok(Some(_)) = admin::ask(&socket, &Command::Status).await
        {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for command in [
        Command::Status,
        Command::Records(RecordQuery::default()),
        Command::Show { text: world.numbers().remove(0) },
        Command::Audit(AuditQuery { bodies: true, ..AuditQuery::default() }),
        Command::VerifyAudit,
        Command::Poll { flow: None },
        Command::Stop,
    ] {
        let name = format!("{command:?}");
        let reply = admin::ask(&socket, &command).await.unwrap().unwrap();
        seen.add(&name, serde_json::to_vec(&reply).unwrap());
    }
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    seen.add("run (err)", output.stderr);
    assert!(seen.contains("RateRequest").is_some());
    let token = tokens(&world);
    seen.assert_free_of(canaries().iter().chain(&token));
}
