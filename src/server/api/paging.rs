//! Lists that are answered page by page: what a caller asks for, and where a page ends.

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

/// The id that the items of a page come after, where the caller names one; `what` it is the id of.
///
/// # Errors
/// Where it is no such id.
pub fn before<Id>(asked: Option<&str>, id: impl FnOnce(&str) -> Option<Id>, what: &str) -> Result<Option<Id>, Problem> {
    let Some(text) = asked else { return Ok(None) };
    let detail = || format!("`before` must be the id of {what}: the `next` of a page.");
    let found = id(text).ok_or_else(|| Problem::new(ProblemKind::BadRequest, detail()))?;
    Ok(Some(found))
}

/// The items of a page, of which one more was looked for than it has; and whether there is another page.
pub fn page_of<T>(mut found: Vec<T>, limit: u32) -> (Vec<T>, bool) {
    let limit = limit as usize;
    let has_more = found.len() > limit;
    found.truncate(limit);
    (found, has_more)
}
