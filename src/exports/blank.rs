//! `nonblank(text)`: NULL for text that is empty or only white space, the text itself otherwise.
//!
//! Exporters write a missing value as NULL, as `''` or as spaces; every text column passes through this function once,
//! where its table is read, so that later code does not have to handle blanks.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
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
        Some(first) if first.is_ascii_graphic() => false,
        _ => text.trim().is_empty(),
    }
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
    let has_blank =
        |(row, view): (usize, &u128)| may_be_blank(*view) && texts.is_valid(row) && is_blank(texts.value(row));
    if !texts.views().iter().enumerate().any(has_blank) {
        return Ok(Arc::clone(array));
    }
    let filled = BooleanBuffer::from_iter(texts.iter().map(|text| text.is_some_and(|text| !is_blank(text))));
    let kept = StringViewArray::try_new(
        texts.views().clone(),
        texts.data_buffers().to_vec(),
        Some(NullBuffer::new(filled)),
    )?;
    Ok(Arc::new(kept))
}

/// Whether a text may be blank, judged by its view alone (the length and the first bytes), which avoids reading the text
/// from its buffer.
fn may_be_blank(view: u128) -> bool {
    let (length, first) = (view as u32, (view >> u32::BITS) as u8);
    length == 0 || !first.is_ascii_graphic()
}

#[cfg(test)]
mod tests {
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
    fn only_blanks_become_null_and_the_rest_is_untouched() {
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec![
            Some(" padded "),
            Some("  "),
            None,
            Some("a text longer than twelve bytes"),
        ]));
        let kept = blanks_to_null(&texts).expect("text");
        let kept: Vec<_> = kept.as_string_view().iter().collect();
        assert_eq!(
            kept,
            [Some(" padded "), None, None, Some("a text longer than twelve bytes")]
        );
    }
}
