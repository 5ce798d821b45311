//! Answers of reads that are used again for a while: asked once, however many ask at the same time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::outcome::{Call, Outcome};
use crate::base::{Clock, clock};

/// So many answers are kept at most.
const MOST: usize = 2048;

/// Answers by what was asked.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<HashMap<String, Arc<Entry>>>);

#[derive(Debug, Default)]
struct Entry {
    /// Counts how often it was asked.
    asked: AtomicU64,
    /// Whoever holds it asks; the others wait for what is answered.
    kept: tokio::sync::Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    until: Timestamp,
    outcome: Option<Outcome>,
}

/// An answer, and whether it was asked for just now.
pub(super) enum Answer {
    /// It was known, or somebody else asked at the same time.
    Known(Outcome),
    /// It was asked for.
    Asked(Call),
}

impl Cache {
    /// What `ask` yields, or what it yielded for the same `question` less than `keep` ago. What did not work is not kept,
    /// but those who waited for it share it.
    pub(super) async fn get(
        &self,
        question: String,
        keep: Duration,
        clock: &dyn Clock,
        ask: impl Future<Output = Call>,
    ) -> Answer {
        let entry = self.entry(question, clock.now());
        let before = entry.asked.load(Ordering::SeqCst);
        let mut kept = entry.kept.lock().await;
        let waited = entry.asked.load(Ordering::SeqCst) != before;
        if let Some(outcome) = kept.outcome.as_ref().filter(|_| waited || kept.until > clock.now()) {
            return Answer::Known(outcome.clone());
        }
        let call = ask.await;
        let worked = matches!(call.outcome, Outcome::Ok { .. } | Outcome::Done);
        kept.until = if worked { clock::add(clock.now(), keep) } else { Timestamp::MIN };
        kept.outcome = Some(call.outcome.clone());
        entry.asked.fetch_add(1, Ordering::SeqCst);
        Answer::Asked(call)
    }

    fn entry(&self, question: String, now: Timestamp) -> Arc<Entry> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MOST && !entries.contains_key(&question) {
            let used = |entry: &Arc<Entry>| Arc::strong_count(entry) > 1;
            entries
                .retain(|_, entry| used(entry) || entry.kept.try_lock().is_ok_and(|kept| kept.until > now));
            if entries.len() >= MOST {
                entries.retain(|_, entry| used(entry));
            }
        }
        Arc::clone(entries.entry(question).or_default())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::json;

    use super::*;
    use crate::base::ManualClock;

    fn worked() -> Call {
        Call::unsent(Outcome::Ok { result: json!(1), documents: Vec::new() })
    }

    /// How often `count` askers at once lead to a call that ends as `call`.
    async fn asked(cache: &Cache, clock: &ManualClock, count: usize, call: Call) -> u64 {
        let calls = AtomicU64::new(0);
        let one = || {
            cache.get("q".to_owned(), Duration::from_secs(60), clock, async {
                calls.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                call.clone()
            })
        };
        join_all((0..count).map(|_| one())).await;
        calls.into_inner()
    }

    #[tokio::test]
    async fn many_at_once_ask_once_and_later_ones_when_the_time_is_up() {
        let (cache, clock) = (Cache::default(), ManualClock::at(Timestamp::UNIX_EPOCH));
        assert_eq!(asked(&cache, &clock, 5, worked()).await, 1);
        clock.advance(Duration::from_secs(59));
        assert_eq!(asked(&cache, &clock, 5, worked()).await, 0);
        clock.advance(Duration::from_secs(1));
        assert_eq!(asked(&cache, &clock, 1, worked()).await, 1);
    }

    #[tokio::test]
    async fn a_failure_is_shared_but_not_kept() {
        let (cache, clock) = (Cache::default(), ManualClock::at(Timestamp::UNIX_EPOCH));
        let failed = Call::unsent(Outcome::Lost("gone".to_owned()));
        assert_eq!(asked(&cache, &clock, 5, failed).await, 1);
        assert_eq!(asked(&cache, &clock, 1, worked()).await, 1);
        assert_eq!(asked(&cache, &clock, 1, worked()).await, 0);
    }

    #[tokio::test]
    async fn it_does_not_grow_without_end() {
        let (cache, clock) = (Cache::default(), ManualClock::at(Timestamp::UNIX_EPOCH));
        for question in 0..MOST + 10 {
            cache.get(question.to_string(), Duration::from_secs(60), &clock, async { worked() }).await;
        }
        assert!(cache.0.lock().unwrap().len() <= MOST);
    }
}
