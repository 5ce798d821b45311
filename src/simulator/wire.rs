//! Connections that can be cut at any moment, with TLS where asked for.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures_util::task::AtomicWaker;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};
use tokio_rustls::server::TlsStream;

use super::system::lock;

/// The certificate to serve with, and who may call.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The server's certificate chain, PEM.
    pub certificate: String,
    /// Its private key, PEM.
    pub key: String,
    /// Callers must show a certificate of this authority, PEM; `None` lets everybody in.
    pub client_authority: Option<String>,
}

impl Tls {
    fn acceptor(&self) -> Result<TlsAcceptor, String> {
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &self.client_authority {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(authority)? {
                    roots.add(certificate).map_err(|error| error.to_string())?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|error| error.to_string())?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|error| error.to_string())?;
        let config = builder
            .with_single_cert(certificates(&self.certificate)?, key)
            .map_err(|error| error.to_string())?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())
}

#[derive(Debug, Default)]
struct Line {
    cut: watch::Sender<bool>,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

/// The knife for one connection: the other end sees a reset.
#[derive(Debug, Clone, Default)]
pub struct Cut(Arc<Line>);

impl Cut {
    /// Cuts the connection now, losing whatever was not sent yet.
    pub fn now(&self) {
        self.0.cut.send_replace(true);
        self.0.reader.wake();
        self.0.writer.wake();
    }

    /// Completes once the connection is cut.
    pub async fn done(&self) {
        let mut cut = self.0.cut.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = cut.wait_for(|cut| *cut).await;
    }

    fn is_cut(&self) -> bool {
        *self.0.cut.borrow()
    }
}

/// One connection.
#[derive(Debug)]
pub struct Wire {
    stream: Stream,
    cut: Cut,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

trait Pipe: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Pipe for T {}

impl Wire {
    fn pipe(&mut self) -> &mut dyn Pipe {
        match &mut self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.as_mut(),
        }
    }

    /// Refuses to go on when the knife has fallen. Without lingering, closing sends a reset.
    fn check(&self) -> io::Result<()> {
        if !self.cut.is_cut() {
            return Ok(());
        }
        let tcp = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        };
        tcp.set_zero_linger()?;
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.cut.0.reader.register(context.waker());
        self.check()?;
        Pin::new(self.pipe()).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.cut.0.writer.register(context.waker());
        self.check()?;
        Pin::new(self.pipe()).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(self.pipe()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(self.pipe()).poll_shutdown(context)
    }
}

/// Every connection that is open, so that stopping can cut them.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<Weak<Line>>>>);

impl Lines {
    /// Cuts every open connection.
    pub fn cut_all(&self) {
        for line in lock(&self.0).drain(..).filter_map(|line| line.upgrade()) {
            Cut(line).now();
        }
    }

    fn add(&self, cut: &Cut) {
        let mut lines = lock(&self.0);
        lines.retain(|line| line.strong_count() > 0);
        lines.push(Arc::downgrade(&cut.0));
    }
}

/// A listener for axum whose connections can be cut. TLS handshakes do not hold up other callers.
#[derive(Debug)]
pub struct Door {
    arrivals: mpsc::Receiver<Wire>,
}

impl Door {
    /// Opens the door; the future accepts connections for as long as it is polled.
    ///
    /// # Errors
    /// When a certificate or key cannot be used.
    pub fn open(
        listener: TcpListener,
        tls: Option<&Tls>,
        lines: Lines,
    ) -> Result<(Self, impl Future<Output = ()> + Send + use<>), String> {
        let acceptor = tls.map(Tls::acceptor).transpose()?;
        let (sender, arrivals) = mpsc::channel(64);
        Ok((Self { arrivals }, welcome(listener, acceptor, lines, sender)))
    }
}

async fn welcome(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    lines: Lines,
    sender: mpsc::Sender<Wire>,
) {
    loop {
        let Ok((tcp, _)) = listener.accept().await else {
            // Out of descriptors, for example: others may be closing theirs.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        // Delayed small packets would only blur timings; it is fine to go without.
        let _ = tcp.set_nodelay(true);
        let cut = Cut::default();
        lines.add(&cut);
        match acceptor.clone() {
            None => {
                if sender.send(Wire { stream: Stream::Plain(tcp), cut }).await.is_err() {
                    return;
                }
            }
            Some(acceptor) => {
                let sender = sender.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(tcp).await {
                        let _ = sender.send(Wire { stream: Stream::Tls(Box::new(stream)), cut }).await;
                    }
                });
            }
        }
    }
}

impl Listener for Door {
    type Io = Wire;
    type Addr = Cut;

    async fn accept(&mut self) -> (Wire, Cut) {
        match self.arrivals.recv().await {
            Some(wire) => {
                let cut = wire.cut.clone();
                (wire, cut)
            }
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Cut> {
        Ok(Cut::default())
    }
}

impl Connected<IncomingStream<'_, Door>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.remote_addr().clone()
    }
}

/// Where a listener listens.
pub fn address(listener: &TcpListener) -> io::Result<SocketAddr> {
    listener.local_addr()
}
