//! When published keys are fetched, and what becomes of a claim while they cannot be.

use futures_util::future::join_all;

use super::*;

async fn judge(bench: &Bench, verifier: &dyn Verifier, change: impl FnOnce(&mut Push)) -> Judgement {
    let mut push = bench.genuine("rsa_signature", verifier, SECRET, bench.now());
    change(&mut push);
    push.judge(verifier, BODY, bench.now()).await
}

async fn genuine(bench: &Bench, verifier: &dyn Verifier) -> Judgement {
    judge(bench, verifier, |_| {}).await
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

#[tokio::test]
async fn many_at_once_fetch_once_and_nobody_fetches_again_for_an_hour() {
    let bench = Bench::new().await;
    let verifier = bench.build("rsa_signature");
    let judgements = join_all((0..50).map(|_| genuine(&bench, &*verifier))).await;
    assert!(judgements.iter().all(|judgement| *judgement == Judgement::Genuine));
    assert_eq!(bench.server.count(), 1);
    bench.clock.advance(minutes(59));
    assert_eq!(genuine(&bench, &*verifier).await, Judgement::Genuine);
    assert_eq!(bench.server.count(), 1);
    bench.clock.advance(minutes(1));
    assert_eq!(genuine(&bench, &*verifier).await, Judgement::Genuine);
    assert_eq!(bench.server.count(), 2);
}

#[tokio::test]
async fn made_up_keys_cause_one_fetch_a_minute() {
    let bench = Bench::new().await;
    let verifier = bench.build("rsa_signature");
    for name in ["two", "ec", ""] {
        let judgement = judge(&bench, &*verifier, |push| push.put("x-key-id", name)).await;
        assert_eq!(judgement, Judgement::Wrong, "{name}");
    }
    assert_eq!(bench.server.count(), 1);
    bench.clock.advance(minutes(1));
    let two = |push: &mut Push| push.put("x-key-id", "two");
    let judgements = join_all((0..50).map(|_| judge(&bench, &*verifier, two))).await;
    assert!(judgements.iter().all(|judgement| *judgement == Judgement::Wrong));
    assert_eq!(bench.server.count(), 2);
    assert_eq!(genuine(&bench, &*verifier).await, Judgement::Genuine, "the real one is not in the way");
}

#[tokio::test]
async fn a_new_key_is_found_and_a_withdrawn_one_is_gone_within_the_hour() {
    let mut bench = Bench::new().await;
    let verifier = bench.build("rsa_signature");
    assert_eq!(genuine(&bench, &*verifier).await, Judgement::Genuine);
    let next = Arc::new(KeyPair::generate(KeySize::Rsa2048).unwrap());
    bench.publish(200, set(&[("two", &next)]));
    let old = std::mem::replace(&mut bench.key, next);
    bench.clock.advance(minutes(1));
    let two = |push: &mut Push| push.put("x-key-id", "two");
    assert_eq!(judge(&bench, &*verifier, two).await, Judgement::Genuine);
    bench.key = old;
    assert_eq!(genuine(&bench, &*verifier).await, Judgement::Wrong, "it is not in the set any more");
    assert_eq!(judge(&bench, &*verifier, two).await, Judgement::Wrong, "one key does not sign for another");
}

#[tokio::test]
async fn while_keys_cannot_be_fetched_nobody_is_called_wrong() {
    let bench = Bench::new().await;
    let verifier = bench.build("rsa_signature");
    for (status, body) in
        [(500, String::new()), (200, "<html>".to_owned()), (200, "{\"keys\":[]}".to_owned())]
    {
        bench.publish(status, body);
        let before = bench.server.count();
        for _ in 0..2 {
            let judgement = genuine(&bench, &*verifier).await;
            assert!(matches!(judgement, Judgement::Unable(_)), "{status}: {judgement:?}");
        }
        assert_eq!(bench.server.count(), before + 1, "it is not asked again at once");
        bench.clock.advance(Duration::from_secs(5));
    }
    bench.publish(200, set(&[("one", &bench.key)]));
    assert_eq!(genuine(&bench, &*verifier).await, Judgement::Genuine);
}

#[tokio::test]
async fn keys_that_are_known_outlast_an_outage_of_a_day() {
    let bench = Bench::new().await;
    let verifier = bench.build("rsa_signature");
    assert_eq!(genuine(&bench, &*verifier).await, Judgement::Genuine);
    bench.publish(503, String::new());
    bench.clock.advance(minutes(23 * 60));
    assert_eq!(genuine(&bench, &*verifier).await, Judgement::Genuine);
    bench.clock.advance(minutes(60));
    assert!(matches!(genuine(&bench, &*verifier).await, Judgement::Unable(_)));
}

/// A key server that takes a connection and says nothing must not hold up whom we know.
#[tokio::test]
async fn a_key_server_that_hangs_holds_nobody_up_for_long() {
    let bench = Bench::new().await;
    let verifier = bench.build("rsa_signature");
    assert_eq!(genuine(&bench, &*verifier).await, Judgement::Genuine);
    bench.publish(SILENCE, String::new());
    bench.clock.advance(minutes(60));
    let began = std::time::Instant::now();
    let judgements = join_all((0..20).map(|_| genuine(&bench, &*verifier))).await;
    assert!(judgements.iter().all(|judgement| *judgement == Judgement::Genuine), "{judgements:?}");
    let unknown = judge(&bench, &*verifier, |push| push.put("x-key-id", "two")).await;
    assert!(matches!(unknown, Judgement::Unable(_)), "{unknown:?}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(bench.server.count(), 2);
}

#[test]
fn an_address_that_is_none_is_told_when_it_is_put_to_work() {
    let context = ProofContext {
        connection: "ss".to_owned(),
        credentials: Arc::new(Vault::default()),
        settings: Arc::new(json!({ "base_url": "nowhere" })),
        clients: Arc::new(|_| Err("unused".to_owned())),
        clock: Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)),
        redactor: Redactor::default(),
    };
    let error = config(&example("rsa_signature")).build(context).unwrap_err();
    assert!(error.to_string().contains("no URL"), "{error}");
}
