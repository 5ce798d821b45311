//! Where other systems push what they have to tell: a listener that is open to anybody, so everything it does for a
//! stranger is bounded.
//!
//! Bounds come before proof: headers in number and size, the time that they and the body take, the body's size, the time
//! that an answer takes to be read, requests a second, pushes in flight, connections. Answers carry no detail, and logs
//! neither bodies nor secrets nor paths.

mod body;
mod bucket;
mod guests;
mod patient;
mod refusals;
mod routes;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use self::guests::Guests;
use self::patient::Patient;
use self::routes::{Bounds, Peer, Site};
use crate::engine::Engine;
use crate::spec::model::Intake;

/// The most headers of a request.
const MOST_HEADERS: usize = 64;
/// The most bytes of a request's line and headers.
const LARGEST_HEAD: usize = 16 * 1024;
/// How long headers may take, then the body, then the sender to read the answer, and before all of them the handshake of
/// TLS.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many connections there may be. Half as many as a process may have files by default: the engine needs some, too.
const CONNECTIONS: usize = 512;
/// How long what is in flight may take to end once we stop: longer than anything of it may take.
const FAREWELL: Duration = Duration::from_secs(30);

/// A bound address, at which nothing is answered yet.
pub struct Listener {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    bounds: Bounds,
    connections: usize,
}

impl Listener {
    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not know.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Waits so long for a sender instead of ten seconds: for its TLS handshake, its headers, its body, and until it reads
    /// the answer.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.bounds.patience = patience;
        self
    }

    /// Has so many connections instead of 512.
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }
}

/// Binds the address of the intake.
///
/// # Errors
/// A sentence, when the address is not ours or taken, or the certificate cannot be used.
pub async fn bind(intake: &Intake) -> Result<Listener, String> {
    let tls = intake.tls.as_ref().map(tls::acceptor).transpose()?;
    let listener = TcpListener::bind(intake.listen).await.map_err(|error| {
        format!("the intake cannot listen at {}: {error}; change `intake.listen`", intake.listen)
    })?;
    let bounds = Bounds { body: intake.body_limit, rate: intake.rate, patience: PATIENCE };
    Ok(Listener { listener, tls, bounds, connections: CONNECTIONS })
}

/// Answers with `engine` until `stop`; what is in flight then is answered, too.
pub async fn serve(engine: Arc<Engine>, listener: Listener, stop: CancellationToken) {
    let patience = listener.bounds.patience;
    let router = routes::router(Arc::new(Site::new(engine, listener.bounds)));
    let guests = Guests::new(listener.connections);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.listener.accept() => accepted,
        };
        let Ok((stream, address)) = accepted else {
            // Out of file descriptors, most likely: let others give some back.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let guest = tokio::select! {
            () = stop.cancelled() => break,
            guest = guests.seat() => guest,
        };
        let (router, tls, stop) = (router.clone(), listener.tls.clone(), stop.clone());
        let peer = Peer { address, guest };
        connections.spawn(async move {
            let guest = peer.guest.clone();
            tokio::select! {
                () = welcome(stream, peer, tls, router, patience, stop) => {}
                () = guest.has_to_leave() => tracing::debug!(%address, "a sender made room for another"),
            }
        });
        // Those that have ended are let go of.
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(FAREWELL, all).await.is_err() {
        tracing::warn!("some senders were not answered when the intake was closed");
    }
}

/// Speaks with one sender until it leaves or we stop.
async fn welcome(
    stream: TcpStream,
    peer: Peer,
    tls: Option<TlsAcceptor>,
    router: Router,
    patience: Duration,
    stop: CancellationToken,
) {
    // Answers are small; without it some would wait for an acknowledgement of the sender's.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return converse(stream, peer, router, patience, stop).await };
    let address = peer.address;
    match timeout(patience, tls.accept(stream)).await {
        Ok(Ok(stream)) => converse(stream, peer, router, patience, stop).await,
        Ok(Err(error)) => tracing::debug!(%address, %error, "a sender does not agree on TLS"),
        Err(_) => tracing::debug!(%address, "a sender does not end its TLS handshake"),
    }
}

async fn converse<S>(stream: S, peer: Peer, router: Router, patience: Duration, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let address = peer.address;
    let service = service_fn(move |request: Request<Incoming>| {
        let (peer, mut router) = (peer.clone(), router.clone());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer.clone());
        async move {
            let answer = router.call(request).await;
            peer.guest.is_answered();
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_headers(MOST_HEADERS)
        .max_header_size(LARGEST_HEAD)
        .max_buf_size(LARGEST_HEAD * 2)
        .serve_connection(TokioIo::new(Patient::new(stream, patience)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%address, %error, "a sender's connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Answers that nobody reads fill all buffers there are.
    #[tokio::test]
    async fn who_does_not_read_is_left() {
        let (mut sender, ours) = tokio::io::duplex(256);
        let peer = Peer { address: ([127, 0, 0, 1], 1).into(), guest: Guests::new(1).seat().await };
        let patience = Duration::from_millis(100);
        let conversation = converse(ours, peer, Router::new(), patience, CancellationToken::new());
        let asking = async { while sender.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.is_ok() {} };
        timeout(Duration::from_secs(5), async { tokio::join!(conversation, asking) }).await.expect("an end");
    }
}
