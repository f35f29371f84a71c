//! The cluster that plans run on.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster_options::{AddressError, ClusterOptions, SchedulerAddress, TlsFiles};
use super::{ConfigError, without_secrets};

/// Partitions of an exchange where nothing else is said.
const USUAL_PARTITIONS: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// Where the cluster is, and how its processes trust each other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// The scheduler, as `df://HOST:PORT`; none means that everything runs in this process.
    pub scheduler: Option<String>,
    /// Partitions of an exchange between tasks; none means 16. At least the executors' slots together; more where a task's
    /// share does not fit into its memory.
    pub partitions: Option<NonZeroUsize>,
    /// Certificates of the authorities that the cluster's processes trust, in PEM format; connections are encrypted then.
    pub tls_authorities: Option<PathBuf>,
    /// This process's own certificate.
    pub tls_certificate: Option<PathBuf>,
    /// The key of that certificate.
    pub tls_key: Option<PathBuf>,
}

impl ClusterConfig {
    /// The cluster that plans run on, or none.
    ///
    /// # Errors
    /// The address is not `df://HOST:PORT`, or the TLS settings contradict each other.
    pub fn options(&self) -> Result<Option<ClusterOptions>, ConfigError> {
        let Some(scheduler) = &self.scheduler else {
            return Ok(None);
        };
        let scheduler: SchedulerAddress = scheduler.parse().map_err(|error: AddressError| {
            let text = without_secrets(scheduler);
            ConfigError::Invalid(format!("--cluster: '{text}' {error}"))
        })?;
        Ok(Some(ClusterOptions {
            scheduler,
            partitions: self.partitions.unwrap_or(USUAL_PARTITIONS),
            tls: self.tls()?,
        }))
    }

    /// The files of encrypted connections, or none.
    ///
    /// # Errors
    /// One of the settings is missing that belong together.
    pub fn tls(&self) -> Result<Option<TlsFiles>, ConfigError> {
        let own = match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            _ => {
                return Err(ConfigError::Invalid(
                    "cluster.tls_certificate and cluster.tls_key go together; set both or neither".to_owned(),
                ));
            }
        };
        match (&self.tls_authorities, own) {
            (Some(authorities), own) => Ok(Some(TlsFiles {
                authorities: authorities.clone(),
                own,
            })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(ConfigError::Invalid(
                "cluster.tls_certificate without cluster.tls_authorities; name the authorities whose certificates count"
                    .to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_scheduler_is_named_without_its_login() {
        let complaint = |scheduler: &str| {
            let config = ClusterConfig {
                scheduler: Some(scheduler.to_owned()),
                ..ClusterConfig::default()
            };
            config.options().expect_err("a mistake").to_string()
        };
        let message = complaint("df://asha:geheim@scheduler?token=geheim");
        assert_eq!(
            message,
            "configuration: --cluster: 'df://asha:***@scheduler?***' names no scheduler; write df://HOST:PORT"
        );
        assert!(complaint("nowhere").contains("'nowhere'"));
    }
}
