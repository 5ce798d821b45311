//! What people see of the inbox, and what they decide.

use serde_json::json;

use super::Taker;
use crate::engine::Engine;
use crate::engine::command::{InboxStatus, Retried, Retry};
use crate::store::{AuditDraft, Batch, Event, EventCount, EventQuery, EventState, Store, StoreError, Write};

impl Engine {
    /// How each inbox stands: those that something was ever in, and those that something may come to.
    pub(in crate::engine) fn inboxes(&self) -> Result<Vec<InboxStatus>, StoreError> {
        let mut all = statuses(&*self.shared.store)?;
        for taker in &self.takers {
            let trouble = taker.trouble().clone();
            match all.iter_mut().find(|known| known.inbox == taker.inbox) {
                Some(known) => known.trouble = trouble,
                None => all.push(InboxStatus { trouble, ..empty(&taker.inbox) }),
            }
        }
        all.sort_by(|one, two| one.inbox.cmp(&two.inbox));
        Ok(all)
    }

    /// Tries events again at once.
    pub(in crate::engine) async fn retry_events(&self, retry: Retry) -> Result<Vec<Retried>, StoreError> {
        let states = vec![EventState::Parked, EventState::Waiting];
        let known = self.shared.store.events(&EventQuery { states, ..EventQuery::default() })?;
        let mut told = Vec::new();
        if retry.names.is_empty() {
            for event in known.iter().filter(|event| event.state == EventState::Parked) {
                told.push(self.retry_event(event, &retry).await?);
            }
        }
        for name in &retry.names {
            told.push(match named(&known, name) {
                Ok(event) => self.retry_event(event, &retry).await?,
                Err(problem) => Retried { inbox: String::new(), name: name.clone(), problem: Some(problem) },
            });
        }
        Ok(told)
    }

    async fn retry_event(&self, event: &Event, retry: &Retry) -> Result<Retried, StoreError> {
        let (inbox, name, now) = (event.inbox.clone(), event.name.clone(), self.shared.clock.now());
        // Lists go without bodies.
        let Some(event) = self.shared.store.event(&inbox, &name)?.filter(|now| now.version == event.version)
        else {
            let problem = Some("it changed meanwhile; look at it again".to_owned());
            return Ok(Retried { inbox, name, problem });
        };
        let facts = json!({ "inbox": inbox, "name": name, "reason": retry.reason, "was": event.reason });
        let audit = Write::Audit(AuditDraft {
            at: now,
            actor: format!("operator:{}", retry.operator),
            record: None,
            event: "event.retried".to_owned(),
            facts,
            body: None,
        });
        let expected = event.version;
        let event = Event { due: now, attempts: 0, state: EventState::Waiting, reason: None, ..event };
        let writes = vec![audit, Write::Event { event: Box::new(event), expected }];
        let problem = match self.shared.store.commit(Batch { writes }).await {
            Ok(()) => None,
            Err(StoreError::Conflict { .. }) => Some("it changed meanwhile; look at it again".to_owned()),
            Err(error) => return Err(error),
        };
        self.shared.wake_inbox(&inbox);
        Ok(Retried { inbox, name, problem })
    }
}

/// The one event that `text` names: by its name, by `inbox/name`, or by the beginning of either.
fn named<'e>(known: &'e [Event], text: &str) -> Result<&'e Event, String> {
    let whole = |event: &Event| format!("{}/{}", event.inbox, event.name);
    let exact: Vec<_> = known.iter().filter(|event| event.name == text || whole(event) == text).collect();
    let begins = |event: &&Event| event.name.starts_with(text) || whole(event).starts_with(text);
    let found = if exact.is_empty() { known.iter().filter(begins).collect() } else { exact };
    match found.as_slice() {
        [] => Err("no event of this name waits or is parked".to_owned()),
        [event] => Ok(event),
        several => {
            let names: Vec<String> = several.iter().take(5).map(|event| whole(event)).collect();
            Err(format!("this names several events; say which: {}", names.join(", ")))
        }
    }
}

/// What a store says of its inboxes.
pub(in crate::engine) fn statuses(store: &dyn Store) -> Result<Vec<InboxStatus>, StoreError> {
    let mut all: Vec<InboxStatus> = Vec::new();
    for EventCount { inbox, state, count } in store.event_counts()? {
        if all.last().is_none_or(|last| last.inbox != inbox) {
            all.push(empty(&inbox));
        }
        let Some(status) = all.last_mut() else { continue };
        match state {
            EventState::Waiting => status.waiting = count,
            EventState::Taken => status.taken = count,
            EventState::Parked => status.parked = count,
        }
    }
    Ok(all)
}

fn empty(inbox: &str) -> InboxStatus {
    InboxStatus { inbox: inbox.to_owned(), waiting: 0, parked: 0, taken: 0, trouble: None }
}

/// Why inboxes do not go on, for the summary of a run.
pub(in crate::engine) fn troubles(takers: &[std::sync::Arc<Taker>]) -> Vec<(String, String)> {
    takers.iter().filter_map(|taker| Some((taker.inbox.clone(), taker.trouble().clone()?))).collect()
}
