//! The routes of the API and the layers around them.

mod back_channel_logout;
mod batch_list;
mod batch_views;
mod batches;
mod caller;
mod changes;
mod disposition;
mod download;
mod extract;
mod figure_views;
mod figures;
mod file;
mod guard;
mod officers;
mod openapi;
mod options;
mod paging;
mod person_page;
mod person_words;
mod problem;
mod range;
mod reports;
mod rows;
mod session;
mod sign_in;
mod status;
mod subscriptions;
mod unsubscribe;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Limits, ServerParts, page};
use crate::delivery::links::Links;
use problem::{Problem, ProblemKind};

/// The shared state of handlers.
#[derive(Clone)]
struct AppState {
    parts: Arc<ServerParts>,
    links: Links,
    limits: Limits,
    document: Arc<OpenApi>,
}

impl FromRef<AppState> for Arc<OpenApi> {
    fn from_ref(state: &AppState) -> Self {
        Arc::clone(&state.document)
    }
}

/// The service: routes with their layers and limits.
pub fn router(parts: ServerParts, links: Links, limits: Limits) -> Router {
    let has_tls = parts.config.tls_certificate.is_some();
    let largest_body = usize::try_from(parts.config.max_body.as_u64()).unwrap_or(usize::MAX);
    let (routes, document) = routes().split_for_parts();
    let state = AppState {
        parts: Arc::new(parts),
        links,
        limits,
        document: Arc::new(document),
    };
    let routes = routes
        .merge(sign_in::routes())
        .merge(back_channel_logout::routes())
        .merge(download::routes())
        .merge(unsubscribe::routes())
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(state)
        .merge(page::routes())
        .layer(DefaultBodyLimit::max(largest_body));
    guard::around(routes, limits.answer_time, has_tls)
}

/// The OpenAPI document that `/openapi.json` serves.
pub fn openapi_document() -> OpenApi {
    routes().split_for_parts().1
}

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::Description::openapi())
        .routes(routes!(reports::ask, reports::list))
        .routes(routes!(reports::show))
        .routes(routes!(file::fetch, file::look))
        .routes(routes!(batches::list))
        .routes(routes!(changes::list))
        .routes(routes!(subscriptions::create, subscriptions::list))
        .routes(routes!(subscriptions::show))
        .routes(routes!(subscriptions::pause))
        .routes(routes!(subscriptions::resume))
        .routes(routes!(subscriptions::end))
        .routes(routes!(officers::replace, officers::list))
        .routes(routes!(figures::ratio))
        .routes(routes!(figures::batches))
        .routes(routes!(session::show))
        .routes(routes!(status::health))
        .routes(routes!(status::readiness))
        .routes(routes!(status::metrics))
        .routes(routes!(status::description))
}

async fn unknown_path() -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        "The service has no such address. /openapi.json lists those it has.",
    )
}

async fn wrong_method() -> Problem {
    Problem::new(
        ProblemKind::MethodNotAllowed,
        "The Allow header lists what can be done here.",
    )
}
