//! `/back-channel-logout`: the issuer reports that somebody has signed out there, and their sessions here end (OpenID
//! Connect Back-Channel Logout 1.0). No browser is involved: the signature of the logout token proves the sender.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;
use url::form_urlencoded;

use super::AppState;
use super::problem::{Problem, ProblemKind};
use crate::identity::Refusal;
use crate::server::sign_in::LogoutFault;

/// The parameter with the token.
const LOGOUT_TOKEN: &str = "logout_token";
const FORM: &str = "application/x-www-form-urlencoded";

/// The route of the issuer's notices.
pub fn routes() -> Router<AppState> {
    Router::new().route("/back-channel-logout", post(end_sessions))
}

/// Ends the sessions that the token names. The standard has two answers: 200, and 400 for everything that went wrong.
async fn end_sessions(State(state): State<AppState>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(sign_in) = &state.parts.sign_in else {
        return Problem::new(ProblemKind::NotFound, "Nobody signs in here with a browser.").into_response();
    };
    let Some(token) = logout_token(&headers, &body) else {
        return refused("invalid_request", "One parameter logout_token is needed, in a form.");
    };
    let ended = sign_in.end_sessions_by_issuer(&token, &state.parts.identity, &state.parts.store);
    match ended.await {
        Ok(sessions) => {
            tracing::info!("a logout at the issuer ended {sessions} sessions");
            (StatusCode::OK, [(CACHE_CONTROL, "no-store")]).into_response()
        }
        // The reason is in the log alone, as with a login token.
        Err(LogoutFault::Token(Refusal::NoToken | Refusal::BadToken(_))) => {
            refused("invalid_request", "The logout token is not accepted; the log says why.")
        }
        Err(LogoutFault::Token(Refusal::NoKeys)) => refused(
            "temporarily_unavailable",
            "The issuer's keys are not available. Send it again.",
        ),
        Err(LogoutFault::Store(error)) => {
            tracing::error!("a logout at the issuer cannot be noted: {error}");
            refused(
                "temporarily_unavailable",
                "The database does not answer. Send it again.",
            )
        }
    }
}

/// The token of the form; `None` where there is no form, or not exactly one token.
fn logout_token(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let media_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(FORM) {
        return None;
    }
    let mut tokens = form_urlencoded::parse(body).filter(|(name, _)| name == LOGOUT_TOKEN);
    let (_, token) = tokens.next()?;
    tokens.next().is_none().then(|| token.into_owned())
}

fn refused(error: &str, description: &str) -> Response {
    let body = Json(json!({"error": error, "error_description": description}));
    (StatusCode::BAD_REQUEST, [(CACHE_CONTROL, "no-store")], body).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(media_type: &'static str, body: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        logout_token(&headers, body.as_bytes())
    }

    #[test]
    fn a_form_has_one_token() {
        for media_type in [FORM, "Application/X-WWW-Form-URLEncoded; charset=utf-8"] {
            assert_eq!(read(media_type, "a=b&logout_token=x.y.z").as_deref(), Some("x.y.z"));
        }
        for body in ["", "token=x", "logout_token=x&logout_token=x"] {
            assert_eq!(read(FORM, body), None, "{body}");
        }
        assert_eq!(read("application/json", "logout_token=x"), None);
        assert_eq!(logout_token(&HeaderMap::new(), b"logout_token=x"), None);
    }
}
