//! Ids of types: clients that read in binary get them in place of the names that `pg_typeof` gives.

use datafusion::arrow::array::{ArrayRef, AsArray, Int32Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, not_impl_err};
use pgwire::api::Type;

/// The types of values here by PostgreSQL's names, each with the type of its arrays.
static TYPES: [(&str, Type, Type); 18] = [
    ("boolean", Type::BOOL, Type::BOOL_ARRAY),
    ("smallint", Type::INT2, Type::INT2_ARRAY),
    ("integer", Type::INT4, Type::INT4_ARRAY),
    ("bigint", Type::INT8, Type::INT8_ARRAY),
    ("real", Type::FLOAT4, Type::FLOAT4_ARRAY),
    ("double precision", Type::FLOAT8, Type::FLOAT8_ARRAY),
    ("numeric", Type::NUMERIC, Type::NUMERIC_ARRAY),
    ("text", Type::TEXT, Type::TEXT_ARRAY),
    ("date", Type::DATE, Type::DATE_ARRAY),
    ("timestamp without time zone", Type::TIMESTAMP, Type::TIMESTAMP_ARRAY),
    ("timestamp with time zone", Type::TIMESTAMPTZ, Type::TIMESTAMPTZ_ARRAY),
    ("time without time zone", Type::TIME, Type::TIME_ARRAY),
    ("interval", Type::INTERVAL, Type::INTERVAL_ARRAY),
    ("bytea", Type::BYTEA, Type::BYTEA_ARRAY),
    ("json", Type::JSON, Type::JSON_ARRAY),
    ("jsonb", Type::JSONB, Type::JSONB_ARRAY),
    ("record", Type::RECORD, Type::RECORD_ARRAY),
    ("unknown", Type::UNKNOWN, Type::TEXT_ARRAY),
];

/// The ids of the types that a column names.
///
/// # Errors
/// For names that no type has.
pub fn type_ids(names: &ArrayRef) -> Result<Int32Array> {
    let names = cast(names, &DataType::Utf8)?;
    let ids = names.as_string::<i32>().iter();
    ids.map(|name| name.map(id_of).transpose()).collect()
}

fn id_of(name: &str) -> Result<i32> {
    let (element, is_array) = match name.strip_suffix("[]") {
        // PostgreSQL's arrays of arrays are of the same type.
        Some(element) => (element.trim_end_matches("[]"), true),
        None => (name, false),
    };
    let known = TYPES.iter().find(|(known, ..)| *known == element);
    let id = known.map(|(_, alone, array)| if is_array { array.oid() } else { alone.oid() });
    match id {
        Some(id) => Ok(id.cast_signed()),
        None => not_impl_err!("the type \"{name}\" has no id; ask for the text format, or write pg_typeof(…)::text"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::StringArray;

    use super::*;

    #[test]
    fn names_have_postgresqls_ids() {
        let names = [
            "integer",
            "integer[]",
            "text[][]",
            "timestamp with time zone",
            "unknown",
        ];
        let column: ArrayRef = Arc::new(StringArray::from_iter(names.map(Some).into_iter().chain([None])));
        let ids: Vec<Option<i32>> = type_ids(&column).expect("ids").iter().collect();
        assert_eq!(ids, [Some(23), Some(1007), Some(1009), Some(1184), Some(705), None]);
        let other: ArrayRef = Arc::new(StringArray::from(vec!["moon"]));
        assert!(type_ids(&other).is_err());
    }
}
