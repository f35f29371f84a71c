//! The texts in every language: one Fluent file for each language in `messages/`. A site may replace single messages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use include_dir::{Dir, include_dir};
use unic_langid::LanguageIdentifier;

use super::Language;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/language/messages");

/// A message that cannot be formatted.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum MessagesError {
    #[error("there is no message '{key}' in {language}")]
    Unknown { language: Language, key: String },
    #[error("the message '{key}' in {language} cannot be written: {reason}")]
    Unwritable {
        language: Language,
        key: String,
        reason: String,
    },
    #[error("{} is no file of messages: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
    #[error("{} has a message '{key}' that is none of the built-in ones; see src/language/messages/en.ftl", path.display())]
    Own { path: PathBuf, key: String },
}

/// The messages of every language.
pub struct Messages(Vec<(Language, FluentBundle<FluentResource>)>);

impl Messages {
    /// The built-in ones.
    ///
    /// # Errors
    /// Where a built-in file is malformed.
    pub fn new() -> Result<Self, MessagesError> {
        let mut bundles = Vec::new();
        for language in Language::ALL {
            let path = PathBuf::from(format!("{language}.ftl"));
            let identifier = language.code().parse::<LanguageIdentifier>();
            let identifier = identifier.map_err(|error| MessagesError::Malformed {
                path: path.clone(),
                reason: error.to_string(),
            })?;
            let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
            // Mail programs order scripts by themselves, and the marks would be seen in subjects and names of files.
            bundle.set_use_isolating(false);
            bundle.add_resource_overriding(resource(path, text_of(language))?);
            bundles.push((language, bundle));
        }
        Ok(Self(bundles))
    }

    /// Replaces messages of a language by those of a site's file.
    ///
    /// # Errors
    /// Where the text is malformed, or has an unknown message.
    pub fn replace(&mut self, language: Language, path: PathBuf, text: &str) -> Result<(), MessagesError> {
        let own = resource(path.clone(), text)?;
        let built_in = placeables(text_of(language));
        for (key, asked) in placeables(text) {
            let Some(given) = built_in.get(key) else {
                let key = key.to_owned();
                return Err(MessagesError::Own { path, key });
            };
            if let Some(name) = asked.difference(given).next() {
                return Err(MessagesError::Malformed {
                    reason: format!("message '{key}' asks for ${name}, which the built-in one does not"),
                    path,
                });
            }
        }
        if let Some((_, bundle)) = self.0.iter_mut().find(|(known, _)| *known == language) {
            bundle.add_resource_overriding(own);
        }
        Ok(())
    }

    /// A message in a language, with the values of its placeables.
    ///
    /// # Errors
    /// Where there is no such message, or a value is missing.
    pub fn say(&self, language: Language, key: &str, given: &FluentArgs<'_>) -> Result<String, MessagesError> {
        let bundle = self.0.iter().find(|(known, _)| *known == language);
        let bundle = bundle.map(|(_, bundle)| bundle);
        let message = bundle.and_then(|bundle| Some((bundle, bundle.get_message(key)?.value()?)));
        let Some((bundle, pattern)) = message else {
            let key = key.to_owned();
            return Err(MessagesError::Unknown { language, key });
        };
        let mut faults = Vec::new();
        let text = bundle.format_pattern(pattern, Some(given), &mut faults).into_owned();
        match faults.first() {
            None => Ok(text),
            Some(fault) => Err(MessagesError::Unwritable {
                language,
                key: key.to_owned(),
                reason: fault.to_string(),
            }),
        }
    }
}

/// The built-in messages of a language.
fn text_of(language: Language) -> &'static str {
    let file = FILES.get_file(format!("{language}.ftl"));
    file.and_then(|file| file.contents_utf8()).unwrap_or_default()
}

fn resource(path: PathBuf, text: &str) -> Result<FluentResource, MessagesError> {
    FluentResource::try_new(text.to_owned()).map_err(|(_, faults)| MessagesError::Malformed {
        path,
        reason: faults.first().map_or_else(String::new, ToString::to_string),
    })
}

/// The placeables of each message of a file: the names behind a `$`.
fn placeables(source: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut key = "";
    for line in source.lines().filter(|line| !line.starts_with('#')) {
        // A message begins with its name at the start of a line; its further lines are indented.
        if line.starts_with(|char: char| char.is_ascii_alphabetic()) {
            key = line.split_once('=').map_or(line, |(key, _)| key.trim_end());
        }
        if !key.is_empty() {
            let names = line.split('$').skip(1).map(name_at_start);
            found.entry(key).or_default().extend(names);
        }
    }
    found
}

fn name_at_start(text: &str) -> &str {
    let is_other = |char: char| !char.is_ascii_alphanumeric() && char != '-';
    let end = text.find(is_other).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use fluent_bundle::FluentValue;

    use super::*;

    #[test]
    fn no_message_is_missing_in_any_language_and_every_placeable_is_used() {
        let english = placeables(text_of(Language::English));
        assert!(english.len() > 70, "{english:?}");
        for language in Language::ALL {
            assert_eq!(placeables(text_of(language)), english, "{language}");
            let begun = |line: &&str| line.starts_with(|char: char| char.is_ascii_alphabetic());
            let messages = text_of(language).lines().filter(begun).count();
            assert_eq!(messages, english.len(), "{language} has a message twice");
        }
        assert_eq!(FILES.files().count(), Language::ALL.len());
    }

    #[test]
    fn every_message_is_written_in_every_language() {
        let messages = Messages::new().expect("good files");
        for language in Language::ALL {
            for (key, names) in placeables(text_of(language)) {
                for count in [1, 5] {
                    let mut given = FluentArgs::new();
                    for name in &names {
                        let value = match *name {
                            "count" | "batches" => FluentValue::from(count),
                            name => FluentValue::from(format!("<{name}>")),
                        };
                        given.set(*name, value);
                    }
                    let said = messages.say(language, key, &given).expect("a text");
                    assert!(!said.is_empty() && !said.contains('\n'), "{language} {key}: {said}");
                    assert!(!said.contains(['{', '}', '\u{2068}']), "{language} {key}: {said}");
                    // Every given value is used, except numbers that are written in words.
                    for name in names.iter().filter(|name| !["count", "batches"].contains(name)) {
                        assert!(said.contains(&format!("<{name}>")), "{language} {key}: {said}");
                    }
                }
            }
        }
    }

    #[test]
    fn languages_other_than_english_are_in_their_own_script() {
        let scripts = [
            (Language::Hindi, '\u{900}'..='\u{97f}'),
            (Language::Tamil, '\u{b80}'..='\u{bff}'),
            (Language::Telugu, '\u{c00}'..='\u{c7f}'),
            (Language::Kannada, '\u{c80}'..='\u{cff}'),
            (Language::Odia, '\u{b00}'..='\u{b7f}'),
        ];
        for (language, script) in scripts {
            let others = scripts_of_india()
                .filter(|char| !script.contains(char))
                .collect::<BTreeSet<_>>();
            for line in text_of(language).lines().filter(|line| !line.starts_with('#')) {
                // The danda is common to all scripts.
                let foreign = line.chars().find(|char| others.contains(char) && *char != '\u{964}');
                assert_eq!(foreign, None, "{language}: {line}");
                if let Some((key, text)) = line.split_once(" = ").filter(|(_, text)| !text.starts_with('{')) {
                    assert!(text.chars().any(|char| script.contains(&char)), "{language} {key}");
                }
            }
        }
    }

    fn scripts_of_india() -> impl Iterator<Item = char> {
        '\u{900}'..='\u{d7f}'
    }

    #[test]
    fn one_and_many_are_told_apart() {
        let messages = Messages::new().expect("good files");
        let said = |language, count: u64| {
            let mut given = FluentArgs::new();
            given.set("count", count);
            messages.say(language, "several-batches", &given).expect("a text")
        };
        assert_eq!(said(Language::English, 1), "1 batch");
        assert_eq!(said(Language::English, 2), "2 batches");
        assert_eq!(said(Language::Telugu, 1), "1 బ్యాచ్");
        assert_eq!(said(Language::Telugu, 2), "2 బ్యాచ్‌లు");
    }

    #[test]
    fn a_site_replaces_single_messages() {
        let mut messages = Messages::new().expect("good files");
        let path = || PathBuf::from("own/hi.ftl");
        messages
            .replace(Language::Hindi, path(), "hello = प्रिय मेंटर,\n")
            .expect("replaced");
        let said = |key| messages.say(Language::Hindi, key, &FluentArgs::new()).expect("a text");
        assert_eq!((said("hello").as_str(), said("yes").as_str()), ("प्रिय मेंटर,", "हाँ"));
        let mut messages = Messages::new().expect("good files");
        let unknown = messages
            .replace(Language::Hindi, path(), "helo = x\n")
            .expect_err("unknown");
        assert!(unknown.to_string().contains("'helo'"), "{unknown}");
        let malformed = messages
            .replace(Language::Hindi, path(), "hello = {\n")
            .expect_err("malformed");
        assert!(malformed.to_string().contains("own/hi.ftl"), "{malformed}");
        let asking = messages
            .replace(Language::Hindi, path(), "hello = { $name }\n")
            .expect_err("asks");
        assert!(asking.to_string().contains("asks for $name"), "{asking}");
    }

    #[test]
    fn what_a_message_asks_for_must_be_given() {
        let messages = Messages::new().expect("good files");
        let faulty = messages.say(Language::English, "written-by-machine", &FluentArgs::new());
        assert!(faulty.expect_err("no id").to_string().contains("written-by-machine"));
        let unknown = messages.say(Language::English, "nothing", &FluentArgs::new());
        assert!(unknown.expect_err("unknown").to_string().contains("'nothing' in en"));
    }
}
