//! Events on disk: what is said of one, its body, and its place among those of its inbox.

use std::collections::BinaryHeap;

use ::redb::ReadableTable as _;
use jiff::Timestamp;

use super::apply::Group;
use super::codec;
use super::error::Failure;
use super::prepare::event_place;
use super::read::{Read, Reader, damaged, instant};
use super::tables::{
    EVENT_BODIES, EVENT_COUNTS, EVENTS, EVENTS_DUE, EventHead, Tables, event_state_number,
    numbered_event_state,
};
use crate::store::{Event, EventCount, EventQuery, EventState};

/// The name under which the places in the order of arrival are counted.
const ARRIVALS: &str = "events";

/// What the indexes know of the event that is stored.
pub(super) fn stored(tables: &Tables<'_>, inbox: &str, name: &str) -> Read<Option<EventHead>> {
    let found = tables.events.get((inbox, name))?;
    let place = event_place(inbox, name);
    found.map(|found| codec::decode("events", &place, found.value()).map_err(Failure::Batch)).transpose()
}

/// Writes an event in the place of what is there, which an earlier write of its batch may have changed.
pub(super) fn put(
    group: &mut Group,
    tables: &mut Tables<'_>,
    (inbox, name): (&str, &str),
    now: &EventHead,
    (about, body): (&[u8], Option<&[u8]>),
) -> Result<(), Failure> {
    let arrived = match stored(tables, inbox, name)? {
        None => arrive(tables, inbox, name)?,
        Some(before) => {
            let arrived = arrival(tables, inbox, name)?;
            tables.events_due.remove(index(inbox, &before, arrived))?;
            group.count_event(inbox, before.state, -1);
            arrived
        }
    };
    tables.events.insert((inbox, name), about)?;
    match body {
        Some(body) => drop(tables.event_bodies.insert((inbox, name), body)?),
        None => drop(tables.event_bodies.remove((inbox, name))?),
    }
    tables.events_due.insert(index(inbox, now, arrived), name)?;
    group.count_event(inbox, now.state, 1);
    Ok(())
}

/// Removes the events of an inbox that were taken before an instant.
pub(super) fn forget(
    group: &mut Group,
    tables: &mut Tables<'_>,
    inbox: &str,
    before: i128,
) -> Result<(), Failure> {
    let taken = event_state_number(EventState::Taken);
    let mut old = Vec::new();
    for entry in tables.events_due.range((inbox, taken, i128::MIN, 0)..(inbox, taken, before, 0))? {
        let (key, name) = entry?;
        let (_, _, due, arrived) = key.value();
        old.push((due, arrived, name.value().to_owned()));
    }
    for (due, arrived, name) in old {
        let name = name.as_str();
        tables.events_due.remove((inbox, taken, due, arrived))?;
        tables.events_arrived.remove((inbox, name))?;
        tables.events.remove((inbox, name))?;
        group.count_event(inbox, EventState::Taken, -1);
    }
    Ok(())
}

/// The place of a new event, behind all that came.
fn arrive(tables: &mut Tables<'_>, inbox: &str, name: &str) -> Result<u64, Failure> {
    let arrived = tables.counters.get(ARRIVALS)?.map_or(0, |last| last.value()) + 1;
    tables.counters.insert(ARRIVALS, arrived)?;
    tables.events_arrived.insert((inbox, name), arrived)?;
    Ok(arrived)
}

fn arrival(tables: &Tables<'_>, inbox: &str, name: &str) -> Result<u64, Failure> {
    let arrived = tables.events_arrived.get((inbox, name))?;
    arrived.map(|arrived| arrived.value()).ok_or_else(|| {
        damaged(&format!(
            "the place of event {} among those of its inbox is missing",
            event_place(inbox, name)
        ))
    })
}

fn index<'a>(inbox: &'a str, head: &EventHead, arrived: u64) -> (&'a str, u8, i128, u64) {
    (inbox, event_state_number(head.state), head.due.as_nanosecond(), arrived)
}

impl Group {
    fn count_event(&mut self, inbox: &str, state: EventState, change: i64) {
        *self.events.entry((inbox.to_owned(), event_state_number(state))).or_default() += change;
    }
}

impl Reader {
    pub(super) fn event(&self, inbox: &str, name: &str, with_body: bool) -> Read<Option<Event>> {
        let place = event_place(inbox, name);
        let Some(stored) = self.transaction.open_table(EVENTS)?.get((inbox, name))? else { return Ok(None) };
        let mut event: Event = codec::decode("events", &place, stored.value()).map_err(Failure::Database)?;
        if with_body && event.state != EventState::Taken {
            let bodies = self.transaction.open_table(EVENT_BODIES)?;
            let stored = bodies
                .get((inbox, name))?
                .ok_or_else(|| damaged(&format!("event {place} is listed, but its body is missing")))?;
            let body = codec::decode_bytes("event_bodies", &place, stored.value());
            event.body = body.map_err(Failure::Database)?.to_vec();
        }
        Ok(Some(event))
    }

    fn listed_event(&self, inbox: &str, name: &str, with_body: bool) -> Read<Event> {
        self.event(inbox, name, with_body)?
            .ok_or_else(|| damaged(&format!("event {} is listed but missing", event_place(inbox, name))))
    }

    pub(super) fn events_due(&self, inbox: &str, until: Timestamp, limit: usize) -> Read<Vec<Event>> {
        let waiting = event_state_number(EventState::Waiting);
        let end = until.as_nanosecond() + 1;
        let table = self.transaction.open_table(EVENTS_DUE)?;
        let mut events = Vec::new();
        for entry in table.range((inbox, waiting, i128::MIN, 0)..(inbox, waiting, end, 0))?.take(limit) {
            events.push(self.listed_event(inbox, entry?.1.value(), true)?);
        }
        Ok(events)
    }

    pub(super) fn next_event_due(&self, inbox: &str, after: Option<Timestamp>) -> Read<Option<Timestamp>> {
        let waiting = event_state_number(EventState::Waiting);
        let from = after.map_or(i128::MIN, |after| after.as_nanosecond() + 1);
        let table = self.transaction.open_table(EVENTS_DUE)?;
        let first = table.range((inbox, waiting, from, 0)..=(inbox, waiting, i128::MAX, u64::MAX))?.next();
        first.transpose()?.map(|(key, _)| instant(key.value().2, inbox)).transpose()
    }

    /// Merges the lists of all inboxes and states that match, each of which is in order.
    pub(super) fn events(&self, query: &EventQuery) -> Read<Vec<Event>> {
        let table = self.transaction.open_table(EVENTS_DUE)?;
        let mut lists = Vec::new();
        for count in self.event_counts()?.into_iter().filter(|count| wanted(count, query)) {
            let state = event_state_number(count.state);
            let inbox = count.inbox.as_str();
            let list = table.range((inbox, state, i128::MIN, 0)..=(inbox, state, i128::MAX, u64::MAX))?;
            lists.push((count.inbox, list));
        }
        let mut next = BinaryHeap::new();
        (0..lists.len()).try_for_each(|index| advance(&mut lists, index, &mut next))?;
        let mut events = Vec::new();
        while query.limit == 0 || events.len() < query.limit {
            let Some((_, name, index)) = next.pop() else { break };
            advance(&mut lists, index, &mut next)?;
            events.push(self.listed_event(&lists[index].0, &name, false)?);
        }
        Ok(events)
    }

    pub(super) fn event_counts(&self) -> Read<Vec<EventCount>> {
        let mut counts = Vec::new();
        for entry in self.transaction.open_table(EVENT_COUNTS)?.iter()? {
            let (key, count) = entry?;
            let (inbox, state) = key.value();
            if let (Some(state), count @ 1..) = (numbered_event_state(state), count.value()) {
                counts.push(EventCount { inbox: inbox.to_owned(), state, count });
            }
        }
        Ok(counts)
    }
}

type Listed<'t> = (String, ::redb::Range<'t, (&'static str, u8, i128, u64), &'static str>);

/// Takes the latest of a list into the merge.
fn advance(
    lists: &mut [Listed<'_>],
    index: usize,
    next: &mut BinaryHeap<((i128, u64), String, usize)>,
) -> Read<()> {
    if let Some((key, name)) = lists[index].1.next_back().transpose()? {
        let (_, _, due, arrived) = key.value();
        next.push(((due, arrived), name.value().to_owned(), index));
    }
    Ok(())
}

fn wanted(count: &EventCount, query: &EventQuery) -> bool {
    count.inbox.starts_with(&query.inbox) && (query.states.is_empty() || query.states.contains(&count.state))
}
