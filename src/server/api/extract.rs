//! Extractors for handlers: the caller, a JSON body, query parameters and the id in the path; each has a problem for
//! wrong input.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::AppState;
use super::caller;
use super::problem::{Problem, ProblemKind};
use crate::delivery::person::Person;
use crate::delivery::request::RequestId;

/// Length of a UUID in its usual form.
const UUID_LENGTH: usize = "0190f3a0-0000-7000-8000-000000000000".len();

/// The authenticated sender of the request.
pub struct Caller(pub Person);

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let caller = caller::authenticate(state, &parts.method, &parts.headers).await?;
        Ok(Self(caller.person))
    }
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let body = tokio::time::timeout(state.limits.body_time, Json::<T>::from_request(request, state));
        match body.await {
            Ok(Ok(Json(body))) => Ok(Self(body)),
            Ok(Err(rejection)) => Err(body_problem(&rejection, state)),
            Err(_) => Err(Problem::new(
                ProblemKind::TooSlow,
                "The body did not arrive in time. Send it again.",
            )),
        }
    }
}

fn body_problem(rejection: &JsonRejection, state: &AppState) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let most = state.parts.config.max_body;
        return Problem::new(ProblemKind::TooLarge, format!("The body may have {most} at most."));
    }
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            Problem::new(ProblemKind::NotJson, "Send the body as Content-Type: application/json.")
        }
        JsonRejection::JsonDataError(_) => Problem::new(ProblemKind::Invalid, rejection.body_text()),
        _ => Problem::new(ProblemKind::BadRequest, rejection.body_text()),
    }
}

/// The query parameters.
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let Query(query) =
            query.map_err(|rejection: QueryRejection| Problem::new(ProblemKind::BadRequest, rejection.body_text()))?;
        Ok(Self(query))
    }
}

/// A request id in the path.
pub struct IdInPath(pub RequestId);

impl FromRequestParts<AppState> for IdInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| request_id(&text));
        id.map(Self).ok_or_else(unknown_request)
    }
}

/// Parses a request id in its canonical form.
pub fn request_id(text: &str) -> Option<RequestId> {
    text.parse().ok().filter(|_| text.len() == UUID_LENGTH)
}

/// The problem for a request that does not exist or is another person's: the same, so that ids cannot be probed.
pub fn unknown_request() -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        "You made no request of that id, or it is not kept any more.",
    )
}
