//! `/api/v1/reports`: asks for a report, and shows the state of requests.

use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCEPT_LANGUAGE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::Deserialize;
use utoipa::IntoParams;

use super::AppState;
use super::extract::{Body, Caller, IdInPath, Parameters, request_id, unknown_request};
use super::openapi::{ListProblems, PostProblems, ShowProblems};
use super::options::wanted;
use super::paging::{before, page_of, page_size};
use super::problem::{Problem, ProblemKind};
use super::views::{NewReport, ReportPage, ReportRequest, request_path};
use crate::config::AddressSource;
use crate::delivery::mail::usable_address;
use crate::delivery::person::Person;
use crate::delivery::request::{Deliver, NewRequest, Request, RequestId};
use crate::delivery::store::{AcceptLimits, Accepted, Page};
use crate::language::Language;

/// The header that identifies a click, so that repeated calls count once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const LONGEST_KEY: usize = 200;

/// The default and the largest number of requests on a page.
const USUAL_PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 100;

/// Ask for a report
///
/// Of one batch, of several, or of all batches of a course that you may have. A filter chooses rows; split by a column, the
/// report becomes a file for each value, in a ZIP archive, or a sheet of a workbook, with a list of them.
///
/// The request is on disk when the answer comes. While a request of yours for the same is under way, the answer is that
/// request. A report that is mailed goes to the verified address of your login, and to nobody else, in the language of your
/// login's claim `locale`, else of `Accept-Language`, else of the service.
#[utoipa::path(
    post,
    path = "/api/v1/reports",
    operation_id = "askForReport",
    tag = "reports",
    params((
        "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 200, pattern = "^[!-~]+$",
        description = "Your name for this click: sent again with the same one, it is the same click and not counted again.",
        example = json!("8e03978e-40d5-43dd-bc93-6894a57f9324")
    )),
    request_body = NewReport,
    responses(
        (
            status = 202, description = "Accepted, or under way already", body = ReportRequest,
            headers(("Location" = String, description = "The path of the request"))
        ),
        PostProblems,
    ),
    security(("bearer" = [])),
)]
pub async fn ask(
    State(state): State<AppState>,
    Caller(mut person): Caller,
    headers: HeaderMap,
    Body(asked): Body<NewReport>,
) -> Result<Response, Problem> {
    let idempotency_key = idempotency_key(&headers)?;
    person.language = person.language.or_else(|| accepted_language(&headers));
    let current = state.parts.source.current();
    let (batch, further, options) = wanted(&asked, &current.directory, &person)?;
    if asked.deliver == Deliver::Email {
        find_address(&state, &mut person).await?;
    }
    let config = &state.parts.config;
    let requested_at = Utc::now();
    let new = NewRequest {
        person,
        batch_id: batch.batch_id.clone(),
        course_id: batch.course_id.clone(),
        tenant_id: batch.tenant_id.clone(),
        format: asked.format,
        deliver: asked.deliver,
        asked: options,
        further,
        idempotency_key,
        requested_at,
        deadline: requested_at + config.deadline(),
        snapshot_date: current.directory.date(),
    };
    let limits = AcceptLimits {
        per_hour: config.requests_per_hour,
        queue: config.queue_limit,
    };
    let accepted = state.parts.store.accept(new, limits).await;
    let accepted = accepted.map_err(|error| Problem::unavailable("a request cannot be stored", &error))?;
    answer_to_click(&state, accepted)
}

/// The answer to a click that was accepted or refused. A click that repeats an earlier one is not counted again.
fn answer_to_click(state: &AppState, accepted: Accepted) -> Result<Response, Problem> {
    match accepted {
        Accepted::New(request) => {
            state.parts.metrics.count_request(request.format, request.deliver);
            state.parts.accepted.notify_one();
            note_click(state);
            Ok(accepted_answer(state, &request))
        }
        Accepted::UnderWay(request) => {
            note_click(state);
            Ok(accepted_answer(state, &request))
        }
        Accepted::Repeated(request) => Ok(accepted_answer(state, &request)),
        Accepted::KeyReused => Err(Problem::new(
            ProblemKind::KeyReused,
            "The Idempotency-Key names another request of yours. Use a new key for each click.",
        )),
        Accepted::TooManyRequests { retry_after } => Err(Problem::new(
            ProblemKind::TooManyRequests,
            format!(
                "You may ask for {} reports in an hour. Wait a while.",
                state.parts.config.requests_per_hour
            ),
        )
        .retry_after(retry_after)),
        Accepted::QueueFull { retry_after } => Err(Problem::new(
            ProblemKind::QueueFull,
            "Many people wait for reports at the moment. Ask again in a little while.",
        )
        .retry_after(retry_after)),
    }
}

/// Which requests to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListParameters {
    /// Requests on a page.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u32>,
    /// Only requests older than this one: the `next` of the page before.
    #[param(format = "uuid", example = "019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44")]
    before: Option<String>,
}

/// List my requests
///
/// Newest first, page by page.
#[utoipa::path(
    get,
    path = "/api/v1/reports",
    operation_id = "listReports",
    tag = "reports",
    params(ListParameters),
    responses((status = 200, description = "A page of your requests", body = ReportPage), ListProblems),
    security(("bearer" = [])),
)]
pub async fn list(
    State(state): State<AppState>,
    Caller(person): Caller,
    Parameters(asked): Parameters<ListParameters>,
) -> Result<Json<ReportPage>, Problem> {
    let limit = page_size(asked.limit, USUAL_PAGE, LARGEST_PAGE)?;
    let before = before(asked.before.as_deref(), request_id, "a request")?;
    // One more than asked for, to know whether there is another page.
    let page = Page {
        before,
        limit: limit + 1,
    };
    let found = state.parts.store.requests_of(&person.user_id, page).await;
    let found = found.map_err(|error| Problem::unavailable("requests cannot be listed", &error))?;
    let (found, has_more) = page_of(found, limit);
    Ok(Json(ReportPage {
        next: found.last().filter(|_| has_more).map(|request| request.id),
        items: views_of(&state, &person, &found).await?,
    }))
}

/// Show one of my requests
///
/// Tells how far it is, why it failed, or where its file is.
#[utoipa::path(
    get,
    path = "/api/v1/reports/{id}",
    operation_id = "showReport",
    tag = "reports",
    params(("id" = String, Path, format = "uuid", description = "The id of the request", example = json!("019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44"))),
    responses((status = 200, description = "The request as it stands", body = ReportRequest), ShowProblems),
    security(("bearer" = [])),
)]
pub async fn show(
    State(state): State<AppState>,
    Caller(person): Caller,
    IdInPath(id): IdInPath,
) -> Result<Json<ReportRequest>, Problem> {
    let request = own_request(&state, &person, id).await?;
    let views = views_of(&state, &person, std::slice::from_ref(&request)).await?;
    views.into_iter().next().map(Json).ok_or_else(unknown_request)
}

/// The caller's requests, newest first, as their requester sees them now, and which of them are for officers.
async fn views_of(state: &AppState, person: &Person, requests: &[Request]) -> Result<Vec<ReportRequest>, Problem> {
    let (Some(newest), Some(oldest)) = (requests.first(), requests.last()) else {
        return Ok(Vec::new());
    };
    let store = &state.parts.store;
    let for_officers = store
        .requests_for_officers(&person.user_id, oldest.id..=newest.id)
        .await;
    let for_officers =
        for_officers.map_err(|error| Problem::unavailable("subscriptions cannot be looked up", &error))?;
    let views = requests.iter().map(|request| ReportRequest {
        to_officer: for_officers.contains(&request.id),
        ..view_of(state, request)
    });
    Ok(views.collect())
}

/// A request as its requester sees it now.
fn view_of(state: &AppState, request: &Request) -> ReportRequest {
    let current = state.parts.source.current();
    ReportRequest::of(request, &state.links, current.consent_rules(), Utc::now())
}

/// The caller's request of that id.
pub async fn own_request(state: &AppState, person: &Person, id: RequestId) -> Result<Request, Problem> {
    let found = state.parts.store.find(id).await;
    let found = found.map_err(|error| Problem::unavailable("a request cannot be looked up", &error))?;
    found
        .filter(|request| request.person.user_id == person.user_id)
        .ok_or_else(unknown_request)
}

fn note_click(state: &AppState) {
    state.parts.metrics.count_click();
    state.parts.clicked.notify_one();
}

fn accepted_answer(state: &AppState, request: &Request) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(view_of(state, request))).into_response();
    if let Ok(path) = HeaderValue::try_from(request_path(request.id)) {
        response.headers_mut().insert(LOCATION, path);
    }
    response
}

/// Checks that the person has an address that mails may go to.
pub async fn find_address(state: &AppState, person: &mut Person) -> Result<(), Problem> {
    if !state.parts.can_mail {
        return Err(Problem::new(
            ProblemKind::NoMail,
            "No mail server is set for this service. Ask with \"deliver\": \"download\".",
        ));
    }
    let what_to_do = match state.parts.identity.address_source() {
        AddressSource::Claim => "Verify the mail address of your login, then log in again",
        AddressSource::Users => {
            let found = state.parts.source.current().address_of(&person.user_id).await;
            let found = found.map_err(|error| Problem::unavailable("an address cannot be looked up", &error))?;
            person.email = found.as_deref().and_then(usable_address);
            "The platform has no mail address of yours that can be used: set it in your profile, and wait for the next day's data"
        }
    };
    match person.email {
        Some(_) => Ok(()),
        None => Err(Problem::new(
            ProblemKind::NoAddress,
            format!("{what_to_do}; or ask with \"deliver\": \"download\"."),
        )),
    }
}

/// The language that the browser asks for.
pub fn accepted_language(headers: &HeaderMap) -> Option<Language> {
    let wanted = headers.get(ACCEPT_LANGUAGE)?;
    wanted.to_str().ok().and_then(Language::accepted)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.as_bytes();
    let is_key =
        values.next().is_none() && (1..=LONGEST_KEY).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(key) if is_key => Ok(Some(key.to_owned())),
        _ => Err(Problem::new(
            ProblemKind::BadRequest,
            format!("Idempotency-Key must be one text of 1 to {LONGEST_KEY} visible ASCII characters."),
        )),
    }
}
