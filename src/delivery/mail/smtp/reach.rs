//! Connects to a mail server: its addresses, and TLS.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::plain::one_line;
use super::step::{Step, StepFailure};

/// The most addresses of a server that are tried within the time-out of connecting.
const ADDRESSES_TRIED: u32 = 3;
const WORDS_CHARS: usize = 300;

/// A mail server and how to connect to it.
pub struct Server {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// The name in EHLO; none: the address that the connection comes from, in brackets.
    pub helo_name: Option<String>,
}

/// How a connection is encrypted.
pub enum Security {
    /// It begins in plain text and must become TLS before anything else is said.
    StartTls(Tls),
    /// It is TLS from the first byte.
    Tls(Tls),
    /// Not at all, because it stays on this machine: only these addresses are used.
    Loopback(Vec<SocketAddr>),
}

/// The server's name in its certificate, and the trusted authorities.
pub struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// TLS with the server of that name.
    pub fn new(name: ServerName<'static>, config: ClientConfig) -> Self {
        Self {
            connector: TlsConnector::from(Arc::new(config)),
            name,
        }
    }

    /// Encrypts a connection.
    pub async fn wrap(&self, stream: TcpStream, timeout: Duration) -> Result<TlsStream<TcpStream>, StepFailure> {
        let shaking_hands = self.connector.connect(self.name.clone(), stream);
        match tokio::time::timeout(timeout, shaking_hands).await {
            Ok(shaken) => shaken.map_err(|error| not_private(&error)),
            Err(_) => Err(StepFailure::timed_out(Step::StartTls, timeout)),
        }
    }
}

/// Why a connection could not be encrypted. A certificate that is not trusted needs an operator.
fn not_private(error: &io::Error) -> StepFailure {
    if is_about_certificate(error) {
        let words = one_line(&error.to_string(), WORDS_CHARS);
        return StepFailure::Lacking(format!(
            "the mail server's certificate is not trusted ({}): {words}; check it, mail.server and mail.ca_file",
            Step::StartTls
        ));
    }
    StepFailure::broken(Step::StartTls, error)
}

fn is_about_certificate(error: &io::Error) -> bool {
    let mut cause = inner(error);
    while let Some(error) = cause {
        if matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        // The source of an I/O error is that of the error inside it.
        cause = match error.downcast_ref() {
            Some(error) => inner(error),
            None => error.source(),
        };
    }
    false
}

/// The error inside an I/O error.
fn inner(error: &io::Error) -> Option<&(dyn Error + 'static)> {
    error.get_ref().map(|inner| inner as &(dyn Error + 'static))
}

impl Server {
    /// Tries the addresses of the server one after the other.
    pub async fn connect(&self, timeout: Duration) -> Result<TcpStream, StepFailure> {
        let trying = async {
            let addresses: Vec<SocketAddr> = match &self.security {
                Security::Loopback(addresses) => addresses.clone(),
                Security::StartTls(_) | Security::Tls(_) => tokio::net::lookup_host((self.host.as_str(), self.port))
                    .await?
                    .collect(),
            };
            let mut last = std::io::Error::other("its name has no address");
            for address in addresses {
                match tokio::time::timeout(timeout / ADDRESSES_TRIED, TcpStream::connect(address)).await {
                    Ok(Ok(stream)) => return Ok(stream),
                    Ok(Err(error)) => last = error,
                    Err(_) => last = std::io::ErrorKind::TimedOut.into(),
                }
            }
            Err::<TcpStream, std::io::Error>(last)
        };
        match tokio::time::timeout(timeout, trying).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(reason)) => Err(StepFailure::Broken(format!(
                "the mail server cannot be reached: {reason}"
            ))),
            Err(_) => Err(StepFailure::timed_out(Step::Connecting, timeout)),
        }
    }

    /// The name in EHLO on a connection from this address.
    pub fn name_for(&self, from: Option<IpAddr>) -> String {
        if let Some(name) = &self.helo_name {
            return name.clone();
        }
        match from.map(|ip| ip.to_canonical()) {
            Some(IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
            Some(IpAddr::V4(ip)) => format!("[{ip}]"),
            None => "[127.0.0.1]".to_owned(),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untrusted_certificate_is_a_configuration_error() {
        let expired = || rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let plain = io::Error::new(io::ErrorKind::InvalidData, expired());
        let wrapped = io::Error::other(io::Error::other(expired()));
        for error in [plain, wrapped] {
            assert!(matches!(not_private(&error), StepFailure::Lacking(words) if words.contains("certificate")));
        }
        let other = rustls::Error::General("invalid peer certificate".to_owned());
        for error in [io::Error::other(other), io::ErrorKind::ConnectionReset.into()] {
            assert!(matches!(not_private(&error), StepFailure::Broken(_)));
        }
    }

    #[test]
    fn a_service_without_a_name_gives_its_address() {
        let mut server = Server {
            host: "127.0.0.1".to_owned(),
            port: 25,
            security: Security::Loopback(Vec::new()),
            helo_name: None,
        };
        let name = |server: &Server, ip: &str| server.name_for(Some(ip.parse().expect("an address")));
        assert_eq!(name(&server, "10.0.0.7"), "[10.0.0.7]");
        assert_eq!(name(&server, "::ffff:10.0.0.7"), "[10.0.0.7]");
        assert_eq!(name(&server, "2001:db8::1"), "[IPv6:2001:db8::1]");
        server.helo_name = Some("reports.example.org".to_owned());
        assert_eq!(name(&server, "10.0.0.7"), "reports.example.org");
    }
}
