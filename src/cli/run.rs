//! `ml-connector run`: runs the engine.

use std::sync::Arc;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::outcome::{Exit, Outcome, Trouble};
use super::output::{FormatArg, Output};
use super::progress::Line;
use super::table;
use super::workspace::{ConfigArg, Workspace};
use crate::engine::{Engine, RunOptions, RunSummary};
use crate::server::{admin, intake};
use crate::store::{FlowCount, RecordState};

/// Runs the engine: polls, maps, calls, writes back, and goes on where it was.
///
/// The first SIGTERM or SIGINT takes no more work and waits for what is in flight; the second leaves at once. Either way
/// nothing is lost: the next start goes on. Other commands reach the running engine through its admin socket.
///
/// With `--until-idle` every flow is polled once and the command ends when nothing is left to do: with 0 if all went
/// well, with 1 if a record is in doubt, a flow could not go on, or a signal came first. Parked records wait for a person
/// and count as failure only with `--fail-on-parked`.
///
/// Example: `ml-connector run --config /etc/ml-connector`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Polls every flow once and ends when nothing is left to do.
    #[arg(long)]
    until_idle: bool,
    /// With `--until-idle`: exits with 1 when records are parked, too.
    #[arg(long, requires = "until_idle")]
    fail_on_parked: bool,
    /// Accepts a store that was restored from an older copy: until every flow has caught up, the other side is asked for
    /// each shipment and the like before it is made.
    #[arg(long)]
    recover: bool,
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    format: FormatArg,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When the engine cannot start, or its store fails.
    pub async fn run(self, output: &Output) -> Outcome {
        let workspace = Workspace::load(&self.config, output)?;
        let opened = if self.recover { workspace.engine_of_restored_store()? } else { workspace.engine()? };
        let engine = &opened.engine;
        let listener = admin::bind(&workspace.socket())
            .map_err(|error| Trouble::cannot_start(format!("the admin socket cannot be made: {error}")))?;
        let intake = self.intake(&workspace, engine, output).await?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(admin::serve(Arc::clone(engine), listener, stop.child_token()));
        let taking = intake
            .map(|listener| tokio::spawn(intake::serve(Arc::clone(engine), listener, stop.child_token())));
        output.say(format!(
            "running {} from {}",
            table::counted(workspace.config.mappings.len(), "mapping"),
            workspace.config.directory.display()
        ));
        let line = Line::new(None, self.format.json(), output);
        let options = RunOptions { until_idle: self.until_idle, hold: None, stop: stop.clone() };
        let ended = tokio::select! {
            ended = engine.run(options) => ended,
            () = line.follow(engine.progress()) => return Ok(Exit::Bug),
            signalled = signals(&stop, output) => {
                line.clear();
                return signalled;
            }
        };
        line.clear();
        stop.cancel();
        // The socket file is gone once it has ended, and nothing is acknowledged after the store is closed.
        let _ = serving.await;
        if let Some(taking) = taking {
            let _ = taking.await;
        }
        opened.close()?;
        let summary = ended.map_err(|error| Trouble::failed(format!("the engine stopped: {error}")))?;
        self.report(&summary, output)
    }

    /// Binds the address where other systems push, where any of them may.
    async fn intake(
        &self,
        workspace: &Workspace,
        engine: &Engine,
        output: &Output,
    ) -> Result<Option<intake::Listener>, Trouble> {
        let Some(declared) = &workspace.config.intake else { return Ok(None) };
        if !engine.has_webhooks() {
            output.say("the intake is closed: no flow that runs has a webhook");
            return Ok(None);
        }
        let listener = intake::bind(declared).await.map_err(Trouble::cannot_start)?;
        let address = listener.address().map_err(Trouble::cannot_start)?;
        output.say(format!("taking what is pushed at {address}; senders know it as {}", declared.url));
        Ok(Some(listener))
    }

    fn report(&self, summary: &RunSummary, output: &Output) -> Outcome {
        if self.format.json() {
            let troubles: Vec<_> = summary
                .troubles
                .iter()
                .map(|(flow, reason)| json!({ "flow": flow, "reason": reason }))
                .collect();
            output
                .json(&json!({ "flows": summary.flows, "troubles": troubles, "stopped": summary.stopped }))?;
        } else {
            output.line(text(summary));
        }
        if self.until_idle && summary.stopped {
            output.say("it was stopped before it was idle; the next start goes on from here");
        }
        Ok(self.exit(summary))
    }

    fn exit(&self, summary: &RunSummary) -> Exit {
        if !self.until_idle {
            let ended_by_itself = !summary.stopped && !summary.troubles.is_empty();
            return if ended_by_itself { Exit::Bug } else { Exit::Fine };
        }
        let parked = self.fail_on_parked && total(&summary.flows, RecordState::Parked) > 0;
        let in_doubt = total(&summary.flows, RecordState::InDoubt) > 0;
        let unfinished = summary.stopped || !summary.troubles.is_empty();
        if parked || in_doubt || unfinished { Exit::Findings } else { Exit::Fine }
    }
}

/// Stops at the first signal; returns at the second.
async fn signals(stop: &CancellationToken, output: &Output) -> Outcome {
    let watch = |kind| {
        signal(kind).map_err(|error| Trouble::cannot_start(format!("signals cannot be caught: {error}")))
    };
    let (mut terminate, mut interrupt) = (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?);
    for _ in 0..2 {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if !stop.is_cancelled() {
            stop.cancel();
            output.say("stopping: what is in flight is finished first; signal again to leave at once");
        }
    }
    output.say("left at once; the next start goes on from here");
    Ok(Exit::Findings)
}

fn total(counts: &[FlowCount], state: RecordState) -> u64 {
    counts.iter().filter(|count| count.state == state).map(|count| count.count).sum()
}

fn text(summary: &RunSummary) -> String {
    let row = |count: &FlowCount| {
        vec![count.flow.clone(), table::state(count.state).to_owned(), count.count.to_string()]
    };
    let mut text = table::columns(&["FLOW", "STATE", "RECORDS"], summary.flows.iter().map(row));
    for (flow, reason) in &summary.troubles {
        text.push_str(&format!("\n\n{flow} could not go on: {reason}"));
    }
    if total(&summary.flows, RecordState::Parked) > 0 {
        text.push_str("\n\n`ml-connector records --state parked` says why records are parked.");
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::arguments::{Arguments, Command};

    fn args(line: &str) -> Args {
        match Arguments::try_parse_from(line.split_whitespace()).unwrap().command {
            Command::Run(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parked_records_fail_a_run_only_when_asked() {
        let count = |state| FlowCount { flow: "m/f".to_owned(), state, count: 1 };
        let summary = |state| RunSummary { flows: vec![count(state)], troubles: Vec::new(), stopped: false };
        let (parked, in_doubt) = (summary(RecordState::Parked), summary(RecordState::InDoubt));
        assert_eq!(args("ml-connector run --until-idle").exit(&parked), Exit::Fine);
        assert_eq!(args("ml-connector run --until-idle --fail-on-parked").exit(&parked), Exit::Findings);
        assert_eq!(args("ml-connector run --until-idle").exit(&in_doubt), Exit::Findings);
        let stopped = |state| RunSummary { stopped: true, ..summary(state) };
        assert_eq!(args("ml-connector run").exit(&stopped(RecordState::InDoubt)), Exit::Fine);
    }

    #[test]
    fn a_run_that_was_stopped_before_it_was_idle_is_not_done() {
        let summary = RunSummary { flows: Vec::new(), troubles: Vec::new(), stopped: true };
        assert_eq!(args("ml-connector run --until-idle").exit(&summary), Exit::Findings);
        assert_eq!(args("ml-connector run").exit(&summary), Exit::Fine);
    }

    #[test]
    fn an_engine_that_ends_without_being_asked_does_not_look_fine() {
        let troubles = vec![("m/f".to_owned(), "a bug stopped this flow".to_owned())];
        let mut summary = RunSummary { flows: Vec::new(), troubles, stopped: false };
        assert_eq!(args("ml-connector run").exit(&summary), Exit::Bug);
        summary.stopped = true;
        assert_eq!(
            args("ml-connector run").exit(&summary),
            Exit::Fine,
            "a system was down when it was stopped"
        );
    }
}
