//! Where pushes go and what proves them: v1 by each subscription's credential, v2 by a token that UPS fetches from the
//! customer's own token endpoint.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Ups;
use super::alert::Subscription;
use super::event::Event;
use super::payload;
use super::state::Book;
use crate::base::clock;
use crate::base::json::sha256_hex;
use crate::simulator::post;
use crate::simulator::push::{Envelope, Push, Sealed};
use crate::simulator::system::lock;

/// How UPS calls itself.
const USER_AGENT: &str = "UPSPubSubTrackingService";

/// How long UPS waits for a token.
const TOKEN_LIMIT: Duration = Duration::from_secs(10);

/// What an app's owner enters under "Manage Webhook Credentials" in UPS's portal: the destination of v2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where events go.
    pub url: String,
    /// Where UPS gets a token first, by client credentials.
    pub token_url: String,
    /// The client id there; sent as `x-api-key` too.
    pub client_id: String,
    /// The secret there.
    pub client_secret: String,
}

/// A webhook with the token that UPS holds for it.
#[derive(Debug)]
pub(super) struct Caller {
    webhook: Webhook,
    token: Mutex<Option<(String, Timestamp)>>,
}

impl Caller {
    pub(super) fn new(webhook: Webhook) -> Arc<Self> {
        Arc::new(Self { webhook, token: Mutex::default() })
    }

    async fn token(&self, now: Timestamp) -> Result<String, String> {
        let held = lock(&self.token).clone();
        if let Some((token, _)) = held.filter(|(_, until)| *until > now) {
            return Ok(token);
        }
        let Webhook { token_url, client_id, client_secret, .. } = &self.webhook;
        let headers = [
            (
                "authorization".to_owned(),
                format!("Basic {}", STANDARD.encode(format!("{client_id}:{client_secret}"))),
            ),
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ];
        let heard = post::post(token_url, &headers, b"grant_type=client_credentials", TOKEN_LIMIT).await?;
        let answer: Value = serde_json::from_slice(&heard.body).unwrap_or_default();
        let Some(token) = answer["access_token"].as_str().filter(|_| heard.status == 200) else {
            return Err(format!("{token_url} gave no token but {}", heard.status));
        };
        let life = match &answer["expires_in"] {
            Value::String(text) => text.parse().unwrap_or_default(),
            number => number.as_u64().unwrap_or_default(),
        };
        // A little less than it lives, so that it does not run out on the way.
        let until = clock::add(now, Duration::from_secs(life.saturating_sub(10)));
        *lock(&self.token) = Some((token.to_owned(), until));
        Ok(token.to_owned())
    }
}

/// What a push is about: a parcel's event, by its place among them.
pub(super) fn about(number: &str, turn: usize) -> String {
    format!("{number} event {turn}")
}

impl Envelope for Caller {
    fn seal<'a>(&'a self, _: &'a Push, now: Timestamp) -> Sealed<'a> {
        Box::pin(async move {
            let token = self.token(now).await?;
            Ok(vec![
                ("authorization".to_owned(), format!("Bearer {token}")),
                ("x-api-key".to_owned(), self.webhook.client_id.clone()),
            ])
        })
    }
}

impl Ups {
    /// From now on v2 pushes there; to nowhere without one.
    pub fn set_webhook(&self, webhook: Option<Webhook>) {
        *lock(&self.caller) = webhook.map(Caller::new);
    }

    /// From now on a push is sent at some moment within `spread` after its event, so that pushes overtake each other.
    pub fn set_spread(&self, spread: Duration) {
        *lock(&self.spread) = spread;
    }

    /// The push of an event, if somebody watches the parcel and there is a place to push to.
    pub(super) fn push_of(&self, book: &Book, number: &str, event: &Event) -> Option<Push> {
        let subscription = book.watched(number, event.recorded)?;
        if !subscription.wants(&event.status.kind) {
            return None;
        }
        let (shipment, parcel) = book.place(number)?;
        let events = &book.state.shipments[shipment].packages[parcel].events;
        let turn = events.iter().rposition(|told| told == event).unwrap_or(events.len());
        let body = Bytes::from(payload::body(subscription, event, turn).to_string());
        let about = about(number, turn);
        self.addressed(subscription, body, about)
    }

    fn addressed(&self, subscription: &Subscription, body: Bytes, about: String) -> Option<Push> {
        let mut headers = vec![("user-agent".to_owned(), USER_AGENT.to_owned())];
        if let Some(destination) = &subscription.destination {
            headers.push(("credential".to_owned(), destination.credential.clone()));
            return Some(Push { to: destination.url.clone(), headers, body, about, envelope: None });
        }
        let caller = lock(&self.caller).clone()?;
        let to = caller.webhook.url.clone();
        Some(Push { to, headers, body, about, envelope: Some(caller) })
    }

    /// Puts a push into the outbox, due within the spread.
    pub(super) fn tell(&self, push: Push) {
        let now = self.desk.clock.now();
        let spread = *lock(&self.spread);
        // By the push itself, so that the order of what happens elsewhere does not matter.
        let draw = u64::from_str_radix(&sha256_hex(push.about.as_bytes())[..8], 16).unwrap_or_default();
        let share = u32::try_from(draw % 1_000).unwrap_or_default();
        self.outbox.put(push, clock::add(now, spread * share / 1_000));
    }
}
