//! `/api/v1/subscriptions`: subscribes to reports, and shows and changes the caller's subscriptions.

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::header::LOCATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AppState;
use super::extract::{Body, Caller, Parameters};
use super::openapi::{ChangeSubscriptionProblems, ListProblems, NewSubscriptionProblems, ShowSubscriptionProblems};
use super::options::{FilterView, wanted};
use super::paging::{before, page_of, page_size};
use super::problem::{Problem, ProblemKind};
use super::reports::{accepted_language, find_address};
use super::views::NewReport;
use crate::delivery::options::{BatchFiles, RequestOptions};
use crate::delivery::person::Person;
use crate::delivery::request::Deliver;
use crate::delivery::store::{Changed, StoreError, Subscribed};
use crate::delivery::subscriptions::{
    EndReason, Every, Outcome, Schedule, Subject, Subscription, SubscriptionId, SubscriptionState, TimeOfDay, Weekday,
};
use crate::ids::{BatchId, SnapshotDate};
use crate::report::{ReportFormat, SplitColumn};

/// The default and the largest number of subscriptions on a page.
const USUAL_PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 100;
/// Length of a UUID in its usual form.
const UUID_LENGTH: usize = "0190f3a0-0000-7000-8000-000000000000".len();

/// Subscribes to the report of one batch, or of a course: by exactly one of `batch_id` and `course_id`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "batch_id": "0130271096968396800", "format": "xlsx", "every": "weekly", "weekday": "monday", "at": "07:30",
    "only_if_changed": true
}))]
pub struct NewSubscription {
    /// The batch, by its id in the exports.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, pattern = r"\S")]
    batch_id: Option<BatchId>,
    /// All batches of a course that you may have, as they are at each sending.
    course_id: Option<String>,
    format: ReportFormat,
    every: Every,
    /// Of `weekly` ones.
    weekday: Option<Weekday>,
    /// When `daily` and `weekly` ones are sent, as HH:MM in the site's time zone; else at the site's usual time.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "07:30")]
    at: Option<String>,
    /// How several batches are put together, as in a request for a report.
    files: Option<BatchFiles>,
    /// A file or a sheet for each value of this column, in your own mail.
    split_by: Option<SplitColumn>,
    filter: Option<FilterView>,
    /// Send a recipient nothing while their rows are those of the last time.
    #[serde(default)]
    only_if_changed: bool,
    /// Whether you get the report yourself.
    #[serde(default = "yes")]
    #[schema(default = true)]
    to_self: bool,
    /// Send each officer whom an admin approved the rows of their values of this column.
    to_officers: Option<SplitColumn>,
    /// The last day, by the site's calendar.
    #[schema(value_type = Option<String>, format = Date)]
    until: Option<SnapshotDate>,
}

fn yes() -> bool {
    true
}

/// A subscription, as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44", "batch_id": "0130271096968396800", "course_id": null, "format": "xlsx",
    "every": "weekly", "weekday": "monday", "at": "07:30", "only_if_changed": true, "to_self": true, "to_officers": null,
    "until": null, "state": "active", "end_reason": null, "created_at": "2026-11-23T04:30:00Z",
    "next_at": "2026-11-30T02:00:00Z", "last_at": null, "last_outcome": null
}))]
pub struct SubscriptionView {
    pub id: SubscriptionId,
    pub batch_id: Option<String>,
    pub course_id: Option<String>,
    pub format: ReportFormat,
    pub every: Every,
    pub weekday: Option<Weekday>,
    /// Of `daily` and `weekly` ones, in the site's time zone.
    pub at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<BatchFiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_by: Option<SplitColumn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterView>,
    pub only_if_changed: bool,
    pub to_self: bool,
    pub to_officers: Option<SplitColumn>,
    /// The last day, by the site's calendar.
    pub until: Option<NaiveDate>,
    pub state: SubscriptionState,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
    /// UTC.
    pub created_at: DateTime<Utc>,
    /// None after nightly runs, and where nothing more is sent for now. UTC.
    pub next_at: Option<DateTime<Utc>>,
    /// When it was due last. UTC.
    pub last_at: Option<DateTime<Utc>>,
    /// Result of the last sending. Each mail is one of your requests.
    pub last_outcome: Option<Outcome>,
}

/// Some of the caller's subscriptions, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscriptionPage {
    pub items: Vec<SubscriptionView>,
    /// The `before` of the next page; none on the last one.
    pub next: Option<SubscriptionId>,
}

impl From<&Subscription> for SubscriptionView {
    fn from(subscription: &Subscription) -> Self {
        let course_id = subscription.of.course_id().map(str::to_owned);
        let schedule = &subscription.schedule;
        Self {
            id: subscription.id,
            files: course_id.is_some().then_some(subscription.asked.files),
            batch_id: subscription.of.batch_id().map(str::to_owned),
            course_id,
            format: subscription.format,
            every: schedule.every,
            weekday: schedule.weekday,
            at: schedule.time_of_day().map(|at| at.to_string()),
            split_by: subscription.asked.split_by,
            filter: FilterView::of(&subscription.asked.filter),
            only_if_changed: subscription.only_if_changed,
            to_self: subscription.to_self,
            to_officers: subscription.to_officers,
            until: subscription.until,
            state: subscription.state,
            end_reason: subscription.end_reason,
            created_at: subscription.created_at,
            next_at: subscription.next_at,
            last_at: subscription.last_at,
            last_outcome: subscription.last_outcome,
        }
    }
}

/// A subscription id in the path.
pub struct SubscriptionInPath(SubscriptionId);

impl FromRequestParts<AppState> for SubscriptionInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| subscription_id(&text));
        id.map(Self).ok_or_else(unknown_subscription)
    }
}

fn subscription_id(text: &str) -> Option<SubscriptionId> {
    text.parse().ok().filter(|_| text.len() == UUID_LENGTH)
}

/// The problem for a subscription that does not exist or is another person's: the same, so that ids cannot be probed.
fn unknown_subscription() -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        "You have no subscription of that id, or it is not kept any more.",
    )
}

/// Subscribe to a report
///
/// It is mailed daily, weekly, or after each nightly run, to the verified address of your login, and to officers whom an
/// admin approved. Whether you may have the report is looked at again each time. Each mail is a request of yours.
#[utoipa::path(
    post,
    path = "/api/v1/subscriptions",
    operation_id = "subscribe",
    tag = "subscriptions",
    request_body = NewSubscription,
    responses(
        (
            status = 201, description = "Subscribed", body = SubscriptionView,
            headers(("Location" = String, description = "The path of the subscription"))
        ),
        NewSubscriptionProblems,
    ),
    security(("bearer" = [])),
)]
pub async fn create(
    State(state): State<AppState>,
    Caller(mut person): Caller,
    headers: HeaderMap,
    Body(new): Body<NewSubscription>,
) -> Result<Response, Problem> {
    let now = Utc::now();
    let schedule = schedule_of(&state, &new)?;
    check_recipients_and_days(&state, &new, now)?;
    let asked = checked_options(&state, &new, &person)?;
    find_address(&state, &mut person).await?;
    person.language = person.language.or_else(|| accepted_language(&headers));
    let subscription = subscription_of(&state, new, person, (asked, schedule), now)?;
    let most = state.parts.subscriptions.config.per_person;
    let subscribed = state.parts.store.subscribe(&subscription, most).await;
    match subscribed.map_err(|error| unavailable(&error))? {
        Subscribed::Done => {}
        Subscribed::TooMany => {
            return Err(Problem::new(
                ProblemKind::TooManySubscriptions,
                format!("You may have {most} subscriptions at a time. End one first."),
            ));
        }
    }
    let mut response = (StatusCode::CREATED, Json(SubscriptionView::from(&subscription))).into_response();
    if let Ok(path) = HeaderValue::try_from(format!("/api/v1/subscriptions/{}", subscription.id)) {
        response.headers_mut().insert(LOCATION, path);
    }
    Ok(response)
}

/// Refuses a subscription that nobody would get, or that is over.
fn check_recipients_and_days(state: &AppState, new: &NewSubscription, now: DateTime<Utc>) -> Result<(), Problem> {
    if !new.to_self && new.to_officers.is_none() {
        return Err(invalid(
            "Nobody would get it. Leave `to_self` out, or name `to_officers`.",
        ));
    }
    let today = state.parts.subscriptions.zone.day_of(now);
    if new.until.is_some_and(|until| until.day() < today) {
        return Err(invalid("`until` is over. Name a day to come, or leave it out."));
    }
    Ok(())
}

/// The subscription of a person that begins now, with what was asked for and when it is sent.
fn subscription_of(
    state: &AppState,
    new: NewSubscription,
    person: Person,
    (asked, schedule): (RequestOptions, Schedule),
    now: DateTime<Utc>,
) -> Result<Subscription, Problem> {
    let of = match (new.batch_id, new.course_id) {
        (Some(batch), None) => Subject::Batch(batch),
        (None, Some(course)) => Subject::Course(course),
        // `checked_options` refuses it already, as it does of a request.
        _ => {
            return Err(invalid(
                "Name what the report is of by one of `batch_id` and `course_id`.",
            ));
        }
    };
    let (next_at, after_run) = next_times(state, &schedule, now);
    Ok(Subscription {
        id: SubscriptionId::new(),
        person,
        roles_at: now,
        of,
        format: new.format,
        asked,
        schedule,
        only_if_changed: new.only_if_changed,
        to_self: new.to_self,
        to_officers: new.to_officers,
        until: new.until.map(SnapshotDate::day),
        state: SubscriptionState::Active,
        end_reason: None,
        created_at: now,
        ended_at: None,
        next_at,
        after_run,
        last_at: None,
        last_outcome: None,
    })
}

/// When it is sent.
fn schedule_of(state: &AppState, new: &NewSubscription) -> Result<Schedule, Problem> {
    if (new.every == Every::Weekly) != new.weekday.is_some() {
        return Err(invalid("`weekday` is for `weekly` subscriptions, which need it."));
    }
    if new.every == Every::Nightly && new.at.is_some() {
        return Err(invalid(
            "`nightly` subscriptions are sent when the run has ended. Leave `at` out.",
        ));
    }
    let at = match &new.at {
        None => state.parts.subscriptions.usual_time,
        Some(text) => {
            TimeOfDay::parse(text).ok_or_else(|| invalid("`at` is a time of day as HH:MM, such as 07:30."))?
        }
    };
    Ok(Schedule {
        every: new.every,
        weekday: new.weekday,
        at,
    })
}

/// What is asked of the batches, which the person may have now.
fn checked_options(state: &AppState, new: &NewSubscription, person: &Person) -> Result<RequestOptions, Problem> {
    let report = NewReport {
        batch_id: new.batch_id.clone(),
        batch_ids: Vec::new(),
        course_id: new.course_id.clone(),
        format: new.format,
        deliver: Deliver::Email,
        files: new.files,
        split_by: new.split_by,
        filter: new.filter.clone(),
    };
    let current = state.parts.source.current();
    let (_, _, asked) = wanted(&report, &current.directory, person)?;
    Ok(RequestOptions {
        batches: Vec::new(),
        course: None,
        ..asked
    })
}

/// The next time of a schedule, and the nightly run that is not answered any more.
fn next_times(
    state: &AppState,
    schedule: &Schedule,
    now: DateTime<Utc>,
) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    if schedule.every != Every::Nightly {
        let next = schedule.next_after(now, &state.parts.subscriptions.zone);
        return (next.map(|next| next.at), None);
    }
    let current = state.parts.source.current();
    let run = current.output().map(|output| output.manifest().timings.started_at);
    // Where there was no run yet, the first one is answered.
    (None, Some(run.unwrap_or(DateTime::UNIX_EPOCH)))
}

/// Which subscriptions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionParameters {
    /// Subscriptions on a page.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u32>,
    /// Only subscriptions older than this one: the `next` of the page before.
    #[param(format = "uuid", example = "019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44")]
    before: Option<String>,
}

/// List my subscriptions
///
/// Newest first, page by page; those that ended as well, for a while.
#[utoipa::path(
    get,
    path = "/api/v1/subscriptions",
    operation_id = "listSubscriptions",
    tag = "subscriptions",
    params(SubscriptionParameters),
    responses((status = 200, description = "A page of your subscriptions", body = SubscriptionPage), ListProblems),
    security(("bearer" = [])),
)]
pub async fn list(
    State(state): State<AppState>,
    Caller(person): Caller,
    Parameters(asked): Parameters<SubscriptionParameters>,
) -> Result<Json<SubscriptionPage>, Problem> {
    let limit = page_size(asked.limit, USUAL_PAGE, LARGEST_PAGE)?;
    let before = before(asked.before.as_deref(), subscription_id, "a subscription")?;
    // One more than asked for, to know whether there is another page.
    let found = state
        .parts
        .store
        .subscriptions_of(&person.user_id, before, limit + 1)
        .await;
    let (found, has_more) = page_of(found.map_err(|error| unavailable(&error))?, limit);
    Ok(Json(SubscriptionPage {
        next: found.last().filter(|_| has_more).map(|subscription| subscription.id),
        items: found.iter().map(SubscriptionView::from).collect(),
    }))
}

/// Show one of my subscriptions
#[utoipa::path(
    get,
    path = "/api/v1/subscriptions/{id}",
    operation_id = "showSubscription",
    tag = "subscriptions",
    params(("id" = String, Path, format = "uuid", description = "The id of the subscription", example = json!("019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44"))),
    responses((status = 200, description = "The subscription as it stands", body = SubscriptionView), ShowSubscriptionProblems),
    security(("bearer" = [])),
)]
pub async fn show(
    State(state): State<AppState>,
    Caller(person): Caller,
    SubscriptionInPath(id): SubscriptionInPath,
) -> Result<Json<SubscriptionView>, Problem> {
    let subscription = own_subscription(&state, &person, id).await?;
    Ok(Json(SubscriptionView::from(&subscription)))
}

/// Pause one of my subscriptions
///
/// Nothing is sent until it is resumed, and what falls into the pause is not made up.
#[utoipa::path(
    post,
    path = "/api/v1/subscriptions/{id}/pause",
    operation_id = "pauseSubscription",
    tag = "subscriptions",
    params(("id" = String, Path, format = "uuid", description = "The id of the subscription", example = json!("019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44"))),
    responses((status = 200, description = "The subscription as it stands", body = SubscriptionView), ChangeSubscriptionProblems),
    security(("bearer" = [])),
)]
pub async fn pause(
    State(state): State<AppState>,
    Caller(person): Caller,
    SubscriptionInPath(id): SubscriptionInPath,
) -> Result<Json<SubscriptionView>, Problem> {
    own_subscription(&state, &person, id).await?;
    let changed = state.parts.store.pause_subscription(id).await;
    changed_view(&state, &person, id, changed).await
}

/// Resume one of my subscriptions
///
/// Also one that is active: what your login says of you now counts from now on, an admin's roles and the address.
#[utoipa::path(
    post,
    path = "/api/v1/subscriptions/{id}/resume",
    operation_id = "resumeSubscription",
    tag = "subscriptions",
    params(("id" = String, Path, format = "uuid", description = "The id of the subscription", example = json!("019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44"))),
    responses((status = 200, description = "The subscription as it stands", body = SubscriptionView), ChangeSubscriptionProblems),
    security(("bearer" = [])),
)]
pub async fn resume(
    State(state): State<AppState>,
    Caller(person): Caller,
    SubscriptionInPath(id): SubscriptionInPath,
) -> Result<Json<SubscriptionView>, Problem> {
    let subscription = own_subscription(&state, &person, id).await?;
    let now = Utc::now();
    let noted = state.parts.store.note_login_of_subscriber(&person, now).await;
    noted.map_err(|error| unavailable(&error))?;
    let (next_at, after_run) = next_times(&state, &subscription.schedule, now);
    let changed = state.parts.store.resume_subscription(id, next_at, after_run).await;
    changed_view(&state, &person, id, changed).await
}

/// End one of my subscriptions
///
/// For good. It may be said again.
#[utoipa::path(
    post,
    path = "/api/v1/subscriptions/{id}/end",
    operation_id = "endSubscription",
    tag = "subscriptions",
    params(("id" = String, Path, format = "uuid", description = "The id of the subscription", example = json!("019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44"))),
    responses((status = 200, description = "The subscription as it stands", body = SubscriptionView), ShowSubscriptionProblems),
    security(("bearer" = [])),
)]
pub async fn end(
    State(state): State<AppState>,
    Caller(person): Caller,
    SubscriptionInPath(id): SubscriptionInPath,
) -> Result<Json<SubscriptionView>, Problem> {
    own_subscription(&state, &person, id).await?;
    let store = &state.parts.store;
    let changed = store.end_subscription(id, EndReason::Subscriber, Utc::now()).await;
    changed_view(&state, &person, id, changed).await
}

/// The caller's subscription of that id.
async fn own_subscription(state: &AppState, person: &Person, id: SubscriptionId) -> Result<Subscription, Problem> {
    let found = state.parts.store.subscription(id).await;
    let found = found.map_err(|error| unavailable(&error))?;
    found
        .filter(|subscription| subscription.person.user_id == person.user_id)
        .ok_or_else(unknown_subscription)
}

/// The subscription after a change.
async fn changed_view(
    state: &AppState,
    person: &Person,
    id: SubscriptionId,
    changed: Result<Changed, StoreError>,
) -> Result<Json<SubscriptionView>, Problem> {
    match changed.map_err(|error| unavailable(&error))? {
        Changed::Done => {}
        Changed::NoSuchSubscription => return Err(unknown_subscription()),
        Changed::Ended => {
            return Err(Problem::new(
                ProblemKind::SubscriptionEnded,
                "It does not begin again. Subscribe anew.",
            ));
        }
    }
    let subscription = own_subscription(state, person, id).await?;
    Ok(Json(SubscriptionView::from(&subscription)))
}

fn invalid(words: &str) -> Problem {
    Problem::new(ProblemKind::Invalid, words)
}

fn unavailable(error: &StoreError) -> Problem {
    Problem::unavailable("a subscription cannot be looked up or stored", error)
}
