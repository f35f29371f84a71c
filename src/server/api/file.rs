//! `/api/v1/reports/{id}/file`: downloads a report, whole or in part, for its requester while they may have it.

use std::ops::Range;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LOCATION,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::Utc;

use super::AppState;
use super::caller;
use super::disposition::attachment;
use super::extract::{Caller, IdInPath};
use super::openapi::FileProblems;
use super::problem::{Problem, ProblemKind};
use super::range::Wanted;
use super::reports::own_request;
use super::views::{FileState, file_of};
use crate::delivery::files::FilesError;
use crate::delivery::person::Person;
use crate::delivery::request::{ReportFile, Request, RequestId};

/// The header by which a browser says how a request came about (Fetch Metadata).
const SEC_FETCH_MODE: &str = "sec-fetch-mode";

/// Fetch a report
///
/// Whether you may have it is checked again, against the latest snapshot and this login. A file that was made under other
/// rules of consent than hold now is not given out; ask for the report again. One range of bytes can be asked for, so
/// that a broken download goes on where it ended.
#[utoipa::path(
    get,
    path = "/api/v1/reports/{id}/file",
    operation_id = "fetchReport",
    tag = "reports",
    params(
        ("id" = String, Path, format = "uuid", description = "The id of the request", example = json!("019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44")),
        ("Range" = Option<String>, Header, description = "One range of bytes", example = json!("bytes=0-1023")),
        ("If-Range" = Option<String>, Header, description = "The ETag of the file that the range continues", example = json!("\"9f86d08188\"")),
    ),
    responses(
        (
            status = 200, description = "The file", headers(
                ("ETag" = String, description = "Names the content of the file"),
                ("Accept-Ranges" = String, description = "Always `bytes`"),
                ("Content-Disposition" = String, description = "The name of the file"),
            ),
            content(
                (String = "text/csv"),
                (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
                (String = "application/zip"),
            )
        ),
        (
            status = 206, description = "The part of the file that was asked for", headers(
                ("ETag" = String, description = "Names the content of the file"),
                ("Content-Range" = String, description = "Which bytes of how many these are"),
            ),
            content(
                (String = "text/csv"),
                (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
                (String = "application/zip"),
            )
        ),
        (status = 303, description = "To a browser that a person opens the address in, and that may not have the file: the page that says why, and where they sign in"),
        FileProblems,
    ),
    security(("bearer" = [])),
)]
pub async fn fetch(
    State(state): State<AppState>,
    method: Method,
    headers: HeaderMap,
    id: Result<IdInPath, Problem>,
) -> Result<Response, Problem> {
    let fetched = fetch_own(&state, &method, &headers, id.as_ref().map(|IdInPath(id)| *id)).await;
    match (fetched, id) {
        // A browser's navigation gets a page for people, where they may sign in.
        (Err(problem), Ok(IdInPath(id))) if is_navigation(&headers) => Ok(to_page(id, &problem)),
        (fetched, _) => fetched,
    }
}

async fn fetch_own(
    state: &AppState,
    method: &Method,
    headers: &HeaderMap,
    id: Result<RequestId, &Problem>,
) -> Result<Response, Problem> {
    let caller = caller::authenticate(state, method, headers).await?;
    let request = own_request(state, &caller.person, id.map_err(Problem::clone)?).await?;
    let file = allowed_file(state, &caller.person, &request)?;
    give(state, &request, file, headers, caller.by.word()).await
}

/// Whether the request is a navigation of a browser, rather than one of a program or a script.
fn is_navigation(headers: &HeaderMap) -> bool {
    match headers.get(SEC_FETCH_MODE) {
        Some(mode) => mode == "navigate",
        None => {
            let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
            accepted.is_some_and(|accepted| accepted.contains("text/html"))
        }
    }
}

/// Redirects a browser to the page of the file, which shows the problem.
fn to_page(id: RequestId, problem: &Problem) -> Response {
    let failed = if problem.is(ProblemKind::NotLoggedIn) {
        ""
    } else {
        "?failed"
    };
    // Relative, because a proxy may have this service below a path of its own.
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(place) = HeaderValue::try_from(format!("../../../../download/{id}{failed}")) {
        response.headers_mut().insert(LOCATION, place);
    }
    response
}

/// Answers with the file or the requested range. The caller has checked access; `by` is the label in metrics of how.
pub async fn give(
    state: &AppState,
    request: &Request,
    file: &ReportFile,
    headers: &HeaderMap,
    by: &'static str,
) -> Result<Response, Problem> {
    let range = match Wanted::of(headers, &etag(file), file.bytes) {
        Wanted::Whole => None,
        Wanted::Part(range) => Some(range),
        Wanted::Nothing => return Err(not_in_file(file)),
    };
    let bytes = state.parts.files.read(&file.path, range.clone()).await;
    let bytes = bytes.map_err(|error| match error {
        FilesError::Gone { .. } => gone(),
        error => Problem::unavailable("a report file cannot be read", &error),
    })?;
    if range.as_ref().is_none_or(|range| range.start == 0) {
        state.parts.metrics.count_file(by);
    }
    Ok(answer(request, file, range, Body::from_stream(bytes)))
}

/// Look at a report's file
///
/// The headers of the whole file, without its content.
#[utoipa::path(
    head,
    path = "/api/v1/reports/{id}/file",
    operation_id = "lookAtReport",
    tag = "reports",
    params(("id" = String, Path, format = "uuid", description = "The id of the request", example = json!("019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44"))),
    responses(
        (status = 200, description = "The headers of the file", headers(
            ("ETag" = String, description = "Names the content of the file"),
            ("Accept-Ranges" = String, description = "Always `bytes`"),
            ("Content-Disposition" = String, description = "The name of the file"),
        )),
        FileProblems,
    ),
    security(("bearer" = [])),
)]
pub async fn look(
    State(state): State<AppState>,
    Caller(person): Caller,
    IdInPath(id): IdInPath,
) -> Result<Response, Problem> {
    let request = own_request(&state, &person, id).await?;
    let file = allowed_file(&state, &person, &request)?;
    Ok(answer(&request, file, None, Body::empty()))
}

/// The file of a request, if it exists and the person may still have it.
///
/// # Errors
/// Why they cannot have it.
pub fn allowed_file<'a>(state: &AppState, person: &Person, request: &'a Request) -> Result<&'a ReportFile, Problem> {
    let current = state.parts.source.current();
    if !current.directory.are_open_to(request.batches(), person) {
        return Err(Problem::new(
            ProblemKind::NotAllowed,
            "The latest snapshot does not name you among those who may have this batch's report any more.",
        ));
    }
    match file_of(request, &state.links, current.consent_rules(), Utc::now()) {
        FileState::There { file, .. } => Ok(file),
        FileState::NotYet => Err(Problem::new(
            ProblemKind::NotReady,
            "The report is being made. Its request tells how far it is.",
        )),
        FileState::Never => Err(Problem::new(
            ProblemKind::NoFile,
            "No report came of this request; it tells why. Ask again.",
        )),
        FileState::Gone => Err(gone()),
        FileState::OtherRules => Err(Problem::new(
            ProblemKind::OtherRules,
            "The report was made under other rules of consent than hold now. Ask for the report again.",
        )),
    }
}

fn answer(request: &Request, file: &ReportFile, range: Option<Range<u64>>, body: Body) -> Response {
    let mut response = Response::new(body);
    let length = range.as_ref().map_or(file.bytes, |range| range.end - range.start);
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(request.asked.media_type(request.format)),
    );
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    if let Ok(etag) = HeaderValue::try_from(etag(file)) {
        headers.insert(ETAG, etag);
    }
    if let Some(disposition) = attachment(&file.name) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    if let Some(Range { start, end }) = range {
        // Content-Range names the last byte, not the end.
        if let Ok(range) = HeaderValue::try_from(format!("bytes {start}-{}/{}", end - 1, file.bytes)) {
            headers.insert(CONTENT_RANGE, range);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

fn etag(file: &ReportFile) -> String {
    format!("\"{}\"", file.sha256)
}

fn not_in_file(file: &ReportFile) -> Problem {
    let problem = Problem::new(ProblemKind::NotInFile, format!("The file has {} bytes.", file.bytes));
    match HeaderValue::try_from(format!("bytes */{}", file.bytes)) {
        Ok(range) => problem.header(CONTENT_RANGE, range),
        Err(_) => problem,
    }
}

fn gone() -> Problem {
    Problem::new(
        ProblemKind::Gone,
        "Report files are kept for a while only. Ask for the report again.",
    )
}
