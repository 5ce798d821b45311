//! Tables: what flows of a mapping know of each other, and when enough is known to begin.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::flow::FlowRuntime;
use super::shared::Shared;
use crate::base::clock;
use crate::expression::{Rows, Type, Values, normalise};
use crate::store::{Batch, RecordState, Row, Store, StoreError, Write};

/// The rows of one table, read from the store as expressions ask for them: it may hold a row for every order there was.
struct Stored {
    store: Arc<dyn Store>,
    table: String,
    ty: Type,
    /// Older rows count as taken away already.
    oldest: Option<Timestamp>,
}

impl Stored {
    /// The row as its type has it. One that an earlier mapping put and that does not fit any more is none.
    fn fit(&self, row: Row) -> Option<(String, Value)> {
        if self.oldest.is_some_and(|oldest| row.at < oldest) {
            return None;
        }
        match normalise(row.value, &self.ty) {
            Ok(value) => Some((row.key, value)),
            Err(_) => {
                tracing::warn!(table = self.table, key = row.key, "a row does not fit its table any more");
                None
            }
        }
    }
}

impl Rows for Stored {
    fn row(&self, key: &str) -> Result<Option<Value>, String> {
        let row = self.store.row(&self.table, key).map_err(|error| error.to_string())?;
        Ok(row.and_then(|row| self.fit(row)).map(|(_, value)| value))
    }

    fn all(&self) -> Result<Vec<(String, Value)>, String> {
        let rows = self.store.rows(&self.table).map_err(|error| error.to_string())?;
        Ok(rows.into_iter().filter_map(|row| self.fit(row)).collect())
    }
}

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
    pub(super) fn names(&self, shared: &Shared) -> Values {
        let mut values = self.values.clone();
        if self.flow.reads_tables.is_empty() {
            return values;
        }
        let now = shared.clock.now();
        let tables = self.flow.reads_tables.iter().filter_map(|name| {
            let declared = self.mapping.tables.get(name)?;
            let rows = Stored {
                store: Arc::clone(&shared.store),
                table: self.table(name),
                ty: declared.ty.clone(),
                oldest: declared.keep.map(|keep| clock::before(now, keep)),
            };
            Some((name.clone(), Arc::new(rows) as Arc<dyn Rows>))
        });
        values.set_tables("tables", tables);
        values
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
        let given_up = condition.given_up || self.polls().any(|at| at.condition().given_up);
        let polled = self.sources.iter().all(|at| at.condition().polled);
        let mut ever = true;
        for poll in self.polls() {
            ever &= shared.store.cursor(&poll.cursor)?.is_some_and(|cursor| cursor.polled.is_some());
        }
        let worked = || -> Result<bool, StoreError> {
            let new = |state| matches!(state, RecordState::Received | RecordState::Running);
            let counts = shared.store.counts()?;
            Ok(!counts.iter().any(|count| count.flow == self.name && new(count.state)))
        };
        let read = polled || ever && !until_idle;
        let state = match given_up {
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
