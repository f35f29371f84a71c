//! `/api/v1/session`: whether the caller is logged in and what they may see, for pages that need to know before they
//! load figures.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::openapi::SessionProblems;
use super::problem::Problem;
use crate::server::identity::Refusal;

/// Whether a request has a login token, and whether it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoginState {
    /// There is no login token.
    Missing,
    /// It has expired, or nobody who is trusted signed it.
    Refused,
    Valid,
}

/// The caller, as the service sees them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"login": "valid", "user_id": "asha", "platform_admin": false, "tenant_admin_of": ["tn"]}))]
pub struct Session {
    pub login: LoginState,
    pub user_id: Option<String>,
    /// Whether every figure may be seen.
    pub platform_admin: bool,
    /// The tenants whose figures may be seen.
    pub tenant_admin_of: Vec<String>,
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
    let (login, person) = match state.parts.identity.person(&headers).await {
        Ok(person) => (LoginState::Valid, Some(person)),
        Err(Refusal::NoToken) => (LoginState::Missing, None),
        Err(Refusal::BadToken(_)) => (LoginState::Refused, None),
        Err(refusal @ Refusal::NoKeys) => return Err(refusal.into()),
    };
    let roles = person.as_ref().map(|person| person.roles.clone()).unwrap_or_default();
    Ok(Json(Session {
        login,
        user_id: person.map(|person| person.user_id.to_string()),
        platform_admin: roles.platform_admin,
        tenant_admin_of: roles.tenant_admin_of.iter().map(ToString::to_string).collect(),
    }))
}
