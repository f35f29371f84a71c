//! Health, readiness, metrics and the API's description, for operators.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;

use super::AppState;
use super::openapi::ReadinessProblems;
use super::problem::{Problem, ProblemKind};
use crate::delivery::metrics::DeliveryMetrics;
use crate::delivery::store::QueueFigures;

/// How long the store may take to answer a readiness check.
const STORE_TIME: Duration = Duration::from_secs(2);

/// The service lives.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    #[schema(pattern = "^ok$")]
    status: &'static str,
    version: &'static str,
}

/// The service can take requests.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    #[schema(pattern = "^ready$")]
    status: &'static str,
    /// The day of the exports that reports are made from.
    snapshot_date: NaiveDate,
    mail: MailReadiness,
    /// Where the mail server refuses this service: since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    mail_refused_since: Option<DateTime<Utc>>,
}

/// Whether mails go out. Requests are taken in any case: mails wait, and downloads do not need them.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailReadiness {
    /// No mail server is set; reports are fetched.
    NotSet,
    /// Nothing is known against it.
    Ok,
    /// The mail server refuses this service, whatever the mail; an operator has to mend it. The log has its words.
    NeedsOperator,
}

/// Tell whether the process lives
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "health",
    tag = "operations",
    responses((status = 200, description = "It lives", body = Health)),
)]
pub async fn health() -> Json<Health> {
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// Tell whether requests can be taken
///
/// A snapshot is open, and the store of requests answers. Whether mails go out is told, and does not matter for the
/// status: requests are taken, and downloads work.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readiness",
    tag = "operations",
    responses((status = 200, description = "Requests can be taken", body = Readiness), ReadinessProblems),
)]
pub async fn readiness(State(state): State<AppState>) -> Result<Json<Readiness>, Problem> {
    figures(&state).await?;
    let mail_refused_since = state.parts.metrics.mail_refused_since();
    let mail = match mail_refused_since {
        _ if !state.parts.can_mail => MailReadiness::NotSet,
        Some(_) => MailReadiness::NeedsOperator,
        None => MailReadiness::Ok,
    };
    Ok(Json(Readiness {
        status: "ready",
        snapshot_date: state.parts.source.current().directory.date().day(),
        mail,
        mail_refused_since,
    }))
}

/// Figures for monitoring
///
/// In the text format of Prometheus: counts and times, and the download ratio's numerators and denominators; nothing
/// about single people.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "operations",
    responses(
        (status = 200, description = "The figures", body = String, content_type = "text/plain"),
        ReadinessProblems,
    ),
)]
pub async fn metrics(State(state): State<AppState>) -> Result<Response, Problem> {
    let figures = figures(&state).await?;
    let mut text = state.parts.metrics.encode(&figures, Utc::now());
    text.push_str(&state.parts.figures.gauges());
    if let Some(postgres) = &state.parts.postgres {
        text.push_str(&postgres.encode());
    }
    let kind = HeaderValue::from_static(DeliveryMetrics::CONTENT_TYPE);
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}

/// This description
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "description",
    tag = "operations",
    responses((status = 200, description = "The API in OpenAPI 3.1", body = Object, content_type = "application/json")),
)]
pub async fn description(State(document): State<Arc<OpenApi>>) -> Json<Arc<OpenApi>> {
    Json(document)
}

async fn figures(state: &AppState) -> Result<QueueFigures, Problem> {
    match tokio::time::timeout(STORE_TIME, state.parts.store.figures()).await {
        Ok(figures) => figures.map_err(|error| Problem::unavailable("the store does not answer", &error)),
        Err(_) => {
            tracing::error!("the store did not answer within {} seconds", STORE_TIME.as_secs());
            Err(
                Problem::new(ProblemKind::Unavailable, "The store of requests does not answer.")
                    .retry_after(Duration::from_secs(5)),
            )
        }
    }
}
