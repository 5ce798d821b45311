//! `ml-connector demo`: runs pairs end to end against simulators, and says what became of every order.
//!
//! All pairs run at once, on one engine and one configuration directory. Between two runs of the engine people at the ERP
//! and in the warehouse act: they change orders, they ship. While it runs, carriers move parcels and tell of it.
//!
//! Reading order: [`directory`] where the demo's configuration and state are, [`stage`] what a pair brings, one file a pair
//! (with `carrier` for UPS and `platform` for ShipStation), [`ending`] how each order ended against how it should have, [`summary`] what people and scripts read of it.

mod carrier;
pub mod directory;
pub mod ending;
mod platform;
mod sage100_shipstation;
mod sage100_ups;
mod sage300_shipstation;
mod sagex3_ups;
pub mod stage;
pub mod summary;
mod syspro_ups;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use futures_util::future::join_all;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::directory::Directory;
use self::ending::Ending;
use self::stage::{Judged, Leg, Stage, Wishes};
use super::faults::Faults;
use super::outcome::{Exit, Outcome, Trouble};
use super::output::{FormatArg, Output};
use super::progress::{self, Line};
use super::workspace::{Opened, Workspace};
use crate::base::{Clock, Secret, SystemClock};
use crate::engine::command::{Command, Reply};
use crate::engine::{Progress, RunOptions};
use crate::server::{admin, intake};
use crate::store::{Record, RecordQuery};
use crate::vault::{MasterKey, Vault};

/// How often progress is told to programs.
const BEAT: Duration = Duration::from_millis(500);

/// Runs pairs end to end against simulators on this machine; needs no credentials and no network.
///
/// The simulators hold made-up orders, some of which cannot be shipped, and now and then lose an answer, are busy or keep
/// an order locked. They count for themselves what arrived: duplicates and lost orders in the summary are their count, not
/// the engine's. Exits with 0 only if every order ended as it should.
///
/// With `--format json` the last line is `{"pairs":[{"pair":…,"orders":…,"done":…,"parked":…,"in_doubt":…,"duplicates":…,
/// "lost":…,"delivered":…,"pushed":…,"polled":…,"write_backs_doubled":…,"events_lost":…,"seconds":…}]}`.
///
/// Example: `ml-connector demo`, `ml-connector demo --pair sage100-ups --orders 500 --faults many`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A pair; all without it. May be given several times.
    #[arg(long = "pair", value_enum, value_name = "PAIR")]
    pairs: Vec<Pair>,
    /// How many orders each ERP holds.
    #[arg(long, value_name = "N", default_value_t = 200)]
    orders: usize,
    /// What orders, numbers and chance are made from; the same seed gives the same orders.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How badly the simulators behave.
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    faults: Faults,
    /// Keeps configuration, credentials and state in this directory, to be looked at afterwards. An earlier demo in it is
    /// started over.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Pair {
    Sage100Ups,
    Sage100Shipstation,
    // Not `sage-x3-ups`, which is what a machine makes of it.
    #[value(name = "sagex3-ups")]
    SageX3Ups,
    SysproUps,
    Sage300Shipstation,
}

impl Pair {
    /// Starts the pair's simulators.
    async fn set(self, wishes: &Wishes) -> Result<Box<dyn Stage>, Trouble> {
        Ok(match self {
            Self::Sage100Ups => Box::new(sage100_ups::Sage100Ups::set(wishes).await?),
            Self::Sage100Shipstation => Box::new(sage100_shipstation::Sage100Shipstation::set(wishes).await?),
            Self::SageX3Ups => Box::new(sagex3_ups::SageX3Ups::set(wishes).await?),
            Self::Sage300Shipstation => Box::new(sage300_shipstation::Sage300Shipstation::set(wishes).await?),
            Self::SysproUps => Box::new(syspro_ups::SysproUps::set(wishes).await?),
        })
    }
}

/// What is shown while the engine runs.
struct Show<'a> {
    json: bool,
    orders: u64,
    output: &'a Output,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When the demo cannot be set up.
    pub async fn run(self, output: &Output) -> Outcome {
        let mut pairs = self.pairs.clone();
        if pairs.is_empty() {
            pairs = Pair::value_variants().to_vec();
        }
        pairs.dedup();
        let directory = Directory::prepare(self.dir.as_deref())?;
        // A port that is free now: whoever pushes must know it before the engine listens, act after act.
        let intake = stage::listener().await?.local_addr().map_err(Trouble::cannot_start)?;
        let wishes = Wishes {
            orders: self.orders,
            seed: self.seed,
            faults: self.faults,
            intake: format!("http://{intake}"),
        };
        let mut stages = Vec::new();
        for pair in pairs {
            stages.push(pair.set(&wishes).await?);
        }
        if !self.format.json() {
            for stage in &stages {
                let (pair, addresses) = (stage.pair(), stage.addresses());
                output.say(format!("{pair}: {} orders, simulators on {addresses}", self.orders));
            }
        }
        configure(directory.path(), &stages, intake)?;
        let endings = self.play(&stages, directory.path(), output).await;
        for stage in stages {
            stage.stop().await;
        }
        let endings = endings?;
        if self.format.json() {
            output.json(&summary::last_line(&endings))?;
        } else {
            output.line(summary::text(&endings));
            if self.dir.is_some() {
                output.line(summary::what_to_look_at(directory.path()));
            }
        }
        Ok(if endings.iter().all(Ending::is_good) { Exit::Fine } else { Exit::Findings })
    }

    /// Runs the engine until nothing is left to do, act by act, and judges every pair.
    async fn play(
        &self,
        stages: &[Box<dyn Stage>],
        home: &Path,
        output: &Output,
    ) -> Result<Vec<Ending>, Trouble> {
        let show = Show { json: self.format.json(), orders: (self.orders * stages.len()) as u64, output };
        let workspace = Workspace::at(home, output)?;
        let begun = Instant::now();
        let mut troubles = Vec::new();
        for act in 0..stage::ACTS {
            // Every stage acts, even when another has nothing left to do.
            let acted = stages.iter().filter(|stage| stage.act(act)).count();
            let leg = Leg::of(act);
            if act > 0 && acted == 0 && leg.is_none() {
                continue;
            }
            let carried = async {
                if let Some(leg) = leg {
                    join_all(stages.iter().map(|stage| stage.carry(leg))).await;
                }
            };
            troubles = show.run(&workspace, carried).await?;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let opened = workspace.engine()?;
        let mut endings = Vec::new();
        for stage in stages {
            let records = records(&opened, stage.pair()).await?;
            let of_pair = |(flow, _): &&(String, String)| flow.starts_with(&format!("{}/", stage.pair()));
            let troubles = troubles.iter().filter(of_pair).cloned().collect();
            let ending = Ending { seconds, troubles, ..ending(&**stage, &records) };
            if self.format.json() {
                let details = ending.details();
                output.json(&json!({ "event": "ended", "pair": stage.pair(), "ending": details }))?;
            }
            endings.push(ending);
        }
        opened.close()?;
        Ok(endings)
    }
}

impl Show<'_> {
    /// One run of the engine, with its admin socket and its intake, while `carried` goes on and until nothing is left to do:
    /// the flows that could not go on.
    async fn run(
        &self,
        workspace: &Workspace,
        carried: impl Future<Output = ()>,
    ) -> Result<Vec<(String, String)>, Trouble> {
        let opened = workspace.engine()?;
        let stop = CancellationToken::new();
        let listener = admin::bind(&workspace.socket()).map_err(Trouble::cannot_start)?;
        let serving = tokio::spawn(admin::serve(Arc::clone(&opened.engine), listener, stop.clone()));
        let intake = workspace.config.intake.as_ref();
        let mut hearing = None;
        if let Some(intake) = intake {
            let listener = intake::bind(intake).await.map_err(Trouble::cannot_start)?;
            hearing = Some(tokio::spawn(intake::serve(Arc::clone(&opened.engine), listener, stop.clone())));
        }
        let played = self.follow(&opened, carried).await;
        stop.cancel();
        // The socket and the port are free once these have ended, whatever came of it.
        let _ = serving.await;
        if let Some(hearing) = hearing {
            let _ = hearing.await;
        }
        let troubles = played?;
        opened.close()?;
        Ok(troubles)
    }

    /// Runs the engine and shows how far it is.
    async fn follow(
        &self,
        opened: &Opened,
        carried: impl Future<Output = ()>,
    ) -> Result<Vec<(String, String)>, Trouble> {
        let (stop, hold) = (CancellationToken::new(), CancellationToken::new());
        let carry = async {
            carried.await;
            hold.cancel();
            std::future::pending::<()>().await;
        };
        let line = Line::new(Some(self.orders), self.json, self.output);
        let progress = opened.engine.progress();
        let tell = async {
            let mut told = None;
            loop {
                let now = *progress.borrow();
                line.show(now);
                if self.json && told != Some(now) {
                    // Whoever reads progress has gone if this fails; the last line tells.
                    let _ = self.output.json(&event(now));
                    told = Some(now);
                }
                tokio::time::sleep(BEAT).await;
            }
        };
        let run =
            opened.engine.run(RunOptions { until_idle: true, stop: stop.clone(), hold: Some(hold.clone()) });
        tokio::pin!(run);
        let ended = tokio::select! {
            ended = &mut run => ended,
            ((), ()) = futures_util::future::join(tell, carry) => {
                return Err(Trouble { exit: Exit::Bug, message: "the progress ended before the work".to_owned() });
            }
            _ = tokio::signal::ctrl_c() => {
                stop.cancel();
                line.clear();
                // What is in flight ends first, so that the simulators do not vanish from under it.
                let _ = run.await;
                return Err(Trouble::failed("the demo was stopped"));
            }
        };
        line.clear();
        let summary = ended.map_err(|error| Trouble::failed(format!("the engine stopped: {error}")))?;
        Ok(summary.troubles)
    }
}

/// Writes a configuration for all stages, with their credentials in its vault.
fn configure(home: &Path, stages: &[Box<dyn Stage>], intake: SocketAddr) -> Result<(), Trouble> {
    let key = MasterKey::generate_file(&home.join("master.key")).map_err(Trouble::cannot_start)?;
    let vault = Vault::open(home, key).map_err(Trouble::cannot_start)?;
    let (mut connections, mut mappings) = (String::new(), String::new());
    for stage in stages {
        let piece = stage.piece();
        connections.push_str(&piece.connections);
        mappings.push_str(&piece.mapping);
        for (name, value) in &piece.credentials {
            vault.set(name, &Secret::new(value), SystemClock.now()).map_err(Trouble::cannot_start)?;
        }
    }
    let text = format!(
        "# Made by `ml-connector demo`; it points at simulators that run only as long as the demo does.\n\
         connections:\n{connections}mappings:\n{mappings}intake: {{ listen: \"{intake}\", url: \"http://{intake}\" }}\n"
    );
    let file = home.join("ml-connector.yaml");
    std::fs::write(&file, text)
        .map_err(|error| Trouble::cannot_start(format!("{} cannot be written: {error}", file.display())))
}

fn ending(stage: &dyn Stage, records: &[Record]) -> Ending {
    let judged = stage.judge();
    let mut ending = Ending::count(records, stage.order_flows());
    let orders = records.iter().filter(|record| stage.order_flows().contains(&record.id.flow()));
    ending.unexpected.extend(ending::compare(&judged.orders, orders));
    let Judged { verdict, deliveries, saw, .. } = judged;
    Ending { pair: stage.pair().to_owned(), verdict, deliveries, saw, ..ending }
}

fn event(progress: Progress) -> serde_json::Value {
    let Progress { received, done, parked, waits, in_doubt, skipped } = progress;
    json!({
        "event": "progress", "received": received, "ended": progress::ended(progress), "done": done, "parked": parked,
        "skipped": skipped, "in_doubt": in_doubt, "waits": waits,
    })
}

async fn records(opened: &Opened, mapping: &str) -> Result<Vec<Record>, Trouble> {
    let query = RecordQuery { flow: Some(mapping.to_owned()), ..RecordQuery::default() };
    match opened.engine.command(Command::Records(query)).await {
        Reply::Records(records) => Ok(records),
        other => Err(super::reach::unexpected(other)),
    }
}
