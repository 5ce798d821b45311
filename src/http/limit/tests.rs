//! Who may start when: on a clock that only the tests move.

use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;
use crate::base::ManualClock;

fn limiter(concurrency: u32, rate: Option<(u32, u64)>) -> (Limiter, ManualClock) {
    let clock = ManualClock::at("2026-11-03T10:00:00Z".parse().unwrap());
    let rate = rate.map(|(calls, per)| RateLimit {
        calls: NonZeroU32::new(calls).unwrap(),
        per: Duration::from_secs(per),
    });
    let options = LimitOptions { concurrency: NonZeroU32::new(concurrency).unwrap(), rate, headers: None };
    (Limiter::new(options, Arc::new(clock.clone())), clock)
}

fn enter(limiter: &Limiter) -> Option<Permit> {
    limiter.enter("a").now_or_never()
}

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

#[test]
fn so_many_at_once() {
    let (limiter, _) = limiter(2, None);
    let first = enter(&limiter).unwrap();
    let _second = enter(&limiter).unwrap();
    assert!(enter(&limiter).is_none());
    drop(first);
    assert!(enter(&limiter).is_some());
}

#[test]
fn so_many_in_a_time_and_in_the_order_they_came() {
    let (limiter, clock) = limiter(100, Some((1, 10)));
    drop(enter(&limiter).unwrap());
    let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(limiter.enter("a"))).collect();
    for first in 0..5 {
        assert!(waiting.iter_mut().skip(first).all(|call| call.now_or_never().is_none()));
        clock.advance(Duration::from_secs(10));
        // Later ones are polled first and still have to wait.
        assert!(waiting.iter_mut().skip(first + 1).rev().all(|call| call.now_or_never().is_none()));
        assert!((&mut waiting[first]).now_or_never().is_some(), "{first}");
    }
}

#[test]
fn one_who_gives_up_leaves_no_gap() {
    let (limiter, clock) = limiter(1, Some((1, 10)));
    drop(enter(&limiter).unwrap());
    let mut impatient = Box::pin(limiter.enter("a"));
    assert!((&mut impatient).now_or_never().is_none());
    drop(impatient);
    clock.advance(Duration::from_secs(10));
    assert!(enter(&limiter).is_some());
}

#[test]
fn a_pause_that_is_asked_for_is_made_by_all() {
    let (limiter, clock) = limiter(8, None);
    let mut waiting = Box::pin({
        limiter.observe(StatusCode::TOO_MANY_REQUESTS, &headers(&[("retry-after", "30")]));
        limiter.enter("a")
    });
    assert!((&mut waiting).now_or_never().is_none());
    // The pause is extended while one waits.
    limiter.observe(StatusCode::SERVICE_UNAVAILABLE, &headers(&[("retry-after", "60")]));
    clock.advance(Duration::from_secs(30));
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(limiter.held_until(), Some(add(clock.now(), Duration::from_secs(30))));
    clock.advance(Duration::from_secs(30));
    assert!((&mut waiting).now_or_never().is_some());
    assert_eq!(limiter.held_until(), None);
}

#[test]
fn too_many_without_a_hint_slows_down_for_a_while() {
    let (limiter, clock) = limiter(8, None);
    limiter.observe(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new());
    assert!(enter(&limiter).is_none());
    clock.advance(Duration::from_secs(1));
    assert!(enter(&limiter).is_some());
    assert!(enter(&limiter).is_none());
    for _ in 0..200 {
        limiter.observe(StatusCode::OK, &HeaderMap::new());
    }
    assert!(enter(&limiter).is_some() && enter(&limiter).is_some());
    limiter.observe(StatusCode::BAD_GATEWAY, &HeaderMap::new());
    assert!(enter(&limiter).is_some());
}

#[test]
fn every_way_to_write_a_pause_is_read() {
    let now: Timestamp = "2026-11-03T10:00:00Z".parse().unwrap();
    let seconds =
        |fields: &[(&'static str, &str)]| retry_after(&headers(fields), now).map(|pause| pause.as_secs());
    for (text, expected) in [
        ("30", Some(30)),
        ("0", Some(1)),
        ("999999", Some(900)),
        ("99999999999999999999999999", Some(900)),
        ("Tue, 03 Nov 2026 10:02:00 GMT", Some(120)),
        ("Tue, 03 Nov 2020 10:02:00 GMT", Some(1)),
        ("Tue, 03 Nov 2099 10:02:00 GMT", Some(900)),
        ("soon", None),
        ("-5", None),
        ("", None),
    ] {
        assert_eq!(seconds(&[("retry-after", text)]), expected, "{text}");
    }
    let skewed =
        [("retry-after", "Tue, 03 Nov 2026 11:00:10 GMT"), ("date", "Tue, 03 Nov 2026 11:00:00 GMT")];
    assert_eq!(seconds(&skewed), Some(10));
    assert_eq!(seconds(&[]), None);
}

const MINUTE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(100);

fn v1(calls: u32) -> LimitOptions {
    LimitOptions {
        concurrency: NonZeroU32::new(8).unwrap(),
        rate: Some(RateLimit { calls: NonZeroU32::new(calls).unwrap(), per: MINUTE }),
        headers: Some(RateHeaders {
            limit: Some(HeaderName::from_static("x-rate-limit-limit")),
            remaining: HeaderName::from_static("x-rate-limit-remaining"),
            reset: HeaderName::from_static("x-rate-limit-reset"),
        }),
    }
}

/// The headers of ShipStation V1.
fn told(limit: u32, remaining: u32, reset: u64) -> HeaderMap {
    headers(&[
        ("x-rate-limit-limit", &limit.to_string()),
        ("x-rate-limit-remaining", &remaining.to_string()),
        ("x-rate-limit-reset", &reset.to_string()),
    ])
}

/// A server that counts calls in fixed windows of a minute, others' too.
struct Server {
    limit: u32,
    window: Timestamp,
    used: u32,
    refused: u32,
}

impl Server {
    fn new(limit: u32, now: Timestamp) -> Self {
        Self { limit, window: now, used: 0, refused: 0 }
    }

    fn turn(&mut self, now: Timestamp) {
        while between(self.window, now) >= MINUTE {
            self.window = add(self.window, MINUTE);
            self.used = 0;
        }
    }

    fn answer(&mut self, now: Timestamp) -> (StatusCode, HeaderMap) {
        self.turn(now);
        let fine = self.used < self.limit;
        if fine {
            self.used += 1;
        } else {
            self.refused += 1;
        }
        let reset = between(now, add(self.window, MINUTE)).as_secs();
        let status = if fine { StatusCode::OK } else { StatusCode::TOO_MANY_REQUESTS };
        (status, told(self.limit, self.limit - self.used, reset))
    }
}

type Waiting<'l> = (&'static str, std::pin::Pin<Box<dyn Future<Output = Permit> + 'l>>);

/// Lets callers work for a while on end: whoever may start is answered at once and comes again. Gives who started when.
fn work(
    limiter: &Limiter,
    clock: &ManualClock,
    callers: &[(&'static str, usize)],
    time: Duration,
    mut answer: impl FnMut(Timestamp) -> Option<(StatusCode, HeaderMap)>,
) -> Vec<(&'static str, Timestamp)> {
    let enter = |who: &'static str| -> Waiting<'_> { (who, Box::pin(limiter.enter(who))) };
    let mut waiting: Vec<Waiting<'_>> =
        callers.iter().flat_map(|(who, calls)| (0..*calls).map(|_| enter(who))).collect();
    let (mut starts, end) = (Vec::new(), add(clock.now(), time));
    while clock.now() < end {
        let mut moved = true;
        while moved {
            moved = false;
            for (who, call) in &mut waiting {
                let Some(permit) = call.as_mut().now_or_never() else { continue };
                moved = true;
                starts.push((*who, clock.now()));
                drop(permit);
                if let Some((status, headers)) = answer(clock.now()) {
                    limiter.observe(status, &headers);
                }
                (*who, *call) = enter(who);
            }
        }
        clock.advance(TICK);
    }
    starts
}

/// The most starts in any minute.
fn busiest(starts: &[(&str, Timestamp)]) -> usize {
    let within =
        |from: Timestamp| starts.iter().filter(|(_, at)| *at >= from && between(from, *at) < MINUTE).count();
    starts.iter().map(|(_, at)| within(*at)).max().unwrap_or(0)
}

fn count(starts: &[(&str, Timestamp)], who: &str) -> usize {
    starts.iter().filter(|(started, _)| *started == who).count()
}

#[test]
fn an_hour_at_forty_a_minute_with_one_who_floods() {
    for server in [false, true] {
        let clock = ManualClock::at("2026-11-03T10:00:00Z".parse().unwrap());
        let limiter = Limiter::new(v1(40), Arc::new(clock.clone()));
        let mut v1 = Server::new(40, clock.now());
        let callers = [("flood", 60), ("orders", 1), ("stock", 1)];
        let starts = work(&limiter, &clock, &callers, 60 * MINUTE, |now| server.then(|| v1.answer(now)));
        assert!(busiest(&starts) <= 40, "{}", busiest(&starts));
        assert!(starts.len() >= 60 * 34, "{} of 2400", starts.len());
        for (who, _) in callers {
            let share = count(&starts, who) * 100 / starts.len();
            assert!((31..=35).contains(&share), "{who}: {share} %");
        }
        assert_eq!(v1.refused, 0);
    }
}

#[test]
fn what_others_use_of_the_account_is_left_to_them() {
    let clock = ManualClock::at("2026-11-03T10:00:00Z".parse().unwrap());
    let limiter = Limiter::new(v1(40), Arc::new(clock.clone()));
    let mut server = Server::new(40, clock.now());
    let mut others = clock.now();
    let starts = work(&limiter, &clock, &[("a", 3), ("b", 3)], 30 * MINUTE, |now| {
        server.turn(now);
        // Somebody else asks every four seconds.
        while others <= now {
            others = add(others, Duration::from_secs(4));
            server.used += u32::from(server.used < server.limit);
        }
        Some(server.answer(now))
    });
    // 25 a minute are left; the last one of a minute may be taken before our call arrives.
    assert!(server.refused <= 30, "{} refused", server.refused);
    assert!(starts.len() >= 30 * 21, "{}", starts.len());
}

#[test]
fn nothing_left_means_nothing_before_the_reset() {
    let clock = ManualClock::at("2026-11-03T10:00:00Z".parse().unwrap());
    let limiter = Limiter::new(v1(40), Arc::new(clock.clone()));
    limiter.observe(StatusCode::OK, &told(40, 0, 22));
    clock.advance(Duration::from_secs(22));
    assert!(enter(&limiter).is_none());
    clock.advance(Duration::from_secs(1));
    assert!(enter(&limiter).is_some());
    // Nor after a refusal that names the reset only.
    limiter.observe(StatusCode::TOO_MANY_REQUESTS, &told(40, 0, 30));
    assert_eq!(limiter.held_until(), Some(add(clock.now(), Duration::from_secs(31))));
}

#[test]
fn calls_under_way_are_taken_off_what_is_left() {
    let clock = ManualClock::at("2026-11-03T10:00:00Z".parse().unwrap());
    let options = LimitOptions { rate: None, ..v1(40) };
    let limiter = Limiter::new(options, Arc::new(clock.clone()));
    let under_way = [enter(&limiter).unwrap(), enter(&limiter).unwrap()];
    limiter.observe(StatusCode::OK, &told(200, 2, 30));
    assert!(enter(&limiter).is_none());
    drop(under_way);
    // An answer that was overtaken does not bring any back.
    limiter.observe(StatusCode::OK, &told(200, 7, 30));
    clock.advance(Duration::from_secs(29));
    assert!(enter(&limiter).is_none());
    // The next window does.
    limiter.observe(StatusCode::OK, &told(200, 199, 60));
    assert!(enter(&limiter).is_some());
}

#[test]
fn what_is_left_is_spread_and_fewer_calls_than_declared_are_believed() {
    let clock = ManualClock::at("2026-11-03T10:00:00Z".parse().unwrap());
    let limiter = Limiter::new(v1(40), Arc::new(clock.clone()));
    limiter.observe(StatusCode::OK, &told(40, 3, 39));
    let starts = work(&limiter, &clock, &[("a", 2)], Duration::from_secs(40), |_| None);
    let seconds: Vec<u64> = starts.iter().map(|(_, at)| between(starts[0].1, *at).as_secs()).collect();
    assert_eq!(seconds, [0, 10, 20], "every ten seconds");
    let limiter = Limiter::new(v1(40), Arc::new(clock.clone()));
    limiter.observe(StatusCode::OK, &told(20, 19, 60));
    let starts = work(&limiter, &clock, &[("a", 2)], 10 * MINUTE, |_| None);
    assert!(busiest(&starts) <= 20 && starts.len() >= 170, "{} {}", busiest(&starts), starts.len());
}

#[test]
fn headers_that_cannot_be_read_change_nothing() {
    let clock = ManualClock::at("2026-11-03T10:00:00Z".parse().unwrap());
    let limiter = Limiter::new(v1(1000), Arc::new(clock.clone()));
    for (remaining, reset) in
        [("", ""), ("no", "5"), ("0", "soon"), ("0", "-1"), ("-1", "5"), ("0", "NaN"), ("0", "inf")]
    {
        let fields = [("x-rate-limit-remaining", remaining), ("x-rate-limit-reset", reset)];
        limiter.observe(StatusCode::OK, &headers(&fields));
        limiter.observe(StatusCode::OK, &headers(&fields[..1]));
        assert!(enter(&limiter).is_some(), "{remaining} {reset}");
    }
    // Some name the instant.
    let epoch = add(clock.now(), Duration::from_secs(30)).as_second().to_string();
    let fields = [("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", epoch.as_str())];
    limiter.observe(StatusCode::OK, &headers(&fields));
    clock.advance(Duration::from_secs(29));
    assert!(enter(&limiter).is_none());
    clock.advance(Duration::from_secs(1));
    assert!(enter(&limiter).is_some());
}

#[test]
fn connections_of_one_account_share_its_rate() {
    let clock = ManualClock::at("2026-11-03T10:00:00Z".parse().unwrap());
    let limiters = Limiters::new(Arc::new(clock.clone()));
    let one = limiters.of("shipstation-v1", "7", v1(10));
    let same = limiters.of("shipstation-v1", "7", v1(10));
    let other = limiters.of("shipstation-v1", "8", v1(10));
    let else_ = limiters.of("shipstation-v2", "7", v1(10));
    assert!(enter(&one).is_some() && enter(&same).is_none());
    assert!(enter(&other).is_some() && enter(&else_).is_some() && enter(&limiters.own(v1(10))).is_some());
}

/// What may happen to a limiter.
#[derive(Debug, Clone)]
enum Event {
    Wait(u64),
    Answer { status: u16, told: Option<(u32, u32, u64)>, retry_after: Option<u64> },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let told = prop::option::of((1u32..80, 0u32..60, 0u64..70));
    let answer =
        (prop::sample::select(vec![200u16, 200, 200, 404, 429, 500, 503]), told, prop::option::of(0u64..90));
    let event = prop_oneof![
        (1u64..20_000).prop_map(Event::Wait),
        answer.prop_map(|(status, told, retry_after)| Event::Answer { status, told, retry_after }),
    ];
    prop::collection::vec(event, 1..120)
}

proptest! {
    /// Whatever is answered and however callers come and go: never more than declared in any minute, nobody is kept
    /// waiting for ever, and nobody gets two turns while another waits.
    #[test]
    fn never_more_than_declared(calls in 1u32..70, events in events()) {
        let clock = ManualClock::at("2026-11-03T10:00:00Z".parse().unwrap());
        let limiter = Limiter::new(v1(calls), Arc::new(clock.clone()));
        let mut starts = Vec::new();
        for event in events {
            match event {
                Event::Wait(milliseconds) => {
                    let time = Duration::from_millis(milliseconds);
                    starts.extend(work(&limiter, &clock, &[("a", 3), ("b", 1)], time, |_| None));
                }
                Event::Answer { status, told: given, retry_after } => {
                    let mut fields = given.map(|(limit, left, reset)| told(limit, left, reset)).unwrap_or_default();
                    if let Some(seconds) = retry_after {
                        fields.insert(RETRY_AFTER, seconds.into());
                    }
                    limiter.observe(StatusCode::from_u16(status).unwrap(), &fields);
                }
            }
        }
        prop_assert!(busiest(&starts) <= calls as usize, "{} of {calls}", busiest(&starts));
        // An hour is longer than any pause that is believed.
        clock.advance(60 * MINUTE);
        prop_assert!(enter(&limiter).is_some());
    }
}
