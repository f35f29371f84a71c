//! Health, readiness, metrics and the API's description, for operators.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
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
/// A snapshot is open, and the store of requests answers.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readiness",
    tag = "operations",
    responses((status = 200, description = "Requests can be taken", body = Readiness), ReadinessProblems),
)]
pub async fn readiness(State(state): State<AppState>) -> Result<Json<Readiness>, Problem> {
    figures(&state).await?;
    Ok(Json(Readiness {
        status: "ready",
        snapshot_date: state.parts.source.current().directory.date().day(),
    }))
}

/// Figures for monitoring
///
/// In the text format of Prometheus: counts and times, and the download ratio's numerators and denominators; nothing about
/// single people.
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
    let mut text = state.parts.metrics.encode(&figures, chrono::Utc::now());
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
