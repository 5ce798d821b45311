//! Which records a command is about: the arguments for it, and what they mean to the engine.

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::outcome::Trouble;
use super::workspace::Workspace;
use crate::base::{duration, environment};
use crate::engine::command::{Command, Order, Reply, Selection};
use crate::store::{Record, RecordQuery, RecordState};

/// A state as people type it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StateArg {
    /// Committed; nothing done yet.
    Received,
    /// Being worked on.
    Running,
    /// To be tried again later.
    Waiting,
    /// All steps are done.
    Done,
    /// Not for its flow.
    Skipped,
    /// Refused; a person decides.
    Parked,
    /// The outcome of an effect cannot be found out; a person decides.
    InDoubt,
    /// A person decided that nothing more happens.
    Discarded,
}

impl From<StateArg> for RecordState {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Received => Self::Received,
            StateArg::Running => Self::Running,
            StateArg::Waiting => Self::Waiting,
            StateArg::Done => Self::Done,
            StateArg::Skipped => Self::Skipped,
            StateArg::Parked => Self::Parked,
            StateArg::InDoubt => Self::InDoubt,
            StateArg::Discarded => Self::Discarded,
        }
    }
}

/// What narrows records down.
#[derive(Debug, Clone, Default, Args)]
pub struct FilterArgs {
    /// Only records in this state; may be given several times, or as a list with commas.
    #[arg(long, value_enum, value_name = "STATE", value_delimiter = ',')]
    pub state: Vec<StateArg>,
    /// Only records of this mapping, or of this flow: `sage100-ups` or `sage100-ups/ship_orders`.
    #[arg(long, value_name = "FLOW")]
    pub flow: Option<String>,
    /// Only records that changed since then: `2h`, `3d`, `2026-11-20` or `2026-11-20T14:00:00Z`.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only records with notices that nobody has acknowledged.
    #[arg(long)]
    pub noticed: bool,
}

impl FilterArgs {
    /// What the store is asked.
    ///
    /// # Errors
    /// When `--since` is not a time.
    pub fn query(&self, now: Timestamp) -> Result<RecordQuery, Trouble> {
        Ok(RecordQuery {
            flow: self.flow.clone(),
            states: self.state.iter().copied().map(RecordState::from).collect(),
            text: None,
            since: self.since.as_deref().map(|text| since(text, now)).transpose()?,
            noticed: self.noticed,
            limit: 0,
        })
    }
}

/// The records of an order, and who gives it.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct OrderArgs {
    /// Records: each an order number or other key, a tracking number, or a whole id such as
    /// `sage100-ups/ship_orders/0000169`.
    #[arg(value_name = "RECORD", required_unless_present = "all", conflicts_with = "all")]
    pub records: Vec<String>,
    /// All records the order applies to, narrowed down by the options below.
    #[arg(long)]
    pub all: bool,
    /// What narrows `--all` down.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// With `--all`: only records whose reason contains this text, in any case.
    #[arg(long, value_name = "TEXT", requires = "all")]
    pub reason_contains: Option<String>,
    /// Who gives the order, for the audit trail; the user who is logged in unless given.
    #[arg(long, value_name = "NAME", value_parser = said)]
    pub by: Option<String>,
}

impl OrderArgs {
    /// The order for the engine. `reason` is kept in the audit trail.
    ///
    /// # Errors
    /// When an option makes no sense, or the records cannot be asked for.
    pub async fn order(&self, workspace: &Workspace, reason: String) -> Result<Order, Trouble> {
        if !self.all && self.narrows() {
            return Err(Trouble::usage(
                "--state, --flow, --since and --noticed narrow --all down: add --all, or name records only",
            ));
        }
        let which =
            if self.all { self.matching(workspace).await? } else { Selection::Named(self.records.clone()) };
        Ok(Order { which, operator: operator(self.by.as_deref()), reason })
    }

    /// Whether anything narrows `--all` down.
    pub fn narrowed(&self) -> bool {
        self.narrows() || self.reason_contains.is_some()
    }

    fn narrows(&self) -> bool {
        let FilterArgs { state, flow, since, noticed } = &self.filter;
        !state.is_empty() || flow.is_some() || since.is_some() || *noticed
    }

    async fn matching(&self, workspace: &Workspace) -> Result<Selection, Trouble> {
        let query = self.filter.query(workspace.clock.now())?;
        let Some(part) = &self.reason_contains else { return Ok(Selection::Matching(query)) };
        match workspace.read(Command::Records(query)).await? {
            Reply::Records(records) => Ok(Selection::Named(with_reason(&records, part))),
            other => Err(super::reach::unexpected(other)),
        }
    }
}

fn with_reason(records: &[Record], part: &str) -> Vec<String> {
    let part = part.to_lowercase();
    let says = |record: &&Record| {
        record.reason.as_ref().is_some_and(|reason| reason.message.to_lowercase().contains(&part))
    };
    records.iter().filter(says).map(|record| record.id.to_string()).collect()
}

/// A name or a reason for the audit trail, which is worth nothing when it is blank.
///
/// # Errors
/// When nothing was said.
pub fn said(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("it says nothing".to_owned()) } else { Ok(text.to_owned()) }
}

/// Who gives an order.
pub fn operator(by: Option<&str>) -> String {
    by.map(str::to_owned)
        .or_else(|| environment::variable("USER").filter(|user| !user.is_empty()))
        .or_else(|| environment::variable("LOGNAME").filter(|user| !user.is_empty()))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// Reads `2h` (before now), `2026-11-20` (in the zone of this machine) or a whole time stamp.
///
/// # Errors
/// A sentence that shows what a time looks like.
pub fn since(text: &str, now: Timestamp) -> Result<Timestamp, Trouble> {
    if let Ok(ago) = duration::parse(text) {
        return now.checked_sub(ago).map_err(|_| Trouble::usage(format!("`{text}` is before all time")));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    text.parse::<jiff::civil::Date>()
        .and_then(|date| date.to_zoned(jiff::tz::TimeZone::system()))
        .map(|start| start.timestamp())
        .map_err(|_| {
            Trouble::usage(format!(
                "`{text}` is not a time; write for example `2h`, `3d`, `2026-11-20` or `2026-11-20T14:00:00Z`"
            ))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::base::RecordId;
    use crate::store::Reason;

    fn now() -> Timestamp {
        "2026-11-20T14:00:00Z".parse().unwrap()
    }

    #[test]
    fn times_are_read_in_three_ways() {
        assert_eq!(since("2h", now()).unwrap().to_string(), "2026-11-20T12:00:00Z");
        assert_eq!(since("2026-11-19T01:00:00+01:00", now()).unwrap().to_string(), "2026-11-19T00:00:00Z");
        assert!(since("2026-11-19", now()).is_ok());
        assert!(since("yesterday", now()).unwrap_err().message.contains("write for example"));
    }

    #[test]
    fn filters_become_queries() {
        let filter = FilterArgs {
            state: vec![StateArg::Parked, StateArg::InDoubt],
            since: Some("1h".to_owned()),
            ..FilterArgs::default()
        };
        let query = filter.query(now()).unwrap();
        assert_eq!(query.states, [RecordState::Parked, RecordState::InDoubt]);
        assert_eq!(query.since.unwrap().to_string(), "2026-11-20T13:00:00Z");
    }

    #[test]
    fn records_are_found_by_their_reason() {
        let record = |key: &str, message: &str| Record {
            reason: Some(Reason::new(message)),
            ..Record::new(RecordId::new("m", "f", key), RecordState::Parked, Value::Null, now())
        };
        let records =
            [record("1", "UPS does not recognise the address"), record("2", "The order weighs nothing")];
        assert_eq!(with_reason(&records, "WEIGHS"), ["m/f/2"]);
    }
}
