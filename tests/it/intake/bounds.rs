//! What a stranger may cost: time, memory, connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::ServerName;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::caller::{Push, answer, ask, send};
use super::gate::{Gate, Wishes};
use super::shop::{body, shared};

fn hasty() -> Wishes {
    Wishes { patience: Some(Duration::from_millis(300)), ..Wishes::default() }
}

/// A connection on which so much of a request was sent.
async fn begun(gate: &Gate, push: &Push, bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(gate.address).await.unwrap();
    stream.write_all(&push.bytes()[..bytes]).await.unwrap();
    stream
}

#[tokio::test]
async fn who_does_not_come_to_an_end_is_left() {
    let gate = Gate::wishing(hasty()).await;
    let push = shared("1");
    let began = Instant::now();
    let mut in_its_body = begun(&gate, &push, push.bytes().len() - 3).await;
    let told = answer(&mut in_its_body).await.expect("an answer");
    assert_eq!((told.status, told.body.as_str()), (408, ""));
    for bytes in [0, 1, 10, push.head().len()] {
        let mut in_its_head = begun(&gate, &push, bytes).await;
        if let Some(told) = answer(&mut in_its_head).await {
            assert_eq!(told.status, 408, "{bytes} bytes");
        }
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(gate.events(), []);
    assert_eq!(gate.webhook("shared").await.refused["the body did not come in time"], 1);
    gate.close().await;
}

/// One who drips is not helped by each drop.
#[tokio::test]
async fn drops_do_not_prolong_the_time() {
    let gate = Gate::wishing(hasty()).await;
    let push = shared("1");
    let bytes = push.bytes();
    let mut stream = begun(&gate, &push, bytes.len() - push.body.len()).await;
    let began = Instant::now();
    let (mut read, mut write) = stream.split();
    let dripping = async {
        for byte in &push.body {
            if write.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::future::pending::<()>().await;
    };
    let told = tokio::select! {
        told = answer(&mut read) => told.expect("an answer"),
        () = dripping => unreachable!(),
    };
    assert_eq!(told.status, 408);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    gate.close().await;
}

#[tokio::test]
async fn only_so_many_are_worked_on_at_once() {
    let gate = Gate::wishing(Wishes { intake: "  rate: 100000\n".to_owned(), ..Wishes::default() }).await;
    gate.store.let_through(false);
    let mut waiting = Vec::new();
    for number in 0..256 {
        let push = shared(&number.to_string());
        waiting.push(begun(&gate, &push, push.bytes().len()).await);
    }
    // They are all in flight once the next is turned away.
    let turned_away = loop {
        let more = tokio::time::timeout(Duration::from_millis(100), gate.send(&shared("more"))).await;
        if let Ok(told) = more {
            break told;
        }
    };
    assert_eq!((turned_away.status, turned_away.header("retry-after")), (503, Some("1")));
    assert_eq!(gate.send(&Push { method: "GET", ..Push::to("/healthz", "") }).await.status, 200);
    gate.store.let_through(true);
    for stream in &mut waiting {
        assert_eq!(answer(stream).await.expect("an answer").status, 200);
    }
    assert_eq!(gate.status(&shared("later")).await, 200);
    assert!(gate.webhook("shared").await.refused["too many are worked on at once"] >= 1);
    gate.close().await;
}

/// Bodies that do not come to an end take the place of nobody.
#[tokio::test]
async fn slow_bodies_stand_in_nobodys_way() {
    let gate = Gate::wishing(Wishes { intake: "  rate: 100000\n".to_owned(), ..Wishes::default() }).await;
    let push = shared("1");
    let mut slow = Vec::new();
    for _ in 0..300 {
        slow.push(begun(&gate, &push, push.bytes().len() - 1).await);
    }
    for number in 0..50 {
        assert_eq!(gate.status(&shared(&number.to_string())).await, 200, "{number}");
    }
    gate.close().await;
}

/// Once all places are taken, each who comes takes that of the one who has been waiting for longest.
#[tokio::test]
async fn who_hoards_connections_makes_room() {
    let gate = Gate::wishing(Wishes { connections: Some(8), ..Wishes::default() }).await;
    let push = shared("1");
    let mut first = begun(&gate, &push, 0).await;
    let mut second = begun(&gate, &push, push.bytes().len() - 1).await;
    let mut working = TcpStream::connect(gate.address).await.unwrap();
    gate.store.let_through(false);
    working.write_all(&shared("worked on").bytes()).await.unwrap();
    while gate.store.most_at_once() == 0 {
        tokio::task::yield_now().await;
    }
    let mut hoarded = Vec::new();
    for _ in 0..20 {
        hoarded.push(begun(&gate, &push, 10).await);
    }
    let began = Instant::now();
    assert!(answer(&mut first).await.is_none() && answer(&mut second).await.is_none());
    gate.store.let_through(true);
    assert_eq!(answer(&mut working).await.expect("an answer").status, 200, "who is worked on stays");
    assert_eq!(gate.status(&shared("2")).await, 200);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    gate.close().await;
}

#[tokio::test]
async fn only_so_many_come_in_a_second() {
    let gate = Gate::wishing(Wishes { intake: "  rate: 5\n".to_owned(), ..Wishes::default() }).await;
    let mut let_in = 0;
    let turned_away = loop {
        let told = gate.send(&shared(&let_in.to_string())).await;
        match told.status {
            200 => let_in += 1,
            _ => break told,
        }
        assert!(let_in < 1000, "nobody is turned away");
    };
    assert_eq!((turned_away.status, turned_away.header("retry-after")), (429, Some("1")));
    assert!(let_in >= 5, "{let_in}");
    assert_eq!(gate.webhook("shared").await.refused["too many requests come at once"], 1);
    assert!(gate.logs.text().contains("too many requests come at once"), "people are told");
    assert_eq!(gate.events().len(), let_in, "what was turned away is not kept");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(gate.status(&shared("later")).await, 200);
    gate.close().await;
}

/// Who knows no address of ours uses up nothing that those need who do.
#[tokio::test]
async fn who_knows_no_address_stands_in_nobodys_way() {
    let gate = Gate::wishing(Wishes { intake: "  rate: 1\n".to_owned(), ..Wishes::default() }).await;
    for path in ["/hooks/nowhere/shared", "/hooks/shop/nothing", "/hooks/shop/nothing/x", "/token/nowhere"] {
        for _ in 0..5 {
            assert_eq!(gate.status(&Push::to(path, "{}")).await, 404, "{path}");
        }
    }
    assert_eq!(gate.status(&shared("1")).await, 200);
    gate.close().await;
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_limit() {
    let gate = Gate::wishing(Wishes { intake: "  body_limit: 2000\n".to_owned(), ..Wishes::default() }).await;
    let padded = |size: usize| {
        let mut body = body("1");
        body.resize(size, b' ');
        shared("1").saying(body)
    };
    assert_eq!(gate.status(&padded(2000)).await, 200);
    assert_eq!(gate.status(&padded(2001)).await, 413);
    gate.close().await;
}

/// What is in flight when we stop is answered; nothing new is let in.
#[tokio::test]
async fn what_is_in_flight_ends() {
    let gate = Gate::new().await;
    let push = shared("1");
    let bytes = push.bytes();
    let mut in_flight = begun(&gate, &push, bytes.len() - 1).await;
    let mut idle = TcpStream::connect(gate.address).await.unwrap();
    assert_eq!(ask(&mut idle, &shared("2")).await.unwrap().status, 200);
    gate.stop.cancel();
    // The idle one is let go of, and nobody else gets in.
    assert!(answer(&mut idle).await.is_none());
    in_flight.write_all(&bytes[bytes.len() - 1..]).await.unwrap();
    assert_eq!(answer(&mut in_flight).await.expect("an answer").status, 200);
    let (address, engine) = (gate.address, Arc::clone(&gate.engine));
    assert_eq!(gate.events().len(), 2);
    gate.close().await;
    drop(engine);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn health_is_told_without_a_word() {
    let gate = Gate::new().await;
    let told = gate.send(&Push { method: "GET", ..Push::to("/healthz", "") }).await;
    assert_eq!((told.status, told.body.as_str()), (200, ""));
    gate.close().await;
}

/// A certificate for `localhost` and its key, in PEM.
fn certificate() -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate, key)
}

async fn over_tls(gate: &Gate, certificate: &rcgen::Certificate, push: &Push) -> Result<u16, String> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(gate.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let mut stream = connected.map_err(|error| error.to_string())?;
    Ok(ask(&mut stream, push).await.expect("an answer").status)
}

#[tokio::test]
async fn senders_are_spoken_to_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let (pem, key) = (directory.path().join("server.pem"), directory.path().join("server.key"));
    let (ours, ours_key) = certificate();
    std::fs::write(&pem, ours.pem()).unwrap();
    std::fs::write(&key, ours_key.serialize_pem()).unwrap();
    let files = format!("  tls: {{ certificate: {}, key: {} }}\n", pem.display(), key.display());
    let gate = Gate::wishing(Wishes { intake: files, ..hasty() }).await;
    assert_eq!(over_tls(&gate, &ours, &shared("1")).await, Ok(200));
    let (other, _) = certificate();
    assert!(over_tls(&gate, &other, &shared("2")).await.is_err());
    // In the open nobody is understood, and one who never ends the handshake is left.
    assert!(send(gate.address, &shared("3").bytes()).await.is_none());
    let mut silent = TcpStream::connect(gate.address).await.unwrap();
    assert!(answer(&mut silent).await.is_none());
    assert_eq!(gate.events().len(), 1);
    gate.close().await;
}
