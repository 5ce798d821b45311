//! A mapping: its flows, where their records come from, what becomes of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::{MappingTest, Place, Setting, Step, Stream, System, Webhook};
use crate::expression::{Template, Type, ValueTemplate};

/// A checked mapping.
#[derive(Debug)]
pub struct Mapping {
    /// Its name, such as `sage100-ups`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// SHA-256 of the mapping and the system files it uses, 64 hexadecimal digits.
    pub revision: String,
    /// The file's text; with those of its systems it makes the same mapping again (see `load::rebuild_mapping`).
    pub source: Arc<str>,
    /// Role -> system.
    pub systems: IndexMap<String, Arc<System>>,
    /// What the operator may set.
    pub settings: IndexMap<String, Setting>,
    /// What flows know of each other.
    pub tables: IndexMap<String, TableDecl>,
    /// What moves.
    pub flows: IndexMap<String, Arc<Flow>>,
    /// Examples of what it does.
    pub tests: Vec<MappingTest>,
}

/// Rows by key, which steps put and look up.
#[derive(Debug, Clone)]
pub struct TableDecl {
    /// The type of a row.
    pub ty: Type,
    /// How long a row is kept after it was put last; for ever without it.
    pub keep: Option<Duration>,
    /// What it holds.
    pub docs: Option<String>,
    /// Where it is declared.
    pub place: Place,
}

/// One thing that moves between two systems.
#[derive(Debug)]
pub struct Flow {
    /// Its name in the mapping.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Where records come from: at least one; a [`Source::Schedule`] stands alone.
    pub sources: Vec<Source>,
    /// The type of a record, whatever source gives it.
    pub record_type: Type,
    /// The name of the record in expressions.
    pub record: String,
    /// Whether a record is for this flow; sees `settings` and the record.
    pub select: Option<Template>,
    /// Names the record; sees the same.
    pub key: Template,
    /// Names what is to be done for it, once; sees the same.
    pub idempotency_key: Template,
    /// How two tellings about one record become one content; without it the one that comes later replaces the other.
    pub merge: Option<Merge>,
    /// What is done; steps see `settings`, the record, `key`, `idempotency_key`, results of earlier steps with an
    /// `id` (null when skipped by `when`), names that were `set`, and `tables`, an object of those in `reads_tables`, each an
    /// object of its rows by key.
    pub steps: Vec<Step>,
    /// What becomes of a record that is refused.
    pub on_refusal: OnRefusal,
    /// What counts as a change, and what happens when a finished record changes.
    pub on_change: OnChange,
    /// When a record that is done comes again; without it, only when it changes.
    pub again: Option<Again>,
    /// The tables that its steps look into.
    pub reads_tables: BTreeSet<String>,
    /// The tables that its steps put rows into.
    pub puts_tables: BTreeSet<String>,
    /// The flows that its steps tell.
    pub tells: BTreeSet<String>,
    /// Where it is written.
    pub place: Place,
}

/// Where records come from.
#[derive(Debug)]
pub enum Source {
    /// Asked for on a schedule.
    Poll {
        /// The role whose system is polled.
        role: String,
        /// The stream.
        stream: Arc<Stream>,
        /// When, unless the configuration says otherwise.
        schedule: Schedule,
        /// The longest time between polls that read everything, unless the configuration says otherwise.
        full: Option<Duration>,
    },
    /// The time itself. A record is [`Source::timer_record`].
    Schedule {
        /// When, unless the configuration says otherwise.
        schedule: Schedule,
    },
    /// The other side tells by itself.
    Webhook {
        /// The role whose system tells.
        role: String,
        /// What it tells.
        webhook: Arc<Webhook>,
    },
    /// Steps of other flows of the mapping tell.
    Told,
}

impl Source {
    /// What a record of a [`Source::Schedule`] is: the day and the instant in the schedule's zone, the latter with its
    /// offset.
    pub fn timer_record() -> Type {
        Type::object([("date", Type::TEXT), ("at", Type::TEXT)])
    }

    /// When, unless the configuration says otherwise; nothing for what comes by itself.
    pub fn schedule(&self) -> Option<&Schedule> {
        match self {
            Self::Poll { schedule, .. } | Self::Schedule { schedule } => Some(schedule),
            Self::Webhook { .. } | Self::Told => None,
        }
    }

    /// What a configuration calls it: `role.stream` or `role.webhook`.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Poll { role, stream, .. } => Some(format!("{role}.{}", stream.name)),
            Self::Webhook { role, webhook } => Some(format!("{role}.{}", webhook.name)),
            Self::Schedule { .. } | Self::Told => None,
        }
    }
}

/// How two tellings about one record become one content: the later one counts.
#[derive(Debug)]
pub struct Merge {
    /// Yields what tells which of two is later: numbers, text and booleans, or a list of them, compared one after the
    /// other; nothing comes before anything. Sees `settings` and the record.
    pub by: Template,
    /// Fields that stay from the other telling where the later one has nothing.
    pub keep: Vec<String>,
}

/// When a record that is done comes again. Templates see what a step after the last would see.
#[derive(Debug)]
pub struct Again {
    /// Yields a duration from the end of the steps, or nothing: not again.
    pub after: ValueTemplate,
    /// Yields a duration from the first time the record was seen, after which it does not come again; nothing: never
    /// given up.
    pub give_up: Option<ValueTemplate>,
}

/// When something happens.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// At the start and then each time this has passed since the last began.
    Every(Duration),
    /// By a cron expression in a zone.
    Cron(Box<Cron>),
}

/// A cron expression in a zone.
#[derive(Debug, Clone)]
pub struct Cron {
    /// The compiled expression.
    pub cron: croner::Cron,
    /// The zone its times are in.
    pub zone: jiff::tz::TimeZone,
}

/// What becomes of a record that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRefusal {
    /// It waits for a person, with the full answer.
    Park,
    /// It is left out.
    Skip,
}

/// What counts as a change, and what happens when a finished record changes.
#[derive(Debug)]
pub struct OnChange {
    /// Yields what to compare; without it, the whole record less the stream's volatile fields.
    pub watch: Option<Template>,
    /// What happens.
    pub after_done: AfterDone,
}

/// What happens when a record changes after it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterDone {
    /// A notice for people; nothing is sent.
    Report,
    /// The steps run again; effects that were made are not made again.
    Repeat,
    /// Nothing.
    Ignore,
}
