//! The backslash commands of the shell: names, arguments and help.

use std::path::PathBuf;

use crate::config::DateChoice;
use crate::formats::Format;

/// A parsed backslash command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// All tables and views, or the columns of one.
    Describe(Option<String>),
    Tables,
    Views,
    /// The functions whose names contain the text.
    Functions(Option<String>),
    /// `None` toggles.
    Timing(Option<bool>),
    /// `None` toggles.
    Expanded(Option<bool>),
    /// `None` returns to the terminal.
    Output(Option<PathBuf>),
    Include(PathBuf),
    /// `None` shows the present format.
    Format(Option<Format>),
    /// `None` shows the present day.
    Date(Option<DateChoice>),
    /// `None` explains the previous statement.
    Explain(Option<String>),
    Help,
    Quit,
}

/// A line that is not a valid backslash command.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CommandError {
    #[error("there is no command {0}; \\? lists all")]
    Unknown(String),
    #[error("{usage}: {reason}")]
    Usage { usage: String, reason: String },
}

/// Name, argument and help of each command, as `\?` shows them.
pub const COMMANDS: [(&str, &str, &str); 13] = [
    (
        "\\d",
        "[NAME]",
        "tables and views, or the columns of one and where it comes from",
    ),
    ("\\dt", "", "tables, with their rows"),
    ("\\dv", "", "views, with what a row is"),
    ("\\df", "[TEXT]", "functions whose name contains the text"),
    ("\\timing", "[on|off]", "the time that each statement takes"),
    ("\\x", "[on|off]", "one line a value instead of one line a row"),
    ("\\o", "[FILE]", "results go to the file, until \\o alone"),
    (
        "\\i",
        "FILE",
        "run the file's statements and commands, up to the first error",
    ),
    (
        "\\format",
        "[FORMAT]",
        "format of the results: table, csv, tsv, json, ndjson, parquet, arrow",
    ),
    ("\\date", "[DATE|latest]", "read the snapshot of another day"),
    (
        "\\explain",
        "[SQL]",
        "how the engine would run a statement, or the one before",
    ),
    ("\\?", "", "this list"),
    ("\\q", "", "end (so does Ctrl-D)"),
];

impl Command {
    /// Parses a line that begins with a backslash.
    pub fn parse(line: &str) -> Result<Self, CommandError> {
        let line = line.trim();
        let (name, rest) = line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()));
        // People used to SQL end commands with a semicolon too.
        let name = name.trim_end_matches(';');
        let usage = |reason: String| CommandError::Usage {
            usage: usage_of(name),
            reason,
        };
        let argument = argument(rest).map_err(usage)?;
        let none = |command: Self| match &argument {
            None => Ok(command),
            Some(extra) => Err(usage(format!("takes no '{extra}'"))),
        };
        let switch = |text: Option<String>| match text.as_deref() {
            None => Ok(None),
            Some("on") => Ok(Some(true)),
            Some("off") => Ok(Some(false)),
            Some(other) => Err(usage(format!("'{other}' is neither on nor off"))),
        };
        match name {
            "\\d" => Ok(Self::Describe(argument)),
            "\\dt" => none(Self::Tables),
            "\\dv" => none(Self::Views),
            "\\df" => Ok(Self::Functions(argument)),
            "\\timing" => Ok(Self::Timing(switch(argument)?)),
            "\\x" => Ok(Self::Expanded(switch(argument)?)),
            "\\o" => Ok(Self::Output(argument.map(PathBuf::from))),
            "\\i" => match argument {
                Some(file) => Ok(Self::Include(PathBuf::from(file))),
                None => Err(usage("name a file".to_owned())),
            },
            "\\format" => {
                let format = argument.map(|name| name.parse()).transpose();
                Ok(Self::Format(format.map_err(|error: crate::formats::FormatError| {
                    usage(error.to_string())
                })?))
            }
            "\\date" => {
                let date = argument.map(|date| date.parse()).transpose();
                Ok(Self::Date(
                    date.map_err(|error: crate::ids::IdError| usage(error.to_string()))?,
                ))
            }
            "\\explain" => {
                let sql = rest.trim().trim_end_matches(';').trim_end();
                Ok(Self::Explain((!sql.is_empty()).then(|| sql.to_owned())))
            }
            "\\?" | "\\h" | "\\help" => none(Self::Help),
            "\\q" | "\\quit" => none(Self::Quit),
            unknown => Err(CommandError::Unknown(unknown.to_owned())),
        }
    }
}

fn usage_of(name: &str) -> String {
    let known = COMMANDS.iter().find(|(known, _, _)| *known == name);
    known.map_or_else(
        || name.to_owned(),
        |(name, takes, _)| format!("{name} {takes}").trim_end().to_owned(),
    )
}

/// The one argument of most commands: a word, or text in quotes.
fn argument(rest: &str) -> Result<Option<String>, String> {
    let rest = rest.trim().trim_end_matches(';').trim_end();
    match rest.chars().next() {
        None => Ok(None),
        Some(quote @ ('\'' | '"')) => match rest[1..].strip_suffix(quote) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(format!("the quote {quote} is not closed")),
        },
        Some(_) => Ok(Some(rest.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_are_understood() {
        let parsed = |line| Command::parse(line).expect(line);
        assert_eq!(parsed("\\d"), Command::Describe(None));
        assert_eq!(parsed(" \\d  users; "), Command::Describe(Some("users".to_owned())));
        assert_eq!(parsed("\\q;"), Command::Quit);
        assert_eq!(parsed("\\x"), Command::Expanded(None));
        assert_eq!(parsed("\\timing off"), Command::Timing(Some(false)));
        assert_eq!(
            parsed("\\o 'two words.csv'"),
            Command::Output(Some("two words.csv".into()))
        );
        assert_eq!(parsed("\\format ndjson"), Command::Format(Some(Format::Ndjson)));
        assert_eq!(parsed("\\date latest"), Command::Date(Some(DateChoice::Latest)));
        assert_eq!(
            parsed("\\explain select ';';"),
            Command::Explain(Some("select ';'".to_owned()))
        );
    }

    #[test]
    fn mistakes_are_one_line_that_says_what_is_taken() {
        let complaints = [
            "\\nothing",
            "\\",
            "\\i",
            "\\x maybe",
            "\\q now",
            "\\date 2026-1-2",
            "\\format xml",
            "\\o 'a",
        ]
        .map(|line| Command::parse(line).expect_err(line).to_string());
        insta::assert_snapshot!(complaints.join("\n"), @r"
        there is no command \nothing; \? lists all
        there is no command \; \? lists all
        \i FILE: name a file
        \x [on|off]: 'maybe' is neither on nor off
        \q: takes no 'now'
        \date [DATE|latest]: '2026-1-2' is not a date; write it as YYYY-MM-DD, for example 2026-11-22
        \format [FORMAT]: there is no format 'xml'; known: table, csv, tsv, json, ndjson, parquet, arrow
        \o [FILE]: the quote ' is not closed
        ");
    }

    #[test]
    fn every_command_of_the_list_is_one() {
        for (name, takes, _) in COMMANDS {
            let line = if takes == "FILE" {
                format!("{name} file")
            } else {
                name.to_owned()
            };
            assert!(Command::parse(&line).is_ok(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(line in "\\\\?\\PC*") {
            let _ = Command::parse(&line);
        }

        #[test]
        fn no_argument_makes_it_panic(command in proptest::sample::select(COMMANDS.map(|(name, _, _)| name).to_vec()), argument in any::<String>()) {
            let _ = Command::parse(&format!("{command} {argument}"));
        }
    }
}
