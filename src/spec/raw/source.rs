//! Where records come from, as authors write it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::written::{TypeTree, Written};

/// Where records come from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Source")]
pub enum RawSource {
    /// A stream is asked for news on a schedule.
    Poll(Written<RawPoll>),
    /// The time itself: each time gives one record, `{ date, at }`. It stands alone.
    Schedule(Written<RawTimer>),
    /// The other side tells by itself: `role.webhook`.
    Webhook(#[schemars(example = &"carrier.track_alert")] Written<String>),
    /// Other flows of the mapping tell, by their `tell` steps.
    Told(Written<RawTold>),
}

/// Other flows of the mapping tell.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Told")]
pub struct RawTold {
    /// The type of a record, where no other source says it.
    pub record: Option<TypeTree>,
}

/// A stream is asked for news on a schedule: `every` or `cron`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Poll")]
pub struct RawPoll {
    /// `role.stream`
    #[schemars(required, example = &"erp.sales_orders")]
    pub stream: Option<Written<String>>,
    /// The time between polls.
    #[schemars(example = &"15m")]
    pub every: Option<Written<String>>,
    /// When to poll, as a cron expression.
    #[schemars(example = &"0 6-18 * * MON-FRI")]
    pub cron: Option<Written<String>>,
    /// The zone of the cron expression.
    #[schemars(example = &"America/New_York")]
    pub zone: Option<Written<String>>,
    /// The longest time between polls that read everything, whatever the cursor says.
    #[schemars(example = &"24h")]
    pub full: Option<Written<String>>,
}

/// The time itself: `every` or `cron`. A record is `{ date: text, at: text }`, the day and the instant in the zone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Timer")]
pub struct RawTimer {
    /// The time between records.
    #[schemars(example = &"24h")]
    pub every: Option<Written<String>>,
    /// When there is a record, as a cron expression.
    #[schemars(example = &"0 18 * * MON-FRI")]
    pub cron: Option<Written<String>>,
    /// The zone of the cron expression.
    #[schemars(example = &"America/New_York")]
    pub zone: Option<Written<String>>,
}
