//! A mapping as authors write it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::system::RawSetting;
use super::written::{AnyTree, Table, Written};

/// What moves between systems.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "ml-connector mapping", rename = "Mapping")]
pub struct MappingFile {
    /// The mapping's name; the file is called `<name>.yaml`.
    #[schemars(required, example = &"sage100-ups")]
    pub mapping: Option<Written<String>>,
    /// What people call it.
    #[schemars(required, example = &"Sage 100 orders ship with UPS")]
    pub title: Option<Written<String>>,
    /// What it does, for people.
    pub docs: Option<Written<String>>,
    /// Role -> name of a system.
    #[schemars(required)]
    pub systems: Option<Table<Written<String>>>,
    /// What the operator may set.
    #[serde(default)]
    pub settings: Table<RawSetting>,
    /// What moves.
    #[schemars(required)]
    pub flows: Option<Table<Written<RawFlow>>>,
}

/// One thing that moves between two systems.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Flow")]
pub struct RawFlow {
    /// What people call it.
    #[schemars(required, example = &"Ship sales orders")]
    pub title: Option<Written<String>>,
    /// What it does, for people.
    pub docs: Option<Written<String>>,
    /// Where records come from.
    #[schemars(required)]
    pub source: Option<RawSource>,
    /// The name of the record in expressions.
    #[schemars(required, example = &"order")]
    pub record: Option<Written<String>>,
    /// Whether a record is for this flow; every record is without it. Sees `settings` and the record.
    #[schemars(example = &"{{ order.OrderStatus == 'N' }}")]
    pub select: Option<Written<String>>,
    /// Names the record; sees the same.
    #[schemars(required, example = &"{{ order.SalesOrderNo }}")]
    pub key: Option<Written<String>>,
    /// Names what is to be done for the record, once for ever; sees the same.
    #[schemars(required, example = &"{{ order.SalesOrderNo }}-{{ order.OrderDate }}")]
    pub idempotency_key: Option<Written<String>>,
    /// What is done, in order.
    #[schemars(required, length(min = 1))]
    pub steps: Option<Vec<Written<RawStep>>>,
    /// What becomes of a record that is refused; `park` unless it says otherwise.
    pub on_refusal: Option<RawOnRefusal>,
    /// What counts as a change, and what happens when a finished record changes.
    pub on_change: Option<RawOnChange>,
}

/// Where records come from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Source")]
pub enum RawSource {
    /// A stream is asked for news on a schedule.
    Poll(Written<RawPoll>),
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
}

/// One step: exactly one of `call`, `check`, `set`, `link` and `for_each`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Step")]
pub struct RawStep {
    /// The name of its result.
    #[schemars(example = &"shipment")]
    pub id: Option<Written<String>>,
    /// The step is done only if this holds.
    pub when: Option<Written<String>>,
    /// Asks something of a system: `role.operation`.
    #[schemars(example = &"carrier.create_shipment")]
    pub call: Option<Written<String>>,
    /// The input of `call`.
    pub with: Option<AnyTree>,
    /// Goes on only if this holds.
    pub check: Option<Written<String>>,
    /// What happens to a record that fails the `check`.
    pub otherwise: Option<Written<RawOtherwise>>,
    /// Names values for later steps.
    pub set: Option<Written<Table<AnyTree>>>,
    /// Makes the record findable by other names: kind of name -> the name.
    pub link: Option<Written<Table<Written<String>>>>,
    /// Yields a list; `steps` are done for each item.
    pub for_each: Option<Written<String>>,
    /// The name of the item.
    #[serde(rename = "as")]
    #[schemars(example = &"number")]
    pub name: Option<Written<String>>,
    /// What is done for each item.
    #[schemars(length(min = 1))]
    pub steps: Option<Vec<Written<RawStep>>>,
}

/// What happens to a record that fails a check: `park` or `skip`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Otherwise")]
pub struct RawOtherwise {
    /// It waits for a person; says why.
    pub park: Option<Written<String>>,
    /// It is left out; says why.
    pub skip: Option<Written<String>>,
    /// What to show beside it.
    pub show: Option<AnyTree>,
}

/// What becomes of a record that is refused.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OnRefusal")]
pub enum RawOnRefusal {
    /// It waits for a person.
    Park,
    /// It is left out.
    Skip,
}

/// What counts as a change, and what happens when a finished record changes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OnChange")]
pub struct RawOnChange {
    /// What to compare; without it the whole record, less the stream's volatile fields.
    pub watch: Option<Written<String>>,
    /// What happens when a record changes after it was done; `report` unless it says otherwise.
    pub after_done: Option<RawAfterDone>,
}

/// What happens when a record changes after it was done.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AfterDone")]
pub enum RawAfterDone {
    /// People are told; nothing is sent.
    Report,
    /// The steps run again; effects that were made are not made again.
    Repeat,
    /// Nothing.
    Ignore,
}
