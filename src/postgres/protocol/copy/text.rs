//! PostgreSQL's text format of COPY: a line a row, a delimiter between values, and a backslash before bytes that have a
//! meaning.

use bytes::{BufMut, BytesMut};

use super::values::values;

/// How rows are written as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextForm {
    pub delimiter: u8,
    pub null: String,
}

impl TextForm {
    /// A row, with the end of its line.
    pub fn row(&self, row: &[u8], out: &mut BytesMut) {
        for (place, value) in values(row).enumerate() {
            if place > 0 {
                out.put_u8(self.delimiter);
            }
            match value {
                Some(value) => self.value(value, out),
                None => out.put_slice(self.null.as_bytes()),
            }
        }
        out.put_u8(b'\n');
    }

    /// The names of the columns, which are escaped as values are.
    pub fn header<'a>(&self, names: impl Iterator<Item = &'a str>, out: &mut BytesMut) {
        for (place, name) in names.enumerate() {
            if place > 0 {
                out.put_u8(self.delimiter);
            }
            self.value(name.as_bytes(), out);
        }
        out.put_u8(b'\n');
    }

    fn value(&self, value: &[u8], out: &mut BytesMut) {
        let mut rest = value;
        while let Some(place) = rest.iter().position(|byte| self.escaped(*byte).is_some()) {
            let (plain, special) = rest.split_at(place);
            out.put_slice(plain);
            if let Some((byte, after)) = special.split_first() {
                out.put_u8(b'\\');
                out.put_u8(self.escaped(*byte).unwrap_or(*byte));
                rest = after;
            }
        }
        out.put_slice(rest);
    }

    /// The letter that stands for a byte after a backslash; `None` for a byte that is not escaped.
    fn escaped(&self, byte: u8) -> Option<u8> {
        match byte {
            0x08 => Some(b'b'),
            0x0c => Some(b'f'),
            b'\n' => Some(b'n'),
            b'\r' => Some(b'r'),
            b'\t' => Some(b't'),
            0x0b => Some(b'v'),
            b'\\' => Some(b'\\'),
            byte if byte == self.delimiter => Some(byte),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::values::row_of;
    use super::*;

    fn written(form: &TextForm, values: &[Option<&str>]) -> String {
        let mut out = BytesMut::new();
        form.row(&row_of(values), &mut out);
        String::from_utf8(out.to_vec()).expect("UTF-8")
    }

    /// As `COPY FROM` reads a line.
    fn read(form: &TextForm, line: &str) -> Vec<Option<String>> {
        let line = line.strip_suffix('\n').expect("a whole line");
        let (mut fields, mut raw, mut value, mut letters) = (Vec::new(), String::new(), String::new(), line.chars());
        let mut finished = |raw: &mut String, value: &mut String| {
            let (raw, value) = (std::mem::take(raw), std::mem::take(value));
            fields.push((raw != form.null).then_some(value));
        };
        while let Some(letter) = letters.next() {
            if letter == char::from(form.delimiter) {
                finished(&mut raw, &mut value);
                continue;
            }
            raw.push(letter);
            if letter != '\\' {
                value.push(letter);
                continue;
            }
            let escaped = letters.next().expect("something escaped");
            raw.push(escaped);
            value.push(match escaped {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\u{b}',
                other => other,
            });
        }
        finished(&mut raw, &mut value);
        fields
    }

    #[test]
    fn special_letters_have_a_backslash() {
        let form = TextForm {
            delimiter: b'\t',
            null: "\\N".to_owned(),
        };
        assert_eq!(
            written(
                &form,
                &[Some("a\tb"), None, Some("c\nd\r\u{8}\u{b}\u{c}"), Some("\\N"), Some("")]
            ),
            "a\\tb\t\\N\tc\\nd\\r\\b\\v\\f\t\\\\N\t\n"
        );
        let other = TextForm {
            delimiter: b'|',
            null: String::new(),
        };
        assert_eq!(
            written(&other, &[Some("a|b"), None, Some("t\tt"), Some("\u{1}")]),
            "a\\|b||t\\tt|\u{1}\n"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            values in prop::collection::vec(prop::option::of("[a-c|;\\\\\t\n\r\u{8}N ज]{0,6}"), 1..5),
            delimiter in prop::sample::select(vec![b'\t', b'|', b';']),
        ) {
            let form = TextForm { delimiter, null: "\\N".to_owned() };
            let given: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
            prop_assert_eq!(read(&form, &written(&form, &given)), values);
        }
    }
}
