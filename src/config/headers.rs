//! `report.headers`: what the columns of reports are called.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::language::{Language, report_headers};

/// The longest header of a site's own, in characters.
const LONGEST: usize = 100;

/// What the columns of CSV and XLSX files are called. Parquet files have the names of SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "report.headers is a language (en, hi, ta, te, kn, or), or a table of a site's own headers by the English ones"
)]
pub enum Headers {
    /// Those of a language; English ones are the contract's.
    Language(Language),
    /// The site's own, by the contract's headers; columns that are not named keep the contract's.
    Own(BTreeMap<String, String>),
}

impl Default for Headers {
    fn default() -> Self {
        Self::Language(Language::English)
    }
}

impl Headers {
    /// The header of the column that the contract calls `english`.
    pub fn of<'a>(&'a self, english: &'a str) -> &'a str {
        match self {
            Self::Language(language) => {
                let place = report_headers(Language::English)
                    .iter()
                    .position(|header| *header == english);
                let translated = place.and_then(|place| report_headers(*language).get(place));
                translated.copied().unwrap_or(english)
            }
            Self::Own(own) => own.get(english).map_or(english, String::as_str),
        }
    }

    /// Refuses names of columns that reports do not have, headers that are empty, too long or have line breaks, and two
    /// columns of one name.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Self::Own(own) = self else { return Ok(()) };
        let refused = |words: String| Err(ConfigError::Invalid(format!("report.headers: {words}")));
        let known = report_headers(Language::English);
        if let Some(name) = own.keys().find(|name| !known.iter().any(|known| known == name)) {
            return refused(format!(
                "reports have no column '{name}'; they have {}",
                known.join(", ")
            ));
        }
        let is_unfit = |header: &str| {
            header.trim().is_empty() || header.chars().any(char::is_control) || header.chars().count() > LONGEST
        };
        if let Some((name, _)) = own.iter().find(|(_, header)| is_unfit(header)) {
            return refused(format!(
                "the header of '{name}' must be one line of 1 to {LONGEST} characters"
            ));
        }
        let mut seen = BTreeSet::new();
        let twice = known
            .iter()
            .map(|header| self.of(header))
            .find(|header| !seen.insert(*header));
        twice.map_or(Ok(()), |header| {
            refused(format!(
                "two columns would be called '{header}'; give each a name of its own"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(headers: &[(&str, &str)]) -> Headers {
        let headers = headers
            .iter()
            .map(|(name, header)| ((*name).to_owned(), (*header).to_owned()));
        Headers::Own(headers.collect())
    }

    #[test]
    fn columns_are_called_as_the_contract_says_unless_a_site_says_otherwise() {
        assert_eq!(Headers::default().of("Block Name"), "Block Name");
        assert_eq!(Headers::Language(Language::Hindi).of("Block Name"), "ब्लॉक का नाम");
        let headers = own(&[("Block Name", "Ward")]);
        assert_eq!((headers.of("Block Name"), headers.of("User ID")), ("Ward", "User ID"));
        assert!(headers.check().is_ok());
    }

    #[test]
    fn headers_that_would_mislead_are_refused() {
        let long = "x".repeat(LONGEST + 1);
        for (headers, expected) in [
            (own(&[("Ward", "x")]), "no column 'Ward'"),
            (own(&[("User ID", " ")]), "'User ID' must be one line"),
            (own(&[("User ID", "a\nb")]), "'User ID' must be one line"),
            (own(&[("User ID", &long)]), "'User ID' must be one line"),
            (
                own(&[("User ID", "External ID")]),
                "two columns would be called 'External ID'",
            ),
        ] {
            let said = headers.check().expect_err("refused").to_string();
            assert!(said.contains(expected), "{said}");
        }
        // Names that change places are all different.
        let swapped = own(&[("User ID", "External ID"), ("External ID", "User ID")]);
        assert!(swapped.check().is_ok());
    }
}
