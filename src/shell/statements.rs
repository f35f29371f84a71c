//! Splits input into statements: at semicolons outside of texts, quoted names and comments.

use super::tokens::{Kind, Token, tokens};

/// A step of a script: a statement of SQL, or a backslash command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Sql(String),
    /// With its backslash.
    Command(String),
}

/// Whether the input can run: it is a backslash command, blank, or ends with a semicolon.
pub fn is_complete(text: &str) -> bool {
    if is_command(text) {
        return true;
    }
    let all = tokens(text);
    let is_finished = all.iter().all(|token| token.is_finished);
    match all.iter().rfind(|token| is_significant(token)) {
        None => is_finished,
        Some(last) => is_finished && last.kind == Kind::Semicolon,
    }
}

/// Whether the line is a backslash command.
pub fn is_command(text: &str) -> bool {
    text.trim_start().starts_with('\\')
}

/// The statements of `text`, without their semicolons. Space and comments alone are not a statement.
pub fn statements(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let (mut start, mut says) = (0, false);
    for token in tokens(text) {
        if token.kind == Kind::Semicolon {
            if says {
                all.push(text[start..token.range.start].trim());
            }
            (start, says) = (token.range.end, false);
        } else {
            says |= is_significant(&token);
        }
    }
    if says {
        all.push(text[start..].trim());
    }
    all
}

/// The steps of a script, where a backslash command is a line of its own between statements.
pub fn steps(script: &str) -> Vec<Step> {
    let mut all = Vec::new();
    let mut pending = String::new();
    for line in script.lines() {
        if is_command(line) && is_nothing(&pending) {
            pending.clear();
            all.push(Step::Command(line.trim().to_owned()));
            continue;
        }
        pending.push_str(line);
        pending.push('\n');
        // Tokens are only inspected where a statement may end.
        if line.contains(';') && is_complete(&pending) {
            all.extend(statements(&pending).into_iter().map(|sql| Step::Sql(sql.to_owned())));
            pending.clear();
        }
    }
    all.extend(statements(&pending).into_iter().map(|sql| Step::Sql(sql.to_owned())));
    all
}

/// Whether the text has only white space and complete comments.
fn is_nothing(text: &str) -> bool {
    tokens(text)
        .iter()
        .all(|token| token.is_finished && !is_significant(token))
}

fn is_significant(token: &Token) -> bool {
    !matches!(token.kind, Kind::Space | Kind::Comment)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_statement_ends_with_its_semicolon() {
        for complete in [
            "",
            "  ",
            "select 1;",
            "select ';'; -- done",
            "\\d users",
            " \\q",
            "-- nothing",
            "select $$;$$;",
        ] {
            assert!(is_complete(complete), "{complete}");
        }
        for incomplete in [
            "select 1",
            "select ';",
            "select 1; select 2",
            "/* ;",
            "select 1 -- ;",
            "$$;",
        ] {
            assert!(!is_complete(incomplete), "{incomplete}");
        }
    }

    #[test]
    fn statements_are_divided_outside_of_texts() {
        let text = "-- Two;\nselect ';' as a;;\n /* none; */ ; select 2";
        assert_eq!(statements(text), ["-- Two;\nselect ';' as a", "select 2"]);
    }

    #[test]
    fn a_script_has_commands_between_its_statements() {
        let script = "-- Two\n\\timing on\nselect 1;\n-- a note\nselect\n  '\n\\q\n';\n  \\x\nselect 3; select 4";
        let sql = |text: &str| Step::Sql(text.to_owned());
        let command = |text: &str| Step::Command(text.to_owned());
        assert_eq!(
            steps(script),
            [
                command("\\timing on"),
                sql("select 1"),
                sql("-- a note\nselect\n  '\n\\q\n'"),
                command("\\x"),
                sql("select 3"),
                sql("select 4"),
            ]
        );
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in any::<String>()) {
            let _ = (is_complete(&text), statements(&text), steps(&text));
        }

        #[test]
        fn a_complete_text_ends_with_a_statement(text in "[a';\\-\\n/*$ ]{0,20}") {
            if is_complete(&text) && !is_command(&text) {
                let one_more = format!("{text}select 1");
                // What is appended to a line comment belongs to the comment.
                if !text.contains("--") {
                    prop_assert_eq!(statements(&one_more).len(), statements(&text).len() + 1);
                }
            }
        }
    }
}
