//! Settings of traces and metrics that are sent to an OpenTelemetry collector.

use std::path::PathBuf;

use reqwest::header::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{ConfigError, Secret, without_secrets};

/// `[opentelemetry]`: where traces and metrics are sent. The standard variables `OTEL_…` win over these settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpenTelemetryConfig {
    /// The collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`. Without it, and without
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, nothing is sent.
    pub endpoint: Option<String>,
    /// The name under which the traces and metrics of this program are found.
    pub service_name: String,
    /// Headers that the collector asks for, as `name=value,name=value`; better in `PRAGATI_OPENTELEMETRY__HEADERS`, or in a
    /// file.
    pub headers: Option<Secret>,
    /// A file that holds the headers.
    pub headers_file: Option<PathBuf>,
    /// Send traces: of HTTP requests, deliveries, nightly runs, reports and mails.
    pub traces: bool,
    /// Send metrics: how long these take and how they end.
    pub metrics: bool,
}

impl Default for OpenTelemetryConfig {
    fn default() -> Self {
        Self {
            endpoint: None,
            service_name: "pragati".to_owned(),
            headers: None,
            headers_file: None,
            traces: true,
            metrics: true,
        }
    }
}

impl OpenTelemetryConfig {
    /// Refuses an endpoint that nothing can be sent to.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.service_name.trim().is_empty() {
            return Err(invalid(
                "service_name is empty; leave it out, or give a name".to_owned(),
            ));
        }
        let Some(endpoint) = &self.endpoint else { return Ok(()) };
        collector_url(endpoint)
            .map(|_| ())
            .map_err(|fault| invalid(format!("endpoint: {fault}")))
    }

    /// The headers with their values, in the order of the setting.
    ///
    /// # Errors
    /// Where their file cannot be read, or one of them is no header; values are not repeated.
    pub fn headers(&self) -> Result<Vec<(String, String)>, ConfigError> {
        let Some(text) = Secret::given(self.headers.as_ref(), self.headers_file.as_deref())? else {
            return Ok(Vec::new());
        };
        let parts = text.reveal().split(',').map(str::trim);
        let headers = parts.filter(|part| !part.is_empty()).enumerate();
        headers
            .map(|(index, header)| {
                let parsed = header.split_once('=').and_then(|(name, value)| {
                    let (name, value) = (name.trim(), value.trim());
                    HeaderName::try_from(name).ok()?;
                    HeaderValue::try_from(value).ok()?;
                    Some((name.to_owned(), value.to_owned()))
                });
                parsed.ok_or_else(|| {
                    let number = index + 1;
                    invalid(format!(
                        "headers: number {number} is no header; write name=value,name=value"
                    ))
                })
            })
            .collect()
    }
}

fn invalid(words: String) -> ConfigError {
    ConfigError::Invalid(format!("opentelemetry.{words}"))
}

/// The address of a collector, if this program can send to it; else what is wrong with it, without secrets.
///
/// # Errors
/// The fault, and what to write.
pub fn collector_url(text: &str) -> Result<Url, String> {
    let shown = without_secrets(text);
    let url = Url::parse(text).map_err(|_| format!("'{shown}' is no URL; write http://HOST:4318"))?;
    if !["http", "https"].contains(&url.scheme()) || !url.has_host() {
        return Err(format!(
            "'{shown}' is no address of a collector; write http://HOST:4318 or https://HOST"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "'{shown}' holds more than a host and a path; give a login in `headers` under [opentelemetry]"
        ));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_headers(headers: &str) -> OpenTelemetryConfig {
        OpenTelemetryConfig {
            headers: Some(headers.to_owned().into()),
            ..OpenTelemetryConfig::default()
        }
    }

    #[test]
    fn headers_are_split_at_commas_and_the_first_equals_sign() {
        let headers = with_headers("authorization=Basic YTpi==, x-tenant = t1,").headers();
        let expected = [("authorization", "Basic YTpi=="), ("x-tenant", "t1")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(headers.expect("headers"), expected);
        let none = OpenTelemetryConfig::default().headers().expect("none");
        assert!(none.is_empty(), "{none:?}");
    }

    #[test]
    fn a_wrong_header_is_counted_and_not_repeated() {
        for headers in ["a=b,geheim", "a=b,x y=geheim", "a=b,c=geheim\u{7}"] {
            let message = with_headers(headers).headers().expect_err(headers).to_string();
            assert!(message.contains("opentelemetry.headers: number 2"), "{message}");
            assert!(!message.contains("geheim"), "{message}");
        }
    }

    #[test]
    fn an_endpoint_that_cannot_be_sent_to_is_refused() {
        for (endpoint, words) in [
            ("127.0.0.1:4318", "http://HOST:4318"),
            ("grpc://collector:4317", "no address of a collector"),
            ("http://asha:geheim@collector:4318", "`headers`"),
            ("http://collector:4318/?token=geheim", "`headers`"),
        ] {
            let config = OpenTelemetryConfig {
                endpoint: Some(endpoint.to_owned()),
                ..OpenTelemetryConfig::default()
            };
            let message = config.check().expect_err(endpoint).to_string();
            assert!(
                message.contains("opentelemetry.endpoint") && message.contains(words),
                "{message}"
            );
            assert!(!message.contains("geheim"), "{message}");
        }
        for endpoint in ["http://127.0.0.1:4318", "https://collector.example.org/otlp/"] {
            assert!(collector_url(endpoint).is_ok(), "{endpoint}");
        }
    }
}
