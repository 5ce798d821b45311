//! One webhook of one connection at work: is what came genuine, does it have its shape, and what is it called.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::counts::{Counts, WebhookStatus};
use super::{Delivered, Delivery, address};
use crate::base::clock::between;
use crate::base::json::sha256_hex;
use crate::engine::connection::Connection;
use crate::engine::{Parts, inbox, start};
use crate::expression::{Values, normalise};
use crate::http::pointer;
use crate::proof::{Claim, Judgement, ProofContext, Verifier};
use crate::spec::model::{Content, Webhook};
use crate::store::Event;

/// The longest name of an event; a longer one is known by its digest.
const LONGEST_NAME: usize = 256;

/// How often it is told that a webhook cannot be judged.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// A webhook that is open.
pub(super) struct Route {
    pub(super) inbox: String,
    pub(super) verifier: Arc<dyn Verifier>,
    pub(super) counts: Counts,
    connection: String,
    webhook: Arc<Webhook>,
    /// `settings`.
    values: Values,
    base_url: Url,
    told: Mutex<Option<Timestamp>>,
}

impl Route {
    /// Opens a webhook, if it is to be open.
    pub(super) fn open(
        parts: &Parts,
        connected: &Connection,
        webhook: &Arc<Webhook>,
    ) -> Result<Option<Self>, String> {
        let declared = parts.config.connections.get(&connected.name).ok_or("it is not declared")?;
        if !address::is_open(&parts.config, declared, webhook).map_err(|error| error.message)? {
            return Ok(None);
        }
        let mut values = Values::default();
        values.set("settings", &declared.settings);
        let context = ProofContext {
            connection: connected.name.clone(),
            credentials: Arc::new(start::keeper(parts, &connected.name, &connected.redactor)),
            settings: Arc::new(declared.settings.clone()),
            clients: start::clients(declared)?,
            clock: Arc::clone(&parts.clock),
            redactor: connected.redactor.clone(),
        };
        Ok(Some(Self {
            inbox: inbox::webhook(&connected.name, &webhook.name),
            verifier: webhook.proof.build(context).map_err(|error| error.to_string())?,
            counts: Counts::of(&connected.name, &webhook.name),
            connection: connected.name.clone(),
            webhook: Arc::clone(webhook),
            values,
            base_url: Url::parse(&connected.base_url).map_err(|error| error.to_string())?,
            told: Mutex::default(),
        }))
    }

    /// What the event is called, if it is genuine and can be used.
    pub(super) async fn judge(&self, delivery: &Delivery, now: Timestamp) -> Result<String, Delivered> {
        // One webhook has one address.
        if delivery.secret.is_some() && self.webhook.proof.kind() != "secret_url" {
            return Err(Delivered::Unknown);
        }
        let claim = Claim {
            headers: &delivery.headers,
            secret: delivery.secret.as_deref(),
            body: &delivery.body,
            now,
        };
        self.check_proof(claim).await?;
        let body: Value =
            serde_json::from_slice(&delivery.body).map_err(|_| unusable("the body is not JSON"))?;
        let body = normalise(body, &self.webhook.body)
            .map_err(|_| unusable("the body does not have the shape that the system's file says"))?;
        let mut values = self.values.clone();
        values.set("body", &body);
        self.check_pointer(&values)?;
        Ok(self.name(&values, claim))
    }

    async fn check_proof(&self, claim: Claim<'_>) -> Result<(), Delivered> {
        let statuses = self.verifier.statuses();
        let (status, why) = match self.verifier.judge(claim).await {
            Judgement::Genuine => return Ok(()),
            Judgement::Missing => (statuses.missing, "there is no proof that the sender is genuine"),
            Judgement::Wrong => (statuses.wrong, "the proof that the sender is genuine is wrong"),
            Judgement::Stale => (statuses.stale, "the proof that the sender is genuine has expired"),
            Judgement::Unable(reason) => {
                self.tell(&reason, claim.now);
                return Err(Delivered::Busy);
            }
        };
        Err(Delivered::Refused { status, why })
    }

    /// Says why nothing can be judged, but not for each push.
    pub(super) fn tell(&self, reason: &str, now: Timestamp) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|last| now < last || between(last, now) >= TOLD_EVERY) {
            *told = Some(now);
            tracing::error!(
                connection = self.connection,
                webhook = self.webhook.name,
                reason,
                "pushes cannot be judged, and senders are told to come again"
            );
        }
    }

    /// A pointer that must not be followed is not kept.
    fn check_pointer(&self, values: &Values) -> Result<(), Delivered> {
        let Content::Pointer { url, hosts, .. } = &self.webhook.content else { return Ok(()) };
        let url = url.text(values).map_err(|_| unusable("the body has no URL to follow"))?;
        pointer::check(&url, hosts, &self.base_url).map(drop).map_err(unusable)
    }

    /// What a repetition is called, too: as the system's file says, as the sender does, or as its words are.
    fn name(&self, values: &Values, claim: Claim<'_>) -> String {
        let declared = self.webhook.id.as_ref().and_then(|id| id.text(values).ok());
        let id = declared.or_else(|| self.verifier.event_id(claim));
        match id.as_deref().map(str::trim) {
            None | Some("") => sha256_hex(claim.body),
            Some(id) if id.len() > LONGEST_NAME => sha256_hex(id.as_bytes()),
            Some(id) => id.to_owned(),
        }
    }

    /// Whether its sender fetches tokens from us.
    pub(super) fn gives_tokens(&self) -> bool {
        self.webhook.proof.kind() == "issued_token"
    }

    /// Whether what came only says where to look.
    pub(super) fn is_pointer(&self) -> bool {
        matches!(self.webhook.content, Content::Pointer { .. })
    }

    pub(super) fn event(&self, name: &str, body: &[u8], now: Timestamp) -> Event {
        Event::new(self.inbox.clone(), name.to_owned(), body.to_owned(), now)
    }

    pub(super) fn status(&self) -> WebhookStatus {
        self.counts.status()
    }
}

fn unusable(why: &'static str) -> Delivered {
    Delivered::Refused { status: 400, why }
}
