//! `ml-connector demo`: runs pairs end to end against simulators, and says what became of every order.
//!
//! Reading order: [`directory`] where the demo's configuration and state are, [`sage100_ups`] a pair and its simulators,
//! [`ending`] how each order ended against how it should have, [`summary`] what people and scripts read of it.

pub mod directory;
pub mod ending;
pub mod sage100_ups;
pub mod summary;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::directory::Directory;
use self::ending::Ending;
use self::sage100_ups::Stage;
use super::faults::Faults;
use super::outcome::{Exit, Outcome, Trouble};
use super::output::{FormatArg, Output};
use super::progress::{self, Line};
use super::workspace::{Opened, Workspace};
use crate::engine::command::{Command, Reply};
use crate::engine::{Progress, RunOptions, RunSummary};
use crate::server::admin;
use crate::store::{Record, RecordQuery};

/// How often progress is told to programs.
const BEAT: Duration = Duration::from_millis(500);

/// Runs pairs end to end against simulators on this machine; needs no credentials and no network.
///
/// The simulators hold made-up orders, some of which cannot be shipped, and now and then lose an answer, are busy or keep
/// an order locked. They count for themselves what arrived: duplicates and lost orders in the summary are their count, not
/// the engine's. Exits with 0 only if every order ended as it should.
///
/// With `--format json` the last line is `{"pairs":[{"pair":…,"orders":…,"done":…,"parked":…,"in_doubt":…,"duplicates":…,
/// "lost":…,"seconds":…}]}`.
///
/// Example: `ml-connector demo`, `ml-connector demo --pair sage100-ups --orders 500 --faults many`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A pair; all without it. May be given several times.
    #[arg(long = "pair", value_enum, value_name = "PAIR")]
    pairs: Vec<Pair>,
    /// How many orders each ERP holds.
    #[arg(long, value_name = "N", default_value_t = 50)]
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
}

impl Pair {
    fn name(self) -> &'static str {
        match self {
            Self::Sage100Ups => "sage100-ups",
        }
    }
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
        let mut endings = Vec::new();
        for pair in pairs {
            endings.push(self.pair(pair, &directory, output).await?);
        }
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

    async fn pair(&self, pair: Pair, directory: &Directory, output: &Output) -> Result<Ending, Trouble> {
        let home = directory.of(pair.name())?;
        let stage = Stage::set(self.orders, self.seed, self.faults).await?;
        stage.configure(&home)?;
        let workspace = Workspace::at(&home, output)?;
        let opened = workspace.engine()?;
        if !self.format.json() {
            output.say(format!(
                "{}: {} orders, simulators on {}",
                pair.name(),
                self.orders,
                stage.addresses()
            ));
        }
        let stop = CancellationToken::new();
        let listener = admin::bind(&workspace.socket()).map_err(Trouble::cannot_start)?;
        let serving = tokio::spawn(admin::serve(Arc::clone(&opened.engine), listener, stop.clone()));
        let begun = Instant::now();
        let played = self.play(pair, &opened, output).await;
        stop.cancel();
        // The socket is gone once it has ended, whatever came of it.
        let _ = serving.await;
        let summary = played?;
        let seconds = begun.elapsed().as_secs_f64();
        let records = records(&opened, pair.name()).await?;
        opened.close()?;
        let ending = stage.end(pair.name(), &records, summary.troubles, seconds).await;
        if self.format.json() {
            output.json(&json!({ "event": "ended", "pair": pair.name(), "ending": ending.details() }))?;
        }
        Ok(ending)
    }

    /// Runs the engine until nothing is left to do, and shows how far it is.
    async fn play(&self, pair: Pair, opened: &Opened, output: &Output) -> Result<RunSummary, Trouble> {
        let stop = CancellationToken::new();
        let line = Line::new(Some(self.orders as u64), self.format.json(), output);
        let progress = opened.engine.progress();
        let tell = async {
            let mut told = None;
            loop {
                let now = *progress.borrow();
                line.show(now);
                if self.format.json() && told != Some(now) {
                    // Whoever reads progress has gone if this fails; the last line tells.
                    let _ = output.json(&event(pair, now));
                    told = Some(now);
                }
                tokio::time::sleep(BEAT).await;
            }
        };
        let run = opened.engine.run(RunOptions { until_idle: true, stop: stop.clone() });
        tokio::pin!(run);
        let ended = tokio::select! {
            ended = &mut run => ended,
            () = tell => return Err(Trouble { exit: Exit::Bug, message: "the progress ended before the work".to_owned() }),
            _ = tokio::signal::ctrl_c() => {
                stop.cancel();
                line.clear();
                // What is in flight ends first, so that the simulators do not vanish from under it.
                let _ = run.await;
                return Err(Trouble::failed("the demo was stopped"));
            }
        };
        line.clear();
        ended.map_err(|error| Trouble::failed(format!("the engine stopped: {error}")))
    }
}

fn event(pair: Pair, progress: Progress) -> serde_json::Value {
    let Progress { received, done, parked, waits, in_doubt, skipped } = progress;
    json!({
        "event": "progress", "pair": pair.name(), "received": received, "ended": progress::ended(progress), "done": done,
        "parked": parked, "skipped": skipped, "in_doubt": in_doubt, "waits": waits,
    })
}

async fn records(opened: &Opened, mapping: &str) -> Result<Vec<Record>, Trouble> {
    let query = RecordQuery { flow: Some(mapping.to_owned()), ..RecordQuery::default() };
    match opened.engine.command(Command::Records(query)).await {
        Reply::Records(records) => Ok(records),
        other => Err(super::reach::unexpected(other)),
    }
}
