//! The HTTP client of the exporters: the same as everywhere in the program, with the system's certificate authorities.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

/// How long a collector may take for an answer, where `OTEL_EXPORTER_OTLP_TIMEOUT` does not say it.
const USUAL_TIME: Duration = Duration::from_secs(10);

/// A client; it must be used within a Tokio runtime.
#[derive(Debug)]
pub struct Client(reqwest::Client);

impl Client {
    /// A client that takes the time limit from the environment.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        let limit = std::env::var("OTEL_EXPORTER_OTLP_TIMEOUT").ok();
        let limit = limit.and_then(|text| text.parse().ok()).map(Duration::from_millis);
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(limit.unwrap_or(USUAL_TIME))
            .build()?;
        Ok(Self(client))
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.0.execute(request.try_into()?).await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut response = Response::new(answer.bytes().await?);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}
