//! Signing in and out with a browser: `/sign-in`, where the issuer sends people back to, and `/sign-out`.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use url::form_urlencoded;

use super::AppState;
use super::extract::request_id;
use super::person_page::{Depth, PersonPage};
use super::person_words::Words;
use super::problem::{Problem, ProblemKind};
use crate::identity::Refusal;
use crate::server::sign_in::{CallbackParameters, SignIn, SignInFault, Target};

/// The parameter with the id of the request whose file is the target of the sign-in.
const REPORT: &str = "report";

/// The routes of signing in.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/sign-in", get(begin))
        .route("/sign-in/callback", get(finish))
        .route("/sign-out", post(sign_out))
        .route("/signed-out", get(signed_out))
}

/// The path at which somebody signs in to reach a target.
pub fn path_to(target: Target) -> String {
    match target {
        Target::Page => "sign-in".to_owned(),
        Target::Download(id) => format!("sign-in?{REPORT}={id}"),
    }
}

/// Starts the authorization code flow: redirects the browser to the issuer.
async fn begin(State(state): State<AppState>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let Some(sign_in) = &state.parts.sign_in else {
        return not_set_up(Depth::Top, &headers);
    };
    let target = target_of(query.as_deref());
    match sign_in.begin(target, &headers).await {
        Ok((url, cookies)) => {
            let mut response = see_other(url.as_str());
            for cookie in cookies {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Err(fault) => fault_page(sign_in, &fault, target, Depth::Top)
            .in_language_of(&headers)
            .into_response(),
    }
}

/// The callback of the authorization code flow.
async fn finish(State(state): State<AppState>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let Some(sign_in) = &state.parts.sign_in else {
        return not_set_up(Depth::OneFolder, &headers);
    };
    let fault_page = |fault: &SignInFault, target| {
        let page = fault_page(sign_in, fault, target, Depth::OneFolder);
        page.in_language_of(&headers).into_response()
    };
    let Some(parameters) = CallbackParameters::of_query(query.as_deref().unwrap_or_default()) else {
        return fault_page(&SignInFault::NotBegunHere, Target::Page);
    };
    let attempt = match sign_in.attempt(&headers, &parameters) {
        Ok(attempt) => attempt,
        Err(fault) => return fault_page(&fault, Target::Page),
    };
    let finished = sign_in
        .finish(
            &attempt,
            &parameters,
            &headers,
            &state.parts.identity,
            &state.parts.store,
        )
        .await;
    let mut response = match finished {
        Ok(finished) => {
            let mut response = see_other(&sign_in.public(&finished.target.path()));
            response.headers_mut().append(SET_COOKIE, finished.cookie);
            response
        }
        Err(fault) => fault_page(&fault, attempt.target),
    };
    // An attempt is used once, whatever the outcome.
    response
        .headers_mut()
        .append(SET_COOKIE, sign_in.end_of_attempt(&parameters));
    response
}

/// Ends the session here, and leads to the issuer to end it there too.
async fn sign_out(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let Some(sign_in) = &state.parts.sign_in else {
        return not_set_up(Depth::Top, &headers);
    };
    if !sign_in.is_from_here(&headers) {
        let problem = Problem::new(
            ProblemKind::CrossSite,
            "You are still signed in. Sign out on a page of this service.",
        );
        return PersonPage::of_problem(Depth::Top, &problem)
            .link("", "To the page")
            .in_language_of(&headers)
            .into_response();
    }
    let cookie = match sign_in.end_session(&headers, &state.parts.store).await {
        Ok(cookie) => cookie,
        Err(error) => {
            let problem = Problem::unavailable("a session cannot be ended", &error);
            let page = PersonPage::of_problem(Depth::Top, &problem);
            return page.in_language_of(&headers).into_response();
        }
    };
    let page = match sign_in.logout_url().await {
        Some(url) => PersonPage::new(Depth::Top, "You are signed out here")
            .paragraph(Words::with(
                "You are led to {host}, to sign out there too.",
                [("host", sign_in.issuer_host().to_owned())],
            ))
            .then_leave(url.into()),
        None => signed_out_page(),
    };
    let mut response = page.in_language_of(&headers).into_response();
    response.headers_mut().append(SET_COOKIE, cookie);
    response
}

async fn signed_out(headers: HeaderMap) -> PersonPage {
    signed_out_page().in_language_of(&headers)
}

fn signed_out_page() -> PersonPage {
    PersonPage::new(Depth::Top, "You are signed out")
        .paragraph("Links in your mails ask you to sign in again.")
        .link("", "To the page")
}

/// The only parameter is a request's id, so that there is no open redirect.
fn target_of(query: Option<&str>) -> Target {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let id = pairs.find(|(name, _)| name == REPORT);
    id.and_then(|(_, id)| request_id(&id))
        .map_or(Target::Page, Target::Download)
}

fn see_other(url: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    match HeaderValue::try_from(url) {
        Ok(url) => {
            response.headers_mut().insert(LOCATION, url);
            response
        }
        Err(_) => Problem::internal().into_response(),
    }
}

fn not_set_up(depth: Depth, headers: &HeaderMap) -> Response {
    let problem = Problem::new(
        ProblemKind::NotFound,
        "Nobody signs in here with a browser: an access token is needed.",
    );
    PersonPage::of_problem(depth, &problem)
        .link("", "To the page")
        .in_language_of(headers)
        .into_response()
}

/// The page with the reason of a failed sign-in, in words for people. The details for operators are in the log.
fn fault_page(sign_in: &SignIn, fault: &SignInFault, target: Target, depth: Depth) -> PersonPage {
    let of_host = |words| Words::with(words, [("host", sign_in.issuer_host().to_owned())]);
    let status = if fault.is_temporary() {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::BAD_REQUEST
    };
    let words = match fault {
        SignInFault::NotBegunHere | SignInFault::UsedBefore => Words::from(
            "This sign-in did not begin in this browser, took longer than ten minutes, or was finished already. Begin \
             again.",
        ),
        SignInFault::EndedAtIssuer => of_host("{host} has signed you out meanwhile. Begin again."),
        SignInFault::IssuerSays(word) if word == "access_denied" => of_host("{host} says that you did not agree."),
        SignInFault::IssuerSays(_) | SignInFault::NoCode | SignInFault::OtherIssuer => {
            of_host("{host} did not sign you in. Begin again; if it happens again, tell your administrator.")
        }
        SignInFault::Token(Refusal::NoKeys) => {
            of_host("What {host} says cannot be checked at the moment. Try again in a little while.")
        }
        SignInFault::Unreachable { .. } | SignInFault::Unusable { .. } | SignInFault::NoIssuer => {
            of_host("{host}, where you sign in, does not answer at the moment. Try again in a little while.")
        }
        SignInFault::Store(_) => {
            Words::from("Something that the service needs does not answer. Try again in a little while.")
        }
        SignInFault::ClientRefused | SignInFault::Token(_) => of_host(
            "What {host} says of you is not accepted here. Tell your administrator; the log of this service has the reason.",
        ),
    };
    PersonPage::new(depth, "You could not be signed in")
        .status(status)
        .paragraph(words)
        .link(&path_to(target), "Sign in")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::request::RequestId;

    #[test]
    fn no_address_elsewhere_is_a_target() {
        let id = RequestId::new();
        assert_eq!(target_of(Some(&format!("report={id}"))), Target::Download(id));
        for query in [
            None,
            Some(""),
            Some("report="),
            Some("report=https://evil.example"),
            Some("report=//evil.example"),
            Some("report=../x"),
            Some("next=https://evil.example"),
            Some(&*format!("report={}", id.compact())),
            Some(&*format!("report=urn:uuid:{id}")),
        ] {
            assert_eq!(target_of(query), Target::Page, "{query:?}");
        }
    }
}
