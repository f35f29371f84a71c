//! HTTP requests to the issuer, for keys and other documents, with errors that tell operators the cause.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Certificate, Client, RequestBuilder, StatusCode, redirect};
use rustls::CertificateError;
use url::{Host, Url};

use crate::config::{CaFileError, ca_certificates};

/// The time that a fetch may take.
const FETCH_TIME: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes.
pub const LARGEST_ANSWER: usize = 1024 * 1024;

/// A URL that must not be used for the issuer.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum IssuerUrlError {
    #[error("{what} is {url}; the issuer is asked over https:// alone, or over http:// on this machine")]
    Insecure { what: &'static str, url: String },
    #[error("identity.ca_file {} cannot be used: {source}; give a PEM file with a certificate", path.display())]
    CaFile { path: PathBuf, source: CaFileError },
    #[error("the client that asks the issuer cannot be set up: {0}")]
    Client(#[source] reqwest::Error),
}

/// Why the issuer did not answer, or its answer is of no use.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("the connection is refused: nothing listens at that port, or a firewall turns it away")]
    Refused(#[source] reqwest::Error),
    #[error("it timed out: there was no whole answer within {seconds} seconds")]
    TimedOut { seconds: u64, source: reqwest::Error },
    #[error("the server's certificate is not trusted: {reason}")]
    Certificate { reason: String, source: reqwest::Error },
    #[error("TLS cannot be spoken with the server: {reason}")]
    Tls { reason: String, source: reqwest::Error },
    #[error("the host's name is not known (DNS)")]
    UnknownHost(#[source] reqwest::Error),
    #[error("the answer is {0}, not 200 OK")]
    Status(StatusCode),
    #[error("the answer is larger than {LARGEST_ANSWER} bytes")]
    TooLarge,
    #[error("{0}")]
    Other(#[source] reqwest::Error),
}

/// An address of the issuer.
#[derive(Debug)]
pub struct IssuerUrl {
    url: Url,
    client: Client,
    patience: Duration,
}

impl IssuerUrl {
    /// A client for `url`, which the setting or document field `what` gives. It trusts the authorities of `ca_file`
    /// beside the system's.
    ///
    /// # Errors
    ///
    /// Where the connection would not be protected, or the certificate authorities cannot be read.
    pub fn new(what: &'static str, url: Url, ca_file: Option<&Path>) -> Result<Self, IssuerUrlError> {
        if url.scheme() != "https" && !is_of_this_machine(&url) {
            return Err(IssuerUrlError::Insecure { what, url: shown(&url) });
        }
        let mut client = Client::builder().redirect(redirect::Policy::none()).timeout(FETCH_TIME);
        if url.scheme() != "https" {
            // No proxy of the environment (HTTP_PROXY) for plain HTTP on this machine: it could change the answer, and
            // its loopback is another machine's.
            client = client.no_proxy();
        }
        if let Some(path) = ca_file {
            let unusable = |source| IssuerUrlError::CaFile {
                path: path.to_owned(),
                source,
            };
            for certificate in ca_certificates(path).map_err(unusable)? {
                let certificate = Certificate::from_der(&certificate).map_err(IssuerUrlError::Client)?;
                client = client.add_root_certificate(certificate);
            }
        }
        Ok(Self {
            url,
            client: client.build().map_err(IssuerUrlError::Client)?,
            patience: FETCH_TIME,
        })
    }

    /// The URL for messages: without a login or a query.
    pub fn shown(&self) -> String {
        shown(&self.url)
    }

    /// The document at the URL.
    ///
    /// # Errors
    ///
    /// Why it could not be fetched.
    pub async fn fetch(&self) -> Result<Vec<u8>, FetchError> {
        let answer = self.answer_to(self.client.get(self.url.clone())).await?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            status => Err(FetchError::Status(status)),
        }
    }

    /// The answer to a form that is posted there, whatever its status, with its type.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn post(&self, headers: HeaderMap, form: Vec<u8>) -> Result<Response<Vec<u8>>, FetchError> {
        let post = self.client.post(self.url.clone()).headers(headers).body(form);
        self.answer_to(post).await
    }

    async fn answer_to(&self, request: RequestBuilder) -> Result<Response<Vec<u8>>, FetchError> {
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return Err(self.explained(error).await),
        };
        let mut whole = Response::new(Vec::new());
        *whole.status_mut() = answer.status();
        if let Some(media_type) = answer.headers().get(CONTENT_TYPE) {
            whole.headers_mut().insert(CONTENT_TYPE, media_type.clone());
        }
        loop {
            match answer.chunk().await {
                Ok(Some(piece)) => whole.body_mut().extend_from_slice(&piece),
                Ok(None) => return Ok(whole),
                Err(error) => return Err(self.explained(error).await),
            }
            if whole.body().len() > LARGEST_ANSWER {
                return Err(FetchError::TooLarge);
            }
        }
    }

    async fn explained(&self, error: reqwest::Error) -> FetchError {
        let source = error.without_url();
        let timed_out = |source| FetchError::TimedOut {
            seconds: self.patience.as_secs(),
            source,
        };
        if source.is_timeout() {
            return timed_out(source);
        }
        let cause = cause(&source);
        let is_unknown = cause.is_none() && source.is_connect() && !self.has_known_host().await;
        match cause {
            Some(Cause::Refused) => FetchError::Refused(source),
            Some(Cause::TimedOut) => timed_out(source),
            Some(Cause::Certificate(reason)) => FetchError::Certificate { reason, source },
            Some(Cause::Tls(reason)) => FetchError::Tls { reason, source },
            None if is_unknown => FetchError::UnknownHost(source),
            None => FetchError::Other(source),
        }
    }

    /// Whether the host's name has an address: the client's error for one without has no type of its own.
    async fn has_known_host(&self) -> bool {
        let Some(host) = self.url.host_str() else { return false };
        let port = self.url.port_or_known_default().unwrap_or_default();
        let looked_up = tokio::time::timeout(self.patience, tokio::net::lookup_host((host, port)));
        // IPv6 addresses stand in brackets, and need no look-up.
        host.starts_with('[') || matches!(looked_up.await, Ok(Ok(_)))
    }
}

/// Whether a URL's host is this machine.
pub fn is_of_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    // Neither fails for a URL with a host, as http and https have one.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    shown.to_string()
}

/// The cause of the HTTP client's error.
#[derive(Debug, PartialEq, Eq)]
enum Cause {
    Refused,
    TimedOut,
    Certificate(String),
    Tls(String),
}

/// Looks through an error's sources for what their types say.
fn cause(error: &(dyn Error + 'static)) -> Option<Cause> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(match error {
                rustls::Error::InvalidCertificate(reason) => Cause::Certificate(certificate_words(reason)),
                other => Cause::Tls(other.to_string()),
            });
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            // Its source is not the error that it wraps, but that error's source.
            if let Some(wrapped) = error.get_ref()
                && let Some(found) = cause(wrapped)
            {
                return Some(found);
            }
            match error.kind() {
                io::ErrorKind::ConnectionRefused => return Some(Cause::Refused),
                io::ErrorKind::TimedOut => return Some(Cause::TimedOut),
                _ => {}
            }
        }
        next = error.source();
    }
    None
}

fn certificate_words(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "an authority that is not known signed it; name that authority's certificate in identity.ca_file".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Result<IssuerUrl, IssuerUrlError> {
        IssuerUrl::new("identity.jwks", url.parse().expect("a URL"), None)
    }

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for good in [
            "https://login.example.org/keys",
            "http://localhost:1/keys",
            "http://127.0.0.1/k",
            "http://[::1]/k",
        ] {
            assert!(server(good).is_ok(), "{good}");
        }
        for bad in [
            "http://login.example.org/keys",
            "http://localhost.example.org/keys",
            "http://10.0.0.1/keys",
        ] {
            assert!(matches!(server(bad), Err(IssuerUrlError::Insecure { .. })), "{bad}");
        }
    }

    #[test]
    fn a_login_in_the_url_is_not_shown() {
        let server = server("https://user:word@login.example.org/keys?token=word#word").expect("a server");
        assert_eq!(server.shown(), "https://login.example.org/keys");
    }

    #[test]
    fn causes_are_found_by_their_types_however_deep() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(cause(&refused), Some(Cause::Refused));
        let wrapped = io::Error::other(io::Error::from(io::ErrorKind::TimedOut));
        assert_eq!(cause(&wrapped), Some(Cause::TimedOut));
        let tls = |error: rustls::Error| io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error));
        let unknown = tls(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        let Some(Cause::Certificate(reason)) = cause(&unknown) else {
            panic!("{unknown:?}");
        };
        assert!(reason.contains("identity.ca_file"), "{reason}");
        let other = tls(rustls::Error::DecryptError);
        assert!(matches!(cause(&other), Some(Cause::Tls(_))));
        assert_eq!(cause(&io::Error::other("something else")), None);
    }

    #[tokio::test]
    async fn a_closed_port_refuses_and_a_silent_one_times_out() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut silent = server(&format!("http://{address}/keys")).expect("a server");
        silent.patience = Duration::from_millis(200);
        silent.client = Client::builder().timeout(silent.patience).build().expect("a client");
        assert!(matches!(silent.fetch().await, Err(FetchError::TimedOut { .. })));
        drop(listener);
        assert!(matches!(silent.fetch().await, Err(FetchError::Refused(_))));
    }
}
