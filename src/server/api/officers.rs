//! `/api/v1/officers`: the lists of officers to whom subscriptions may send rows of one value. Admins upload and see them.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AppState;
use super::extract::{Caller, Parameters};
use super::openapi::OfficerProblems;
use super::problem::{Problem, ProblemKind};
use crate::delivery::person::Person;
use crate::delivery::store::StoreError;
use crate::delivery::subscriptions::{Officer, OfficerScope, officers_of_csv};
use crate::ids::{BatchId, TenantId};
use crate::report::SplitColumn;

/// Which list: that of exactly one of a tenant, a course and a batch, for one column.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct OfficerParameters {
    /// For all batches of a tenant.
    #[param(value_type = Option<String>)]
    tenant_id: Option<TenantId>,
    /// For all batches of a course. Only admins of the platform have such lists.
    course_id: Option<String>,
    /// For one batch.
    #[param(value_type = Option<String>)]
    batch_id: Option<BatchId>,
    /// The column whose values the list has.
    column: SplitColumn,
}

/// A list of officers.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfficerList {
    pub column: SplitColumn,
    /// How many there are.
    pub total: u64,
    /// Ordered by value.
    pub officers: Vec<Officer>,
}

/// Upload a list of officers
///
/// As CSV in UTF-8: a line `block,address`, or with another column, then one officer a line. It takes the place of the list
/// that was there; one without officers removes it. It is taken whole or not at all. Each address must be of a domain that
/// the site allows.
#[utoipa::path(
    put,
    path = "/api/v1/officers",
    operation_id = "uploadOfficers",
    tag = "subscriptions",
    params(OfficerParameters),
    request_body(content = String, content_type = "text/csv", example = json!("block,address\nBlock 1,bno1@example.org\n")),
    responses((status = 200, description = "The list as it is now", body = OfficerList), OfficerProblems),
    security(("bearer" = [])),
)]
pub async fn replace(
    State(state): State<AppState>,
    Caller(person): Caller,
    Parameters(asked): Parameters<OfficerParameters>,
    request: Request,
) -> Result<Json<OfficerList>, Problem> {
    let scope = scope_for(&state, &person, &asked)?;
    let csv = body_of(&state, request).await?;
    let officers = officers_of_csv(&csv, asked.column, &state.parts.subscriptions);
    let officers = officers.map_err(|error| Problem::new(ProblemKind::Invalid, format!("{error}.")))?;
    let replaced = state
        .parts
        .store
        .replace_officers(&scope, asked.column, &officers, &person.user_id, Utc::now())
        .await;
    replaced.map_err(|error| unavailable(&error))?;
    tracing::info!(
        "the list of officers by {} of {scope} has {} officers now",
        asked.column,
        officers.len()
    );
    Ok(Json(OfficerList {
        column: asked.column,
        total: officers.len() as u64,
        officers: officers.into_iter().collect(),
    }))
}

/// Show a list of officers
#[utoipa::path(
    get,
    path = "/api/v1/officers",
    operation_id = "listOfficers",
    tag = "subscriptions",
    params(OfficerParameters),
    responses((status = 200, description = "The list", body = OfficerList), OfficerProblems),
    security(("bearer" = [])),
)]
pub async fn list(
    State(state): State<AppState>,
    Caller(person): Caller,
    Parameters(asked): Parameters<OfficerParameters>,
) -> Result<Json<OfficerList>, Problem> {
    let scope = scope_for(&state, &person, &asked)?;
    let officers = state.parts.store.officers_of(&scope, asked.column).await;
    let officers = officers.map_err(|error| unavailable(&error))?;
    Ok(Json(OfficerList {
        column: asked.column,
        total: officers.len() as u64,
        officers: officers.into_iter().collect(),
    }))
}

/// The tenant, course or batch that the list is for, of which the caller must be an admin. Others get the same answer
/// whether there is a list or not.
fn scope_for(state: &AppState, person: &Person, asked: &OfficerParameters) -> Result<OfficerScope, Problem> {
    let roles = &person.roles;
    let (scope, is_admin) = match (&asked.tenant_id, &asked.course_id, &asked.batch_id) {
        (Some(tenant), None, None) => (
            OfficerScope::Tenant(tenant.clone()),
            roles.tenant_admin_of.contains(tenant),
        ),
        // A course may get batches of other tenants.
        (None, Some(course), None) if !course.trim().is_empty() => (OfficerScope::Course(course.clone()), false),
        (None, None, Some(batch)) => {
            let current = state.parts.source.current();
            let tenant = current.directory.get(batch).and_then(|batch| batch.tenant_id.clone());
            let is_admin = tenant.is_some_and(|tenant| roles.tenant_admin_of.contains(&tenant));
            (OfficerScope::Batch(batch.clone()), is_admin)
        }
        _ => {
            return Err(Problem::new(
                ProblemKind::BadRequest,
                "Name what the list is for by one of `tenant_id`, `course_id` and `batch_id`.",
            ));
        }
    };
    if roles.platform_admin || is_admin {
        return Ok(scope);
    }
    Err(Problem::new(
        ProblemKind::NotAdmin,
        "Lists of officers are for admins: of the tenant, or, for a course, of the platform.",
    ))
}

/// The list as it was sent, which may be larger than other bodies.
async fn body_of(state: &AppState, request: Request) -> Result<Vec<u8>, Problem> {
    let most = state.parts.subscriptions.config.largest_list;
    let limit = usize::try_from(most.as_u64()).unwrap_or(usize::MAX);
    let body = tokio::time::timeout(state.limits.body_time, to_bytes(request.into_body(), limit));
    match body.await {
        Ok(Ok(body)) => Ok(body.into()),
        Ok(Err(_)) => Err(Problem::new(
            ProblemKind::TooLarge,
            format!("The list did not arrive whole, or has more than {most}. Send it again, or a smaller one."),
        )),
        Err(_) => Err(Problem::new(
            ProblemKind::TooSlow,
            "The list did not arrive in time. Send it again.",
        )),
    }
}

fn unavailable(error: &StoreError) -> Problem {
    Problem::unavailable("a list of officers cannot be looked up or stored", error)
}
