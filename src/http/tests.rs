//! What the network can do to a request, and what the client says of it.

mod tls;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::client::{Client, ClientOptions, Kind};
use super::loopback::{Loopback, answer, get, read_request};
use super::{Incoming, Outgoing, SendError};
use crate::base::Secret;

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(60);

fn not_sent(result: Result<Incoming, SendError>) -> (String, bool) {
    match result {
        Err(SendError::NotSent { reason, permanent }) => (reason, permanent),
        other => panic!("{other:?}"),
    }
}

fn unknown(result: Result<Incoming, SendError>) -> String {
    match result {
        Err(SendError::Unknown { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

async fn both(server: &Loopback, path: &str) -> [Result<Incoming, SendError>; 2] {
    let client = server.client();
    [
        client.send(server.get(path), Kind::Repeatable, LONG).await,
        client.send(server.get(path), Kind::Once, LONG).await,
    ]
}

#[tokio::test]
async fn requests_arrive_as_they_were_written() {
    let server = Loopback::answering(|_, _| answer("201 Created", "x-one: 1\r\n", "{\"a\":1}")).await;
    for kind in [Kind::Repeatable, Kind::Once] {
        let mut request = server.get("/x%2Fy?q=a%20b");
        request.method = Method::POST;
        request.headers.insert("x-key", HeaderValue::from_static("k"));
        request.body = Some(Bytes::from_static(b"{\"b\":2}"));
        let incoming = server.client().send(request, kind, LONG).await.unwrap();
        assert_eq!(incoming.status, StatusCode::CREATED);
        assert_eq!(incoming.headers["x-one"], "1");
        assert_eq!(&incoming.body[..], b"{\"a\":1}");
        assert!(incoming.elapsed > Duration::ZERO);
    }
    for request in server.requests.lock().unwrap().iter() {
        assert!(request.starts_with("POST /x%2Fy?q=a%20b HTTP/1.1\r\n"), "{request}");
        assert!(
            request.contains(concat!("user-agent: ml-connector/", env!("CARGO_PKG_VERSION"))),
            "{request}"
        );
        assert!(request.contains("x-key: k") && request.ends_with("\r\n\r\n{\"b\":2}"), "{request}");
    }
}

#[tokio::test]
async fn an_effect_has_a_connection_of_its_own() {
    let server = Loopback::answering(|_, _| answer("200 OK", "", "{}")).await;
    let client = server.client();
    for _ in 0..3 {
        client.send(server.get("/"), Kind::Once, LONG).await.unwrap();
    }
    assert_eq!(*server.connections.lock().unwrap(), 3);
    for _ in 0..3 {
        client.send(server.get("/"), Kind::Repeatable, LONG).await.unwrap();
    }
    assert!(*server.connections.lock().unwrap() < 6);
}

#[tokio::test]
async fn a_refused_port_proves_that_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client =
        Client::new(ClientOptions { hosts: vec![address.to_string()], ..ClientOptions::default() }).unwrap();
    for kind in [Kind::Repeatable, Kind::Once] {
        let url = format!("http://{address}/secret?token=hunter2").parse().unwrap();
        let (reason, permanent) = not_sent(client.send(get(url), kind, LONG).await);
        assert!(!permanent);
        assert!(reason.contains(&address.to_string()) && reason.contains("refused"), "{reason}");
        assert!(!reason.contains("hunter2") && !reason.contains("secret"), "{reason}");
    }
}

#[tokio::test]
async fn a_host_without_address_proves_that_nothing_was_sent() {
    // A label that is too long fails in the resolver itself, without asking the network.
    let host = format!("{}.invalid", "x".repeat(70));
    let options = ClientOptions {
        hosts: vec![format!("{host}:80")],
        allow_plain_http: true,
        ..ClientOptions::default()
    };
    let client = Client::new(options).unwrap();
    let url: url::Url = format!("http://{host}/x?token=hunter2").parse().unwrap();
    for kind in [Kind::Repeatable, Kind::Once] {
        let (reason, permanent) = not_sent(client.send(get(url.clone()), kind, LONG).await);
        assert!(!permanent && reason.starts_with(&format!("{host} has no address")), "{reason}");
        assert!(!reason.contains("hunter2"), "{reason}");
    }
}

#[tokio::test]
async fn where_a_sender_points_must_be_in_the_open_network() {
    let pointed = vec![regex::Regex::new("localhost").unwrap()];
    let client = Client::new(ClientOptions { pointed, ..ClientOptions::default() }).unwrap();
    let url: url::Url = "https://localhost/x?token=hunter2".parse().unwrap();
    let (reason, permanent) = not_sent(client.send(get(url.clone()), Kind::Repeatable, LONG).await);
    assert!(permanent);
    assert!(reason.starts_with("localhost was not asked: its name leads to "), "{reason}");
    assert!(!reason.contains("hunter2"), "{reason}");
    let (reason, permanent) = not_sent(client.send(get(url), Kind::Once, LONG).await);
    assert!(permanent && reason.contains("is only read"), "{reason}");
}

#[tokio::test]
async fn the_connections_own_host_may_be_in_our_network() {
    let server = Loopback::answering(|_, _| answer("200 OK", "", "{}")).await;
    let options = ClientOptions {
        hosts: vec![server.address.to_string()],
        pointed: vec![regex::Regex::new(".*").unwrap()],
        ..ClientOptions::default()
    };
    let client = Client::new(options).unwrap();
    client.send(server.get("/x"), Kind::Repeatable, LONG).await.unwrap();
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_proxy_and_pointers_do_not_go_together() {
    let options = ClientOptions {
        pointed: vec![regex::Regex::new("localhost").unwrap()],
        proxy: Some(Secret::new("http://127.0.0.1:9")),
        ..ClientOptions::default()
    };
    assert!(Client::new(options).unwrap_err().to_string().contains("through a `proxy`"));
}

#[tokio::test]
async fn a_proxy_is_used_where_one_is_given() {
    let proxy = Loopback::answering(|_, _| answer("200 OK", "", "{}")).await;
    let options = ClientOptions { hosts: vec!["127.0.0.1:9".to_owned()], ..ClientOptions::default() };
    let through =
        |proxy: String| Client::new(ClientOptions { proxy: Some(Secret::new(proxy)), ..options.clone() });
    let url: url::Url = "http://127.0.0.1:9/x".parse().unwrap();
    let client = through(format!("http://user:hunter2@{}", proxy.address)).unwrap();
    for kind in [Kind::Repeatable, Kind::Once] {
        client.send(get(url.clone()), kind, LONG).await.unwrap();
    }
    for request in proxy.requests.lock().unwrap().iter() {
        assert!(request.starts_with("GET http://127.0.0.1:9/x HTTP/1.1"), "{request}");
        assert!(request.contains("proxy-authorization: Basic"), "{request}");
    }
    let (reason, permanent) = not_sent(
        through("http://user:hunter2@127.0.0.1:1".to_owned()).unwrap().send(get(url), Kind::Once, LONG).await,
    );
    assert!(!permanent && !reason.contains("hunter2"), "{reason}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_proves_that_nothing_was_sent() {
    // Connects, and then says nothing, so TLS waits.
    let server = Loopback::raw(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let url: url::Url = format!("https://{}/", server.address).parse().unwrap();
    let options = ClientOptions { hosts: vec![server.address.to_string()], ..ClientOptions::default() };
    let quick = Client::new(ClientOptions { connect_timeout: SHORT, ..options.clone() }).unwrap();
    for kind in [Kind::Repeatable, Kind::Once] {
        let (reason, permanent) = not_sent(quick.send(get(url.clone()), kind, LONG).await);
        assert!(!permanent && reason.contains("did not respond in time"), "{reason}");
    }
    // The time for the whole call can be over first.
    let (reason, _) = not_sent(Client::new(options).unwrap().send(get(url), Kind::Once, SHORT).await);
    assert!(reason.contains("could not be connected to within 60ms"), "{reason}");
}

#[tokio::test]
async fn a_connection_closed_before_the_answer_proves_nothing() {
    let server = Loopback::raw(|mut stream| async move {
        read_request(&mut stream).await;
    })
    .await;
    for result in both(&server, "/?token=hunter2").await {
        let reason = unknown(result);
        assert!(reason.contains("gave no answer") && !reason.contains("hunter2"), "{reason}");
    }
    assert_eq!(*server.connections.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_connection_closed_before_the_request_was_read_proves_nothing() {
    let server = Loopback::raw(|stream| async move { drop(stream) }).await;
    for result in both(&server, "/").await {
        unknown(result);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_proves_nothing() {
    for broken in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\":",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let server = Loopback::raw(move |mut stream| async move {
            read_request(&mut stream).await;
            stream.write_all(broken.as_bytes()).await.unwrap();
        })
        .await;
        for result in both(&server, "/").await {
            let reason = unknown(result);
            assert!(reason.contains("status 200, but the answer broke off"), "{reason}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_no_http_proves_nothing() {
    for broken in ["HTTP/1.1 200", "SSH-2.0-OpenSSH_9.6\r\n", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
        let server = Loopback::raw(move |mut stream| async move {
            read_request(&mut stream).await;
            stream.write_all(broken.as_bytes()).await.unwrap();
        })
        .await;
        for result in both(&server, "/").await {
            unknown(result);
        }
    }
}

#[tokio::test]
async fn an_answer_that_takes_too_long_proves_nothing() {
    for start in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"] {
        let server = Loopback::raw(move |mut stream| async move {
            read_request(&mut stream).await;
            stream.write_all(start.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        })
        .await;
        for kind in [Kind::Repeatable, Kind::Once] {
            let reason = unknown(server.client().send(server.get("/"), kind, SHORT).await);
            assert!(reason.contains("gave no whole answer within 60ms"), "{reason}");
        }
    }
}

#[tokio::test]
async fn redirects_are_answers_and_not_followed() {
    let elsewhere = Loopback::answering(|_, _| answer("200 OK", "", "{}")).await;
    let location = format!("location: {}\r\n", elsewhere.url("/stolen"));
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let fields = location.clone();
        let server = Loopback::answering(move |_, _| answer(status, &fields, "")).await;
        for result in both(&server, "/").await {
            assert!(result.unwrap().status.is_redirection());
        }
        assert_eq!(server.count(), 2);
    }
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn nothing_is_repeated() {
    let server = Loopback::answering(|_, _| answer("503 Busy", "retry-after: 0\r\n", "")).await;
    for result in both(&server, "/").await {
        assert_eq!(result.unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(server.count(), 2);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn packed(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn packed_answers_are_unpacked_and_asked_for_only_where_repeating_is_harmless() {
    let server = Loopback::answering(|_, _| packed(&gzip(b"{\"a\":1}"))).await;
    for result in both(&server, "/").await {
        assert_eq!(&result.unwrap().body[..], b"{\"a\":1}");
    }
    let requests = server.requests.lock().unwrap();
    assert!(requests[0].contains("accept-encoding: gzip"), "{}", requests[0]);
    assert!(requests[1].contains("accept-encoding: identity"), "{}", requests[1]);
}

#[tokio::test]
async fn an_answer_that_does_not_unpack_proves_nothing() {
    let mut broken = gzip(b"{\"a\":1}");
    let last = broken.len() - 8;
    broken[last] ^= 1;
    let server = Loopback::answering(move |_, _| packed(&broken)).await;
    for result in both(&server, "/").await {
        assert!(unknown(result).contains("broke off"));
    }
}

#[tokio::test]
async fn a_huge_answer_is_not_read_to_its_end() {
    let limit = 64 * 1024;
    let plain = Loopback::answering(move |_, _| answer("200 OK", "", &"x".repeat(limit + 1))).await;
    let bomb = gzip(&vec![0; 4 * 1024 * 1024]);
    assert!(bomb.len() < limit / 8);
    let bomb = Loopback::answering(move |_, _| packed(&bomb)).await;
    let fits = Loopback::answering(move |_, _| answer("200 OK", "", &"x".repeat(limit))).await;
    for (server, huge) in [(plain, true), (bomb, true), (fits, false)] {
        let hosts = vec![server.address.to_string()];
        let client =
            Client::new(ClientOptions { hosts, max_body: limit, ..ClientOptions::default() }).unwrap();
        for kind in [Kind::Repeatable, Kind::Once] {
            let result = client.send(server.get("/"), kind, LONG).await;
            if huge {
                assert!(unknown(result).contains("more than 65536 bytes"));
            } else {
                assert_eq!(result.unwrap().body.len(), limit);
            }
        }
    }
}

#[tokio::test]
async fn only_own_hosts_are_reached() {
    let server = Loopback::answering(|_, _| answer("200 OK", "", "{}")).await;
    let client = Client::new(ClientOptions::default()).unwrap();
    let (reason, permanent) = not_sent(client.send(server.get("/"), Kind::Once, LONG).await);
    assert!(permanent && reason.contains("is not a host of this connection"), "{reason}");
    assert_eq!(*server.connections.lock().unwrap(), 0);
}

#[tokio::test]
async fn plain_http_to_another_machine_is_refused_with_the_cure() {
    let hosts = vec!["192.0.2.1:80".to_owned()];
    let client = Client::new(ClientOptions { hosts, ..ClientOptions::default() }).unwrap();
    let url: url::Url = "http://192.0.2.1/".parse().unwrap();
    let (reason, permanent) = not_sent(client.send(get(url), Kind::Repeatable, LONG).await);
    assert!(permanent && reason.contains("allow_plain_http: true"), "{reason}");
}

#[test]
fn nothing_that_is_printed_holds_a_credential() {
    let mut request: Outgoing = get("https://a.example/".parse().unwrap());
    let mut key = HeaderValue::from_static("hunter2");
    key.set_sensitive(true);
    request.headers.insert("x-api-key", key);
    let options = ClientOptions {
        identity: Some(Secret::new("hunter2")),
        proxy: Some(Secret::new("http://u:hunter2@proxy.example:1")),
        ..ClientOptions::default()
    };
    let printed = format!("{request:?} {options:?}");
    assert!(!printed.contains("hunter2"), "{printed}");
}
