//! Who is connected, and who has to leave when all places are taken.
//!
//! A stranger can hold a connection open and say nothing. So one who comes when all places are taken gets that of whoever
//! has been waiting for longest: for a request, or for the rest of one. A sender that says what it has to say is never that
//! one, and whose request is worked on keeps the place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The places.
#[derive(Debug)]
pub(super) struct Guests {
    most: usize,
    seats: Mutex<Seats>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Seats {
    /// Counts whatever happens, which tells who has been waiting for longest.
    time: u64,
    taken: HashMap<u64, Seat>,
}

#[derive(Debug)]
struct Seat {
    /// Since when its guest has been waiting; none while its request is worked on.
    waiting: Option<u64>,
    leave: CancellationToken,
}

impl Guests {
    /// As many places as there may be connections.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), seats: Mutex::default(), left: Notify::new() })
    }

    /// A place for one who has come; waits only while a request is worked on at each of them.
    pub(super) async fn seat(self: &Arc<Self>) -> Guest {
        loop {
            let left = self.left.notified();
            if let Some(guest) = self.try_seat() {
                return guest;
            }
            left.await;
        }
    }

    fn try_seat(self: &Arc<Self>) -> Option<Guest> {
        let mut seats = self.lock();
        if seats.taken.len() >= self.most {
            let waiting = seats.taken.iter().filter_map(|(place, seat)| Some((seat.waiting?, *place)));
            let (_, longest) = waiting.min()?;
            if let Some(seat) = seats.taken.remove(&longest) {
                seat.leave.cancel();
            }
        }
        let place = seats.tick();
        let leave = CancellationToken::new();
        seats.taken.insert(place, Seat { waiting: Some(place), leave: leave.clone() });
        Some(Guest(Arc::new(Place { guests: Arc::clone(self), place, leave })))
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    fn tick(&mut self) -> u64 {
        self.time += 1;
        self.time
    }
}

/// One who is connected, as long as any of its clones is there.
#[derive(Debug, Clone)]
pub(super) struct Guest(Arc<Place>);

#[derive(Debug)]
struct Place {
    guests: Arc<Guests>,
    place: u64,
    leave: CancellationToken,
}

impl Guest {
    /// Completes when it has to leave.
    pub(super) async fn has_to_leave(&self) {
        self.0.leave.cancelled().await;
    }

    /// Its request has come whole, and is worked on from now on.
    pub(super) fn is_served(&self) {
        self.wait(false);
    }

    /// It waits again, or reads its answer.
    pub(super) fn is_answered(&self) {
        self.wait(true);
    }

    fn wait(&self, waits: bool) {
        let mut seats = self.0.guests.lock();
        let now = seats.tick();
        if let Some(seat) = seats.taken.get_mut(&self.0.place) {
            seat.waiting = waits.then_some(now);
        }
        drop(seats);
        if waits {
            self.0.guests.left.notify_one();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.guests.lock().taken.remove(&self.place);
        self.guests.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn stays(guest: &Guest) -> bool {
        !guest.0.leave.is_cancelled()
    }

    #[tokio::test]
    async fn whoever_has_been_waiting_for_longest_makes_room() {
        let guests = Guests::new(3);
        let (first, second, third) = (guests.seat().await, guests.seat().await, guests.seat().await);
        second.is_served();
        // An answer is as good as having come just now.
        first.is_served();
        first.is_answered();
        let fourth = guests.seat().await;
        assert!(stays(&first) && stays(&second) && !stays(&third));
        let fifth = guests.seat().await;
        assert!(!stays(&first) && stays(&second) && stays(&fourth) && stays(&fifth));
    }

    #[tokio::test]
    async fn who_is_worked_on_is_waited_for() {
        let guests = Guests::new(2);
        let (first, second) = (guests.seat().await, guests.seat().await);
        first.is_served();
        second.is_served();
        let mut coming = Box::pin(guests.seat());
        assert!(coming.as_mut().now_or_never().is_none());
        second.is_answered();
        let third = coming.await;
        assert!(stays(&first) && !stays(&second) && stays(&third));
        third.is_served();
        let mut coming = Box::pin(guests.seat());
        assert!(coming.as_mut().now_or_never().is_none());
        drop(first);
        assert!(stays(&coming.await), "whoever leaves makes room, too");
    }
}
