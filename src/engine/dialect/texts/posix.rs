//! PostgreSQL's regular expressions, as the engine writes them: where they differ, the engine's would match other texts.
//!
//! A dot is any letter, also the end of a line. `\d` is 0 to 9. `\w` and classes such as `[[:alpha:]]` have the letters
//! of all scripts, without marks that are written above or below one. `\y`, `\m` and `\M` are borders of words.

/// Letters and digits of `[[:alnum:]]` and, with the underscore, of `\w`.
const ALNUM: &str = r"\p{Alphabetic}\p{Nd}";

/// The pattern as the engine writes it.
pub fn posix(pattern: &str) -> String {
    let mut made = String::with_capacity(pattern.len());
    let mut has_dot = false;
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped) => escape(&mut made, escaped),
                None => made.push('\\'),
            },
            '[' => letters = of_class(&mut made, letters.as_str()).chars(),
            letter => {
                has_dot |= letter == '.';
                made.push(letter);
            }
        }
    }
    match has_dot {
        true => format!("(?s){made}"),
        false => made,
    }
}

/// What stands after a backslash, outside of brackets.
fn escape(made: &mut String, escaped: char) {
    match escaped {
        'y' => made.push_str(r"\b"),
        'Y' => made.push_str(r"\B"),
        'm' => made.push_str(r"\b{start}"),
        'M' => made.push_str(r"\b{end}"),
        'Z' => made.push_str(r"\z"),
        'd' => made.push_str("[0-9]"),
        'D' => made.push_str("[^0-9]"),
        'w' => made.extend(["[", ALNUM, "_]"]),
        'W' => made.extend(["[^", ALNUM, "_]"]),
        other => made.extend(['\\', other]),
    }
}

/// The class in brackets that `text` begins with, without its first bracket. Returns what follows it.
fn of_class<'a>(made: &mut String, text: &'a str) -> &'a str {
    made.push('[');
    let mut rest = text;
    if let Some(after) = rest.strip_prefix('^') {
        made.push('^');
        rest = after;
    }
    // The first letter is itself, also where it is the bracket that ends others.
    if let Some(after) = rest.strip_prefix(']') {
        made.push_str(r"\]");
        rest = after;
    }
    while let Some(letter) = rest.chars().next() {
        if let Some((class, after)) = named_class(rest) {
            made.push_str(class);
            rest = after;
            continue;
        }
        rest = &rest[letter.len_utf8()..];
        match letter {
            ']' => {
                made.push(']');
                return rest;
            }
            '\\' => rest = in_class(made, rest),
            // Operators of the engine's classes.
            '[' | '&' | '~' => made.extend(['\\', letter]),
            letter => made.push(letter),
        }
    }
    rest
}

/// What stands after a backslash in brackets. Returns what follows it.
fn in_class<'a>(made: &mut String, text: &'a str) -> &'a str {
    let mut letters = text.chars();
    match letters.next() {
        Some('d') => made.push_str("0-9"),
        Some('w') => made.extend([ALNUM, "_"]),
        Some(other) => made.extend(['\\', other]),
        None => made.push('\\'),
    }
    letters.as_str()
}

/// A class such as `[:alpha:]`, and what follows it. Others than these are the engine's too.
fn named_class(text: &str) -> Option<(&'static str, &str)> {
    const CLASSES: [(&str, &str); 10] = [
        ("[:alpha:]", r"\p{Alphabetic}"),
        ("[:alnum:]", ALNUM),
        ("[:upper:]", r"\p{Uppercase}"),
        ("[:lower:]", r"\p{Lowercase}"),
        ("[:digit:]", "0-9"),
        ("[:space:]", r"\s"),
        ("[:punct:]", r"\p{P}\p{S}"),
        ("[:xdigit:]", "0-9A-Fa-f"),
        ("[:blank:]", r" \t"),
        ("[:cntrl:]", r"\p{Cc}"),
    ];
    let found = CLASSES.iter().find(|(name, _)| text.starts_with(name))?;
    Some((found.1, &text[found.0.len()..]))
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn patterns_are_written_for_the_engine() {
        for (pattern, expected) in [
            (r"\yAr\y|\mAs\M|\\y", r"\bAr\b|\b{start}As\b{end}|\\y"),
            (r"a.b", r"(?s)a.b"),
            (r"a\.b[.]", r"a\.b[.]"),
            (r"\d+[\d_]", "[0-9]+[0-9_]"),
            ("[]a][^]]", r"[\]a][^\]]"),
            ("[a[&~]", r"[a\[\&\~]"),
            (r"[a\-\]]", r"[a\-\]]"),
            ("[[:digit:]x]", "[0-9x]"),
            ("^abc$", "^abc$"),
        ] {
            assert_eq!(posix(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn texts_match_as_in_postgresql() {
        for (text, pattern, expected) in [
            ("अ", "^[[:alpha:]]+$", true),
            ("é1", "^[[:alnum:]]{2}$", true),
            ("É", "[[:upper:]]", true),
            ("é", "[[:lower:]]", true),
            ("१", "[[:digit:]]", false),
            ("१", r"\d", false),
            ("।", "[[:punct:]]", true),
            ("नमस्ते", r"^\w+$", false),
            ("नम", r"^\w+$", true),
            ("a\nb", "a.b", true),
            ("a\nb", "^b", false),
            ("a\nb", "a$", false),
            ("a-b", r"[a\-]b", true),
        ] {
            let made = posix(pattern);
            let compiled = Regex::new(&made).expect(&made);
            assert_eq!(compiled.is_match(text), expected, "{text} {pattern}: {made}");
        }
    }
}
