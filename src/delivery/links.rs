//! Where people fetch the file of a request: an address of this service, which asks who they are.

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use super::mail::Link;
use super::request::Request;
use crate::config::{ConfigError, ServeConfig};

/// Makes links to files.
#[derive(Debug, Clone)]
pub struct Links {
    /// Ends with a slash.
    public_url: Option<Url>,
    kept: std::time::Duration,
}

impl Links {
    /// Links below `serve.public_url`, which end with the retention of files.
    pub fn new(config: &ServeConfig) -> Result<Self, ConfigError> {
        let invalid = |reason: String| {
            ConfigError::Invalid(format!(
                "serve.public_url {reason}; give the address under which people reach this service, such as https://reports.example.org"
            ))
        };
        let public_url = config.public_url.as_deref().map(|text| {
            let slash = if text.ends_with('/') { "" } else { "/" };
            let url = Url::parse(&format!("{text}{slash}")).map_err(|error| invalid(format!("is no URL: {error}")))?;
            match url.scheme() {
                "http" | "https" => Ok(url),
                scheme => Err(invalid(format!("begins with {scheme}:"))),
            }
        });
        Ok(Self {
            public_url: public_url.transpose()?,
            kept: config.retention(),
        })
    }

    /// When the file of a request goes.
    pub fn end_of(&self, request: &Request) -> DateTime<Utc> {
        let ended = request.finished_at.unwrap_or(request.requested_at);
        let kept = TimeDelta::from_std(self.kept).unwrap_or(TimeDelta::MAX);
        ended.checked_add_signed(kept).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Where the file of a request can be fetched; none where the service's public address is not known.
    pub fn to_file(&self, request: &Request) -> Option<Link> {
        let url = self.public_url.as_ref()?;
        let url = url.join(&format!("api/v1/reports/{}/file", request.id)).ok()?;
        Some(Link {
            url: url.into(),
            ends_at: self.end_of(request),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_taken() {
        let links = |url: &str| {
            Links::new(&ServeConfig {
                public_url: Some(url.to_owned()),
                ..ServeConfig::default()
            })
        };
        assert!(links("https://reports.example.org/pragati").is_ok());
        for bad in ["reports.example.org", "javascript:alert(1)", "file:///etc"] {
            let message = links(bad).expect_err(bad).to_string();
            assert!(
                message.contains("serve.public_url") && !message.contains('\n'),
                "{message}"
            );
        }
    }
}
