//! Tables: what flows of a mapping know of each other, and when enough is known to begin.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};

use super::flow::FlowRuntime;
use super::shared::Shared;
use crate::base::clock;
use crate::expression::{Values, normalise};
use crate::store::{Batch, RecordState, StoreError, Write};

/// The names of a flow's steps with the rows of its tables, for as long as no table has changed.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Option<(Vec<u64>, Values)>>);

/// Whether a flow has put what it knows into its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// It has read its source whole and worked on what it found.
    Yes,
    /// It was given up.
    Never,
}

/// Flows that others wait for, by name; those that are not in it are still at it.
pub(super) type Fillers = BTreeMap<String, Filled>;

/// What a flow that reads tables may do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// Work.
    Yes,
    /// Wait for another flow.
    NotYet,
    /// It would wait for ever for this flow.
    Never(String),
}

impl FlowRuntime {
    /// The name of a table in the store: two uses of one mapping have tables of their own.
    pub(super) fn table(&self, name: &str) -> String {
        format!("{}/{name}", self.used)
    }

    /// What the steps see before anything of the record: the settings, and the tables that they read.
    pub(super) fn names(&self, shared: &Shared) -> Result<Values, StoreError> {
        if self.flow.reads_tables.is_empty() {
            return Ok(self.values.clone());
        }
        let tables: Vec<(&String, String)> =
            self.flow.reads_tables.iter().map(|name| (name, self.table(name))).collect();
        let versions = tables.iter().map(|(_, table)| shared.store.table_version(table));
        let versions = versions.collect::<Result<Vec<u64>, _>>()?;
        if let Some((_, values)) = self.known().as_ref().filter(|(known, _)| *known == versions) {
            return Ok(values.clone());
        }
        let mut read = Map::new();
        for (name, table) in tables {
            read.insert(name.clone(), self.rows(shared, name, &table)?);
        }
        let mut values = self.values.clone();
        values.set("tables", &Value::Object(read));
        *self.known() = Some((versions, values.clone()));
        Ok(values)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<(Vec<u64>, Values)>> {
        self.known.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows as their type has them. One that an earlier mapping put and that does not fit any more is none.
    fn rows(&self, shared: &Shared, name: &str, table: &str) -> Result<Value, StoreError> {
        let Some(declared) = self.mapping.tables.get(name) else { return Ok(Value::Object(Map::new())) };
        let oldest = declared.keep.map(|keep| clock::before(shared.clock.now(), keep));
        let mut rows = Map::new();
        for row in shared.store.rows(table)? {
            if oldest.is_some_and(|oldest| row.at < oldest) {
                continue;
            }
            match normalise(row.value, &declared.ty) {
                Ok(value) => drop(rows.insert(row.key, value)),
                Err(_) => tracing::warn!(table, key = row.key, "a row does not fit its table any more"),
            }
        }
        Ok(Value::Object(rows))
    }

    /// Takes away rows that were kept long enough.
    pub(super) async fn prune_tables(&self, shared: &Shared) -> Result<(), StoreError> {
        let now = shared.clock.now();
        let mut writes = Vec::new();
        for name in self.flow.puts_tables.union(&self.flow.reads_tables) {
            let keep = self.mapping.tables.get(name).and_then(|declared| declared.keep);
            let table = self.table(name);
            if let Some(keep) = keep
                && shared.store.table_version(&table)? > 0
            {
                writes.push(Write::Prune { table, before: clock::before(now, keep) });
            }
        }
        if writes.is_empty() { Ok(()) } else { shared.store.commit(Batch { writes }).await }
    }

    /// Whether the tables that the steps read hold what the flows that fill them know.
    pub(super) fn tables_ready(&self, shared: &Shared) -> Ready {
        let fillers = shared.fillers.borrow();
        let mut ready = Ready::Yes;
        for filler in &self.waits_for {
            match fillers.get(filler) {
                Some(Filled::Yes) => {}
                Some(Filled::Never) => return Ready::Never(filler.clone()),
                None => ready = Ready::NotYet,
            }
        }
        ready
    }

    /// Tells the flows that wait for this one, once its source was read whole and what it found was worked on: ever, or in
    /// this run where that runs until idle. A flow that waits itself, perhaps for one that waits for it, is not held to the
    /// latter.
    pub(super) fn tell_fillers(&self, shared: &Shared, until_idle: bool) -> Result<(), StoreError> {
        if self.flow.puts_tables.is_empty() || shared.fillers.borrow().contains_key(&self.name) {
            return Ok(());
        }
        let condition = self.condition().clone();
        let ever = shared.store.cursor(&self.name)?.is_some_and(|cursor| cursor.polled.is_some());
        let worked = || -> Result<bool, StoreError> {
            let new = |state| matches!(state, RecordState::Received | RecordState::Running);
            let counts = shared.store.counts()?;
            Ok(!counts.iter().any(|count| count.flow == self.name && new(count.state)))
        };
        let read = condition.polled || ever && !until_idle;
        let state = match condition.given_up {
            // What it knew before is better than nothing.
            true => Some(if ever { Filled::Yes } else { Filled::Never }),
            false => (read && (!self.waits_for.is_empty() || worked()?)).then_some(Filled::Yes),
        };
        if let Some(state) = state {
            shared.fillers.send_modify(|fillers| {
                fillers.insert(self.name.clone(), state);
            });
        }
        Ok(())
    }
}
