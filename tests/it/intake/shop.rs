//! A shop with a webhook of each kind of proof, and what its genuine senders send.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::caller::Push;

/// Every secret has this in it, so that it is found wherever it slipped out.
pub const CANARY: &str = "hunter2";
pub const PUSH_ID: &str = "id-of-hunter2";
pub const PUSH_SECRET: &str = "push-secret-of-hunter2";
pub const PATH_SECRET: &str = "path-secret-of-hunter2";
pub const KEY: &str = "c2lnbmluZy1zZWNyZXQtb2YtaHVudGVyMg==";
/// Every body has this in it.
pub const PARCEL: &str = "canary-parcel-4711";

pub const SYSTEM: &str = r#"
system: shop
title: The shop
settings:
  url: { type: text, docs: Where it is. }
  alerts: { type: text, default: "on", docs: Whether it tells alerts of the second kind. }
credentials:
  key: { docs: A key. }
  push_id: { docs: A client id., optional: true }
  push_secret: { docs: A client secret., optional: true }
  path_secret: { docs: The end of an address., optional: true }
  signing_key: { docs: A key., optional: true }
base_url: "{{ settings.url }}"
auth: { api_key: { header: X-Key, key: key } }
transport: { rest: {} }
types:
  alert: { parcel: text(40), at?: text }
streams:
  parcels:
    record: alert
    key: parcel
    request: { method: GET, path: /parcels }
    answer: { parcels: [any] }
    records: "$.parcels[*]"
    paging: single
    cursor: none
ping: { operation: hello, with: {} }
operations:
  hello:
    effect: read
    input: {}
    request:
      method: GET
      path: /hello
      headers: { X-Shared?: "{{ webhooks.shared }}", X-Closed?: "{{ webhooks.closed }}", X-Unused?: "{{ webhooks.unused }}" }
    answer: {}
    result: {}
webhooks:
  shared:
    proof: { header: { header: credential, credential: push_secret } }
    body: alert
  issued:
    proof: { issued_token: { client_id: push_id, client_secret: push_secret, api_key_header: x-api-key, life: 1h } }
    body: alert
    id: "{{ body.parcel }}-{{ body.at or '' }}"
  pointed:
    proof: { secret_url: { credential: path_secret } }
    body: { resource_url: text(200), resource_type: text }
    pointer: { url: "{{ body.resource_url }}", hosts: ['^ssapi\d*\.shipstation\.com$'], stream: parcels }
  signed:
    proof:
      rsa_signature:
        jwks: "{{ settings.url }}/jwks"
        key_id_header: x-shipengine-rsa-sha256-key-id
        signature_header: x-shipengine-rsa-sha256-signature
        timestamp_header: x-shipengine-timestamp
    body: alert
  keyed:
    proof: { hmac: { credential: signing_key, header: x-hub-signature-256, prefix: "sha256=" } }
    body: alert
  standard:
    proof: { standard_webhooks: { credential: signing_key } }
    body: alert
  closed:
    when: "{{ settings.alerts == 'off' }}"
    proof: { header: { header: credential, credential: push_secret } }
    body: alert
  unused:
    proof: { header: { header: credential, credential: push_secret } }
    body: alert
"#;

pub const MAPPING: &str = r#"
mapping: small
title: Small
systems: { shop: shop }
flows:
  alerts:
    title: Alerts
    source:
      - webhook: shop.shared
      - webhook: shop.issued
      - webhook: shop.pointed
      - webhook: shop.signed
      - webhook: shop.keyed
      - webhook: shop.standard
      - webhook: shop.closed
    record: alert
    key: "{{ alert.parcel }}"
    idempotency_key: "{{ alert.parcel }}"
    steps: [{ set: { seen: "{{ alert.parcel }}" } }]
"#;

pub fn body(parcel: &str) -> Vec<u8> {
    json!({ "parcel": parcel, "at": "2026-11-20T12:00:00Z" }).to_string().into_bytes()
}

pub fn shared(parcel: &str) -> Push {
    Push::to("/hooks/shop/shared", body(parcel)).with("credential", PUSH_SECRET)
}

pub fn issued(parcel: &str, token: &str) -> Push {
    let push = Push::to("/hooks/shop/issued", body(parcel));
    push.with("authorization", &format!("Bearer {token}")).with("x-api-key", PUSH_ID)
}

pub fn pointed(url: &str) -> Push {
    let body = json!({ "resource_url": url, "resource_type": format!("SHIP_NOTIFY {PARCEL}") });
    Push::to(&format!("/hooks/shop/pointed/{PATH_SECRET}"), body.to_string())
}

pub fn keyed(parcel: &str) -> Push {
    let body = body(parcel);
    let digest: String = mac(KEY.as_bytes(), &body).iter().map(|byte| format!("{byte:02x}")).collect();
    Push::to("/hooks/shop/keyed", body).with("x-hub-signature-256", &format!("sha256={digest}"))
}

pub fn standard(parcel: &str, sent: Timestamp) -> Push {
    standard_as("msg_1", parcel, sent)
}

/// The message of this id.
pub fn standard_as(id: &str, parcel: &str, sent: Timestamp) -> Push {
    let (body, sent) = (body(parcel), sent.as_second().to_string());
    let message = [id.as_bytes(), b".", sent.as_bytes(), b".", &body].concat();
    let tag = mac(&STANDARD.decode(KEY).unwrap(), &message);
    Push::to("/hooks/shop/standard", body)
        .with("webhook-id", id)
        .with("webhook-timestamp", &sent)
        .with("webhook-signature", &format!("v1,{}", STANDARD.encode(tag)))
}

/// Signed by `key`, which its owner calls `one`.
pub fn signed(parcel: &str, sent: Timestamp, key: &KeyPair) -> Push {
    let (body, sent) = (body(parcel), sent.to_string());
    let mut signature = vec![0; key.public_modulus_len()];
    let message = [sent.as_bytes(), b".", &body].concat();
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &message, &mut signature).unwrap();
    Push::to("/hooks/shop/signed", body)
        .with("x-shipengine-rsa-sha256-key-id", "one")
        .with("x-shipengine-rsa-sha256-signature", &STANDARD.encode(signature))
        .with("x-shipengine-timestamp", &sent)
}

/// The key set that the shop publishes: an EC key beside the RSA one.
pub fn key_set(key: &KeyPair) -> Value {
    // Of the DER form of a 2048-bit key: the modulus always stands at the same place.
    let modulus = URL_SAFE_NO_PAD.encode(&key.public_key().as_ref()[9..][..256]);
    let ec = json!({ "kty": "EC", "kid": "ec", "crv": "P-256", "x": "AA", "y": "AA" });
    json!({ "keys": [ec, { "kty": "RSA", "use": "sig", "kid": "one", "n": modulus, "e": "AQAB" }] })
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(HMAC_SHA256, key), message).as_ref().to_vec()
}
