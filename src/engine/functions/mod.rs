//! The SQL functions that Pragati adds, one in a file. They are pure: no state, no I/O.

mod cdata_id;
mod collection_text;
mod collections;
mod json;
mod json_find;
mod json_path;
mod local_date;
mod series;
mod series_rows;
mod strip;
mod utc_time;

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableFunctionImpl;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

/// Every scalar function. They are registered in each session and, on a cluster, in each executor.
pub fn all() -> Vec<ScalarUDF> {
    let ours = [
        crate::exports::canonical(),
        crate::exports::nonblank(),
        cdata_id::cdata_id(),
        json_find::json_find_str(),
        local_date::local_date(),
        strip::strip(),
        utc_time::utc_time(),
    ];
    let ours = ours.into_iter().chain(collections::collection_functions());
    let ours = ours.chain(json::json_functions());
    ours.chain(super::dialect::time::all()).collect()
}

/// Every table function by its name. Sessions register them in place of the engine's of the same names.
pub fn tables() -> [(&'static str, Arc<dyn TableFunctionImpl>); 1] {
    [(series::NAME, Arc::new(series::GenerateSeries))]
}

/// Calculates a function from arrays of all its arguments and the number of their rows; where all arguments are
/// scalars, from arrays of one row, and the result is a scalar too.
fn over_rows(
    arguments: &ScalarFunctionArgs,
    calculate: impl FnOnce(&[ArrayRef], usize) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    let is_scalar = arguments
        .args
        .iter()
        .all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
    let rows = if is_scalar { 1 } else { arguments.number_rows };
    let mut columns = Vec::with_capacity(arguments.args.len());
    for argument in &arguments.args {
        columns.push(argument.to_array(rows)?);
    }
    let found = calculate(&columns, rows)?;
    Ok(match is_scalar {
        true => ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0)?),
        false => ColumnarValue::Array(found),
    })
}

/// Whether texts are in a column of this type; a column of NULLs alone may have them.
fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}
