//! Pagination of lists: parses the parameters, and finds where a page ends.

use super::problem::{Problem, ProblemKind};

/// The requested page size, checked against its bounds.
pub fn page_size(asked: Option<u32>, usual: u32, largest: u32) -> Result<u32, Problem> {
    let size = asked.unwrap_or(usual);
    if (1..=largest).contains(&size) {
        return Ok(size);
    }
    Err(Problem::new(
        ProblemKind::BadRequest,
        format!("`limit` must be between 1 and {largest}."),
    ))
}

/// The id after which a page begins, where the caller gives one; `what` is the kind of thing, for messages.
///
/// # Errors
/// Where the text is not an id.
pub fn before<Id>(asked: Option<&str>, id: impl FnOnce(&str) -> Option<Id>, what: &str) -> Result<Option<Id>, Problem> {
    let Some(text) = asked else { return Ok(None) };
    let detail = || format!("`before` must be the id of {what}: the `next` of a page.");
    let found = id(text).ok_or_else(|| Problem::new(ProblemKind::BadRequest, detail()))?;
    Ok(Some(found))
}

/// The items of a page, and whether there is another page, which is known from one item more than asked for.
pub fn page_of<T>(mut found: Vec<T>, limit: u32) -> (Vec<T>, bool) {
    let limit = limit as usize;
    let has_more = found.len() > limit;
    found.truncate(limit);
    (found, has_more)
}
