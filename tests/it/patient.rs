//! A clock that moves only when everybody waits: an hour takes as long as the work of an hour, and no call takes longer than it
//! should because the machine is slow.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ml_connector::base::{Clock, clock};
use tokio::sync::Notify;

/// Nobody asks for the time for so long and no thread works: everybody waits.
const QUIET: Duration = Duration::from_millis(2);
/// The threads that the clock waits for; all others are of other tests, and may work as long as they like.
static WATCHED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Runs a test on threads that such a clock waits for.
pub fn run<T: Future<Output = ()> + Send + 'static>(test: T) {
    let this_thread = || {
        let path = std::fs::read_link("/proc/thread-self").unwrap();
        path.file_name().unwrap().to_string_lossy().into_owned()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .on_thread_start(move || {
            WATCHED.lock().unwrap().insert(this_thread());
        })
        .on_thread_stop(move || {
            WATCHED.lock().unwrap().remove(&this_thread());
        })
        .enable_all()
        .build();
    let runtime = runtime.unwrap();
    runtime.block_on(runtime.spawn(test)).unwrap();
}

/// Opens a store whose writer the clock waits for, too.
pub fn opening<T>(open: impl FnOnce() -> T) -> T {
    let writers = || -> BTreeSet<String> {
        let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let named = |path: &Path| std::fs::read_to_string(path.join("comm")).unwrap_or_default();
        threads
            .filter(|thread| named(&thread.path()).trim_end() == "store-writer")
            .map(|thread| thread.file_name().to_string_lossy().into_owned())
            .collect()
    };
    let before = writers();
    let opened = open();
    // Another test may open one at this moment, and is waited for, too; but not those of all tests.
    let new: Vec<String> = writers().difference(&before).cloned().collect();
    assert!(!new.is_empty(), "the store's writer is called otherwise now");
    WATCHED.lock().unwrap().extend(new);
    opened
}

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
        // Who waits for ever waits for something else than the time.
        let Some(((next, _), _)) =
            sleepers.waiting.first_key_value().filter(|((next, _), _)| *next < Timestamp::MAX)
        else {
            return;
        };
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
        } else if seen.1.elapsed() >= QUIET && !at_work() {
            patient.step();
            seen.1 = Instant::now();
        }
        drop(patient);
        std::thread::sleep(Duration::from_micros(300));
    }
}

/// Whether one of those threads works, or waits for a disk.
fn at_work() -> bool {
    WATCHED.lock().unwrap().iter().any(|thread| {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(')').unwrap_or_default().1;
        state.trim_start().starts_with(['R', 'D'])
    })
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
