//! What is answered at which address. Every answer is a status and next to nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::sync::Semaphore;

use super::body::{self, Unread};
use super::bucket::Bucket;
use super::guests::Guest;
use super::refusals::Refusals;
use crate::base::Secret;
use crate::engine::Engine;
use crate::engine::intake::{Delivered, Delivery, Issued};

/// How many pushes may be judged and committed at once.
const IN_FLIGHT: usize = 256;
/// The largest request for a token.
const LARGEST_TOKEN_REQUEST: usize = 8 * 1024;
/// When a sender is to come again that could not be served.
const COME_AGAIN: Duration = Duration::from_secs(5);

/// What an address that does not exist is called in the log: what stands in it is not ours to repeat.
const ELSEWHERE: &str = "an address that does not exist";

/// How much is done for a stranger.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The most bytes of a body.
    pub(super) body: usize,
    /// The most requests a second.
    pub(super) rate: u32,
    /// How long a body may take.
    pub(super) patience: Duration,
}

/// Who sends.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) guest: Guest,
}

/// What answers share.
pub(super) struct Site {
    engine: Arc<Engine>,
    bounds: Bounds,
    bucket: Bucket,
    places: Semaphore,
    refusals: Refusals,
}

impl Site {
    pub(super) fn new(engine: Arc<Engine>, bounds: Bounds) -> Self {
        let bucket = Bucket::new(bounds.rate);
        Self { engine, bounds, bucket, places: Semaphore::new(IN_FLIGHT), refusals: Refusals::default() }
    }

    /// Refuses a request to an address that there is.
    fn refuse(&self, about: &str, status: StatusCode, why: &'static str, peer: &Peer) -> Response {
        self.refusals.tell(about, why, peer.address);
        status.into_response()
    }

    /// Says that there is no such address.
    fn lost(&self, peer: &Peer) -> Response {
        self.refuse(ELSEWHERE, StatusCode::NOT_FOUND, "there is no such address", peer)
    }

    /// The body of a request, if there are not too many requests. Whoever sends it is served from then on.
    async fn read(
        &self,
        limit: usize,
        headers: &HeaderMap,
        body: Body,
        peer: &Peer,
    ) -> Result<Bytes, Turned> {
        if let Err(wait) = self.bucket.take() {
            let turned = Turned::new(StatusCode::TOO_MANY_REQUESTS, "too many requests come at once");
            return Err(Turned { again: Some(wait), ..turned });
        }
        let body = body::read(headers, body, limit, self.bounds.patience).await.map_err(Turned::from)?;
        peer.guest.is_served();
        Ok(body)
    }

    /// Refuses what was turned away.
    fn turn_away(&self, about: &str, turned: Turned, peer: &Peer) -> Response {
        let refused = self.refuse(about, turned.status, turned.why, peer);
        turned.again.map_or(refused, |wait| come_again(turned.status, wait))
    }
}

/// All addresses.
pub(super) fn router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/hooks/{connection}/{webhook}", post(hook))
        .route("/hooks/{connection}/{webhook}/{secret}", post(secret_hook))
        .route("/token/{connection}", post(token))
        .route("/healthz", get(async || StatusCode::OK))
        .fallback(elsewhere)
        .with_state(site)
}

/// Why a request is not looked at.
struct Turned {
    status: StatusCode,
    why: &'static str,
    /// When to come again.
    again: Option<Duration>,
}

impl Turned {
    fn new(status: StatusCode, why: &'static str) -> Self {
        Self { status, why, again: None }
    }
}

impl From<Unread> for Turned {
    fn from(unread: Unread) -> Self {
        let (status, why) = match unread {
            Unread::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            Unread::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
            Unread::Broken => (StatusCode::BAD_REQUEST, "the body broke off"),
        };
        Self::new(status, why)
    }
}

type Addressed<T> = Result<Path<T>, PathRejection>;

async fn hook(
    State(site): State<Arc<Site>>,
    Extension(peer): Extension<Peer>,
    address: Addressed<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(Path((connection, webhook))) = address else {
        return site.lost(&peer);
    };
    take(&site, &peer, Address { connection, webhook, secret: None }, headers, body).await
}

async fn secret_hook(
    State(site): State<Arc<Site>>,
    Extension(peer): Extension<Peer>,
    address: Addressed<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(Path((connection, webhook, secret))) = address else {
        return site.lost(&peer);
    };
    take(&site, &peer, Address { connection, webhook, secret: Some(secret) }, headers, body).await
}

async fn elsewhere(State(site): State<Arc<Site>>, Extension(peer): Extension<Peer>) -> Response {
    site.lost(&peer)
}

struct Address {
    connection: String,
    webhook: String,
    secret: Option<String>,
}

async fn take(site: &Site, peer: &Peer, address: Address, headers: HeaderMap, body: Body) -> Response {
    let Address { connection, webhook, secret } = address;
    if !site.engine.has_webhook(&connection, &webhook) {
        return site.lost(peer);
    }
    let name = format!("{connection}/{webhook}");
    let turn_away = |turned: Turned| {
        site.engine.note_refusal(&connection, &webhook, turned.why);
        site.turn_away(&name, turned, peer)
    };
    let body = match site.read(site.bounds.body, &headers, body, peer).await {
        Ok(body) => body,
        Err(turned) => return turn_away(turned),
    };
    let Ok(_place) = site.places.try_acquire() else {
        let turned = Turned::new(StatusCode::SERVICE_UNAVAILABLE, "too many are worked on at once");
        return turn_away(Turned { again: Some(Duration::from_secs(1)), ..turned });
    };
    match site.engine.deliver(Delivery { connection, webhook, secret, headers, body }).await {
        Delivered::Accepted | Delivered::Duplicate => StatusCode::OK.into_response(),
        Delivered::Unknown => site.lost(peer),
        Delivered::Refused { status, why } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
            site.refuse(&name, status, why, peer)
        }
        Delivered::Busy => come_again(StatusCode::SERVICE_UNAVAILABLE, COME_AGAIN),
    }
}

/// Gives a token for client credentials (RFC 6749, section 4.4).
async fn token(
    State(site): State<Arc<Site>>,
    Extension(peer): Extension<Peer>,
    address: Addressed<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(Path(connection)) = address else { return site.lost(&peer) };
    if !site.engine.gives_tokens(&connection) {
        return site.lost(&peer);
    }
    let name = format!("the tokens of {connection}");
    let refuse = |turned: Turned| {
        site.engine.note_token_refusal(&connection, turned.why);
        site.turn_away(&name, turned, &peer)
    };
    let body = match site.read(LARGEST_TOKEN_REQUEST, &headers, body, &peer).await {
        Ok(body) => body,
        Err(turned) => return refuse(turned),
    };
    let form = Form::of(&body);
    if form.grant.as_deref() != Some("client_credentials") {
        let refused = refuse(Turned::new(StatusCode::BAD_REQUEST, "the grant is not client_credentials"));
        return (refused.status(), Json(json!({ "error": "unsupported_grant_type" }))).into_response();
    }
    let mut clients = basic(&headers).into_iter().chain(form.client);
    let issued = clients.find_map(|(id, secret)| {
        site.engine.issue_token(&connection, id.expose(), secret.expose()).transpose()
    });
    match issued {
        Some(Ok(issued)) => given(&issued),
        Some(Err(_)) => come_again(StatusCode::SERVICE_UNAVAILABLE, COME_AGAIN),
        None => {
            let refused = refuse(Turned::new(StatusCode::UNAUTHORIZED, "the client id or secret is wrong"));
            let challenge = [(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"))];
            (refused.status(), challenge, Json(json!({ "error": "invalid_client" }))).into_response()
        }
    }
}

/// The answer with a token.
fn given(issued: &Issued) -> Response {
    let body = json!({
        "access_token": issued.token.expose(), "token_type": "Bearer", "expires_in": issued.life.as_secs(),
    });
    let headers = [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ];
    (headers, body.to_string()).into_response()
}

/// A client id and its secret.
type Client = (Secret, Secret);

/// What a request for a token says.
struct Form {
    grant: Option<String>,
    client: Option<Client>,
}

impl Form {
    fn of(body: &Bytes) -> Self {
        let field = |wanted: &str| {
            let mut fields = url::form_urlencoded::parse(body);
            fields.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let client = field("client_id").map(Secret::new).zip(field("client_secret").map(Secret::new));
        Self { grant: field("grant_type"), client }
    }
}

/// The client id and secret in the header `Authorization`: as they are, and as they would be if they were encoded as in
/// a form, which RFC 6749 (section 2.3.1) wants and not all do.
fn basic(headers: &HeaderMap) -> Vec<Client> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((scheme, given)) = given.and_then(|text| text.split_once(' ')) else { return Vec::new() };
    let plain =
        STANDARD.decode(given.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok()).map(Secret::new);
    let Some(plain) = plain.filter(|_| scheme.eq_ignore_ascii_case("basic")) else { return Vec::new() };
    let Some((id, secret)) = plain.expose().split_once(':') else { return Vec::new() };
    vec![(Secret::new(id), Secret::new(secret)), (decoded(id), decoded(secret))]
}

/// One value of a form.
fn decoded(text: &str) -> Secret {
    let value = url::form_urlencoded::parse(text.as_bytes()).next();
    Secret::new(value.map(|(name, _)| name.into_owned()).unwrap_or_default())
}

fn come_again(status: StatusCode, wait: Duration) -> Response {
    let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
    (status, [(RETRY_AFTER, HeaderValue::from(seconds))]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_read_however_they_are_written() {
        let read = |text: &str| {
            let value = format!("Basic {}", STANDARD.encode(text));
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
            let clients = basic(&headers);
            clients
                .iter()
                .map(|(id, secret)| format!("{} {}", id.expose(), secret.expose()))
                .collect::<Vec<_>>()
        };
        assert_eq!(read("id:a+b%26:c"), ["id a+b%26:c", "id a b&:c"]);
        assert_eq!(read("id:"), ["id ", "id "]);
        assert_eq!(read("id"), Vec::<String>::new());
        for header in ["", "Basic", "Basic !", "Bearer aWQ6c2VjcmV0"] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, header.parse().unwrap())]);
            assert!(basic(&headers).is_empty(), "{header}");
        }
        let form = Form::of(&Bytes::from("grant_type=client_credentials&client_id=a%20b&client_secret=c%26"));
        assert_eq!(form.grant.as_deref(), Some("client_credentials"));
        let (id, secret) = form.client.unwrap();
        assert_eq!((id.expose(), secret.expose()), ("a b", "c&"));
    }
}
