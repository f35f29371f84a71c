//! `pg_size_pretty(bytes)`: a number of bytes as people read it.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The units, each 1,024 times the one before.
const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];
/// From this number of a unit on, the next one is used.
const MOST: i128 = 10 * 1024;

/// The SQL function of this file.
pub fn size_pretty() -> ScalarUDF {
    ScalarUDF::new_from_impl(SizePretty {
        signature: Signature::any(1, Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SizePretty {
    signature: Signature,
}

impl ScalarUDFImpl for SizePretty {
    fn name(&self) -> &str {
        "pg_size_pretty"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [bytes] = arguments.args.as_slice() else {
            return exec_err!("pg_size_pretty takes one number");
        };
        let bytes = cast(&bytes.to_array(arguments.number_rows)?, &DataType::Int64)?;
        let texts: StringArray = bytes
            .as_primitive::<Int64Type>()
            .iter()
            .map(|bytes| bytes.map(pretty))
            .collect();
        Ok(ColumnarValue::Array(Arc::new(texts) as ArrayRef))
    }
}

/// In the smallest unit of which there are fewer than ten thousand or so, halves rounded away from zero.
fn pretty(bytes: i64) -> String {
    // Twice the size, so that halves are whole.
    let (mut doubled, mut unit) = (i128::from(bytes) * 2, 0);
    while doubled.abs() >= MOST * 2 - i128::from(unit > 0) && unit + 1 < UNITS.len() {
        doubled /= 1024;
        unit += 1;
    }
    let rounded = if unit == 0 {
        doubled / 2
    } else {
        (doubled + doubled.signum()) / 2
    };
    format!("{rounded} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::pretty;

    /// As PostgreSQL 15 answers.
    #[test]
    fn sizes_are_those_of_postgresql() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (10_239, "10239 bytes"),
            (10_240, "10 kB"),
            (10_752, "11 kB"),
            (10_485_247, "10239 kB"),
            (10_485_248, "10 MB"),
            (-10_240, "-10 kB"),
            (1_073_741_824, "1024 MB"),
            (1_099_511_627_776, "1024 GB"),
            (i64::MAX, "8192 PB"),
        ] {
            assert_eq!(pretty(bytes), expected, "{bytes}");
        }
    }
}
