//! The simulators in a process of their own, and a configuration directory that points at them.

use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ml_connector::base::{Secret, SystemClock};
use ml_connector::simulator::sage100::{self, Orders, Sage100};
use ml_connector::simulator::ups::{self, Ups};
use ml_connector::simulator::verdict::verdict;
use ml_connector::vault::{MasterKey, Vault};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::child;

/// The hidden argument that makes this binary the simulators.
pub const SIMULATORS: &str = "--as-simulators";

/// Simulators that are running.
pub struct Stage {
    process: Child,
    answers: BufReader<std::process::ChildStdout>,
    directory: tempfile::TempDir,
    pub sage: String,
    pub ups: String,
}

/// How a run ended, by the books of the simulated systems.
pub struct Ended {
    pub shipped: usize,
    pub calls: u64,
    pub cpu_seconds: f64,
}

impl Stage {
    /// Starts simulators with `orders` orders, all of which can be shipped.
    pub fn set(orders: usize, latency: Duration) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([SIMULATORS, &orders.to_string(), &latency.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        let urls: Value = serde_json::from_str(&line).unwrap();
        let url = |name: &str| urls[name].as_str().unwrap().to_owned();
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let stage = Self { process, answers, sage: url("sage"), ups: url("ups"), directory };
        stage.configure();
        stage
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Stops the simulators and reads what they saw.
    pub fn end(mut self) -> Ended {
        drop(self.process.stdin.take());
        let mut text = String::new();
        self.answers.read_to_string(&mut text).unwrap();
        let cpu_seconds = child::cpu(self.process.id());
        self.process.wait().unwrap();
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["clean"], json!(true), "{told}");
        let count = |name: &str| told[name].as_u64().unwrap();
        Ended { shipped: usize::try_from(count("shipped")).unwrap(), calls: count("calls"), cpu_seconds }
    }

    fn configure(&self) {
        let text = format!(
            "connections:\n\
             \x20 sage:\n    system: sage100\n    settings: {{ agent_url: {sage}, company: ABC }}\n\
             \x20 ups:\n    system: ups\n    settings:\n      base_url: {ups}\n      account: A1B2C3\n\
             \x20     # So many that the limit never holds a call back.\n      rate_limit: 60000000\n\
             \x20     shipper: {{ name: Demo Shipper, lines: [1 Warehouse Way], city: Louisville, state: KY, \
             postal_code: \"40213\", country: US, phone: \"5025550100\" }}\n\
             mappings:\n  sage100-ups:\n    connections: {{ erp: sage, carrier: ups }}\n",
            sage = self.sage,
            ups = self.ups
        );
        std::fs::write(self.directory().join("ml-connector.yaml"), text).unwrap();
        let key = MasterKey::generate_file(&self.directory().join("master.key")).unwrap();
        let vault = Vault::open(self.directory(), key).unwrap();
        let now = SystemClock::shared().now();
        vault.set("sage.api_key", &Secret::new("sim-key"), now).unwrap();
        vault.set("ups.client_id", &Secret::new("sim-client"), now).unwrap();
        vault.set("ups.client_secret", &Secret::new("sim-secret"), now).unwrap();
    }
}

/// Serves until the standard input ends, then tells what was seen.
#[tokio::main]
pub async fn serve(mut arguments: impl Iterator<Item = String>) {
    let mut number = || arguments.next().unwrap().parse::<u64>().unwrap();
    let (count, latency) = (usize::try_from(number()).unwrap(), Duration::from_millis(number()));
    let orders = Orders {
        count,
        unknown_address: 0.0,
        ambiguous_address: 0.0,
        refused_service: 0.0,
        weightless: 0.0,
        canada: 0.0,
        not_ready: 0.0,
        not_ups: 0.0,
        ..Orders::default()
    };
    let options = sage100::Options { orders, latency, ..sage100::Options::default() };
    let sage = Sage100::start(options, listener().await).await.unwrap();
    let ups =
        Ups::start(ups::Options { latency, ..ups::Options::default() }, listener().await).await.unwrap();
    say(&json!({ "sage": sage.url(), "ups": ups.url() }));
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    let found = verdict(&sage.system.state().due(), &ups.system.state().sent());
    let calls = calls(&sage.system.controls().summary()) + calls(&ups.system.controls().summary());
    say(&json!({ "shipped": found.shipped, "clean": found.is_clean(), "calls": calls }));
}

/// All calls that a simulator answered.
fn calls(summary: &Value) -> u64 {
    let counts = summary["requests"].as_object().into_iter().flat_map(|operations| operations.values());
    counts.filter_map(Value::as_object).flat_map(|ends| ends.values()).filter_map(Value::as_u64).sum()
}

fn say(value: &Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}").unwrap();
    out.flush().unwrap();
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}
