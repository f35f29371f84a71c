//! `strip(text)`: the text without white space at both ends. SQL's `trim` knows only spaces.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, StringViewArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The SQL function `strip`.
pub fn strip() -> ScalarUDF {
    ScalarUDF::new_from_impl(Strip {
        signature: Signature::exact(vec![DataType::Utf8View], Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Strip {
    signature: Signature,
}

impl ScalarUDFImpl for Strip {
    fn name(&self) -> &str {
        "strip"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match arguments.args.as_slice() {
            [ColumnarValue::Array(array)] => {
                let Some(texts) = array.as_string_view_opt() else {
                    return exec_err!("strip takes text, not {}", array.data_type());
                };
                if texts.iter().flatten().all(|text| text.trim().len() == text.len()) {
                    return Ok(ColumnarValue::Array(Arc::clone(array)));
                }
                let stripped: StringViewArray = texts.iter().map(|text| text.map(str::trim)).collect();
                Ok(ColumnarValue::Array(Arc::new(stripped)))
            }
            [ColumnarValue::Scalar(ScalarValue::Utf8View(text))] => {
                let stripped = text.as_deref().map(|text| text.trim().to_owned());
                Ok(ColumnarValue::Scalar(ScalarValue::Utf8View(stripped)))
            }
            other => exec_err!("strip takes one text, not {other:?}"),
        }
    }
}
