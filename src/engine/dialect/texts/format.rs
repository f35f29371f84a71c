//! `format`, and the functions that quote names and literals.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use super::values::{as_sent, as_text, as_written, text};
use crate::engine::dialect::function::{Function, no_function};

/// All functions of this file.
pub const ALL: [Function; 4] = [
    Function {
        name: "format",
        coerce: |name, types| match types {
            [] => no_function(name, types),
            types => Ok(types.iter().map(as_written).collect()),
        },
        returns: text,
        run: |columns, _| format(columns),
    },
    Function {
        name: "quote_ident",
        coerce: one,
        returns: text,
        run: |columns, _| each(&columns[0], |text| text.map(name_of)),
    },
    Function {
        name: "quote_literal",
        coerce: one,
        returns: text,
        run: |columns, _| each(&columns[0], |text| text.map(literal_of)),
    },
    Function {
        name: "quote_nullable",
        coerce: one,
        returns: text,
        run: |columns, _| {
            each(&columns[0], |text| {
                Some(text.map_or_else(|| "NULL".to_owned(), literal_of))
            })
        },
    },
];

fn one(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [kind] => Ok(vec![as_written(kind)]),
        _ => no_function(name, types),
    }
}

fn each(column: &ArrayRef, of_text: impl Fn(Option<&str>) -> Option<String>) -> Result<ArrayRef> {
    let texts = as_text(column)?;
    Ok(Arc::new(texts.iter().map(of_text).collect::<StringArray>()))
}

/// Texts put into a text: `%s` as it is, `%I` as a name, `%L` as a literal; `%2$s` names the second, `%-10s` fills up.
fn format(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let columns = columns.iter().map(as_sent).collect::<Result<Vec<StringArray>>>()?;
    let Some((formats, values)) = columns.split_first() else {
        return exec_err!("format takes a text");
    };
    let texts = (0..formats.len()).map(|row| {
        if formats.is_null(row) {
            return Ok(None);
        }
        let values: Vec<Option<&str>> = values
            .iter()
            .map(|column| column.is_valid(row).then(|| column.value(row)))
            .collect();
        formatted(formats.value(row), &values).map(Some)
    });
    Ok(Arc::new(texts.collect::<Result<StringArray>>()?))
}

fn formatted(format: &str, values: &[Option<&str>]) -> Result<String> {
    let mut text = String::new();
    let mut next = 0;
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let (place, after) = placed(after);
        let is_left = after.starts_with('-');
        let after = after.trim_start_matches('-');
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let width: usize = after[..digits].parse().unwrap_or(0);
        if width > 10_000 {
            return exec_err!("format() fills up to 10000 letters");
        }
        let mut letters = after[digits..].chars();
        let kind = letters.next();
        rest = letters.as_str();
        let place = place.unwrap_or(next);
        next = place + 1;
        let Some(value) = values.get(place) else {
            return exec_err!("too few arguments for format()");
        };
        let put = put(kind, *value)?;
        text.push_str(&match is_left {
            true => format!("{put:<width$}"),
            false => format!("{put:>width$}"),
        });
    }
    text.push_str(rest);
    Ok(text)
}

/// The place before a `$`, counted from 0.
fn placed(text: &str) -> (Option<usize>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match (text[..digits].parse::<usize>(), text[digits..].strip_prefix('$')) {
        (Ok(place), Some(after)) if place > 0 => (Some(place - 1), after),
        _ => (None, text),
    }
}

fn put(kind: Option<char>, value: Option<&str>) -> Result<String> {
    Ok(match (kind, value) {
        (Some('s'), value) => value.unwrap_or_default().to_owned(),
        (Some('I'), Some(name)) => name_of(name),
        (Some('I'), None) => return exec_err!("null values cannot be formatted as an SQL identifier"),
        (Some('L'), Some(value)) => literal_of(value),
        (Some('L'), None) => "NULL".to_owned(),
        (kind, _) => {
            let kind = kind.map(String::from).unwrap_or_default();
            return exec_err!("unrecognized format() type specifier \"{kind}\"");
        }
    })
}

fn literal_of(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    match quoted.contains('\\') {
        true => format!(" E'{}'", quoted.replace('\\', r"\\")).trim_start().to_owned(),
        false => format!("'{quoted}'"),
    }
}

fn name_of(name: &str) -> String {
    let is_plain = name.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_')
        && name
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    match is_plain {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_put_into_texts() {
        let put = |format, values: &[Option<&'static str>]| formatted(format, values).ok();
        for (format, values, expected) in [
            ("%I.%I", vec![Some("public"), Some("a B")], Some("public.\"a B\"")),
            (
                "%s, %L, %L, 5%%",
                vec![None, Some("o'n"), None],
                Some(", 'o''n', NULL, 5%"),
            ),
            ("%2$s %1$s %s", vec![Some("a"), Some("b")], Some("b a b")),
            ("[%5s][%-5s]", vec![Some("ab"), Some("cd")], Some("[   ab][cd   ]")),
            ("%s", vec![], None),
            ("%d", vec![Some("1")], None),
            ("100%", vec![], None),
        ] {
            assert_eq!(put(format, &values).as_deref(), expected, "{format}");
        }
    }
}
