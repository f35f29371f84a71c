//! Texts that repeat from row to row, as dictionaries: each distinct text once, and a number for each row.
//!
//! A spill file holds the texts of its rows one after the other, and reading it copies and validates every one. Each id
//! of a course, batch or user is in many rows, so a dictionary for each record batch is a fraction of that.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Int32Array, LargeStringBuilder, StringViewArray,
};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, internal_err};
use foldhash::fast::FixedState;

/// A dictionary is used where the rows are at least this many times the distinct texts.
const FEWEST_ROWS_A_TEXT: usize = 2;

/// The type of texts as dictionaries. The offsets of the distinct texts have eight bytes, so that no batch is too large.
pub fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::LargeUtf8))
}

/// Whether a column has text views that repeat: on average, each distinct text is in several rows. NULL is not a text.
///
/// # Errors
/// Where there are more distinct texts than numbers.
pub fn has_repeated_texts(column: &ArrayRef) -> Result<bool> {
    let Some(texts) = column.as_string_view_opt() else {
        return Ok(false);
    };
    let distinct = dictionary_of(texts)?.values().len();
    Ok(distinct * FEWEST_ROWS_A_TEXT <= texts.len())
}

/// The texts with each distinct one once.
///
/// # Errors
/// Where there are more distinct texts than numbers.
pub fn dictionary_of(texts: &StringViewArray) -> Result<DictionaryArray<Int32Type>> {
    let mut distinct = LargeStringBuilder::new();
    let mut numbers: HashMap<&str, usize, FixedState> = HashMap::default();
    // Rows of the same user often follow each other, and are not looked up again.
    let mut last: Option<(&str, usize)> = None;
    let keys = texts.iter().map(|text| {
        let text = text?;
        if let Some((known, number)) = last
            && known == text
        {
            return Some(number);
        }
        let next = numbers.len();
        let number = *numbers.entry(text).or_insert(next);
        if number == next {
            distinct.append_value(text);
        }
        last = Some((text, number));
        Some(number)
    });
    // A batch has far fewer rows than there are numbers; another number would be out of the dictionary's bounds.
    let keys: Int32Array = keys
        .map(|number| number.map(|number| i32::try_from(number).unwrap_or(i32::MAX)))
        .collect();
    Ok(DictionaryArray::try_new(keys, Arc::new(distinct.finish()))?)
}

/// The texts of a column of [`dictionary_type`], as views that share the memory of the distinct ones.
///
/// # Errors
/// Where the column has another type.
pub fn texts_of(column: &ArrayRef) -> Result<ArrayRef> {
    let numbered = column.as_dictionary_opt::<Int32Type>();
    let texts = numbered.and_then(|numbered| Some((numbered, numbered.values().as_string_opt::<i64>()?)));
    let Some((numbered, texts)) = texts else {
        return internal_err!("texts of {} are no dictionary", column.data_type());
    };
    let texts = StringViewArray::from(texts);
    Ok(take(&texts, numbered.keys(), None)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "a text that is longer than a view";

    fn views(texts: &[Option<&str>]) -> StringViewArray {
        texts.iter().copied().collect()
    }

    #[test]
    fn each_text_is_kept_once_and_the_rows_are_the_same() {
        let given = views(&[Some(LONG), Some(LONG), None, Some("b"), Some(LONG), Some(""), Some("b")]);
        let made = dictionary_of(&given).expect("a dictionary");
        assert_eq!(made.data_type(), &dictionary_type());
        let distinct: Vec<_> = made.values().as_string::<i64>().iter().flatten().collect();
        assert_eq!(distinct, [LONG, "b", ""]);
        let read = texts_of(&(Arc::new(made) as ArrayRef)).expect("texts");
        assert_eq!(read.as_string_view(), &given);
        // A part of the rows has the texts of that part alone.
        let part = dictionary_of(&given.slice(2, 2)).expect("a dictionary");
        assert_eq!(part.values().len(), 1);
        let read = texts_of(&(Arc::new(part) as ArrayRef)).expect("texts");
        assert_eq!(read.as_string_view(), &views(&[None, Some("b")]));
    }

    #[test]
    fn rows_without_texts_are_a_dictionary_of_none() {
        for given in [views(&[]), views(&[None, None])] {
            let made = dictionary_of(&given).expect("a dictionary");
            assert_eq!(made.values().len(), 0);
            let read = texts_of(&(Arc::new(made) as ArrayRef)).expect("texts");
            assert_eq!(read.as_string_view(), &given);
        }
    }

    #[test]
    fn texts_repeat_where_two_rows_have_the_same_on_average() {
        let repeats = |texts: &[Option<&str>]| {
            let column: ArrayRef = Arc::new(views(texts));
            has_repeated_texts(&column).expect("an answer")
        };
        assert!(repeats(&[Some("a"), Some("b"), Some("a"), Some("b")]));
        assert!(!repeats(&[Some("a"), Some("b"), Some("c"), Some("a"), Some("b")]));
        assert!(repeats(&[None, None]));
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 1, 1]));
        assert!(!has_repeated_texts(&numbers).expect("an answer"));
        assert!(texts_of(&numbers).is_err());
    }
}
