//! The steps of a flow, as authors write them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::written::{AnyTree, Something, Table, Written};

/// One step: exactly one of `call`, `check`, `set`, `link`, `put`, `for_each`, `find` and `tell`.
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
    /// How long the answer of a `call` that only reads is used again for the same input.
    #[schemars(example = &"1h")]
    pub cache: Option<Written<String>>,
    /// What becomes of the record when the `call` is refused; what the flow says without it.
    pub on_refusal: Option<RawStepRefusal>,
    /// With `on_refusal: go_on`, the name of the refusal, `{ code, message }`; null when the call worked.
    #[schemars(example = &"refusal")]
    pub refusal: Option<Written<String>>,
    /// Goes on only if this holds.
    pub check: Option<Written<String>>,
    /// What happens to a record that fails the `check`, or whose `find` has waited in vain.
    pub otherwise: Option<Written<RawOtherwise>>,
    /// Names values for later steps.
    pub set: Option<Written<Table<AnyTree>>>,
    /// Makes the record findable by other names: kind of name -> the name.
    pub link: Option<Written<Table<Written<String>>>>,
    /// Writes rows of tables: table -> the row's key and value.
    pub put: Option<Written<Table<Written<RawRow>>>>,
    /// Yields a list; `steps` are done for each item.
    pub for_each: Option<Written<String>>,
    /// The name of the item.
    #[serde(rename = "as")]
    #[schemars(example = &"number")]
    pub name: Option<Written<String>>,
    /// Tells the items apart, where the list may have become another one by the time that the steps go on.
    #[schemars(example = &"{{ parcel.number }}")]
    pub key: Option<Written<String>>,
    /// What is done for each item.
    #[schemars(length(min = 1))]
    pub steps: Option<Vec<Written<RawStep>>>,
    /// What each item becomes; the result of the step, under its `id`, is the list of these.
    pub give: Option<AnyTree>,
    /// Finds the record that a link leads to, and holds it until the steps end: kind of link -> its value. The result
    /// is `{ flow, key, idempotency_key }`.
    pub find: Option<Written<Table<Written<String>>>>,
    /// Only records of this flow are found.
    #[serde(rename = "in")]
    #[schemars(example = &"ship_orders")]
    pub within: Option<Written<String>>,
    /// How long `find` waits for it, from when it looked first; `24h` unless it says otherwise.
    #[schemars(example = &"24h")]
    pub wait: Option<Written<String>>,
    /// Hands records to other flows: flow -> a record, or what yields a list of them.
    pub tell: Option<Written<Table<AnyTree>>>,
}

/// What becomes of a record when one call is refused.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "StepRefusal")]
pub enum RawStepRefusal {
    /// The result of the call is null, and the steps go on.
    GoOn,
}

/// A row of a table.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Row")]
pub struct RawRow {
    /// Names the row; one of the same name is replaced.
    #[schemars(required, example = &"{{ location.code }}")]
    pub key: Option<Written<String>>,
    /// What the row holds.
    #[schemars(required, with = "Something")]
    pub value: Option<AnyTree>,
}

/// What happens to a record that goes no further: `park`, `skip`, `report` or `done`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Otherwise")]
pub struct RawOtherwise {
    /// It waits for a person; says why.
    pub park: Option<Written<String>>,
    /// It is left out; says why.
    pub skip: Option<Written<String>>,
    /// It is done, and people are told; says what.
    pub report: Option<Written<String>>,
    /// It is done, as if the steps ended here; says why.
    pub done: Option<Written<String>>,
    /// What to show beside it.
    pub show: Option<AnyTree>,
}
