//! TLS of the intake: a certificate and its key from two files, read again when they change.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{self, CryptoProvider};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use crate::spec::model::IntakeTls;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What makes connections secure with the certificate in these files.
///
/// # Errors
/// A sentence that names the file and what is wrong with it.
pub(super) fn acceptor(files: &IntakeTls) -> Result<TlsAcceptor, String> {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let certificate = Certificate::read(files, Arc::clone(&provider))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A certificate that is renewed on disk while we run.
struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    held: RwLock<Held>,
}

struct Held {
    pair: Arc<CertifiedKey>,
    changed: [Option<SystemTime>; 2],
    looked: Instant,
}

impl Certificate {
    fn read(files: &IntakeTls, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let changed = [changed(&files.certificate), changed(&files.key)];
        let pair = Arc::new(pair(&files.certificate, &files.key, &provider)?);
        let held = RwLock::new(Held { pair, changed, looked: Instant::now() });
        Ok(Self { certificate: files.certificate.clone(), key: files.key.clone(), provider, held })
    }

    fn current(&self, now: Instant) -> Arc<CertifiedKey> {
        {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            if now.saturating_duration_since(held.looked) < LOOK_EVERY {
                return Arc::clone(&held.pair);
            }
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.looked = now;
        let changed = [changed(&self.certificate), changed(&self.key)];
        if changed != held.changed {
            match pair(&self.certificate, &self.key, &self.provider) {
                Ok(pair) => {
                    held.pair = Arc::new(pair);
                    held.changed = changed;
                    tracing::info!("the intake uses the certificate that was renewed");
                }
                // Half of the pair may be renewed and the other half not yet.
                Err(problem) => {
                    tracing::warn!(problem, "the intake's renewed certificate cannot be used yet")
                }
            }
        }
        Arc::clone(&held.pair)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current(Instant::now()))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn changed(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|metadata| metadata.modified()).ok()
}

fn pair(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect).map_err(|error| {
            format!("the intake's certificate {} cannot be read: {error}", certificate.display())
        })?;
    if chain.is_empty() {
        return Err(format!(
            "the intake's certificate {} holds no certificate in PEM form",
            certificate.display()
        ));
    }
    let secret = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("the intake's key {} cannot be read: {error}", key.display()))?;
    CertifiedKey::from_der(chain, secret, provider).map_err(|error| {
        format!("the intake's key {} does not go with its certificate: {error}", key.display())
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    /// Files with a certificate and a key, which were changed at this second.
    struct Files {
        directory: tempfile::TempDir,
        seconds: u64,
    }

    impl Files {
        fn paths(&self) -> IntakeTls {
            let path = |name| self.directory.path().join(name);
            IntakeTls { certificate: path("server.pem"), key: path("server.key") }
        }

        fn write(&mut self, file: &Path, text: &str) {
            self.seconds += 1;
            fs::write(file, text).unwrap();
            let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(self.seconds);
            fs::File::options().write(true).open(file).unwrap().set_modified(changed).unwrap();
        }
    }

    fn issued() -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap(), key)
    }

    #[test]
    fn a_renewed_certificate_is_used_once_both_files_are_there() {
        let mut files = Files { directory: tempfile::tempdir().unwrap(), seconds: 0 };
        let paths = files.paths();
        let [(old, old_key), (new, new_key)] = [(); 2].map(|()| issued());
        files.write(&paths.certificate, &old.pem());
        files.write(&paths.key, &old_key.serialize_pem());
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let certificate = Certificate::read(&paths, provider).unwrap();
        let mut now = Instant::now();
        let mut uses = |wanted: &rcgen::Certificate| {
            now += LOOK_EVERY;
            assert_eq!(&certificate.current(now).cert[0], wanted.der());
            assert_eq!(&certificate.current(now).cert[0], wanted.der(), "between two looks");
        };
        uses(&old);
        files.write(&paths.certificate, &new.pem());
        uses(&old);
        files.write(&paths.key, &new_key.serialize_pem());
        uses(&new);
        fs::remove_file(&paths.key).unwrap();
        uses(&new);
    }

    #[test]
    fn files_that_cannot_be_used_are_named() {
        let mut files = Files { directory: tempfile::tempdir().unwrap(), seconds: 0 };
        let paths = files.paths();
        let told = |paths: &IntakeTls| acceptor(paths).err().unwrap();
        assert!(told(&paths).contains("server.pem cannot be read"), "{}", told(&paths));
        let [(one, _), (_, other_key)] = [(); 2].map(|()| issued());
        files.write(&paths.certificate, "no certificate");
        assert!(told(&paths).contains("holds no certificate"), "{}", told(&paths));
        files.write(&paths.certificate, &one.pem());
        assert!(told(&paths).contains("server.key cannot be read"), "{}", told(&paths));
        files.write(&paths.key, &other_key.serialize_pem());
        assert!(told(&paths).contains("does not go with its certificate"), "{}", told(&paths));
    }
}
