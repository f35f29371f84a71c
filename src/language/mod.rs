//! The languages of texts for people, and how one is chosen: by a person's own setting, by their browser, or by the
//! site.

mod headers;
mod messages;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use headers::report_headers;
pub use messages::{Messages, MessagesError};

/// A language in which all texts for people exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Language {
    #[default]
    #[serde(rename = "en")]
    English,
    #[serde(rename = "hi")]
    Hindi,
    #[serde(rename = "ta")]
    Tamil,
    #[serde(rename = "te")]
    Telugu,
    #[serde(rename = "kn")]
    Kannada,
    #[serde(rename = "or")]
    Odia,
}

impl Language {
    /// All languages.
    pub const ALL: [Self; 6] = [
        Self::English,
        Self::Hindi,
        Self::Tamil,
        Self::Telugu,
        Self::Kannada,
        Self::Odia,
    ];

    /// Its code (ISO 639-1).
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Hindi => "hi",
            Self::Tamil => "ta",
            Self::Telugu => "te",
            Self::Kannada => "kn",
            Self::Odia => "or",
        }
    }

    /// The language of that code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// The language of a tag such as `hi`, `hi-IN` or `ta_IN`; `None` where it is another one.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let code = tag.trim().split(['-', '_']).next()?.to_ascii_lowercase();
        // The three-letter code of the language as most people speak it.
        Self::from_code(if code == "ory" { "or" } else { code.as_str() })
    }

    /// The language that a header `Accept-Language` prefers; `None` where it accepts none of them.
    pub fn accepted(header: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for range in header.split(',') {
            let mut parts = range.split(';');
            let Some(language) = parts.next().and_then(Self::from_tag) else {
                continue;
            };
            let quality = parts.find_map(|part| part.trim().strip_prefix("q="));
            let weight = quality.map_or(1.0, |quality| quality.trim().parse().unwrap_or(0.0));
            if weight > best.map_or(0.0, |(_, weight)| weight) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_everywhere() {
        for language in Language::ALL {
            assert_eq!(Language::from_code(language.code()), Some(language));
            assert_eq!(serde_json::to_value(language).expect("JSON"), language.code());
        }
    }

    #[test]
    fn a_language_is_found_by_its_tag() {
        assert_eq!(Language::from_tag("hi-IN"), Some(Language::Hindi));
        assert_eq!(Language::from_tag(" TA_in"), Some(Language::Tamil));
        assert_eq!(Language::from_tag("ory"), Some(Language::Odia));
        for other in ["", "*", "mr-IN", "hindi"] {
            assert_eq!(Language::from_tag(other), None, "{other}");
        }
    }

    #[test]
    fn a_browser_gets_what_it_wants_most() {
        for (header, expected) in [
            ("kn-IN,kn;q=0.9,en;q=0.8", Some(Language::Kannada)),
            ("mr,en;q=0.5,te;q=0.7", Some(Language::Telugu)),
            ("en;q=0.5, hi;q=0.5", Some(Language::English)),
            ("or;q=0, *", None),
            ("fr", None),
            ("", None),
            ("hi;q=x", None),
        ] {
            assert_eq!(Language::accepted(header), expected, "{header}");
        }
    }
}
