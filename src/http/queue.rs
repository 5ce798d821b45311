//! Who is next: callers are served in turn, and in order within one.
//!
//! Each call waits with a ticket under the name of its caller. When a place is free, the caller who was served longest
//! ago gets it, so that one with a thousand calls waits no less than one with a single call.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The line of all who wait. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue(Arc<Mutex<Line>>);

#[derive(Debug, Default)]
struct Line {
    /// Who may start next; stays so until it has started or given up.
    next: Option<Ticket>,
    waiting: BTreeMap<String, VecDeque<Ticket>>,
    /// When each caller was last chosen, as a count of choices. There are as many callers as flows.
    chosen: BTreeMap<String, u64>,
    tickets: u64,
    choices: u64,
}

#[derive(Debug, Clone)]
struct Ticket {
    number: u64,
    turn: Arc<Notify>,
}

/// A place in the line; giving it up by dropping it lets the next one on.
#[derive(Debug)]
pub(super) struct Place {
    queue: Queue,
    who: String,
    ticket: Ticket,
}

impl Queue {
    /// Joins the line.
    pub(super) fn join(&self, who: &str) -> Place {
        let ticket = self.line(|line| {
            line.tickets += 1;
            let ticket = Ticket { number: line.tickets, turn: Arc::default() };
            line.waiting.entry(who.to_owned()).or_default().push_back(ticket.clone());
            line.choose();
            ticket
        });
        Place { queue: self.clone(), who: who.to_owned(), ticket }
    }

    fn line<T>(&self, work: impl FnOnce(&mut Line) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Line {
    /// Chooses who is next, if nobody is.
    fn choose(&mut self) {
        if self.next.is_some() {
            return;
        }
        let last = |who: &str| self.chosen.get(who).copied().unwrap_or(0);
        let first = |waiting: &VecDeque<Ticket>| waiting.front().map_or(u64::MAX, |ticket| ticket.number);
        let who = self.waiting.iter().min_by_key(|(who, waiting)| (last(who), first(waiting)));
        let Some(who) = who.map(|(who, _)| who.clone()) else { return };
        self.next = self.waiting.get_mut(&who).and_then(VecDeque::pop_front);
        self.waiting.retain(|_, waiting| !waiting.is_empty());
        self.choices += 1;
        self.chosen.insert(who, self.choices);
        if let Some(next) = &self.next {
            next.turn.notify_one();
        }
    }

    fn is_next(&self, ticket: &Ticket) -> bool {
        self.next.as_ref().is_some_and(|next| next.number == ticket.number)
    }
}

impl Place {
    /// Waits until this is the next one to start.
    pub(super) async fn turn(&self) {
        while !self.queue.line(|line| line.is_next(&self.ticket)) {
            self.ticket.turn.notified().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.line(|line| {
            if line.is_next(&self.ticket) {
                line.next = None;
                line.choose();
            } else if let Some(waiting) = line.waiting.get_mut(&self.who) {
                waiting.retain(|ticket| ticket.number != self.ticket.number);
                line.waiting.retain(|_, waiting| !waiting.is_empty());
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn is_next(place: &Place) -> bool {
        place.turn().now_or_never().is_some()
    }

    /// Lets everybody through, one after another, and says in which order.
    fn order(mut places: Vec<Place>) -> Vec<(String, u64)> {
        let mut order = Vec::new();
        while let Some(at) = places.iter().position(is_next) {
            let place = places.remove(at);
            order.push((place.who.clone(), place.ticket.number));
        }
        assert_eq!(places.len(), 0);
        order
    }

    #[test]
    fn callers_are_served_in_turn_and_in_order_within_one() {
        let queue = Queue::default();
        let places: Vec<Place> = ["a", "a", "a", "b", "c", "b"].map(|who| queue.join(who)).into();
        let served = order(places);
        let expected = [("a", 1), ("b", 4), ("c", 5), ("a", 2), ("b", 6), ("a", 3)];
        assert_eq!(served, expected.map(|(who, number)| (who.to_owned(), number)));
    }

    #[test]
    fn one_who_comes_back_goes_before_one_who_has_had_more() {
        let queue = Queue::default();
        let mut flood: Vec<Place> = (0..3).map(|_| queue.join("flood")).collect();
        let single = queue.join("single");
        drop(flood.remove(0));
        assert!(is_next(&single));
        drop(single);
        assert!(is_next(&flood[0]));
        let single = queue.join("single");
        drop(flood.remove(0));
        assert!(is_next(&single) && !is_next(&flood[0]));
    }

    #[test]
    fn one_who_gives_up_leaves_no_gap() {
        let queue = Queue::default();
        let mut places: Vec<Place> = ["a", "b", "a"].map(|who| queue.join(who)).into();
        drop(places.remove(1));
        drop(places.remove(0));
        assert!(is_next(&places[0]));
        drop(places);
        assert!(is_next(&queue.join("b")));
        assert_eq!(queue.line(|line| line.waiting.len()), 0);
    }
}
