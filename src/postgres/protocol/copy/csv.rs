//! PostgreSQL's CSV format of COPY: values between quotes where they could be taken for something else, NULL without
//! them.

use bytes::{BufMut, BytesMut};

use super::values::values;

/// What ends the data in PostgreSQL's text format; alone in a line, it is quoted.
const END_OF_DATA: &[u8] = b"\\.";

/// How rows are written as CSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvForm {
    pub delimiter: u8,
    pub null: String,
    pub quote: u8,
    /// The letter before a quote in a value, and before itself.
    pub escape: u8,
}

impl CsvForm {
    /// A row of `count` values, with the end of its line. `forced` says which columns are always quoted.
    pub fn row(&self, row: &[u8], count: usize, forced: &[bool], out: &mut BytesMut) {
        for (place, value) in values(row).enumerate() {
            if place > 0 {
                out.put_u8(self.delimiter);
            }
            match value {
                Some(value) => {
                    let is_forced = forced.get(place).copied().unwrap_or(false);
                    self.value(value, is_forced, count == 1, out);
                }
                None => out.put_slice(self.null.as_bytes()),
            }
        }
        out.put_u8(b'\n');
    }

    /// The names of the columns, which are quoted where they need it.
    pub fn header<'a>(&self, names: impl ExactSizeIterator<Item = &'a str>, out: &mut BytesMut) {
        let is_alone = names.len() == 1;
        for (place, name) in names.enumerate() {
            if place > 0 {
                out.put_u8(self.delimiter);
            }
            self.value(name.as_bytes(), false, is_alone, out);
        }
        out.put_u8(b'\n');
    }

    fn value(&self, value: &[u8], is_forced: bool, is_alone: bool, out: &mut BytesMut) {
        let needs_quotes = is_forced
            || value == self.null.as_bytes()
            || is_alone && value == END_OF_DATA
            || value.iter().any(|byte| self.is_special(*byte));
        if !needs_quotes {
            out.put_slice(value);
            return;
        }
        out.put_u8(self.quote);
        for byte in value {
            if *byte == self.quote || *byte == self.escape {
                out.put_u8(self.escape);
            }
            out.put_u8(*byte);
        }
        out.put_u8(self.quote);
    }

    fn is_special(&self, byte: u8) -> bool {
        byte == self.delimiter || byte == self.quote || byte == b'\n' || byte == b'\r'
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::values::row_of;
    use super::*;

    const USUAL: CsvForm = CsvForm {
        delimiter: b',',
        null: String::new(),
        quote: b'"',
        escape: b'"',
    };

    fn written(form: &CsvForm, values: &[Option<&str>], forced: &[bool]) -> String {
        let mut out = BytesMut::new();
        form.row(&row_of(values), values.len(), forced, &mut out);
        String::from_utf8(out.to_vec()).expect("UTF-8")
    }

    #[test]
    fn ambiguous_values_are_quoted() {
        let values = [
            Some("a,b"),
            None,
            Some(""),
            Some("say \"x\""),
            Some("c\nd"),
            Some("=1+1"),
            Some("ज़िला"),
        ];
        assert_eq!(
            written(&USUAL, &values, &[]),
            "\"a,b\",,\"\",\"say \"\"x\"\"\",\"c\nd\",=1+1,ज़िला\n"
        );
        assert_eq!(written(&USUAL, &[Some("\\.")], &[]), "\"\\.\"\n");
        assert_eq!(written(&USUAL, &[Some("\\."), Some("a")], &[]), "\\.,a\n");
        assert_eq!(
            written(&USUAL, &[Some("a"), None, Some("b")], &[true, true]),
            "\"a\",,b\n"
        );
        let other = CsvForm {
            delimiter: b';',
            null: "NULL".to_owned(),
            quote: b'\'',
            escape: b'\\',
        };
        let values = [Some("NULL"), None, Some("it's a \\"), Some("a,b"), Some("\\")];
        assert_eq!(written(&other, &values, &[]), "'NULL';NULL;'it\\'s a \\\\';a,b;\\\n");
    }

    proptest! {
        #[test]
        fn another_reader_reads_what_is_written(
            values in prop::collection::vec(prop::option::of("[a-c,\"\n\r;'\\\\ ज]{0,6}"), 2..5),
        ) {
            let given: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
            let line = written(&USUAL, &given, &[]);
            let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
            let records = reader.records().collect::<Result<Vec<_>, _>>().expect("CSV");
            let read: Vec<&str> = records.iter().flatten().collect();
            let texts: Vec<&str> = given.iter().map(|value| value.unwrap_or_default()).collect();
            prop_assert_eq!(read, texts);
        }
    }
}
