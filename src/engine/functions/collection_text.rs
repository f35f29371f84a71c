//! Parses maps and lists of texts and numbers from text: JSON, or the form of `cqlsh` and Python, with `'` around texts.

/// The entries of a map such as `{'a': 1, "b": null}`, in order; `None` where the text is not a map of scalar values.
pub fn map_entries(text: &str) -> Option<Vec<(String, Option<String>)>> {
    let mut entries = Vec::new();
    let mut reader = Reader::within(text, '{', '}')?;
    while !reader.is_at_end() {
        let key = reader.value()??;
        reader.take(':')?;
        entries.push((key, reader.value()?));
        reader.separator()?;
    }
    Some(entries)
}

/// The entries of a list such as `['a', "b", null]`; `None` where the text is not a list of scalar values.
pub fn list_entries(text: &str) -> Option<Vec<Option<String>>> {
    let mut entries = Vec::new();
    let mut reader = Reader::within(text, '[', ']')?;
    while !reader.is_at_end() {
        entries.push(reader.value()?);
        reader.separator()?;
    }
    Some(entries)
}

/// The unread rest of the text.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    /// A reader of the text between the brackets.
    fn within(text: &'a str, open: char, close: char) -> Option<Self> {
        let inner = text.trim().strip_prefix(open)?.strip_suffix(close)?;
        Some(Self(inner.trim()))
    }

    fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, sign: char) -> Option<()> {
        self.0 = self.0.strip_prefix(sign)?.trim_start();
        Some(())
    }

    /// Reads a comma that another entry follows, or the end.
    fn separator(&mut self) -> Option<()> {
        if self.is_at_end() {
            return Some(());
        }
        self.take(',')?;
        (!self.is_at_end()).then_some(())
    }

    /// Reads a quoted text, a number or a word; `Some(None)` for null.
    fn value(&mut self) -> Option<Option<String>> {
        match self.0.chars().next()? {
            '"' => self.json_text().map(Some),
            '\'' => self.quoted_text().map(Some),
            _ => self.word(),
        }
    }

    fn json_text(&mut self) -> Option<String> {
        let mut texts = serde_json::Deserializer::from_str(self.0).into_iter::<String>();
        let text = texts.next()?.ok()?;
        let end = texts.byte_offset();
        self.0 = self.0[end..].trim_start();
        Some(text)
    }

    /// Reads a quoted text, in which quotes are doubled or escaped by a backslash.
    fn quoted_text(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut signs = self.0.char_indices().skip(1).peekable();
        while let Some((place, sign)) = signs.next() {
            match (sign, signs.peek().map(|(_, next)| *next)) {
                ('\'', Some('\'')) | ('\\', Some('\'' | '\\')) => text.extend(signs.next().map(|(_, next)| next)),
                ('\'', _) => {
                    self.0 = self.0[place + 1..].trim_start();
                    return Some(text);
                }
                _ => text.push(sign),
            }
        }
        None
    }

    fn word(&mut self) -> Option<Option<String>> {
        let end = self.0.find([',', ':']).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        let word = word.trim();
        let is_whole = !word.is_empty() && !word.contains(['{', '}', '[', ']', '"', '\'']);
        is_whole.then(|| (!matches!(word, "null" | "None")).then(|| word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_texts_are_neither_map_nor_list() {
        for text in [
            "",
            "{",
            "{'a'}",
            "{'a': 1,}",
            "{'a': {'b': 1}}",
            "['a', 'b']",
            "{'a: 1}",
            "{null: 1}",
            "{'a': }",
        ] {
            assert_eq!(map_entries(text), None, "{text}");
        }
        for text in ["", "[1, [2]]", "['a' 'b']", "[,]", "{'a': 1}"] {
            assert_eq!(list_entries(text), None, "{text}");
        }
        assert_eq!(map_entries(" { } "), Some(vec![]));
        assert_eq!(list_entries("[]"), Some(vec![]));
        let entries = map_entries(r"{'it''s': 2, 'it\'s': None, a: 1.5}").expect("a map");
        let expected = [("it's", Some("2")), ("it's", None), ("a", Some("1.5"))];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.map(str::to_owned)));
        assert_eq!(entries, expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(entries in prop::collection::vec((".{0,8}", ".{0,8}"), 0..6)) {
            let entries: Vec<(String, Option<String>)> =
                entries.into_iter().map(|(key, value)| (key, Some(value))).collect();
            let written = |quoted: &dyn Fn(&str) -> String| {
                let entry = |(key, value): &(String, Option<String>)| {
                    format!("{}: {}", quoted(key), quoted(value.as_deref().unwrap_or_default()))
                };
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            };
            let json = written(&|text| serde_json::Value::from(text).to_string());
            prop_assert_eq!(map_entries(&json), Some(entries.clone()));
            let cqlsh = written(&|text| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")));
            prop_assert_eq!(map_entries(&cqlsh), Some(entries.clone()));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            let _ = (map_entries(&text), list_entries(&text));
        }
    }
}
