//! `report_part(batch_id, last_ids)`: the number of the part that a batch belongs to, where `last_ids` are the bounds
//! of the parts.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, UInt32Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The SQL function `report_part`. An exchange hashes its result to bring the rows of a part together.
pub fn part_number() -> ScalarUDF {
    ScalarUDF::new_from_impl(PartNumber {
        signature: Signature::any(2, Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct PartNumber {
    signature: Signature,
}

impl ScalarUDFImpl for PartNumber {
    fn name(&self) -> &str {
        "report_part"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt32)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [batch_ids, ColumnarValue::Scalar(ScalarValue::List(last_ids))] = arguments.args.as_slice() else {
            return exec_err!("report_part takes a batch id and the last ids of parts");
        };
        let last_ids = cast(&last_ids.value(0), &DataType::Utf8View)?;
        let last_ids: Vec<&str> = last_ids.as_string_view().iter().flatten().collect();
        let batch_ids = batch_ids.to_array(arguments.number_rows)?;
        let batch_ids = cast(&batch_ids, &DataType::Utf8View)?;
        let parts: UInt32Array = batch_ids
            .as_string_view()
            .iter()
            .map(|id| id.map(|id| last_ids.partition_point(|last| *last < id) as u32))
            .collect();
        Ok(ColumnarValue::Array(Arc::new(parts)))
    }
}
