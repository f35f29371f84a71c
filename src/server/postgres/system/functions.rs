//! Functions that are only asked of `pg_catalog`, beside those of the library.

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;

use super::super::functions::Constant;

/// Registers them.
pub fn register(session: &SessionContext) {
    let number = DataType::Int64;
    // Places of an array with their elements; asked of indexes and constraints, of which there are none.
    let places = Fields::from(vec![
        Field::new("x", DataType::Int32, true),
        Field::new("n", DataType::Int32, true),
    ]);
    let none = ScalarValue::try_from(&DataType::Struct(places.clone())).unwrap_or(ScalarValue::Null);
    let constants = [
        ("pg_table_size", number.clone(), ScalarValue::Int64(None)),
        ("pg_indexes_size", number.clone(), ScalarValue::Int64(None)),
        ("pg_database_size", number, ScalarValue::Int64(None)),
        ("pg_function_is_visible", DataType::Boolean, ScalarValue::from(true)),
        ("pg_type_is_visible", DataType::Boolean, ScalarValue::from(true)),
        ("pg_collation_is_visible", DataType::Boolean, ScalarValue::from(true)),
        ("pg_operator_is_visible", DataType::Boolean, ScalarValue::from(true)),
        ("pg_opclass_is_visible", DataType::Boolean, ScalarValue::from(true)),
        ("pg_get_userbyid", DataType::Utf8, ScalarValue::from("pragati")),
        ("_pg_expandarray", DataType::Struct(places), none),
    ];
    for (name, kind, value) in constants {
        session.register_udf(ScalarUDF::from(Constant::new(name, kind, value)));
    }
}
