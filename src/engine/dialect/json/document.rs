//! JSON documents: parses them, keeping the text of each part as it was written, and writes them as `jsonb` does.
//!
//! `json` keeps a text as it is. `jsonb` normalises it: one space after colons and commas, the last value of a repeated
//! key, keys ordered by length and bytes, and numbers as numerics.

use super::error::JsonError;

/// Levels of arrays and objects within each other.
const DEPTH: usize = 500;
/// Digits of a number that an exponent may add on either side of the point.
const DIGITS: usize = 16_383;

/// A document, or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Json<'a> {
    /// The text as it was written, without the white space around it.
    pub raw: &'a str,
    pub value: Value<'a>,
}

/// The kind of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Null,
    Boolean,
    Number,
    Text(String),
    Array(Vec<Json<'a>>),
    /// In the order of the text; a key may be there more than once.
    Object(Vec<(String, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Reads a text, as the type of this name.
    pub fn read(text: &'a str, kind: &'static str) -> Result<Self, JsonError> {
        let mut reader = Reader { text, at: 0, kind };
        reader.skip_blanks();
        let read = reader.value(0)?;
        reader.skip_blanks();
        if reader.at < text.len() {
            return Err(reader.wrong());
        }
        Ok(read)
    }

    /// The value of a key of an object: the last one.
    pub fn field(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Object(fields) => fields
                .iter()
                .rev()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// An element of an array; negative places count from its end.
    pub fn element(&self, place: i64) -> Option<&Self> {
        let Value::Array(elements) = &self.value else {
            return None;
        };
        let place = match place {
            0.. => usize::try_from(place).ok()?,
            _ => elements
                .len()
                .checked_sub(usize::try_from(place.unsigned_abs()).ok()?)?,
        };
        elements.get(place)
    }

    /// The value at a path of object keys and, as texts, array positions.
    pub fn under<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Option<&Self> {
        let mut found = self;
        for step in path {
            found = match &found.value {
                Value::Array(_) => found.element(step.trim_start().parse().ok()?)?,
                _ => found.field(step)?,
            };
        }
        Some(found)
    }

    /// The document as text: without quotes; none for `null`.
    pub fn text(&self) -> Result<Option<String>, JsonError> {
        match &self.value {
            Value::Null => Ok(None),
            Value::Text(text) if text.contains('\0') => Err(JsonError::ZeroLetter),
            Value::Text(text) => Ok(Some(text.clone())),
            _ => Ok(Some(self.raw.to_owned())),
        }
    }

    /// The name of its type, as `json_typeof` tells it.
    pub fn type_name(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Boolean => "boolean",
            Value::Number => "number",
            Value::Text(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }

    /// The document as `jsonb` writes it.
    pub fn canonical(&self) -> Result<String, JsonError> {
        let mut out = String::with_capacity(self.raw.len());
        self.write(&mut out)?;
        Ok(out)
    }

    fn write(&self, out: &mut String) -> Result<(), JsonError> {
        match &self.value {
            Value::Null | Value::Boolean => out.push_str(self.raw),
            Value::Number => out.push_str(&numeric(self.raw)?),
            Value::Text(text) => write_text(text, out)?,
            Value::Array(elements) => {
                out.push('[');
                for (place, element) in elements.iter().enumerate() {
                    if place > 0 {
                        out.push_str(", ");
                    }
                    element.write(out)?;
                }
                out.push(']');
            }
            Value::Object(fields) => {
                out.push('{');
                for (place, (key, value)) in kept(fields).into_iter().enumerate() {
                    if place > 0 {
                        out.push_str(", ");
                    }
                    write_text(key, out)?;
                    out.push_str(": ");
                    value.write(out)?;
                }
                out.push('}');
            }
        }
        Ok(())
    }

    /// Whether two documents are equal: numbers are compared by value, and objects whatever the order of their keys.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Number, Value::Number) => match (numeric(self.raw), numeric(other.raw)) {
                (Ok(one), Ok(two)) => without_zeros(&one) == without_zeros(&two),
                _ => false,
            },
            (Value::Null, Value::Null) => true,
            (Value::Boolean, Value::Boolean) => self.raw == other.raw,
            (Value::Text(one), Value::Text(two)) => one == two,
            (Value::Array(one), Value::Array(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.is_same(two))
            }
            (Value::Object(one), Value::Object(two)) => {
                let (one, two) = (kept(one), kept(two));
                let is_same = |((key, value), (other, theirs)): (&(&str, &Self), &(&str, &Self))| {
                    key == other && value.is_same(theirs)
                };
                one.len() == two.len() && one.iter().zip(&two).all(is_same)
            }
            _ => false,
        }
    }

    /// Whether this document contains another one (`@>`).
    pub fn contains(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            // An array contains a scalar, except inside nested values.
            (Value::Array(elements), Value::Null | Value::Boolean | Value::Number | Value::Text(_)) => {
                elements.iter().any(|element| element.is_same(other))
            }
            _ => self.has_within(other),
        }
    }

    fn has_within(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Object(_), Value::Object(fields)) => kept(fields)
                .into_iter()
                .all(|(key, value)| self.field(key).is_some_and(|own| own.has_within(value))),
            (Value::Array(own), Value::Array(elements)) => elements
                .iter()
                .all(|element| own.iter().any(|own| own.has_within(element))),
            _ => self.is_same(other),
        }
    }

    /// Whether a text is a key, an element, or the text itself (`?`).
    pub fn has(&self, text: &str) -> bool {
        match &self.value {
            Value::Object(fields) => fields.iter().any(|(key, _)| key == text),
            Value::Array(elements) => elements
                .iter()
                .any(|element| matches!(&element.value, Value::Text(own) if own == text)),
            Value::Text(own) => own == text,
            _ => false,
        }
    }
}

/// The fields of an object as `jsonb` keeps them.
fn kept<'a, 'b>(fields: &'b [(String, Json<'a>)]) -> Vec<(&'b str, &'b Json<'a>)> {
    let mut kept: Vec<(&str, &Json)> = fields.iter().map(|(key, value)| (key.as_str(), value)).collect();
    // The last one of a key comes first, as the order of equal keys is kept.
    kept.reverse();
    kept.sort_by(|(one, _), (other, _)| (one.len(), *one).cmp(&(other.len(), *other)));
    kept.dedup_by(|later, earlier| later.0 == earlier.0);
    kept
}

/// A text in quotes.
pub fn write_text(text: &str, out: &mut String) -> Result<(), JsonError> {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '\0' => return Err(JsonError::ZeroLetter),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
    Ok(())
}

/// A number without exponent, and with the decimals that it was written with.
fn numeric(raw: &str) -> Result<String, JsonError> {
    let (is_negative, rest) = match raw.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, raw),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().map_err(|_| JsonError::Number)?),
        None => (rest, 0),
    };
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let moved = usize::try_from(exponent.unsigned_abs()).map_err(|_| JsonError::Number)?;
    if moved > DIGITS || whole.len() > DIGITS || decimals.len() > DIGITS {
        return Err(JsonError::Number);
    }
    let (whole, decimals) = if exponent >= 0 {
        let padded = format!("{decimals:0<moved$}");
        (format!("{whole}{}", &padded[..moved]), padded[moved..].to_owned())
    } else {
        let padded = format!("{whole:0>width$}", width = moved + 1);
        let (before, after) = padded.split_at(padded.len() - moved);
        (before.to_owned(), format!("{after}{decimals}"))
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let is_zero = whole == "0" && decimals.bytes().all(|digit| digit == b'0');
    let sign = if is_negative && !is_zero { "-" } else { "" };
    Ok(match decimals.is_empty() {
        true => format!("{sign}{whole}"),
        false => format!("{sign}{whole}.{decimals}"),
    })
}

/// A numeric without trailing zeros.
fn without_zeros(number: &str) -> &str {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    kind: &'static str,
}

impl<'a> Reader<'a> {
    fn wrong(&self) -> JsonError {
        JsonError::Syntax {
            kind: self.kind,
            at: self.at,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Skips a byte, where it is the next one; returns whether it was.
    fn is_next(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        match self.is_next(byte) {
            true => Ok(()),
            false => Err(self.wrong()),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        if depth > DEPTH {
            return Err(JsonError::Depth(DEPTH));
        }
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Value::Boolean)?,
            Some(b'f') => self.word("false", Value::Boolean)?,
            Some(b'n') => self.word("null", Value::Null)?,
            _ => return Err(self.wrong()),
        };
        Ok(Json {
            raw: &self.text[start..self.at],
            value,
        })
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, JsonError> {
        let rest = &self.text.as_bytes()[self.at..];
        if !rest.starts_with(word.as_bytes()) || rest.get(word.len()).is_some_and(u8::is_ascii_alphanumeric) {
            return Err(self.wrong());
        }
        self.at += word.len();
        Ok(value)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        match self.at > start {
            true => Ok(()),
            false => Err(self.wrong()),
        }
    }

    fn number(&mut self) -> Result<Value<'a>, JsonError> {
        self.is_next(b'-');
        if !self.is_next(b'0') {
            self.digits()?;
        }
        if self.is_next(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        match self.peek() {
            Some(byte) if byte.is_ascii_alphanumeric() => Err(self.wrong()),
            _ => Ok(Value::Number),
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.expect(b'"')?;
        let mut read = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|letter: char| letter < ' ' || matches!(letter, '"' | '\\'));
            let plain = plain.ok_or_else(|| self.wrong())?;
            read.push_str(&rest[..plain]);
            self.at += plain;
            if self.is_next(b'"') {
                return Ok(read);
            }
            self.expect(b'\\')?;
            let escaped = self.peek().ok_or_else(|| self.wrong())?;
            let letter = match escaped {
                b'"' | b'\\' | b'/' => char::from(escaped),
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => {
                    self.at += 1;
                    read.push(self.unicode()?);
                    continue;
                }
                _ => return Err(self.wrong()),
            };
            self.at += 1;
            read.push(letter);
        }
    }

    /// The character of one escape of four hexadecimal digits, or of a pair of them.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex()?;
        let code = match first {
            0xD800..=0xDBFF => {
                self.expect(b'\\')?;
                self.expect(b'u')?;
                let second = self.hex()?;
                match second {
                    0xDC00..=0xDFFF => 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00),
                    _ => return Err(self.wrong()),
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| self.wrong())
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4).ok_or_else(|| self.wrong())?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(self.wrong());
        }
        let code = u32::from_str_radix(digits, 16).map_err(|_| self.wrong())?;
        self.at += 4;
        Ok(code)
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>, JsonError> {
        self.expect(b'[')?;
        self.skip_blanks();
        let mut elements = Vec::new();
        if self.is_next(b']') {
            return Ok(Value::Array(elements));
        }
        loop {
            self.skip_blanks();
            elements.push(self.value(depth + 1)?);
            self.skip_blanks();
            if self.is_next(b']') {
                return Ok(Value::Array(elements));
            }
            self.expect(b',')?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, JsonError> {
        self.expect(b'{')?;
        self.skip_blanks();
        let mut fields = Vec::new();
        if self.is_next(b'}') {
            return Ok(Value::Object(fields));
        }
        loop {
            self.skip_blanks();
            let key = self.string()?;
            self.skip_blanks();
            self.expect(b':')?;
            self.skip_blanks();
            fields.push((key, self.value(depth + 1)?));
            self.skip_blanks();
            if self.is_next(b'}') {
                return Ok(Value::Object(fields));
            }
            self.expect(b',')?;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Json<'_> {
        Json::read(text, "json").expect(text)
    }

    #[test]
    fn jsonb_is_written_as_postgresql_writes_it() {
        for (text, expected) in [
            (
                r#"{"b":1,"a":{"x":[1,  2.50, "q\"\u00e9\n"]},"b":2, "aa":1e2, "z":-0, "f":1.5e1}"#,
                r#"{"a": {"x": [1, 2.50, "q\"é\n"]}, "b": 2, "f": 15, "z": 0, "aa": 100}"#,
            ),
            ("[]", "[]"),
            (" { } ", "{}"),
            ("1e-3", "0.001"),
            ("-12.5E-1", "-1.25"),
            ("1.50e1", "15.0"),
            ("1e+20", "100000000000000000000"),
            (r#""\ud83d\ude00\u0001""#, "\"😀\\u0001\""),
        ] {
            assert_eq!(read(text).canonical().expect(text), expected, "{text}");
        }
        assert!(matches!(read(r#""\u0000""#).canonical(), Err(JsonError::ZeroLetter)));
        assert!(matches!(read("1e99999").canonical(), Err(JsonError::Number)));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "x",
            "{",
            "[1,]",
            "{\"a\" 1}",
            "{a:1}",
            "01",
            "1.",
            "-",
            "1e",
            "'a'",
            "\"a",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u00g0\"",
            "\"\\ud83d\"",
            "nulls",
            "1 2",
            "[1 2]",
            "{\"a\":1,}",
            "+1",
            "tru",
            "1a",
        ] {
            assert!(Json::read(text, "json").is_err(), "{text}");
        }
        let deep = "[".repeat(2000);
        assert!(matches!(Json::read(&deep, "json"), Err(JsonError::Depth(_))));
    }

    #[test]
    fn parts_are_found_as_they_are_written() {
        let json = read(r#"{"a": [1,  {"b": "x"}], "n": null, "a2": 1, "a2": 2}"#);
        assert_eq!(json.field("a").map(|part| part.raw), Some(r#"[1,  {"b": "x"}]"#));
        assert_eq!(json.field("a2").map(|part| part.raw), Some("2"));
        assert_eq!(json.under(["a", "-1", "b"]).map(|part| part.raw), Some("\"x\""));
        assert_eq!(json.under(["a", "x"]), None);
        let text = |path: &[&str]| json.under(path.iter().copied()).map(|part| part.text().expect("text"));
        assert_eq!(text(&["a", "1", "b"]), Some(Some("x".to_owned())));
        assert_eq!((text(&["n"]), text(&["m"])), (Some(None), None));
        assert_eq!(json.element(0), None);
    }

    #[test]
    fn documents_contain_others_as_in_postgresql() {
        for (one, other, expected) in [
            (r#"{"a":1,"b":2}"#, r#"{"b":2.0}"#, true),
            ("[1,[2,3]]", "[[3]]", true),
            (r#"["x"]"#, r#""x""#, true),
            (r#""x""#, r#"["x"]"#, false),
            (r#"{"a":["x"]}"#, r#"{"a":"x"}"#, false),
            ("[1,2]", "[2,2,1]", true),
            ("{}", "[]", false),
            ("1", "1.0", true),
        ] {
            assert_eq!(read(one).contains(&read(other)), expected, "{one} @> {other}");
        }
        assert!(read(r#"{"a":1.0,"b":2}"#).is_same(&read(r#"{"b":2,"a":1}"#)));
        assert!(!read("10").is_same(&read("1")));
        assert!(read(r#"["a"]"#).has("a") && read(r#""a""#).has("a") && !read("[1]").has("1"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            let _ = Json::read(&text, "json").map(|json| json.canonical());
        }

        #[test]
        fn the_canonical_form_is_stable(value in "[a-z\"\\\\\n]{0,6}", number in any::<i32>(), exponent in -5..5_i32) {
            let mut text = String::new();
            write_text(&value, &mut text).expect("a text");
            let text = format!("{{{text}: [{number}e{exponent}, {text}]}}");
            let once = read(&text).canonical().expect("canonical");
            prop_assert_eq!(read(&once).canonical().expect("canonical"), once);
        }
    }
}
