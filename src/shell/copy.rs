//! COPY as PostgreSQL's clients write it. The engine's COPY writes files alone, and its parser names only the first word
//! that it did not expect.

use super::statements::statements;
use super::tokens::{Kind, tokens};

/// A form of COPY that the shell does not have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CopyError {
    #[error(
        "COPY … TO STDOUT is for clients of the PostgreSQL endpoint; here, give the query alone with --format csv, and -o FILE for a file (in the shell \\format csv, \\o FILE)"
    )]
    ToStdout,
    #[error("COPY … FROM is not allowed: the exports are read only")]
    From,
}

/// Why the first such statement of `sql` cannot run; none where there is no such statement.
pub fn refused(sql: &str) -> Option<CopyError> {
    statements(sql).into_iter().find_map(|statement| {
        let words = outer_words(statement);
        let has = |sought: &[&str]| words.windows(sought.len()).any(|found| found == sought);
        match words.first().is_some_and(|first| first == "copy") {
            true if has(&["to", "stdout"]) => Some(CopyError::ToStdout),
            true if has(&["from"]) => Some(CopyError::From),
            _ => None,
        }
    })
}

/// The words of a statement outside of brackets, in lower case: those in brackets are of a query, or columns.
fn outer_words(statement: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut depth = 0_usize;
    for token in tokens(statement) {
        let text = &statement[token.range];
        match (token.kind, text) {
            (Kind::Space | Kind::Comment, _) => {}
            (Kind::Symbol, "(") => depth += 1,
            (Kind::Symbol, ")") => depth = depth.saturating_sub(1),
            _ if depth == 0 => words.push(text.to_ascii_lowercase()),
            _ => {}
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_clients_are_told_apart() {
        for sql in [
            "copy users to stdout",
            "COPY users (user_id, email) TO STDOUT (FORMAT csv, HEADER)",
            "select 1; -- all\n copy (select * from users) to /* here */ stdout csv;",
        ] {
            assert_eq!(refused(sql), Some(CopyError::ToStdout), "{sql}");
        }
        for sql in [
            "copy users from stdin",
            "copy users (user_id) from '/tmp/users.csv' csv",
        ] {
            assert_eq!(refused(sql), Some(CopyError::From), "{sql}");
        }
        for sql in [
            "copy users to 'users.csv'",
            "copy (select 1 from users) to 'stdout'",
            "copy \"from\" to 'users.csv'",
            "select 'copy users to stdout'",
            "select copy from users",
            "copy",
            "",
        ] {
            assert_eq!(refused(sql), None, "{sql}");
        }
    }
}
