//! Sends a request and reads its answer to the end, within bounds of time and size.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, HeaderValue};
use regex::Regex;
use reqwest::{Certificate, ClientBuilder, Identity, Proxy, redirect, retry, tls};
use tokio::time::Instant;

use super::failure::{self, Failed};
use super::global::GlobalOnly;
use super::guard::{self, Place, Reach};
use super::{Incoming, Outgoing, SendError, connect};
use crate::base::Secret;

/// How we introduce ourselves.
const USER_AGENT: &str = concat!("ml-connector/", env!("CARGO_PKG_VERSION"));

/// How a connection's client behaves.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The only places it may reach, each as [`super::authority`] writes it: `host:port`.
    pub hosts: Vec<String>,
    /// Where senders may point besides: patterns of whole host names. They are reached by https at the usual port, for
    /// reads only, and only where their names lead to addresses of the open network.
    pub pointed: Vec<Regex>,
    /// Whether hosts other than this machine may be reached without TLS.
    pub allow_plain_http: bool,
    /// The only certificate authorities to trust (PEM); the system's without it.
    pub ca: Option<String>,
    /// A client certificate and its key (PEM).
    pub identity: Option<Secret>,
    /// The URL of a proxy, which may hold credentials. The environment's proxy settings are never used.
    pub proxy: Option<Secret>,
    /// How long connecting may take, TLS included.
    pub connect_timeout: Duration,
    /// The most bytes of an answer's body, unpacked.
    pub max_body: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            pointed: Vec::new(),
            allow_plain_http: false,
            ca: None,
            identity: None,
            proxy: None,
            connect_timeout: Duration::from_secs(10),
            max_body: 16 * 1024 * 1024,
        }
    }
}

/// Whether a request may reach the other side more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads and idempotent calls: connections are kept and shared.
    Repeatable,
    /// Effects: a connection of its own, over which at most this one request is sent.
    Once,
}

/// Why there can be no client: the options are at fault.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClientError(String);

/// A connection's way to the network. Clones share everything.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    repeatable: reqwest::Client,
    once: reqwest::Client,
    /// For where senders point; as many as there are patterns for it, none or one.
    pointed: Option<reqwest::Client>,
    reach: Reach,
    max_body: usize,
}

impl Client {
    /// Builds a client.
    ///
    /// # Errors
    /// When a certificate, a key or the proxy cannot be used, or the system has no certificate authorities.
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        let repeatable = finish(builder(&options)?.pool_idle_timeout(Duration::from_secs(30)))?;
        // HTTP/1.1, because HTTP/2 shares connections whatever the pool's size.
        let once = finish(
            builder(&options)?.http1_only().pool_max_idle_per_host(0).connector_layer(connect::NoteLayer),
        )?;
        let pointed = if options.pointed.is_empty() { None } else { Some(pointed_client(&options)?) };
        let reach = Reach {
            hosts: options.hosts,
            pointed: options.pointed,
            allow_plain_http: options.allow_plain_http,
        };
        Ok(Self { inner: Arc::new(Inner { repeatable, once, pointed, reach, max_body: options.max_body }) })
    }

    /// Sends `request` and reads the answer, whatever its status, in at most `timeout`.
    ///
    /// # Errors
    /// When there is no whole answer; [`SendError`] says whether anything can have happened.
    pub async fn send(
        &self,
        request: Outgoing,
        kind: Kind,
        timeout: Duration,
    ) -> Result<Incoming, SendError> {
        let name = guard::name(&request.url);
        let way = self.inner.way(guard::check(&request.url, &self.inner.reach)?, kind).ok_or_else(|| {
            let reason = format!("{name} is only read; nothing else is sent to where a sender pointed.");
            SendError::NotSent { reason, permanent: true }
        })?;
        let connected = Arc::new(AtomicBool::new(kind == Kind::Repeatable));
        let sending = connect::watch(&connected, self.inner.exchange(way, request, kind));
        match tokio::time::timeout(timeout, sending).await {
            Ok(Ok(incoming)) => Ok(incoming),
            Ok(Err(failed)) => Err(failure::describe(failed, &name)),
            Err(_) => Err(failure::too_slow(&name, timeout, connected.load(Ordering::SeqCst))),
        }
    }
}

impl Inner {
    /// The client for a place; none where there is no way to send so there.
    fn way(&self, place: Place, kind: Kind) -> Option<&reqwest::Client> {
        match (place, kind) {
            (Place::Own, Kind::Repeatable) => Some(&self.repeatable),
            (Place::Own, Kind::Once) => Some(&self.once),
            (Place::Pointed, Kind::Repeatable) => self.pointed.as_ref(),
            (Place::Pointed, Kind::Once) => None,
        }
    }

    async fn exchange(
        &self,
        way: &reqwest::Client,
        request: Outgoing,
        kind: Kind,
    ) -> Result<Incoming, Failed> {
        let started = Instant::now();
        let answer = way.execute(written(request, kind)).await.map_err(Failed::Before)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = self.body(answer).await?;
        Ok(Incoming { status, headers, body, elapsed: started.elapsed() })
    }

    /// Reads the body piece by piece, so that neither a huge one nor a small one that unpacks to a huge one is held.
    async fn body(&self, mut answer: reqwest::Response) -> Result<Bytes, Failed> {
        let status = answer.status();
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| Failed::During(status, error))? {
            if body.len() + chunk.len() > self.max_body {
                return Err(Failed::TooLarge(status, self.max_body));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

fn written(request: Outgoing, kind: Kind) -> reqwest::Request {
    let mut written = reqwest::Request::new(request.method, request.url);
    *written.headers_mut() = request.headers;
    if kind == Kind::Once {
        // A packed answer can fail to unpack, and an effect's answer is worth more than the bytes saved.
        written.headers_mut().entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
    }
    *written.body_mut() = request.body.map(Into::into);
    written
}

/// A client that reaches addresses of the open network only.
fn pointed_client(options: &ClientOptions) -> Result<reqwest::Client, ClientError> {
    if options.proxy.is_some() {
        return Err(ClientError(
            "Where a sender points cannot be followed through a `proxy`, which would resolve the name itself; \
             poll the stream instead."
                .to_owned(),
        ));
    }
    finish(builder(options)?.pool_idle_timeout(Duration::from_secs(30)).dns_resolver(GlobalOnly::system()))
}

/// What all clients have in common.
fn builder(options: &ClientOptions) -> Result<ClientBuilder, ClientError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .tls_backend_rustls()
        .tls_version_min(tls::Version::TLS_1_2)
        .connect_timeout(options.connect_timeout)
        .gzip(true);
    if let Some(ca) = &options.ca {
        builder = builder.tls_certs_only(authorities(ca)?);
    }
    if let Some(identity) = &options.identity {
        builder = builder.identity(client_certificate(identity)?);
    }
    if let Some(proxy) = &options.proxy {
        let proxy = Proxy::all(proxy.expose())
            .map_err(|_| ClientError("The connection's `proxy` is not a URL that can be used.".to_owned()))?;
        builder = builder.proxy(proxy);
    }
    Ok(builder)
}

fn authorities(pem: &str) -> Result<Vec<Certificate>, ClientError> {
    let certificates = Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
    if certificates.is_empty() {
        return Err(ClientError("The connection's `ca` holds no certificate in PEM form.".to_owned()));
    }
    Ok(certificates)
}

fn client_certificate(pem: &Secret) -> Result<Identity, ClientError> {
    if pem.expose().contains("ENCRYPTED") {
        return Err(ClientError(
            "The client certificate's key has a passphrase; store it without one (`openssl pkey -in key.pem -out plain.pem`)."
                .to_owned(),
        ));
    }
    Identity::from_pem(pem.expose().as_bytes()).map_err(|_| {
        ClientError("The client certificate and its key cannot be used; both must be in PEM form.".to_owned())
    })
}

fn finish(builder: ClientBuilder) -> Result<reqwest::Client, ClientError> {
    builder.build().map_err(|error| {
        ClientError(format!(
            "TLS cannot be set up: {}. Where the system has no certificate authorities, give the connection a `ca`.",
            failure::innermost(&error.without_url())
        ))
    })
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("reach", &self.inner.reach).finish_non_exhaustive()
    }
}
