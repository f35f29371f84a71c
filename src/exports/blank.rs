//! `nonblank(text)`: NULL for text that is empty or only white space, the text itself otherwise.
//!
//! Exporters write a missing value as NULL, as `''` or as spaces; every text column passes through this function once,
//! where its table is read, so that later code does not have to handle blanks.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::nullif;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The SQL function `nonblank`.
pub fn nonblank() -> ScalarUDF {
    ScalarUDF::new_from_impl(Nonblank {
        signature: Signature::exact(vec![DataType::Utf8View], Volatility::Immutable),
    })
}

/// True for text that counts as a missing value.
pub fn is_blank(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(&first) => begins_white_space(first) && text.trim().is_empty(),
        None => true,
    }
}

/// Whether a character of white space may begin with this byte of UTF-8: those of ASCII, U+0085 and U+00A0 (C2), U+1680
/// (E1), U+2000 to U+205F (E2), U+3000 (E3). Letters of Indian scripts begin with E0.
const fn begins_white_space(first: u8) -> bool {
    matches!(first, b'\t'..=b'\r' | b' ' | 0xc2 | 0xe1..=0xe3)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Nonblank {
    signature: Signature,
}

impl ScalarUDFImpl for Nonblank {
    fn name(&self) -> &str {
        "nonblank"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match arguments.args.as_slice() {
            [ColumnarValue::Array(texts)] => Ok(ColumnarValue::Array(blanks_to_null(texts)?)),
            [ColumnarValue::Scalar(ScalarValue::Utf8View(text))] => {
                let kept = text.clone().filter(|text| !is_blank(text));
                Ok(ColumnarValue::Scalar(ScalarValue::Utf8View(kept)))
            }
            other => exec_err!("nonblank takes one text, not {other:?}"),
        }
    }
}

/// The same texts with NULL for each blank one; the same array where none is blank.
pub fn blanks_to_null(array: &ArrayRef) -> Result<ArrayRef> {
    let Some(texts) = array.as_string_view_opt() else {
        return exec_err!("nonblank takes text, not {}", array.data_type());
    };
    let is_blank_at =
        |row: usize| may_be_blank(texts.views()[row]) && texts.is_valid(row) && is_blank(texts.value(row));
    let blanks = BooleanBuffer::collect_bool(texts.len(), is_blank_at);
    if blanks.count_set_bits() == 0 {
        return Ok(Arc::clone(array));
    }
    Ok(nullif(array, &BooleanArray::new(blanks, None))?)
}

/// Whether a text may be blank, judged by its view alone (the length and the first bytes), which avoids reading the text
/// from its buffer.
fn may_be_blank(view: u128) -> bool {
    let (length, first) = (view as u32, (view >> u32::BITS) as u8);
    length == 0 || begins_white_space(first)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::StringViewArray;

    use super::*;

    #[test]
    fn blank_is_empty_or_white_space_in_any_script() {
        for blank in ["", " ", "\t\r\n", "\u{a0}\u{2003}"] {
            assert!(is_blank(blank), "{blank:?}");
        }
        for text in ["0", " x", "=", "अनीता", "\u{200b}"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn every_character_of_white_space_is_blank_and_no_other() {
        for character in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let text = character.to_string();
            assert_eq!(is_blank(&text), character.is_whitespace(), "{character:?}");
            assert!(!is_blank(&format!("{text}a")), "{character:?}");
        }
    }

    #[test]
    fn only_blanks_become_null_and_the_rest_is_untouched() {
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec![
            Some(" padded "),
            Some("  "),
            None,
            Some("a text longer than twelve bytes"),
            Some("\u{3000}\u{3000}\u{3000}\u{3000}\u{3000}"),
        ]));
        let kept = blanks_to_null(&texts).expect("text");
        let kept: Vec<_> = kept.as_string_view().iter().collect();
        let long = Some("a text longer than twelve bytes");
        assert_eq!(kept, [Some(" padded "), None, None, long, None]);
        // The same of some rows of an array.
        let kept = blanks_to_null(&texts.slice(1, 3)).expect("text");
        assert_eq!(kept.as_string_view().iter().collect::<Vec<_>>(), [None, None, long]);
        let without_blanks = texts.slice(2, 2);
        let kept = blanks_to_null(&without_blanks).expect("text");
        assert!(Arc::ptr_eq(&kept, &without_blanks));
    }
}
