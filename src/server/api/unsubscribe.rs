//! `/unsubscribe/{token}`: the page that the mails of a subscription link to. It shows a button, so that programs that look
//! into mails end nothing; the button, or a mail program's own (RFC 8058), ends the mails.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::get;
use chrono::Utc;

use super::AppState;
use super::person_page::{Depth, PersonPage};
use super::problem::{Problem, ProblemKind};
use crate::delivery::store::Unsubscribed;
use crate::delivery::tokens::hash_of;

const HERE: Depth = Depth::OneFolder;

/// The route of the page.
pub fn routes() -> Router<AppState> {
    Router::new().route("/unsubscribe/{token}", get(show).post(end))
}

/// Asks whether the mails are to end; nothing changes.
async fn show(State(state): State<AppState>, Path(token): Path<String>, headers: HeaderMap) -> PersonPage {
    let page = match recipient(&state, &token).await {
        Ok(_) => PersonPage::new(HERE, "End these mails?")
            .paragraph("You get no more mails of this subscription then. Other mails of this service stay as they are.")
            .form(
                &format!("unsubscribe/{token}"),
                "End these mails",
                [("List-Unsubscribe", "One-Click".to_owned())],
            ),
        Err(problem) => PersonPage::of_problem(HERE, &problem),
    };
    page.in_language_of(&headers)
}

/// Ends the mails, whatever the body is: the token authorises the request.
async fn end(State(state): State<AppState>, Path(token): Path<String>, headers: HeaderMap) -> PersonPage {
    let ended = async {
        let of = recipient(&state, &token).await?;
        let ended = state.parts.store.unsubscribe(&of, Utc::now()).await;
        ended.map_err(|error| Problem::unavailable("the mails of a subscription cannot be ended", &error))
    };
    let page = match ended.await {
        Ok(()) => PersonPage::new(HERE, "These mails have ended")
            .paragraph("You get no more mails of this subscription. One that is on its way may still arrive."),
        Err(problem) => PersonPage::of_problem(HERE, &problem),
    };
    page.in_language_of(&headers)
}

/// Whose mails the token ends.
async fn recipient(state: &AppState, token: &str) -> Result<Unsubscribed, Problem> {
    let found = state.parts.store.unsubscribe_token(&hash_of(token)).await;
    let found = found.map_err(|error| Problem::unavailable("a link cannot be looked up", &error))?;
    found.ok_or_else(|| {
        Problem::new(
            ProblemKind::NotFound,
            "The link is not as it was sent, or the subscription ended long ago. Open it from the mail again.",
        )
    })
}
