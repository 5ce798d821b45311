//! Secure connections: whom we trust, and how we prove who we are.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

use super::{LONG, get, not_sent, unknown};
use crate::base::Secret;
use crate::http::client::{Client, ClientOptions, Kind};
use crate::http::loopback::{Loopback, answer, read_request};

/// An authority that issues certificates for tests.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: rustls_pki_types::CertificateDer<'static>,
}

/// A certificate and its key.
struct Issued {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        Self::called("an authority")
    }

    fn called(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    fn issue(&self, name: &str) -> Issued {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        Issued { certificate: params.signed_by(&key, &self.issuer).unwrap(), key }
    }
}

impl Issued {
    fn pem(&self) -> Secret {
        Secret::new(format!("{}\n{}", self.certificate.pem(), self.key.serialize_pem()))
    }
}

/// A server with `own` certificate that wants client certificates of `clients`, where given.
async fn server(own: &Issued, clients: Option<&Authority>) -> Loopback {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der.clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::try_from(own.key.serialize_der()).unwrap();
    let config = builder.with_single_cert(vec![own.certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Loopback::raw(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            if read_request(&mut stream).await.is_some() {
                stream.write_all(&answer("200 OK", "", "{}")).await.unwrap();
                let _ = stream.shutdown().await;
            }
        }
    })
    .await
}

fn client(server: &Loopback, authority: &Authority, identity: Option<Secret>) -> Client {
    Client::new(ClientOptions {
        hosts: vec![format!("localhost:{}", server.address.port()), server.address.to_string()],
        ca: Some(authority.pem.clone()),
        identity,
        ..ClientOptions::default()
    })
    .unwrap()
}

fn url(server: &Loopback) -> url::Url {
    format!("https://localhost:{}/x?token=hunter2", server.address.port()).parse().unwrap()
}

#[tokio::test]
async fn the_authorities_of_the_connection_are_trusted_and_no_others() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = server(&ours.issue("localhost"), None).await;
    for kind in [Kind::Repeatable, Kind::Once] {
        let trusting = client(&server, &ours, None);
        assert!(trusting.send(get(url(&server)), kind, LONG).await.unwrap().status.is_success());
        let (reason, permanent) =
            not_sent(client(&server, &theirs, None).send(get(url(&server)), kind, LONG).await);
        assert!(permanent && reason.starts_with("No secure connection to localhost:"), "{reason}");
        assert!(reason.contains("certificate") && !reason.contains("hunter2"), "{reason}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let authority = Authority::new();
    let server = server(&authority.issue("other.example"), None).await;
    let (reason, permanent) =
        not_sent(client(&server, &authority, None).send(get(url(&server)), Kind::Once, LONG).await);
    assert!(permanent && reason.contains("other.example"), "{reason}");
}

#[tokio::test]
async fn a_client_certificate_proves_who_we_are() {
    let (authority, impostor, stranger) =
        (Authority::new(), Authority::new(), Authority::called("a stranger"));
    let server = server(&authority.issue("localhost"), Some(&authority)).await;
    for kind in [Kind::Repeatable, Kind::Once] {
        let known = client(&server, &authority, Some(authority.issue("client").pem()));
        assert!(known.send(get(url(&server)), kind, LONG).await.unwrap().status.is_success());
        for issuer in [None, Some(&impostor), Some(&stranger)] {
            let identity = issuer.map(|issuer| issuer.issue("client").pem());
            let refused = client(&server, &authority, identity);
            let (reason, permanent) = not_sent(refused.send(get(url(&server)), kind, LONG).await);
            assert!(permanent && reason.contains("did not accept our client certificate"), "{reason}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_said_without_showing_it() {
    let with = |change: fn(&mut ClientOptions)| {
        let mut options = ClientOptions::default();
        change(&mut options);
        Client::new(options).unwrap_err().to_string()
    };
    assert!(with(|options| options.ca = Some("no pem".to_owned())).contains("`ca`"));
    let broken = "-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n";
    for text in ["hunter2", broken] {
        let options = ClientOptions { identity: Some(Secret::new(text)), ..ClientOptions::default() };
        let said = Client::new(options).unwrap_err().to_string();
        assert!(said.contains("client certificate") && !said.contains("hunter2"), "{said}");
    }
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nhunter2\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let options = ClientOptions { identity: Some(Secret::new(locked)), ..ClientOptions::default() };
    assert!(Client::new(options).unwrap_err().to_string().contains("passphrase"));
    assert!(with(|options| options.proxy = Some(Secret::new("not a url hunter2"))).contains("`proxy`"));
}

#[tokio::test]
async fn tls_to_a_server_that_speaks_none_proves_that_nothing_was_sent() {
    let authority = Authority::new();
    let plain = Loopback::raw(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    for kind in [Kind::Repeatable, Kind::Once] {
        let (_, permanent) =
            not_sent(client(&plain, &authority, None).send(get(url(&plain)), kind, LONG).await);
        assert!(!permanent);
    }
}

#[tokio::test]
async fn a_secure_connection_that_closes_without_an_answer_proves_nothing() {
    let authority = Authority::new();
    let own = authority.issue("localhost");
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(own.key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Loopback::raw(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                read_request(&mut stream).await;
            }
        }
    })
    .await;
    unknown(client(&server, &authority, None).send(get(url(&server)), Kind::Once, LONG).await);
}
