//! TLS of the service itself: a certificate chain and its key from PEM files, which are read again when they may have
//! changed.
//!
//! [`settings`] is for servers that take connections by themselves. [`PerConnection`] also tells which certificate a
//! connection has, to which a login can be bound.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::NetworkError;

/// How often the files are read again, so that a renewed certificate is used soon.
const LOOK: Duration = Duration::from_secs(60);

/// What the files of `[room]` allow, for clients that speak `protocol`.
///
/// # Errors
/// Where they do not hold a chain and its key.
pub fn settings(
    room: &'static str,
    (certificate, key): (&Path, &Path),
    protocol: &[u8],
) -> Result<Arc<ServerConfig>, NetworkError> {
    let tls = PerConnection::open(room, (certificate, key), protocol)?;
    let mut config = tls.config;
    config.cert_resolver = Arc::new(tls.certificates);
    Ok(Arc::new(config))
}

/// TLS that is set up anew for each connection.
#[derive(Debug)]
pub struct PerConnection {
    config: ServerConfig,
    certificates: Certificates,
}

impl PerConnection {
    /// What the files of `[room]` allow, for clients that speak `protocol`.
    ///
    /// # Errors
    /// Where they do not hold a chain and its key.
    pub fn open(room: &'static str, (certificate, key): (&Path, &Path), protocol: &[u8]) -> Result<Self, NetworkError> {
        let certificates = certificates(room, certificate, key)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| certificates.files.bad_certificate(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(certificates.now());
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(Self { config, certificates })
    }

    /// The settings of a connection that begins now, and the certificate that it has.
    pub fn begin(&self) -> (Arc<ServerConfig>, Option<CertificateDer<'static>>) {
        let certified = self.certificates.at(Instant::now());
        let certificate = certified.cert.first().cloned();
        let mut config = self.config.clone();
        config.cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        (Arc::new(config), certificate)
    }
}

fn certificates(room: &'static str, certificate: &Path, key: &Path) -> Result<Certificates, NetworkError> {
    let files = Files {
        room,
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    };
    let current = Current {
        certified: files.read()?,
        read_at: Instant::now(),
    };
    Ok(Certificates {
        files,
        current: Mutex::new(current),
    })
}

#[derive(Debug)]
struct Files {
    room: &'static str,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn read(&self) -> Result<Arc<CertifiedKey>, NetworkError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect)
            .map_err(|error| self.bad_certificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(self.bad_certificate("it holds no certificate".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| self.bad_key(error.to_string()))?;
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider());
        certified.map(Arc::new).map_err(|error| self.bad_key(error.to_string()))
    }

    fn bad_certificate(&self, reason: String) -> NetworkError {
        NetworkError::Tls {
            room: self.room,
            setting: "tls_certificate",
            path: self.certificate.clone(),
            reason,
        }
    }

    fn bad_key(&self, reason: String) -> NetworkError {
        NetworkError::Tls {
            room: self.room,
            setting: "tls_key",
            path: self.key.clone(),
            reason,
        }
    }
}

/// The chain and key that new connections get.
#[derive(Debug)]
struct Certificates {
    files: Files,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    certified: Arc<CertifiedKey>,
    read_at: Instant,
}

impl Certificates {
    /// Serves the current certificate.
    fn now(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(self.at(Instant::now())))
    }

    /// As the files are now, or were when they could last be read.
    fn at(&self, now: Instant) -> Arc<CertifiedKey> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(current.read_at) >= LOOK {
            current.read_at = now;
            match self.files.read() {
                Ok(certified) => current.certified = certified,
                Err(error) => tracing::error!("{error}; the certificate that was read before stays in use"),
            }
        }
        Arc::clone(&current.certified)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello) -> Option<Arc<CertifiedKey>> {
        Some(self.at(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path) {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        std::fs::write(folder.join("cert.pem"), own.cert.pem()).expect("written");
        std::fs::write(folder.join("key.pem"), own.signing_key.serialize_pem()).expect("written");
    }

    #[test]
    fn a_renewed_certificate_is_used_after_a_while_and_a_broken_one_never() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path());
        let files = Files {
            room: "serve",
            certificate: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
        };
        let start = Instant::now();
        let current = Current {
            certified: files.read().expect("a pair"),
            read_at: start,
        };
        let certificates = Certificates {
            files,
            current: Mutex::new(current),
        };
        let first = certificates.at(start).cert.clone();
        write(folder.path());
        assert_eq!(certificates.at(start + LOOK / 2).cert, first);
        let second = certificates.at(start + LOOK).cert.clone();
        assert_ne!(second, first);
        std::fs::write(folder.path().join("key.pem"), "no key").expect("written");
        assert_eq!(certificates.at(start + LOOK * 2).cert, second);
    }
}
