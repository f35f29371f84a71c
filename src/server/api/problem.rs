//! Problem documents (RFC 9457): what the API answers where a request cannot be fulfilled.

use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::Refusal;

/// The media type of problem documents.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The kinds of problems: a word for programs, a status code, and a fixed title.
macro_rules! kinds {
    ($($kind:ident = $word:literal, $status:ident, $title:literal;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemKind {
            $($kind,)+
        }

        impl ProblemKind {
            const fn word(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!("urn:pragati:problem:", $word),)+
                }
            }

            const fn status(self) -> StatusCode {
                match self {
                    $(Self::$kind => StatusCode::$status,)+
                }
            }

            const fn title(self) -> &'static str {
                match self {
                    $(Self::$kind => $title,)+
                }
            }
        }
    };
}

kinds! {
    BadRequest = "bad-request", BAD_REQUEST, "The request is malformed";
    NotLoggedIn = "not-logged-in", UNAUTHORIZED, "Log in first";
    NotAllowed = "not-allowed", FORBIDDEN, "You may not have this report";
    CrossSite = "cross-site", FORBIDDEN, "The request came from another site";
    NotForYou = "not-for-you", FORBIDDEN, "These figures are not for you";
    NotAdmin = "not-admin", FORBIDDEN, "Only admins may do this";
    NotFound = "not-found", NOT_FOUND, "There is nothing here";
    UnknownBatch = "unknown-batch", NOT_FOUND, "There is no such batch for you";
    NoDays = "no-days", NOT_FOUND, "There are no figures by day";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "This cannot be done here";
    NotAcceptable = "not-acceptable", NOT_ACCEPTABLE, "There is nothing of a type that you accept";
    TooSlow = "too-slow", REQUEST_TIMEOUT, "The request took too long to arrive";
    NotReady = "not-ready", CONFLICT, "The report is not ready yet";
    NoFile = "no-file", CONFLICT, "The request failed and has no file";
    SubscriptionEnded = "subscription-ended", CONFLICT, "The subscription has ended";
    Gone = "gone", GONE, "The file is not kept any more";
    OtherRules = "other-rules", GONE, "The file was made under other rules of consent";
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "The request is too large";
    NotJson = "not-json", UNSUPPORTED_MEDIA_TYPE, "The request is not JSON";
    NotInFile = "not-in-file", RANGE_NOT_SATISFIABLE, "The file has no such bytes";
    Invalid = "invalid", UNPROCESSABLE_ENTITY, "The request does not say what is needed";
    KeyReused = "key-reused", UNPROCESSABLE_ENTITY, "The idempotency key was used for something else";
    NoAddress = "no-address", UNPROCESSABLE_ENTITY, "You have no verified mail address";
    NoMail = "no-mail", UNPROCESSABLE_ENTITY, "Reports are not mailed here";
    TooManySubscriptions = "too-many-subscriptions", UNPROCESSABLE_ENTITY, "You have too many subscriptions";
    TooManyRequests = "too-many-requests", TOO_MANY_REQUESTS, "You asked too often";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong here";
    QueueFull = "queue-full", SERVICE_UNAVAILABLE, "Too many reports are waited for";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The service is not available";
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "urn:pragati:problem:unknown-batch",
    "title": "There is no such batch for you",
    "status": 404,
    "detail": "The latest snapshot has no batch of that id whose report you may have."
}))]
pub struct Problem {
    /// Names the kind of problem, for programs.
    #[serde(rename = "type")]
    #[schema(pattern = "^urn:pragati:problem:[a-z-]+$")]
    kind: &'static str,
    /// The kind of problem, for people.
    title: &'static str,
    /// The status code of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong this time, and what can be done.
    detail: String,
    // Boxed, because the problem is the error type of many functions and a header map is large.
    #[serde(skip)]
    headers: Box<HeaderMap>,
}

impl Problem {
    /// A problem of that kind; `detail` says what is wrong this time, and what can be done.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let mut headers = HeaderMap::new();
        if kind == ProblemKind::NotLoggedIn {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"pragati\""));
        }
        Self {
            kind: kind.word(),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail: detail.into(),
            headers: Box::new(headers),
        }
    }

    /// An internal error. Its cause is only logged.
    pub fn internal() -> Self {
        Self::new(
            ProblemKind::Internal,
            "It was logged. Try again; if it stays, tell the operators.",
        )
    }

    /// A dependency that does not answer. The cause is only logged.
    pub fn unavailable(what: &str, error: &dyn std::error::Error) -> Self {
        tracing::error!("{what}: {error}");
        let detail = "Something that the service needs does not answer. Try again in a little while.";
        Self::new(ProblemKind::Unavailable, detail).retry_after(Duration::from_secs(5))
    }

    /// The status code of the answer.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The kind of problem, for people.
    pub const fn title(&self) -> &'static str {
        self.title
    }

    /// What is wrong this time, and what can be done.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether it is one of that kind.
    pub fn is(&self, kind: ProblemKind) -> bool {
        self.kind == kind.word()
    }

    /// Adds `Retry-After`.
    pub fn retry_after(mut self, time: Duration) -> Self {
        let seconds = time.as_millis().div_ceil(1000).clamp(1, 86_400) as u64;
        self.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: axum::http::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoToken => Self::new(
                ProblemKind::NotLoggedIn,
                "Send a login token: Authorization: Bearer <token>.",
            ),
            // The reason is in the log alone, so that nobody learns from it how to forge a token.
            Refusal::BadToken(_) => {
                let challenge = HeaderValue::from_static("Bearer realm=\"pragati\", error=\"invalid_token\"");
                Self::new(ProblemKind::NotLoggedIn, "The login token is not valid. Log in again.")
                    .header(WWW_AUTHENTICATE, challenge)
            }
            Refusal::NoKeys => Self::new(
                ProblemKind::Unavailable,
                "Logins cannot be checked, since the issuer's keys are not available. Try again in a little while.",
            )
            .retry_after(Duration::from_secs(10)),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let headers = HeaderMap::clone(&self.headers);
        let mut response = (status, headers, axum::Json(self)).into_response();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response
    }
}
