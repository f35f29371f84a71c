//! Translates the texts of pages for people into the language that the browser asks for. The English text is the key; a
//! text without a translation stays English.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};

use crate::language::Language;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/server/api/person_words");

/// The translations of a language by the English texts.
type Texts = BTreeMap<String, String>;

static TEXTS: LazyLock<BTreeMap<Language, Texts>> = LazyLock::new(|| {
    let languages = Language::ALL.into_iter();
    languages.map(|language| (language, texts_of(language))).collect()
});

fn texts_of(language: Language) -> Texts {
    let file = FILES.get_file(format!("{language}.json"));
    let texts = file.and_then(|file| serde_json::from_slice(file.contents()).ok());
    texts.unwrap_or_default()
}

/// A text in a language.
pub fn say(language: Language, english: &str) -> &str {
    let texts = TEXTS.get(&language);
    let text = texts.and_then(|texts| texts.get(english));
    text.map_or(english, String::as_str)
}

/// A text in English, with the values of its placeholders `{name}`.
#[derive(Debug, Clone)]
pub struct Words {
    english: String,
    given: Vec<(&'static str, String)>,
}

impl Words {
    /// A text with the given values. A value that is itself a text, such as a month, is translated as well.
    pub fn with<const N: usize>(english: &'static str, given: [(&'static str, String); N]) -> Self {
        Self {
            english: english.to_owned(),
            given: given.into(),
        }
    }

    /// The text in a language.
    pub fn say(&self, language: Language) -> String {
        let mut text = say(language, &self.english).to_owned();
        for (name, value) in &self.given {
            text = text.replace(&format!("{{{name}}}"), say(language, value));
        }
        text
    }
}

impl From<&str> for Words {
    fn from(english: &str) -> Self {
        english.to_owned().into()
    }
}

impl From<String> for Words {
    fn from(english: String) -> Self {
        Self {
            english,
            given: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regex::Regex;

    use super::*;

    const PAGES: [&str; 3] = [
        include_str!("download.rs"),
        include_str!("sign_in.rs"),
        include_str!("unsubscribe.rs"),
    ];
    const TEMPLATE: &str = include_str!("person_page.html.j2");
    /// The functions that make the problems that pages show.
    const PROBLEMS: [&str; 4] = [
        include_str!("caller.rs"),
        include_str!("extract.rs"),
        include_str!("file.rs"),
        include_str!("problem.rs"),
    ];
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];

    fn others() -> impl Iterator<Item = Language> {
        let languages = Language::ALL.into_iter();
        languages.filter(|language| *language != Language::English)
    }

    fn found(pattern: &str, text: &str) -> Vec<String> {
        let pattern = Regex::new(pattern).expect("a pattern");
        pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
    }

    /// Source text whose strings are on one line each.
    fn unbroken(source: &str) -> String {
        let broken = Regex::new(r"\\\n\s*").expect("a pattern");
        broken.replace_all(source, "").into_owned()
    }

    #[test]
    fn every_text_of_the_pages_is_translated_into_every_language() {
        let mut said: BTreeSet<String> = MONTHS.map(str::to_owned).into();
        said.extend(found(r#"\bt\("([^"]*)"\)"#, TEMPLATE));
        for page in PAGES.map(unbroken) {
            said.extend(found(r#"PersonPage::new\([\w:]+, "([^"]*)"\)"#, &page));
            said.extend(found(r#"\.paragraph\(\s*"([^"]*)""#, &page));
            said.extend(found(r#"(?:Words::with|Words::from|of_host)\(\s*"([^"]*)""#, &page));
            said.extend(found(r#"\.(?:link|form)\(\s*[^,]*,\s*"([^"]*)""#, &page));
            said.extend(found(r#"ProblemKind::\w+,\s*"([^"]*)""#, &page));
        }
        assert!(said.len() > 45, "{said:?}");
        for language in others() {
            let known: BTreeSet<String> = texts_of(language).into_keys().collect();
            let missing: Vec<&String> = said.difference(&known).collect();
            assert!(missing.is_empty(), "{language} lacks {missing:?}");
        }
    }

    #[test]
    fn every_language_has_the_same_texts_and_none_is_unused() {
        let sources = PAGES.iter().chain(&PROBLEMS).map(|source| unbroken(source));
        let sources: String = sources.chain([TEMPLATE.to_owned()]).collect();
        let english: BTreeSet<String> = texts_of(Language::Hindi).into_keys().collect();
        for text in &english {
            let is_said = sources.contains(&format!("\"{text}\"")) || MONTHS.contains(&text.as_str());
            assert!(is_said, "nobody says {text:?}");
        }
        let names = |text: &str| found(r"\{(\w+)\}", text).into_iter().collect::<BTreeSet<_>>();
        for language in others() {
            let texts = texts_of(language);
            assert_eq!(texts.keys().cloned().collect::<BTreeSet<_>>(), english, "{language}");
            for (english, text) in texts {
                assert_eq!(names(&text), names(&english), "{language}: {english}");
                assert!(!text.trim().is_empty(), "{language}: {english}");
            }
        }
        assert_eq!(FILES.files().count(), Language::ALL.len() - 1);
    }

    #[test]
    fn values_replace_placeholders() {
        let words = Words::with(
            "You are led to {host}, to sign out there too.",
            [("host", "sso.example.org".to_owned())],
        );
        let english = "You are led to sso.example.org, to sign out there too.";
        assert_eq!(words.say(Language::English), english);
        let hindi = words.say(Language::Hindi);
        assert!(hindi.contains("sso.example.org") && hindi != english, "{hindi}");
        let month = Words::with("{month}", [("month", "March".to_owned())]);
        assert_eq!(month.say(Language::Hindi), "मार्च");
        assert_eq!(Words::from("No such text").say(Language::Tamil), "No such text");
    }
}
