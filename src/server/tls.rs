//! TLS of the service itself, for sites without a proxy that does it: a certificate chain and its key from PEM files.

use std::path::Path;
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::ServerError;

/// What the files allow; an error where they do not hold a chain and its key.
pub fn settings(certificate: &Path, key: &Path) -> Result<RustlsConfig, ServerError> {
    let bad_certificate = |reason: String| ServerError::Tls {
        setting: "tls_certificate",
        path: certificate.to_owned(),
        reason,
    };
    let bad_key = |reason: String| ServerError::Tls {
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
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(config)))
}
