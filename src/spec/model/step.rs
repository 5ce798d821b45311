//! The steps of a flow.

use std::sync::Arc;
use std::time::Duration;

use super::{Operation, Place};
use crate::expression::{Template, Type, ValueTemplate};

/// One step of a flow.
#[derive(Debug)]
pub struct Step {
    /// The name of its result.
    pub id: Option<String>,
    /// Tells it apart from all other steps of the flow, for the journal: its id, else `step3`, inside loops `step5.step1`.
    pub path: String,
    /// Without it, or when it yields true, the step is done.
    pub when: Option<Template>,
    /// What is done.
    pub kind: StepKind,
    /// Where it is written.
    pub place: Place,
}

/// What a step does.
#[derive(Debug)]
pub enum StepKind {
    /// Asks something of a system.
    Call {
        /// Whose system.
        role: String,
        /// What.
        operation: Arc<Operation>,
        /// The input.
        with: ValueTemplate,
        /// How long the result of a `read` is used again for the same connection and input.
        cache: Option<Duration>,
        /// What becomes of the record when the call is refused, or there is no such thing.
        on_refusal: CallRefusal,
        /// With [`CallRefusal::GoOn`], the name of `{ code, message }`, null when the call worked or was not made.
        refusal: Option<String>,
    },
    /// Goes on only if something holds.
    Check {
        /// What must hold.
        condition: Template,
        /// What happens if not.
        otherwise: Otherwise,
    },
    /// Names values.
    Set(Vec<(String, ValueTemplate)>),
    /// Makes the record findable by other names: (kind of link, value).
    Link(Vec<(String, Template)>),
    /// Writes rows of tables: (table, key, value).
    Put(Vec<(String, Template, ValueTemplate)>),
    /// Does steps for each item of a list.
    ForEach {
        /// Yields the list.
        list: Template,
        /// The name of the item.
        name: String,
        /// Tells the items apart in the journal; without it their places in the list do.
        key: Option<Template>,
        /// The steps.
        steps: Vec<Step>,
        /// What each item becomes, for the step's result; sees the item and the results of the inner steps.
        give: Option<ValueTemplate>,
    },
    /// Finds the record of the mapping that a link leads to, waits for it for a while, and holds it until the run ends.
    Find {
        /// The kind of link.
        kind: String,
        /// The name that it was linked by.
        value: Template,
        /// Only records of this flow.
        flow: Option<String>,
        /// How long it is waited for, from when it was looked for first.
        wait: Duration,
        /// What happens when it has not come by then.
        otherwise: Otherwise,
    },
    /// Hands records to other flows of the mapping: (flow, record); a list is one record for each item.
    Tell(Vec<(String, ValueTemplate)>),
}

/// What becomes of a record when one call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallRefusal {
    /// What the flow says.
    Default,
    /// The result is null, and the steps go on.
    GoOn,
}

/// What happens to a record that goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherwiseAction {
    /// It waits for a person.
    Park,
    /// It is left out.
    Skip,
    /// It is done, and people get a notice.
    Report,
    /// It is done, and nobody is told.
    Done,
}

impl StepKind {
    /// Every template in it, those of inner steps left out.
    pub fn templates<'s>(&'s self, visit: &mut dyn FnMut(&'s Template)) {
        match self {
            Self::Call { with, .. } => with.templates(visit),
            Self::Check { condition, otherwise } => {
                visit(condition);
                otherwise.templates(visit);
            }
            Self::Set(values) => values.iter().for_each(|(_, value)| value.templates(visit)),
            Self::Link(links) => links.iter().for_each(|(_, value)| visit(value)),
            Self::Put(rows) => rows.iter().for_each(|(_, key, value)| {
                visit(key);
                value.templates(visit);
            }),
            Self::ForEach { list, key, give, .. } => {
                visit(list);
                key.iter().for_each(&mut *visit);
                give.iter().for_each(|give| give.templates(visit));
            }
            Self::Find { value, otherwise, .. } => {
                visit(value);
                otherwise.templates(visit);
            }
            Self::Tell(told) => told.iter().for_each(|(_, value)| value.templates(visit)),
        }
    }

    /// What later steps see of the record that a [`StepKind::Find`] found.
    pub fn found() -> Type {
        Type::object([("flow", Type::TEXT), ("key", Type::TEXT), ("idempotency_key", Type::TEXT)])
    }
}

/// Every step of a list, each before those inside it.
pub fn every_step<'s>(steps: &'s [Step], visit: &mut dyn FnMut(&'s Step)) {
    for step in steps {
        visit(step);
        if let StepKind::ForEach { steps, .. } = &step.kind {
            every_step(steps, visit);
        }
    }
}

/// What happens to a record that goes no further, and why.
#[derive(Debug)]
pub struct Otherwise {
    /// What becomes of it.
    pub action: OtherwiseAction,
    /// Says why.
    pub message: Template,
    /// What to show beside it.
    pub show: Option<ValueTemplate>,
}

impl Otherwise {
    fn templates<'s>(&'s self, visit: &mut dyn FnMut(&'s Template)) {
        visit(&self.message);
        self.show.iter().for_each(|show| show.templates(visit));
    }
}
