//! The table of attacks: what is sent, what is answered. Of none of it anything is kept, and nothing of it is logged.

use aws_lc_rs::rsa::{KeyPair, KeySize};
use jiff::SignedDuration;

use super::caller::{Push, send};
use super::gate::Gate;
use super::shop::{
    self, CANARY, PARCEL, PATH_SECRET, PUSH_ID, PUSH_SECRET, body, issued, keyed, pointed, shared, standard,
};

/// What is sent and what is answered.
type Attack = (&'static str, Push, u16);

const FIVE_MINUTES: i64 = 300;

async fn forged_pushes(gate: &Gate) -> Vec<Attack> {
    let token = gate.token().await;
    let alert = issued(PARCEL, &token);
    let twins = gate.engine.issue_token("twin", PUSH_ID, PUSH_SECRET).unwrap().unwrap();
    let mut half = token.clone();
    half.truncate(token.len() / 2);
    let pointer = pointed(&format!("{}/parcels", gate.shop));
    vec![
        ("no shared secret", shared(PARCEL).without("credential"), 401),
        ("a wrong shared secret", shared(PARCEL).but("credential", "push-secret-of-hunter3"), 401),
        ("half a shared secret", shared(PARCEL).but("credential", &PUSH_SECRET[..10]), 401),
        ("an empty shared secret", shared(PARCEL).but("credential", ""), 401),
        ("two shared secrets", shared(PARCEL).with("credential", PUSH_SECRET), 401),
        (
            "the secret in the wrong header",
            shared(PARCEL).without("credential").with("secret", PUSH_SECRET),
            401,
        ),
        ("no token", alert.clone().without("authorization"), 401),
        ("an empty token", alert.clone().but("authorization", "Bearer "), 401),
        ("a made-up token", alert.clone().but("authorization", &format!("Bearer {}", "A".repeat(75))), 401),
        ("half a token", alert.clone().but("authorization", &format!("Bearer {half}")), 401),
        ("a token as a password", alert.clone().but("authorization", &format!("Basic {token}")), 401),
        (
            "the client secret as a token",
            alert.clone().but("authorization", &format!("Bearer {PUSH_SECRET}")),
            401,
        ),
        ("the token of another connection", issued(PARCEL, twins.token.expose()), 401),
        ("no client id beside the token", alert.clone().without("x-api-key"), 401),
        ("an empty client id beside the token", alert.clone().but("x-api-key", ""), 401),
        ("two client ids beside the token", alert.clone().with("x-api-key", PUSH_ID), 401),
        ("another client's id beside the token", alert.clone().but("x-api-key", "id-of-hunter3"), 401),
        ("no secret at the end of the address", pointer.clone().at("/hooks/shop/pointed"), 404),
        ("another one", pointer.clone().at("/hooks/shop/pointed/path-secret-of-hunter3"), 404),
        ("one and more", pointer.clone().at(&format!("/hooks/shop/pointed/{PATH_SECRET}/x")), 404),
        ("one where none is wanted", shared(PARCEL).at(&format!("/hooks/shop/shared/{PUSH_SECRET}")), 404),
        ("a digest of another body", keyed(PARCEL).saying(body("another-canary-parcel")), 401),
        ("a digest without its prefix", keyed(PARCEL).but("x-hub-signature-256", &"0".repeat(64)), 401),
        ("no digest", keyed(PARCEL).without("x-hub-signature-256"), 401),
        (
            "Standard Webhooks without a signature",
            standard(PARCEL, gate.now()).without("webhook-signature"),
            401,
        ),
        ("Standard Webhooks with another id", standard(PARCEL, gate.now()).but("webhook-id", "msg_2"), 401),
        (
            "Standard Webhooks with another key",
            standard(PARCEL, gate.now()).but("webhook-signature", "v1,AAAA"),
            401,
        ),
    ]
}

fn badly_signed(gate: &Gate) -> Vec<Attack> {
    const KEY_ID: &str = "x-shipengine-rsa-sha256-key-id";
    const SIGNATURE: &str = "x-shipengine-rsa-sha256-signature";
    const TIMESTAMP: &str = "x-shipengine-timestamp";
    let signed = shop::signed(PARCEL, gate.now(), &gate.key);
    let other = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let later = (gate.now() + SignedDuration::from_secs(1)).to_string();
    vec![
        ("no signature", signed.clone().without(SIGNATURE), 404),
        ("no key's name", signed.clone().without(KEY_ID), 404),
        ("no time", signed.clone().without(TIMESTAMP), 404),
        ("a signature that is none", signed.clone().but(SIGNATURE, "hunter2"), 401),
        ("an empty signature", signed.clone().but(SIGNATURE, ""), 401),
        ("another's signature", shop::signed(PARCEL, gate.now(), &other), 401),
        ("the signature of another body", signed.clone().saying(body("another-canary-parcel")), 401),
        ("the signature of another time", signed.clone().but(TIMESTAMP, &later), 401),
        ("a time that is none", signed.clone().but(TIMESTAMP, "noon"), 401),
        ("the EC key's name", signed.clone().but(KEY_ID, "ec"), 401),
        ("the name of no key", signed.clone().but(KEY_ID, "two-of-hunter2"), 401),
        ("a path as the key's name", signed.clone().but(KEY_ID, "../../etc/passwd"), 401),
    ]
}

fn stale(gate: &Gate) -> Vec<Attack> {
    let signed = |seconds| shop::signed(PARCEL, gate.now() + SignedDuration::from_secs(seconds), &gate.key);
    let standard = |seconds| standard(PARCEL, gate.now() + SignedDuration::from_secs(seconds));
    vec![
        ("a signature that is a second too old", signed(-FIVE_MINUTES - 1), 400),
        ("a signature from a second too far ahead", signed(FIVE_MINUTES + 1), 400),
        ("Standard Webhooks a second too old", standard(-FIVE_MINUTES - 1), 401),
        ("Standard Webhooks a second too far ahead", standard(FIVE_MINUTES + 1), 401),
    ]
}

fn unusable() -> Vec<Attack> {
    let saying = |text: &str| shared(PARCEL).saying(text);
    let deep = format!("{}\"{PARCEL}\"{}", "[".repeat(100_000), "]".repeat(100_000));
    let laughs = format!("{{\"parcel\":[{}\"{PARCEL}\"]}}", "[],".repeat(50_000));
    vec![
        ("no body", saying(""), 400),
        ("half a body", saying("{\"parcel\":\"canary-parcel-4711"), 400),
        ("two bodies", saying("{\"parcel\":\"canary-parcel-4711\"}{}"), 400),
        ("no JSON", saying("<parcel>canary-parcel-4711</parcel>"), 400),
        ("JSON of another shape", saying("[\"canary-parcel-4711\"]"), 400),
        ("no parcel", saying("{\"box\":\"canary-parcel-4711\"}"), 400),
        ("a parcel that is too long", saying(&format!("{{\"parcel\":\"{}\"}}", PARCEL.repeat(10))), 400),
        ("a parcel that is a list", saying(&laughs), 400),
        ("what nests too deep", saying(&deep), 400),
        (
            "what is not Unicode",
            shared(PARCEL).saying(b"{\"parcel\":\"canary-parcel-4711\xff\"}".to_vec()),
            400,
        ),
        ("a body that is too large", saying(&PARCEL.repeat(20_000)), 413),
    ]
}

fn misdirected() -> Vec<Attack> {
    let get = Push { method: "GET", ..shared(PARCEL) };
    let put = Push { method: "PUT", ..shared(PARCEL) };
    let delete = Push { method: "DELETE", ..shared(PARCEL) };
    let at = |path: &str| shared(PARCEL).at(path);
    vec![
        ("GET", get, 405),
        ("PUT", put, 405),
        ("DELETE", delete, 405),
        ("a connection that does not exist", at("/hooks/nowhere/shared"), 404),
        ("a webhook that does not exist", at("/hooks/shop/nothing"), 404),
        ("a webhook that the settings close", at("/hooks/shop/closed"), 404),
        ("a webhook that no flow has", at("/hooks/shop/unused"), 404),
        ("a secret where the webhook should be", at("/hooks/shop/path-secret-of-hunter2"), 404),
        ("the way up", at("/hooks/shop/../shop/shared"), 404),
        ("the way up, encoded", at("/hooks/shop%2fshared"), 404),
        ("what is not Unicode", at("/hooks/shop/%ff"), 404),
        ("nowhere", at("/"), 404),
        ("tokens of nowhere", at("/token/nowhere"), 404),
        ("the admin's commands", at("/admin"), 404),
    ]
}

fn leading_astray(gate: &Gate) -> Vec<Attack> {
    let own = gate.shop.trim_start_matches("http://").to_owned();
    let (host, _) = own.split_once(':').unwrap();
    [
        "http://ssapi.shipstation.com/shipments?hunter2".to_owned(),
        "ftp://ssapi.shipstation.com/hunter2".to_owned(),
        "file:///etc/passwd?hunter2".to_owned(),
        "gopher://ssapi.shipstation.com/hunter2".to_owned(),
        "//ssapi.shipstation.com/hunter2".to_owned(),
        "hunter2".to_owned(),
        String::new(),
        "https://evil.example.com/hunter2".to_owned(),
        "https://ssapi.shipstation.com.evil.example.com/hunter2".to_owned(),
        "https://evil-ssapi.shipstation.com/hunter2".to_owned(),
        "https://evil.example.com/?https://ssapi.shipstation.com/hunter2".to_owned(),
        "https://evil.example.com#@ssapi.shipstation.com/hunter2".to_owned(),
        "https://user:hunter2@ssapi.shipstation.com/".to_owned(),
        "https://hunter2@ssapi.shipstation.com/".to_owned(),
        "https://ssapi.shipstation.com@evil.example.com/hunter2".to_owned(),
        "https://ssapi.shipstation.com:8443/hunter2".to_owned(),
        "https://ssapi.shipstation.com:22/hunter2".to_owned(),
        "https://ssapi.shipstation.com./hunter2".to_owned(),
        "https://ssapi.shipstation.com\\@evil.example.com/hunter2".to_owned(),
        "https://ssapi.shipstation.com\t.evil.example.com/hunter2".to_owned(),
        "https://169.254.169.254/latest/meta-data/hunter2".to_owned(),
        "http://169.254.169.254/latest/meta-data/hunter2".to_owned(),
        "https://[::ffff:169.254.169.254]/hunter2".to_owned(),
        "https://[::1]/hunter2".to_owned(),
        "https://0x7f.1/hunter2".to_owned(),
        "https://2130706433/hunter2".to_owned(),
        "https://１２７.0.0.1/hunter2".to_owned(),
        format!("https://{own}/hunter2"),
        format!("http://{host}/hunter2"),
        format!("http://{host}:1/hunter2"),
        format!("http://localhost:{}/hunter2", own.rsplit(':').next().unwrap()),
        format!("http://hunter2@{own}/"),
        format!("https://ssapi.shipstation.com/{}", "hunter2".repeat(30)),
    ]
    .into_iter()
    .map(|url| ("a pointer that leads astray", pointed(&url), 400))
    .collect()
}

/// Makes every attack of a list.
async fn make(gate: &Gate, attacks: Vec<Attack>) {
    assert!(!attacks.is_empty());
    for (what, push, status) in attacks {
        let answer = gate.send(&push).await;
        let sent = format!(
            "{what}: {} {}",
            push.path,
            String::from_utf8_lossy(&push.body[..push.body.len().min(200)])
        );
        assert_eq!(answer.status, status, "{sent}");
        assert_eq!(answer.body, "", "{sent}");
        assert_eq!(gate.events(), [], "{sent}");
    }
    let logged = gate.logs.text();
    assert!(logged.contains("a push was refused"), "what is refused is told");
    for canary in [CANARY, PARCEL, "hunter3", "another-canary", "evil.example.com", "169.254", "etc/passwd"] {
        assert!(!logged.contains(canary), "{canary} is in the log:\n{logged}");
    }
}

#[tokio::test]
async fn forged() {
    let gate = Gate::new().await;
    let attacks = forged_pushes(&gate).await;
    make(&gate, attacks).await;
    assert_eq!(gate.webhook("shared").await.refused.values().sum::<u64>(), 6);
    gate.close().await;
}

#[tokio::test]
async fn badly_signed_pushes() {
    let gate = Gate::new().await;
    make(&gate, badly_signed(&gate)).await;
    gate.close().await;
}

#[tokio::test]
async fn stale_pushes() {
    let gate = Gate::new().await;
    make(&gate, stale(&gate)).await;
    // A token that has ended; nothing else says that it was good once.
    let push = issued(PARCEL, &gate.token().await);
    gate.clock.advance(std::time::Duration::from_secs(3600));
    make(&gate, vec![("a token that has ended", push, 401)]).await;
    let refused = gate.webhook("issued").await.refused;
    assert_eq!(refused["the proof that the sender is genuine has expired"], 1);
    gate.close().await;
}

#[tokio::test]
async fn unusable_bodies() {
    let gate = Gate::new().await;
    make(&gate, unusable()).await;
    let refused = gate.webhook("shared").await.refused;
    assert_eq!(refused.values().sum::<u64>(), 11, "{refused:?}");
    gate.close().await;
}

#[tokio::test]
async fn wrong_addresses_and_methods() {
    let gate = Gate::new().await;
    make(&gate, misdirected()).await;
    gate.close().await;
}

#[tokio::test]
async fn pointers_that_lead_astray() {
    let gate = Gate::new().await;
    make(&gate, leading_astray(&gate)).await;
    gate.close().await;
}

/// What is not even a request.
#[tokio::test]
async fn broken_http() {
    let gate = Gate::new().await;
    let push = shared(PARCEL);
    let text = String::from_utf8(push.bytes()).unwrap();
    let length = format!("content-length: {}\r\n", push.body.len());
    let many: String = (0..100).map(|index| format!("x-{index}: hunter2\r\n")).collect();
    let chunk = format!("{:x}\r\n{}\r\n", PARCEL.len(), PARCEL);
    for (what, bytes, status) in [
        ("too many headers", text.replace(&length, &format!("{length}{many}")), 431),
        (
            "a header that is too large",
            text.replace(&length, &format!("{length}x: {}\r\n", "hunter2".repeat(4000))),
            431,
        ),
        ("two lengths", text.replace(&length, &format!("{length}content-length: 1\r\n")), 400),
        ("a length that is none", text.replace(&length, "content-length: hunter2\r\n"), 400),
        ("a length below zero", text.replace(&length, "content-length: -1\r\n"), 400),
        ("a header without a name", text.replace(&length, &format!("{length}: hunter2\r\n")), 400),
        ("no HTTP", "hunter2\r\n\r\n".to_owned(), 400),
        (
            "a body that is too large and comes in pieces",
            format!("{}transfer-encoding: chunked\r\n\r\n{}", push.head(), chunk.repeat(20_000)),
            413,
        ),
    ] {
        let answer =
            send(gate.address, bytes.as_bytes()).await.unwrap_or_else(|| panic!("{what}: no answer"));
        assert_eq!((answer.status, answer.body.as_str()), (status, ""), "{what}");
        assert_eq!(gate.events(), [], "{what}");
    }
    let logged = gate.logs.text();
    assert!(!logged.contains(CANARY) && !logged.contains(PARCEL), "{logged}");
    gate.close().await;
}
