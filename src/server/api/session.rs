//! `/api/v1/session`: whether the caller is logged in and what they may see, for pages that need to know before they
//! load figures.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::caller::{self, AuthenticationFailure, LoginKind};
use super::openapi::SessionProblems;
use super::problem::Problem;
use crate::identity::Refusal;

/// Whether a request has a login token or the cookie of a session, and whether it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoginState {
    /// There is neither.
    Missing,
    /// It has expired or ended, or nobody who is trusted signed it.
    Refused,
    Valid,
}

/// The caller, as the service sees them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "login": "valid", "user_id": "asha", "platform_admin": false, "tenant_admin_of": ["tn"], "by": "session", "sign_in": true
}))]
pub struct Session {
    pub login: LoginState,
    pub user_id: Option<String>,
    /// Whether every figure may be seen.
    pub platform_admin: bool,
    /// The tenants whose figures may be seen.
    pub tenant_admin_of: Vec<String>,
    /// How the caller is known.
    pub by: Option<LoginKind>,
    /// Whether people can sign in here with a browser; else a token is needed.
    pub sign_in: bool,
}

/// Tell who I am
///
/// Answers everybody, so that a page knows whether to ask for a login before it asks for anything else.
#[utoipa::path(
    get,
    path = "/api/v1/session",
    operation_id = "showSession",
    tag = "figures",
    responses((status = 200, description = "The caller", body = Session), SessionProblems),
)]
pub async fn show(State(state): State<AppState>, headers: HeaderMap) -> Result<Json<Session>, Problem> {
    let (login, known) = match caller::authenticate(&state, &Method::GET, &headers).await {
        Ok(known) => (LoginState::Valid, Some(known)),
        Err(AuthenticationFailure::Token(Refusal::NoToken)) => (LoginState::Missing, None),
        Err(AuthenticationFailure::Token(Refusal::BadToken(_)) | AuthenticationFailure::SessionEnded) => {
            (LoginState::Refused, None)
        }
        Err(unknown) => return Err(unknown.into()),
    };
    let roles = known
        .as_ref()
        .map(|known| known.person.roles.clone())
        .unwrap_or_default();
    Ok(Json(Session {
        login,
        by: known.as_ref().map(|known| known.by),
        sign_in: state.parts.sign_in.is_some(),
        user_id: known.map(|known| known.person.user_id.to_string()),
        platform_admin: roles.platform_admin,
        tenant_admin_of: roles.tenant_admin_of.iter().map(ToString::to_string).collect(),
    }))
}
