//! Authenticates requests: by a login token, or by the session of a browser sign-in.
//!
//! A token takes precedence over a cookie: an authenticating proxy may add one, and an invalid token is refused even
//! where there is a valid session.

use axum::http::{HeaderMap, Method};
use chrono::Utc;
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::problem::{Problem, ProblemKind};
use crate::delivery::person::Person;
use crate::delivery::store::StoreError;
use crate::identity::Refusal;
use crate::server::sign_in::SessionState;

/// How the caller was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoginKind {
    /// By the token that came with it.
    Token,
    /// By the session of a browser.
    Session,
}

impl LoginKind {
    /// The label in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Session => "session",
        }
    }
}

/// An authenticated caller.
pub struct AuthenticatedCaller {
    pub person: Person,
    pub by: LoginKind,
}

/// Why the caller could not be authenticated.
#[derive(Debug)]
pub enum AuthenticationFailure {
    Token(Refusal),
    /// The session that its cookie names has ended.
    SessionEnded,
    /// Cross-site request forgery: a page of another site made the browser send an unsafe request.
    CrossSite,
    Store(StoreError),
}

/// Authenticates the sender of a request by its headers.
///
/// # Errors
/// Why the caller could not be authenticated.
pub async fn authenticate(
    state: &AppState,
    method: &Method,
    headers: &HeaderMap,
) -> Result<AuthenticatedCaller, AuthenticationFailure> {
    let no_token = match state.parts.identity.person(headers).await {
        Ok(person) => {
            let by = LoginKind::Token;
            return Ok(AuthenticatedCaller { person, by });
        }
        Err(refusal @ Refusal::NoToken) => AuthenticationFailure::Token(refusal),
        Err(refusal) => return Err(AuthenticationFailure::Token(refusal)),
    };
    let Some(sign_in) = &state.parts.sign_in else {
        return Err(no_token);
    };
    let session = sign_in.session(headers, &state.parts.store, Utc::now()).await;
    match session.map_err(AuthenticationFailure::Store)? {
        SessionState::None => Err(no_token),
        SessionState::Ended => Err(AuthenticationFailure::SessionEnded),
        SessionState::Of(_) if !method.is_safe() && !sign_in.is_from_here(headers) => {
            Err(AuthenticationFailure::CrossSite)
        }
        SessionState::Of(person) => {
            let by = LoginKind::Session;
            Ok(AuthenticatedCaller { person, by })
        }
    }
}

impl From<AuthenticationFailure> for Problem {
    fn from(failure: AuthenticationFailure) -> Self {
        match failure {
            AuthenticationFailure::Token(refusal) => refusal.into(),
            AuthenticationFailure::SessionEnded => {
                Self::new(ProblemKind::NotLoggedIn, "Your session has ended. Sign in again.")
            }
            AuthenticationFailure::CrossSite => Self::new(
                ProblemKind::CrossSite,
                "With a session, only pages of this service may ask for this. Programs send a login token.",
            ),
            AuthenticationFailure::Store(error) => Self::unavailable("a session cannot be looked up", &error),
        }
    }
}
