//! Completion: names that fit the beginning of a word, the likeliest first.

use std::collections::HashSet;
use std::ops::Range;

use datafusion::sql::sqlparser::keywords::ALL_KEYWORDS;
use reedline::{Completer, CompletionResult, Span, Suggestion};

use super::command::COMMANDS;
use super::sql_names::{SharedSqlNames, SqlNames};
use super::tokens::{Kind, Token, tokens};
use crate::formats::Format;

/// Words after which a table is named.
const BEFORE_TABLES: [&str; 6] = ["from", "join", "table", "describe", "desc", "view"];
/// Keywords for completion. Those of other engines and of administration are left out, because they would crowd out the
/// rest.
const KEYWORDS: &[&str] = &[
    "all",
    "and",
    "any",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "cast",
    "create",
    "cross",
    "current",
    "date",
    "desc",
    "describe",
    "distinct",
    "drop",
    "else",
    "end",
    "except",
    "exists",
    "explain",
    "false",
    "filter",
    "first",
    "following",
    "from",
    "full",
    "group",
    "having",
    "ilike",
    "in",
    "inner",
    "intersect",
    "interval",
    "is",
    "join",
    "last",
    "left",
    "like",
    "limit",
    "not",
    "null",
    "nulls",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "preceding",
    "recursive",
    "right",
    "rows",
    "select",
    "show",
    "tables",
    "then",
    "timestamp",
    "true",
    "unbounded",
    "union",
    "using",
    "values",
    "when",
    "where",
    "with",
];

/// The completer of the editor.
pub struct ShellCompleter {
    names: SharedSqlNames,
}

impl ShellCompleter {
    /// A completer with names that the shell keeps up to date.
    pub fn new(names: SharedSqlNames) -> Self {
        Self { names }
    }
}

impl Completer for ShellCompleter {
    fn complete(&mut self, line: &str, cursor: usize) -> CompletionResult {
        let Ok(names) = self.names.read() else {
            return CompletionResult::fresh(Vec::new());
        };
        let (range, found) = candidates(&names, line, cursor);
        let suggestion = |value: String| Suggestion {
            value,
            span: Span::new(range.start, range.end),
            ..Suggestion::default()
        };
        CompletionResult::fresh(found.into_iter().map(suggestion).collect::<Vec<_>>())
    }
}

/// The replaced range before the cursor and the candidates for it, the likeliest first, without repetition.
pub fn candidates(names: &SqlNames, line: &str, cursor: usize) -> (Range<usize>, Vec<String>) {
    let before = line.get(..cursor).unwrap_or(line);
    if before.trim_start().starts_with('\\') {
        return of_commands(names, before);
    }
    let (typed, cursor) = (tokens(before), before.len());
    let word = match typed.last() {
        Some(last) if last.kind == Kind::Word => last.range.clone(),
        Some(last) if !last.is_finished || matches!(last.kind, Kind::Comment | Kind::Text | Kind::Number) => {
            return (cursor..cursor, Vec::new());
        }
        _ => cursor..cursor,
    };
    let beginning = before[word.clone()].to_lowercase();
    let earlier: Vec<&Token> = typed
        .iter()
        .filter(|token| token.range.end <= word.start && !matches!(token.kind, Kind::Space | Kind::Comment))
        .collect();
    let text = |token: &&Token| before[token.range.clone()].to_lowercase();
    let found = match earlier.as_slice() {
        [.., owner, dot] if text(dot) == "." => of_owner(names, line, &text(owner)),
        [.., last] if BEFORE_TABLES.contains(&text(last).as_str()) => {
            let (tables, functions) = (tables(names), &names.functions);
            tables
                .chain(functions.iter().filter(|name| is_table_function(name)).cloned())
                .collect()
        }
        _ if beginning.is_empty() && earlier.is_empty() => Vec::new(),
        _ => of_statement(names, line),
    };
    let found = matching(found, &beginning, is_upper_case(&before[word.clone()]));
    (word, found)
}

fn is_upper_case(word: &str) -> bool {
    word.chars().any(char::is_uppercase) && !word.chars().any(char::is_lowercase)
}

/// Candidates with the typed beginning; keywords in the case of the typed letters.
fn matching(found: Vec<String>, beginning: &str, is_upper_case: bool) -> Vec<String> {
    let mut seen = HashSet::new();
    found
        .into_iter()
        .filter(|name| name.trim_start_matches('"').to_lowercase().starts_with(beginning))
        .map(|name| match is_upper_case && KEYWORDS.contains(&name.as_str()) {
            true => name.to_uppercase(),
            false => name,
        })
        .filter(|name| seen.insert(name.clone()))
        .collect()
}

/// Columns of the tables that the statement names, then tables, functions, keywords, and columns of other tables.
fn of_statement(names: &SqlNames, line: &str) -> Vec<String> {
    let words = words(line);
    let (named, others): (Vec<_>, Vec<_>) = names.tables.iter().partition(|table| words.contains(&table.name));
    let columns_of = |tables: Vec<&super::sql_names::TableName>| -> Vec<String> {
        tables
            .into_iter()
            .flat_map(|table| table.columns.iter().cloned())
            .collect()
    };
    let mut all = columns_of(named);
    all.extend(tables(names));
    all.extend(KEYWORDS.iter().map(|keyword| (*keyword).to_owned()));
    all.extend(names.functions.iter().cloned());
    all.extend(columns_of(others));
    all
}

/// The columns of a table or of an alias's table; the tables of a schema.
fn of_owner(names: &SqlNames, line: &str, owner: &str) -> Vec<String> {
    if let Some(table) = names.table(owner) {
        return table.columns.clone();
    }
    let words = words(line);
    let is_alias = |place: usize| {
        let before = place.checked_sub(1).map(|before| words[before].as_str());
        let before = match before {
            Some("as") => place.checked_sub(2).map(|before| words[before].as_str()),
            other => other,
        };
        before.and_then(|name| names.table(name))
    };
    let places = words.iter().enumerate().filter(|(_, word)| *word == owner);
    let aliased = places.filter_map(|(place, _)| is_alias(place)).next();
    if let Some(table) = aliased {
        return table.columns.clone();
    }
    let in_schema = names
        .tables
        .iter()
        .filter_map(|table| table.name.strip_prefix(owner)?.strip_prefix('.'));
    in_schema.map(str::to_owned).collect()
}

fn of_commands(names: &SqlNames, before: &str) -> (Range<usize>, Vec<String>) {
    let indent = before.len() - before.trim_start().len();
    let Some(space) = before[indent..].find(char::is_whitespace) else {
        let found = COMMANDS.iter().map(|(name, _, _)| (*name).to_owned());
        return (
            indent..before.len(),
            found.filter(|name| name.starts_with(&before[indent..])).collect(),
        );
    };
    let command = &before[indent..indent + space];
    let argument = before.trim_end_matches(|end: char| !end.is_whitespace()).len();
    let found: Vec<String> = match command {
        "\\d" => tables(names).collect(),
        "\\df" => names.functions.clone(),
        "\\format" => Format::ALL.map(|format| format.name().to_owned()).to_vec(),
        "\\timing" | "\\x" => vec!["on".to_owned(), "off".to_owned()],
        "\\date" => vec!["latest".to_owned()],
        "\\explain" => {
            let start = indent + space;
            let (range, found) = candidates(names, &before[start..], before.len() - start);
            return (start + range.start..start + range.end, found);
        }
        _ => Vec::new(),
    };
    let beginning = before[argument..].to_lowercase();
    (argument..before.len(), matching(found, &beginning, false))
}

fn tables(names: &SqlNames) -> impl Iterator<Item = String> {
    names.tables.iter().map(|table| table.name.clone())
}

fn is_table_function(name: &str) -> bool {
    matches!(name, "generate_series" | "range")
}

/// The words of a line in lower case, in their order.
fn words(line: &str) -> Vec<String> {
    let words = tokens(line).into_iter().filter(|token| token.kind == Kind::Word);
    words.map(|token| line[token.range].to_lowercase()).collect()
}

/// Whether a word is an SQL keyword, for the highlighter.
pub fn is_keyword(word: &str) -> bool {
    let upper = word.to_uppercase();
    ALL_KEYWORDS.binary_search(&upper.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sql_names::TableName;
    use super::*;

    fn names() -> SqlNames {
        let table = |name: &str, columns: &[&str]| TableName {
            name: name.to_owned(),
            is_view: false,
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        };
        SqlNames {
            tables: vec![
                table("batches", &["batch_id", "batch_name"]),
                table("users", &["user_id", "email", "\"Two Words\""]),
                table("users_history", &["user_id", "snapshot_date"]),
            ],
            functions: vec!["count".to_owned(), "generate_series".to_owned(), "upper".to_owned()],
        }
    }

    /// What is offered where `|` stands.
    fn offered(line: &str) -> Vec<String> {
        let cursor = line.find('|').expect("a cursor");
        candidates(&names(), &line.replace('|', ""), cursor).1
    }

    #[test]
    fn tables_follow_from() {
        assert_eq!(offered("select * from us|"), ["users", "users_history"]);
        assert_eq!(
            offered("select * from |"),
            ["batches", "users", "users_history", "generate_series"]
        );
        assert_eq!(offered("\\d b|"), ["batches"]);
    }

    #[test]
    fn columns_of_the_named_tables_come_first() {
        assert_eq!(
            offered("select u| from users"),
            [
                "user_id",
                "users",
                "users_history",
                "unbounded",
                "union",
                "using",
                "upper"
            ]
        );
        assert_eq!(offered("select b| from users")[..3], ["batches", "between", "by"]);
        assert_eq!(offered("select tw| from users"), ["\"Two Words\""]);
    }

    #[test]
    fn an_alias_stands_for_its_table() {
        assert_eq!(
            offered("select learner.| from users as learner"),
            ["user_id", "email", "\"Two Words\""]
        );
        assert_eq!(offered("select b.batch_n| from batches b"), ["batch_name"]);
        assert_eq!(offered("select users.e|"), ["email"]);
        assert_eq!(offered("select nobody.|"), [] as [&str; 0]);
    }

    #[test]
    fn keywords_are_in_the_case_of_the_typed_letters() {
        assert_eq!(offered("sel|"), ["select"]);
        assert_eq!(offered("SEL|"), ["SELECT"]);
    }

    #[test]
    fn nothing_is_offered_in_texts_and_comments() {
        for line in ["select 'us|'", "-- us|", "select \"us|", "|", "select 1|"] {
            assert_eq!(offered(line), [] as [&str; 0], "{line}");
        }
    }

    #[test]
    fn commands_and_their_arguments_are_completed() {
        assert_eq!(offered("\\d|"), ["\\d", "\\dt", "\\dv", "\\df", "\\date"]);
        assert_eq!(offered("\\format p|"), ["parquet"]);
        assert_eq!(offered("\\explain select * from us|"), ["users", "users_history"]);
    }

    proptest! {
        #[test]
        fn every_candidate_replaces_a_range_before_the_cursor(line in any::<String>(), cursor in any::<proptest::sample::Index>()) {
            let cursor = cursor.index(line.len() + 1);
            let (range, _) = candidates(&names(), &line, cursor);
            prop_assert!(line.get(range.clone()).is_some(), "{range:?}");
        }
    }
}
