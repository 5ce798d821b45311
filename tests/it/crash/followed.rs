//! The program dies at every labelled point while it follows parcels: orders ship and tell of their parcels, parcels are
//! subscribed to and asked for again and again, UPS pushes, and all of it meets in one record a parcel that finds its order.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use ml_connector::base::crash::{LABELS, VARIABLE};
use ml_connector::engine::command::{Command, InboxStatus, Reply};
use ml_connector::engine::{Engine, RunOptions};
use ml_connector::simulator::delivery::{Deliveries, deliveries};
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::sage100::Orders;
use ml_connector::simulator::ups::Webhook;
use ml_connector::store::{RecordQuery, RecordState};
use tokio::process::Child;
use tokio::task::JoinSet;

use super::{PLACES, SIGABRT};
use crate::world::{Wishes, World, none, path};

const ORDERS: usize = 3;

/// Picked up, on its way, prepared, out for delivery, delivered.
const SCANS: usize = 5;

/// How long anything may take that comes in the end, on a machine with other things to do.
const PATIENCE: Duration = Duration::from_secs(150);

/// As [`crate::world::HASTY`], and UPS pushes.
const SETTINGS: &str = "      timeout: 3s\n      late_effect: 2s\n      lookup_lag: 500ms\n      when_absent: recreate\n      \
                        track_alert: v2\n";

/// Below those that systems give out by themselves, so that nobody has it while the program is down.
static PORT: AtomicU16 = AtomicU16::new(0);

fn port() -> u16 {
    loop {
        let next = PORT.fetch_add(1, Ordering::SeqCst);
        let port = 20_000 + (next + std::process::id() as u16 % 1_000 * 10) % 10_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Three orders in three pages; two answers of UPS are lost, and two tokens die young.
async fn world() -> World {
    let orders = Orders { count: ORDERS, heavy: 0.3, ..none() };
    let mut wishes = Wishes::with(orders).unhurried().ups_settings(SETTINGS);
    wishes.sage_settings = "      page_size: 1\n";
    wishes.ups.push_retries = vec![Duration::from_millis(200); 500];
    let world = World::new(wishes).await;
    world.own_hasty_systems();
    let intake = format!("127.0.0.1:{}", port());
    let file = std::fs::read_to_string(world.path().join("ml-connector.yaml")).unwrap();
    let more = format!(
        "    settings: {{ track_alert: true, look_every: 2s, subscribe_again: 2s }}\n\
         intake: {{ listen: \"{intake}\", url: \"http://{intake}\" }}\n"
    );
    world.write("ml-connector.yaml", &(file + &more));
    let (id, secret) = ("ups-pushes", "secret-of-pushes");
    world.set_secrets([("ups.push_client_id", id), ("ups.push_client_secret", secret)]);
    world.ups.system.set_webhook(Some(Webhook {
        url: format!("http://{intake}/hooks/ups/track_alert"),
        token_url: format!("http://{intake}/token/ups"),
        client_id: id.to_owned(),
        client_secret: secret.to_owned(),
    }));
    world.ups_fault(Rule { skip: 1, ..Rule::every(Fault::ActThenDrop).on("POST", path::SHIP).times(1) });
    world.ups_fault(Rule { skip: 1, ..Rule::every(Fault::DropBeforeActing).on("POST", path::SHIP).times(1) });
    world.ups_fault(Rule::every(Fault::TokenExpired).on("POST", path::ADDRESS).times(1));
    world.ups_fault(Rule { skip: 1, ..Rule::every(Fault::TokenExpired).on("POST", path::RATE).times(1) });
    world
}

fn judged(world: &World) -> Deliveries {
    let sage = world.sage.system.state();
    deliveries(&sage.due(), &world.ups.system.carriage(), sage.write_backs_doubled)
}

/// The program at work, which is started again when it dies where it should.
struct Journey<'w> {
    world: &'w World,
    point: &'w str,
    child: Child,
    died: bool,
}

impl<'w> Journey<'w> {
    fn begin(world: &'w World, point: &'w str) -> Self {
        Self { world, point, child: start(world, Some(point)), died: false }
    }

    /// Starts the program again if it has died.
    fn keep(&mut self) -> Result<(), String> {
        let Some(status) = self.child.try_wait().unwrap() else { return Ok(()) };
        if self.died || status.signal() != Some(SIGABRT) {
            return Err(format!("the program ended with {status}"));
        }
        self.died = true;
        self.child = start(self.world, None);
        Ok(())
    }

    async fn until(&mut self, what: &str, so: impl Fn(&World) -> bool) -> Result<(), String> {
        let began = Instant::now();
        while !so(self.world) {
            self.keep()?;
            if began.elapsed() > PATIENCE {
                return Err(format!("{what} never came: {:#?}", judged(self.world)));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Ships the orders, and carries every parcel to its end.
    async fn make(mut self) -> Result<(), String> {
        let shipped =
            |world: &World| world.sage.system.state().due().iter().all(|due| !due.tracking.is_empty());
        self.until("shipping", shipped).await?;
        let watched = |world: &World| {
            let state = world.ups.system.state();
            let watched = |number: &String| state.subscriptions.iter().any(|one| one.number == *number);
            state.statuses().keys().all(watched)
        };
        self.until("subscribing", watched).await?;
        for _ in 0..SCANS {
            assert!(self.world.ups.system.advance_all() > 0);
            tokio::time::sleep(Duration::from_millis(150)).await;
            self.keep()?;
        }
        let arrived =
            |world: &World| world.ups.system.outbox().is_idle() && judged(world).delivered == ORDERS;
        self.until("delivery", arrived).await?;
        self.keep()?;
        if !self.died {
            return Err(format!("{} was never reached", self.point));
        }
        self.child.kill().await.unwrap();
        Ok(())
    }
}

fn start(world: &World, crash: Option<&str>) -> Child {
    let mut program = world.program(&["run"]);
    if let Some(crash) = crash {
        program.env(VARIABLE, crash);
    }
    program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

async fn survive(point: &str) -> Result<(), String> {
    let world = world().await;
    Journey::begin(&world, point).make().await?;
    let (engine, store) = world.engine();
    let ended = engine.run(RunOptions { until_idle: true, ..RunOptions::default() }).await;
    let wrong = match ended {
        Ok(summary) if summary.troubles.is_empty() => judge(&world, &engine).await,
        other => Err(format!("the last run ended with {other:?}")),
    };
    drop(engine);
    store.close().unwrap();
    wrong
}

/// What both books, the engine's own records, its inboxes and its audit chain say.
async fn judge(world: &World, engine: &std::sync::Arc<Engine>) -> Result<(), String> {
    let (verdict, carried) = (world.verdict(), judged(world));
    if !verdict.is_clean() || !carried.is_clean() || carried.delivered != ORDERS {
        return Err(format!("{verdict:#?}\n{carried:#?}"));
    }
    let created = world.ups.system.summary().created;
    let sage = world.sage.system.state();
    if created != ORDERS || sage.summary().written_twice + sage.conflicting_writes as usize > 0 {
        return Err(format!("{created} shipments were booked, {:#?}", sage.summary()));
    }
    let Reply::Status(status) = engine.command(Command::Status).await else { panic!("no status") };
    let lies = |inbox: &&InboxStatus| inbox.waiting + inbox.parked > 0;
    if let Some(inbox) = status.inboxes.iter().find(lies) {
        return Err(format!("events were left: {inbox:#?}"));
    }
    let Reply::Records(records) = engine.command(Command::Records(RecordQuery::default())).await else {
        panic!("no records")
    };
    // Nobody asks any more for what has arrived.
    let ended = |state| matches!(state, RecordState::Done | RecordState::Skipped);
    if let Some(open) = records.iter().find(|record| !ended(record.state) || record.again.is_some()) {
        return Err(format!("a record was left: {open:#?}"));
    }
    let Reply::AuditReport(report) = engine.command(Command::VerifyAudit).await else { panic!("no report") };
    if report.problems.is_empty() { Ok(()) } else { Err(format!("{report:#?}")) }
}

/// A pass at which the label is about something else than at its first: another page, a lost answer, an event of a parcel
/// that is on its way, a write of where it is.
fn later(label: &str) -> u32 {
    match label.split_once('.').map_or(label, |(room, _)| room) {
        "record" => 12,
        "hook" => 9,
        "inbox" => 4,
        "idempotent" => 8,
        "effect" => 3,
        _ => 2,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_labelled_crash_is_survived_while_parcels_are_followed() {
    let mut tasks = JoinSet::new();
    // Nobody has anything undone in this world; `tests/it/undo.rs` passes these.
    let own = LABELS.iter().filter(|label| !label.starts_with("undo."));
    for point in own.flat_map(|label| [format!("{label}:1"), format!("{label}:{}", later(label))]) {
        tasks.spawn(async move {
            let _place = PLACES.acquire().await;
            survive(&point).await.map_err(|wrong| format!("{point}: {wrong}"))
        });
    }
    let wrong: Vec<String> = tasks.join_all().await.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{} went wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}
