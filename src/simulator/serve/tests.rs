//! The faults as a caller on the wire meets them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::Running;
use crate::base::ManualClock;
use crate::simulator::faults::{Fault, Rule};
use crate::simulator::sage100::{self, Sage100};
use crate::simulator::wire::Tls;

async fn sage(options: sage100::Options) -> Running<Sage100> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Sage100::start(options, listener).await.unwrap()
}

fn request(method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: sim\r\nx-api-key: sim-key\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Everything that arrives, and how it ended.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> (String, std::io::Result<()>) {
    let mut bytes = Vec::new();
    let end = match stream.write_all(request.as_bytes()).await {
        Ok(()) => stream.read_to_end(&mut bytes).await.map(|_| ()),
        Err(error) => Err(error),
    };
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

async fn ask<S>(sim: &Running<S>, method: &str, path: &str, body: &str) -> (String, std::io::Result<()>) {
    exchange(TcpStream::connect(sim.address).await.unwrap(), &request(method, path, body)).await
}

async fn number(sim: &Running<Sage100>) -> String {
    sim.system.state().orders[0].number.clone()
}

fn written(sim: &Running<Sage100>) -> usize {
    sim.system.summary().with_tracking
}

/// Writes tracking to the first order under a fault.
async fn write(sim: &Running<Sage100>, rule: Rule) -> (String, std::io::Result<()>) {
    sim.system.controls().switch_off(None);
    sim.system.controls().switch_on(rule).unwrap();
    let target = format!("/v1/ABC/sales-orders/{}/tracking", number(sim).await);
    ask(sim, "PUT", &target, r#"{"packages":[{"tracking_id":"1Z1"}]}"#).await
}

fn is_reset(end: &std::io::Result<()>) -> bool {
    end.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn drops_are_resets_before_the_first_byte() {
    let sim = sage(sage100::Options::default()).await;
    let (answer, end) = write(&sim, Rule::every(Fault::DropBeforeActing)).await;
    assert!(answer.is_empty() && is_reset(&end), "{answer} {end:?}");
    assert_eq!(written(&sim), 0);
    let (answer, end) = write(&sim, Rule::every(Fault::ActThenDrop)).await;
    assert!(answer.is_empty() && is_reset(&end), "{answer} {end:?}");
    assert_eq!(written(&sim), 1);
    let log = sim.system.controls().requests();
    assert_eq!(log.iter().map(|entry| entry.acted).collect::<Vec<_>>(), [false, true]);
    assert_eq!(log[1].reference, Some(number(&sim).await));
    sim.stop().await;
}

#[tokio::test]
async fn a_timeout_acts_and_says_nothing() {
    let sim = sage(sage100::Options::default()).await;
    let rule = Rule::every(Fault::ActThenTimeout).lasting(Duration::from_secs(60));
    let waited = tokio::time::timeout(Duration::from_millis(300), write(&sim, rule)).await;
    assert!(waited.is_err());
    assert_eq!(written(&sim), 1);
    let rule = Rule::every(Fault::ActThenTimeout).lasting(Duration::from_millis(50));
    let (answer, end) = write(&sim, rule).await;
    assert!(answer.is_empty() && is_reset(&end));
    sim.stop().await;
}

#[tokio::test]
async fn a_late_act_follows_the_clock() {
    let clock = ManualClock::at("2026-11-20T15:00:00Z".parse().unwrap());
    let sim = sage(sage100::Options { clock: Arc::new(clock.clone()), ..sage100::Options::default() }).await;
    let (_, end) = write(&sim, Rule::every(Fault::LateAct).lasting(Duration::from_secs(5))).await;
    assert!(is_reset(&end));
    assert_eq!(written(&sim), 0);
    clock.advance(Duration::from_secs(5));
    for _ in 0..200 {
        if sim.system.controls().requests()[0].acted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((written(&sim), sim.system.controls().requests()[0].status), (1, 200));
    sim.stop().await;
}

#[tokio::test]
async fn half_an_answer_arrives() {
    let sim = sage(sage100::Options::default()).await;
    let (answer, _) = write(&sim, Rule::every(Fault::TruncatedBody)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("content-length: 13") && answer.ends_with("{\"writ"), "{answer}");
    assert_eq!(written(&sim), 1);
    sim.stop().await;
}

#[tokio::test]
async fn failures_come_in_every_kind() {
    let sim = sage(sage100::Options::default()).await;
    let mut rule = Rule::every(Fault::Status429);
    rule.retry_after = Some("7".into());
    let (answer, _) = write(&sim, rule).await;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 7"), "{answer}");
    assert!(write(&sim, Rule::every(Fault::Status503)).await.0.starts_with("HTTP/1.1 503"));
    let (html, _) = write(&sim, Rule::every(Fault::HtmlError)).await;
    assert!(html.starts_with("HTTP/1.1 502") && html.contains("<html>"));
    let (empty, _) = write(&sim, Rule::every(Fault::Empty200)).await;
    assert!(empty.starts_with("HTTP/1.1 200") && empty.ends_with("\r\n\r\n"));
    assert_eq!(written(&sim), 0);
    assert!(write(&sim, Rule::every(Fault::ActThenStatus500)).await.0.starts_with("HTTP/1.1 500"));
    assert_eq!(written(&sim), 1);
    let rule = Rule::every(Fault::Slow).lasting(Duration::from_millis(1));
    assert!(write(&sim, rule).await.0.starts_with("HTTP/1.1 200"));
    sim.stop().await;
}

#[tokio::test]
async fn the_control_endpoints_switch_faults() {
    let sim = sage(sage100::Options::default()).await;
    let rule = json!({ "fault": "status_500", "path": "/v1/*", "times": 1 }).to_string();
    assert!(ask(&sim, "POST", "/_sim/faults", &rule).await.0.contains("{\"ids\":[1]}"));
    assert!(ask(&sim, "GET", "/v1/ABC", "").await.0.starts_with("HTTP/1.1 500"));
    assert!(ask(&sim, "GET", "/v1/ABC", "").await.0.starts_with("HTTP/1.1 200"));
    assert!(ask(&sim, "POST", "/_sim/faults", r#"{"fault":"nonsense"}"#).await.0.starts_with("HTTP/1.1 400"));
    for path in ["state", "summary", "log", "faults"] {
        let (answer, _) = ask(&sim, "GET", &format!("/_sim/{path}"), "").await;
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        assert!(serde_json::from_str::<Value>(body).is_ok(), "{path}: {answer}");
    }
    assert!(ask(&sim, "DELETE", "/_sim/faults", "").await.0.starts_with("HTTP/1.1 204"));
    let order = number(&sim).await;
    let lock = json!({ "order": order, "user": "kpatel" }).to_string();
    assert!(ask(&sim, "POST", "/_sim/locks", &lock).await.0.starts_with("HTTP/1.1 204"));
    let target = format!("/v1/ABC/sales-orders/{order}/tracking");
    let body = r#"{"packages":[{"tracking_id":"1Z1"}]}"#;
    assert!(ask(&sim, "PUT", &target, body).await.0.contains("kpatel"));
    assert!(ask(&sim, "POST", &format!("/_sim/invoice/{order}"), "").await.0.starts_with("HTTP/1.1 200"));
    assert!(ask(&sim, "GET", "/_sim/nothing", "").await.0.starts_with("HTTP/1.1 404"));
    sim.stop().await;
}

#[tokio::test]
async fn a_full_pool_answers_429() {
    let options = sage100::Options {
        sessions: 0,
        session_wait: Duration::from_millis(10),
        ..sage100::Options::default()
    };
    let sim = sage(options).await;
    let (answer, _) = ask(&sim, "GET", "/v1/ABC", "").await;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("pool_busy"), "{answer}");
    sim.stop().await;
}

#[tokio::test]
async fn stopping_resets_what_is_open() {
    let sim = sage(sage100::Options::default()).await;
    let address = sim.address;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request("GET", "/v1/ABC", "").replace("close", "keep-alive").as_bytes()).await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    sim.stop().await;
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok());
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn tls_lets_in_who_shows_a_certificate() {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let issue = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        (certificate, key)
    };
    let (server, server_key) = issue("localhost");
    let (client, client_key) = issue("client");
    let tls = Tls {
        certificate: server.pem(),
        key: server_key.serialize_pem(),
        client_authority: Some(authority.pem()),
    };
    let sim = sage(sage100::Options { tls: Some(tls), api_key: None, ..sage100::Options::default() }).await;
    assert!(sim.url().starts_with("https://"));

    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let builder = || {
        ClientConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
    };
    let key = rustls_pki_types::PrivateKeyDer::try_from(client_key.serialize_der()).unwrap();
    let known = builder().with_client_auth_cert(vec![client.der().clone()], key).unwrap();
    let stranger = builder().with_no_client_auth();
    let call = async |config: ClientConfig| {
        let tcp = TcpStream::connect(sim.address).await.unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), tcp).await;
        match stream {
            Ok(stream) => exchange(stream, &request("GET", "/v1/ABC", "")).await.0,
            Err(error) => error.to_string(),
        }
    };
    assert!(call(known).await.starts_with("HTTP/1.1 200"));
    assert!(!call(stranger).await.contains("200"));
    sim.stop().await;
}
