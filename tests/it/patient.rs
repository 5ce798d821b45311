//! A clock that moves only when everybody waits: an hour takes as long as the work of an hour, and no call takes longer than it
//! should because the machine is slow.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ml_connector::base::{Clock, clock};
use tokio::sync::Notify;

/// Nobody asks for the time for so long: everybody waits.
const QUIET: Duration = Duration::from_millis(3);
/// Who is due within so long wakes together.
const TOGETHER: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Patient {
    sleepers: Arc<Mutex<Sleepers>>,
    asked: AtomicU64,
}

#[derive(Debug)]
struct Sleepers {
    now: Timestamp,
    number: u64,
    waiting: BTreeMap<(Timestamp, u64), Arc<Notify>>,
}

/// A sleeper; one that does not wait any more holds nobody up.
struct Sleeper {
    sleepers: Arc<Mutex<Sleepers>>,
    place: (Timestamp, u64),
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.sleepers.lock().unwrap().waiting.remove(&self.place);
    }
}

impl Patient {
    pub fn at(began: &str) -> Arc<Self> {
        let sleepers = Sleepers { now: began.parse().unwrap(), number: 0, waiting: BTreeMap::new() };
        let patient =
            Arc::new(Self { sleepers: Arc::new(Mutex::new(sleepers)), asked: AtomicU64::default() });
        let driven = Arc::downgrade(&patient);
        std::thread::spawn(move || drive(&driven));
        patient
    }

    /// Goes to the next instant for which somebody waits.
    fn step(&self) {
        let mut sleepers = self.sleepers.lock().unwrap();
        let Some(((next, _), _)) = sleepers.waiting.first_key_value() else { return };
        let now = (*next).max(clock::add(sleepers.now, TOGETHER));
        sleepers.now = now;
        let later = sleepers.waiting.split_off(&(now, u64::MAX));
        for waiting in std::mem::replace(&mut sleepers.waiting, later).into_values() {
            waiting.notify_one();
        }
    }
}

fn drive(patient: &Weak<Patient>) {
    let mut seen = (0, Instant::now());
    while let Some(patient) = patient.upgrade() {
        let asked = patient.asked.load(Ordering::SeqCst);
        if asked != seen.0 {
            seen = (asked, Instant::now());
        } else if seen.1.elapsed() >= QUIET {
            patient.step();
            seen.1 = Instant::now();
        }
        drop(patient);
        std::thread::sleep(Duration::from_micros(300));
    }
}

impl Clock for Patient {
    fn now(&self) -> Timestamp {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.sleepers.lock().unwrap().now
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut sleepers = self.sleepers.lock().unwrap();
        if instant <= sleepers.now {
            return Box::pin(async {});
        }
        sleepers.number += 1;
        let (place, woken) = ((instant, sleepers.number), Arc::new(Notify::new()));
        sleepers.waiting.insert(place, Arc::clone(&woken));
        let sleeper = Sleeper { sleepers: Arc::clone(&self.sleepers), place };
        Box::pin(async move {
            woken.notified().await;
            drop(sleeper);
        })
    }
}
