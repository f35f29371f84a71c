//! Functions that tools call only in queries of `pg_catalog`, beside those of the library.

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;

use super::super::functions::Constant;
use super::shown_types::shown_type;
use super::size_pretty::size_pretty;

/// Registers the functions.
pub fn register(session: &SessionContext) {
    let number = DataType::Int64;
    // The elements of an array with their positions; called for indexes and constraints, of which there are none.
    let places = Fields::from(vec![
        Field::new("x", DataType::Int32, true),
        Field::new("n", DataType::Int32, true),
    ]);
    let none = ScalarValue::try_from(&DataType::Struct(places.clone())).unwrap_or(ScalarValue::Null);
    let rights = Fields::from(vec![
        Field::new("grantor", DataType::Int32, true),
        Field::new("grantee", DataType::Int32, true),
        Field::new("privilege_type", DataType::Utf8, true),
        Field::new("is_grantable", DataType::Boolean, true),
    ]);
    let no_ids = ScalarValue::List(ScalarValue::new_list_nullable(&[], &DataType::Int32));
    let no_rights = ScalarValue::try_from(&DataType::Struct(rights.clone())).unwrap_or(ScalarValue::Null);
    let constants = [
        ("pg_table_size", number.clone(), ScalarValue::Int64(None)),
        ("pg_indexes_size", number.clone(), ScalarValue::Int64(None)),
        // The sizes of files are not revealed.
        ("pg_database_size", number.clone(), ScalarValue::from(0_i64)),
        ("pg_tablespace_size", number, ScalarValue::from(0_i64)),
        ("pg_is_other_temp_schema", DataType::Boolean, ScalarValue::from(false)),
        ("pg_is_wal_replay_paused", DataType::Boolean, ScalarValue::from(false)),
        ("pg_ts_config_is_visible", DataType::Boolean, ScalarValue::from(true)),
        ("pg_conversion_is_visible", DataType::Boolean, ScalarValue::from(true)),
        ("pg_get_function_sqlbody", DataType::Utf8, ScalarValue::Utf8(None)),
        ("pg_blocking_pids", no_ids.data_type(), no_ids.clone()),
        // In lists of columns, where `access_lists` leaves no row.
        ("aclexplode", DataType::Struct(rights.clone()), no_rights),
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
    session.register_udf(size_pretty());
    session.register_udf(shown_type());
}
