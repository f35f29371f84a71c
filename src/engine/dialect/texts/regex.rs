//! Patterns: those of `SIMILAR TO`, and functions of regular expressions that the engine does not have.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringArray, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result, exec_err};
use regex::{Captures, Regex};

use super::is_text;
use super::posix::posix;
use super::values::text;
use crate::engine::dialect::arrays::list_of;
use crate::engine::dialect::function::{Function, no_function};

/// The function that makes a regular expression of a pattern of `SIMILAR TO`.
pub const SIMILAR_TO_REGEX: &str = "similar_to_regex";
/// The function that writes a regular expression as the engine reads it.
pub const POSIX_REGEX: &str = "posix_regex";

/// All functions of this file.
pub const ALL: [Function; 8] = [
    Function {
        name: SIMILAR_TO_REGEX,
        coerce: texts::<2, 2>,
        returns: text,
        run: |columns, _| {
            let (patterns, escapes) = (columns[0].as_string::<i32>(), columns[1].as_string::<i32>());
            let made = patterns.iter().zip(escapes).map(|pair| match pair {
                (Some(pattern), Some(escape)) => similar(pattern, escape.chars().next()).map(Some),
                _ => Ok(None),
            });
            Ok(Arc::new(made.collect::<Result<StringArray>>()?))
        },
    },
    Function {
        name: POSIX_REGEX,
        coerce: texts::<1, 1>,
        returns: text,
        run: |columns, _| {
            let patterns = columns[0].as_string::<i32>().iter();
            Ok(Arc::new(
                patterns.map(|pattern| pattern.map(posix)).collect::<StringArray>(),
            ))
        },
    },
    Function {
        name: "substring_regex",
        coerce: texts::<2, 2>,
        returns: text,
        run: |columns, _| {
            let made = rows(columns, |_, text, pattern, _| {
                let found = pattern.captures(text)?;
                found
                    .get(1)
                    .or_else(|| found.get(0))
                    .map(|part| part.as_str().to_owned())
            })?;
            Ok(Arc::new(made.into_iter().map(Option::flatten).collect::<StringArray>()))
        },
    },
    Function {
        name: "regexp_substr",
        coerce: texts::<2, 2>,
        returns: text,
        run: |columns, _| {
            let made = rows(columns, |_, text, pattern, _| {
                pattern.find(text).map(|found| found.as_str().to_owned())
            })?;
            Ok(Arc::new(made.into_iter().map(Option::flatten).collect::<StringArray>()))
        },
    },
    Function {
        name: "regexp_match",
        coerce: texts::<2, 3>,
        returns: |_, _| Ok(list_of(DataType::Utf8)),
        run: |columns, _| {
            let found = rows(columns, |_, text, pattern, _| matches(text, pattern, "").pop())?;
            let mut lists = ListBuilder::new(StringBuilder::new());
            for parts in found {
                lists.append_option(parts.flatten());
            }
            Ok(Arc::new(lists.finish()))
        },
    },
    Function {
        name: "regexp_replace",
        coerce: texts::<3, 4>,
        returns: text,
        run: |columns, _| replaced(columns),
    },
    Function {
        name: "regexp_split_to_array",
        coerce: texts::<2, 3>,
        returns: |_, _| Ok(list_of(DataType::Utf8)),
        run: |columns, _| {
            let parts = rows(columns, |_, text, pattern, _| {
                pattern
                    .split(text)
                    .map(|part| Some(part.to_owned()))
                    .collect::<Vec<_>>()
            })?;
            let mut lists = ListBuilder::new(StringBuilder::new());
            for parts in parts {
                lists.append_option(parts);
            }
            Ok(Arc::new(lists.finish()))
        },
    },
    Function {
        name: "regexp_matches",
        coerce: texts::<2, 3>,
        returns: |_, _| Ok(list_of(list_of(DataType::Utf8))),
        run: |columns, _| {
            let found = rows(columns, |_, text, pattern, flags| matches(text, pattern, flags))?;
            let mut lists = ListBuilder::new(ListBuilder::new(StringBuilder::new()));
            for matches in found {
                for parts in matches.iter().flatten() {
                    lists.values().append_value(parts.clone());
                }
                lists.append(matches.is_some());
            }
            Ok(Arc::new(lists.finish()))
        },
    },
];

fn texts<const LEAST: usize, const MOST: usize>(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    let is_known = types.iter().all(|kind| is_text(kind) || kind.is_null());
    match is_known && (LEAST..=MOST).contains(&types.len()) {
        true => Ok(vec![DataType::Utf8; types.len()]),
        false => no_function(name, types),
    }
}

/// Applies `each` to each row's number, its text, its regular expression and its flags; NULL where one of them is NULL.
fn rows<T>(columns: &[ArrayRef], each: impl Fn(usize, &str, &Regex, &str) -> T) -> Result<Vec<Option<T>>> {
    let [text, pattern, flags @ ..] = columns else {
        return exec_err!("a text and a pattern are expected");
    };
    let (texts, patterns) = (text.as_string::<i32>(), pattern.as_string::<i32>());
    let flags = flags.first().map(|flags| flags.as_string::<i32>());
    let mut last: Option<(String, String, Regex)> = None;
    let made = (0..texts.len()).map(|row| {
        let flags = match flags {
            Some(flags) if flags.is_null(row) => return Ok(None),
            Some(flags) => flags.value(row),
            None => "",
        };
        if texts.is_null(row) || patterns.is_null(row) {
            return Ok(None);
        }
        let pattern = patterns.value(row);
        let is_last = last
            .as_ref()
            .is_some_and(|(known, with, _)| known == pattern && with == flags);
        if !is_last {
            last = Some((pattern.to_owned(), flags.to_owned(), compiled(pattern, flags)?));
        }
        Ok(last
            .as_ref()
            .map(|(.., compiled)| each(row, texts.value(row), compiled, flags)))
    });
    made.collect()
}

fn compiled(pattern: &str, flags: &str) -> Result<Regex> {
    let known: String = flags.chars().filter(|flag| "ix".contains(*flag)).collect();
    if let Some(unknown) = flags.chars().find(|flag| !"gcismnx".contains(*flag)) {
        return exec_err!("invalid regular expression option: \"{unknown}\"");
    }
    let mut pattern = posix(pattern);
    if !known.is_empty() {
        pattern = format!("(?{known}){pattern}");
    }
    // Lines are texts of their own: a dot does not match their ends, `^` and `$` do.
    if flags.contains(['n', 'm']) {
        pattern = format!("(?m){}", pattern.replacen("(?s)", "", 1));
    }
    Regex::new(&pattern).map_err(|error| {
        let reason = error.to_string().lines().last().unwrap_or_default().to_owned();
        ArrowError::ComputeError(format!("invalid regular expression: {reason}")).into()
    })
}

/// The texts with the first match replaced, or all with the flag `g`.
fn replaced(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let [text, pattern, replacement, flags @ ..] = columns else {
        return exec_err!("a text, a pattern and a replacement are expected");
    };
    let mut matched = vec![Arc::clone(text), Arc::clone(pattern)];
    matched.extend(flags.iter().cloned());
    let replacements = replacement.as_string::<i32>();
    let made = rows(&matched, |row, text, pattern, flags| {
        let most = if flags.contains('g') { usize::MAX } else { 1 };
        let replacement = replacements.is_valid(row).then(|| replacements.value(row))?;
        let mut made = String::with_capacity(text.len());
        let mut end = 0;
        for found in pattern.captures_iter(text).take(most) {
            let Some(whole) = found.get(0) else { continue };
            made.push_str(&text[end..whole.start()]);
            put(&mut made, replacement, &found);
            end = whole.end();
        }
        made.push_str(&text[end..]);
        Some(made)
    })?;
    Ok(Arc::new(made.into_iter().map(Option::flatten).collect::<StringArray>()))
}

/// Writes a replacement: `\1` to `\9` are parts of the match, `\&` is all of it, and two backslashes are one.
fn put(made: &mut String, replacement: &str, found: &Captures) {
    let mut letters = replacement.chars().peekable();
    while let Some(letter) = letters.next() {
        let place = match (letter, letters.peek().copied()) {
            ('\\', Some('&')) => Some(0),
            ('\\', Some(digit @ '1'..='9')) => digit.to_digit(10),
            ('\\', Some('\\')) => None,
            _ => {
                made.push(letter);
                continue;
            }
        };
        letters.next();
        match place {
            Some(place) => {
                let part = usize::try_from(place).ok().and_then(|place| found.get(place));
                made.push_str(part.map_or("", |part| part.as_str()));
            }
            None => made.push('\\'),
        }
    }
}

/// The parts of the first match, or of all with the flag `g`.
fn matches(text: &str, pattern: &Regex, flags: &str) -> Vec<Vec<Option<String>>> {
    let most = if flags.contains('g') { usize::MAX } else { 1 };
    pattern
        .captures_iter(text)
        .take(most)
        .map(|found| {
            let first = usize::from(found.len() > 1);
            found
                .iter()
                .skip(first)
                .map(|part| part.map(|part| part.as_str().to_owned()))
                .collect()
        })
        .collect()
}

/// The regular expression of a pattern of the SQL standard: anchored at both ends, `%` is anything and `_` one letter.
fn similar(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut made = String::from("(?s)^(?:");
    let mut letters = pattern.chars();
    let mut in_class = false;
    while let Some(letter) = letters.next() {
        if Some(letter) == escape {
            match letters.next() {
                Some(escaped) => made.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4]))),
                None => return exec_err!("the pattern \"{pattern}\" of SIMILAR TO ends with its escape character"),
            }
            continue;
        }
        match letter {
            ']' => in_class = false,
            '[' if !in_class => in_class = true,
            _ => {}
        }
        match letter {
            '[' | ']' | '^' | '-' if in_class || letter == ']' => made.push(letter),
            '\\' => made.push_str(r"\\"),
            letter if in_class => made.push(letter),
            '%' => made.push_str(".*"),
            '_' => made.push('.'),
            '(' => made.push_str("(?:"),
            '.' | '^' | '$' => made.extend(['\\', letter]),
            letter => made.push(letter),
        }
    }
    made.push_str(")$");
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_the_standard_match_whole_texts() {
        for (text, pattern, expected) in [
            ("abc", "b", false),
            ("abc", "a%", true),
            ("abc", "%(b|d)%", true),
            ("abc", "a_c", true),
            ("abc", "a.c", false),
            ("a.c", "a.c", true),
            ("abc", "(a|z)%", true),
            ("abc", "[a-c]+", true),
            ("abd", "[^x]{3}", true),
            ("a%", r"a\%", true),
            ("ab", r"a\%", false),
            ("a\nb", "a%b", true),
            ("ज़िला", "ज_%", true),
            ("abcz", "abc|z", false),
            ("$5", "$_", true),
        ] {
            let made = similar(pattern, Some('\\')).expect(pattern);
            let compiled = Regex::new(&made).expect(&made);
            assert_eq!(compiled.is_match(text), expected, "{text} {pattern}: {made}");
        }
        assert!(similar("a\\", Some('\\')).is_err());
    }

    #[test]
    fn borders_of_words_are_known() {
        assert!(compiled(r"\mar", "i").expect("compiled").is_match("x Arjun"));
        assert!(compiled("(", "").is_err());
        assert!(compiled("a", "q").is_err());
    }

    #[test]
    fn matches_have_parts() {
        let pattern = compiled("o(.)", "g").expect("compiled");
        assert_eq!(matches("foobar", &pattern, "g"), vec![vec![Some("o".to_owned())]]);
        let whole = compiled("o.", "g").expect("compiled");
        assert_eq!(matches("foob og", &whole, "g").len(), 2);
    }
}
