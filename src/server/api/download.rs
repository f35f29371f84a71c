//! `/download/{id}`: the page that the link of a mail leads to. Somebody who has signed in gets the file; others sign
//! in there. A signed link shows a button instead, so that mail scanners, which follow links, download nothing.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::Utc;
use url::form_urlencoded;

use super::AppState;
use super::caller::{self, AuthenticatedCaller, AuthenticationFailure, LoginKind};
use super::extract::{request_id, unknown_request};
use super::file::{allowed_file, give};
use super::person_page::{Depth, PersonPage};
use super::person_words::Words;
use super::problem::{Problem, ProblemKind};
use super::reports::own_request;
use super::sign_in::path_to;
use super::views::file_path;
use crate::delivery::links::SignedPart;
use crate::delivery::request::{ReportFile, Request, RequestId};
use crate::identity::Refusal;
use crate::server::sign_in::Target;

const HERE: Depth = Depth::OneFolder;
/// The label in metrics of downloads by a signed link.
const BY_LINK: &str = "signed_link";
const UNTIL: &str = "until";
const KEY: &str = "key";
const FAILED: &str = "failed";

/// The route of the page.
pub fn routes() -> Router<AppState> {
    Router::new().route("/download/{id}", get(show).post(send))
}

/// The page of a file.
async fn show(
    State(state): State<AppState>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> PersonPage {
    let page = page_of(&state, &id, &query.unwrap_or_default(), &headers).await;
    page.in_language_of(&headers)
}

async fn page_of(state: &AppState, id: &str, query: &str, headers: &HeaderMap) -> PersonPage {
    let Some(id) = request_id(id) else {
        return PersonPage::of_problem(HERE, &unknown_request());
    };
    if let Some(part) = signed_part(query.as_bytes()) {
        return match signed_request(state, id, &part).await {
            Ok(request) => signed_page(state, &request, part),
            Err(problem) => broken_link_page(state, id, &problem),
        };
    }
    let has_failed = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == FAILED);
    match caller::authenticate(state, &Method::GET, headers).await {
        Ok(known) => own_page(state, id, known, has_failed).await,
        Err(AuthenticationFailure::Token(Refusal::NoToken)) => sign_in_page(state, id),
        Err(AuthenticationFailure::SessionEnded) => sign_in_page(state, id).paragraph("Your last session has ended."),
        Err(unknown) => PersonPage::of_problem(HERE, &unknown.into()),
    }
}

/// The file of a signed link, when its button is pressed.
async fn send(State(state): State<AppState>, Path(id): Path<String>, headers: HeaderMap, form: Bytes) -> Response {
    let Some(id) = request_id(&id) else {
        let page = PersonPage::of_problem(HERE, &unknown_request());
        return page.in_language_of(&headers).into_response();
    };
    let sent = async {
        let part = signed_part(&form).ok_or_else(broken_link)?;
        let request = signed_request(&state, id, &part).await?;
        let file = allowed_file(&state, &request.person, &request)?;
        give(&state, &request, file, &headers, BY_LINK).await
    };
    match sent.await {
        Ok(response) => response,
        Err(problem) => broken_link_page(&state, id, &problem)
            .in_language_of(&headers)
            .into_response(),
    }
}

/// The page for an authenticated person: their file, whose download starts at once, or why there is none.
async fn own_page(state: &AppState, id: RequestId, known: AuthenticatedCaller, has_failed: bool) -> PersonPage {
    let is_session = known.by == LoginKind::Session;
    let user = known.person.user_id.to_string();
    let found = async {
        let request = own_request(state, &known.person, id).await?;
        let file = allowed_file(state, &known.person, &request)?.clone();
        Ok::<_, Problem>((request, file))
    };
    let page = match found.await {
        Ok((request, file)) => {
            let path = file_path(id);
            let page = file_page(state, &request, &file).link(path.trim_start_matches('/'), "Download");
            if has_failed {
                page.paragraph("It could not be read a moment ago. Try again in a little while.")
            } else {
                page.paragraph("The download begins by itself.")
                    .then(path.trim_start_matches('/'))
            }
        }
        Err(problem) if problem.is(ProblemKind::NotReady) => {
            PersonPage::of_problem(HERE, &problem).link(&Target::Download(id).path(), "Look again")
        }
        Err(problem) if problem.is(ProblemKind::NotFound) => PersonPage::of_problem(HERE, &problem).paragraph(
            "Reports go to who asked for them alone. If that was you under another account, sign out first.",
        ),
        Err(problem) => PersonPage::of_problem(HERE, &problem),
    };
    if is_session { page.signed_in(user) } else { page }
}

/// The page for an anonymous visitor: where to sign in. It reveals nothing of the request, nor whether it exists.
fn sign_in_page(state: &AppState, id: RequestId) -> PersonPage {
    let page = PersonPage::new(HERE, "Download a report");
    match &state.parts.sign_in {
        Some(sign_in) => page
            .paragraph(Words::with(
                "Sign in at {host} with the account that you asked for the report with. The download begins then.",
                [("host", sign_in.issuer_host().to_owned())],
            ))
            .link(&path_to(Target::Download(id)), "Sign in"),
        None => page
            .paragraph(
                "Paste the access token of your login; it stays in this tab and is forgotten when you close it. Or fetch the \
                 report on the course progress dashboard.",
            )
            .token_form(file_path(id).trim_start_matches('/')),
    }
}

/// The page for a valid signed link.
fn signed_page(state: &AppState, request: &Request, part: SignedPart) -> PersonPage {
    match allowed_file(state, &request.person, request) {
        Ok(file) => {
            let fields = [(UNTIL, part.until.to_string()), (KEY, part.key)];
            file_page(state, request, file)
                .paragraph("Whoever has this link can download the report. It holds personal data: do not pass it on.")
                .form(&Target::Download(request.id).path(), "Download", fields)
        }
        Err(problem) => PersonPage::of_problem(HERE, &problem),
    }
}

/// The page for an invalid signed link; where people can sign in, its requester can do so here.
fn broken_link_page(state: &AppState, id: RequestId, problem: &Problem) -> PersonPage {
    let page = PersonPage::of_problem(HERE, problem);
    if state.parts.sign_in.is_some() && problem.status() != StatusCode::SERVICE_UNAVAILABLE {
        return page.link(&path_to(Target::Download(id)), "Sign in");
    }
    page
}

fn file_page(state: &AppState, request: &Request, file: &ReportFile) -> PersonPage {
    let size = bytesize::ByteSize::b(file.bytes).display().si().to_string();
    let day = |format| file.snapshot_date.day().format(format).to_string();
    let end = |format| state.links.end_of(request).format(format).to_string();
    PersonPage::new(HERE, "Your report")
        .paragraph(file.name.clone())
        .paragraph(Words::with(
            "{size}, data as of {day} {month} {year}. It is kept until {last_day} {last_month} {last_year}, {clock} UTC.",
            [
                ("size", size),
                ("day", day("%-d")),
                ("month", day("%B")),
                ("year", day("%Y")),
                ("last_day", end("%-d")),
                ("last_month", end("%B")),
                ("last_year", end("%Y")),
                ("clock", end("%H:%M")),
            ],
        ))
}

/// The request of a signed link, once its signature, expiry and revocation are checked.
async fn signed_request(state: &AppState, id: RequestId, part: &SignedPart) -> Result<Request, Problem> {
    let unavailable = |error| Problem::unavailable("a link cannot be looked up", &error);
    let found = state.parts.store.find(id).await.map_err(unavailable)?;
    let signed = found.filter(|request| state.links.is_signed(request, part));
    let request = signed.ok_or_else(broken_link)?;
    if part.until <= Utc::now().timestamp() {
        return Err(Problem::new(
            ProblemKind::Gone,
            "The link has ended. Ask for the report again.",
        ));
    }
    if state.parts.store.is_link_revoked(id).await.map_err(unavailable)? {
        return Err(Problem::new(
            ProblemKind::Gone,
            "The link was revoked. Ask for the report again, or tell your administrator.",
        ));
    }
    Ok(request)
}

/// The problem for an invalid signature and for an unknown request: the same, so that ids cannot be probed.
fn broken_link() -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        "The link is not as it was sent. Open it from the mail again; if you copy it, take all of it.",
    )
}

/// The parameters of a signed link in a query or a form; none where there are none.
fn signed_part(query: &[u8]) -> Option<SignedPart> {
    let (mut until, mut key) = (None, None);
    for (name, value) in form_urlencoded::parse(query) {
        match name.as_ref() {
            UNTIL => until = Some(value.into_owned()),
            KEY => key = Some(value.into_owned()),
            _ => {}
        }
    }
    match (until, key) {
        (None, None) => None,
        // A truncated link is an invalid one, not a link without a signature.
        (until, key) => Some(SignedPart {
            until: until.and_then(|until| until.parse().ok()).unwrap_or_default(),
            key: key.unwrap_or_default(),
        }),
    }
}
