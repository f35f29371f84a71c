//! Settings of the Ballista cluster that a session runs its plans on.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// The default port of a Ballista scheduler.
const USUAL_PORT: u16 = 50050;

/// A cluster and how many partitions a plan uses on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterOptions {
    /// The scheduler that jobs are submitted to.
    pub scheduler: SchedulerAddress,
    /// Partitions of an exchange (shuffle) between tasks; each partition is one task's input.
    pub partitions: NonZeroUsize,
    /// `None`: connections are not encrypted.
    pub tls: Option<TlsFiles>,
}

/// PEM files for mutual TLS between the processes of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of the trusted authorities.
    pub authorities: PathBuf,
    /// This process's certificate and its private key. Servers need them; a client needs them where servers demand one.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// The address of a scheduler, `df://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulerAddress {
    /// A host name or an IP address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// A text that is not the address of a scheduler. It is not repeated: it may hold a login, by mistake.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("names no scheduler; write df://HOST:PORT")]
pub struct AddressError;

impl FromStr for SchedulerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| AddressError)?;
        let is_bare = matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        match url.host_str() {
            Some(host) if !host.is_empty() && url.scheme() == "df" && is_bare => Ok(Self {
                host: host.to_owned(),
                port: url.port().unwrap_or(USUAL_PORT),
            }),
            _ => Err(AddressError),
        }
    }
}

impl fmt::Display for SchedulerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "df://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_has_a_host_and_perhaps_a_port() {
        let parsed = |text: &str| text.parse::<SchedulerAddress>().map(|address| address.to_string());
        assert_eq!(parsed("df://scheduler"), Ok("df://scheduler:50050".to_owned()));
        assert_eq!(parsed("df://10.0.0.1:6000/"), Ok("df://10.0.0.1:6000".to_owned()));
        assert_eq!(parsed("df://[::1]:6000"), Ok("df://[::1]:6000".to_owned()));
        for wrong in [
            "",
            "scheduler:50050",
            "http://scheduler:50050",
            "df://",
            "df://host:70000",
            "df://user:word@host",
            "df://host/path",
        ] {
            assert_eq!(parsed(wrong), Err(AddressError), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(host in "[a-z][a-z0-9-]{0,20}", port in 1u16..) {
            let address = SchedulerAddress { host, port };
            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }
    }
}
