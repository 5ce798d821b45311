//! `ml-connector status`: how everything stands.

use std::collections::BTreeMap;

use super::outcome::{Exit, Outcome};
use super::output::{FormatArg, Output};
use super::reach;
use super::table;
use super::workspace::{ConfigArg, Workspace};
use crate::engine::command::{
    Command, FlowStatus, InboxStatus, RegistrationStatus, Reply, SourceStatus, Status,
};
use crate::engine::intake::WebhookStatus;
#[cfg(test)]
use crate::store::SkippedRow;
use crate::store::{FlowCount, RecordState};

/// How everything stands: flows, records by state, what waits for a person.
///
/// Asks the running engine, or reads its store when none runs.
///
/// Example: `ml-connector status --config /etc/ml-connector --format json`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    format: FormatArg,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When neither an engine nor its store can be asked.
    pub async fn run(self, output: &Output) -> Outcome {
        let workspace = Workspace::load(&self.config, output)?;
        match workspace.read(Command::Status).await? {
            Reply::Status(status) if self.format.json() => output.json(&status)?,
            Reply::Status(status) => output.line(text(&status)),
            other => return Err(reach::unexpected(other)),
        }
        Ok(Exit::Fine)
    }
}

fn text(status: &Status) -> String {
    let mut lines = vec![match (status.running, status.started) {
        (true, Some(started)) => format!("The engine has been running since {}.", table::time(started)),
        (true, None) => "The engine is running.".to_owned(),
        (false, _) => "No engine is running.".to_owned(),
    }];
    lines.push(String::new());
    let known = status.flows.iter().map(|flow| row(flow, &counts_of(&status.counts, &flow.flow)));
    lines.push(table::columns(
        &["FLOW", "POLLS", "LAST", "NEXT", "IN FLIGHT", "WAITING", "DONE", "PARKED", "IN DOUBT", "SKIPPED"],
        known.chain(unscheduled(status)),
    ));
    if !status.webhooks.is_empty() {
        lines.push(String::new());
        lines.push(table::columns(
            &["WEBHOOK", "ACCEPTED", "KNOWN BEFORE", "REFUSED", "COME AGAIN"],
            status.webhooks.iter().map(webhook),
        ));
        lines.extend(status.webhooks.iter().flat_map(refusals));
    }
    lines.extend(status.registrations.iter().filter_map(|registration| {
        let RegistrationStatus { connection, webhook, trouble, .. } = registration;
        Some(format!("\n{connection}/{webhook} cannot be registered now: {}", trouble.as_ref()?))
    }));
    lines.extend(sources(&status.flows));
    lines.extend(inboxes(&status.inboxes));
    lines.extend(status.flows.iter().filter_map(|flow| {
        let trouble = flow.trouble.as_ref()?;
        Some(format!("\n{} does not go on: {trouble}", flow.flow))
    }));
    lines.extend(status.flows.iter().flat_map(reading));
    lines.extend(advice(status));
    lines.join("\n")
}

fn row(flow: &FlowStatus, counts: &BTreeMap<RecordState, u64>) -> Vec<String> {
    let count =
        |states: &[RecordState]| states.iter().filter_map(|state| counts.get(state)).sum::<u64>().to_string();
    vec![
        flow.flow.clone(),
        flow.schedule.clone(),
        table::time_or(flow.polled, "never"),
        table::time_or(flow.next_poll, "-"),
        flow.in_flight.to_string(),
        count(&[RecordState::Received, RecordState::Running, RecordState::Waiting]),
        count(&[RecordState::Done]),
        count(&[RecordState::Parked]),
        count(&[RecordState::InDoubt]),
        count(&[RecordState::Skipped, RecordState::Discarded]),
    ]
}

/// Each source of the flows that have several.
fn sources(flows: &[FlowStatus]) -> Option<String> {
    let several = || flows.iter().filter(|flow| flow.sources.len() > 1).peekable();
    several().peek()?;
    let row = |flow: &FlowStatus, source: &SourceStatus| {
        vec![
            flow.flow.clone(),
            source.source.clone().unwrap_or_else(|| "other flows".to_owned()),
            if source.enabled { source.schedule.clone() } else { "off".to_owned() },
            table::time_or(source.polled, "-"),
            table::time_or(source.next_poll, "-"),
            source.trouble.clone().unwrap_or_default(),
        ]
    };
    let rows = several().flat_map(|flow| flow.sources.iter().map(move |source| row(flow, source)));
    let table = table::columns(&["FLOW", "SOURCE", "WHEN", "READ", "NEXT", "TROUBLE"], rows);
    Some(format!("\n{table}"))
}

/// What was pushed and told, where anything ever was or may be.
fn inboxes(inboxes: &[InboxStatus]) -> Vec<String> {
    if inboxes.is_empty() {
        return Vec::new();
    }
    let row = |inbox: &InboxStatus| {
        let counts = [inbox.waiting, inbox.parked, inbox.taken].map(|count| count.to_string());
        std::iter::once(inbox.inbox.clone()).chain(counts).collect()
    };
    let table = table::columns(&["INBOX", "WAITING", "PARKED", "TAKEN"], inboxes.iter().map(row));
    let mut lines = vec![format!("\n{table}")];
    lines.extend(inboxes.iter().filter_map(|inbox| {
        let trouble = inbox.trouble.as_ref()?;
        Some(format!("\n{} has events that cannot be taken now: {trouble}", inbox.inbox))
    }));
    lines
}

/// How often a webhook was called, and what became of it.
fn webhook(webhook: &WebhookStatus) -> Vec<String> {
    vec![
        format!("{}/{}", webhook.connection, webhook.webhook),
        webhook.accepted.to_string(),
        webhook.duplicates.to_string(),
        webhook.refused.values().sum::<u64>().to_string(),
        webhook.busy.to_string(),
    ]
}

/// Why pushes were refused.
fn refusals(webhook: &WebhookStatus) -> Vec<String> {
    let line = |(why, times): (&String, &u64)| {
        format!("\n{}/{} refused {times}: {why}.", webhook.connection, webhook.webhook)
    };
    webhook.refused.iter().map(line).collect()
}

/// What is special about how a flow reads its source.
fn reading(flow: &FlowStatus) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(last) = flow.skipped.last() {
        lines.push(format!(
            "\n{} left out {} that its source cannot give, the last {} at {}: {}",
            flow.flow,
            table::counted(flow.skipped.len(), "row"),
            last.page,
            table::time(last.at),
            last.reason
        ));
    }
    if !flow.turns.is_empty() {
        lines.push(format!(
            "\n{} uses {} in turns: one poll or record at a time.",
            flow.flow,
            flow.turns.join(" and ")
        ));
    }
    lines
}

/// Flows that only the store knows: of an engine that does not run, or of a mapping that was taken away.
fn unscheduled(status: &Status) -> Vec<Vec<String>> {
    let known = |name: &str| status.flows.iter().any(|flow| flow.flow == name);
    let mut names: Vec<&str> = status.counts.iter().map(|count| count.flow.as_str()).collect();
    names.retain(|name| !known(name));
    names.dedup();
    let flow = |name: &str| FlowStatus {
        flow: name.to_owned(),
        title: String::new(),
        schedule: "-".to_owned(),
        polled: None,
        next_poll: None,
        full: None,
        skipped: Vec::new(),
        sources: Vec::new(),
        turns: Vec::new(),
        in_flight: 0,
        trouble: None,
    };
    let mut rows: Vec<Vec<String>> =
        names.iter().map(|name| row(&flow(name), &counts_of(&status.counts, name))).collect();
    // The store alone does not tell when they were polled.
    rows.iter_mut().for_each(|row| row[2] = "-".to_owned());
    rows
}

fn counts_of(counts: &[FlowCount], flow: &str) -> BTreeMap<RecordState, u64> {
    counts.iter().filter(|count| count.flow == flow).map(|count| (count.state, count.count)).collect()
}

/// What a person should look at next.
fn advice(status: &Status) -> Vec<String> {
    let total = |state| {
        status.counts.iter().filter(|count| count.state == state).map(|count| count.count).sum::<u64>()
    };
    let (parked, in_doubt) = (total(RecordState::Parked), total(RecordState::InDoubt));
    let mut lines = Vec::new();
    if parked > 0 {
        lines.push(format!("\n{parked} parked: `ml-connector records --state parked` says why."));
    }
    if in_doubt > 0 {
        lines.push(format!(
            "\n{in_doubt} in doubt: `ml-connector records --state in-doubt`, then `ml-connector resolve`."
        ));
    }
    let events: u64 = status.inboxes.iter().map(|inbox| inbox.parked).sum();
    if events > 0 {
        lines.push(format!("\n{events} of the inbox parked: `ml-connector events --state parked` says why."));
    }
    if status.notices > 0 {
        lines.push(format!("\n{} with notices: `ml-connector records --noticed`.", status.notices));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_to_look_at() {
        let flow = "sage100-ups/ship_orders".to_owned();
        let count = |state, count| FlowCount { flow: flow.clone(), state, count };
        let status = Status {
            running: false,
            started: None,
            now: "2026-11-20T14:00:00Z".parse().unwrap(),
            flows: vec![FlowStatus {
                flow: flow.clone(),
                title: "Ship sales orders".to_owned(),
                schedule: "every 15m".to_owned(),
                polled: None,
                next_poll: None,
                full: None,
                skipped: vec![SkippedRow {
                    at: "2026-11-20T13:00:00Z".parse().unwrap(),
                    page: "row 34".to_owned(),
                    reason: "Sage answered 500".to_owned(),
                }],
                sources: Vec::new(),
                turns: vec!["sage".to_owned()],
                in_flight: 0,
                trouble: Some("the API key is refused".to_owned()),
            }],
            counts: vec![
                count(RecordState::Done, 7),
                count(RecordState::Parked, 2),
                count(RecordState::Waiting, 1),
            ],
            notices: 0,
            open_effects: 0,
            inboxes: vec![InboxStatus {
                inbox: "webhook/ups/track_alert".to_owned(),
                waiting: 3,
                parked: 1,
                taken: 40,
                trouble: Some("ups: it does not answer".to_owned()),
            }],
            registrations: vec![RegistrationStatus {
                connection: "ss".to_owned(),
                webhook: "ship_notify".to_owned(),
                checked: None,
                trouble: Some("list_webhooks: ShipStation answered 500".to_owned()),
            }],
            webhooks: vec![WebhookStatus {
                connection: "ups".to_owned(),
                webhook: "track_alert".to_owned(),
                accepted: 12,
                duplicates: 3,
                refused: BTreeMap::from([("the body is not JSON".to_owned(), 2)]),
                busy: 1,
            }],
        };
        let text = super::text(&status);
        assert!(text.starts_with("No engine is running."), "{text}");
        assert!(text.contains("sage100-ups/ship_orders  every 15m  never"), "{text}");
        let mut offline = status.clone();
        offline.flows.clear();
        assert!(
            super::text(&offline)
                .contains("sage100-ups/ship_orders  -      -     -     0          1        7     2")
        );
        assert!(text.contains("does not go on: the API key is refused"), "{text}");
        assert!(text.contains("left out 1 row that its source cannot give, the last row 34 at "), "{text}");
        assert!(text.contains("uses sage in turns"), "{text}");
        assert!(text.contains("ups/track_alert  12        3             2        1"), "{text}");
        assert!(text.contains("ups/track_alert refused 2: the body is not JSON."), "{text}");
        assert!(text.contains("ss/ship_notify cannot be registered now: list_webhooks: Ship"), "{text}");
        assert!(text.contains("2 parked: `ml-connector records --state parked`"), "{text}");
        assert!(!text.contains("in doubt:"), "{text}");
        assert!(text.contains("INBOX                    WAITING  PARKED  TAKEN\nwebhook/ups/track_alert  3        1       40"), "{text}");
        assert!(
            text.contains("webhook/ups/track_alert has events that cannot be taken now: ups: it"),
            "{text}"
        );
        assert!(text.contains("1 of the inbox parked: `ml-connector events --state parked`"), "{text}");
    }
}
