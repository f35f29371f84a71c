//! Mutual TLS between the processes of a cluster.

use std::path::Path;
use std::sync::Arc;

use ballista_core::extension::EndpointOverrideFn;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, ServerTlsConfig};

use super::EngineError;
use super::client::with_settings;
use crate::config::TlsFiles;

/// Certificates, read once at start.
#[derive(Debug, Clone)]
pub struct Tls {
    authorities: Certificate,
    own: Option<Identity>,
}

impl Tls {
    /// Reads the files. A file that cannot be read is an error: connections never fall back to plain text.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(files: &TlsFiles) -> Result<Self, EngineError> {
        let authorities = Certificate::from_pem(read(&files.authorities)?);
        let own = match &files.own {
            Some((certificate, key)) => Some(Identity::from_pem(read(certificate)?, read(key)?)),
            None => None,
        };
        Ok(Self { authorities, own })
    }

    /// The settings of a server that only accepts clients with a certificate of these authorities.
    ///
    /// # Errors
    /// There is no certificate of this process with its key.
    pub fn of_server(&self) -> Result<ServerTlsConfig, EngineError> {
        let own = self.own.clone().ok_or_else(|| EngineError::Start {
            reason: "a scheduler or executor with TLS needs a certificate and a key; set tls_certificate and tls_key \
                     under [cluster]"
                .to_owned(),
        })?;
        let tls = ServerTlsConfig::new().identity(own);
        Ok(tls.client_ca_root(self.authorities.clone()))
    }

    /// The same endpoint, encrypted.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub fn secured(&self, endpoint: Endpoint) -> Result<Endpoint, tonic::transport::Error> {
        let mut tls = ClientTlsConfig::new().ca_certificate(self.authorities.clone());
        if let Some(own) = &self.own {
            tls = tls.identity(own.clone());
        }
        let address = endpoint.uri().to_string();
        let endpoint = match address.strip_prefix("http://") {
            // Ballista's executors accept a scheduler's address of this form only.
            Some(place) => with_settings(Endpoint::from_shared(format!("https://{place}"))?),
            None => endpoint,
        };
        endpoint.tls_config(tls)
    }

    /// The hook by which Ballista encrypts the connections that it opens.
    pub fn of_connections(&self) -> EndpointOverrideFn {
        let tls = self.clone();
        Arc::new(move |endpoint| Ok(tls.secured(endpoint)?))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, EngineError> {
    std::fs::read(path).map_err(|error| EngineError::Start {
        reason: format!("TLS file {}: {error}", path.display()),
    })
}
