//! `/api/v1/reports/{id}/file`: downloads a report, whole or in part, for its requester while they may have it.

use std::ops::Range;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use chrono::Utc;

use super::AppState;
use super::disposition::attachment;
use super::extract::{Caller, IdInPath};
use super::openapi::FileProblems;
use super::problem::{Problem, ProblemKind};
use super::range::Wanted;
use super::reports::own_request;
use super::views::{FileState, file_of};
use crate::delivery::files::FilesError;
use crate::delivery::person::Person;
use crate::delivery::request::{ReportFile, Request};

/// Fetch a report
///
/// Whether you may have it is checked again, against the latest snapshot and this login. A file that was made under other
/// rules of consent than hold now is not given out; ask for the report again. One range of bytes can be asked for, so that a
/// broken download goes on where it ended.
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
        FileProblems,
    ),
    security(("bearer" = [])),
)]
pub async fn fetch(
    State(state): State<AppState>,
    Caller(person): Caller,
    IdInPath(id): IdInPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let request = own_request(&state, &person, id).await?;
    let file = allowed_file(&state, &person, &request)?;
    let range = match Wanted::of(&headers, &etag(file), file.bytes) {
        Wanted::Whole => None,
        Wanted::Part(range) => Some(range),
        Wanted::Nothing => return Err(not_in_file(file)),
    };
    let bytes = state.parts.files.read(&file.path, range.clone()).await;
    let bytes = bytes.map_err(|error| match error {
        FilesError::Gone { .. } => gone(),
        error => Problem::unavailable("a report file cannot be read", &error),
    })?;
    Ok(answer(&request, file, range, Body::from_stream(bytes)))
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
fn allowed_file<'a>(state: &AppState, person: &Person, request: &'a Request) -> Result<&'a ReportFile, Problem> {
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
