//! TLS of the service itself: a certificate chain and its key from PEM files.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::ServerError;

/// What the files of `[room]` allow, for clients that speak `protocol`; an error where they do not hold a chain and its key.
pub fn settings(
    room: &'static str,
    (certificate, key): (&Path, &Path),
    protocol: &[u8],
) -> Result<Arc<ServerConfig>, ServerError> {
    let bad_certificate = |reason: String| ServerError::Tls {
        room,
        setting: "tls_certificate",
        path: certificate.to_owned(),
        reason,
    };
    let bad_key = |reason: String| ServerError::Tls {
        room,
        setting: "tls_key",
        path: key.to_owned(),
        reason,
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| bad_certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(bad_certificate("it holds no certificate".to_owned()));
    }
    let private_key = PrivateKeyDer::from_pem_file(key).map_err(|error| bad_key(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad_certificate(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, private_key)
        .map_err(|error| bad_key(error.to_string()))?;
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(Arc::new(config))
}
