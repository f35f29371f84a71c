//! Mistakes in the settings in one line: the file or variable, the setting, and what is wrong.

use std::path::Path;

use datafusion::common::utils::datafusion_strsim::levenshtein;
use figment::error::{Actual, Kind};

use super::ConfigError;

/// The prefix of environment variables.
pub const PREFIX: &str = "PRAGATI_";
/// What separates a section from its setting in a variable.
pub const SEPARATOR: &str = "__";

/// A name is near another where at most one letter in this many differs.
const LETTERS_OF_A_SLIP: usize = 3;

/// What libraries call the types of settings, and what people do.
const TYPES: [(&str, &str); 8] = [
    ("a boolean", "true or false"),
    ("a string", "a text"),
    ("a sequence", "a list"),
    ("a map", "a table"),
    // Of sizes.
    ("an integer or string", "a size such as 2GB"),
    ("integer overflow", "a size such as 2GB"),
    ("parsable string", "a size such as 2GB"),
    ("path string", "a path"),
];
/// Names of types of whole numbers, none of them negative.
const WHOLE_NUMBERS: [&str; 5] = ["usize", "u64", "u32", "u16", "u8"];

/// Refuses a file that is not TOML.
///
/// # Errors
/// Names the line and column.
pub fn check_syntax(file: &Path, text: &str) -> Result<(), ConfigError> {
    let Err(error) = toml::from_str::<toml::Table>(text) else {
        return Ok(());
    };
    let place = match error.span().and_then(|span| text.get(..span.start)) {
        None => String::new(),
        Some(before) => {
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|&letter| letter != '\n').count() + 1;
            format!("line {line}, column {column}: ")
        }
    };
    let words = super::one_line(error.message());
    Err(ConfigError::Invalid(format!("{}: {place}{words}", file.display())))
}

/// The error for settings that cannot be used.
pub fn invalid(error: &figment::Error) -> ConfigError {
    let place = Place::of(error);
    let setting = place.name(&error.path);
    let words = match &error.kind {
        Kind::UnknownField(_, known) => format!("{setting} is no setting; {}", place.known(&error.path, known)),
        Kind::MissingField(field) => {
            let path: Vec<&str> = error.path.iter().map(String::as_str).chain([&**field]).collect();
            format!("{} is missing", place.name(&path))
        }
        Kind::UnknownVariant(found, known) => format!("{setting}: '{found}' is none of {}", known.join(", ")),
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            format!("{setting}: expected {}, found {}", type_name(expected), shown(found))
        }
        Kind::Message(words) if setting.is_empty() || words.starts_with(&setting) => words.clone(),
        other => format!("{setting}: {other}"),
    };
    ConfigError::Invalid(super::one_line(&format!("{}{words}", place.file)))
}

/// Where a setting was given.
struct Place {
    /// The file and a colon; empty for others.
    file: String,
    is_environment: bool,
}

impl Place {
    fn of(error: &figment::Error) -> Self {
        let source = error.metadata.as_ref().map(|metadata| &metadata.source);
        let file = source.and_then(|source| source.as_ref()?.file_path());
        Self {
            file: file.map(|file| format!("{}: ", file.display())).unwrap_or_default(),
            // Files and values of the program have a source.
            is_environment: source.is_some_and(Option::is_none),
        }
    }

    /// The name of a setting, as it is written there.
    fn name(&self, path: &[impl AsRef<str>]) -> String {
        let names: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
        match self.is_environment {
            true => format!("{PREFIX}{}", names.join(SEPARATOR).to_uppercase()),
            false => names.join("."),
        }
    }

    /// Which settings there are where an unknown one was given: the one that is nearly the same, or else all.
    fn known(&self, path: &[String], known: &[&str]) -> String {
        let Some((unknown, section)) = path.split_last() else {
            return format!("there are {}", known.join(", "));
        };
        match nearest(unknown, known) {
            None => format!("there are {}", known.join(", ")),
            Some(near) => {
                let near: Vec<&str> = section.iter().map(String::as_str).chain([near]).collect();
                format!("did you mean {}?", self.name(&near))
            }
        }
    }
}

/// The known name that differs least, where that may be a slip.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let distances = known.iter().map(|known| (levenshtein(name, known), *known));
    let (distance, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance * LETTERS_OF_A_SLIP <= name.chars().count()).then_some(nearest)
}

/// What people call a type.
fn type_name(expected: &str) -> &str {
    if WHOLE_NUMBERS.contains(&expected) {
        return "a whole number of at least 0";
    }
    if expected.starts_with("a nonzero ") {
        return "a whole number of at least 1";
    }
    if expected.starts_with("struct ") {
        return "a table of settings";
    }
    let known = TYPES.iter().find(|(theirs, _)| *theirs == expected);
    known.map_or(expected, |(_, ours)| *ours)
}

/// A value, as a file has it.
fn shown(found: &Actual) -> String {
    match found {
        Actual::Bool(value) => value.to_string(),
        Actual::Unsigned(number) => number.to_string(),
        Actual::Signed(number) => number.to_string(),
        Actual::Float(number) => number.to_string(),
        Actual::Str(text) => format!("'{text}'"),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_has_a_near_name_and_another_word_has_none() {
        let known = ["exports", "date", "workers", "keep", "serve"];
        assert_eq!(nearest("workrs", &known), Some("workers"));
        assert_eq!(nearest("exprots", &known), Some("exports"));
        assert_eq!(nearest("serv", &known), Some("serve"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(nearest("x", &known), None);
        assert_eq!(nearest("x", &[]), None);
    }

    #[test]
    fn what_is_no_toml_is_named_by_line_and_column() {
        let said = |text: &str| {
            let refused = check_syntax(Path::new("pragati.toml"), text).expect_err("refused");
            refused.to_string()
        };
        let twice = said("[serve]\nworkers = 3\nworkers = 4\n");
        assert!(
            twice.starts_with("configuration: pragati.toml: line 3, column 1: "),
            "{twice}"
        );
        for text in ["a = ", "a = \"x\nb = 1\n", "[serve", "é = 1\nb"] {
            let said = said(text);
            assert!(said.starts_with("configuration: pragati.toml: "), "{said}");
            assert!(!said.contains('\n'), "{said}");
        }
        assert!(check_syntax(Path::new("pragati.toml"), "[serve]\nworkers = 3\n").is_ok());
    }
}
