//! `ml-connector events`: what was pushed or told and is not a record yet, and what to do about it.

use clap::ValueEnum;

use super::outcome::{Exit, Outcome, Trouble};
use super::output::{FormatArg, Output};
use super::reach;
use super::selection::{operator, said};
use super::table;
use super::workspace::{ConfigArg, Workspace};
use crate::engine::command::{Command, Reply, Retried, Retry};
use crate::store::{Event, EventQuery, EventState};

/// So many characters of a digest are enough to name an event.
const ENOUGH: usize = 12;

/// A state as people type it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StateArg {
    /// To be taken, now or later.
    Waiting,
    /// It cannot be taken; a person decides.
    Parked,
    /// It has become records; known for a week.
    Taken,
}

impl From<StateArg> for EventState {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Waiting => Self::Waiting,
            StateArg::Parked => Self::Parked,
            StateArg::Taken => Self::Taken,
        }
    }
}

/// Lists what other systems pushed, and what flows told each other, with the reason of what does not move; or tries it again.
///
/// An event is parked when nobody can read it, or when what it points at could not be fetched for three days. Mend the
/// cause, then try it again.
///
/// Example: `ml-connector events --state parked`, then `ml-connector events --retry --all`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only events in this state; may be given several times, or as a list with commas.
    #[arg(long, value_enum, value_name = "STATE", value_delimiter = ',')]
    state: Vec<StateArg>,
    /// Only inboxes whose name starts so, such as `webhook/ups`.
    #[arg(long, value_name = "INBOX", default_value = "")]
    inbox: String,
    /// At most so many; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Tries these events again now, each named as the list shows it; with --all, all that are parked.
    #[arg(long, value_name = "NAME", num_args = 0.., conflicts_with_all = ["state", "inbox"])]
    retry: Option<Vec<String>>,
    /// With --retry: all that are parked.
    #[arg(long, requires = "retry")]
    all: bool,
    /// With --retry: why, for the audit trail.
    #[arg(long, value_name = "TEXT", default_value = "given from the command line", value_parser = said)]
    reason: String,
    /// With --retry: who orders it, for the audit trail; the user who is logged in unless given.
    #[arg(long, value_name = "NAME", value_parser = said)]
    by: Option<String>,
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    format: FormatArg,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When neither an engine nor its store can be asked, or the order cannot be given.
    pub async fn run(self, output: &Output) -> Outcome {
        match &self.retry {
            Some(names) => self.retry(names.clone(), output).await,
            None => self.list(output).await,
        }
    }

    async fn list(&self, output: &Output) -> Outcome {
        let workspace = Workspace::load(&self.config, output)?;
        let states = self.state.iter().copied().map(EventState::from).collect();
        let query = EventQuery { inbox: self.inbox.clone(), states, limit: self.limit };
        let events = match workspace.read(Command::Events(query)).await? {
            Reply::Events(events) => events,
            other => return Err(reach::unexpected(other)),
        };
        output.list(&events, self.format, ("event", "latest"), self.limit, text)?;
        Ok(Exit::Fine)
    }

    async fn retry(&self, names: Vec<String>, output: &Output) -> Outcome {
        if names.is_empty() != self.all {
            return Err(Trouble::usage(
                "--retry takes the names of events, or --all for all that are parked",
            ));
        }
        let workspace = Workspace::load(&self.config, output)?;
        let retry = Retry { names, operator: operator(self.by.as_deref()), reason: self.reason.clone() };
        let told = match workspace.order(Command::RetryEvents(retry)).await? {
            Reply::Retried(told) => told,
            other => return Err(reach::unexpected(other)),
        };
        if self.format.json() {
            for retried in &told {
                output.json(retried)?;
            }
        } else if told.is_empty() {
            output.say("no event is parked");
        } else {
            output.line(retried(&told));
        }
        let failed = told.iter().any(|retried| retried.problem.is_some());
        Ok(if failed { Exit::Findings } else { Exit::Fine })
    }
}

fn text(events: &[Event]) -> String {
    let row = |event: &Event| {
        vec![
            short(&event.name),
            event.inbox.clone(),
            word(event.state).to_owned(),
            table::time(event.received),
            if event.state == EventState::Waiting { table::time(event.due) } else { "-".to_owned() },
            event.attempts.to_string(),
            event.reason.clone().unwrap_or_default(),
        ]
    };
    let headings = ["EVENT", "INBOX", "STATE", "RECEIVED", "NEXT TRY", "TRIED", "WHY"];
    table::columns(&headings, events.iter().map(row))
}

fn retried(told: &[Retried]) -> String {
    let row = |retried: &Retried| {
        let result = retried.problem.clone().unwrap_or_else(|| "tried again".to_owned());
        vec![short(&retried.name), retried.inbox.clone(), result]
    };
    table::columns(&["EVENT", "INBOX", "RESULT"], told.iter().map(row))
}

/// A name as people can copy it: of a digest, the beginning is enough.
fn short(name: &str) -> String {
    let digest = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digest { name[..ENOUGH].to_owned() } else { name.to_owned() }
}

fn word(state: EventState) -> &'static str {
    match state {
        EventState::Waiting => "waiting",
        EventState::Taken => "taken",
        EventState::Parked => "parked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_shown_short_and_other_names_whole() {
        let event = Event {
            inbox: "webhook/ups/track_alert".to_owned(),
            name: "0123456789abcdef".repeat(4),
            version: 1,
            received: "2026-11-20T14:00:00Z".parse().unwrap(),
            due: "2026-11-20T14:05:00Z".parse().unwrap(),
            attempts: 3,
            state: EventState::Waiting,
            reason: Some("ups: it is down".to_owned()),
            body: Vec::new(),
        };
        let named = Event { name: "1Z-7".to_owned(), state: EventState::Parked, ..event.clone() };
        let text = text(&[event, named]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "0123456789ab  webhook/ups/track_alert  waiting  2026-11-20 14:00:00Z  2026-11-20 14:05:00Z  3      ups: it is down"
        );
        assert!(lines[2].starts_with("1Z-7          webhook/ups/track_alert  parked"), "{text}");
    }
}
