//! Pushing: a simulator calls whoever subscribed, and loses, doubles and holds back what it would tell on demand.
//!
//! What is to be told is put into an [`Outbox`]; a task beside the server sends it when it is due. What proves the
//! sender ([`Envelope`]) is made at the moment of sending, since signatures carry the time and tokens run out. The outbox
//! counts for itself what was acknowledged, lost and doubled, so that nobody needs to ask the receiver.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use super::dice::Dice;
use super::exchange::{Answer, Call};
use super::post;
use super::system::lock;
use crate::base::{Clock, clock};

/// How many pushes are remembered one by one.
const REMEMBERED: usize = 20_000;

/// The headers that prove a sender, or why there are none.
pub type Sealed<'a> = Pin<Box<dyn Future<Output = Result<Vec<(String, String)>, String>> + Send + 'a>>;

/// What proves to a receiver who the sender is.
pub trait Envelope: Send + Sync + fmt::Debug {
    /// The headers to send along with `push` at `now`.
    fn seal<'a>(&'a self, push: &'a Push, now: Timestamp) -> Sealed<'a>;
}

/// One thing to tell one receiver.
#[derive(Debug, Clone)]
pub struct Push {
    /// The receiver's address.
    pub to: String,
    /// Headers, but for those of the envelope.
    pub headers: Vec<(String, String)>,
    /// The body, the same at every attempt.
    pub body: Bytes,
    /// What it is about, for whoever looks.
    pub about: String,
    /// What proves the sender; without it nothing does.
    pub envelope: Option<Arc<dyn Envelope>>,
}

/// How the pushing goes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manner {
    /// Whether anything is pushed at all; what happens while it is off is never told.
    pub on: bool,
    /// The share of pushes that are lost.
    pub drop: f64,
    /// The share of pushes that are sent twice.
    pub double: f64,
    /// What the chance is drawn from.
    pub seed: u64,
}

impl Default for Manner {
    fn default() -> Self {
        Self { on: true, drop: 0.0, double: 0.0, seed: 1 }
    }
}

/// How pushes ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Things told that a receiver answered with 2xx, each counted once.
    pub acknowledged: u64,
    /// Lost on purpose.
    pub dropped: u64,
    /// Sent twice on purpose.
    pub doubled: u64,
    /// Not told because pushing was off.
    pub withheld: u64,
    /// Attempts that were answered with something else than 2xx.
    pub refused: u64,
    /// Attempts that met nobody, or no answer in time.
    pub unreachable: u64,
    /// Attempts after the first.
    pub retried: u64,
    /// Things that were tried for the last time without success.
    pub given_up: u64,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// What it was about.
    pub about: String,
    /// Whom.
    pub to: String,
    /// The status of the answer, or why there was none.
    pub outcome: Result<u16, String>,
}

/// How patient the sender is.
#[derive(Debug, Clone)]
pub struct Patience {
    /// How long after a failure it tries again, failure by failure; after the last one it gives up.
    pub retries: Vec<Duration>,
    /// How long it waits for an answer, in real time.
    pub limit: Duration,
    /// How many pushes are under way at once.
    pub at_once: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self { retries: Vec::new(), limit: Duration::from_secs(10), at_once: 16 }
    }
}

#[derive(Debug)]
struct Waiting {
    push: Arc<Push>,
    attempt: usize,
    /// A copy is no news: its acknowledgement is not counted.
    copy: bool,
}

#[derive(Debug)]
struct Inner {
    manner: Manner,
    dice: Dice,
    counts: Counts,
    waiting: BTreeMap<(Timestamp, u64), Waiting>,
    arrived: u64,
    under_way: usize,
    told: VecDeque<Told>,
    heard: HashSet<String>,
}

/// What is waiting to be told.
#[derive(Debug)]
pub struct Outbox {
    inner: Mutex<Inner>,
    patience: Patience,
    wake: Notify,
}

impl Outbox {
    /// An empty one.
    pub fn new(manner: Manner, patience: Patience) -> Self {
        let inner = Inner {
            manner,
            dice: Dice::new(manner.seed),
            counts: Counts::default(),
            waiting: BTreeMap::new(),
            arrived: 0,
            under_way: 0,
            told: VecDeque::new(),
            heard: HashSet::new(),
        };
        Self { inner: Mutex::new(inner), patience, wake: Notify::new() }
    }

    /// Takes something that is to be told from `due` on. Whether it is lost or doubled is drawn here, so that the order of
    /// what happens decides and not that of the sending.
    pub fn put(&self, push: Push, due: Timestamp) {
        let mut inner = lock(&self.inner);
        let Manner { on, drop, double, .. } = inner.manner;
        let (lost, twice) = (inner.dice.chance(drop), inner.dice.chance(double));
        if !on {
            inner.counts.withheld += 1;
            return;
        }
        if lost {
            inner.counts.dropped += 1;
            return;
        }
        let push = Arc::new(push);
        inner.add(due, Waiting { push: push.clone(), attempt: 0, copy: false });
        if twice {
            inner.counts.doubled += 1;
            inner.add(due, Waiting { push, attempt: 0, copy: true });
        }
        self.wake.notify_one();
    }

    /// Wakes the sending task, for whoever changed what is due.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// How the pushing goes.
    pub fn manner(&self) -> Manner {
        lock(&self.inner).manner
    }

    /// From now on it goes so; what is already on its way is not called back.
    pub fn set_manner(&self, manner: Manner) {
        let mut inner = lock(&self.inner);
        (inner.manner, inner.dice) = (manner, Dice::new(manner.seed));
    }

    /// How pushes ended so far.
    pub fn counts(&self) -> Counts {
        lock(&self.inner).counts
    }

    /// The attempts that are remembered, oldest first.
    pub fn told(&self) -> Vec<Told> {
        lock(&self.inner).told.iter().cloned().collect()
    }

    /// What was acknowledged, in the words of [`Push::about`]. They must differ for this to be of use.
    pub fn heard(&self) -> HashSet<String> {
        lock(&self.inner).heard.clone()
    }

    /// What waits, with when it is due, in order.
    pub fn waiting(&self) -> Vec<(Timestamp, Arc<Push>)> {
        lock(&self.inner).waiting.iter().map(|((due, _), waiting)| (*due, waiting.push.clone())).collect()
    }

    /// Whether nothing waits and nothing is on its way.
    pub fn is_idle(&self) -> bool {
        let inner = lock(&self.inner);
        inner.waiting.is_empty() && inner.under_way == 0
    }

    /// Sends what is due, for as long as it is polled. `life` runs before each look: it lets time pass in the system and says
    /// when it wants to be asked again.
    pub async fn run(self: Arc<Self>, time: Arc<dyn Clock>, life: impl Fn() -> Option<Timestamp> + Send) {
        let seats = Arc::new(Semaphore::new(self.patience.at_once.max(1)));
        let mut sending = JoinSet::new();
        loop {
            let again = life();
            for waiting in self.take(time.now()) {
                let Ok(seat) = seats.clone().acquire_owned().await else { return };
                let (outbox, time) = (self.clone(), time.clone());
                sending.spawn(async move {
                    outbox.send(waiting, time.as_ref()).await;
                    drop(seat);
                });
            }
            while sending.try_join_next().is_some() {}
            let due = async {
                match self.next_due().into_iter().chain(again).min() {
                    Some(next) => time.sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// Answers `GET push` (manner and counts), `GET pushes` (attempts) and `POST push` (a new manner) among the control
    /// endpoints of a simulator.
    pub fn control(&self, call: &Call, path: &[&str]) -> Option<Answer> {
        Some(match (call.method.as_str(), path) {
            ("GET", ["push"]) => {
                let (manner, counts, waiting) = (self.manner(), self.counts(), self.waiting().len());
                Answer::json(200, &json!({ "manner": manner, "counts": counts, "waiting": waiting }))
            }
            ("GET", ["pushes"]) => Answer::of(200, &self.told()),
            ("POST", ["push"]) => match serde_json::from_slice(&call.body) {
                Ok(manner) => {
                    self.set_manner(manner);
                    Answer::of(200, &manner)
                }
                Err(error) => Answer::refused(error.to_string()),
            },
            _ => return None,
        })
    }

    fn take(&self, now: Timestamp) -> Vec<Waiting> {
        let mut inner = lock(&self.inner);
        let later = inner.waiting.split_off(&(now, u64::MAX));
        let due: Vec<Waiting> = std::mem::replace(&mut inner.waiting, later).into_values().collect();
        inner.under_way += due.len();
        due
    }

    fn next_due(&self) -> Option<Timestamp> {
        lock(&self.inner).waiting.keys().next().map(|(due, _)| *due)
    }

    async fn send(&self, waiting: Waiting, time: &dyn Clock) {
        let at = time.now();
        let outcome = self.attempt(&waiting.push, at).await;
        let mut inner = lock(&self.inner);
        inner.under_way -= 1;
        inner.counts.retried += u64::from(waiting.attempt > 0);
        let done = matches!(outcome, Ok(200..=299));
        match outcome {
            Ok(200..=299) => inner.counts.acknowledged += u64::from(!waiting.copy),
            Ok(_) => inner.counts.refused += 1,
            Err(_) => inner.counts.unreachable += 1,
        }
        let Push { about, to, .. } = waiting.push.as_ref();
        inner.remember(Told { at, about: about.clone(), to: to.clone(), outcome });
        if done {
            inner.heard.insert(waiting.push.about.clone());
            return;
        }
        match self.patience.retries.get(waiting.attempt) {
            Some(pause) => {
                let due = clock::add(time.now(), *pause);
                inner.add(due, Waiting { attempt: waiting.attempt + 1, ..waiting });
                self.wake.notify_one();
            }
            None => inner.counts.given_up += u64::from(!waiting.copy),
        }
    }

    async fn attempt(&self, push: &Push, now: Timestamp) -> Result<u16, String> {
        let mut headers = push.headers.clone();
        if let Some(envelope) = &push.envelope {
            headers.extend(envelope.seal(push, now).await?);
        }
        let heard = post::post(&push.to, &headers, &push.body, self.patience.limit).await?;
        Ok(heard.status)
    }
}

impl Inner {
    fn add(&mut self, due: Timestamp, waiting: Waiting) {
        self.arrived += 1;
        self.waiting.insert((due, self.arrived), waiting);
    }

    fn remember(&mut self, told: Told) {
        if self.told.len() == REMEMBERED {
            self.told.pop_front();
        }
        self.told.push_back(told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ManualClock, SystemClock};

    fn push(to: &str, about: &str) -> Push {
        let body = Bytes::from(json!({ "about": about }).to_string());
        Push { to: to.to_owned(), headers: Vec::new(), body, about: about.to_owned(), envelope: None }
    }

    fn start() -> Timestamp {
        "2026-11-20T18:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_share_is_lost_and_a_share_comes_twice() {
        let outbox = Outbox::new(Manner { drop: 0.1, double: 0.1, ..Manner::default() }, Patience::default());
        (0..1_000).for_each(|number| outbox.put(push("http://127.0.0.1:9", &number.to_string()), start()));
        let counts = outbox.counts();
        assert!((60..140).contains(&counts.dropped), "{counts:?}");
        assert!((60..140).contains(&counts.doubled), "{counts:?}");
        assert_eq!(outbox.waiting().len() as u64, 1_000 - counts.dropped + counts.doubled);
        outbox.set_manner(Manner { on: false, ..Manner::default() });
        outbox.put(push("http://127.0.0.1:9", "silence"), start());
        assert_eq!(outbox.counts().withheld, 1);
    }

    #[tokio::test]
    async fn what_fails_is_tried_again_as_often_as_the_sender_does() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = format!("http://{}/hook", listener.local_addr().unwrap());
        drop(listener);
        let time = ManualClock::at(start());
        let patience = Patience { retries: vec![Duration::from_secs(60); 2], ..Patience::default() };
        let outbox = Arc::new(Outbox::new(Manner::default(), patience));
        outbox.put(push(&nobody, "A"), start());
        let sending = tokio::spawn(outbox.clone().run(Arc::new(time.clone()), || None));
        for tries in 1..=3 {
            while outbox.told().len() < tries {
                tokio::task::yield_now().await;
            }
            time.advance(Duration::from_secs(60));
        }
        let counts = outbox.counts();
        assert_eq!((counts.unreachable, counts.retried, counts.given_up), (3, 2, 1), "{counts:?}");
        assert!(outbox.is_idle());
        sending.abort();
    }

    #[derive(Debug)]
    struct Stamped;

    impl Envelope for Stamped {
        fn seal<'a>(&'a self, push: &'a Push, _: Timestamp) -> Sealed<'a> {
            Box::pin(async move { Ok(vec![("x-about".to_owned(), push.about.clone())]) })
        }
    }

    #[tokio::test]
    async fn what_is_due_arrives_in_its_envelope() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = format!("http://{}/hooks/a?b=1", listener.local_addr().unwrap());
        let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
            let sender = sender.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 10_000).await.unwrap();
                sender.send((parts.uri.to_string(), parts.headers, body)).unwrap();
                axum::http::StatusCode::NO_CONTENT
            }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        let outbox = Arc::new(Outbox::new(Manner { double: 1.0, ..Manner::default() }, Patience::default()));
        let sending = tokio::spawn(outbox.clone().run(SystemClock::shared(), || None));
        outbox.put(Push { envelope: Some(Arc::new(Stamped)), ..push(&to, "A") }, SystemClock.now());
        for _ in 0..2 {
            let (uri, headers, body) = heard.recv().await.unwrap();
            assert_eq!((uri.as_str(), body.as_ref()), ("/hooks/a?b=1", br#"{"about":"A"}"#.as_slice()));
            assert_eq!(headers["x-about"], "A");
        }
        while !outbox.is_idle() {
            tokio::task::yield_now().await;
        }
        let counts = outbox.counts();
        assert_eq!((counts.acknowledged, counts.doubled), (1, 1), "the copy is no news: {counts:?}");
        sending.abort();
    }
}
