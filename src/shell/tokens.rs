//! A tokenizer for SQL that is being typed: pieces of text, finished or not.
//!
//! The engine's own tokenizer rejects unfinished text. This one never fails, and its tokens cover the whole text. A
//! test checks that both agree on where texts, comments and statements end.

use std::ops::Range;

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Space,
    Comment,
    /// A keyword or name.
    Word,
    /// `"name"` or `` `name` ``.
    QuotedName,
    /// `'text'`, `e'text'`, `$$text$$`.
    Text,
    Number,
    /// `$name`.
    Parameter,
    Semicolon,
    Symbol,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    /// Byte range in the text.
    pub range: Range<usize>,
    /// False for a text, quoted name or comment without its end.
    pub is_finished: bool,
}

/// Divides all of `sql` into tokens.
pub fn tokens(sql: &str) -> Vec<Token> {
    let mut all = Vec::new();
    let mut start = 0;
    while let Some(first) = sql[start..].chars().next() {
        let rest = &sql[start..];
        let (kind, length, is_finished) = token(rest, first);
        all.push(Token {
            kind,
            range: start..start + length,
            is_finished,
        });
        start += length;
    }
    all
}

/// Kind, bytes and completeness of the first token of `rest`, which begins with `first`.
fn token(rest: &str, first: char) -> (Kind, usize, bool) {
    let whole = |kind, length| (kind, length, true);
    match first {
        ';' => whole(Kind::Semicolon, 1),
        '\'' => quoted(Kind::Text, rest, 0, '\'', Escape::Doubled),
        '"' | '`' => quoted(Kind::QuotedName, rest, 0, first, Escape::Doubled),
        '$' => dollar(rest),
        '0'..='9' => whole(Kind::Number, number(rest)),
        _ if rest.starts_with("--") => whole(Kind::Comment, length_while(rest, |c| c != '\n')),
        _ if rest.starts_with("/*") => comment(rest),
        // The engine's operator for integer division; no comment begins inside it.
        _ if rest.starts_with("//") => whole(Kind::Symbol, 2),
        _ if first.is_whitespace() => whole(Kind::Space, length_while(rest, char::is_whitespace)),
        _ if is_name_start(first) => word(rest, first),
        other => whole(Kind::Symbol, other.len_utf8()),
    }
}

fn is_name_start(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '#' | '@')
}

fn is_name_part(character: char) -> bool {
    is_name_start(character) || character.is_ascii_digit() || character == '$'
}

fn length_while(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|character| !is_part(character)).unwrap_or(text.len())
}

/// The length of a number in bytes: `12.5`, `1e-3`, `0xff`.
fn number(rest: &str) -> usize {
    if let Some(hexadecimal) = rest.strip_prefix("0x") {
        return 2 + length_while(hexadecimal, |c| c.is_ascii_hexdigit());
    }
    let digits = length_while(rest, |c| c.is_ascii_digit() || c == '.');
    let Some(exponent) = rest[digits..].strip_prefix(['e', 'E']) else {
        return digits;
    };
    let power = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    match length_while(power, |c| c.is_ascii_digit()) {
        0 => digits,
        length => rest.len() - power.len() + length,
    }
}

/// How a quote is escaped inside quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    Doubled,
    /// Doubled, or after a backslash.
    Backslash,
}

/// A word, or a text whose opening quote follows a letter such as `e`.
fn word(rest: &str, first: char) -> (Kind, usize, bool) {
    let follows = |text: &str| rest[first.len_utf8()..].starts_with(text);
    match first.to_ascii_lowercase() {
        'e' | 'x' if follows("'") => quoted(Kind::Text, rest, 1, '\'', Escape::Backslash),
        'b' | 'n' | 'r' if follows("'") => quoted(Kind::Text, rest, 1, '\'', Escape::Doubled),
        'u' if follows("&'") => quoted(Kind::Text, rest, 2, '\'', Escape::Doubled),
        _ => (Kind::Word, length_while(rest, is_name_part), true),
    }
}

/// A text whose opening quote follows `prefix` bytes, up to its closing quote.
fn quoted(kind: Kind, rest: &str, prefix: usize, quote: char, escape: Escape) -> (Kind, usize, bool) {
    let mut characters = rest.char_indices().skip(prefix + 1).peekable();
    while let Some((place, character)) = characters.next() {
        if character == '\\' && escape == Escape::Backslash {
            characters.next();
        } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return (kind, place + 1, true);
        }
    }
    (kind, rest.len(), false)
}

/// `$name`, `$$text$$` or `$tag$text$tag$`.
fn dollar(rest: &str) -> (Kind, usize, bool) {
    let name = length_while(&rest[1..], |c| c.is_alphanumeric() || c == '_');
    let opening = name + 1;
    if !rest[opening..].starts_with('$') {
        return (Kind::Parameter, opening, true);
    }
    let delimiter = &rest[..opening + 1];
    match rest[delimiter.len()..].find(delimiter) {
        Some(text) => (Kind::Text, delimiter.len() + text + delimiter.len(), true),
        None => (Kind::Text, rest.len(), false),
    }
}

/// A comment, which may hold others.
fn comment(rest: &str) -> (Kind, usize, bool) {
    let (mut depth, mut place) = (0_usize, 0);
    loop {
        let here = &rest[place..];
        if here.starts_with("/*") {
            depth += 1;
            place += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            place += 2;
        } else if let Some(character) = here.chars().next() {
            place += character.len_utf8();
        } else {
            return (Kind::Comment, rest.len(), false);
        }
        if depth == 0 {
            return (Kind::Comment, place, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::{Token as EngineToken, Tokenizer};
    use proptest::prelude::*;

    use super::*;

    fn pieces(sql: &str) -> Vec<(Kind, &str)> {
        let all = tokens(sql).into_iter().filter(|token| token.kind != Kind::Space);
        all.map(|token| (token.kind, &sql[token.range])).collect()
    }

    #[test]
    fn texts_and_comments_hide_what_is_in_them() {
        let sql = "select 'it''s;', e'a\\';', $$;$$, $q$ $$; $q$, \"a\"\";\", $batch_id -- ;\n/* ; /* ; */ ; */;";
        insta::assert_debug_snapshot!(pieces(sql).into_iter().map(|(kind, text)| format!("{kind:?} {text}")).collect::<Vec<_>>(), @r#"
        [
            "Word select",
            "Text 'it''s;'",
            "Symbol ,",
            "Text e'a\\';'",
            "Symbol ,",
            "Text $$;$$",
            "Symbol ,",
            "Text $q$ $$; $q$",
            "Symbol ,",
            "QuotedName \"a\"\";\"",
            "Symbol ,",
            "Parameter $batch_id",
            "Comment -- ;",
            "Comment /* ; /* ; */ ; */",
            "Semicolon ;",
        ]
        "#);
    }

    #[test]
    fn what_is_not_finished_is_said() {
        for unfinished in [
            "'a", "\"a", "`a", "/* a", "/* /* */", "$$ a", "$t$ a $$", "e'a\\'", "u&'a",
        ] {
            let last = tokens(unfinished).pop().expect("a token");
            assert!(!last.is_finished, "{unfinished}");
        }
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_whole_text(sql in any::<String>()) {
            let together: String = tokens(&sql).iter().map(|token| &sql[token.range.clone()]).collect();
            prop_assert_eq!(together, sql);
        }

        /// Random sequences of the characters that begin and end texts and comments.
        #[test]
        fn the_engine_sees_the_same_semicolons(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just(";"), Just("'"), Just("''"), Just("\""), Just("`"), Just("--"), Just("\n"), Just("/*"), Just("*/"),
                    Just("$$"), Just("$t$"), Just("$a"), Just("\\"), Just("e'"), Just("x"), Just("n'"), Just("b'"),
                    Just("select "), Just("1"), Just(" "), Just("अ"), Just("*"), Just("a$b"),
                ],
                0..24,
            ),
        ) {
            let sql = parts.concat();
            let Ok(engine) = Tokenizer::new(&GenericDialect {}, &sql).tokenize() else {
                return Ok(());
            };
            let expected = engine.iter().filter(|token| **token == EngineToken::SemiColon).count();
            let ours = tokens(&sql);
            let found = ours.iter().filter(|token| token.kind == Kind::Semicolon).count();
            prop_assert_eq!(found, expected, "{:?} {:?} {:?}", sql, pieces(&sql), engine);
        }
    }
}
