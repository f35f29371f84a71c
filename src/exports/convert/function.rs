//! `canonical(value, table, column, zone)`: converts a value of a mapping to the type that the contract gives the column.
//!
//! It is the conversion that columns of files get. Table, column and zone (the site's) must be constants.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};

use super::canonical_array;
use crate::exports::contract::{Column, Table};
use crate::exports::error::ExportsError;
use crate::zone::{UnknownZone, Zone};

const NAME: &str = "canonical";

/// The SQL function `canonical`.
pub fn canonical() -> ScalarUDF {
    ScalarUDF::new_from_impl(Canonical {
        signature: Signature::any(4, Volatility::Immutable),
    })
}

/// A call of `canonical` for a column of a table.
pub fn canonical_call(value: Expr, table: Table, column: &Column, zone: &Zone) -> Expr {
    canonical().call(vec![value, lit(table.name()), lit(column.name), lit(zone.name())])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Canonical {
    signature: Signature,
}

impl ScalarUDFImpl for Canonical {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        plan_err!("the type that {NAME} gives depends on the names of table and column")
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let [_, Some(table), Some(column), _] = arguments.scalar_arguments else {
            return plan_err!("{NAME} takes a value, the names of a table and a column, and a time zone");
        };
        let (_, column) = named(table, column)?;
        Ok(Arc::new(Field::new(NAME, column.kind.data_type(), true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [
            values,
            ColumnarValue::Scalar(table),
            ColumnarValue::Scalar(column),
            ColumnarValue::Scalar(zone),
        ] = arguments.args.as_slice()
        else {
            return exec_err!("{NAME} takes a value, the names of a table and a column, and a time zone");
        };
        let (table, column) = named(table, column)?;
        let zone = zone.try_as_str().flatten().unwrap_or_default();
        let zone: Zone = zone
            .parse()
            .map_err(|unknown: UnknownZone| DataFusionError::External(Box::new(unknown)))?;
        let field = match arguments.arg_fields.first() {
            Some(field) => Arc::clone(field),
            None => Arc::new(Field::new(column.name, values.data_type(), true)),
        };
        let convert = |values: &ArrayRef| {
            let converted = canonical_array(column, &field, values, &zone);
            converted.map_err(|value| {
                let error = ExportsError::unconvertible(table.name(), "its mapping", column, None, value);
                DataFusionError::External(Box::new(error))
            })
        };
        match values {
            ColumnarValue::Array(values) => Ok(ColumnarValue::Array(convert(values)?)),
            ColumnarValue::Scalar(value) => {
                let converted = convert(&value.to_array()?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&converted, 0)?))
            }
        }
    }
}

/// The column of the contract that the two constants name.
fn named(table: &ScalarValue, column: &ScalarValue) -> Result<(Table, &'static Column)> {
    let text = |value: &ScalarValue| value.try_as_str().flatten().unwrap_or_default().to_owned();
    let (table_name, column_name) = (text(table), text(column));
    let table = Table::from_name(&table_name);
    let found = table.and_then(|table| {
        let mut columns = table.columns().iter();
        Some((table, columns.find(|column| column.name == column_name)?))
    });
    match found {
        Some(found) => Ok(found),
        None => plan_err!("{NAME}: the contract has no column {column_name} of a table {table_name}"),
    }
}
